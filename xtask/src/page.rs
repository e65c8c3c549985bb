//! The page, from sources to `dist/`.

use std::path::Path;

use anyhow::Result;

use crate::run::{check, command};

/// Runs `trunk build`, with nothing fetched on the way and no path of this machine in the wasm.
pub(crate) fn build(root: &Path) -> Result<()> {
    check(command("cargo", root).args(["fetch", "--locked", "--quiet"]))?;
    let mut trunk = command("trunk", root);
    // Trunk takes NO_COLOR=1 for an argument that it cannot read. What a dependency's panic would say of where it was
    // built must not differ from machine to machine.
    trunk
        .args(["build", "--quiet"])
        .env_remove("NO_COLOR")
        .env("TRUNK_OFFLINE", "true")
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(root));
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
