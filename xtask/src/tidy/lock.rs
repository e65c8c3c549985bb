//! What comes in from outside: `Cargo.lock`, and that every build keeps to it.

use std::collections::BTreeMap;

use super::{Problem, Tree};

/// Every dependency is one of crates.io with the checksum of its bytes, and every build takes the versions of Cargo.lock.
pub(super) fn pinned_dependencies(tree: &Tree) -> Vec<Problem> {
    const CRATES_IO: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let lock = tree.get("Cargo.lock").unwrap_or_default();
    let mut problems = Vec::new();
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    if packages.len() < 2 {
        problems.push(Problem::new("Cargo.lock", "lists no packages"));
    }
    for package in packages {
        let name = package.lines().find_map(|line| line.strip_prefix("name = ")).unwrap_or("a package");
        let from_elsewhere = package.contains("source = ") && !package.contains(CRATES_IO);
        let unchecked = package.contains("source = ") && !package.contains("checksum = ");
        if from_elsewhere || unchecked {
            problems.push(Problem::new("Cargo.lock", format!("{name} is not pinned to bytes of crates.io")));
        }
    }
    for (path, text) in tree.below("xtask/src/", ".rs").chain(tree.below(".ci/", "")) {
        for (number, line) in super::code(text) {
            let builds = ["\"test\", \"", "\"clippy\", \"", "\"build\", \"--workspace", "[\"fetch\""]
                .iter()
                .any(|call| line.contains(call));
            if builds && line.contains(".args([") && !line.contains("--locked") {
                problems.push(Problem::new(format!("{path}:{number}"), "cargo is called without --locked"));
            }
        }
    }
    problems
}

/// Crates that hold cryptography, or on which it stands: two versions of one would be two places to read.
const CRYPTOGRAPHY: [&str; 38] = [
    "aead",
    "aes",
    "aes-gcm",
    "argon2",
    "blake2",
    "chacha20",
    "chacha20poly1305",
    "cipher",
    "crypto-common",
    "ctr",
    "curve25519-dalek",
    "digest",
    "ecdsa",
    "ed25519",
    "ed25519-dalek",
    "elliptic-curve",
    "ghash",
    "hkdf",
    "hmac",
    "hpke",
    "keccak",
    "kem",
    "ml-kem",
    "p256",
    "poly1305",
    "polyval",
    "rand_core",
    "ring",
    "rustls",
    "sha2",
    "sha3",
    "signature",
    "spake2",
    "subtle",
    "universal-hash",
    "x-wing",
    "x25519-dalek",
    "zeroize",
];

/// An older version beside ours, whose one way in has nothing to do with what we encrypt.
struct Doubled {
    package: &'static str,
    version: &'static str,
    /// The packages that may depend on it.
    by: &'static [&'static str],
    why: &'static str,
}

const DOUBLED: [Doubled; 6] = [
    Doubled {
        package: "sha2",
        version: "0.10.",
        by: &["sqlx-core", "sqlx-macros-core"],
        why: "sqlx keeps checksums of migrations",
    },
    Doubled { package: "digest", version: "0.10.", by: &["sha1", "sha2"], why: "below sqlx's sha2" },
    Doubled { package: "crypto-common", version: "0.1.", by: &["digest"], why: "below sqlx's sha2" },
    Doubled {
        package: "rand_core",
        version: "0.9.",
        by: &["rand", "rand_chacha"],
        why: "tungstenite draws WebSocket masks with rand",
    },
    Doubled {
        package: "signature",
        version: "2.",
        by: &["glimpse-server", "jsonwebtoken"],
        why: "a trait by which jsonwebtoken asks ring",
    },
    Doubled {
        package: "rand_core",
        version: "0.6.",
        by: &["signature"],
        why: "a part of signature that nothing turns on",
    },
];

/// A package of `Cargo.lock`: its name, its version, and what it depends on, `name` or `name version`.
struct Locked<'a> {
    name: &'a str,
    version: &'a str,
    needs: Vec<&'a str>,
}

fn locked(lock: &str) -> Vec<Locked<'_>> {
    lock.split("[[package]]").skip(1).filter_map(read_package).collect()
}

fn read_package(package: &str) -> Option<Locked<'_>> {
    let value = |key: &str| package.lines().find_map(|line| line.strip_prefix(key)).map(|text| text.trim_matches('"'));
    let needs = package.lines().filter_map(|line| line.strip_prefix(" \"")).map(|line| line.trim_end_matches("\","));
    Some(Locked { name: value("name = ")?, version: value("version = ")?, needs: needs.collect() })
}

/// No crate that holds cryptography is there twice, but for the exceptions that name who needs the older one.
pub(super) fn one_of_each(tree: &Tree) -> Vec<Problem> {
    let packages = locked(tree.get("Cargo.lock").unwrap_or_default());
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages.iter().filter(|package| CRYPTOGRAPHY.contains(&package.name)) {
        versions.entry(package.name).or_default().push(package.version);
    }
    let mut problems = Vec::new();
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let excused = |version: &str| {
            DOUBLED.iter().find(|each| each.package == *name && version.starts_with(each.version)).is_some_and(|each| {
                let full = format!("{name} {version}");
                let users = packages.iter().filter(|package| package.needs.contains(&full.as_str()));
                users.map(|package| package.name).all(|user| each.by.contains(&user))
            })
        };
        let counted: Vec<&str> = versions.iter().copied().filter(|version| !excused(version)).collect();
        if counted.len() > 1 {
            problems.push(Problem::new("Cargo.lock", format!("{name} is there as {}", counted.join(" and "))));
        }
    }
    for each in &DOUBLED {
        let there =
            packages.iter().any(|package| package.name == each.package && package.version.starts_with(each.version));
        if !there && !packages.is_empty() {
            let what = format!("{} {}x is gone, and its exception can go: {}", each.package, each.version, each.why);
            problems.push(Problem::new("xtask/src/tidy/lock.rs", what));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn t086_a_swapped_dependency_is_found() {
        let own = "[[package]]\nname = \"xtask\"\nversion = \"0.1.0\"\n";
        let fine = "[[package]]\nname = \"a\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"00\"\n";
        let lock = |second: &str| pinned_dependencies(&tree(&[("Cargo.lock", &format!("{own}{second}"))])).len();
        assert_eq!(lock(fine), 0);
        assert_eq!(
            lock(&fine.replace("registry+https://github.com/rust-lang/crates.io-index", "git+https://x.example/a")),
            1
        );
        assert_eq!(lock(&fine.replace("checksum = \"00\"\n", "")), 1);
        assert_eq!(pinned_dependencies(&tree(&[])).len(), 1, "no lock file has not passed");
        let loose = "cargo.args([\"test\", \"--workspace\"]);";
        let call = |line: &str| {
            pinned_dependencies(&tree(&[("Cargo.lock", &format!("{own}{fine}")), ("xtask/src/a.rs", line)])).len()
        };
        assert_eq!((call(loose), call(&loose.replace("workspace", "locked"))), (1, 0));
    }

    #[test]
    fn a_second_version_of_a_cryptographic_crate_is_found() {
        let package = |name: &str, version: &str, needs: &[&str]| {
            let needs: String = needs.iter().map(|need| format!(" \"{need}\",\n")).collect();
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\ndependencies = [\n{needs}]\n\n")
        };
        let excused = [
            package("sqlx-core", "0.9.0", &["sha2 0.10.9"]),
            package("sha2", "0.10.9", &["digest 0.10.7"]),
            package("digest", "0.10.7", &["crypto-common 0.1.7"]),
            package("crypto-common", "0.1.7", &[]),
            package("rand", "0.9.5", &["rand_core 0.9.5"]),
            package("rand_core", "0.9.5", &[]),
            package("glimpse-server", "0.1.0", &["signature 2.2.0"]),
            package("signature", "2.2.0", &["rand_core 0.6.4"]),
            package("rand_core", "0.6.4", &[]),
            package("signature", "3.0.0", &[]),
            package("sha2", "0.11.1", &["digest 0.11.3"]),
            package("digest", "0.11.3", &[]),
        ]
        .concat();
        let found = |more: &str| one_of_each(&tree(&[("Cargo.lock", &format!("{excused}{more}"))])).len();
        assert_eq!(found(""), 0);
        assert_eq!(found(&package("argon2", "0.6.0", &[])), 0);
        assert_eq!(found(&[package("argon2", "0.6.0", &[]), package("argon2", "0.5.0", &[])].concat()), 1);
        assert_eq!(found(&package("glimpse-core", "0.1.0", &["sha2 0.10.9"])), 1, "the older one is used by another");
        assert_eq!(found(&package("sha2", "0.9.0", &[])), 1, "a third version");
        let gone = package("sha2", "0.11.1", &[]);
        assert_eq!(one_of_each(&tree(&[("Cargo.lock", &gone)])).len(), DOUBLED.len(), "exceptions for nothing");
    }
}
