//! The page through a hostile server that changes it on the way.

use std::sync::Arc;

use anyhow::Result;
use e2e::proxy::{Answer, Asked, Proxy, Tamper, without};
use e2e::server::Server;

type Edit = Box<dyn Fn(&Asked, Answer) -> Option<Answer> + Send + Sync>;

struct Rewrite(Edit);

impl Tamper for Rewrite {
    fn answer(&self, asked: &Asked, answer: Answer) -> Option<Answer> {
        (self.0)(asked, answer)
    }
}

/// A proxy in front of `server` that passes every answer through `edit`.
pub(crate) async fn altered(
    server: &Server,
    edit: impl Fn(&Asked, Answer) -> Option<Answer> + Send + Sync + 'static,
) -> Result<Proxy> {
    Proxy::start(0, &server.url(), Arc::new(Rewrite(Box::new(edit)))).await
}

/// Is this the answer that holds the page's HTML?
pub(crate) fn is_page(asked: &Asked) -> bool {
    matches!(asked.path.as_str(), "/" | "/index.html" | "/ended.html" | "/device" | "/device.html")
}

/// Replaces text in the HTML, the policy in its `<meta>` included.
pub(crate) fn edit_html(answer: &mut Answer, edit: impl Fn(&str) -> String) {
    answer.body = edit(&answer.text()).into_bytes();
}

/// Changes the Content Security Policy in both its places.
pub(crate) fn edit_policy(answer: &mut Answer, edit: impl Fn(&str) -> String) {
    let header = answer.headers.get("content-security-policy").and_then(|value| value.to_str().ok()).map(&edit);
    if let Some(value) = header.and_then(|value| value.parse().ok()) {
        answer.headers.insert("content-security-policy", value);
    }
    edit_html(answer, |html| {
        let Some((before, rest)) = html.split_once("<meta http-equiv=\"Content-Security-Policy\" content=\"") else {
            return html.to_owned();
        };
        let Some((policy, after)) = rest.split_once('"') else { return html.to_owned() };
        format!("{before}<meta http-equiv=\"Content-Security-Policy\" content=\"{}\"{after}", edit(policy))
    });
}

/// Takes the Content Security Policy away.
pub(crate) fn without_policy(answer: &mut Answer) {
    edit_policy(answer, |_| "frame-src *".to_owned());
    without(answer, "content-security-policy");
}

/// Takes away every protection that a header gives.
pub(crate) fn without_protection(answer: &mut Answer) {
    without_policy(answer);
    for name in [
        "integrity-policy",
        "connection-allowlist",
        "cross-origin-opener-policy",
        "cross-origin-embedder-policy",
        "cross-origin-resource-policy",
        "x-frame-options",
    ] {
        without(answer, name);
    }
}
