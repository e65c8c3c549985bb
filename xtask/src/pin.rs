//! `cargo xtask pin`: the last step of `trunk build`. Every file of the page gets a name made of its content, every
//! reference to it in the HTML a hash, and the headers that make the browser enforce both are written down.
//!
//! # The contract with whoever serves `dist/`
//!
//! `dist/headers.json` lists every file that may be served, and with what:
//!
//! ```json
//! {
//!   "format": 1,
//!   "build": "<64 hex digits>",
//!   "headers": { "referrer-policy": "no-referrer", … },
//!   "pages":  { "index.html": { "content-security-policy": "…", "content-type": "…", "cache-control": "no-store" }, … },
//!   "assets": { "assets/boot-0123456789abcdef.js": { "content-type": "…", "cache-control": "…" }, … },
//!   "embed": { "framed": ["agent/embed.html"], "beside": ["agent/sign-in.html"] }
//! }
//! ```
//!
//! - Keys of `pages` and `assets` are paths inside `dist/`, with `/`. The URL path is `/` followed by the key; `/` itself
//!   answers with `index.html`, and `/device` with `device.html`, as any page without its ending. A path that is in neither list does not exist (404), `headers.json` included.
//! - A response carries `headers`, then the file's own headers, which override. Names are lower case.
//! - `embed` names pages for consoles of others: those that they may frame, and those that work with them. Whoever serves `dist/`
//!   for no console leaves them out; as they stand nobody may frame them. For a list of consoles, `frame-ancestors 'none'` in the policy of a framed page becomes
//!   `frame-ancestors` and that list, and its `x-frame-options` is left out; the page reads from its own policy whom it answers.
//! - `device-sw.js`, the service worker of `/device`, is the one asset whose name stays; it is in `SHA256SUMS` as all are.
//! - Beside a file `F` there may be `F.br`, the same bytes in Brotli. When the request accepts `br`, send that file
//!   with the headers of `F`, `content-encoding: br` and `vary: accept-encoding`.
//! - `build` is the SHA-256 of the file `SHA256SUMS` in `dist/` (one line per asset: hex digest, two spaces, path;
//!   sorted by path). It is the build that the page shows and that a viewer claims when it pairs.
//!
//! # Settings
//!
//! `GLIMPSE_PAGE_SERVER=https://api.example` builds a page that talks to a server on another origin: the page carries
//! `<meta name="glimpse-server">` and its policy allows that origin. Without it the page talks to its own origin.

mod comments;
mod headers;
mod html;
mod imports;
mod offline;
mod wasm;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha256, Sha384};

use self::html::{Piece, Tag};
use self::offline::Offline;

/// What the source tree of the page is called in the staging folder, and in the `href`s of the sources.
const SOURCE: &str = "www/";
/// What a Worker runs: the glue of the module that it is for, that of modules which it makes instances of as it needs them, then our
/// own script. One file, because the glues are much alike, and because a Worker under this policy can load no second one.
struct Worker {
    script: &'static str,
    glue: &'static str,
    others: &'static [(&'static str, &'static str)],
}

/// Reads records.
const READER: (&str, &str) = ("readerGlue", "glimpse-reader.js");
/// Looks for a code in the frames of a camera.
const SCANNER: (&str, &str) = ("scannerGlue", "glimpse-scanner.js");
const WORKERS: [Worker; 4] = [
    Worker { script: "www/worker.js", glue: "glimpse-web.js", others: &[READER] },
    Worker { script: "www/device/worker.js", glue: "glimpse-phone.js", others: &[READER, SCANNER] },
    Worker { script: "www/agent/worker.js", glue: "glimpse-portal.js", others: &[READER] },
    Worker { script: "www/watch/worker.js", glue: "glimpse-phone.js", others: &[] },
];
/// Where the pinned files go.
const TARGET: &str = "assets/";

/// One file of the page, named by its content.
#[derive(Debug)]
struct Asset {
    /// Path in `dist/`, for example `assets/boot-0123456789abcdef.js`.
    path: String,
    bytes: Vec<u8>,
    /// Subresource Integrity metadata, `sha384-…`.
    integrity: String,
}

/// The page's files under the name that the sources call them by.
type Assets = BTreeMap<String, Asset>;

/// Runs as Trunk's hook, in the folder that Trunk names.
///
/// # Errors
///
/// Fails when not started by Trunk, and whenever a page refers to something that cannot be pinned.
pub(crate) fn run_as_hook() -> Result<()> {
    let staging = std::env::var("TRUNK_STAGING_DIR")
        .context("`cargo xtask pin` is the post_build hook of `trunk build`, which sets TRUNK_STAGING_DIR")?;
    let server = std::env::var("GLIMPSE_PAGE_SERVER").ok().filter(|origin| !origin.is_empty());
    pin(Path::new(&staging), server.as_deref())
}

/// Pins everything in `folder`, which holds what Trunk made, in place.
fn pin(folder: &Path, server: Option<&str>) -> Result<()> {
    if let Some(origin) = server {
        headers::check_origin(origin)?;
    }
    let mut files = BTreeMap::new();
    read_tree(folder, "", &mut files)?;
    join_workers(&mut files)?;
    for (name, bytes) in &mut files {
        if name.ends_with(".js") || name.ends_with(".css") {
            *bytes = comments::without(std::str::from_utf8(bytes).with_context(|| name.clone())?).into_bytes();
        }
    }
    let offline = Offline::take(&mut files)?;
    let (pages, mut assets) = sort_out(files)?;
    if let Some(offline) = offline {
        offline.add(&pages, &mut assets)?;
    }
    let sums: String = {
        let mut lines: Vec<_> = assets.values().map(|a| (&a.path, hex(&Sha256::digest(&a.bytes)))).collect();
        lines.sort();
        lines.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect()
    };
    let build = hex(&Sha256::digest(&sums));

    let mut manifest = headers::Manifest::new(&build);
    let mut output: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, source) in &pages {
        let page = pin_page(name, source, &assets, &build, server).with_context(|| format!("in {name}"))?;
        manifest.page(name, &page.policy, server);
        output.insert(name.clone(), page.html.into_bytes());
    }
    for asset in assets.into_values() {
        manifest.asset(&asset.path)?;
        output.insert(asset.path, asset.bytes);
    }

    fs::remove_dir_all(folder)?;
    fs::create_dir_all(folder)?;
    for (path, bytes) in &output {
        write(folder, path, bytes)?;
        if let Some(packed) = compress(bytes)? {
            write(folder, &format!("{path}.br"), &packed)?;
        }
    }
    write(folder, "SHA256SUMS", sums.as_bytes())?;
    write(folder, "headers.json", manifest.to_json()?.as_bytes())
}

/// Makes one script of all that a Worker runs. All glues declare `wasm_bindgen`: that of another module becomes a function which
/// makes an instance of its own at each call.
fn join_workers(files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let find = |name: &str| files.get(name).cloned().with_context(|| format!("{name} is missing"));
    let mut joined = Vec::new();
    for worker in WORKERS {
        let mut script = find(worker.glue)?;
        script.push(b'\n');
        for (name, glue) in worker.others {
            script.extend_from_slice(format!("const {name} = () => {{\n").as_bytes());
            script.extend(find(glue)?);
            script.extend_from_slice(b"\nreturn wasm_bindgen;\n};\n");
        }
        script.extend(find(worker.script)?);
        joined.push((worker.script.to_owned(), script));
    }
    for worker in WORKERS {
        files.remove(worker.glue);
        for (_, glue) in worker.others {
            files.remove(*glue);
        }
    }
    files.extend(joined);
    Ok(())
}

/// Splits what Trunk made into pages (moved to the root) and assets (named by content).
fn sort_out(files: BTreeMap<String, Vec<u8>>) -> Result<(BTreeMap<String, String>, Assets)> {
    let mut pages = BTreeMap::new();
    let mut assets = Assets::new();
    for (source, bytes) in files {
        let inner = source.strip_prefix(SOURCE).unwrap_or(&source);
        if inner.ends_with(".html") {
            pages.insert(inner.to_owned(), String::from_utf8(bytes).with_context(|| source.clone())?);
        } else if inner.ends_with(".d.ts") {
            // wasm-bindgen's type declarations are for tools, not for browsers.
        } else {
            let bytes = if inner.ends_with(".wasm") { wasm::without_custom_sections(&bytes)? } else { bytes };
            let digest = hex(&Sha256::digest(&bytes));
            let (stem, extension) = inner.rsplit_once('.').with_context(|| format!("{source} has no extension"))?;
            let short: String = digest.chars().take(16).collect();
            let integrity = format!("sha384-{}", Base64::encode_string(&Sha384::digest(&bytes)));
            assets.insert(
                source.clone(),
                Asset { path: format!("{TARGET}{stem}-{short}.{extension}"), bytes, integrity },
            );
        }
    }
    ensure!(pages.contains_key("index.html"), "no index.html");
    Ok((pages, assets))
}

/// A pinned page and the Content Security Policy it needs.
#[derive(Debug)]
struct Page {
    html: String,
    policy: String,
}

/// Rewrites every reference of a page, and inserts the policy, the settings, the import map and the module preloads.
fn pin_page(name: &str, source: &str, assets: &Assets, build: &str, server: Option<&str>) -> Result<Page> {
    let pieces = html::parse(source)?;
    let entries =
        pieces.iter().filter_map(Piece::tag).filter(|tag| tag.name == "script").filter_map(|tag| tag.get("src"));
    let graph = imports::reachable(entries, assets)?;

    let mut scripts: BTreeSet<&str> = BTreeSet::new();
    for module in graph.eager.iter().chain(&graph.lazy) {
        scripts.insert(&find(module, assets)?.integrity);
    }
    // From a page in a folder the way leads out of it first.
    let way = "../".repeat(name.matches('/').count());
    let map = imports::map(&graph, assets, &way)?;
    let map_hash = format!("sha384-{}", Base64::encode_string(&Sha384::digest(&map)));
    scripts.insert(&map_hash);
    let policy = headers::content_security_policy(name, &scripts, server);

    let mut out = String::with_capacity(source.len().saturating_mul(2));
    let mut map_is_in = false;
    for piece in pieces {
        let mut tag = match piece {
            Piece::Text(text) => {
                out.push_str(text);
                continue;
            }
            Piece::Tag(tag) => tag,
        };
        match tag.name {
            // What is left of Trunk's own instructions.
            "link" if tag.has("data-trunk") => continue,
            "script" => {
                ensure!(tag.get("src").is_some(), "an inline script cannot be pinned");
                ensure!(tag.get("type") == Some("module"), "a script of the page is a module");
                if !map_is_in {
                    map_is_in = true;
                    out.push_str(&format!("<script type=\"importmap\">{map}</script>\n"));
                    for module in graph.eager.iter().filter(|module| tag.get("src") != Some(module)) {
                        let asset = find(module, assets)?;
                        let mut preload = Tag::new("link");
                        preload.set("rel", "modulepreload");
                        let path = format!("{way}{}", asset.path);
                        preload.set("href", &path);
                        preload.set("integrity", &asset.integrity);
                        preload.set("crossorigin", "anonymous");
                        out.push_str(&format!("{preload}\n"));
                    }
                }
                pin_reference(&mut tag, "src", assets, &way)?;
            }
            "link" => pin_reference(&mut tag, "href", assets, &way)?,
            "img" => pin_reference(&mut tag, "src", assets, &way)?,
            _ => {}
        }
        out.push_str(&tag.to_string());
        if tag.name == "head" {
            // In the page as well as in the headers, so that a plain static host cannot leave it out. The browser
            // ignores `frame-ancestors` here.
            let in_page = policy.replace("; frame-ancestors 'none'", "");
            let mut settings = vec![("http-equiv", "Content-Security-Policy", in_page.as_str())];
            settings.push(("name", "glimpse-build", build));
            settings.extend(server.map(|origin| ("name", "glimpse-server", origin)));
            for (kind, name, content) in settings {
                let mut meta = Tag::new("meta");
                meta.set(kind, name);
                meta.set("content", content);
                out.push_str(&format!("\n{meta}"));
            }
        }
    }
    Ok(Page { html: out, policy })
}

/// Points `attribute` at the pinned file and adds the hash in the way that this kind of tag takes it.
fn pin_reference(tag: &mut Tag<'_>, attribute: &str, assets: &Assets, way: &str) -> Result<()> {
    let Some(reference) = tag.get(attribute) else { bail!("<{}> without {attribute}", tag.name) };
    let asset = find(reference, assets)?;
    tag.set(attribute, &format!("{way}{}", asset.path));
    match (tag.name, tag.get("rel")) {
        ("script", _) | ("link", Some("stylesheet" | "modulepreload")) => tag.set("integrity", &asset.integrity),
        // `integrity` on a preload for `fetch` is not enforced and only logs warnings: boot hands this one to `fetch`.
        ("link", Some("preload") | None) => tag.set("data-integrity", &asset.integrity),
        // A browser checks no hash of an icon, an image or a manifest; none can run.
        ("img", _) | ("link", Some("icon" | "apple-touch-icon" | "manifest")) => return Ok(()),
        (name, rel) => bail!("<{name} rel={rel:?}> has no known way to be pinned"),
    }
    tag.set("crossorigin", "anonymous");
    Ok(())
}

fn find<'a>(reference: &str, assets: &'a Assets) -> Result<&'a Asset> {
    assets.get(reference).with_context(|| format!("{reference:?} is not among the files of this build"))
}

/// Brotli at its best, where it makes the file smaller.
fn compress(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 24, ..Default::default() };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut packed, &parameters)?;
    Ok((packed.len() < bytes.len()).then_some(packed))
}

fn read_tree(folder: &Path, prefix: &str, into: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| anyhow::anyhow!("odd file name {name:?}"))?;
        if entry.file_type()?.is_dir() {
            read_tree(&entry.path(), &format!("{prefix}{name}/"), into)?;
        } else {
            into.insert(format!("{prefix}{name}"), fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<()> {
    let target = folder.join(path);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&target, bytes).with_context(|| target.display().to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
