//! Bringing the chain up to date with the server, link by link.

use std::rc::Rc;

use glimpse_wire::account::{Act, Head, Link, LinkBody, Policy, SignedLink};
use glimpse_wire::api::{
    Account, AnnouncedRecovery, Chain as ChainAnswer, DeviceName, DeviceWrap, Doubled, SignedJson,
};
use glimpse_wire::chain::{Chain, Standing};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_ACCOUNT_ANSWER, MAX_LINK, MAX_LINKS};
use glimpse_wire::{DeviceId, ErrorCode, decode, preimage};

use super::acts::place_of;
use super::standing::{Fork, ForkNamed, Said, said};
use super::{KeptWrap, Known, Pending, StoredChain, bad_link, committed, forked, grown, rolled_back};
use crate::account::Device;
use crate::api::{bare, json};
use crate::devices::opened_name;
use crate::error::DeviceError;
use crate::inbox::{LastName, Notice, short_name};
use crate::transport::Method;

/// A chain that this device has seen within so many milliseconds is fresh enough to act on: whoever acts on an older head
/// is refused by the server, and looks again.
const FRESH: u64 = 30_000;
/// How often the chain is asked for again when a device names a link that the answer lacks: it may have come in between.
const LOOKS: u32 = 2;
/// The same, while the chain grows from one look to the next.
const MAX_LOOKS: u32 = 16;

/// What a look at the account brought.
#[derive(Clone, Debug, Default)]
pub struct Synced {
    /// What happened since the last look.
    pub notices: Vec<Notice>,
    /// Sealed names, as the server keeps them.
    pub names: Vec<DeviceName>,
    /// What devices were called last, those that were taken out as well.
    pub last_names: Vec<LastName>,
    /// The newest words of devices on the chain's head.
    pub statements: Vec<SignedJson>,
    /// A recovery that waits.
    pub recovery: Option<AnnouncedRecovery>,
    /// Devices whose state turned up in two places.
    pub doubled: Vec<Doubled>,
}

impl Device {
    /// Asks the server for the account, extends the chain by what is new, and compares what the other devices say.
    ///
    /// # Errors
    /// [`ErrorCode::ChainRolledBack`] when the server has less than this device has seen, or than another device says;
    /// [`ErrorCode::ChainForked`]; [`DeviceError::BadLink`]; [`DeviceError::SeedRefused`]; [`ErrorCode::DeviceRevoked`] when
    /// this device was taken out.
    pub async fn sync(&self) -> Result<Synced, DeviceError> {
        // Whatever goes wrong here has it asked again before anything is done.
        self.synced.set(None);
        let (mut looks, mut length) = (0u32, 0u64);
        loop {
            looks = looks.saturating_add(1);
            let from = self.head().seq;
            let answer = self.ask_account(from).await?;
            let mut notices = self.take_account(from, &answer).await?;
            let known = self.known();
            let grew = core::mem::replace(&mut length, answer.chain.length) != answer.chain.length;
            let said = said(&known.chain, &answer.chain.statements, &self.settling.borrow());
            match said {
                Said::Nothing => {}
                // It may have come in between.
                Said::More if looks < LOOKS || (grew && looks < MAX_LOOKS) => continue,
                Said::More => {
                    let ours = known.chain.head();
                    self.note(vec![Notice::RolledBack { ours, length: answer.chain.length }]).await?;
                    return Err(rolled_back());
                }
                Said::Fork(fork) => {
                    self.remember_fork(fork).await?;
                    return Err(forked());
                }
            }
            notices.extend(self.news_of_others(&answer).await?);
            self.note(notices.clone()).await?;
            self.require_member(&known)?;
            match known.lack_of_seed() {
                Some(DeviceError::NoSeed) if !self.home.is_confirmed().await? => {}
                Some(DeviceError::SeedRefused) if self.settling.borrow().without_seed => {}
                Some(lack) => return Err(lack),
                None => {}
            }
            self.synced.set(Some(self.machine.monotonic()));
            self.settle_pending().await?;
            if !notices.is_empty() {
                // The other devices learn from it what this one has seen. It is tried again with the next listing.
                let _stated = self.state_head().await;
            }
            let Account { chain, names, recovery, doubled, .. } = answer;
            let known = self.known();
            let members = names.iter().filter(|name| known.chain.active(&name.device).is_some());
            let opened = members.filter_map(|name| Some((name.device, opened_name(&known, name)?))).collect();
            let last_names = self.keep_names(opened).await?;
            return Ok(Synced { notices, names, last_names, statements: chain.statements, recovery, doubled });
        }
    }

    /// As [`Device::sync`], before devices are taken out: that one of them began the newest epoch and kept its seed from this
    /// device stops nothing.
    ///
    /// # Errors
    /// As [`Device::sync`].
    pub async fn sync_to_revoke(&self) -> Result<Synced, DeviceError> {
        let _settling = self.settle_without_seed();
        self.sync().await
    }

    /// A chain that can be acted on: looked at a moment ago, and not forked.
    ///
    /// # Errors
    /// As [`Device::sync`].
    pub(crate) async fn trusted_chain(&self) -> Result<Rc<Known>, DeviceError> {
        let fresh = self.synced.get().is_some_and(|then| then.until(self.machine.monotonic()) < FRESH);
        if !fresh {
            self.sync().await?;
        }
        let fork = self.home.chain().await?.fork;
        if fork.is_some() && !self.settling.borrow().owner_decided {
            return Err(forked());
        }
        let known = self.known();
        self.require_member(&known)?;
        Ok(known)
    }

    pub(super) async fn ask_account(&self, from: u64) -> Result<Account, DeviceError> {
        let path = |from: u64| format!("/v1/account?from={from}");
        let asked = self.authorised(|by| bare(Method::Get, path(from)).by(by)).await;
        let response = match asked {
            Ok(response) => response,
            // The chain tells who took this device out; anyone may read it.
            Err(error) if error.code() == Some(ErrorCode::DeviceRevoked) => {
                let chain = self.ask_chain(from).await?;
                return Ok(Account {
                    chain,
                    wraps: Vec::new(),
                    names: Vec::new(),
                    recovery: None,
                    doubled: Vec::new(),
                });
            }
            Err(error) => return Err(error),
        };
        let mut account: Account = json(response, MAX_ACCOUNT_ANSWER).await?;
        require_size(&account.chain)?;
        loop {
            let have = from.saturating_add(u64::try_from(account.chain.links.len()).unwrap_or(u64::MAX));
            if have >= account.chain.length {
                return Ok(account);
            }
            let response = self.authorised(|by| bare(Method::Get, path(have)).by(by)).await?;
            let more: Account = json(response, MAX_ACCOUNT_ANSWER).await?;
            if more.chain.links.is_empty() {
                return Err(rolled_back());
            }
            require_size(&more.chain)?;
            let mut links = core::mem::take(&mut account.chain.links);
            links.extend(more.chain.links);
            // What was said last counts: links may have come while the pages were read.
            account = more_with(more.chain.length, links, more.wraps, account, more.chain.statements);
        }
    }

    async fn ask_chain(&self, from: u64) -> Result<ChainAnswer, DeviceError> {
        chain_from(&self.api, self.account(), from).await
    }

    /// Takes links that the server gave, from the one numbered `from` on. Gives what is new about them.
    pub(crate) async fn take_account(&self, from: u64, answer: &Account) -> Result<Vec<Notice>, DeviceError> {
        let held = self.home.lock_account().await?;
        let mut stored = self.home.chain().await?;
        let mut known = self.known();
        if stored.links.len() != usize::try_from(known.chain.head().seq).unwrap_or(0).saturating_add(1) {
            // Another process of this home has seen more.
            known = Rc::new(Known::open(&stored, &self.vault)?);
        }
        let own = known.chain.head();
        // By what was asked for: this device may have come further since.
        if answer.chain.length <= from {
            self.note(vec![Notice::RolledBack { ours: own, length: answer.chain.length }]).await?;
            return Err(rolled_back());
        }
        let before = stored.clone();
        let mut chain = known.chain.clone();
        let mut policy = chain.signed_policy().clone();
        let mut notices = Vec::new();
        let (mut broken, mut given) = (None, None);
        for (seq, bytes) in (from..).zip(&answer.chain.links) {
            match take_link(&mut chain, seq, bytes) {
                Ok(None) => {}
                Ok(Some(link)) => {
                    notices.extend(notice_of(&link, seq, &policy));
                    if *chain.signed_policy() != policy {
                        policy = chain.signed_policy().clone();
                    }
                    stored.links.push(link);
                }
                Err(Refused::Fork(fork)) => {
                    self.note(notices).await?;
                    drop(held);
                    self.remember_fork(*fork).await?;
                    return Err(forked());
                }
                Err(Refused::Bad(error)) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        // Before the links are stored: once they are, they are no news.
        self.note(notices.clone()).await?;
        if !answer.wraps.is_empty() && broken.is_none() {
            if !committed(&chain, &answer.wraps) {
                broken = Some(DeviceError::SeedRefused);
            } else {
                given = Some(renewed(&stored.wraps, answer, &chain, self.keys().id()));
            }
        }
        if stored.fork.as_ref().is_some_and(|fork| fork.is_over(&chain)) {
            // The owner has settled it on another device: whoever named the other link is out.
            stored.fork = None;
        }
        let given = given.unwrap_or_else(|| stored.wraps.clone());
        if stored == before && given == stored.wraps && Rc::ptr_eq(&known, &self.known()) {
            drop(held);
            return broken.map_or(Ok(notices), Err);
        }
        let (grown, wraps) = grown(chain, &stored.wraps, given, &self.vault);
        stored.wraps = wraps;
        if stored != before {
            self.home.store_chain(&stored).await?;
        }
        self.known.replace(Rc::new(grown));
        drop(held);
        broken.map_or(Ok(notices), Err)
    }

    /// What became of a link that was signed here: in the chain, overtaken, or to be sent again. A look does not fail for
    /// this: whoever acts next asks again.
    pub(crate) async fn settle_pending(&self) -> Result<(), DeviceError> {
        let Some(pending) = self.home.chain().await?.pending else { return Ok(()) };
        let Some(place) = place_of(&pending.link) else { return Ok(()) };
        match self.known().chain.compare(&place) {
            Standing::Same | Standing::Behind => self.forget_pending(&pending.link).await,
            Standing::Forked => {
                self.forget_pending(&pending.link).await?;
                self.tell_undone(&pending).await
            }
            Standing::Ahead => match Box::pin(self.send_link(&pending)).await {
                Ok(_) | Err(DeviceError::Unsettled) => Ok(()),
                Err(_) => self.tell_undone(&pending).await,
            },
        }
    }

    /// The owner was told that what this link does would be done. It is not, unless it still waits.
    pub(super) async fn tell_undone(&self, pending: &Pending) -> Result<(), DeviceError> {
        let waits = self.home.chain().await?.pending.is_some_and(|waiting| waiting.link == pending.link);
        match undone(pending).filter(|_| !waits) {
            Some(notice) => self.note(vec![notice]).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn forget_pending(&self, link: &SignedLink) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        let mut stored = self.home.chain().await?;
        if stored.pending.as_ref().is_some_and(|pending| pending.link == *link) {
            stored.pending = None;
            self.home.store_chain(&stored).await?;
        }
        Ok(())
    }

    /// What the answer says of recoveries and of devices in two places, where it was not noted before.
    async fn news_of_others(&self, answer: &Account) -> Result<Vec<Notice>, DeviceError> {
        let mut news = Vec::new();
        if let Some(waiting) = &answer.recovery
            && let Some(notice) = self.recovery_notice(waiting)
        {
            news.push(notice);
        }
        let known = self.known();
        let members = answer.doubled.iter().filter(|doubled| known.chain.active(&doubled.device).is_some());
        news.extend(members.map(|doubled| Notice::Doubled { device: doubled.device, at: doubled.at }));
        self.unknown_of(news).await
    }
}

/// A signed link as it travels, in bytes.
const MAX_SIGNED_LINK: usize = MAX_LINK.saturating_add(128);

/// No chain is longer and no link larger; whoever says so has no end. Asked of every page, before it is kept.
fn require_size(page: &ChainAnswer) -> Result<(), DeviceError> {
    let fits = usize::try_from(page.length).is_ok_and(|length| length <= MAX_LINKS)
        && page.links.iter().all(|link| link.as_slice().len() <= MAX_SIGNED_LINK);
    if fits { Ok(()) } else { Err(ErrorCode::TooLarge.into()) }
}

/// The chain of an account, as anyone may read it.
pub(crate) async fn chain_from(
    api: &crate::api::Api,
    account: glimpse_wire::AccountId,
    from: u64,
) -> Result<ChainAnswer, DeviceError> {
    let path = |from: u64| format!("/v1/chains/{account}?from={from}");
    let mut answer: ChainAnswer = json(api.call(bare(Method::Get, path(from))).await?, MAX_ACCOUNT_ANSWER).await?;
    require_size(&answer)?;
    loop {
        let have = from.saturating_add(u64::try_from(answer.links.len()).unwrap_or(u64::MAX));
        if have >= answer.length {
            return Ok(answer);
        }
        let more: ChainAnswer = json(api.call(bare(Method::Get, path(have))).await?, MAX_ACCOUNT_ANSWER).await?;
        if more.links.is_empty() {
            return Err(rolled_back());
        }
        require_size(&more)?;
        let mut links = core::mem::take(&mut answer.links);
        links.extend(more.links);
        answer = ChainAnswer { links, ..ChainAnswer { links: Vec::new(), ..more } };
    }
}

/// The whole chain of an account, as anyone may read it, replayed.
pub(crate) async fn replayed(
    api: &crate::api::Api,
    account: glimpse_wire::AccountId,
) -> Result<(Vec<SignedLink>, Chain), DeviceError> {
    let answer = chain_from(api, account, 0).await?;
    let mut links: Vec<SignedLink> = Vec::with_capacity(answer.links.len());
    for link in &answer.links {
        links.push(decode(link.as_slice(), MAX_SIGNED_LINK).map_err(|_| ErrorCode::Malformed)?);
    }
    let place = |error| bad_link(0, error);
    let chain = Chain::replay(&links).map_err(place)?;
    if chain.account() == account { Ok((links, chain)) } else { Err(forked()) }
}

fn more_with(
    length: u64,
    links: Vec<Bytes>,
    wraps: Vec<DeviceWrap>,
    first: Account,
    statements: Vec<glimpse_wire::api::SignedJson>,
) -> Account {
    Account { chain: ChainAnswer { length, links, statements, ..first.chain }, wraps, ..first }
}

enum Refused {
    Fork(Box<Fork>),
    Bad(DeviceError),
}

/// Takes one link, or finds it known.
fn take_link(chain: &mut Chain, seq: u64, bytes: &Bytes) -> Result<Option<SignedLink>, Refused> {
    let link: SignedLink = decode(bytes.as_slice(), MAX_SIGNED_LINK)
        .map_err(|_| Refused::Bad(bad_link(seq, glimpse_wire::chain::ChainError::Malformed)))?;
    let place = Head { seq, hash: preimage::link_hash(link.link.as_slice()) };
    match chain.compare(&place) {
        Standing::Same | Standing::Behind => Ok(None),
        Standing::Ahead => match chain.push(&link) {
            Ok(()) => Ok(Some(link)),
            Err(error) => Err(Refused::Bad(bad_link(seq, error))),
        },
        Standing::Forked => {
            // Another link at a place that this device knows. Signed by one who belonged there, it is a fork; otherwise noise.
            let decoded: Option<Link> = decode(link.link.as_slice(), MAX_LINK).ok();
            let before = seq.saturating_sub(1);
            let key = decoded.as_ref().and_then(|decoded| match decoded.body {
                LinkBody::Recover { .. } => chain.recovery().map(|kit| kit.signing),
                LinkBody::Genesis { .. } | LinkBody::Act { .. } => {
                    let mut members = chain.members().iter();
                    let member = members.find(|member| member.id == decoded.signer && member.belonged_at(before));
                    member.map(|member| member.device.signing)
                }
            });
            let preimage = preimage::link_signature(link.link.as_slice());
            let signed =
                key.is_some_and(|key| glimpse_wire::signature::verify(&key, &preimage, &link.signature).is_ok());
            if signed {
                let named = ForkNamed::Link(link);
                Err(Refused::Fork(Box::new(Fork { ours: chain.head(), theirs: place, named })))
            } else {
                Err(Refused::Bad(bad_link(seq, glimpse_wire::chain::ChainError::Signature)))
            }
        }
    }
}

/// The wraps that the server gives, and of those that are kept what still counts. A server that has lost some does not make
/// this device lose them, its own least of all.
fn renewed(kept: &[KeptWrap], answer: &Account, chain: &Chain, own: DeviceId) -> Vec<KeptWrap> {
    let mut wraps: Vec<KeptWrap> = answer.wraps.iter().cloned().map(KeptWrap::from).collect();
    let is_given = |wrap: &KeptWrap| answer.wraps.iter().any(|given| given.device == wrap.device);
    let counts = |wrap: &KeptWrap| committed(chain, &[DeviceWrap::from(wrap.clone())]);
    let stays = |wrap: &&KeptWrap| {
        if wrap.device == own {
            !answer.wraps.contains(&DeviceWrap::from((*wrap).clone()))
        } else {
            counts(wrap) && !is_given(wrap)
        }
    };
    wraps.extend(kept.iter().filter(stays).cloned());
    wraps
}

fn undone(pending: &Pending) -> Option<Notice> {
    let link: Link = decode(pending.link.link.as_slice(), MAX_LINK).ok()?;
    let devices = match link.body {
        LinkBody::Act { act: Act::Revoke { devices, .. }, .. } => devices,
        LinkBody::Genesis { .. } | LinkBody::Act { .. } | LinkBody::Recover { .. } => Vec::new(),
    };
    Some(Notice::Undone { seq: link.seq, devices })
}

/// What a link tells the owner; `before` are the rules that it found.
fn notice_of(link: &SignedLink, seq: u64, before: &Policy) -> Option<Notice> {
    let decoded: Link = decode(link.link.as_slice(), MAX_LINK).ok()?;
    let by = decoded.signer;
    match decoded.body {
        LinkBody::Genesis { .. } => None,
        LinkBody::Recover { device, .. } => Some(Notice::Recovered { seq, device: device.id() }),
        LinkBody::Act { act, .. } => Some(match act {
            Act::Add { device, at, held, .. } => Notice::Linked { seq, device: device.id(), by, at, held },
            Act::Revoke { devices, .. } => Notice::Revoked { seq, devices, by },
            Act::Rotate { .. } => Notice::Rotated { seq, by },
            Act::Policy { policy, at, .. } => {
                let (pinned, unpinned) = (pinned(&policy, before), pinned(before, &policy));
                Notice::PolicyChanged { seq, by, at: Some(at), pinned: Some(pinned), unpinned: Some(unpinned) }
            }
            Act::Recovery { keys, .. } => Notice::KitChanged { seq, by, there: !keys.is_empty() },
        }),
    }
}

/// Names that a notice tells.
const MAX_TOLD: usize = 8;

/// The names of those whom `policy` pins and `other` does not.
fn pinned(policy: &Policy, other: &Policy) -> Vec<String> {
    let added = policy.organisations.iter().filter(|pin| !other.organisations.contains(pin));
    added
        .chain(policy.writers.iter().filter(|pin| !other.writers.contains(pin)))
        .map(|pin| short_name(&pin.name))
        .take(MAX_TOLD)
        .collect()
}

impl StoredChain {
    /// The genesis link.
    pub(crate) fn genesis(&self) -> Result<&SignedLink, DeviceError> {
        self.links.first().ok_or(DeviceError::Damaged(crate::home::Home::CHAIN))
    }
}
