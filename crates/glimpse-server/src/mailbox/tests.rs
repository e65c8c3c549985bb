use glimpse_wire::encode;
use glimpse_wire::limits::DEVICE_AWAY_MILLIS;

use super::*;

const NOW: UnixMillis = UnixMillis(1_000_000);

/// A code that its device shows, and the device's first frame.
fn shown(mailboxes: &Mailboxes) -> (NewMailbox, ToServer) {
    let owner = Owner::Device { account: AccountId([1; 32]), device: DeviceId([2; 32]) };
    let shown = mailboxes.open(owner, Purpose::View, &Limits::default(), NOW).expect("opens");
    let offer = Offer {
        suite: SUITE,
        purpose: Purpose::View,
        mailbox: shown.mailbox,
        server_nonce: shown.server_nonce,
        device_nonce: Hash([4; 32]),
        identity: Hash([5; 32]),
        expires: shown.expires,
    };
    mailboxes.put_offer(&shown.mailbox, &shown.token, Bytes(encode(&offer)), NOW).expect("taken");
    let join = ToServer::Join { token: shown.token, received: 0 };
    (shown, join)
}

#[test]
fn a_code_whose_device_is_gone_cannot_be_claimed() {
    let mailboxes = Mailboxes::default();
    let ((gone, join), (brief, join_brief)) = (shown(&mailboxes), shown(&mailboxes));
    for (mailbox, join) in [(&gone, &join), (&brief, &join_brief)] {
        let connection = mailboxes.join(&mailbox.mailbox, join, NOW).expect("joins");
        mailboxes.leave(&connection, NOW);
    }
    let claim = |mailbox: &NewMailbox, now| mailboxes.claim(&mailbox.nameplate, Purpose::View, None, now);
    claim(&brief, NOW.plus(DEVICE_AWAY_MILLIS - 1)).expect("control: it may still come back");
    // The claim itself finds out: nothing was swept.
    for _ in 0..2 {
        let refused = claim(&gone, NOW.plus(DEVICE_AWAY_MILLIS)).map(|_| ()).map_err(|problem| problem.code());
        assert_eq!(refused, Err(ErrorCode::DeviceOffline));
    }
    let late = mailboxes.join(&gone.mailbox, &join, NOW.plus(DEVICE_AWAY_MILLIS)).map(|_| ());
    assert_eq!(late, Err(ErrorCode::DeviceOffline), "the code is gone for its device as well");
}
