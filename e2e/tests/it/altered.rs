//! The page through a hostile server that changes it on the way.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use e2e::program::dist;
use e2e::proxy::{Answer, Asked, Proxy, Tamper, without};
use e2e::server::Server;
use sha2::{Digest as _, Sha384};

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
    matches!(
        asked.path.as_str(),
        "/" | "/index.html"
            | "/ended.html"
            | "/device"
            | "/device.html"
            | "/watch"
            | "/watch.html"
            | "/agent"
            | "/agent.html"
    )
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
        "connection-allowlist",
        "cross-origin-opener-policy",
        "cross-origin-embedder-policy",
        "cross-origin-resource-policy",
        "x-frame-options",
    ] {
        without(answer, name);
    }
}

/// A file of the build as somebody else would have made it, who pins it as the builder pins his.
pub(crate) struct Rebuilt {
    name: String,
    before: String,
    after: String,
    bytes: Vec<u8>,
}

impl Rebuilt {
    /// Changes the asset whose name starts so.
    pub(crate) fn new(start: &str, edit: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Result<Self> {
        let named = |file: std::fs::DirEntry| {
            let name = file.file_name().into_string().ok()?;
            (name.starts_with(start) && !name.ends_with(".br")).then_some(name)
        };
        let folder = dist()?.join("assets");
        let name = std::fs::read_dir(&folder)?.find_map(|file| named(file.ok()?)).with_context(|| start.to_owned())?;
        let pin = |bytes: &[u8]| format!("sha384-{}", Base64::encode_string(&Sha384::digest(bytes)));
        let built = std::fs::read(folder.join(&name))?;
        let before = pin(&built);
        let bytes = edit(built);
        Ok(Self { name, before, after: pin(&bytes), bytes })
    }

    /// Puts it in the place of the builder's, and its hash in the page.
    pub(crate) fn put(&self, asked: &Asked, answer: &mut Answer) {
        if is_page(asked) {
            edit_policy(answer, |policy| policy.replace(&self.before, &self.after));
            edit_html(answer, |html| html.replace(&self.before, &self.after));
        }
        if asked.path.ends_with(&self.name) {
            answer.body.clone_from(&self.bytes);
        }
    }
}
