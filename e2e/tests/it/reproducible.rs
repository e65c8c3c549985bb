//! The page from these sources is the same page, wherever it is built: row 84.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use e2e::program::{dist, root};
use sha2::Digest as _;
use tokio::process::Command;

/// `SHA256SUMS` of a build: what each asset hashes to, by the name that it has in the sources.
fn sums(build: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(build.join("SHA256SUMS"))?;
    let entry = |line: &str| {
        let (digest, path) = line.split_once("  ")?;
        let (stem, extension) = path.rsplit_once('.')?;
        let (stem, _) = stem.rsplit_once('-')?;
        Some((format!("{stem}.{extension}"), digest.to_owned()))
    };
    text.lines().map(|line| entry(line).with_context(|| line.to_owned())).collect()
}

/// Copies what git knows of, and what it would take, to another place.
async fn checkout(into: &Path) -> Result<()> {
    let root = root()?;
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .await?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    for name in String::from_utf8(listed.stdout)?.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root.join(name), into.join(name));
        if from.is_file() {
            std::fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
            std::fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// The folder where cargo keeps what it fetched.
fn cargo_home() -> Result<PathBuf> {
    let own = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    own.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))).context("neither CARGO_HOME nor HOME")
}

#[tokio::test]
async fn t084_two_builds_in_two_places_are_the_same_to_the_byte() -> Result<()> {
    let elsewhere = tempfile::tempdir()?;
    let sources = elsewhere.path().join("another/checkout");
    checkout(&sources).await?;
    // Another home for cargo, so that its path is seen to leave no trace; what was fetched is the same.
    let home = elsewhere.path().join("cargo");
    std::fs::create_dir(&home)?;
    for kept in ["registry", "git"] {
        symlink(cargo_home()?.join(kept), home.join(kept))?;
    }
    let tools = cargo_home()?.join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))?;
    let built = Command::new("cargo")
        .args(["run", "--quiet", "--locked", "--package", "xtask", "--", "page"])
        .current_dir(&sources)
        .env("CARGO_TARGET_DIR", elsewhere.path().join("target"))
        .env("CARGO_HOME", &home)
        .env("PATH", path)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .await?;
    ensure!(built.status.success(), "cargo xtask page: {}", String::from_utf8_lossy(&built.stderr));

    let (first, second) = (sums(&dist()?)?, sums(&sources.join("dist"))?);
    let wasm = "assets/glimpse-web_bg.wasm";
    assert!(first.contains_key(wasm), "the wasm is among them: {first:?}");
    let differ = |name: &&String| first.get(*name) != second.get(*name);
    let differ: Vec<&String> = first.keys().chain(second.keys()).filter(differ).collect();
    assert!(differ.is_empty(), "{differ:?} differ; if dist/ is older than the sources, run `cargo xtask page` first");

    // Control: the sums are those of the files, and one byte more makes another.
    let files = std::fs::read_dir(sources.join("dist/assets"))?.filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "wasm")).context("no wasm")?;
    let digest =
        |bytes: &[u8]| sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut bytes = std::fs::read(file)?;
    assert_eq!(second.get(wasm), Some(&digest(&bytes)));
    bytes.push(0);
    assert_ne!(second.get(wasm), Some(&digest(&bytes)));
    Ok(())
}
