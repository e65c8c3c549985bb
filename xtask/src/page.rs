//! The page, from sources to `dist/`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::run::{check, command};
use crate::tidy::NOT_OURS;

/// Runs `trunk build`, with nothing fetched on the way and no path of this machine in the wasm.
pub(crate) fn build(root: &Path) -> Result<()> {
    build_into(root, None)
}

fn build_into(root: &Path, target: Option<&Path>) -> Result<()> {
    check(command("cargo", root).args(["fetch", "--locked", "--quiet"]))?;
    let mut trunk = command("trunk", root);
    // Trunk takes NO_COLOR=1 for an argument that it cannot read. What a dependency's panic would say of where it was
    // built must not differ from machine to machine.
    trunk
        .args(["build", "--quiet"])
        .env_remove("NO_COLOR")
        .env("TRUNK_OFFLINE", "true")
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(root));
    if let Some(target) = target {
        trunk.env("CARGO_TARGET_DIR", target);
    }
    check(&mut trunk)
}

/// Compiler flags that replace this machine's folders by fixed names.
fn remapped(root: &Path) -> String {
    let home = std::env::var("CARGO_HOME").ok();
    let home = home.or_else(|| std::env::var("HOME").ok().map(|home| format!("{home}/.cargo")));
    let cargo = home.map(|cargo| format!("--remap-path-prefix={cargo}=/cargo"));
    let own = format!("--remap-path-prefix={}=/glimpse", root.display());
    cargo.into_iter().chain([own]).collect::<Vec<_>>().join("\u{1f}")
}

/// Builds the page a second time, from a copy of the sources in another folder and without anything built before, and
/// compares every byte (row 84). The control changes one letter of one source file, and must be noticed.
///
/// # Errors
///
/// Fails when the two builds differ, or when the control does not.
pub(crate) fn t084_another_folder_gives_the_same_bytes(root: &Path) -> Result<()> {
    let scratch = root.join("target/reproducible");
    let copy = scratch.join("in/quite/another/folder");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    copy_sources(root, &copy)?;
    let target = scratch.join("built");
    build_into(&copy, Some(&target))?;
    let sums = |root: &Path| fs::read_to_string(root.join("dist/SHA256SUMS")).context("SHA256SUMS");
    let (ours, theirs) = (sums(root)?, sums(&copy)?);
    ensure!(ours.lines().count() > 10, "a build with hardly a file has not passed");
    ensure!(ours == theirs, "the same sources gave other bytes:\n{ours}\n{theirs}");

    let changed = copy.join("www/worker.js");
    let text = fs::read_to_string(&changed)?;
    fs::write(&changed, text.replacen("initSync", "initsync", 1))?;
    build_into(&copy, Some(&target))?;
    ensure!(sums(&copy)? != ours, "control: a changed letter was not noticed");
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if !NOT_OURS.iter().any(|own| name == *own) {
                copy_sources(&entry.path(), &to.join(name))?;
            }
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
