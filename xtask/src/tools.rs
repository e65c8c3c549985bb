//! The tools that a build or a test run needs: found, installed where that is possible, named in one line where it is not.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha384};

use crate::run::{check, command, find, output};

/// Newer versions of Trunk need a newer compiler than `rust-toolchain.toml` names.
const TRUNK: &str = "0.21.14";
/// Any that is there will do; this one is installed where none is.
const GECKODRIVER: &str = "0.37.1";
const WASM: &str = "wasm32-unknown-unknown";

/// What the page needs: the wasm target, Trunk, and the wasm-bindgen tool of the version of the crate.
pub(crate) fn for_page(root: &Path) -> Result<()> {
    wasm_target(root)?;
    cargo_tool(root, "trunk", "trunk", TRUNK, &["--no-default-features", "--features", "rustls"])?;
    cargo_tool(root, "wasm-bindgen", "wasm-bindgen-cli", &locked_version(root, "wasm-bindgen")?, &[])
}

/// What browser tests cannot do without: Chromium, and the driver that belongs to it.
pub(crate) fn for_browser(root: &Path) -> Result<()> {
    let needed = [("chromium", chromium().is_none()), ("chromium-driver", find("chromedriver").is_none())];
    debian_packages(root, &needed)
}

/// What the same tests need to run in Firefox as well. Without it this is a loud line, and an error in CI.
pub(crate) fn for_firefox(root: &Path) -> Result<Option<Firefox>> {
    or_warn(install_firefox(root))
}

/// Firefox and its driver. Debian has no geckodriver, crates.io has it from the makers of Firefox.
fn install_firefox(root: &Path) -> Result<Firefox> {
    debian_packages(root, &[("firefox-esr", firefox().is_none())])?;
    if find("geckodriver").is_none() {
        // It need not be fast, and is built sooner so.
        cargo_tool(root, "geckodriver", "geckodriver", GECKODRIVER, &["--debug"])?;
    }
    let browser = firefox().context("Firefox is not where its package puts it")?;
    let driver = find("geckodriver").context("geckodriver is not in cargo's folder of binaries")?;
    Ok(Firefox { browser, driver })
}

/// Where Firefox and its driver are.
#[derive(Debug)]
pub(crate) struct Firefox {
    pub(crate) browser: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Firefox, by the names that it goes by; tests would rather have the one that changes once a year.
fn firefox() -> Option<PathBuf> {
    ["firefox-esr", "firefox"].into_iter().find_map(find)
}

/// Installs packages that are missing, where that is possible without asking.
fn debian_packages(root: &Path, needed: &[(&str, bool)]) -> Result<()> {
    let missing: Vec<&str> = needed.iter().filter_map(|(package, missing)| missing.then_some(*package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let root_on_debian = Path::new("/etc/debian_version").exists()
        && output(command("id", root).arg("-u")).is_ok_and(|user| user.trim() == "0");
    if !root_on_debian {
        let missing = missing.join(" ");
        bail!("browser tests need {missing}: install what your system calls so (Debian: apt-get install {missing})");
    }
    println!("installing {} with apt-get (a minute or two)", missing.join(" and "));
    check(command("apt-get", root).args(["update", "-qq"]))?;
    check(
        command("apt-get", root)
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(&missing)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// Chromium, by the names that it goes by.
pub(crate) fn chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].into_iter().find_map(find)
}

/// What the independent peers in Python need, where they say so themselves.
const PEERS: [&str; 2] = ["crates/glimpse-core/tests/peers/requirements.txt", "e2e/peers/requirements.txt"];

/// What a tool gives; without it a loud line, and an error in CI.
fn or_warn<T>(tool: Result<T>) -> Result<Option<T>> {
    match tool {
        Ok(tool) => Ok(Some(tool)),
        Err(error) if std::env::var_os("CI").is_some() => Err(error),
        Err(error) => {
            println!("WARNING: {error:#}");
            Ok(None)
        }
    }
}

/// Independent peers of the cryptography, in a virtual environment of their own. Without Python this is a loud line, and
/// an error in CI.
pub(crate) fn python_peers(root: &Path) -> Result<Option<PathBuf>> {
    or_warn(install_peers(root))
}

/// The interpreter of `.venv`, which is made where it is missing, with every package of the versions in [`PEERS`].
fn install_peers(root: &Path) -> Result<PathBuf> {
    let python = root.join(".venv/bin/python");
    if !python.is_file() {
        let system = find("python3").context("python3 is not installed")?;
        println!("installing the independent peers (python-spake2, cryptography and what they need) into .venv");
        check(command(&system.to_string_lossy(), root).args(["-m", "venv", ".venv"]))?;
    }
    let mut pip = command(&python.to_string_lossy(), root);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    for file in PEERS {
        pip.args(["--requirement", file]);
    }
    // Asks nobody when everything is there.
    check(&mut pip)?;
    Ok(python)
}

/// What looks at the pages as those look who do not see them, beside the project's own audit.
const AXE: (&str, &str) = ("4.14.1", "xt1SFg49QaDwsyt0Xfs2XAyBtYPClXl3X2q5OOLeGAUmq9jZTYIMdztpF99WdhiH");

/// The script of axe-core, fetched once from the npm registry and pinned by its bytes. Without npm this is a loud line, and
/// an error in CI.
pub(crate) fn axe(root: &Path) -> Result<Option<PathBuf>> {
    or_warn(fetch_axe(root))
}

fn fetch_axe(root: &Path) -> Result<PathBuf> {
    let (version, hash) = AXE;
    let folder = root.join("target/tools");
    let script = folder.join("package/axe.min.js");
    let as_pinned = || fs::read(&script).is_ok_and(|bytes| Base64::encode_string(&Sha384::digest(bytes)) == hash);
    if !as_pinned() {
        find("npm").context("npm is not installed, and fetches axe-core")?;
        fs::create_dir_all(&folder)?;
        let destination = folder.display().to_string();
        let package = format!("axe-core@{version}");
        output(command("npm", root).args(["pack", "--silent", &package, "--pack-destination", &destination]))?;
        let packed = folder.join(format!("axe-core-{version}.tgz")).display().to_string();
        check(command("tar", root).args(["-xzf", &packed, "-C", &destination, "package/axe.min.js"]))?;
        if !as_pinned() {
            bail!("axe-core {version} is not the one that this project has read");
        }
    }
    Ok(script)
}

/// What checks the types of the npm packages, by the hash of its whole package.
const TYPESCRIPT: (&str, &str) = ("5.9.3", "O9CDGNyTPMln2kyC60jh5oQcNoGE24DR0ZQ2+ZEKWm1vhAYNh0tIvNffBgwv2v5f");

/// The compiler of TypeScript, fetched once from the npm registry. Without node or npm this is a loud line, and an error in CI.
pub(crate) fn typescript(root: &Path) -> Result<Option<PathBuf>> {
    or_warn(fetch_typescript(root))
}

fn fetch_typescript(root: &Path) -> Result<PathBuf> {
    let (version, hash) = TYPESCRIPT;
    find("node").context("node is not installed, and runs the compiler of TypeScript")?;
    find("npm").context("npm is not installed, and fetches the compiler of TypeScript")?;
    let folder = root.join("target/tools/typescript");
    let packed = folder.join(format!("typescript-{version}.tgz"));
    let as_pinned = || fs::read(&packed).is_ok_and(|bytes| Base64::encode_string(&Sha384::digest(bytes)) == hash);
    let script = folder.join("package/lib/tsc.js");
    if as_pinned() && script.is_file() {
        return Ok(script);
    }
    fs::create_dir_all(&folder)?;
    let destination = folder.display().to_string();
    let package = format!("typescript@{version}");
    output(command("npm", root).args(["pack", "--silent", &package, "--pack-destination", &destination]))?;
    if !as_pinned() {
        bail!("typescript {version} is not the one that this project has read");
    }
    check(command("tar", root).arg("-xzf").arg(&packed).args(["-C", &destination]))?;
    Ok(script)
}

/// The folder of the identity provider of the tests.
const PROVIDER: &str = "e2e/provider";

/// The script of the identity provider, ready to run: what it needs comes from the npm registry, each package of the bytes in
/// its `package-lock.json`, and runs nothing while it is installed. Without node or npm this is a loud line, and an error in CI.
pub(crate) fn provider(root: &Path) -> Result<Option<PathBuf>> {
    or_warn(install_provider(root))
}

fn install_provider(root: &Path) -> Result<PathBuf> {
    find("node").context("node is not installed, and runs the tests' identity provider")?;
    let (from, folder) = (root.join(PROVIDER), root.join("target/tools/provider"));
    fs::create_dir_all(&folder)?;
    let changed = |name: &str| -> Result<bool> {
        let ours = fs::read(from.join(name)).with_context(|| format!("{PROVIDER}/{name}"))?;
        if fs::read(folder.join(name)).is_ok_and(|there| there == ours) {
            return Ok(false);
        }
        fs::write(folder.join(name), ours)?;
        Ok(true)
    };
    changed("provider.mjs")?;
    let (manifest, lock) = (changed("package.json")?, changed("package-lock.json")?);
    if manifest || lock || !folder.join("node_modules/.package-lock.json").is_file() {
        println!("fetching an identity provider for the tests (oidc-provider, from the npm registry)");
        find("npm").context("npm is not installed, and fetches the tests' identity provider")?;
        // Looked at again next time, if this fails.
        let installed = check(command("npm", &folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]));
        if installed.is_err() {
            fs::remove_file(folder.join("package.json"))?;
        }
        installed?;
    }
    Ok(folder.join("provider.mjs"))
}

fn wasm_target(root: &Path) -> Result<()> {
    let libraries = output(command("rustc", root).args(["--print", "target-libdir", "--target", WASM]))?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    if find("rustup").is_none() {
        bail!("the page needs the Rust target {WASM}: install it in the way your Rust came");
    }
    check(command("rustup", root).args(["target", "add", WASM]))
}

/// Installs a tool once for all checkouts, ready-made where cargo-binstall is there to fetch it.
fn cargo_tool(root: &Path, program: &str, package: &str, version: &str, way: &[&str]) -> Result<()> {
    let installed = || find(program).and_then(|_| output(command(program, root).arg("--version")).ok());
    if installed().is_some_and(|said| said.split_whitespace().any(|word| word == version)) {
        return Ok(());
    }
    println!("installing {package} {version} (built from source it takes five to fifteen minutes, once)");
    let exact = format!("{package}@{version}");
    if find("cargo-binstall").is_some()
        && check(command("cargo", root).args(["binstall", "--no-confirm", "--force", &exact])).is_ok()
    {
        return Ok(());
    }
    let install =
        |locked: &[&str]| check(command("cargo", root).args(["install", "--force", &exact]).args(locked).args(way));
    // `--locked` can fail on a crate that was withdrawn since.
    install(&["--locked"]).or_else(|_| install(&[]))
}

/// The version of a package in `Cargo.lock`.
fn locked_version(root: &Path, package: &str) -> Result<String> {
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("Cargo.lock")?;
    version_in(&lock, package).with_context(|| format!("{package} is not in Cargo.lock"))
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let (_, after) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(after.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_very_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.80\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(version_in(lock, "wasm"), None);
    }
}
