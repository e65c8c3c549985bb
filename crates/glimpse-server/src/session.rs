//! The rules of a session: what Terms may say, and which request to open is granted. Facts and time are arguments.

use glimpse_wire::limits::{
    CLOCK_SLACK_MILLIS, MAX_SESSION_MILLIS, MAX_TERMS_PER_SESSION, MAX_UNITS_PER_GRANT, MAX_UNITS_PER_SESSION,
    MIN_SESSION_MILLIS,
};
use glimpse_wire::pairing::{Rights, Terms, TermsUnit};
use glimpse_wire::session::GrantSubmission;
use glimpse_wire::{ErrorCode, Hash, SUITE, UnixMillis, decode, preimage};

use crate::store::{NewUnit, Session, SignedIn};

/// Terms as the device submitted them, decoded, with the device's signature verified.
#[derive(Debug)]
pub(crate) struct SignedTerms {
    pub(crate) submission: GrantSubmission,
    pub(crate) terms: Terms,
    pub(crate) hash: Hash,
}

impl SignedTerms {
    /// Decodes a submission and checks everything that needs no other fact than who submits it.
    ///
    /// # Errors
    /// `Malformed`, `Unauthorised` for a bad signature.
    pub(crate) fn parse(bytes: &[u8], limit: usize, device: &SignedIn) -> Result<Self, ErrorCode> {
        let submission: GrantSubmission = decode(bytes, limit).map_err(|_| ErrorCode::Malformed)?;
        let terms: Terms = decode(submission.terms.as_slice(), limit).map_err(|_| ErrorCode::Malformed)?;
        let preimage = preimage::grant_signature(
            &submission.transcript,
            &submission.kem,
            submission.terms.as_slice(),
            &submission.sealed,
        );
        glimpse_wire::signature::verify(&device.signing, &preimage, &submission.signature)
            .map_err(|_| ErrorCode::Unauthorised)?;
        let fits = terms.suite == SUITE
            && terms.session == preimage::session_id(&submission.transcript)
            && terms.account == device.account
            && terms.units.len() <= MAX_UNITS_PER_GRANT
            && terms.rights & Rights::VIEW != 0
            && terms.rights & !Rights::ALL == 0
            && terms.seq >= 1;
        if !fits {
            return Err(ErrorCode::Malformed);
        }
        let hash = preimage::terms_hash(submission.terms.as_slice());
        Ok(Self { submission, terms, hash })
    }

    /// The units that these Terms add.
    pub(crate) fn units(&self) -> Vec<NewUnit> {
        let listed = self.terms.units.iter();
        listed
            .map(|unit| match unit {
                TermsUnit::Sealed { unit } => NewUnit { unit: *unit, blob: None },
                TermsUnit::Blob { unit, h0 } => NewUnit { unit: *unit, blob: Some(*h0) },
            })
            .collect()
    }

    /// A session that begins now, in the mailbox where its pairing ran; the caller says which agent claimed that.
    ///
    /// # Errors
    /// `Malformed` for Terms that are not the first, or whose times make no sense at this server's clock.
    pub(crate) fn first(&self, device: &SignedIn, now: UnixMillis) -> Result<Session, ErrorCode> {
        let terms = &self.terms;
        if terms.seq != 1 || !times_fit(terms, terms.issued, now) {
            return Err(ErrorCode::Malformed);
        }
        Ok(Session {
            session: terms.session,
            account: device.account,
            device: device.device,
            mailbox: self.submission.mailbox,
            viewer: terms.viewer,
            transcript: self.submission.transcript,
            seq: terms.seq,
            terms: self.hash,
            units: count(terms),
            budget: terms.budget,
            rate: terms.rate,
            issued: terms.issued,
            granted: now,
            expires: terms.expires,
            asked: terms.asked,
            agent: None,
            ended: None,
        })
    }

    /// The session under these Terms instead of its present ones.
    ///
    /// # Errors
    /// `Conflict` when they are not the next, `Malformed` when they change what cannot change, `TooLarge` for too many Terms or
    /// too many units.
    pub(crate) fn next(&self, session: &Session, now: UnixMillis) -> Result<Session, ErrorCode> {
        let terms = &self.terms;
        if session.seq.checked_add(1) != Some(terms.seq) {
            return Err(ErrorCode::Conflict);
        }
        let same_session = terms.viewer == session.viewer
            && terms.asked == session.asked
            && self.submission.transcript == session.transcript
            && self.submission.mailbox == session.mailbox;
        if !same_session || !times_fit(terms, session.issued, now) {
            return Err(ErrorCode::Malformed);
        }
        let units = session.units.saturating_add(count(terms));
        let too_many = terms.seq > MAX_TERMS_PER_SESSION;
        if too_many || units > u64::try_from(MAX_UNITS_PER_SESSION).unwrap_or(u64::MAX) {
            return Err(ErrorCode::TooLarge);
        }
        Ok(Session {
            seq: terms.seq,
            terms: self.hash,
            units,
            budget: terms.budget,
            rate: terms.rate,
            expires: terms.expires,
            ..session.clone()
        })
    }
}

fn count(terms: &Terms) -> u64 {
    u64::try_from(terms.units.len()).unwrap_or(u64::MAX)
}

/// Issued at about this time, and ending after now but within the hard cap, which counts from the first Terms.
fn times_fit(terms: &Terms, first_issued: UnixMillis, now: UnixMillis) -> bool {
    let issued_now =
        terms.issued.0 <= now.plus(CLOCK_SLACK_MILLIS).0 && now.0 <= terms.issued.plus(CLOCK_SLACK_MILLIS).0;
    let length = terms.expires.since(first_issued);
    issued_now && terms.expires.0 > now.0 && (MIN_SESSION_MILLIS..=MAX_SESSION_MILLIS).contains(&length)
}

/// What is known when a viewer asks to open a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// The request's counter.
    pub(crate) counter: u64,
    /// The highest counter that was used; 0 for none.
    pub(crate) newest: u64,
    /// Whether the request under this counter, if there was one, had the same bytes.
    pub(crate) same: Option<bool>,
    /// Whether that request was answered by opening.
    pub(crate) was_opened: bool,
    /// Whether the session has the receipt that the request names as the viewer's newest.
    pub(crate) knows_last: bool,
    /// Whether Terms list the unit.
    pub(crate) granted: bool,
    /// Whether the device has uploaded it.
    pub(crate) ready: bool,
    /// Openings so far.
    pub(crate) opened: u64,
    /// Openings in all, by the newest Terms.
    pub(crate) budget: u32,
    /// Counters used within the last minute.
    pub(crate) recent: u64,
    /// How many of those the newest Terms allow.
    pub(crate) rate: u32,
}

/// What becomes of a request to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Open: write the receipt, then release the share.
    Open,
    /// The identical request again: the identical answer, nothing is written.
    Again {
        /// Whether that answer was to open.
        opened: bool,
    },
    /// Another request under a used counter: somebody else holds the session's key. A receipt says so.
    Alarm,
    /// Terms do not list the unit. The counter is used, and a receipt says so as long as there are few.
    NotGranted,
    /// Nothing is written: the same request is good once the device has uploaded the unit.
    NotReady,
    /// Nothing is written: the same request is good once Terms allow more.
    BudgetSpent,
    /// Nothing is written: the same request is good a little later.
    RateLimited,
    /// A counter that skips.
    OutOfOrder,
    /// Nothing is written: a trail that holds a request like this could not be audited.
    UnknownReceipt,
}

impl Asked {
    /// The rule (protocol section 7.2).
    pub(crate) fn judge(self) -> Verdict {
        match self.same {
            Some(true) => return Verdict::Again { opened: self.was_opened },
            Some(false) => return Verdict::Alarm,
            None => {}
        }
        if self.newest.checked_add(1) != Some(self.counter) {
            Verdict::OutOfOrder
        } else if !self.knows_last {
            Verdict::UnknownReceipt
        } else if self.recent >= u64::from(self.rate) {
            Verdict::RateLimited
        } else if !self.granted {
            Verdict::NotGranted
        } else if !self.ready {
            Verdict::NotReady
        } else if self.opened >= u64::from(self.budget) {
            Verdict::BudgetSpent
        } else {
            Verdict::Open
        }
    }
}

impl Verdict {
    /// What the viewer is told, unless it is given the share.
    pub(crate) const fn code(self) -> Option<ErrorCode> {
        match self {
            Self::Open | Self::Again { opened: true } => None,
            Self::Alarm => Some(ErrorCode::CounterReused),
            Self::NotGranted | Self::Again { opened: false } => Some(ErrorCode::NotGranted),
            Self::NotReady => Some(ErrorCode::NotReady),
            Self::BudgetSpent => Some(ErrorCode::BudgetSpent),
            Self::RateLimited => Some(ErrorCode::RateLimited),
            Self::OutOfOrder => Some(ErrorCode::Malformed),
            Self::UnknownReceipt => Some(ErrorCode::Conflict),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Asked = Asked {
        counter: 1,
        newest: 0,
        same: None,
        was_opened: false,
        knows_last: true,
        granted: true,
        ready: true,
        opened: 0,
        budget: 2,
        recent: 0,
        rate: 2,
    };

    #[test]
    fn one_counter_one_request() {
        assert_eq!(FIRST.judge(), Verdict::Open);
        let used = Asked { newest: 1, same: Some(true), was_opened: true, opened: 1, ..FIRST };
        assert_eq!(used.judge(), Verdict::Again { opened: true });
        // A retry is answered even when everything is spent: the opening was paid for.
        assert_eq!(Asked { opened: 2, recent: 2, ..used }.judge(), Verdict::Again { opened: true });
        assert_eq!(Asked { same: Some(false), ..used }.judge(), Verdict::Alarm);
        assert_eq!(Asked { counter: 3, newest: 1, ..FIRST }.judge(), Verdict::OutOfOrder);
        assert_eq!(Asked { counter: 0, ..FIRST }.judge(), Verdict::OutOfOrder);
    }

    #[test]
    fn each_check_hides_those_after_it() {
        let nothing_fits = Asked {
            counter: 3,
            newest: 1,
            same: Some(false),
            knows_last: false,
            recent: 2,
            granted: false,
            ready: false,
            opened: 2,
            ..FIRST
        };
        let mut asked = nothing_fits;
        let mut judged = vec![asked.judge()];
        let mends: [fn(&mut Asked); 7] = [
            |asked| asked.same = None,
            |asked| asked.newest = 2,
            |asked| asked.knows_last = true,
            |asked| asked.recent = 0,
            |asked| asked.granted = true,
            |asked| asked.ready = true,
            |asked| asked.opened = 0,
        ];
        for mend in mends {
            mend(&mut asked);
            judged.push(asked.judge());
        }
        let order = [
            Verdict::Alarm,
            Verdict::OutOfOrder,
            Verdict::UnknownReceipt,
            Verdict::RateLimited,
            Verdict::NotGranted,
            Verdict::NotReady,
            Verdict::BudgetSpent,
            Verdict::Open,
        ];
        assert_eq!(judged, order, "the order of protocol section 7.2");
    }

    #[test]
    fn budget_rate_and_scope() {
        assert_eq!(Asked { opened: 2, ..FIRST }.judge(), Verdict::BudgetSpent);
        assert_eq!(Asked { recent: 2, ..FIRST }.judge(), Verdict::RateLimited);
        assert_eq!(Asked { granted: false, ..FIRST }.judge(), Verdict::NotGranted);
        assert_eq!(Asked { ready: false, ..FIRST }.judge(), Verdict::NotReady);
    }
}
