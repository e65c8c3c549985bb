//! The page, from sources to `dist/`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::run::{check, command};

/// A page for another origin than its own, and where it is put.
#[derive(Debug)]
pub(crate) struct Elsewhere<'a> {
    /// The origin of the API, as in `GLIMPSE_PAGE_SERVER`.
    pub(crate) server: &'a str,
    /// The folder that takes the place of `dist/`.
    pub(crate) folder: &'a str,
}

/// Builds the page in `dist/`, as the environment says.
///
/// # Errors
///
/// Fails when something cannot be fetched or built.
pub(crate) fn build(root: &Path) -> Result<()> {
    check(&mut trunk(root)?)
}

/// Builds a page that talks to a server elsewhere.
///
/// # Errors
///
/// Fails when something cannot be fetched or built.
pub(crate) fn build_for(root: &Path, elsewhere: &Elsewhere<'_>) -> Result<()> {
    check(trunk(root)?.args(["--dist", elsewhere.folder]).env("GLIMPSE_PAGE_SERVER", elsewhere.server))
}

/// `trunk build`, with nothing fetched on the way and no path of this machine in the wasm. What it says shows how far it is:
/// the first time it compiles for minutes.
fn trunk(root: &Path) -> Result<Command> {
    check(command("cargo", root).args(["fetch", "--locked"]))?;
    let mut trunk = command("trunk", root);
    // Trunk takes NO_COLOR=1 for an argument that it cannot read. What a dependency's panic would say of where it was
    // built must not differ from machine to machine.
    trunk
        .arg("build")
        .env_remove("NO_COLOR")
        .env("TRUNK_OFFLINE", "true")
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(root));
    Ok(trunk)
}

/// Compiler flags that replace this machine's folders by fixed names.
fn remapped(root: &Path) -> String {
    let home = std::env::var("CARGO_HOME").ok();
    let home = home.or_else(|| std::env::var("HOME").ok().map(|home| format!("{home}/.cargo")));
    let cargo = home.map(|cargo| format!("--remap-path-prefix={cargo}=/cargo"));
    let own = format!("--remap-path-prefix={}=/glimpse", root.display());
    cargo.into_iter().chain([own]).collect::<Vec<_>>().join("\u{1f}")
}
