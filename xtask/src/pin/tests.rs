use super::*;

/// A page like ours, small.
fn files(index: &str) -> BTreeMap<String, Vec<u8>> {
    let files = [
        ("index.html", index),
        ("www/ended.html", "<!doctype html><head><title>Ended</title></head>"),
        ("www/boot.js", "import { draw } from \"./views/draw.js\";\nconst lazy = () => import(\"./chart.js\");\n"),
        ("www/views/draw.js", "import \"../dom.js\";\nexport const draw = 1;\n"),
        ("www/dom.js", "// import \"./nowhere.js\";\n"),
        ("www/chart.js", "import { x } from \"./dom.js\";\n"),
        ("www/worker.js", "self.onmessage = null;\n"),
        ("www/device/worker.js", "self.onmessage = 3;\n"),
        ("www/watch/worker.js", "self.onmessage = 4;\n"),
        ("www/agent/worker.js", "self.onmessage = 6;\n"),
        ("glimpse-web.js", "let wasm_bindgen = 1;"),
        ("glimpse-phone.js", "let wasm_bindgen = 3;"),
        ("glimpse-portal.js", "let wasm_bindgen = 6;"),
        ("glimpse-reader.js", "let wasm_bindgen = 2;"),
        ("glimpse-scanner.js", "let wasm_bindgen = 5;"),
        ("www/style.css", "body{}\n"),
        ("www/never.js", "unused\n"),
    ];
    files.into_iter().map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect()
}

const INDEX: &str = "<!doctype html>\n<html lang=\"en\"><head>\n<!-- a remark -->\
    <link data-trunk rel=\"rust\"><link rel=\"stylesheet\" href=\"www/style.css\">\
    <link id=\"worker\" rel=\"preload\" as=\"fetch\" href=\"www/worker.js\">\
    <script type=\"module\" src=\"www/boot.js\"></script></head><body title=\"a &amp; &quot;b&quot;\"></body></html>";

fn page(index: &str, server: Option<&str>) -> Result<(Page, Assets)> {
    let (pages, assets) = sort_out(files(index))?;
    Ok((pin_page("index.html", &pages["index.html"], &assets, "b1d", server)?, assets))
}

#[test]
fn each_worker_is_one_script() {
    let mut files = files(INDEX);
    join_workers(&mut files).unwrap();
    assert!(!files.keys().any(|name| name.starts_with("glimpse-")));
    let other = |name: &str, number: u32| {
        format!("const {name} = () => {{\nlet wasm_bindgen = {number};\nreturn wasm_bindgen;\n}};\n")
    };
    let (reader, scanner) = (other("readerGlue", 2), other("scannerGlue", 5));
    assert_eq!(
        String::from_utf8_lossy(&files["www/worker.js"]),
        format!("let wasm_bindgen = 1;\n{reader}self.onmessage = null;\n")
    );
    assert_eq!(
        String::from_utf8_lossy(&files["www/device/worker.js"]),
        format!("let wasm_bindgen = 3;\n{reader}{scanner}self.onmessage = 3;\n")
    );
    assert_eq!(String::from_utf8_lossy(&files["www/watch/worker.js"]), "let wasm_bindgen = 3;\nself.onmessage = 4;\n");
    assert_eq!(
        String::from_utf8_lossy(&files["www/agent/worker.js"]),
        format!("let wasm_bindgen = 6;\n{reader}self.onmessage = 6;\n")
    );
    assert!(join_workers(&mut files).is_err(), "glue is missing");
}

#[test]
fn every_reference_is_pinned_and_the_source_names_are_gone() {
    let (page, assets) = page(INDEX, None).unwrap();
    assert!(!page.html.contains("www/"), "{}", page.html);
    assert!(!page.html.contains("data-trunk") && !page.html.contains("remark"), "{}", page.html);
    let boot = &assets["www/boot.js"];
    assert!(boot.path.starts_with("assets/boot-") && boot.path.len() == "assets/boot-.js".len() + 16);
    assert!(page.html.contains(&format!(
        "<script type=\"module\" src=\"{}\" integrity=\"{}\" crossorigin=\"anonymous\">",
        boot.path, boot.integrity
    )));
    let worker = &assets["www/worker.js"];
    assert!(page.html.contains(&format!(
        "<link id=\"worker\" rel=\"preload\" as=\"fetch\" href=\"{}\" data-integrity=\"{}\" crossorigin=\"anonymous\">",
        worker.path, worker.integrity
    )));
    assert!(page.html.contains("<body title=\"a &amp; &quot;b&quot;\">"), "{}", page.html);
}

#[test]
fn the_policy_names_the_scripts_of_the_page_and_no_others() {
    let (page, assets) = page(INDEX, None).unwrap();
    for (name, listed) in
        [("boot", true), ("views/draw", true), ("dom", true), ("chart", true), ("worker", false), ("never", false)]
    {
        let asset = &assets[&format!("www/{name}.js")];
        assert_eq!(page.policy.contains(&asset.integrity), listed, "{name}");
    }
    assert!(!page.policy.contains("unsafe-inline") && !page.policy.contains("'unsafe-eval'"));
    assert!(page.html.contains("http-equiv=\"Content-Security-Policy\""));
}

#[test]
fn lazy_modules_are_mapped_but_not_preloaded() {
    let (page, assets) = page(INDEX, None).unwrap();
    let (chart, dom) = (&assets["www/chart.js"].path, &assets["www/dom.js"].path);
    assert!(page.html.contains(&format!("\"./assets/chart.js\":\"./{chart}\"")), "{}", page.html);
    assert!(!page.html.contains(&format!("<link rel=\"modulepreload\" href=\"{chart}\"")));
    assert!(page.html.contains(&format!("<link rel=\"modulepreload\" href=\"{dom}\"")));
}

#[test]
fn the_hash_of_the_import_map_is_in_the_policy() {
    let (page, _) = page(INDEX, None).unwrap();
    let (_, after) = page.html.split_once("<script type=\"importmap\">").unwrap();
    let (map, _) = after.split_once("</script>").unwrap();
    let hash = format!("'sha384-{}'", Base64::encode_string(&Sha384::digest(map)));
    assert!(page.policy.contains(&hash));
    assert!(!page.policy.contains(&format!("'sha384-{}'", Base64::encode_string(&Sha384::digest("{}")))));
}

#[test]
fn a_server_elsewhere_is_in_the_page_and_its_policy() {
    let (page, _) = page(INDEX, Some("https://api.example:8443")).unwrap();
    assert!(
        page.policy.contains("connect-src 'self' https://api.example:8443 wss://api.example:8443;"),
        "{}",
        page.policy
    );
    assert!(page.html.contains("<meta name=\"glimpse-server\" content=\"https://api.example:8443\">"));
    let list = headers::connection_allowlist(Some("https://api.example:8443"));
    assert_eq!(list, "(response-origin \"https://api.example:8443\")");
    assert_eq!(headers::connection_allowlist(None), "(response-origin)");
    for bad in ["api.example", "https://", "https://a/b", "https://a; script-src *", "https://a\" x=\"", "https://a b"]
    {
        assert!(headers::check_origin(bad).is_err(), "{bad}");
    }
    assert!(headers::check_origin("http://[::1]:8080").is_ok());
}

#[test]
fn what_cannot_be_pinned_is_refused() {
    for bad in [
        INDEX.replace("www/style.css", "www/missing.css"),
        INDEX.replace("www/style.css", "https://cdn.example/style.css"),
        INDEX.replace("</head>", "<script>alert(1)</script></head>"),
        INDEX.replace("type=\"module\" ", ""),
        INDEX.replace("rel=\"stylesheet\"", "rel=\"prefetch\""),
        INDEX.replace("rel=\"stylesheet\"", "rel=stylesheet"),
    ] {
        assert!(page(&bad, None).is_err(), "{bad}");
    }
}

#[test]
fn a_changed_byte_changes_the_name_the_hash_and_the_build() {
    let folder = std::env::temp_dir().join(format!("glimpse-pin-{}", std::process::id()));
    let mut builds = BTreeSet::new();
    for style in ["body{}\n", "body{ }\n", "body{}\n"] {
        for (name, bytes) in files(INDEX) {
            write(&folder, &name, if name == "www/style.css" { style.as_bytes() } else { &bytes }).unwrap();
        }
        pin(&folder, None).unwrap();
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.join("headers.json")).unwrap()).unwrap();
        assert_eq!(manifest["build"], hex(&Sha256::digest(fs::read(folder.join("SHA256SUMS")).unwrap())));
        for path in manifest["assets"].as_object().unwrap().keys().chain(manifest["pages"].as_object().unwrap().keys())
        {
            assert!(folder.join(path).is_file(), "{path} is listed and missing");
        }
        assert!(!folder.join("www").exists());
        builds.insert(manifest["build"].as_str().unwrap().to_owned());
        fs::remove_dir_all(&folder).unwrap();
    }
    assert_eq!(builds.len(), 2, "the same bytes give the same build, other bytes another");
}

#[test]
fn a_page_in_a_folder_refers_out_of_it() {
    let mut files = files(INDEX);
    files.insert("www/agent/embed.html".to_owned(), INDEX.as_bytes().to_vec());
    let (pages, assets) = sort_out(files).unwrap();
    let page = pin_page("agent/embed.html", &pages["agent/embed.html"], &assets, "b1d", None).unwrap();
    let path = |name: &str| &assets[name].path;
    for way in ["src=\"../", "\"./../assets/boot.js\":\"./../"] {
        assert!(page.html.contains(&format!("{way}{}", path("www/boot.js"))), "{way}: {}", page.html);
    }
    assert!(page.html.contains(&format!("href=\"../{}\"", path("www/dom.js"))));
    assert!(!page.html.contains("\"assets/") && !page.html.contains("\"./assets/"), "{}", page.html);
}

#[test]
fn pages_for_consoles_are_named_and_framed_by_nobody_as_they_stand() {
    let mut manifest = headers::Manifest::new("b1d");
    let policy = headers::content_security_policy("agent/embed.html", &BTreeSet::new(), None);
    for page in ["index.html", "agent/embed.html", "agent/sign-in.html"] {
        manifest.page(page, &policy, None);
    }
    let said: serde_json::Value = serde_json::from_str(&manifest.to_json().unwrap()).unwrap();
    assert_eq!(said["embed"], serde_json::json!({ "framed": ["agent/embed.html"], "beside": ["agent/sign-in.html"] }));
    assert_eq!(policy.matches("frame-ancestors 'none'").count(), 1);
    assert_eq!(said["headers"]["x-frame-options"], "DENY");
    let own = |page: &str, name: &str| said["pages"][page][name].as_str().map(str::to_owned);
    for page in ["index.html", "agent/embed.html"] {
        assert_eq!(own(page, "cross-origin-opener-policy"), None, "{page}: as everywhere");
        assert_eq!(own(page, "permissions-policy"), None, "{page}: as everywhere");
    }
    assert_eq!(own("agent/sign-in.html", "cross-origin-opener-policy").as_deref(), Some("unsafe-none"));
    let may = own("agent/sign-in.html", "permissions-policy").unwrap();
    assert!(
        may.contains("publickey-credentials-get=(self)") && may.contains("publickey-credentials-create=()"),
        "{may}"
    );
    assert_eq!(own("agent/embed.html", "cross-origin-resource-policy").as_deref(), Some("cross-origin"));
}
