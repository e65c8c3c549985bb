//! An account with several devices, and its recovery kit. Seeds are noise: to the server they are.

use ed25519_dalek::{Signer, SigningKey};
use glimpse_server::test_server::TestServer;
use glimpse_wire::account::{
    Act, Epoch, KEM_ENC_LEN, KEM_KEY_LEN, Link, LinkBody, RecoveryKeys, RecoveryRequest, SignedLink, WrapCommitment,
};
use glimpse_wire::api::{AppendLink, Appended, DeviceWrap, SignedJson};
use glimpse_wire::chain::{Chain, OLDER_SEED_LEN};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::*;

use crate::actors::{Http, Phone, Said, noise, public, random, sign};

/// An account, in the order in which its devices joined; those that left stay.
pub(crate) struct Family {
    pub(crate) phones: Vec<Phone>,
    pub(crate) chain: Chain,
}

/// The keys that a recovery kit opens.
pub(crate) struct Kit {
    pub(crate) key: SigningKey,
    pub(crate) keys: RecoveryKeys,
}

impl Kit {
    pub(crate) fn new() -> Self {
        let key = SigningKey::from_bytes(&random());
        let keys = RecoveryKeys { signing: public(&key), kem: Bytes(noise(KEM_KEY_LEN as u64)) };
        Self { key, keys }
    }

    /// A request to begin anew with a device.
    pub(crate) fn request(&self, chain: &Chain, phone: &Phone) -> SignedJson {
        let request = RecoveryRequest {
            suite: SUITE,
            account: chain.account(),
            head: chain.head(),
            device: phone.public.clone(),
            at: UnixMillis(1),
        };
        sign(&self.key, StatementKind::Recovery, &request).into()
    }
}

impl Family {
    /// An account with so many devices, all signed in.
    pub(crate) async fn new(server: &TestServer, devices: usize) -> Self {
        let mut family = Self::of(Phone::new(server).await);
        for _ in 1..devices {
            family.link(server, 0).await;
        }
        family
    }

    /// The account that a device has founded.
    pub(crate) fn of(first: Phone) -> Self {
        let genesis: SignedLink = decode(first.founding.genesis.as_slice(), usize::MAX).expect("a link");
        Self { chain: Chain::begin(&genesis).expect("a chain"), phones: vec![first] }
    }

    /// A device that wants to join, unknown to the server.
    pub(crate) fn newcomer(&self, server: &TestServer) -> Phone {
        Phone { account: self.chain.account(), head: self.chain.head(), ..Phone::unboxed(server) }
    }

    /// Links a new device and signs it in.
    pub(crate) async fn link(&mut self, server: &TestServer, held: u64) {
        let mut phone = self.newcomer(server);
        let at = phone.now().await;
        let act = self.adding(&self.phones[0], &phone, at, held);
        self.extend(0, act, Vec::new()).await;
        phone.head = self.chain.head();
        phone.sign_in().await;
        self.phones.push(phone);
    }

    pub(crate) fn adding(&self, adder: &Phone, phone: &Phone, at: UnixMillis, held: u64) -> Act {
        let (place, transcript) = (self.chain.next_place(), Hash(random()));
        let account = self.chain.account();
        let preimage = preimage::reverse_signature(&account, &place, &phone.public, &adder.device, &transcript);
        let reverse = SignatureBytes(phone.key.sign(&preimage).to_bytes());
        Act::Add { device: phone.public.clone(), transcript, reverse, at, held }
    }

    /// The next epoch, for these devices and kits.
    pub(crate) fn epoch(&self, ids: impl IntoIterator<Item = DeviceId>) -> (Epoch, Vec<DeviceWrap>) {
        let wrap = |device| DeviceWrap { device, wrap: Bytes(noise(KEM_ENC_LEN as u64 + 48)) };
        let mut wraps: Vec<DeviceWrap> = ids.into_iter().map(wrap).collect();
        wraps.sort_unstable_by_key(|wrap| wrap.device.0);
        let number = u32::try_from(self.chain.epochs().len() + 1).expect("few");
        let epoch = Epoch {
            number,
            account_key: Bytes(noise(KEM_KEY_LEN as u64)),
            wraps: wraps.iter().map(commitment).collect(),
            previous_seed: Bytes(noise(OLDER_SEED_LEN as u64)),
        };
        (epoch, wraps)
    }

    /// Those who belong, and the kit, but for some who leave.
    pub(crate) fn staying(&self, but: &[DeviceId]) -> Vec<DeviceId> {
        let members = self.chain.members().iter().filter(|member| member.until.is_none()).map(|member| member.id);
        let kit = self.chain.recovery().map(RecoveryKeys::id);
        members.chain(kit).filter(|id| !but.contains(id)).collect()
    }

    pub(crate) fn rotation(&self) -> (Act, Vec<DeviceWrap>) {
        let (epoch, wraps) = self.epoch(self.staying(&[]));
        (Act::Rotate { epoch }, wraps)
    }

    pub(crate) fn revocation(&self, devices: &[DeviceId]) -> (Act, Vec<DeviceWrap>) {
        let mut leaving = devices.to_vec();
        leaving.sort_unstable_by_key(|id| id.0);
        let (epoch, wraps) = self.epoch(self.staying(devices));
        (Act::Revoke { devices: leaving, epoch }, wraps)
    }

    /// A link at the next place, by a device.
    pub(crate) fn act(&self, by: &Phone, act: Act, wraps: Vec<DeviceWrap>) -> AppendLink {
        self.signed(&by.key, by.device, LinkBody::Act { act, second: Vec::new() }, wraps)
    }

    pub(crate) fn signed(
        &self,
        key: &SigningKey,
        signer: DeviceId,
        body: LinkBody,
        wraps: Vec<DeviceWrap>,
    ) -> AppendLink {
        let place = self.chain.next_place();
        signed(key, &Link { suite: SUITE, seq: place.seq, previous: place.hash, body, signer }, wraps)
    }

    /// Adds a link, which the server must take.
    pub(crate) async fn extend(&mut self, by: usize, act: Act, wraps: Vec<DeviceWrap>) -> AppendLink {
        let link = self.act(&self.phones[by], act, wraps);
        let appended: Appended = self.phones[by].http.post("/v1/account/links", &link).await.json();
        self.take(&link);
        assert_eq!(appended.head, self.chain.head());
        link
    }

    /// Follows a link that the server took.
    pub(crate) fn take(&mut self, link: &AppendLink) {
        self.chain.push(&decode(link.link.as_slice(), usize::MAX).expect("a link")).expect("it fits");
        for phone in &mut self.phones {
            phone.head = self.chain.head();
        }
    }

    pub(crate) async fn rotate(&mut self, by: usize) -> AppendLink {
        let (act, wraps) = self.rotation();
        self.extend(by, act, wraps).await
    }

    pub(crate) async fn revoke(&mut self, by: usize, device: usize) -> AppendLink {
        let (act, wraps) = self.revocation(&[self.phones[device].device]);
        self.extend(by, act, wraps).await
    }

    /// Gives the account a kit, or another one.
    pub(crate) async fn equip(&mut self) -> Kit {
        let kit = Kit::new();
        let wrap = DeviceWrap { device: kit.keys.id(), wrap: Bytes(noise(KEM_ENC_LEN as u64 + 48)) };
        let act = Act::Recovery { keys: vec![kit.keys.clone()], wraps: vec![commitment(&wrap)] };
        self.extend(0, act, vec![wrap]).await;
        kit
    }

    /// The link by which a kit begins anew with a device; no kit follows it.
    pub(crate) fn recovery(&self, kit: &Kit, phone: &Phone) -> AppendLink {
        let (place, account) = (self.chain.next_place(), self.chain.account());
        let preimage = preimage::reverse_signature(&account, &place, &phone.public, &kit.keys.id(), &Hash::ZERO);
        let reverse = SignatureBytes(phone.key.sign(&preimage).to_bytes());
        let (epoch, wraps) = self.epoch([phone.device]);
        let body = LinkBody::Recover { device: phone.public.clone(), reverse, epoch, recovery: Vec::new() };
        self.signed(&kit.key, phone.device, body, wraps)
    }

    pub(crate) fn recover_path(&self) -> String {
        format!("/v1/accounts/{}/recover", self.chain.account())
    }
}

/// A link as it is, signed by `key`.
pub(crate) fn signed(key: &SigningKey, link: &Link, wraps: Vec<DeviceWrap>) -> AppendLink {
    let link = encode(link);
    let signature = SignatureBytes(key.sign(&preimage::link_signature(&link)).to_bytes());
    AppendLink { link: Bytes(encode(&SignedLink { link: Bytes(link), signature })), wraps }
}

pub(crate) fn commitment(wrap: &DeviceWrap) -> WrapCommitment {
    WrapCommitment { device: wrap.device, hash: preimage::wrap_hash(wrap.wrap.as_slice()) }
}

/// How often a device was refused at a route, as the operator sees it.
pub(crate) async fn refusals(server: &TestServer, route: &str, code: ErrorCode) -> u64 {
    let url = server.metrics_url().expect("metrics are on");
    let said: Said = {
        let http = Http { url: url.trim_end_matches("/metrics").to_owned(), ..Http::to(server) };
        http.get("/metrics").await
    };
    let text = String::from_utf8(said.body).expect("text");
    let labels = format!("glimpse_refused_devices_total{{route=\"{route}\",code=\"{}\"}} ", code.slug());
    text.lines().find_map(|line| line.strip_prefix(&labels)).map_or(0, |count| count.parse().expect("a number"))
}
