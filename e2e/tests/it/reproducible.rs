//! The page from these sources is the same page, wherever it is built: row 84.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use e2e::program::{dist, root};
use e2e::scan::occurrences;
use sha2::Digest as _;
use tokio::process::Command;

/// What each file of a build hashes to, by its path: pages, headers and compressed copies included.
fn files(build: &Path) -> Result<BTreeMap<String, String>> {
    let mut folders = vec![build.to_owned()];
    let mut files = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let digest: String =
                sha2::Sha256::digest(std::fs::read(&path)?).iter().map(|b| format!("{b:02x}")).collect();
            files.insert(path.strip_prefix(build)?.display().to_string(), digest);
        }
    }
    Ok(files)
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
    // Nor may the hour, the language, the rights of new files or the number of cores be seen in it.
    let built = Command::new("sh")
        .args(["-c", "umask 077 && exec cargo run --quiet --locked --package xtask -- page"])
        .current_dir(&sources)
        .env("TZ", "Pacific/Kiritimati")
        .env("LANG", "tr_TR.UTF-8")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("CARGO_BUILD_JOBS", "3")
        .env("CARGO_TARGET_DIR", elsewhere.path().join("target"))
        .env("CARGO_HOME", &home)
        .env("PATH", path)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .await?;
    ensure!(built.status.success(), "cargo xtask page: {}", String::from_utf8_lossy(&built.stderr));

    let (first, second) = (files(&dist()?)?, files(&sources.join("dist"))?);
    let has = |part: &str| first.keys().any(|name| name.contains(part));
    for part in
        ["index.html", "ended.html", "headers.json", "SHA256SUMS", "glimpse-web_bg-", "glimpse-reader_bg-", ".br"]
    {
        assert!(has(part), "{part} is not among {first:?}");
    }
    let differ = |name: &&String| first.get(*name) != second.get(*name);
    let differ: Vec<&String> = first.keys().chain(second.keys()).filter(differ).collect();
    assert!(differ.is_empty(), "{differ:?} differ; if dist/ is older than the sources, run `cargo xtask page` first");

    // Control: where a dependency was built does stand in the wasm, by the name that took the place of this machine's.
    // Without `--remap-path-prefix` the two builds would differ here.
    let wasm =
        first.keys().find(|name| name.contains("glimpse-web_bg-") && name.ends_with(".wasm")).context("no wasm")?;
    let bytes = std::fs::read(dist()?.join(wasm))?;
    assert!(occurrences(&bytes, b"/cargo/registry/src/") > 0);
    for own in [home, cargo_home()?, sources.clone(), root()?] {
        assert_eq!(occurrences(&bytes, own.display().to_string().as_bytes()), 0, "{}", own.display());
    }
    // And one byte more in one file is seen.
    std::fs::write(sources.join("dist").join(wasm), [bytes.as_slice(), &[0]].concat())?;
    assert_ne!(first, files(&sources.join("dist"))?);
    Ok(())
}
