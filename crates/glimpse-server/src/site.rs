//! The static build, served from memory exactly as `headers.json` says.
//!
//! `headers.json` (written by `cargo xtask pin`, which documents the format) lists every file that exists for a browser and
//! the headers that go with it. A path that it does not list is not there, and nothing is read from disk after the start.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use glimpse_wire::ErrorCode;
use serde::Deserialize;

use crate::framing::framed_by;
use crate::problem::Problem;
use crate::settings::Settings;

/// The format of `headers.json` that this server reads.
const FORMAT: u32 = 1;
/// The pages that may go elsewhere: to where agents sign in.
const PORTALS: [&str; 2] = ["agent.html", "agent/sign-in.html"];
/// Whom a page may reach; `cargo xtask pin` says what it is for.
const ALLOWLIST: HeaderName = HeaderName::from_static("connection-allowlist");

/// Every file of the static build, by URL path.
#[derive(Debug, Default)]
pub(crate) struct Site {
    files: HashMap<String, File>,
}

#[derive(Debug)]
struct File {
    headers: HeaderMap,
    plain: Bytes,
    brotli: Option<Bytes>,
}

/// Why the static build cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file that the build names is missing, or there is no build.
    #[error("cannot read {path} of the static build: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `headers.json` is not what `cargo xtask pin` writes.
    #[error("headers.json of the static build cannot be used: {0}")]
    Malformed(String),
}

#[derive(Deserialize)]
struct Manifest {
    format: u32,
    headers: BTreeMap<String, String>,
    pages: BTreeMap<String, BTreeMap<String, String>>,
    assets: BTreeMap<String, BTreeMap<String, String>>,
    /// The pages that consoles may frame, and those that work with them.
    #[serde(default)]
    embed: Embed,
}

#[derive(Default, Deserialize)]
struct Embed {
    framed: Vec<String>,
    beside: Vec<String>,
}

impl Site {
    /// Reads the build in `folder` into memory. Which consoles may frame a page, and for which identity providers the agents'
    /// portal may leave, `settings` say.
    ///
    /// # Errors
    /// [`SiteError`] names the file.
    pub(crate) fn load(folder: &Path, settings: &Settings) -> Result<Self, SiteError> {
        let (consoles, providers) = (&settings.embed_origins, settings.provider_origins());
        let text = read(&folder.join("headers.json"))?;
        let mut manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| SiteError::Malformed(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(SiteError::Malformed(format!("format {} instead of {FORMAT}", manifest.format)));
        }
        if consoles.is_empty() {
            let of_consoles = manifest.embed.framed.iter().chain(&manifest.embed.beside);
            for page in of_consoles {
                manifest.pages.remove(page);
            }
        }
        let mut files = HashMap::new();
        for (name, own) in manifest.pages.iter().chain(&manifest.assets) {
            if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(SiteError::Malformed(format!("{name} is not a path inside the build")));
            }
            let path = folder.join(name);
            let packed = folder.join(format!("{name}.br"));
            let mut headers = header_map(manifest.headers.iter().chain(own))?;
            if PORTALS.contains(&name.as_str()) {
                may_leave_for(&providers, &mut headers)?;
            }
            if manifest.embed.framed.contains(name) {
                headers = framed_by(consoles, &headers)
                    .ok_or_else(|| SiteError::Malformed(format!("{name} cannot be framed by a list")))?;
            }
            let file = File {
                headers,
                plain: read(&path)?.into(),
                brotli: if packed.exists() { Some(read(&packed)?.into()) } else { None },
            };
            files.insert(format!("/{name}"), file);
        }
        for page in manifest.pages.keys() {
            // `/` for `index.html`, `/device` for `device.html`.
            let Some(name) = page.strip_suffix(".html") else { continue };
            let short = if name == "index" { "/".to_owned() } else { format!("/{name}") };
            if let Some(file) = files.get(&format!("/{page}")).map(File::shared) {
                files.insert(short, file);
            }
        }
        Ok(Self { files })
    }

    /// The answer for a path, or "not there".
    pub(crate) fn answer(&self, method: &Method, path: &str, request: &HeaderMap) -> Response {
        let Some(file) = self.files.get(path) else {
            return Problem::new(ErrorCode::NotFound).into_response();
        };
        if method != Method::GET && method != Method::HEAD {
            return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
        }
        let mut headers = file.headers.clone();
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let bytes = match &file.brotli {
            Some(packed) if accepts_brotli(request) => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
                packed
            }
            Some(_) | None => &file.plain,
        };
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        let body = if method == Method::HEAD { Body::empty() } else { Body::from(bytes.clone()) };
        (StatusCode::OK, headers, body).into_response()
    }
}

/// Adds origins to those that a page may connect to or go to, as Chromium holds it to them. A provider answers with a redirect,
/// to a page of its own or of whom it asks in turn, which Chromium refuses by default.
fn may_leave_for(providers: &[String], headers: &mut HeaderMap) -> Result<(), SiteError> {
    let bad = || SiteError::Malformed("a portal without a list of whom it may reach".to_owned());
    if providers.is_empty() {
        return Ok(());
    }
    let list = headers.get(ALLOWLIST).and_then(|list| list.to_str().ok()).ok_or_else(bad)?;
    let inner = list.strip_suffix(')').ok_or_else(bad)?;
    let more: String = providers.iter().map(|origin| format!(" \"{origin}\"")).collect();
    let list = HeaderValue::from_str(&format!("{inner}{more});redirects=allow")).map_err(|_| bad())?;
    headers.insert(ALLOWLIST, list);
    Ok(())
}

impl File {
    /// The same bytes under another path.
    fn shared(&self) -> Self {
        Self { headers: self.headers.clone(), plain: self.plain.clone(), brotli: self.brotli.clone() }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SiteError> {
    std::fs::read(path).map_err(|source| SiteError::Unreadable { path: path.to_owned(), source })
}

fn header_map<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> Result<HeaderMap, SiteError> {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let bad = || SiteError::Malformed(format!("header {name}"));
        let name = name.parse::<HeaderName>().map_err(|_| bad())?;
        map.insert(name, HeaderValue::from_str(value).map_err(|_| bad())?);
    }
    Ok(map)
}

fn accepts_brotli(request: &HeaderMap) -> bool {
    request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            parts.next() == Some("br") && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Provider;
    use crate::test_server::ScratchFolder;
    use glimpse_wire::SigningKeyBytes;

    fn build(name: &str) -> ScratchFolder {
        let folder = ScratchFolder::new().expect("a folder");
        std::fs::create_dir(folder.path().join("assets")).expect("assets");
        for (file, text) in
            [("index.html", "<p>hi"), ("assets/a-1.js", "1"), ("assets/a-1.js.br", "packed"), ("secret", "x")]
        {
            std::fs::write(folder.path().join(file), text).expect("written");
        }
        let manifest = serde_json::json!({
            "format": 1, "build": "00",
            "headers": { "referrer-policy": "no-referrer", "cache-control": "no-store" },
            "pages": { "index.html": { "content-type": "text/html; charset=utf-8" } },
            "assets": { name: { "content-type": "text/javascript", "cache-control": "immutable" } },
        });
        std::fs::write(folder.path().join("headers.json"), manifest.to_string()).expect("written");
        folder
    }

    #[test]
    fn only_listed_files_exist_with_their_headers() {
        let folder = build("assets/a-1.js");
        let site = Site::load(folder.path(), &Settings::default()).expect("loads");
        let mut request = HeaderMap::new();
        for missing in ["/secret", "/headers.json", "/assets/a-1.js.br", "/../secret", "//index.html"] {
            assert_eq!(site.answer(&Method::GET, missing, &request).status(), StatusCode::NOT_FOUND, "{missing}");
        }
        let page = site.answer(&Method::GET, "/", &request);
        assert_eq!(page.headers()["cache-control"], "no-store");
        assert_eq!(page.headers()["referrer-policy"], "no-referrer");
        let plain = site.answer(&Method::GET, "/assets/a-1.js", &request);
        assert_eq!(plain.headers()["cache-control"], "immutable", "a file's own header overrides");
        assert!(plain.headers().get("content-encoding").is_none());
        request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, br;q=0.5"));
        let packed = site.answer(&Method::HEAD, "/assets/a-1.js", &request);
        assert_eq!(packed.headers()["content-encoding"], "br");
        assert_eq!(packed.headers()["content-length"], "6");
        assert_eq!(site.answer(&Method::POST, "/", &request).status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn a_manifest_cannot_name_files_outside_the_build() {
        for outside in ["../k", "/etc/passwd", "assets/../../k"] {
            assert!(
                matches!(Site::load(build(outside).path(), &Settings::default()), Err(SiteError::Malformed(_))),
                "{outside}"
            );
        }
        assert!(matches!(
            Site::load(build("assets/none.js").path(), &Settings::default()),
            Err(SiteError::Unreadable { .. })
        ));
    }

    #[test]
    fn the_portal_alone_may_leave_for_providers() {
        let folder = ScratchFolder::new().expect("a folder");
        let write = |list: serde_json::Value| {
            let manifest = serde_json::json!({
                "format": 1, "build": "00", "headers": list, "assets": {},
                "pages": { "index.html": {}, "agent.html": {} },
            });
            std::fs::write(folder.path().join("headers.json"), manifest.to_string()).expect("written");
        };
        for page in ["index.html", "agent.html"] {
            std::fs::write(folder.path().join(page), "<p>hi").expect("written");
        }
        let list = |site: &Site, path: &str| {
            let answer = site.answer(&Method::GET, path, &HeaderMap::new());
            answer.headers().get(&ALLOWLIST).map(|list| list.to_str().expect("text").to_owned())
        };
        write(serde_json::json!({ "connection-allowlist": "(response-origin)" }));
        let plain = Site::load(folder.path(), &Settings::default()).expect("loads");
        assert_eq!(list(&plain, "/agent").as_deref(), Some("(response-origin)"));
        let mut providers = Settings::default();
        for (number, issuer) in
            [(1, "https://id.example/realms/a"), (2, "https://sso.example:8443"), (3, "https://id.example")]
        {
            let provider =
                Provider { issuer: issuer.to_owned(), client_id: "glimpse".to_owned(), client_secret_file: None };
            providers.providers.insert(SigningKeyBytes([number; 32]), provider);
        }
        let site = Site::load(folder.path(), &providers).expect("loads");
        for path in ["/agent", "/agent.html"] {
            let expected = "(response-origin \"https://id.example\" \"https://sso.example:8443\");redirects=allow";
            assert_eq!(list(&site, path).as_deref(), Some(expected));
        }
        assert_eq!(list(&site, "/").as_deref(), Some("(response-origin)"));
        write(serde_json::json!({}));
        assert!(matches!(Site::load(folder.path(), &providers), Err(SiteError::Malformed(_))));
    }

    #[test]
    fn pages_for_consoles_are_there_and_framed_by_those_that_are_listed() {
        let folder = ScratchFolder::new().expect("a folder");
        std::fs::create_dir(folder.path().join("agent")).expect("a folder");
        for file in ["index.html", "agent/embed.html", "agent/sign-in.html"] {
            std::fs::write(folder.path().join(file), "<p>hi").expect("written");
        }
        let manifest = |policy: &str| {
            let page = serde_json::json!({ "content-security-policy": policy });
            let manifest = serde_json::json!({
                "format": 1, "build": "00", "headers": { "x-frame-options": "DENY" }, "assets": {},
                "pages": { "index.html": page, "agent/embed.html": page, "agent/sign-in.html": page },
                "embed": { "framed": ["agent/embed.html"], "beside": ["agent/sign-in.html"] },
            });
            std::fs::write(folder.path().join("headers.json"), manifest.to_string()).expect("written");
        };
        let whole = "default-src 'none'; frame-ancestors 'none'; trusted-types a";
        manifest(whole);
        let request = HeaderMap::new();
        let answer = |site: &Site, path: &str| site.answer(&Method::GET, path, &request);

        let closed = Site::load(folder.path(), &Settings::default()).expect("loads");
        for path in ["/agent/embed", "/agent/embed.html", "/agent/sign-in"] {
            assert_eq!(answer(&closed, path).status(), StatusCode::NOT_FOUND, "{path}");
        }
        let consoles = vec!["https://a.example".to_owned(), "https://b.example:8443".to_owned()];
        let consoles = Settings { embed_origins: consoles, ..Settings::default() };
        let open = Site::load(folder.path(), &consoles).expect("loads");
        for path in ["/agent/embed", "/agent/embed.html"] {
            let framed = answer(&open, path);
            assert_eq!(
                framed.headers()["content-security-policy"],
                "default-src 'none'; frame-ancestors https://a.example https://b.example:8443; trusted-types a"
            );
            assert!(framed.headers().get("x-frame-options").is_none());
        }
        for path in ["/", "/index.html", "/agent/sign-in"] {
            let other = answer(&open, path);
            assert_eq!(other.headers()["content-security-policy"], whole, "{path}");
            assert_eq!(other.headers()["x-frame-options"], "DENY", "{path}");
        }
        // A policy that says nothing of frames, or says it twice, is not guessed at.
        for odd in ["default-src 'none'", "frame-ancestors 'none'; frame-ancestors 'none'", ""] {
            manifest(odd);
            assert!(matches!(Site::load(folder.path(), &consoles), Err(SiteError::Malformed(_))), "{odd}");
        }
    }
}
