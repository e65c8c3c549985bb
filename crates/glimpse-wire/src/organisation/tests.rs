//! What a list of revocations takes back. Signatures are tested where keys are, in core.

use super::*;

fn credential(agent: u8, not_before: u64) -> Credential {
    Credential {
        suite: crate::SUITE,
        organisation: SigningKeyBytes([1; 32]),
        agent: AgentId([agent; 16]),
        name: "Sam".to_owned(),
        key: SigningKeyBytes([2; 32]),
        role: Role::Agent,
        not_before: UnixMillis(not_before),
        not_after: UnixMillis(not_before).plus(3_600_000),
    }
}

#[test]
fn a_revocation_takes_back_what_began_before_it_and_nothing_else() {
    let at = |at| RevokedAgent { agent: AgentId([7; 16]), at: UnixMillis(at) };
    let list = |agents| Revocations {
        suite: crate::SUITE,
        organisation: SigningKeyBytes([1; 32]),
        seq: 1,
        at: UnixMillis(10_000_000),
        agents,
    };
    let (now, held) = (UnixMillis(10_000_000), credential(7, 9_000_000));
    assert_eq!(held.check(None, now), Ok(()), "control");
    assert_eq!(held.check(Some(&list(vec![])), now), Ok(()));
    assert_eq!(held.check(Some(&list(vec![at(9_000_000)])), now), Err(CredentialFault::Revoked));
    assert_eq!(held.check(Some(&list(vec![at(8_999_999)])), now), Ok(()), "vouched for again, later");
    assert_eq!(credential(8, 9_000_000).check(Some(&list(vec![at(9_000_000)])), now), Ok(()), "a colleague");
}

#[test]
fn a_credential_counts_from_its_first_moment_up_to_its_last() {
    let held = credential(7, 10_000_000);
    let at = |at| held.check(None, UnixMillis(at));
    assert_eq!(at(10_000_000 - CLOCK_SLACK_MILLIS - 1), Err(CredentialFault::Early));
    assert_eq!(at(10_000_000 - CLOCK_SLACK_MILLIS), Ok(()), "clocks differ a little");
    assert_eq!(at(13_599_999), Ok(()));
    assert_eq!(at(13_600_000), Err(CredentialFault::Expired));
}
