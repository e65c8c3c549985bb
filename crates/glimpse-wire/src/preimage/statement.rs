//! Statements that somebody signs: one label for each kind.

use super::{Preimage, label};

/// The kinds of statement that [`crate::account::Signed`] carries; each has a label of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// [`crate::account::HeadStatement`].
    Head,
    /// [`crate::account::Card`].
    Card,
    /// [`crate::record::Deletion`].
    Deletion,
    /// [`crate::api::AccountDeletion`].
    AccountDeletion,
    /// [`crate::api::SignIn`].
    SignIn,
    /// [`crate::session::OpenRequest`].
    Open,
    /// [`crate::session::End`].
    End,
    /// [`crate::session::Countersignature`].
    Countersign,
    /// [`crate::api::WriterMint`].
    WriterMint,
    /// [`crate::account::RecoveryRequest`].
    Recovery,
    /// [`crate::account::Veto`].
    Veto,
    /// [`crate::record::Checkpoint`].
    Checkpoint,
    /// [`crate::record::Decision`].
    Decision,
    /// [`crate::session::Stop`].
    Stop,
    /// [`crate::organisation::OrganisationCard`].
    OrganisationCard,
    /// [`crate::organisation::Credential`].
    Credential,
    /// [`crate::organisation::Revocations`].
    Revocations,
    /// [`crate::organisation::Invitation`].
    AgentInvitation,
    /// [`crate::organisation::OrganisationRequest`].
    OrganisationRequest,
    /// [`crate::organisation::AgentSignIn`].
    AgentSignIn,
    /// [`crate::organisation::Outcome`].
    Outcome,
    /// [`crate::session::Destroyed`].
    Destroyed,
}

impl StatementKind {
    /// Every kind, for tests that offer each as each other.
    pub const ALL: [Self; 22] = [
        Self::Head,
        Self::Card,
        Self::Deletion,
        Self::AccountDeletion,
        Self::SignIn,
        Self::Open,
        Self::End,
        Self::Countersign,
        Self::WriterMint,
        Self::Recovery,
        Self::Veto,
        Self::Checkpoint,
        Self::Decision,
        Self::Stop,
        Self::OrganisationCard,
        Self::Credential,
        Self::Revocations,
        Self::AgentInvitation,
        Self::OrganisationRequest,
        Self::AgentSignIn,
        Self::Outcome,
        Self::Destroyed,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Head => label::HEAD_STATEMENT,
            Self::Card => label::CARD,
            Self::Deletion => label::DELETION,
            Self::AccountDeletion => label::ACCOUNT_DELETION,
            Self::SignIn => label::SIGN_IN,
            Self::Open => label::OPEN,
            Self::End => label::END,
            Self::Countersign => label::COUNTERSIGN,
            Self::WriterMint => label::WRITER_MINT,
            Self::Recovery => label::RECOVERY,
            Self::Veto => label::VETO,
            Self::Checkpoint => label::CHECKPOINT,
            Self::Decision => label::DECISION,
            Self::Stop => label::STOP,
            Self::OrganisationCard => label::ORGANISATION_CARD,
            Self::Credential => label::CREDENTIAL,
            Self::Revocations => label::REVOCATIONS,
            Self::AgentInvitation => label::AGENT_INVITATION,
            Self::OrganisationRequest => label::ORGANISATION_REQUEST,
            Self::AgentSignIn => label::AGENT_SIGN_IN,
            Self::Outcome => label::OUTCOME,
            Self::Destroyed => label::DESTROYED,
        }
    }
}

/// What signs a statement: `lp(label of its kind, statement)`.
#[must_use]
pub fn statement_signature(kind: StatementKind, statement: &[u8]) -> Vec<u8> {
    Preimage::new(kind.label()).part(statement).into_bytes()
}
