//! What only the phone page has: a manifest, by which it can be installed, and a service worker, by which it opens without a
//! connection. The viewer's pages have neither, and their policies allow neither.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64, Encoding as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha384};

use super::{Asset, Assets, TARGET, headers, hex, pin_page};

const WORKER: &str = "www/device/sw.js";
const MANIFEST: &str = "www/device/manifest.webmanifest";

/// Both, taken out of the files before those are named.
#[derive(Debug)]
pub(super) struct Offline {
    worker: String,
    manifest: Value,
}

impl Offline {
    /// Nothing for a page that has neither.
    pub(super) fn take(files: &mut BTreeMap<String, Vec<u8>>) -> Result<Option<Self>> {
        let Some(worker) = files.remove(WORKER) else { return Ok(None) };
        let manifest = files.remove(MANIFEST).with_context(|| format!("{MANIFEST} is missing"))?;
        let worker = String::from_utf8(worker).context(WORKER)?;
        Ok(Some(Self { worker, manifest: serde_json::from_slice(&manifest).context(MANIFEST)? }))
    }

    /// Names the icons as they are called, and gives the service worker the list of what it keeps: all that the page refers
    /// to, and no more.
    pub(super) fn add(mut self, pages: &BTreeMap<String, String>, assets: &mut Assets) -> Result<()> {
        let mut kept: BTreeMap<String, String> = BTreeMap::new();
        for icon in self.manifest.pointer_mut("/icons").and_then(Value::as_array_mut).into_iter().flatten() {
            let source = icon.get("src").and_then(Value::as_str).context("an icon without src")?;
            let asset = super::find(source, assets)?;
            let path = format!("/{}", asset.path);
            kept.insert(path.clone(), asset.integrity.clone());
            *icon.get_mut("src").context("it was there")? = path.into();
        }
        let manifest = serde_json::to_vec(&self.manifest)?;
        let digest: String = hex(&Sha256::digest(&manifest)).chars().take(16).collect();
        assets.insert(MANIFEST.to_owned(), asset(format!("{TARGET}device/manifest-{digest}.webmanifest"), manifest));

        let page = pages.get(headers::DEVICE).with_context(|| format!("no {}", headers::DEVICE))?;
        let html = pin_page(headers::DEVICE, page, assets, "", None)?.html;
        let named = assets.values().filter(|asset| html.contains(&asset.path));
        kept.extend(named.map(|asset| (format!("/{}", asset.path), asset.integrity.clone())));
        ensure!(kept.keys().any(|path| path.ends_with(".wasm")), "the list of files for offline has no module");
        let list = serde_json::to_string_pretty(&kept)?;
        let build: String = hex(&Sha256::digest(format!("{list}{}", self.worker))).chars().take(16).collect();
        let script = format!("const BUILD = \"{build}\";\nconst FILES = {list};\n{}", self.worker);
        // Under a name that stays, at the root, so that it may stand before `/device`.
        assets.insert(WORKER.to_owned(), asset(headers::SERVICE_WORKER.to_owned(), script.into_bytes()));
        Ok(())
    }
}

fn asset(path: String, bytes: Vec<u8>) -> Asset {
    let integrity = format!("sha384-{}", Base64::encode_string(&Sha384::digest(&bytes)));
    Asset { path, bytes, integrity }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned() -> (BTreeMap<String, String>, Assets) {
        let page = "<!doctype html><html><head><link rel=\"manifest\" href=\"www/device/manifest.webmanifest\">\
                    <link id=\"wasm\" rel=\"preload\" as=\"fetch\" href=\"a.wasm\">\
                    <script type=\"module\" src=\"www/device/app.js\"></script></head></html>";
        let viewer = "<!doctype html><html><head><script type=\"module\" src=\"www/boot.js\"></script></head></html>";
        let files = [
            ("index.html", viewer),
            ("www/device.html", page),
            ("www/boot.js", "1;\n"),
            ("www/device/app.js", "2;\n"),
            (WORKER, "self.onfetch = null;\n"),
            (MANIFEST, "{\"icons\":[{\"src\":\"www/icon.svg\"}]}"),
            ("www/icon.svg", "<svg/>"),
        ];
        let mut files: BTreeMap<_, _> =
            files.into_iter().map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect();
        let offline = Offline::take(&mut files).unwrap().unwrap();
        let (pages, mut assets) = super::super::sort_out(files).unwrap();
        assets.insert("a.wasm".to_owned(), asset(format!("{TARGET}a-0.wasm"), vec![0]));
        offline.add(&pages, &mut assets).unwrap();
        (pages, assets)
    }

    #[test]
    fn the_service_worker_keeps_what_the_phone_page_names_and_no_more() {
        let (_, assets) = pinned();
        let worker = &assets[WORKER];
        assert_eq!(worker.path, "device-sw.js");
        let text = String::from_utf8(worker.bytes.clone()).unwrap();
        for (name, kept) in [
            ("www/device/app.js", true),
            ("www/icon.svg", true),
            ("a.wasm", true),
            (MANIFEST, true),
            ("www/boot.js", false),
        ] {
            let asset = &assets[name];
            assert_eq!(text.contains(&asset.path), kept, "{name}: {text}");
            assert_eq!(text.contains(&asset.integrity), kept, "{name}");
        }
        let manifest = String::from_utf8(assets[MANIFEST].bytes.clone()).unwrap();
        assert!(manifest.contains(&format!("\"/{}\"", assets["www/icon.svg"].path)), "{manifest}");
    }

    #[test]
    fn t079_t080_the_viewers_pages_allow_neither() {
        let (pages, assets) = pinned();
        let policy = |name: &str| pin_page(name, &pages[name], &assets, "b1d", None).unwrap().policy;
        let phone = policy("device.html");
        assert!(phone.contains("worker-src blob: 'self';") && phone.contains("manifest-src 'self';"), "{phone}");
        assert!(phone.contains("trusted-types glimpse-worker glimpse-offline"), "{phone}");
        let viewer = policy("index.html");
        assert!(viewer.contains("worker-src blob:;") && !viewer.contains("manifest-src"), "{viewer}");
        assert!(viewer.ends_with("trusted-types glimpse-worker"), "{viewer}");
    }
}
