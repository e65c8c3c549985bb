//! Input that is too large, too odd or hostile: it gets its error code, and nothing is lost or half done.

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use e2e::browser::Kind;
use e2e::device::field;
use e2e::server::Server;
use e2e::stage::Stage;
use serde_json::json;

in_both!(markup_in_a_record_is_text_and_runs_nothing,);

/// Markup and scripts in every place that a record has.
const HOSTILE: &str = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'><svg onload='window.ran = 3'>\
    <iframe srcdoc='<script>parent.ran = 4</script>'></iframe>{{7*7}}";

async fn markup_in_a_record_is_text_and_runs_nothing(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    let csv = format!("when,what\n2026-01-01,\"{}\"\n2026-01-02,=1+1\n", HOSTILE.replace('"', "'"));
    let fhir = json!({ "resourceType": "Patient", "name": [{ "text": HOSTILE }], "text": { "status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{HOSTILE}</div>") } });
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"parent.ran = 5\"><script>parent.ran = 6</script>{HOSTILE}</svg>"
    );
    let titles = ["plain", "page", "sheet", "resource", "picture", "tree"];
    for (title, name, content) in [
        ("plain", "a.txt", HOSTILE.to_owned()),
        ("page", "b.html", format!("<!doctype html><html><body onload=\"parent.ran = 7\">{HOSTILE}</body></html>")),
        ("sheet", "c.csv", csv),
        ("resource", "d.json", fhir.to_string()),
        ("picture", "e.svg", svg),
        ("tree", "f.json", json!({ HOSTILE: [HOSTILE] }).to_string()),
    ] {
        let file = stage.device.folder().join(name);
        std::fs::write(&file, content)?;
        stage.device.run(&["add", &file.display().to_string(), "--title", title]).await?;
    }
    let file = stage.device.folder().join("title.txt");
    std::fs::write(&file, "a title that is markup")?;
    stage
        .device
        .run(&["add", &file.display().to_string(), "--title", HOSTILE, "--tag", "<b onclick=x>tag</b>"])
        .await?;
    let _look = stage.lend(&["--everything", "--save"]).await?;
    stage.browser.lists(HOSTILE).await.context("the title is shown as it is")?;
    for title in titles.into_iter().chain([HOSTILE]) {
        stage.browser.open(title).await?;
        assert_eq!(stage.browser.run("return window.ran ?? null").await?, json!(null), "{title} ran");
        let made = "return document.querySelectorAll('.record-pane script, .record-pane .body img[src=x], .record-pane [onload]').length";
        assert_eq!(stage.browser.run(made).await?, json!(0), "{title} became markup");
    }
    stage.browser.open("plain").await?;
    stage.browser.reads("window.ran = 1").await?;
    // Control: the same markup runs where it is taken for markup and no policy stands in the way.
    stage.browser.go("about:blank").await?;
    let written =
        format!("document.open(); document.write({}); document.close(); return window.ran ?? null", json!(HOSTILE));
    assert_eq!(stage.browser.run(&written).await?, json!(1), "control");
    Ok(())
}

#[tokio::test]
async fn a_hostile_file_name_stays_a_name() -> Result<()> {
    let stage = Stage::new().await?;
    for name in ["..%2f..%2fetc", "-rf", "\u{202e}gpj.exe", "semi;colon && echo", "new\nline", "quote\"'"] {
        let file = stage.device.folder().join(name);
        std::fs::write(&file, format!("the content of {name}"))?;
        stage.device.run(&["add", &file.display().to_string()]).await.with_context(|| format!("{name:?}"))?;
    }
    let listed = stage.device.run(&["ls"]).await?;
    assert_eq!(listed.iter().filter(|event| e2e::device::is(event, "record")).count(), 6);
    let out = stage.device.folder().join("exported");
    stage.device.run(&["export", &out.display().to_string()]).await?;
    let mut contents = Vec::new();
    for entry in std::fs::read_dir(&out)? {
        let path = entry?.path();
        assert_eq!(path.parent(), Some(out.as_path()));
        contents.extend(std::fs::read_to_string(path).ok());
    }
    assert!(contents.iter().filter(|content| content.starts_with("the content of ")).count() >= 6, "{contents:?}");
    Ok(())
}

#[tokio::test]
async fn a_hundred_megabytes_where_one_is_allowed_are_refused_and_nothing_is_half_done() -> Result<()> {
    let server = Server::with(&["--set", "limits.content_bytes=1048576"]).await?;
    let device = e2e::device::Device::create(&server.url()).await?;
    let kept = device.add_bytes("kept.txt", "kept").await?;
    let refused = device.folder().join("large.bin");
    std::fs::write(&refused, vec![7; 100 * 1024 * 1024])?;
    let told = device.attempt(&["add", &refused.display().to_string()]).await?;
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(!told.status.success() && said.contains("too-large"), "{said}");
    let listed = device.run(&["ls"]).await?;
    let records: Vec<String> = listed.iter().filter_map(|event| field(event, "record").ok()).collect();
    assert_eq!(records, std::slice::from_ref(&kept), "the record that was there, and no other");
    device.run(&["show", &kept]).await?;
    device.add_bytes("small.txt", vec![b'x'; 500_000]).await.context("control: what fits is taken")?;

    // Straight at the API, without a client that would know better.
    let client = reqwest::Client::new();
    for path in ["/v1/claims", "/v1/sign-in", "/v1/accounts", "/v1/sign-in/challenge"] {
        let large = client.post(format!("{}{path}", server.url())).header("content-type", "application/json");
        // A server that closes the connection at its limit has refused as well.
        if let Ok(answer) = large.body(vec![b'['; 100 * 1024 * 1024]).send().await {
            assert!(answer.status().is_client_error(), "{path}: {}", answer.status());
        }
        let odd = client.post(format!("{}{path}", server.url())).header("content-type", "application/json");
        let answer = odd.body("{\"nameplate\": 7").send().await?;
        assert!(answer.status().is_client_error(), "{path}: {}", answer.status());
        let problem = String::from_utf8_lossy(&answer.bytes().await?).into_owned();
        assert!(problem.contains("malformed"), "{path}: {problem}");
    }
    assert_eq!(reqwest::get(format!("{}/readyz", server.url())).await?.status(), StatusCode::OK);
    Ok(())
}
