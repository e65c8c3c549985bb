//! The npm packages: what is in them, what their types say, and a page of one's own around the viewer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use e2e::browser::{Browser, Kind};
use e2e::console::{Files, host};
use e2e::device::Device;
use e2e::program::root;
use e2e::server::{Server, free_port};
use e2e::wait::until;
use serde_json::{Value, json};
use tokio::process::Command;

in_both!(somebody_looks_in_a_page_of_ones_own);

const SECRET: &str = "Take the blue pills at seven.";

/// Where `cargo xtask package` puts the viewer's.
fn viewer() -> Result<PathBuf> {
    let folder = root()?.join("target/packages/viewer");
    ensure!(folder.join("index.js").is_file(), "no package in {}: run `cargo xtask package`", folder.display());
    Ok(folder)
}

async fn tsc(folder: &Path, arguments: &[&str]) -> Result<(bool, String)> {
    let compiler = std::env::var_os("GLIMPSE_TSC").context("GLIMPSE_TSC names no tsc.js: run by cargo xtask test")?;
    let mut command = Command::new("node");
    command.arg(compiler).args(["--strict", "--target", "es2022", "--lib", "esnext,dom,dom.iterable"]);
    let output = command.args(arguments).current_dir(folder).output().await?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[tokio::test]
async fn what_the_packages_declare_is_what_their_sources_say_with_tsc() -> Result<()> {
    for (package, name) in [("agent-element", "glimpse-agent"), ("viewer", "index")] {
        let folder = root()?.join("packages").join(package);
        let into = tempfile::tempdir()?;
        let out = into.path().display().to_string();
        let source = format!("{name}.js");
        let check = ["--allowJs", "--checkJs", "--noUncheckedIndexedAccess", "--module", "es2022", "--declaration"];
        let (fits, said) =
            tsc(&folder, &[&check[..], &["--emitDeclarationOnly", "--outDir", &out, &source]].concat()).await?;
        ensure!(fits, "{package}: {said}");
        let declared = format!("{name}.d.ts");
        let (made, kept) = (into.path().join(&declared), folder.join(&declared));
        assert_eq!(
            std::fs::read_to_string(made)?,
            std::fs::read_to_string(kept)?,
            "{package}: its types are not its source's"
        );
    }
    Ok(())
}

#[tokio::test]
async fn who_uses_the_packages_is_told_what_does_not_fit_with_tsc() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let modules = folder.path().join("node_modules/@glimpse");
    std::fs::create_dir_all(&modules)?;
    std::os::unix::fs::symlink(viewer()?, modules.join("viewer"))?;
    std::os::unix::fs::symlink(root()?.join("packages/agent-element"), modules.join("agent-element"))?;
    let good = "import { Viewer, type Report } from \"@glimpse/viewer\";\nimport { Pump } from \"@glimpse/viewer/glimpse-web.js\";\n\
         import { GlimpseAgent } from \"@glimpse/agent-element\";\n\
         const hear = (report: Report) => { if (report.kind === \"snapshot\") document.title = report.snapshot.screen; };\n\
         const viewer = await Viewer.start({ server: \"https://glimpse.example\", hear });\n\
         viewer.send({ type: \"submit\", text: \"417 203 9186\" });\nviewer.stop();\n\
         export const element: HTMLElement = new GlimpseAgent();\nexport type Bare = Pump;\n";
    let check = async |text: &str| -> Result<(bool, String)> {
        std::fs::write(folder.path().join("use.ts"), text)?;
        tsc(
            folder.path(),
            &[
                "--noEmit",
                "--module",
                "esnext",
                "--moduleResolution",
                "bundler",
                "--moduleDetection",
                "force",
                "use.ts",
            ],
        )
        .await
    };
    let (fits, said) = check(good).await?;
    assert!(fits, "{said}");
    for (right, wrong) in
        [("type: \"submit\"", "type: \"sumbit\""), ("server:", "sever:"), ("snapshot.screen", "snapshot.secret")]
    {
        let (fits, said) = check(&good.replace(right, wrong)).await?;
        assert!(!fits && said.contains("use.ts"), "{wrong}: {said}");
    }
    Ok(())
}

/// The files that npm would publish.
async fn packed(folder: &Path) -> Result<BTreeSet<String>> {
    let output =
        Command::new("npm").args(["pack", "--dry-run", "--json", "--offline"]).current_dir(folder).output().await?;
    ensure!(output.status.success(), "npm pack: {}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout)?;
    let files = said[0]["files"].as_array().context("files")?;
    Ok(files.iter().filter_map(|file| file["path"].as_str()).map(str::to_owned).collect())
}

#[tokio::test]
async fn t086_a_package_holds_what_it_should_and_runs_nothing_when_installed_with_tsc() -> Result<()> {
    let own = ["README.md", "package.json"];
    let element = ["glimpse-agent.d.ts", "glimpse-agent.js"];
    let of_viewer = [
        "glimpse-reader_bg.wasm",
        "glimpse-web.d.ts",
        "glimpse-web.js",
        "glimpse-web_bg.wasm",
        "index.d.ts",
        "index.js",
        "worker.js",
    ];
    for (folder, files) in [(root()?.join("packages/agent-element"), &element[..]), (viewer()?, &of_viewer[..])] {
        let expected: BTreeSet<String> = own.iter().chain(files).map(|&name| name.to_owned()).collect();
        assert_eq!(packed(&folder).await?, expected);
        let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("package.json"))?)?;
        let names: BTreeSet<&str> = manifest.as_object().context("an object")?.keys().map(String::as_str).collect();
        let plain = ["description", "exports", "files", "license", "name", "sideEffects", "type", "version"];
        assert_eq!(names, BTreeSet::from(plain), "no script, no dependency, no binary");
        // Control: what is added to the folder is not published, and what the manifest lists is.
        let copy = tempfile::tempdir()?;
        for file in &expected {
            std::fs::copy(folder.join(file), copy.path().join(file))?;
        }
        std::fs::write(copy.path().join("server.key"), "secret")?;
        assert_eq!(packed(copy.path()).await?, expected);
        let mut other = manifest.clone();
        other["files"].as_array_mut().context("files")?.push(json!("server.key"));
        std::fs::write(copy.path().join("package.json"), other.to_string())?;
        assert!(packed(copy.path()).await?.contains("server.key"), "control");
    }
    Ok(())
}

async fn somebody_looks_in_a_page_of_ones_own(kind: Kind) -> Result<()> {
    let port = free_port()?;
    let server = Server::with(&["--allow-origins", &format!("http://127.0.0.1:{port}")]).await?;
    let files = Files::of_own_page(&server.url(), &viewer()?)?;
    let page = host(port, files).await?;
    let device = Device::create(&server.url()).await?;
    device.add_bytes("pills.txt", SECRET).await?;
    let browser = Browser::start(kind).await?;
    browser.go(&page.url()).await?;
    browser.screen("enter").await?;
    let mut lending = device.lend(&["--everything"]).await?;
    browser.type_code(&lending.code).await?;
    browser.screen("wait").await?;
    let compared = until("words to compare", async || {
        let text = browser.text().await.ok()?;
        let words = text.split_once("Compare: ")?.1.lines().next()?.trim().to_owned();
        Some(words)
    });
    lending.approve(&compared.await?).await?;
    browser.screen("session").await?;
    until("the record is in the list", async || {
        browser.run("document.querySelector('#records button').click()").await.ok()
    })
    .await?;
    browser.reads(SECRET).await?;
    browser.press("end").await?;
    assert_eq!(browser.reason().await?, "session-ended");
    assert!(!browser.text().await?.contains(SECRET));
    lending.event_last().await?;
    // A module of another build is not run.
    let mut files = Files::of_own_page(&server.url(), &viewer()?)?;
    files.alter("/viewer/glimpse-web_bg.wasm")?;
    let other = host(0, files).await?;
    browser.go(&other.url()).await?;
    let status = "document.documentElement.dataset.screen ?? null";
    let tried = "import('./viewer/index.js').then(({ Viewer }) => Viewer.start({ server: location.origin, hear() {} })).then(() => done('runs'), () => done('refused'))";
    assert_eq!(browser.run_async(tried).await?, "refused");
    assert_eq!(browser.value(status).await?, Value::Null);
    Ok(())
}
