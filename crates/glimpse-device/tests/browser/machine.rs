//! The browser's clocks and randomness.

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use glimpse_core::Monotonic;
use glimpse_device::browser::Machine;
use glimpse_device::surroundings::Surroundings;
use wasm_bindgen_test::wasm_bindgen_test;

use super::meddling::{Until, wall_clock_off};

const HOUR: u64 = 3_600_000;

#[wasm_bindgen_test]
async fn t060_sleep_counts_and_a_clock_that_is_set_back_lengthens_nothing() {
    let machine = Machine::new();
    let real = machine.now().0;
    assert!(real > 1_700_000_000_000, "{real}");
    assert!(machine.monotonic() < Monotonic(60_000), "control: only what went by");
    let slept = Until::dropped(wall_clock_off(HOUR as f64));
    assert!(machine.now().0 >= real + HOUR);
    let after = machine.monotonic();
    assert!(after >= Monotonic(HOUR), "the uptime of this page alone would not show an hour");
    drop(slept);
    let set_back = Until::dropped(wall_clock_off(-(HOUR as f64)));
    assert!(machine.now().0 < real);
    assert!(machine.monotonic() >= after, "what was told stays told");
    let since = Machine::new();
    machine.sleep(20).await;
    assert!(since.monotonic() >= Monotonic(19), "time goes by whatever the wall clock says");
    drop(set_back);
    // Where the wall clock was ahead for a while, whatever begins later ends in its time as well.
    let before = machine.monotonic();
    machine.sleep(20).await;
    assert!(before.until(machine.monotonic()) >= 19, "time goes on after the wall clock was wrong");
}

#[wasm_bindgen_test]
async fn a_long_wait_is_not_a_short_one() {
    let machine = Machine::new();
    // A browser's own timer takes a number of more than 31 bits for none at all.
    for millis in [u64::from(u32::MAX), 1 << 40, u64::MAX] {
        match select(machine.sleep(millis), machine.sleep(20)).await {
            Either::Left(_) => panic!("{millis} ms went by at once"),
            Either::Right(_) => {}
        }
    }
    assert!(machine.sleep(0).now_or_never().is_none(), "a timer of its own, not a busy loop");
    machine.sleep(0).await;
}

#[wasm_bindgen_test]
fn randomness_fills_more_than_the_browser_gives_at_a_time() {
    let machine = Machine::new();
    let [mut one, mut other] = [vec![0; 200_000], vec![0; 200_000]];
    machine.fill_random(&mut one);
    machine.fill_random(&mut other);
    for (one, other) in one.chunks(50_000).zip(other.chunks(50_000)) {
        let zeros = one.iter().filter(|byte| **byte == 0).count();
        assert!((50..400).contains(&zeros), "{zeros} of 50000");
        assert_ne!(one, other);
    }
    machine.fill_random(&mut []);
}
