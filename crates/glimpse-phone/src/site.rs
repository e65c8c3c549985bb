//! The page that the screen with a code names, where that is not the server's own.

use core::net::Ipv6Addr;

use crate::phone::Phone;
use crate::trouble::Trouble;

/// An address is at most this long, in bytes: a name of RFC 1035 section 2.3.4 with a scheme and a port.
const MAX_SITE: usize = 270;
/// Names of this machine: to them alone a browser gives its cryptography without TLS (Secure Contexts section 3.1).
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// An origin as it stands on the screen, out of what was typed; nothing for what is none. The name is in ASCII: of two that look
/// alike in other letters, a person who reads one off cannot tell which it is.
pub(crate) fn origin(typed: &str) -> Option<String> {
    let text = typed.trim().to_ascii_lowercase();
    let text = text.strip_suffix('/').unwrap_or(&text);
    // A name alone is what people type.
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let (name, port) = match rest.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (rest, None),
    };
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let fits = text.len() <= MAX_SITE && is_name(name) && port.is_none_or(is_port);
    let is_safe = scheme == "https" || (scheme == "http" && HERE.contains(&name));
    (fits && is_safe).then(|| format!("{scheme}://{rest}"))
}

fn is_name(name: &str) -> bool {
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        let fits = (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
        fits && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.split('.').all(is_label)
}

impl Phone {
    /// Names another page beside the code; that of the server for an empty word.
    pub(crate) fn set_site(&self, typed: &str) {
        let Some(device) = self.device() else { return };
        let site = if typed.trim().is_empty() { Some(String::new()) } else { origin(typed) };
        let Some(site) = site else {
            return self.change(|state| state.failed(Trouble::new("site")));
        };
        let site = if site == device.server() { String::new() } else { site };
        self.prefer(|prefs| prefs.site = site);
        self.change(|state| {
            state.trouble = None;
            state.did("set.did.site");
        });
    }

    /// The page that the screen with a code names; nothing where it is the server's.
    pub(crate) fn site(&self) -> Option<String> {
        self.look(|state| Some(state.prefs.site.clone()).filter(|site| !site.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_origin_is_no_site() {
        let taken = [
            ("https://look.example", "https://look.example"),
            (" https://Look.Example/ ", "https://look.example"),
            ("look.example", "https://look.example"),
            ("https://look.example:8443", "https://look.example:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1", "http://127.0.0.1"),
            ("https://[::1]:8080", "https://[::1]:8080"),
            ("http://[::1]", "http://[::1]"),
        ];
        for (typed, site) in taken {
            assert_eq!(origin(typed).as_deref(), Some(site));
        }
        let long = format!("https://{}", vec!["a".repeat(63); 5].join("."));
        for typed in [
            "",
            "http://look.example",
            "look.example/page",
            "mara@look.example",
            "https://",
            "https://look.example/page",
            "https://look.example?x",
            "https://look.example#x",
            "https://mara@look.example",
            "https://look.example:0",
            "https://look.example:+80",
            "https://look.example:99999",
            "https://look.example:",
            "https://l\u{f6}\u{f6}k.example",
            "https://look .example",
            "https://-look.example",
            "https://look..example",
            "https://[::g]",
            "https://\u{202e}look.example",
            "javascript://look.example",
            long.as_str(),
        ] {
            assert_eq!(origin(typed), None, "{typed}");
        }
    }
}
