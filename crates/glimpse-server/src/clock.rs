//! Time, as an argument.
//!
//! Every rule about expiry, rate and lifetime takes the time from a [`Clock`], so that tests move time instead of sleeping.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use glimpse_wire::UnixMillis;

/// Where the server takes the time from.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> UnixMillis;
}

/// The machine's wall clock as it stood when the process began, and from there a timer that nobody can set.
///
/// Setting the wall clock back must not lengthen a session or revive a code, and a jump forward that is corrected later must
/// not leave bills and ends in a time that does not come. So neither changes anything before the next start.
#[derive(Debug)]
pub struct SystemClock {
    wall_at_zero: UnixMillis,
    machine: Box<dyn Machine>,
}

/// The two clocks of a machine.
trait Machine: Debug + Send + Sync + 'static {
    /// What somebody may set.
    fn wall(&self) -> UnixMillis;
    /// Time since some moment at or before the start of the process; never runs back.
    fn steady(&self) -> Duration;
}

#[derive(Debug)]
struct OperatingSystem {
    started: Instant,
}

impl Machine for OperatingSystem {
    fn wall(&self) -> UnixMillis {
        wall()
    }

    fn steady(&self) -> Duration {
        self.started.elapsed()
    }
}

impl SystemClock {
    /// A clock that starts at the wall clock's present time.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Box::new(OperatingSystem { started: Instant::now() }))
    }

    fn of(machine: Box<dyn Machine>) -> Self {
        let steady = u64::try_from(machine.steady().as_millis()).unwrap_or(u64::MAX);
        Self { wall_at_zero: UnixMillis(machine.wall().0.saturating_sub(steady)), machine }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let steady = u64::try_from(self.machine.steady().as_millis()).unwrap_or(u64::MAX);
        self.wall_at_zero.plus(steady)
    }
}

fn wall() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub const fn at(start: UnixMillis) -> Self {
        Self(AtomicU64::new(start.0))
    }

    /// A clock that stands at the machine's present time.
    #[must_use]
    pub fn at_wall() -> Self {
        Self::at(wall())
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the clock back, as somebody may while the server is down.
    pub fn set_back(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_sub(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::throttle::Throttle;

    /// Clocks that a test sets: the wall clock, and the steady one, in milliseconds.
    #[derive(Debug, Default)]
    struct Set {
        wall: AtomicU64,
        steady: AtomicU64,
    }

    impl Set {
        /// Time passes, by both clocks.
        fn pass(&self, millis: u64) {
            self.wall.fetch_add(millis, Ordering::SeqCst);
            self.steady.fetch_add(millis, Ordering::SeqCst);
        }

        fn set_wall(&self, wall: UnixMillis) {
            self.wall.store(wall.0, Ordering::SeqCst);
        }
    }

    impl Machine for Arc<Set> {
        fn wall(&self) -> UnixMillis {
            UnixMillis(self.wall.load(Ordering::SeqCst))
        }

        fn steady(&self) -> Duration {
            Duration::from_millis(self.steady.load(Ordering::SeqCst))
        }
    }

    const START: UnixMillis = UnixMillis(1_000_000);

    fn machine() -> (Arc<Set>, SystemClock) {
        let machine = Arc::new(Set::default());
        machine.set_wall(START);
        machine.steady.store(70_000, Ordering::SeqCst);
        (Arc::clone(&machine), SystemClock::of(Box::new(machine)))
    }

    #[test]
    fn t015_a_wall_clock_that_is_set_changes_nothing_while_the_process_lives() {
        let (machine, clock) = machine();
        assert_eq!(clock.now(), START);
        machine.pass(119_999);
        assert_eq!(clock.now(), START.plus(119_999), "control: time passes");
        for wall in [START, UnixMillis(0), START.plus(3_600_000)] {
            machine.set_wall(wall);
            assert_eq!(Machine::wall(&machine), wall, "control: it is set");
            assert_eq!(clock.now(), START.plus(119_999));
        }
        machine.pass(1);
        assert_eq!(clock.now(), START.plus(120_000));
        assert_eq!(
            SystemClock::of(Box::new(Arc::clone(&machine))).now(),
            Machine::wall(&machine),
            "the next start sees it"
        );
    }

    #[test]
    fn a_jump_forward_that_is_corrected_leaves_no_bill_in_the_future() {
        let (machine, clock) = machine();
        let (throttle, by_wall) = (Throttle::new(2, 60), Throttle::new(2, 60));
        machine.pass(1_000);
        machine.set_wall(START.plus(3_600_000));
        for throttle in [(&throttle, clock.now()), (&by_wall, Machine::wall(&machine))] {
            for _ in 0..2 {
                throttle.0.admit("a", 1, throttle.1).expect("the burst");
            }
        }
        machine.set_wall(START.plus(1_000));
        machine.pass(60_000);
        assert!(by_wall.admit("a", 1, Machine::wall(&machine)).is_err(), "control: an hour's wait by the wall clock");
        throttle.admit("a", 1, clock.now()).expect("paid after a minute");
    }
}
