//! Links that do not fit: each takes the place of one of chain.json, and has one fault.

use glimpse_core::chain;
use glimpse_wire::account::{Act, LinkBody, Pin, Policy};
use glimpse_wire::{DeviceId, Hash, encode};

use crate::chain::{Story, story};
use crate::faulty::{act, epoch_of, joins_again, signed};

/// A fault: the file's name, what it shows, which link it takes the place of, its bytes, and why it is refused.
pub(crate) type Fault = (&'static str, &'static str, &'static str, Vec<u8>, &'static str);

pub(crate) fn all() -> Vec<Fault> {
    let story = story();
    let mut faults = places(&story);
    faults.extend(joining(&story));
    faults.extend(seconds(&story));
    faults.extend(rules(&story));
    faults.extend(leaving(&story));
    faults.extend(epochs(&story));
    faults.extend(kits(&story));
    faults
}

fn places(story: &Story) -> Vec<Fault> {
    let [first, second, third, ..] = &story.devices;
    let genesis = story.link(0).body;
    vec![
        (
            "chain-other-previous",
            "Another hash of the link before.",
            "link-2",
            story.altered(2, first, |link| link.previous.0[0] ^= 1),
            "not-next",
        ),
        (
            "chain-skipped-seq",
            "One number left out.",
            "link-2",
            story.altered(2, first, |link| link.seq = 3),
            "not-next",
        ),
        ("chain-other-suite", "Suite 2.", "link-2", story.altered(2, first, |link| link.suite = 2), "malformed"),
        (
            "chain-genesis-again",
            "A genesis link in a later place.",
            "link-2",
            story.altered(2, first, |link| link.body = genesis),
            "malformed",
        ),
        (
            "chain-other-signature",
            "Signed by another device than it says.",
            "link-2",
            story.altered(2, second, |_| {}),
            "signature",
        ),
        (
            "chain-stranger",
            "Signed by a device that is not in the chain.",
            "link-2",
            story.altered(2, third, |link| link.signer = third.id()),
            "not-a-member",
        ),
        (
            "chain-revoked-signer",
            "Signed by a device that was taken out by the link before.",
            "link-7",
            story.altered(7, third, |link| link.signer = third.id()),
            "not-a-member",
        ),
    ]
}

fn joining(story: &Story) -> Vec<Fault> {
    let [first, second, third, ..] = &story.devices;
    let Act::Add { transcript, .. } = act(story, 1) else { panic!() };
    vec![
        (
            "chain-reverse-by-adder",
            "The reverse signature is by the adder.",
            "link-1",
            story.other_reverse(first, first.id(), transcript),
            "reverse",
        ),
        (
            "chain-reverse-other-adder",
            "The device that joins signed for another adder.",
            "link-1",
            story.other_reverse(second, third.id(), transcript),
            "reverse",
        ),
        (
            "chain-reverse-other-transcript",
            "The device that joins signed in another linking.",
            "link-1",
            story.other_reverse(second, first.id(), Hash([1; 32])),
            "reverse",
        ),
        (
            "chain-serial-cut",
            "Half of a serial hash.",
            "link-1",
            story.other_act(1, |act| {
                if let Act::Add { device, .. } = act {
                    device.serial.0.truncate(16)
                }
            }),
            "malformed",
        ),
        ("chain-known-member", "A device that belongs joins again.", "link-4", joins_again(story, 4, second), "known"),
        (
            "chain-known-revoked",
            "A device that was taken out joins again.",
            "link-7",
            joins_again(story, 7, third),
            "known",
        ),
        (
            "chain-held-below-policy",
            "Held back for less than the policy says.",
            "link-4",
            story.held_for(3_599_999),
            "policy",
        ),
        (
            "chain-held-below-waiting-policy",
            "Held back for as long as looser rules say that are not yet in force.",
            "link-8",
            story.other_act(8, |act| {
                if let Act::Add { at, .. } = act {
                    at.0 -= 1
                }
            }),
            "policy",
        ),
        (
            "chain-held-too-long",
            "Held back for more than thirty days.",
            "link-4",
            story.held_for(30 * 24 * 3_600_000 + 1),
            "policy",
        ),
    ]
}

fn seconds(story: &Story) -> Vec<Fault> {
    let [first, second, third, ..] = &story.devices;
    let before = story.before(3);
    let other = act(story, 2);
    vec![
        (
            "chain-second-missing",
            "The policy asks for a second signature, and there is none.",
            "link-3",
            story.other_second(3, |_| {}, |_, _| None),
            "policy",
        ),
        (
            "chain-second-by-signer",
            "The second signature is the signer's own.",
            "link-3",
            story.other_second(3, |_| {}, |act, _| Some(chain::second(&before, &second.keys, act))),
            "policy",
        ),
        (
            "chain-second-by-stranger",
            "The second signature is by a device that is not in the chain.",
            "link-3",
            story.other_second(3, |_| {}, |act, _| Some(chain::second(&before, &third.keys, act))),
            "policy",
        ),
        (
            "chain-second-by-leaver",
            "The second signature is by the device that leaves by this link.",
            "link-6",
            story.other_second(6, |_| {}, |act, _| Some(chain::second(&story.before(6), &third.keys, act))),
            "policy",
        ),
        (
            "chain-second-other-act",
            "The second device signed another act.",
            "link-3",
            story.other_second(3, |_| {}, |_, _| Some(chain::second(&before, &first.keys, &other))),
            "signature",
        ),
        (
            "chain-second-other-place",
            "The second device signed the act for another place.",
            "link-3",
            story.other_second(3, |_| {}, |act, _| Some(chain::second(&story.before(4), &first.keys, act))),
            "signature",
        ),
        (
            "chain-second-held",
            "The second signature is by a device that is still held back.",
            "link-5",
            story.other_act(5, |act| {
                if let Act::Policy { at, .. } = act {
                    at.0 -= 2 * 3_600_000
                }
            }),
            "policy",
        ),
        (
            "chain-second-missing-to-revoke",
            "Somebody who has two other devices takes one out alone.",
            "link-6",
            story.other_second(6, |_| {}, |_, _| None),
            "policy",
        ),
        (
            "chain-second-not-asked-for",
            "A second signature where no rule asks for one.",
            "link-7",
            story.other_second(7, |_| {}, |act, _| Some(chain::second(&story.before(7), &first.keys, act))),
            "policy",
        ),
    ]
}

fn rules(story: &Story) -> Vec<Fault> {
    let twice = |policy: &mut Policy| policy.writers = [policy.writers.clone(), policy.writers.clone()].concat();
    vec![
        (
            "chain-policy-revoking-held",
            "Rules that hold a revocation back.",
            "link-2",
            story.other_policy(|policy| policy.revoking.held = 1),
            "malformed",
        ),
        ("chain-policy-pinned-twice", "One key pinned twice.", "link-2", story.other_policy(twice), "malformed"),
        (
            "chain-policy-no-name",
            "A pin without a name.",
            "link-2",
            story.other_policy(|policy| policy.organisations.iter_mut().for_each(|pin: &mut Pin| pin.name.clear())),
            "malformed",
        ),
        (
            "chain-policy-recovering-too-long",
            "A recovery that waits for more than thirty days.",
            "link-2",
            story.other_policy(|policy| policy.recovering = 30 * 24 * 3_600_000 + 1),
            "malformed",
        ),
        (
            "chain-policy-held-below-policy",
            "Rules that take effect sooner than those before allow.",
            "link-5",
            story.other_act(5, |act| {
                if let Act::Policy { held, .. } = act {
                    *held = 3_599_999
                }
            }),
            "policy",
        ),
    ]
}

fn leaving(story: &Story) -> Vec<Fault> {
    let [first, _, third, fourth, _] = &story.devices;
    let rising = |mut ids: Vec<DeviceId>| {
        ids.sort_unstable_by_key(|id| id.0);
        ids
    };
    vec![
        ("chain-leaving-nobody", "Nobody leaves.", "link-6", story.other_leavers(Vec::new()), "malformed"),
        (
            "chain-leaving-signer",
            "The signer takes itself out, too.",
            "link-6",
            story.other_leavers(rising(vec![first.id(), third.id()])),
            "malformed",
        ),
        (
            "chain-leaving-twice",
            "A device that leaves is named twice.",
            "link-6",
            story.other_leavers(vec![third.id(), third.id()]),
            "malformed",
        ),
        (
            "chain-leaving-stranger",
            "A device that is not in the chain leaves, too.",
            "link-6",
            story.other_leavers(rising(vec![third.id(), fourth.id()])),
            "not-a-member",
        ),
    ]
}

fn epochs(story: &Story) -> Vec<Fault> {
    let earlier = story.before(6).epoch().unwrap().account_key.clone();
    let Act::Add { device: third, .. } = act(story, 4) else { panic!() };
    let third = third.id();
    vec![
        (
            "chain-epoch-skipped",
            "The number of the epoch after the next.",
            "link-6",
            story.other_epoch(|epoch| epoch.number = 3),
            "epoch",
        ),
        (
            "chain-epoch-key-again",
            "The account key of an earlier epoch.",
            "link-6",
            story.other_epoch(|epoch| epoch.account_key = earlier),
            "epoch",
        ),
        (
            "chain-epoch-no-older-seed",
            "Without the seed of the epoch before.",
            "link-6",
            story.other_epoch(|epoch| epoch.previous_seed.0.clear()),
            "epoch",
        ),
        (
            "chain-epoch-wrap-left-out",
            "Somebody who stays gets no wrap.",
            "link-6",
            story.other_epoch(|epoch| epoch.wraps.truncate(2)),
            "epoch",
        ),
        (
            "chain-epoch-wrap-of-leaver",
            "The device that leaves gets a wrap.",
            "link-6",
            story.other_epoch(|epoch| {
                let mut wrap = epoch.wraps[0];
                wrap.device = third;
                epoch.wraps.push(wrap);
                epoch.wraps.sort_unstable_by_key(|wrap| wrap.device.0);
            }),
            "epoch",
        ),
        (
            "chain-epoch-wraps-falling",
            "Wraps by falling id.",
            "link-6",
            story.other_epoch(|epoch| epoch.wraps.reverse()),
            "epoch",
        ),
    ]
}

fn kits(story: &Story) -> Vec<Fault> {
    let [first, .., fifth] = &story.devices;
    let recover = story.link(9);
    let own = story.kit.public();
    // In a place of a chain that has no kit; whatever else can fit does.
    let mut epoch = epoch_of(&recover);
    epoch.number = 2;
    epoch.wraps.retain(|wrap| wrap.device == fifth.id());
    let early = encode(&story.kit.recover(&story.before(2), &fifth.keys, fifth.public.clone(), epoch, None));
    vec![
        (
            "chain-kit-wrap-left-out",
            "A kit that gets no wrap.",
            "link-3",
            story.other_act(3, |act| {
                if let Act::Recovery { wraps, .. } = act {
                    wraps.clear()
                }
            }),
            "epoch",
        ),
        (
            "chain-kit-wrap-of-device",
            "A wrap to a device in the place of the kit's.",
            "link-3",
            story.other_act(3, |act| {
                if let Act::Recovery { wraps, .. } = act {
                    wraps[0].device = first.id()
                }
            }),
            "epoch",
        ),
        ("chain-kit-of-nobody", "A link of a kit where the account has none.", "link-2", early, "not-a-member"),
        (
            "chain-kit-stranger-key",
            "The kit's link, signed by the device that begins anew.",
            "link-9",
            signed(&recover, |message| fifth.sign(message)),
            "signature",
        ),
        (
            "chain-kit-other-signer",
            "The kit's link names another device as its signer than the one that begins anew.",
            "link-9",
            story.by_kit_as(first.id()),
            "malformed",
        ),
        (
            "chain-kit-again",
            "A kit that takes its own place.",
            "link-9",
            story.by_kit(|body| {
                let LinkBody::Recover { recovery, epoch, .. } = body else { panic!() };
                let (before, now) = (recovery[0].id(), own.id());
                epoch.wraps.iter_mut().filter(|wrap| wrap.device == before).for_each(|wrap| wrap.device = now);
                epoch.wraps.sort_unstable_by_key(|wrap| wrap.device.0);
                *recovery = vec![own];
            }),
            "malformed",
        ),
        (
            "chain-kit-keeps-a-device",
            "The epoch of the kit's link is wrapped to an earlier device, too.",
            "link-9",
            story.by_kit(|body| {
                let LinkBody::Recover { epoch, .. } = body else { panic!() };
                let mut wrap = epoch.wraps[0];
                wrap.device = first.id();
                epoch.wraps.push(wrap);
                epoch.wraps.sort_unstable_by_key(|wrap| wrap.device.0);
            }),
            "epoch",
        ),
        (
            "chain-kit-brings-a-known-device",
            "The kit begins anew with a device that is in the chain.",
            "link-9",
            {
                let mut epoch = epoch_of(&recover);
                epoch
                    .wraps
                    .iter_mut()
                    .filter(|wrap| wrap.device == fifth.id())
                    .for_each(|wrap| wrap.device = first.id());
                epoch.wraps.retain(|wrap| wrap.device == first.id());
                let link = story.kit.recover(&story.before(9), &first.keys, first.public.clone(), epoch, None);
                encode(&link)
            },
            "known",
        ),
    ]
}
