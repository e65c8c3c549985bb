//! Secrets are seen inside core alone and cannot be printed, compared or copied by accident.

use super::{Problem, Tree, naming};

/// `expose_secret` is the one way to a secret's bytes, and core keeps it.
pub(super) fn exposure(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with(".rs") && !path.starts_with("xtask/")) {
        for (index, line) in text.lines().enumerate() {
            let place = || format!("{path}:{}", index.saturating_add(1));
            if line.contains("pub fn expose_secret") || line.contains("pub const fn expose_secret") {
                problems.push(Problem::new(place(), "`expose_secret` is visible outside its crate"));
            } else if line.contains("expose_secret") && !path.starts_with("crates/glimpse-core/") {
                problems.push(Problem::new(place(), "`expose_secret` is named outside core"));
            }
        }
    }
    problems
}

/// A type that wipes itself derives nothing that would show or double it.
pub(super) fn derives(tree: &Tree) -> Vec<Problem> {
    const FORBIDDEN: [&str; 8] = ["Debug", "Clone", "Copy", "PartialEq", "Eq", "Hash", "Serialize", "Deserialize"];
    let mut problems = Vec::new();
    for (path, lines) in tree.shipped("crates/") {
        for (number, line) in lines {
            let Some(list) = line.trim().strip_prefix("#[derive(").and_then(|rest| rest.strip_suffix(")]")) else {
                continue;
            };
            let derived: Vec<&str> =
                list.split(',').map(|name| name.trim().rsplit("::").next().unwrap_or_default()).collect();
            if !derived.contains(&"ZeroizeOnDrop") {
                continue;
            }
            for name in derived.into_iter().filter(|name| FORBIDDEN.contains(name)) {
                problems.push(Problem::new(format!("{path}:{number}"), format!("a secret type derives {name}")));
            }
        }
    }
    problems
}

/// The switch that weakens core on purpose is set by the crate `weak/` alone, which no target of ours builds.
pub(super) fn weakness(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in &tree.files {
        let configures = path.ends_with(".toml") || path.starts_with(".github/") || path.starts_with(".ci/");
        if !configures || path.starts_with("weak/") {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let declares = line.contains("check-cfg");
            if line.contains("glimpse_weak") && !declares && !line.trim_start().starts_with('#') {
                problems.push(Problem::new(format!("{path}:{}", index.saturating_add(1)), "sets `glimpse_weak`"));
            }
        }
    }
    problems.extend(naming(
        tree,
        "xtask/src/",
        &["cfg glimpse_weak", "cfg=glimpse_weak"],
        &["xtask/src/tidy/secrets.rs"],
        "no command weakens a build",
    ));
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn an_exposed_secret_is_found() {
        let own = ("crates/glimpse-core/src/a.rs", "pub(crate) fn expose_secret(&self) -> &[u8] {");
        assert_eq!(exposure(&tree(&[own])), []);
        assert_eq!(exposure(&tree(&[("crates/glimpse-core/src/a.rs", "pub fn expose_secret(&self) {")])).len(), 1);
        assert_eq!(exposure(&tree(&[own, ("src/pump.rs", "key.expose_secret()")])).len(), 1);
    }

    #[test]
    fn a_secret_that_can_be_printed_is_found() {
        let secret = |list: &str| {
            derives(&tree(&[("crates/glimpse-core/src/a.rs", &format!("#[derive({list})]\nstruct A;"))])).len()
        };
        assert_eq!(secret("Zeroize, ZeroizeOnDrop"), 0);
        assert_eq!(secret("Debug, Clone"), 0);
        assert_eq!(secret("Debug, zeroize::ZeroizeOnDrop"), 1);
        assert_eq!(secret("Clone, PartialEq, ZeroizeOnDrop"), 2);
    }

    #[test]
    fn a_weakened_target_is_found() {
        assert_eq!(weakness(&tree(&[("Cargo.toml", "unexpected_cfgs = { check-cfg = [\"cfg(glimpse_weak)\"] }")])), []);
        assert_eq!(weakness(&tree(&[(".cargo/config.toml", "rustflags = [\"--cfg\", \"glimpse_weak\"]")])).len(), 1);
        assert_eq!(weakness(&tree(&[(".ci/run", "RUSTFLAGS='--cfg glimpse_weak' cargo build")])).len(), 1);
        assert_eq!(weakness(&tree(&[("weak/.cargo/config.toml", "rustflags = [\"--cfg\", \"glimpse_weak\"]")])), []);
    }
}
