//! Failed pairings, counted on the device and kept there: a server that says "none so far" changes nothing
//! (protocol section 6.5).

use glimpse_wire::UnixMillis;
use glimpse_wire::limits::{FAILURES_TO_PASSPHRASE, FAILURES_TO_PAUSE, PAUSE_MILLIS};
use minicbor::{Decode, Encode};

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// What a device remembers of failed pairings. Its keeper stores it before and after each run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Attempts {
    /// Failures since the last success.
    #[n(0)]
    in_a_row: u32,
    /// Times of the failures of the last day, oldest first; at most [`FAILURES_TO_PASSPHRASE`].
    #[n(1)]
    within_a_day: Vec<UnixMillis>,
    /// The highest time that was seen: a clock that is set back does not shorten a pause. One that was a day ahead or more
    /// and then put right starts it again ([`Attempts::mend`]).
    #[n(2)]
    latest: u64,
}

/// Proof that a run was counted, and the count stored, before the answer leaves. Made by [`Attempts::begin`].
#[derive(Debug)]
pub struct Counted(());

/// How a run ended, as far as guessing is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// The viewer proved the code.
    Proved,
    /// A confirmation came and was wrong: a guess.
    Guessed,
    /// No confirmation came.
    Silent,
}

/// Why a device does not begin a pairing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Paused {
    /// Three failures in a row: wait so many milliseconds.
    #[error("paused after failures")]
    Wait {
        /// Milliseconds left.
        millis: u64,
    },
    /// Ten failures in a day: the passphrase is needed.
    #[error("the passphrase is needed")]
    Passphrase,
}

impl Attempts {
    /// Whether a pairing may begin.
    ///
    /// The caller stores `self` if this changed it.
    ///
    /// # Errors
    /// [`Paused`].
    pub fn check(&mut self, now: UnixMillis) -> Result<(), Paused> {
        self.mend(now);
        let now = UnixMillis(now.0.max(self.latest));
        let today = self.within_a_day.iter().filter(|at| now.since(**at) < DAY_MILLIS).count();
        if today >= usize::try_from(FAILURES_TO_PASSPHRASE).unwrap_or(usize::MAX) {
            return Err(Paused::Passphrase);
        }
        if self.in_a_row >= FAILURES_TO_PAUSE {
            let since = self.within_a_day.last().map_or(PAUSE_MILLIS, |last| now.since(*last));
            if since < PAUSE_MILLIS {
                return Err(Paused::Wait { millis: PAUSE_MILLIS.saturating_sub(since) });
            }
        }
        Ok(())
    }

    /// Counts a run as a failure, to be taken back by [`Attempts::settle`]. The caller stores `self` before it uses
    /// the proof: a crash in between leaves the failure counted.
    pub fn begin(&mut self, now: UnixMillis) -> Counted {
        self.mend(now);
        self.latest = self.latest.max(now.0);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let latest = UnixMillis(self.latest);
        self.within_a_day.retain(|at| latest.since(*at) < DAY_MILLIS);
        if self.within_a_day.len() >= usize::try_from(FAILURES_TO_PASSPHRASE).unwrap_or(usize::MAX) {
            self.within_a_day.remove(0);
        }
        self.within_a_day.push(latest);
        Counted(())
    }

    /// Settles the run that [`Attempts::begin`] counted.
    pub fn settle(&mut self, outcome: RunOutcome) {
        match outcome {
            RunOutcome::Proved => {
                self.in_a_row = 0;
                self.within_a_day.pop();
            }
            RunOutcome::Guessed => {}
            RunOutcome::Silent => {
                self.in_a_row = self.in_a_row.saturating_sub(1);
                self.within_a_day.pop();
            }
        }
    }

    /// The owner gave the passphrase: the day's failures are forgiven, but for those that a pause is counted from.
    /// Whoever waits a quarter of an hour after three wrong codes does so with the passphrase as well.
    pub fn forgive(&mut self) {
        let kept = if self.in_a_row >= FAILURES_TO_PAUSE { 1 } else { 0 };
        let forgiven = self.within_a_day.len().saturating_sub(kept);
        self.within_a_day.drain(..forgiven);
    }

    /// Takes a highest time that lies a day or more ahead for a clock that was wrong: kept, it would hold a pause for as
    /// long as the clock was wrong by. Every failure counts as one of now, so that no pause gets shorter: a clock that is
    /// set back by days starts a pause again, and one that is set back by less shortens nothing.
    fn mend(&mut self, now: UnixMillis) {
        if self.latest >= now.0.saturating_add(DAY_MILLIS) {
            self.latest = now.0;
            self.within_a_day.fill(now);
        }
    }

    /// Failures in a row so far.
    #[must_use]
    pub const fn in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(attempts: &mut Attempts, at: u64) {
        let _counted = attempts.begin(UnixMillis(at));
        attempts.settle(RunOutcome::Guessed);
    }

    #[test]
    fn three_in_a_row_pause_and_a_clock_set_back_does_not_help() {
        let mut attempts = Attempts::default();
        (0..3).for_each(|n| fail(&mut attempts, 1_000_000 + n));
        assert!(matches!(attempts.check(UnixMillis(1_000_010)), Err(Paused::Wait { .. })));
        assert!(matches!(attempts.check(UnixMillis(0)), Err(Paused::Wait { .. })));
        assert_eq!(attempts.check(UnixMillis(1_000_002 + PAUSE_MILLIS)), Ok(()));
    }

    #[test]
    fn ten_in_a_day_need_the_passphrase() {
        let mut attempts = Attempts::default();
        (0..10).for_each(|n| fail(&mut attempts, n * PAUSE_MILLIS));
        assert_eq!(attempts.check(UnixMillis(11 * PAUSE_MILLIS)), Err(Paused::Passphrase));
        attempts.forgive();
        assert_eq!(attempts.check(UnixMillis(11 * PAUSE_MILLIS)), Ok(()));
    }

    #[test]
    fn the_passphrase_does_not_end_a_pause() {
        let mut attempts = Attempts::default();
        (0..10).for_each(|_| fail(&mut attempts, 5));
        assert_eq!(attempts.check(UnixMillis(5)), Err(Paused::Passphrase));
        attempts.forgive();
        assert_eq!(attempts.check(UnixMillis(5)), Err(Paused::Wait { millis: PAUSE_MILLIS }));
        attempts.forgive();
        assert_eq!(attempts.check(UnixMillis(5 + PAUSE_MILLIS - 1)), Err(Paused::Wait { millis: 1 }), "given twice");
        assert_eq!(attempts.check(UnixMillis(5 + PAUSE_MILLIS)), Ok(()));
        // Nine more are the day's again, and the row goes on.
        fail(&mut attempts, 5 + PAUSE_MILLIS);
        assert!(matches!(attempts.check(UnixMillis(5 + PAUSE_MILLIS)), Err(Paused::Wait { .. })));
    }

    #[test]
    fn a_clock_that_was_far_ahead_once_does_not_pause_for_ever_and_setting_it_back_shortens_nothing() {
        let year = 365 * DAY_MILLIS;
        let now = 1_000_000;
        for ahead in [DAY_MILLIS, year, u64::MAX - now] {
            let mut attempts = Attempts::default();
            (0..3).for_each(|_| fail(&mut attempts, now + ahead));
            // The clock is put right: the pause begins then, in full, and ends.
            assert_eq!(attempts.check(UnixMillis(now)), Err(Paused::Wait { millis: PAUSE_MILLIS }), "{ahead}");
            assert_eq!(attempts.check(UnixMillis(now + 1)), Err(Paused::Wait { millis: PAUSE_MILLIS - 1 }), "{ahead}");
            assert_eq!(attempts.check(UnixMillis(now + PAUSE_MILLIS)), Ok(()), "{ahead}");
        }
        // Less than a day ahead, it waits until that time has come and a pause more.
        let mut attempts = Attempts::default();
        (0..3).for_each(|_| fail(&mut attempts, now + DAY_MILLIS - 1));
        assert!(attempts.check(UnixMillis(now)).is_err());
        assert!(attempts.check(UnixMillis(now + DAY_MILLIS)).is_err());
        assert_eq!(attempts.check(UnixMillis(now + DAY_MILLIS - 1 + PAUSE_MILLIS)), Ok(()));
        // Whoever sets the clock back by days in the middle of a pause starts it again.
        let mut attempts = Attempts::default();
        (0..3).for_each(|_| fail(&mut attempts, year));
        for back in [year - 2 * DAY_MILLIS, 0] {
            assert_eq!(attempts.check(UnixMillis(back)), Err(Paused::Wait { millis: PAUSE_MILLIS }));
        }
        // The day's failures stay counted whatever the clock says.
        let mut attempts = Attempts::default();
        (0..10).for_each(|_| fail(&mut attempts, year));
        assert_eq!(attempts.check(UnixMillis(now)), Err(Paused::Passphrase));
        attempts.forgive();
        let _counted = attempts.begin(UnixMillis(now + PAUSE_MILLIS));
        assert_eq!(attempts.latest, now + PAUSE_MILLIS, "one that begins goes by the clock that was put right");
    }

    #[test]
    fn proof_and_silence_take_the_count_back() {
        let mut attempts = Attempts::default();
        for outcome in [RunOutcome::Silent, RunOutcome::Proved] {
            let _counted = attempts.begin(UnixMillis(5));
            assert_eq!(attempts.in_a_row(), 1);
            attempts.settle(outcome);
            assert_eq!(attempts.in_a_row(), 0);
        }
        assert!(attempts.within_a_day.is_empty());
    }

    #[test]
    fn t005_the_count_survives_a_restart_in_the_middle_of_a_run() {
        let mut attempts = Attempts::default();
        for at in 0..3 {
            let _counted = attempts.begin(UnixMillis(at));
            // The device dies here; only the stored bytes are left.
            attempts = glimpse_wire::decode(&glimpse_wire::encode(&attempts), 1024).unwrap();
        }
        assert!(attempts.check(UnixMillis(10)).is_err());
        // Control: a count that lived in memory only is lost.
        assert!(Attempts::default().check(UnixMillis(10)).is_ok());
    }
}
