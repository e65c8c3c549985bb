//! The mailboxes of live sessions, through a restart in order.

use glimpse_wire::pairing::Purpose;
use glimpse_wire::{AccountId, DeviceId, Hash, MailboxId, SessionId, UnixMillis, decode, encode};
use minicbor::{Decode, Encode};

use super::Mailboxes;
use super::pipe::{End, KeptEnd};
use super::state::{Mailbox, Owner};

/// The mailbox of a live session, as it is kept through a restart.
#[derive(Debug, Encode, Decode)]
struct Kept {
    #[n(0)]
    mailbox: MailboxId,
    #[n(1)]
    session: SessionId,
    #[n(2)]
    account: AccountId,
    #[n(3)]
    device: DeviceId,
    #[n(4)]
    purpose: Purpose,
    #[n(5)]
    device_token: Hash,
    #[n(6)]
    viewer_token: Hash,
    #[n(7)]
    device_end: KeptEnd,
    #[n(8)]
    viewer_end: KeptEnd,
}

impl Mailboxes {
    /// The mailboxes of live sessions, for the time of a restart.
    pub(crate) fn keep(&self) -> Vec<(SessionId, Vec<u8>)> {
        let state = self.state();
        let kept = state.mailboxes.iter().filter(|(_, mailbox)| mailbox.over.is_none()).filter_map(|(id, mailbox)| {
            let session = mailbox.session?;
            let Owner::Device { account, device } = mailbox.owner else { return None };
            let kept = Kept {
                mailbox: *id,
                session,
                account,
                device,
                purpose: mailbox.purpose,
                device_token: mailbox.device_token,
                viewer_token: mailbox.viewer_token?,
                device_end: mailbox.device_end.keep(),
                viewer_end: mailbox.viewer_end.keep(),
            };
            Some((session, encode(&kept)))
        });
        kept.collect()
    }

    /// Takes back what [`Mailboxes::keep`] gave; what cannot be read is left out, and its session ends.
    pub(crate) fn restore(&self, kept: &[Vec<u8>]) {
        let mut state = self.state();
        for kept in kept.iter().filter_map(|bytes| decode::<Kept>(bytes, usize::MAX).ok()) {
            let mailbox = Mailbox {
                owner: Owner::Device { account: kept.account, device: kept.device },
                purpose: kept.purpose,
                nameplate: None,
                server_nonce: Hash::ZERO,
                offer: None,
                expires: UnixMillis(0),
                session: Some(kept.session),
                device_away: None,
                over: None,
                // The session knows.
                agent: None,
                crowded: false,
                device_token: kept.device_token,
                viewer_token: Some(kept.viewer_token),
                device_end: End::restore(kept.device_end),
                viewer_end: End::restore(kept.viewer_end),
            };
            state.mailboxes.insert(kept.mailbox, mailbox);
            state.live += 1;
        }
    }
}
