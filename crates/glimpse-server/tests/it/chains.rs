//! The chain of an account: how it grows, and what does not make it grow.

use futures_util::future::join_all;
use glimpse_server::test_server::TestServer;
use glimpse_wire::account::{Act, Epoch, HeadStatement, Link, LinkBody, Pin, Policy, SignedLink};
use glimpse_wire::api::*;
use glimpse_wire::ids::{Bytes, SigningKeyBytes};
use glimpse_wire::limits::{MAX_LABEL, MAX_LINKS_ANSWER, MAX_WRAP};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};

use crate::actors::*;
use crate::family::{Family, Kit, signed};

const LINKS: &str = "/v1/account/links";

async fn length(family: &Family) -> u64 {
    family.phones[0].http.get("/v1/account").await.json::<Account>().chain.length
}

fn statement(phone: &Phone, at: UnixMillis) -> SignedJson {
    let (account, head, device) = (phone.account, phone.head, phone.device);
    sign(&phone.key, StatementKind::Head, &HeadStatement { suite: SUITE, account, head, at, device }).into()
}

#[tokio::test]
async fn a_chain_grows_and_every_device_reads_the_same() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 1).await;
    let mut second = family.newcomer(&server);
    let at = second.now().await;
    let act = family.adding(&family.phones[0], &second, at, 0);
    let added = family.extend(0, act, Vec::new()).await;
    second.head = family.chain.head();
    second.sign_in().await;
    family.phones.push(second);
    // Adding wraps nothing on the server: the newcomer gets the seed in its linking.
    let account: Account = family.phones[1].http.get("/v1/account").await.json();
    assert_eq!((account.chain.length, account.chain.links.len(), account.wraps.len()), (2, 2, 1));
    assert_eq!(account.chain.links[1], added.link, "byte for byte");

    let rotated = family.rotate(1).await;
    let kit = family.equip().await;
    let replaced = family.rotate(0).await;
    let account: Account = family.phones[1].http.get("/v1/account?from=4").await.json();
    assert_eq!((account.chain.length, &account.chain.links[..]), (5, &[replaced.link.clone()][..]));
    assert_eq!(account.wraps, replaced.wraps, "of the newest epoch alone, in the chain's order");
    assert!(account.wraps.iter().any(|wrap| wrap.device == kit.keys.id()), "and the kit's");
    let beyond: Chain = Http::to(&server).get(&format!("/v1/chains/{}?from=9", account.chain.account)).await.json();
    assert_eq!((beyond.length, beyond.links.len()), (5, 0));

    // The answer to a lost answer, also after later links, and also of the founding.
    for (seq, phone, link) in [(1, 0, &added), (2, 1, &rotated), (4, 0, &replaced)] {
        let again: Appended = family.phones[phone].http.post(LINKS, link).await.json();
        assert_eq!(again.head.seq, seq);
        assert_eq!(family.chain.compare(&again.head) == chain::Standing::Same, seq == 4);
        assert!(family.chain.active_at(&family.phones[0].device, &again.head).is_some(), "its own hash");
    }
    let first = &family.phones[0];
    assert_eq!(first.http.post("/v1/accounts", &first.founding).await.status, StatusCode::CREATED);
    // The whole chain, as anyone reads it, replays to the same head.
    let all: Chain = Http::to(&server).get(&format!("/v1/chains/{}", first.account)).await.json();
    let links: Vec<SignedLink> =
        all.links.iter().map(|link| decode(link.as_slice(), usize::MAX).expect("a link")).collect();
    assert_eq!(chain::Chain::replay(&links).expect("it replays").head(), family.chain.head());
}

#[tokio::test]
async fn each_device_has_its_own_word_on_the_newest_head() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 2).await;
    let now = family.phones[0].now().await;
    let words = [statement(&family.phones[0], now), statement(&family.phones[1], now)];
    let put = async |phone: &Phone, word| phone.http.json(Method::PUT, "/v1/account/head", word).await;
    for (phone, word) in family.phones.iter().zip(&words) {
        put(phone, word).await.ok();
    }
    assert_eq!(put(&family.phones[1], &words[0]).await.code(), ErrorCode::Unauthorised, "another device's word");
    let path = format!("/v1/chains/{}", family.phones[0].account);
    let read = async || Http::to(&server).get(&path).await.json::<Chain>().statements;
    let both = read().await;
    assert!(both.len() == 2 && words.iter().all(|word| both.contains(word)));
    family.rotate(0).await;
    assert_eq!(put(&family.phones[0], &words[0]).await.code(), ErrorCode::Conflict, "under an older head");
    assert_eq!(read().await.len(), 2, "an old word is kept until its device gives a new one");
    family.revoke(0, 1).await;
    assert_eq!(read().await, [words[0].clone()], "of those who belong");
}

#[tokio::test]
async fn of_twenty_links_at_one_place_one_is_taken() {
    let server = TestServer::start().await;
    let family = Family::new(&server, 2).await;
    let tries = (0..20).map(|number| {
        let phone = &family.phones[number % 2];
        let (act, wraps) = family.rotation();
        let link = family.act(phone, act, wraps);
        async move { (phone.http.post(LINKS, &link).await, link) }
    });
    let said = join_all(tries).await;
    let (taken, refused): (Vec<_>, Vec<_>) = said.into_iter().partition(|(said, _)| said.status == StatusCode::OK);
    assert_eq!((taken.len(), refused.len()), (1, 19));
    for (said, _) in &refused {
        assert_eq!(said.code(), ErrorCode::Conflict);
    }
    let account: Account = family.phones[0].http.get("/v1/account?from=2").await.json();
    assert_eq!((account.chain.length, &account.chain.links[0]), (3, &taken[0].1.link));
    assert_eq!(account.wraps, taken[0].1.wraps, "and its own wraps, not those of a loser");
}

#[tokio::test]
async fn a_long_chain_is_read_in_parts() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 1).await;
    for round in 0..12u8 {
        let pin = |number: u8| Pin { name: "n".repeat(500), key: SigningKeyBytes([number; 32]) };
        let writers = (0..60).map(pin).collect();
        let organisations = (0..40).map(pin).collect();
        let policy = Policy { writers, organisations, recovering: round.into(), ..Policy::default() };
        let act = Act::Policy { policy, at: family.phones[0].now().await, held: 0 };
        family.extend(0, act, Vec::new()).await;
    }
    let path = format!("/v1/chains/{}", family.phones[0].account);
    let (mut links, mut answers) = (Vec::new(), 0);
    loop {
        let part: Chain = Http::to(&server).get(&format!("{path}?from={}", links.len())).await.json();
        assert_eq!(part.length, 13);
        if part.links.is_empty() {
            break;
        }
        let size: usize = part.links.iter().map(|link| link.as_slice().len()).sum();
        assert!(size <= MAX_LINKS_ANSWER, "{size}");
        links.extend(part.links);
        answers += 1;
    }
    assert!(answers > 1, "control: it does not fit into one answer");
    let links: Vec<SignedLink> =
        links.iter().map(|link| decode(link.as_slice(), usize::MAX).expect("a link")).collect();
    assert_eq!(chain::Chain::replay(&links).expect("whole").head(), family.chain.head());
}

/// Rows 22, 23, 27, 29 and 37 of the catalogue on the server: it takes no link that a device would refuse.
#[tokio::test]
async fn t022_t023_t029_t037_a_link_that_the_chain_refuses_is_not_taken() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 2).await;
    let strangers = Family::new(&server, 2).await;
    let [first, second] = &family.phones[..] else { panic!("two devices") };
    let newcomer = family.newcomer(&server);
    let place = family.chain.next_place();
    let now = first.now().await;
    let good = family.adding(first, &newcomer, now, 0);
    let Act::Add { device, transcript, reverse, at, held } = good.clone() else { panic!("an Add") };
    let (rotation, wraps) = family.rotation();
    let Act::Rotate { epoch } = rotation.clone() else { panic!("a Rotate") };
    let link = |seq, previous, act: Act| Link {
        suite: SUITE,
        seq,
        previous,
        body: LinkBody::Act { act, second: Vec::new() },
        signer: first.device,
    };
    let here = |act: Act| link(place.seq, place.hash, act);
    let add = |change: &dyn Fn(&mut Act)| {
        let mut act = good.clone();
        change(&mut act);
        family.act(first, act, Vec::new())
    };
    let rotate = |epoch: Epoch, wraps: Vec<DeviceWrap>| family.act(first, Act::Rotate { epoch }, wraps);
    let (malformed, unauthorised, conflict) = (ErrorCode::Malformed, ErrorCode::Unauthorised, ErrorCode::Conflict);
    let mut longer = wraps.clone();
    longer.push(wraps[0].clone());
    let mut altered = wraps.clone();
    altered[0].wrap.0[9] ^= 1;
    let reversed: Vec<DeviceWrap> = wraps.iter().rev().cloned().collect();
    let huge = DeviceWrap { device: first.device, wrap: Bytes(noise(MAX_WRAP as u64 + 1)) };
    let kit = Kit::new();
    let kit_act = Act::Recovery { keys: vec![kit.keys.clone()], wraps: vec![crate::family::commitment(&huge)] };
    let attempts: Vec<(&str, ErrorCode, AppendLink)> = vec![
        ("signed by another device's key", unauthorised, signed(&second.key, &here(good.clone()), Vec::new())),
        ("by another device of the account", unauthorised, family.act(second, good.clone(), Vec::new())),
        ("by the newcomer itself", unauthorised, family.act(&newcomer, good.clone(), Vec::new())),
        ("by a device of another account", unauthorised, family.act(&strangers.phones[1], good.clone(), Vec::new())),
        (
            "without possession of the key",
            unauthorised,
            add(&|act| {
                let Act::Add { reverse, .. } = act else { return };
                reverse.0[3] ^= 1;
            }),
        ),
        ("a reverse signature for another adder", unauthorised, {
            let act = family.adding(second, &newcomer, now, 0);
            family.act(first, act, Vec::new())
        }),
        ("a device that is there", malformed, {
            let act = family.adding(first, second, now, 0);
            family.act(first, act, Vec::new())
        }),
        (
            "a short key",
            malformed,
            add(&|act| {
                let Act::Add { device, .. } = act else { return };
                device.kem.0.pop();
            }),
        ),
        ("wraps where none belong", malformed, family.act(first, good.clone(), wraps.clone())),
        ("an epoch again", malformed, rotate(Epoch { number: 1, ..epoch.clone() }, wraps.clone())),
        ("an epoch that skips", malformed, rotate(Epoch { number: 3, ..epoch.clone() }, wraps.clone())),
        ("no wraps", malformed, rotate(epoch.clone(), Vec::new())),
        ("a wrap too few", malformed, rotate(epoch.clone(), wraps[..1].to_vec())),
        ("a wrap too many", malformed, rotate(epoch.clone(), longer)),
        ("another wrap", malformed, rotate(epoch.clone(), altered)),
        ("wraps in another order", malformed, rotate(epoch.clone(), reversed)),
        (
            "a wrap that is too long",
            malformed,
            family.act(first, kit_act, vec![DeviceWrap { device: kit.keys.id(), ..huge.clone() }]),
        ),
        ("revoking oneself", malformed, {
            let (act, wraps) = family.revocation(&[first.device]);
            family.act(first, act, wraps)
        }),
        ("revoking a stranger", unauthorised, {
            let (act, wraps) = family.revocation(&[strangers.phones[0].device]);
            family.act(first, act, wraps)
        }),
        ("a recovery on a device's route", malformed, family.recovery(&kit, &newcomer)),
        (
            "a place that is not next",
            conflict,
            signed(&first.key, &link(place.seq + 1, place.hash, good.clone()), Vec::new()),
        ),
        (
            "after another link",
            conflict,
            signed(&first.key, &link(place.seq, Hash(random()), good.clone()), Vec::new()),
        ),
        ("other bytes at a taken place", conflict, signed(&first.key, &link(1, place.hash, good.clone()), Vec::new())),
        ("another genesis", conflict, signed(&first.key, &link(0, Hash::ZERO, good.clone()), Vec::new())),
        ("another suite", malformed, signed(&first.key, &Link { suite: 2, ..here(good.clone()) }, Vec::new())),
        ("not a link", malformed, AppendLink { link: Bytes(vec![0x80]), wraps: Vec::new() }),
        ("cut off", malformed, {
            let AppendLink { link, wraps } = family.act(first, good.clone(), Vec::new());
            AppendLink { link: Bytes(link.0[..link.0.len() - 1].to_vec()), wraps }
        }),
    ];
    for (what, code, attempt) in &attempts {
        assert_eq!(first.http.post(LINKS, attempt).await.code(), *code, "{what}");
        assert_eq!(length(&family).await, 2, "{what}");
    }
    // Without a device's token nothing is asked at all; with another account's it is about that account.
    let right = family.act(first, Act::Add { device, transcript, reverse, at, held }, Vec::new());
    assert_eq!(Http::to(&server).post(LINKS, &right).await.code(), unauthorised);
    assert_eq!(strangers.phones[0].http.post(LINKS, &right).await.code(), unauthorised);
    // Control: the same links without the fault are taken.
    first.http.post(LINKS, &right).await.ok();
    family.take(&right);
    family.rotate(1).await;
}

#[tokio::test]
async fn a_device_that_was_linked_later_does_all_that_the_first_does() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 3).await;
    let later = &family.phones[2];
    let version = later.add(100).await;
    later.release(&version).await.ok();
    let (id, listed) = unit();
    let visit = later.lend(vec![listed], |_| {}).await;
    later.seal_unit(&visit, id, 10).await;
    opened(&visit.open(id, 1).await);
    // The others see what it did, and neither seal for its session nor sign its Terms.
    let scope = ShareScope::Session { session: visit.session, unit: id, salt: Salt(random()) };
    let mint = MintRequest { shares: vec![scope], head: None };
    assert_eq!(family.phones[1].http.post("/v1/shares", &mint).await.code(), ErrorCode::NotFound);
    later.http.post("/v1/shares", &mint).await.ok();
    let said = family.phones[1].http.bytes(Method::PUT, &unit_path(&visit, &id), noise(600)).await;
    assert_eq!(said.code(), ErrorCode::NotFound);
    assert_eq!(family.phones[0].list(0).await.changes.len(), 1);
    let terms = pairing::Terms { seq: 2, units: Vec::new(), ..visit.terms.clone() };
    let path = format!("/v1/sessions/{}/terms", visit.session);
    let by_another = family.phones[1].submission(&visit, &terms);
    assert_eq!(family.phones[1].http.bytes(Method::POST, &path, by_another).await.code(), ErrorCode::NotFound);
    later.http.bytes(Method::POST, &path, later.submission(&visit, &terms)).await.ok();

    // After a link, whatever was signed under the older head is refused, by whomever.
    let old = later.head;
    let draft = family.phones[1].prepare(family.phones[1].header(RecordId(random()), None, 10)).await;
    family.rotate(0).await;
    let (first, later) = (&family.phones[0], &family.phones[2]);
    assert_eq!(family.phones[1].publish(&draft).await.code(), ErrorCode::Conflict, "an envelope");
    let behind = |phone: &Phone| Phone { head: old, http: phone.http.clone(), ..copy(phone) };
    assert_eq!(behind(later).delete(&version).await.code(), ErrorCode::Conflict, "a deletion");
    let refused = behind(later).try_lend(vec![unit().1], |_| {}).await.expect_err("refused");
    assert_eq!(refused.code(), ErrorCode::Conflict, "first terms");
    let further = pairing::Terms { seq: 3, head: old, ..terms.clone() };
    let said = later.http.bytes(Method::POST, &path, later.submission(&visit, &further)).await;
    assert_eq!(said.code(), ErrorCode::Conflict, "further terms");
    // Control: under the newest head all of it is taken, and a repeated publication keeps its answer.
    assert_eq!(later.publish(&version).await.json::<Published>().seq, 1);
    let further = pairing::Terms { seq: 3, head: later.head, ..terms };
    later.http.bytes(Method::POST, &path, later.submission(&visit, &further)).await.ok();
    later.lend(vec![unit().1], |_| {}).await;
    first.delete(&version).await.ok();
    later.end(&visit).await.ok();
}

pub(crate) fn copy(phone: &Phone) -> Phone {
    Phone {
        http: phone.http.clone(),
        key: phone.key.clone(),
        device: phone.device,
        public: phone.public.clone(),
        account: phone.account,
        head: phone.head,
        founding: phone.founding.clone(),
        sign_ins: 1_000.into(),
    }
}

#[tokio::test]
async fn names_are_of_devices_that_belong() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 2).await;
    let stranger = Phone::new(&server).await;
    let path = |device: DeviceId| format!("/v1/account/names/{device}");
    let name = |device: DeviceId, epoch, sealed: &[u8]| DeviceName { device, epoch, sealed: Bytes(sealed.to_vec()) };
    let [first, second] = &family.phones[..] else { panic!("two devices") };
    let put = async |by: &Phone, of: DeviceId, name: &DeviceName| by.http.json(Method::PUT, &path(of), name).await;
    put(first, second.device, &name(second.device, 1, b"old")).await.ok();
    put(second, second.device, &name(second.device, 1, b"new")).await.ok();
    put(first, first.device, &name(first.device, 1, &[7; MAX_LABEL])).await.ok();
    for (what, code, of, name) in [
        ("of another path", ErrorCode::Malformed, first.device, name(second.device, 1, b"x")),
        ("an epoch to come", ErrorCode::Malformed, first.device, name(first.device, 2, b"x")),
        ("no epoch", ErrorCode::Malformed, first.device, name(first.device, 0, b"x")),
        ("too long", ErrorCode::TooLarge, first.device, name(first.device, 1, &[7; MAX_LABEL + 1])),
        ("a stranger", ErrorCode::NotFound, stranger.device, name(stranger.device, 1, b"x")),
    ] {
        assert_eq!(put(first, of, &name).await.code(), code, "{what}");
    }
    let foreign = name(first.device, 1, b"x");
    assert_eq!(put(&stranger, first.device, &foreign).await.code(), ErrorCode::NotFound, "by another account");
    let read = async |family: &Family| family.phones[0].http.get("/v1/account").await.json::<Account>().names;
    let (of_first, of_second) = (name(first.device, 1, &[7; MAX_LABEL]), name(second.device, 1, b"new"));
    let mut both = vec![of_first.clone(), of_second];
    both.sort_unstable_by_key(|name| name.device.0);
    assert_eq!(read(&family).await, both);
    family.revoke(0, 1).await;
    assert_eq!(read(&family).await, [of_first], "the name of a device that left goes");
    let left = family.phones[1].device;
    let said = put(&family.phones[0], left, &name(left, 1, b"x")).await;
    assert_eq!(said.code(), ErrorCode::NotFound, "and does not come back");
}
