//! One clock out of two: a monotonic one that may stop while the machine sleeps, and a wall clock that anybody may set.

use crate::model::Millis;

/// Milliseconds since it was made, which never go back.
///
/// In some browsers `performance.now()` stands still while the machine sleeps, and a session must not be longer for it.
/// So what the wall clock has advanced from one reading to the next counts where that is more. Setting the wall clock back
/// lengthens nothing: the monotonic clock goes on, and what was once told stays told. Setting it forward ends a session early,
/// and setting it right again stops nothing that begins later.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// At the last reading.
    monotonic: Millis,
    /// What the wall clock shows as long as nobody sets it and nothing sleeps.
    wall: Millis,
    told: Millis,
}

/// Two clocks differ by so many milliseconds without anybody having set one.
const JITTER: Millis = 1_000;

impl Clock {
    /// Begins at zero, at this reading of both clocks.
    #[must_use]
    pub const fn new(monotonic: Millis, wall: Millis) -> Self {
        Self { monotonic, wall, told: 0 }
    }

    /// How much time went by, at this reading of both clocks.
    pub fn elapsed(&mut self, monotonic: Millis, wall: Millis) -> Millis {
        let ran = monotonic.saturating_sub(self.monotonic);
        let expected = self.wall.saturating_add(ran);
        let ahead = wall.saturating_sub(expected);
        self.monotonic = self.monotonic.max(monotonic);
        self.wall = if expected.saturating_sub(wall) > JITTER { wall } else { expected.max(wall) };
        self.told = self.told.saturating_add(ran).saturating_add(ahead);
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MORNING: Millis = 1_800_000_000_000;

    #[test]
    fn sleep_counts_although_one_clock_stood_still() {
        let mut clock = Clock::new(50, MORNING);
        assert_eq!(clock.elapsed(1_050, MORNING + 1_000), 1_000);
        assert_eq!(clock.elapsed(1_100, MORNING + 3_600_000), 3_600_000, "an hour of sleep");
        assert_eq!(clock.elapsed(2_100, MORNING + 3_601_000), 3_601_000);
    }

    #[test]
    fn t060_a_wall_clock_that_is_set_back_lengthens_nothing() {
        let mut clock = Clock::new(50, MORNING);
        for second in 1..=100 {
            assert_eq!(clock.elapsed(50 + second * 1_000, MORNING - 86_400_000), second * 1_000);
        }
        let mut clock = Clock::new(0, MORNING);
        assert_eq!(clock.elapsed(10, MORNING + 600_000), 600_000);
        assert_eq!(clock.elapsed(20, MORNING), 600_010, "what was told stays told");
        assert_eq!(clock.elapsed(700_000, 0), 1_299_990);
    }

    #[test]
    fn t060_a_wall_clock_that_was_ahead_for_a_while_stops_nothing_that_begins_later() {
        let mut clock = Clock::new(0, MORNING);
        let begun = clock.elapsed(10, MORNING + 86_400_000);
        for second in 1..=100 {
            assert_eq!(clock.elapsed(10 + second * 1_000, MORNING + second * 1_000), begun + second * 1_000);
        }
        let slept = clock.elapsed(100_020, MORNING + 3_700_000);
        assert!(slept >= begun + 3_600_000, "sleep counts after it as before: {slept}");
    }

    #[test]
    fn clocks_that_differ_a_little_at_each_reading_make_no_time_go_faster() {
        let mut clock = Clock::new(0, MORNING);
        let last = (1..=100_000).map(|at| clock.elapsed(at, MORNING + at - at % 7)).last();
        assert_eq!(last, Some(100_000));
        let last = (100_001..=200_000).map(|at| clock.elapsed(at, MORNING + at + at % 7)).last();
        assert!(last <= Some(200_006), "{last:?}");
    }

    #[test]
    fn a_wall_clock_that_was_wrong_from_the_beginning_changes_nothing() {
        for wall in [0, MORNING, u64::MAX - 10_000] {
            assert_eq!(Clock::new(7, wall).elapsed(5_007, wall + 5_000), 5_000);
        }
    }
}
