//! A pin is a key in a list.

use super::*;

#[test]
fn a_writers_key_waits_before_it_counts_as_an_organisations() {
    let (mut chain, [phone, ..]) = family();
    let pin = Pin { name: "clinic".to_owned(), key: Someone::new(40).device.signing };
    let renamed = Pin { name: "hospital".to_owned(), ..pin.clone() };
    let put = |chain: &mut Chain, organisations: &[Pin], writers: &[Pin], at| {
        let pinning = Need { second: false, held: 50 };
        let policy =
            Policy { organisations: organisations.to_vec(), writers: writers.to_vec(), pinning, ..Policy::default() };
        chain.push(&phone.act(chain, Act::Policy { policy, at: UnixMillis(at), held: 50 })).unwrap();
    };
    put(&mut chain, &[], core::slice::from_ref(&pin), 100);
    put(&mut chain, core::slice::from_ref(&pin), core::slice::from_ref(&renamed), 200);
    let (before, from) = (UnixMillis(249), UnixMillis(250));
    assert_eq!(chain.writer(&pin.key, before), Some(&renamed), "control: in its own list, under another name too");
    assert_eq!(chain.organisation(&pin.key, before), None);
    assert_eq!(chain.organisation(&pin.key, from), Some(&pin));
    // And the other way: who leaves a list is new there when it comes again.
    put(&mut chain, core::slice::from_ref(&pin), &[], 300);
    put(&mut chain, core::slice::from_ref(&pin), core::slice::from_ref(&pin), 400);
    assert_eq!(chain.organisation(&pin.key, UnixMillis(400)), Some(&pin), "control");
    assert_eq!((chain.writer(&pin.key, UnixMillis(449)), chain.writer(&pin.key, UnixMillis(450))), (None, Some(&pin)));
}
