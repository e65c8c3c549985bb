//! The key by which the server signs what it says of itself: that it destroyed a session (protocol section 7.3).
//!
//! It opens nothing and derives nothing, so it lies in the data folder, where the first start makes it. Whoever has it can say
//! in this server's name that something was destroyed; so it is for its owner alone, and no backup holds it. An operator who
//! moves a server takes the file along: devices and organisations remember the key that they met, and so does the database. A
//! server whose file is gone or holds another key does not start, unless its operator accepts that ([`accept`]).

use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;

use glimpse_wire::UnixMillis;
use glimpse_wire::ids::{Bytes, SignatureBytes, SigningKeyBytes};
use glimpse_wire::preimage::{StatementKind, statement_signature};
use glimpse_wire::session::Destroyed;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::key_file::from_hex;
use crate::secret_file::{self, Fault};
use crate::server::StartError;
use crate::settings::Settings;
use crate::store::Store;

/// The file inside the data folder: 64 hex digits.
pub(crate) const NAME: &str = "signing-key";
const SEED_LEN: usize = 32;

/// An Ed25519 key that signs.
pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    public: SigningKeyBytes,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// Why the signing key was refused.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// Not readable, or not to be made.
    #[error("cannot use the signing key in the data folder: {0}")]
    Unusable(#[from] io::Error),
    /// Others may read it.
    #[error("the signing key in the data folder may be read by others; run: chmod 600 signing-key")]
    Exposed,
    /// Not such a key.
    #[error("the file signing-key in the data folder holds something other than 64 hex digits")]
    Malformed,
    /// The database knows a key, and there is none.
    #[error(
        "the file signing-key is not in the data folder, and devices and organisations know this server by the key {known}; \
         put the file back from where you keep it. If it is lost: glimpse-server accept-signing-key makes another one, \
         by which they will believe no deletion"
    )]
    Missing {
        /// The public key that the file is of.
        known: SigningKeyBytes,
    },
    /// The database knows a key, and there is another.
    #[error(
        "the file signing-key in the data folder is of the key {found}, and devices and organisations know this server by \
         {known}; put the right file back from where you keep it. If it is lost: glimpse-server accept-signing-key goes on \
         with the one that is there, by which they will believe no deletion"
    )]
    Other {
        /// The public key by which this server is known.
        known: SigningKeyBytes,
        /// That of the file.
        found: SigningKeyBytes,
    },
}

/// The key that a server accepted, in the place of the one by which it was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedKey {
    /// By which it signs from now on.
    pub key: SigningKeyBytes,
    /// By which it was known; none where it never started, the same where nothing changed.
    pub before: Option<SigningKeyBytes>,
}

/// The key of a data folder, which is the one that its database knows. The first start makes it, and has the database remember.
///
/// # Errors
/// [`StartError`]: [`SigningKeyError`] names what an operator must mend.
pub(crate) async fn known(data: &Path, store: &Store, now: UnixMillis) -> Result<SigningKey, StartError> {
    let known = store.signing_key().await?;
    match SigningKey::read(data)? {
        None => {
            if let Some(known) = known {
                return Err(SigningKeyError::Missing { known }.into());
            }
            let made = SigningKey::make(data)?;
            store.sign_with(&made.public, now).await?;
            Ok(made)
        }
        Some(key) => match known {
            Some(known) if known != key.public => Err(SigningKeyError::Other { known, found: key.public }.into()),
            Some(_) => Ok(key),
            None => {
                store.sign_with(&key.public, now).await?;
                Ok(key)
            }
        },
    }
}

/// Has the server go on by the key that is in the data folder, or by one that it makes where there is none, whatever its
/// database knew. An alarm in the log, for devices and organisations do not go along.
///
/// # Errors
/// [`StartError`], among them [`StartError::InUse`] while the server runs.
pub async fn accept(settings: &Settings, clock: &dyn Clock) -> Result<AcceptedKey, StartError> {
    let store = Store::open(&settings.data).await?;
    let accepted = async {
        let before = store.signing_key().await?;
        let key = match SigningKey::read(&settings.data)? {
            Some(key) => key.public,
            None => SigningKey::make(&settings.data)?.public,
        };
        if before != Some(key) {
            store.sign_with(&key, clock.now()).await?;
        }
        if let Some(before) = before.filter(|before| *before != key) {
            tracing::error!(%before, %key, "alarm: another signing key was accepted");
        }
        Ok(AcceptedKey { key, before })
    }
    .await;
    store.close().await;
    accepted
}

impl SigningKey {
    /// Makes one; never in the place of another.
    fn make(data: &Path) -> Result<Self, SigningKeyError> {
        let mut seed = Zeroizing::new([0u8; SEED_LEN]);
        getrandom::fill(seed.as_mut_slice()).map_err(io::Error::other)?;
        let mut text = Zeroizing::new(String::with_capacity(2 * SEED_LEN + 1));
        for byte in seed.iter() {
            write!(text, "{byte:02x}").map_err(io::Error::other)?;
        }
        text.push('\n');
        secret_file::write_new(&data.join(NAME), &text)?;
        Self::parse(&text).ok_or(SigningKeyError::Malformed)
    }

    /// Reads the key in a data folder, where there is one.
    fn read(data: &Path) -> Result<Option<Self>, SigningKeyError> {
        let path = data.join(NAME);
        if !path.try_exists()? {
            return Ok(None);
        }
        let text = secret_file::read_inside(&path).map_err(|fault| match fault {
            Fault::Unreadable(source) => SigningKeyError::Unusable(source),
            Fault::InsideData | Fault::Exposed => SigningKeyError::Exposed,
        })?;
        Self::parse(&text).ok_or(SigningKeyError::Malformed).map(Some)
    }

    fn parse(text: &str) -> Option<Self> {
        let seed = from_hex(text.trim())?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).ok()?;
        let public = SigningKeyBytes(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair, public })
    }

    pub(crate) const fn public(&self) -> SigningKeyBytes {
        self.public
    }

    /// Signs that what it says was destroyed. It signs nothing else.
    pub(crate) fn sign(&self, word: &Destroyed) -> (Bytes, SignatureBytes) {
        let statement = glimpse_wire::encode(word);
        let signed = self.pair.sign(&statement_signature(StatementKind::Destroyed, &statement));
        let mut signature = [0; 64];
        for (to, from) in signature.iter_mut().zip(signed.as_ref()) {
            *to = *from;
        }
        (Bytes(statement), SignatureBytes(signature))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use glimpse_wire::account::Signed;
    use glimpse_wire::{Hash, SUITE, SessionId};

    use super::*;
    use crate::test_server::ScratchFolder;

    #[test]
    fn a_signing_key_is_made_once_for_its_owner_alone_and_shows_nothing() {
        let folder = ScratchFolder::new().unwrap();
        assert!(SigningKey::read(folder.path()).unwrap().is_none(), "control");
        let key = SigningKey::make(folder.path()).unwrap();
        let path = folder.path().join(NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SigningKey::read(folder.path()).unwrap().unwrap().public(), key.public(), "the same each time");
        assert!(SigningKey::make(folder.path()).is_err(), "never overwritten");
        assert_eq!(format!("{key:?}"), "SigningKey");
        let other = ScratchFolder::new().unwrap();
        assert_ne!(SigningKey::make(other.path()).unwrap().public(), key.public(), "control");

        let (head, session) = (Hash([1; 32]), SessionId([2; 16]));
        let word = Destroyed { suite: SUITE, server: key.public(), session, head, at: UnixMillis(3), units: 4 };
        let (statement, signature) = key.sign(&word);
        let signed = Signed { statement, signature };
        assert_eq!(signed.open::<Destroyed>(StatementKind::Destroyed, &key.public()).unwrap(), word);
        assert!(signed.open::<Destroyed>(StatementKind::Countersign, &key.public()).is_err(), "its own label");

        let text = std::fs::read_to_string(&path).unwrap();
        for bad in
            ["", "00", &format!("{}{}", text.trim(), "00"), &text.replace(|digit: char| digit.is_ascii_hexdigit(), "x")]
        {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(SigningKey::read(folder.path()), Err(SigningKeyError::Malformed)), "{bad}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(SigningKey::read(folder.path()), Err(SigningKeyError::Exposed)));
    }
}
