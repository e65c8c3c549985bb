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

#[test]
fn a_code_whose_device_never_came_ends_as_one_whose_device_went() {
    let mailboxes = Mailboxes::default();
    let ((gone, _), (slow, join_slow), (unclaimed, _)) = (shown(&mailboxes), shown(&mailboxes), shown(&mailboxes));
    let viewers = [&gone, &slow].map(|mailbox| {
        let claimed = mailboxes.claim(&mailbox.nameplate, Purpose::View, None, NOW).expect("claimed");
        let join = ToServer::Join { token: claimed.token, received: 0 };
        mailboxes.join(&mailbox.mailbox, &join, NOW).expect("joins")
    });
    let late = NOW.plus(DEVICE_AWAY_MILLIS - 1);
    let _device = mailboxes.join(&slow.mailbox, &join_slow, late).expect("control: it may still come");
    mailboxes.sweep(late);
    assert!(mailboxes.is_live(&gone.mailbox), "control: for so long it is waited for");
    mailboxes.sweep(NOW.plus(DEVICE_AWAY_MILLIS));
    assert!(mailboxes.is_live(&slow.mailbox), "control: this one came");
    let [waits, _] = viewers;
    let told = core::iter::repeat_with(|| mailboxes.next(&waits)).find(|next| !matches!(next, Next::Send(_)));
    assert!(matches!(told, Some(Next::Over(ErrorCode::DeviceOffline))), "the viewer that waits hears it: {told:?}");
    let refused = mailboxes.claim(&unclaimed.nameplate, Purpose::View, None, NOW.plus(DEVICE_AWAY_MILLIS));
    assert_eq!(refused.map(|_| ()).map_err(|problem| problem.code()), Err(ErrorCode::DeviceOffline));
}
