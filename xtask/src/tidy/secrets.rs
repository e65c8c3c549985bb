//! Secrets are seen inside core alone and cannot be printed, compared or copied by accident; proofs have one maker.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problem, Tree};

/// Folders whose types may hold secrets.
const FOLDERS: [&str; 2] = ["crates/", "src/"];

/// `expose_secret` is the one way to a secret's bytes, and core keeps it.
pub(super) fn exposure(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with(".rs") && !path.starts_with("xtask/")) {
        for (index, line) in text.lines().enumerate() {
            let place = || format!("{path}:{}", index.saturating_add(1));
            for word in ["expose_secret", "expect_secret"].into_iter().filter(|word| line.contains(word)) {
                if line.contains(&format!("pub fn {word}")) || line.contains(&format!("pub const fn {word}")) {
                    problems.push(Problem::new(place(), format!("`{word}` is visible outside its crate")));
                } else if !path.starts_with("crates/glimpse-core/") {
                    problems.push(Problem::new(place(), format!("`{word}` is named outside core")));
                }
            }
        }
    }
    problems
}

/// What would show, double or compare a secret. Debug is apart: written by hand, it says that something is there.
const FORBIDDEN: [&str; 14] = [
    "AsRef",
    "Borrow",
    "Clone",
    "Copy",
    "Decode",
    "Deref",
    "Deserialize",
    "Display",
    "Encode",
    "Eq",
    "Hash",
    "PartialEq",
    "Serialize",
    "ToString",
];

/// A file's path, and its shipped lines with their numbers.
type File<'a> = (&'a str, Vec<(usize, &'a str)>);

/// A type that wipes itself, or in core one that owns such a type, derives and implements nothing that would show, double or
/// compare it. One that wipes itself does not derive Debug either.
pub(super) fn types(tree: &Tree) -> Vec<Problem> {
    // By crate, since two may call different things alike.
    let mut crates: BTreeMap<&str, Vec<File<'_>>> = BTreeMap::new();
    for (path, lines) in FOLDERS.iter().flat_map(|folder| tree.shipped(folder)) {
        let (name, _) = path.split_once("/src/").unwrap_or(("", path));
        crates.entry(name).or_default().push((path, lines));
    }
    crates.values().flat_map(|files| types_of(files)).collect()
}

/// The same for the files of one crate.
fn types_of(files: &[File<'_>]) -> Vec<Problem> {
    let types: Vec<Type<'_>> = files.iter().flat_map(|(path, lines)| types_in(path, lines)).collect();
    let secrets = secret_names(&types);
    let mut problems = Vec::new();
    for secret in types.iter().filter(|each| secrets.contains(each.name)) {
        for derived in &secret.derived {
            if FORBIDDEN.contains(derived) || secret.wipes() && *derived == "Debug" {
                problems
                    .push(Problem::new(&secret.place, format!("the secret type {} derives {derived}", secret.name)));
            }
        }
    }
    for (path, lines) in files {
        for (number, line) in lines {
            if let Some((shown, name)) = implemented(line)
                && FORBIDDEN.contains(&shown)
                && secrets.contains(name)
            {
                let what = format!("the secret type {name} implements {shown}");
                problems.push(Problem::new(format!("{path}:{number}"), what));
            }
        }
    }
    problems
}

/// A struct or an enum.
#[derive(Debug)]
struct Type<'a> {
    place: String,
    name: &'a str,
    derived: Vec<&'a str>,
    /// The types that it owns, in core; elsewhere a type cannot derive what core's secrets lack.
    owns: BTreeSet<&'a str>,
}

impl Type<'_> {
    fn wipes(&self) -> bool {
        self.derived.contains(&"ZeroizeOnDrop")
    }
}

/// Private keys as the crates of their algorithms call them. They wipe themselves, but can be cloned.
const FOREIGN: [&str; 3] = ["PrivateKey", "SigningKey", "StaticSecret"];

/// Names of the types that wipe themselves, and of those that hold such a type, directly or through others.
fn secret_names<'a>(types: &[Type<'a>]) -> BTreeSet<&'a str> {
    let wiping = types.iter().filter(|each| each.wipes()).map(|each| each.name);
    let mut secrets: BTreeSet<&str> = wiping.chain(FOREIGN).collect();
    loop {
        let holders = types.iter().filter(|each| !each.owns.is_disjoint(&secrets)).map(|each| each.name);
        let more: BTreeSet<&str> = holders.filter(|name| !secrets.contains(name)).collect();
        if more.is_empty() {
            return secrets;
        }
        secrets.extend(more);
    }
}

/// The structs and enums of a file, as `cargo fmt` lays them out: the definition ends at the first line that closes it.
fn types_in<'a>(path: &str, lines: &[(usize, &'a str)]) -> Vec<Type<'a>> {
    let mut types = Vec::new();
    let mut derived: Vec<&str> = Vec::new();
    let mut rest = lines.iter();
    while let Some((number, line)) = rest.next() {
        let trimmed = line.trim();
        if let Some(list) = trimmed.strip_prefix("#[derive(").and_then(|list| list.strip_suffix(")]")) {
            derived.extend(list.split(',').map(|name| name.trim().rsplit("::").next().unwrap_or_default()));
            continue;
        }
        if trimmed.starts_with('#') || trimmed.is_empty() {
            continue;
        }
        let Some(name) = defined(trimmed) else {
            derived.clear();
            continue;
        };
        let mut owns: BTreeSet<&str> = owned(line).collect();
        let closed = trimmed.ends_with(';') || trimmed.ends_with("{}");
        if !closed {
            let indent = line.len().saturating_sub(line.trim_start().len());
            for (_, inner) in rest.by_ref() {
                let depth = inner.len().saturating_sub(inner.trim_start().len());
                if depth == indent && (inner.trim() == "}" || inner.trim().ends_with(");")) {
                    break;
                }
                owns.extend(owned(inner));
            }
        }
        if !path.starts_with("crates/glimpse-core/") {
            owns.clear();
        }
        types.push(Type { place: format!("{path}:{number}"), name, derived: std::mem::take(&mut derived), owns });
    }
    types
}

/// The types that a line of a definition owns: what comes after a field's colon or in a tuple, but for references.
fn owned(line: &str) -> impl Iterator<Item = &str> {
    let from = if line.contains('&') { None } else { line.find([':', '(']) };
    words(from.and_then(|start| line.get(start..)).unwrap_or_default())
}

/// The name that a line defines, if it opens a struct or an enum.
fn defined(line: &str) -> Option<&str> {
    let mut before = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    matches!(before.next()?, "struct" | "enum").then(|| words(before.next()?).next())?
}

/// The trait and the type of a line like `impl fmt::Display for Name {`.
fn implemented(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim().strip_prefix("impl")?;
    let (shown, of) = rest.split_once(" for ")?;
    // `<T> fmt::Display`, `Clone`, `PartialEq<Other>`: the last path segment before its own arguments.
    let path = shown.rsplit(' ').next()?;
    let path = path.split('<').next()?;
    Some((path.rsplit("::").next()?, words(of).next()?))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What makes the values that stand for a check that has happened, and the one file that does it, once.
const PROOFS: [(&str, &str); 4] = [
    ("Counted(())", "crates/glimpse-core/src/attempts.rs"),
    ("Approved::new(", "crates/glimpse-core/src/pairing/device.rs"),
    ("Self { session, terms, units: decision.units }", "crates/glimpse-core/src/session/device.rs"),
    ("Ok(LinkApproved {", "crates/glimpse-core/src/linking/adder.rs"),
];

/// `Counted`, `Approved` and `LinkApproved` have one maker each.
pub(super) fn proofs(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (maker, home) in PROOFS {
        let mut makers = Vec::new();
        for folder in FOLDERS {
            for (path, lines) in tree.shipped(folder) {
                let made = lines.iter().filter(|(_, line)| line.contains(maker) && defined(line.trim()).is_none());
                makers.extend(made.map(|(number, _)| (path, format!("{path}:{number}"))));
            }
        }
        match makers.as_slice() {
            [(path, _)] if *path == home => {}
            [] => problems.push(Problem::new(home, format!("`{maker}` is not there: has it moved?"))),
            several => problems.extend(
                several
                    .iter()
                    .enumerate()
                    .filter(|(index, (path, _))| *path != home || *index > 0)
                    .map(|(_, (_, place))| Problem::new(place, format!("`{maker}` has its one place in {home}"))),
            ),
        }
    }
    // Other ways to make one than the two above.
    for (word, home) in [("Self(())", "crates/glimpse-core/src/attempts.rs"), ("Approved {", "crates/")] {
        for (path, lines) in tree.shipped(home) {
            let made = lines.iter().filter(|(_, line)| {
                let line = line.trim();
                // A longer name that ends so is another proof, with a place of its own above.
                let whole = line.find(word).is_some_and(|at| {
                    line.get(..at).is_none_or(|before| !before.ends_with(|last: char| last.is_alphanumeric()))
                });
                whole && defined(line).is_none() && !line.starts_with("impl")
            });
            problems.extend(
                made.map(|(number, _)| Problem::new(format!("{path}:{number}"), format!("`{word}` makes a proof"))),
            );
        }
    }
    problems
}

/// Switches that a build can be given. Shipped code asks for none but the machine it runs on and the optimisation, and no
/// file of ours sets one: what is tested is what ships.
pub(super) fn switches(tree: &Tree) -> Vec<Problem> {
    const KNOWN: [&str; 7] =
        ["test)", "not(test)", "unix)", "not(unix)", "target_arch =", "not(target_arch =", "debug_assertions)"];
    let mut problems = Vec::new();
    for folder in FOLDERS {
        for (path, lines) in tree.shipped(folder) {
            for (number, line) in lines {
                let asked = ["cfg(", "cfg!("].iter().find_map(|call| line.split_once(call)).map(|(_, what)| what);
                if asked.is_some_and(|what| !KNOWN.iter().any(|known| what.starts_with(known))) {
                    problems.push(Problem::new(format!("{path}:{number}"), "shipped code asks for a switch"));
                }
            }
        }
    }
    for (path, text) in &tree.files {
        let configures = path.ends_with(".toml") || path.starts_with(".github/") || path.starts_with(".ci/");
        if !configures {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let sets = line.contains("--cfg") || line.trim() == "[features]";
            if sets && !line.trim_start().starts_with('#') {
                problems.push(Problem::new(format!("{path}:{}", index.saturating_add(1)), "sets a switch"));
            }
        }
    }
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
        assert_eq!(exposure(&tree(&[own, ("crates/glimpse-cli/src/a.rs", "key.expect_secret()")])).len(), 1);
    }

    /// How many rules break when this text stands beside a secret type, in core and in the page.
    fn broken(text: &str) -> [usize; 2] {
        let secret = "#[derive(Zeroize, ZeroizeOnDrop)]\npub struct Secret<const N: usize>(Box<[u8; N]>);\n";
        ["crates/glimpse-core/src/a.rs", "src/a.rs"]
            .map(|path| types(&tree(&[(path, &format!("{secret}{text}"))])).len())
    }

    #[test]
    fn a_secret_that_can_be_printed_or_copied_is_found() {
        assert_eq!(broken("#[derive(Debug, Clone)]\nstruct Other(u8);\n"), [0, 0]);
        assert_eq!(broken("impl<const N: usize> fmt::Debug for Secret<N> {\n"), [0, 0]);
        assert_eq!(broken("#[derive(Debug)]\npub struct Share(pub(crate) Secret<32>);\n"), [0, 0]);
        assert_eq!(broken("#[derive(Debug, zeroize::ZeroizeOnDrop)]\nstruct A(u8);\n"), [1, 1]);
        assert_eq!(broken("#[derive(Clone, PartialEq, ZeroizeOnDrop)]\nstruct A(u8);\n"), [2, 2]);
        for by_hand in [
            "impl<const N: usize> fmt::Display for Secret<N> {\n",
            "impl<const N: usize> Clone for Secret<N> {\n",
            "impl<const N: usize> PartialEq<[u8]> for Secret<N> {\n",
            "impl serde::Serialize for Secret<32> {\n",
            "impl AsRef<[u8]> for Secret<32> {\n",
        ] {
            assert_eq!(broken(by_hand), [1, 1], "{by_hand}");
        }
    }

    #[test]
    fn a_type_around_a_secret_is_found() {
        let around =
            "pub(crate) struct Keys {\n    seal: Secret<32>,\n}\n\nenum Held {\n    Some(Keys),\n    None,\n}\n";
        assert_eq!(broken(around), [0, 0]);
        assert_eq!(broken(&format!("{around}impl Clone for Held {{\n")), [1, 0]);
        assert_eq!(broken(&format!("#[derive(Clone)]\n{around}")), [1, 0]);
        assert_eq!(broken("#[derive(Clone)]\npub struct Signing(SigningKey);\n"), [1, 0]);
        assert_eq!(broken("#[derive(Clone, Copy)]\nstruct Lent<'a> {\n    seal: &'a Secret<32>,\n}\n"), [0, 0]);
        assert_eq!(broken("#[derive(Clone, Copy)]\nenum Kind {\n    Secret,\n}\n"), [0, 0]);
        assert_eq!(broken(&format!("{around}#[derive(Clone)]\nstruct Apart {{\n    a: u8,\n}}\n")), [0, 0]);
    }

    #[test]
    fn a_second_maker_of_a_proof_is_found() {
        let attempts =
            ("crates/glimpse-core/src/attempts.rs", "pub struct Counted(());\nfn begin() {\n    Counted(())\n}\n");
        let pairing = ("crates/glimpse-core/src/pairing/device.rs", "        Approved::new(\n");
        let session = (
            "crates/glimpse-core/src/session/device.rs",
            "pub struct Approved {\n    a: u8,\n}\nimpl Approved {\n        Ok(Self { session, terms, units: decision.units })\n",
        );
        let adder = ("crates/glimpse-core/src/linking/adder.rs", "        Ok(LinkApproved { line })\n");
        assert_eq!(proofs(&tree(&[attempts, pairing, session, adder])), []);
        for second in [
            "let c = Counted(());",
            "let a = Approved::new(decision);",
            "let a = Approved { session, terms };",
            "Ok(LinkApproved { line })",
        ] {
            let more = ("crates/glimpse-device/src/a.rs", second);
            assert_eq!(proofs(&tree(&[attempts, pairing, session, adder, more])).len(), 1, "{second}");
        }
        let twice = format!("{}fn free() -> Self {{ Self(()) }}\n", attempts.1);
        assert_eq!(proofs(&tree(&[(attempts.0, &twice), pairing, session, adder])).len(), 1);
        assert_eq!(proofs(&tree(&[attempts, session, adder])).len(), 1, "its maker has moved");
    }

    #[test]
    fn a_switch_is_found() {
        for fine in ["#[cfg(unix)]", "#[cfg(not(target_arch = \"wasm32\"))]", "if cfg!(debug_assertions) {"] {
            assert_eq!(switches(&tree(&[("crates/glimpse-core/src/a.rs", fine)])), [], "{fine}");
        }
        for bad in ["#[cfg(weakened)]", "#[cfg(feature = \"insecure\")]", "if cfg!(no_check) {"] {
            assert_eq!(switches(&tree(&[("crates/glimpse-core/src/a.rs", bad)])).len(), 1, "{bad}");
        }
        for (path, bad) in [
            (".cargo/config.toml", "rustflags = [\"--cfg\", \"weakened\"]"),
            (".ci/run", "RUSTFLAGS='--cfg weakened' cargo build"),
            ("crates/glimpse-core/Cargo.toml", "[features]"),
        ] {
            assert_eq!(switches(&tree(&[(path, bad)])).len(), 1, "{bad}");
        }
    }
}
