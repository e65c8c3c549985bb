//! Time as core takes it, and the one rule that makes it out of the two clocks of a machine.

use glimpse_wire::UnixMillis;

/// Milliseconds of a clock that never goes back and that nobody can set back: [`Clock`]'s. Its zero means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// This time and `millis` more.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds until `later`; zero when it has passed.
    #[must_use]
    pub const fn until(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }
}

/// One clock out of two: the uptime, which nobody sets but which on most machines stands still while they sleep, and a wall
/// clock, which anybody may set.
///
/// From one reading to the next as much time went by as the uptime or the wall clock has advanced, whichever is more. So
///
/// - it never goes back, and is never slower than the uptime;
/// - sleep counts;
/// - a wall clock that is set back lengthens nothing, and one that was wrong all along changes nothing;
/// - a wall clock that is set ahead is what sleep looks like, and ends early what is there. Once it was set right time goes on
///   all the same: it is gone by from where it stands, and not from where it stood at the start.
///
/// Sleep and a wall clock that was set back, both between the same two readings, hide each other.
#[derive(Debug)]
pub struct Clock {
    /// At the last reading.
    uptime: u64,
    /// What the wall clock shows as long as nobody sets it and nothing sleeps.
    wall: UnixMillis,
    told: Monotonic,
}

/// Two clocks differ by so many milliseconds without anybody having set one. So much of a sleep may be missed, and what they
/// differ by at each reading does not add up.
const JITTER: u64 = 1_000;

impl Clock {
    /// Begins at zero, at this reading of both clocks.
    #[must_use]
    pub const fn new(uptime: u64, wall: UnixMillis) -> Self {
        Self { uptime, wall, told: Monotonic(0) }
    }

    /// What time it is, at this reading of both clocks.
    #[must_use]
    pub fn read(&mut self, uptime: u64, wall: UnixMillis) -> Monotonic {
        let ran = uptime.saturating_sub(self.uptime);
        let expected = self.wall.plus(ran);
        self.uptime = self.uptime.max(uptime);
        self.wall = if expected.since(wall) > JITTER { wall } else { expected.max(wall) };
        self.told = self.told.plus(ran).plus(wall.since(expected));
        self.told
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MORNING: UnixMillis = UnixMillis(1_800_000_000_000);
    const HOUR: u64 = 3_600_000;
    const DAY: u64 = 86_400_000;

    /// The rule that comes to mind first, as a control: the longer of both since the start.
    struct SinceTheStart(u64, UnixMillis);

    impl SinceTheStart {
        fn read(&self, uptime: u64, wall: UnixMillis) -> u64 {
            (uptime - self.0).max(wall.since(self.1))
        }
    }

    #[test]
    fn t060_sleep_counts_although_one_clock_stood_still() {
        let mut clock = Clock::new(50, MORNING);
        assert_eq!(clock.read(1_050, MORNING.plus(1_000)), Monotonic(1_000));
        let woken = 1_100;
        assert_eq!(clock.read(woken, MORNING.plus(HOUR)), Monotonic(HOUR));
        assert!(woken - 50 < 60_000, "control: no hour by the uptime alone");
        assert_eq!(clock.read(woken + 1_000, MORNING.plus(HOUR + 1_000)), Monotonic(HOUR + 1_000));
    }

    #[test]
    fn t060_a_wall_clock_that_is_set_back_lengthens_nothing() {
        let set_back = UnixMillis(MORNING.0 - DAY);
        let mut clock = Clock::new(50, MORNING);
        for second in 1..=100 {
            assert_eq!(clock.read(50 + second * 1_000, set_back), Monotonic(second * 1_000));
            assert_eq!(set_back.since(MORNING), 0, "control: no time by the wall clock alone");
        }
        let (mut clock, since) = (Clock::new(0, MORNING), SinceTheStart(0, MORNING));
        assert_eq!(clock.read(10, MORNING.plus(600_000)), Monotonic(600_000));
        assert_eq!(clock.read(20, MORNING), Monotonic(600_010), "what was told stays told");
        assert_eq!(since.read(20, MORNING), 20, "control: time went back");
        assert_eq!(clock.read(700_000, UnixMillis(0)), Monotonic(1_299_990));
    }

    #[test]
    fn t060_a_wall_clock_that_was_ahead_for_a_while_stops_nothing_that_begins_later() {
        let (mut clock, since) = (Clock::new(0, MORNING), SinceTheStart(0, MORNING));
        let begun = clock.read(10, MORNING.plus(DAY));
        let kept = since.read(10, MORNING.plus(DAY));
        for second in 1..=100 {
            let (uptime, wall) = (10 + second * 1_000, MORNING.plus(second * 1_000));
            assert_eq!(clock.read(uptime, wall), begun.plus(second * 1_000));
            assert_eq!(since.read(uptime, wall).max(kept), kept, "control: time stands still");
        }
        let slept = clock.read(100_020, MORNING.plus(100_000 + HOUR));
        assert_eq!(slept, begun.plus(100_000 + HOUR), "sleep counts after it as before");
    }

    #[test]
    fn clocks_that_differ_a_little_at_each_reading_make_no_time_go_faster() {
        let mut clock = Clock::new(0, MORNING);
        let last = (1..=100_000).map(|at| clock.read(at, MORNING.plus(at - at % 7))).last();
        assert_eq!(last, Some(Monotonic(100_000)));
        let last = (100_001..=200_000).map(|at| clock.read(at, MORNING.plus(at + at % 7))).last();
        assert!(last <= Some(Monotonic(200_006)), "{last:?}");
    }

    #[test]
    fn a_wall_clock_that_was_wrong_from_the_beginning_changes_nothing() {
        for wall in [UnixMillis(0), MORNING, UnixMillis(u64::MAX - 10_000)] {
            assert_eq!(Clock::new(7, wall).read(5_007, wall.plus(5_000)), Monotonic(5_000));
        }
    }

    /// What happens to a machine between two readings.
    #[derive(Clone, Copy, Debug)]
    enum Happens {
        Runs(u64),
        Sleeps(u64),
        IsSetAhead(u64),
        IsSetBack(u64),
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            (0..HOUR).prop_map(Happens::Runs),
            (0..DAY).prop_map(Happens::Sleeps),
            (0..30 * DAY).prop_map(Happens::IsSetAhead),
            (JITTER + 1..30 * DAY).prop_map(Happens::IsSetBack),
        ]
    }

    /// A reading of either clock, near another or not.
    fn reading() -> impl Strategy<Value = u64> {
        prop_oneof![MORNING.0 - 3 * JITTER..MORNING.0 + 3 * JITTER, 0..3 * JITTER, any::<u64>()]
    }

    proptest! {
        /// Running and sleeping count for what they last, in whatever order and whatever the wall clock was set to before.
        #[test]
        fn each_thing_that_happens_counts_for_itself(all in prop::collection::vec(happens(), 1..100)) {
            let (mut uptime, mut wall, mut told) = (50, UnixMillis(MORNING.0 * 2), Monotonic(0));
            let mut clock = Clock::new(uptime, wall);
            for happens in all {
                let counts = match happens {
                    Happens::Runs(millis) => {
                        uptime += millis;
                        wall = wall.plus(millis);
                        millis
                    }
                    Happens::Sleeps(millis) | Happens::IsSetAhead(millis) => {
                        wall = wall.plus(millis);
                        millis
                    }
                    Happens::IsSetBack(millis) => {
                        wall = UnixMillis(wall.0 - millis);
                        0
                    }
                };
                told = told.plus(counts);
                prop_assert_eq!(clock.read(uptime, wall), told, "{:?}", happens);
            }
        }

        /// Whatever the two clocks show: what went by is what one of them says, and never less than the uptime says.
        #[test]
        fn it_goes_by_the_one_that_advanced_more(
            first in (reading(), reading()),
            then in prop::collection::vec((reading(), reading()), 1..50),
        ) {
            let mut clock = Clock::new(first.0, UnixMillis(first.1));
            let (mut told, mut highest, mut shown) = (Monotonic(0), first.0, first.1);
            for (uptime, wall) in then {
                let (ran, went) = (uptime.saturating_sub(highest), wall.saturating_sub(shown));
                let now = clock.read(uptime, UnixMillis(wall));
                prop_assert!(now >= told, "it never goes back");
                prop_assert!(now >= told.plus(ran), "never slower than the uptime");
                prop_assert!(now >= told.plus(went.saturating_sub(JITTER)), "sleep counts");
                prop_assert!(now <= told.plus(ran.max(went)), "and nothing else does");
                (told, highest, shown) = (now, highest.max(uptime), wall);
            }
            prop_assert!(told.0 >= highest - first.0, "all in all");
        }

        /// What two clocks differ by does not add up.
        #[test]
        fn clocks_that_wander_make_no_time_go_faster(
            steps in prop::collection::vec((0_u64..10_000, 0..=JITTER), 1..200),
        ) {
            let mut clock = Clock::new(0, MORNING);
            let mut uptime = 0;
            for (millis, off) in steps {
                uptime += millis;
                let now = clock.read(uptime, MORNING.plus(uptime + off));
                prop_assert!((uptime..=uptime + JITTER).contains(&now.0), "{:?} at {}", now, uptime);
            }
        }
    }
}
