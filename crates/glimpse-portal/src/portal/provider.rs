//! Away to the organisation's identity provider, and back: the page leaves, so what belongs to the sign-in is kept until then.

use glimpse_wire::Hash;
use glimpse_wire::api::Returned;
use glimpse_wire::ids::Bytes;
use serde::{Deserialize, Serialize};

use super::{Portal, Stage};

/// A sign-in that went to the provider.
#[derive(Serialize, Deserialize)]
struct Aside {
    challenge: Hash,
    passkey: Option<Bytes>,
}

impl Portal {
    /// Goes to the provider, at the address that the server told.
    pub(super) async fn leave(&self, address: String, challenge: Hash, passkey: Option<Bytes>) {
        if !is_provider(&address) {
            return self.fall_back("agent.provider.address");
        }
        let Ok(aside) = serde_json::to_string(&Aside { challenge, passkey }) else { return self.fall_back("internal") };
        if self.0.keeper.set_aside(aside).await.is_err() {
            return self.fall_back("agent.no-key");
        }
        self.go(Stage::Leaving(address), Some("say.agent.leaving"));
    }

    /// Comes back: only to a sign-in that began in this browser, and once.
    pub(super) async fn returned(&self, state: &str, returned: Option<Returned>) {
        let (Ok(aside), Ok(kept)) = (self.0.keeper.aside().await, self.0.keeper.find().await) else {
            return self.fall_back("agent.no-key");
        };
        let Some(kept) = kept else { return self.fall_back("agent.provider.other") };
        self.0.state.borrow_mut().kept = Some(kept);
        let waiting: Option<Aside> = aside.and_then(|text| serde_json::from_str(&text).ok());
        // Whoever opens the page with something made up takes nothing away from a sign-in that is on its way.
        let Some(waiting) = waiting.filter(|waiting| waiting.challenge.to_string() == state) else {
            return self.fall_back("agent.provider.other");
        };
        if self.0.keeper.drop_aside().await.is_err() {
            return self.fall_back("agent.no-key");
        }
        let Some(returned) = returned else { return self.fall_back("agent.provider.declined") };
        self.answer(waiting.challenge, waiting.passkey, Some(returned)).await;
    }
}

/// Whether this is an address of a provider, to which the page may go whoever told it.
fn is_provider(address: &str) -> bool {
    let secure = address.starts_with("https://");
    let here = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|here| address.starts_with(here));
    let plain = address.bytes().all(|byte| byte.is_ascii_graphic()) && !address.contains('#') && address.contains('?');
    (secure || here) && plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_to_addresses_of_providers_alone() {
        assert!(is_provider("https://id.example/auth?state=x"));
        assert!(is_provider("http://127.0.0.1:3000/auth?x"));
        for bad in [
            "javascript:alert(1)?",
            "http://id.example/auth?x",
            "http://127.0.0.1.evil.example/?x",
            "data:text/html,?",
            "blob:https://look.example/1?",
            "//id.example/?x",
            "/agent?x",
            "",
            "https://id.example/auth",
            "https://id.example/auth?x#y",
            "https://id.example/a b?x",
            "https://id.example/\u{202e}?x",
        ] {
            assert!(!is_provider(bad), "{bad}");
        }
    }
}
