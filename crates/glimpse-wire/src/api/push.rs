//! Web Push: where a device's messages go. What a message says is in protocol section 8.4.

use serde::{Deserialize, Serialize};

use crate::codec::Malformed;
use crate::ids::Bytes;
use crate::limits::{MAX_PUSH_ENDPOINT, PUSH_AUTH_LEN, PUSH_KEY_LEN};

/// What a browser's push manager gives a page that subscribes: the one subscription of the device that stores it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushSubscription {
    /// An `https` URL at the push provider, at most [`MAX_PUSH_ENDPOINT`] bytes of ASCII. Whoever knows it and the server's
    /// key can send there.
    pub endpoint: String,
    /// The client's P-256 public key, an uncompressed point of [`PUSH_KEY_LEN`] bytes (RFC 8291 section 2.1).
    pub p256dh: Bytes,
    /// The client's authentication secret, [`PUSH_AUTH_LEN`] bytes (RFC 8291 section 2.1).
    pub auth: Bytes,
}

impl PushSubscription {
    /// Checks lengths and the outer form. Whether the endpoint may be reached and whether the key is a point of the curve
    /// is the server's to say.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn check(&self) -> Result<(), Malformed> {
        let endpoint = self.endpoint.as_bytes();
        let fits = endpoint.len() <= MAX_PUSH_ENDPOINT
            && self.endpoint.starts_with("https://")
            && endpoint.iter().all(u8::is_ascii_graphic)
            && self.p256dh.as_slice().len() == PUSH_KEY_LEN
            && self.p256dh.as_slice().first() == Some(&UNCOMPRESSED)
            && self.auth.as_slice().len() == PUSH_AUTH_LEN;
        if fits { Ok(()) } else { Err(Malformed) }
    }
}

/// What an uncompressed point begins with (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

impl core::fmt::Debug for PushSubscription {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PushSubscription")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription() -> PushSubscription {
        let mut point = vec![7; PUSH_KEY_LEN];
        point[0] = UNCOMPRESSED;
        PushSubscription {
            endpoint: "https://push.example/send/abc".to_owned(),
            p256dh: Bytes(point),
            auth: Bytes(vec![9; PUSH_AUTH_LEN]),
        }
    }

    #[test]
    fn each_part_has_its_one_form() {
        assert_eq!(subscription().check(), Ok(()));
        let longest = format!("https://push.example/{}", "x".repeat(MAX_PUSH_ENDPOINT - 21));
        let with = |endpoint: &str| PushSubscription { endpoint: endpoint.to_owned(), ..subscription() };
        assert_eq!(with(&longest).check(), Ok(()));
        for endpoint in [
            "",
            "http://push.example/",
            "push.example",
            "https://push.example/a b",
            "https://pü.example/",
            "HTTPS://a/",
        ] {
            assert_eq!(with(endpoint).check(), Err(Malformed), "{endpoint}");
        }
        assert_eq!(with(&format!("{longest}x")).check(), Err(Malformed));
        for length in [0, PUSH_KEY_LEN - 1, PUSH_KEY_LEN + 1] {
            let p256dh = Bytes(vec![UNCOMPRESSED; length]);
            assert_eq!(PushSubscription { p256dh, ..subscription() }.check(), Err(Malformed));
        }
        let compressed = Bytes([&[2], [7; PUSH_KEY_LEN - 1].as_slice()].concat());
        assert_eq!(PushSubscription { p256dh: compressed, ..subscription() }.check(), Err(Malformed));
        for length in [0, PUSH_AUTH_LEN - 1, PUSH_AUTH_LEN + 1] {
            let auth = Bytes(vec![1; length]);
            assert_eq!(PushSubscription { auth, ..subscription() }.check(), Err(Malformed));
        }
    }

    #[test]
    fn it_is_what_a_browser_says_in_base64url_and_shows_nothing() {
        let json = serde_json::to_string(&subscription()).unwrap();
        assert!(json.starts_with(r#"{"endpoint":"https://push.example/send/abc","p256dh":"BAcHBw"#), "{json}");
        assert!(json.ends_with(r#","auth":"CQkJCQkJCQkJCQkJCQkJCQ"}"#), "{json}");
        assert_eq!(serde_json::from_str::<PushSubscription>(&json).unwrap(), subscription());
        assert_eq!(format!("{:?}", subscription()), "PushSubscription");
    }
}
