//! The headers that make a browser enforce what the page pins, and the file that carries them to the server.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;

/// Sent with every file of the page.
///
/// `Integrity-Policy` is not among them: a policy of hashes leaves it nothing to refuse, and Firefox would hold its own viewer
/// of PDF to it.
const EVERYWHERE: &[(&str, &str)] = &[
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    (
        "permissions-policy",
        "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), \
         clipboard-read=(), display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), \
         gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), \
         microphone=(), midi=(), otp-credentials=(), payment=(), picture-in-picture=(), \
         publickey-credentials-create=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), \
         storage-access=(), usb=(), window-management=(), xr-spatial-tracking=()",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-frame-options", "DENY"),
    ("x-permitted-cross-domain-policies", "none"),
];

/// The page of the linked device.
pub(super) const DEVICE: &str = "device.html";
/// The service worker of that page.
pub(super) const SERVICE_WORKER: &str = "device-sw.js";
/// What that page may ask the browser for, and no other: a camera to scan with, keys that a passkey wraps.
const DEVICE_MAY: [&str; 3] = ["camera", "publickey-credentials-create", "publickey-credentials-get"];

/// The agents' portal.
const AGENT: &str = "agent.html";
/// What that page may ask the browser for: a passkey to sign in with.
const AGENT_MAY: [&str; 2] = ["publickey-credentials-create", "publickey-credentials-get"];

/// The portal in somebody else's console, which a server may let that console frame.
const FRAMED: &str = "agent/embed.html";
/// The window in which the agent of that frame signs in. It is there for who opened it, so nothing cuts the two off.
const BESIDE: &str = "agent/sign-in.html";
/// What that window may ask the browser for.
const BESIDE_MAY: [&str; 1] = ["publickey-credentials-get"];

/// `dist/headers.json`; the format is described in [`super`].
#[derive(Debug, Serialize)]
pub(super) struct Manifest {
    format: u32,
    build: String,
    headers: BTreeMap<&'static str, String>,
    pages: BTreeMap<String, BTreeMap<&'static str, String>>,
    assets: BTreeMap<String, BTreeMap<&'static str, String>>,
    embed: Embed,
}

/// Pages for consoles of others.
#[derive(Debug, Default, Serialize)]
struct Embed {
    framed: Vec<String>,
    beside: Vec<String>,
}

impl Manifest {
    pub(super) fn new(build: &str) -> Self {
        let headers = EVERYWHERE.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (pages, assets) = (BTreeMap::new(), BTreeMap::new());
        Self { format: 1, build: build.to_owned(), headers, pages, assets, embed: Embed::default() }
    }

    pub(super) fn page(&mut self, path: &str, policy: &str, server: Option<&str>) {
        let allowlist = connection_allowlist(server);
        let own = [
            ("content-security-policy", policy),
            ("connection-allowlist", &allowlist),
            ("content-type", "text/html; charset=utf-8"),
            // A page is asked for anew each time, so that an altered build cannot hide behind an old copy.
            ("cache-control", "no-store"),
        ];
        let mut own: BTreeMap<_, _> = own.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        let may: &[&str] = match path {
            DEVICE => &DEVICE_MAY,
            AGENT => &AGENT_MAY,
            BESIDE => &BESIDE_MAY,
            _ => &[],
        };
        if path == FRAMED {
            // A console that is isolated itself takes nothing else into a frame.
            own.insert("cross-origin-resource-policy", "cross-origin".to_owned());
            self.embed.framed.push(path.to_owned());
        }
        if path == BESIDE {
            own.insert("cross-origin-opener-policy", "unsafe-none".to_owned());
            self.embed.beside.push(path.to_owned());
        }
        if !may.is_empty()
            && let Some(closed) = self.headers.get("permissions-policy")
        {
            let open =
                |policy: String, feature: &&str| policy.replace(&format!("{feature}=()"), &format!("{feature}=(self)"));
            own.insert("permissions-policy", may.iter().fold(closed.clone(), open));
        }
        self.pages.insert(path.to_owned(), own);
    }

    /// # Errors
    ///
    /// Fails for a file of a kind that has no place in the page.
    pub(super) fn asset(&mut self, path: &str) -> Result<()> {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let content_type = match extension {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "json" => "application/json",
            "png" => "image/png",
            "svg" => "image/svg+xml",
            "wasm" => "application/wasm",
            "webmanifest" => "application/manifest+json",
            _ => bail!("{path}: no content type is known for this extension"),
        };
        let mut own = BTreeMap::from([
            ("content-type", content_type.to_owned()),
            ("cache-control", "public, max-age=31536000, immutable".to_owned()),
        ]);
        if extension == "svg" {
            // An image that a person opens by its own address is a document.
            own.insert("content-security-policy", "default-src 'none'; frame-ancestors 'none'".to_owned());
        }
        if path == SERVICE_WORKER {
            // Its name stays, so it is asked for anew; it fetches what it keeps, and can load nothing else.
            own.insert("cache-control", "no-store".to_owned());
            own.insert(
                "content-security-policy",
                "default-src 'none'; connect-src 'self'; frame-ancestors 'none'".to_owned(),
            );
        }
        self.assets.insert(path.to_owned(), own);
        Ok(())
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self).context("headers.json")? + "\n")
    }
}

/// The policy of a page whose scripts are exactly those with these hashes.
///
/// `'self'` in `connect-src` covers `ws:` and `wss:` of the same origin (CSP 3, section 6.7.2.8).
pub(super) fn content_security_policy(name: &str, scripts: &BTreeSet<&str>, server: Option<&str>) -> String {
    let hashes: Vec<String> = scripts.iter().map(|hash| format!("'{hash}'")).collect();
    let elsewhere = server.map(|origin| format!(" {origin} {}", socket_origin(origin))).unwrap_or_default();
    // A service worker has an address; which one, the second policy of trusted types says.
    let (workers, types) = match name {
        DEVICE => ("worker-src blob: 'self'; manifest-src 'self'", "trusted-types glimpse-worker glimpse-offline"),
        _ => ("worker-src blob:", "trusted-types glimpse-worker"),
    };
    [
        "default-src 'none'".to_owned(),
        format!("script-src {} 'wasm-unsafe-eval'", hashes.join(" ")),
        workers.to_owned(),
        format!("connect-src 'self'{elsewhere}"),
        "style-src 'self'".to_owned(),
        "img-src 'self' blob:".to_owned(),
        "frame-src blob:".to_owned(),
        "base-uri 'none'".to_owned(),
        "form-action 'none'".to_owned(),
        "frame-ancestors 'none'".to_owned(),
        "require-trusted-types-for 'script'".to_owned(),
        types.to_owned(),
    ]
    .join("; ")
}

/// Whom a page, and its Worker, may connect to at all. Chromium holds to it where no content security policy reaches: WebRTC,
/// prefetches, and the page's own navigation. A pattern of `https:` covers `wss:`.
pub(super) fn connection_allowlist(server: Option<&str>) -> String {
    let elsewhere = server.map(|origin| format!(" \"{origin}\"")).unwrap_or_default();
    format!("(response-origin{elsewhere})")
}

/// An origin goes into a policy and into HTML, so nothing else may pass for one.
pub(super) fn check_origin(origin: &str) -> Result<()> {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let host = rest.with_context(|| format!("GLIMPSE_PAGE_SERVER={origin:?} is not an http or https origin"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    ensure!(
        !host.is_empty() && host.chars().all(plain),
        "GLIMPSE_PAGE_SERVER={origin:?} is more than scheme, host and port"
    );
    Ok(())
}

/// The same origin for WebSockets, which an `https:` source does not cover.
fn socket_origin(origin: &str) -> String {
    origin.replacen("http", "ws", 1)
}
