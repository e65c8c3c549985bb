//! The server is blind, wire and core are pure, and what matters most has one place to read it.

use super::{Problem, Tree, naming};

/// A package whose whole tree of dependencies lacks what it must never hold.
pub(super) struct Without {
    pub(super) claim: &'static str,
    pub(super) package: &'static str,
    /// More arguments for `cargo tree`.
    pub(super) target: &'static [&'static str],
    never: &'static [&'static str],
}

/// Crates that could open something, or that hold the code that does, and what must do without them.
pub(super) const WITHOUT: [Without; 4] = [
    Without {
        claim: "the server holds nothing that opens a record",
        package: "glimpse-server",
        target: &[],
        never: &[
            "glimpse-core",
            "glimpse-device",
            "chacha20poly1305",
            "aes-gcm",
            "spake2",
            "hpke",
            "x-wing",
            "ml-kem",
            "x25519-dalek",
            "crypto_box",
        ],
    },
    Without { claim: "wire holds no cipher, no KEM, no PAKE", package: "glimpse-wire", target: &[], never: &CIPHERS },
    Without {
        claim: "the reader holds no key and nothing that opens",
        package: "glimpse-reader",
        target: &["--target", "wasm32-unknown-unknown"],
        never: &CIPHERS,
    },
    Without {
        claim: "the scanner holds no key and nothing that opens",
        package: "glimpse-scanner",
        target: &["--target", "wasm32-unknown-unknown"],
        never: &CIPHERS,
    },
];

const CIPHERS: [&str; 18] = [
    "glimpse-core",
    "glimpse-device",
    "aead",
    "aes",
    "aes-gcm",
    "argon2",
    "chacha20",
    "chacha20poly1305",
    "cipher",
    "crypto_box",
    "hkdf",
    "hpke",
    "kem",
    "ml-kem",
    "ring",
    "spake2",
    "x-wing",
    "x25519-dalek",
];

/// Checks a package's dependencies, as `cargo tree --prefix none` prints them.
pub(super) fn without(rule: &Without, dependencies: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !dependencies.starts_with(&format!("{} ", rule.package)) {
        problems.push(Problem::new("cargo tree", format!("the output does not start with {}", rule.package)));
    }
    for line in dependencies.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if rule.never.contains(&name) {
            problems.push(Problem::new(rule.package, format!("depends on {name}")));
        }
    }
    problems
}

/// No clock, no environment, no file, no network, no randomness of its own, no log.
pub(super) fn pure_crates(tree: &Tree) -> Vec<Problem> {
    const IMPURE: [&str; 18] = [
        "std::time",
        "SystemTime",
        "Instant",
        "std::env",
        "env!(",
        "std::fs",
        "std::net",
        "std::io",
        "std::process",
        "std::thread",
        "getrandom",
        "OsRng",
        "SysRng",
        "thread_rng",
        "println!",
        "dbg!(",
        "log::",
        "tracing",
    ];
    let why = "wire and core take time and randomness as arguments and do no I/O";
    let mut problems = naming(tree, "crates/glimpse-wire/src/", &IMPURE, &[], why);
    problems.extend(naming(tree, "crates/glimpse-core/src/", &IMPURE, &[], why));
    problems
}

/// The crates of the cipher, the PAKE, HPKE and the stretching are each named by one file, which is where their pitfalls
/// are dealt with.
pub(super) fn one_file_each(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (word, home) in [
        ("chacha20poly1305::", "crates/glimpse-core/src/aead.rs"),
        ("spake2::", "crates/glimpse-core/src/pake.rs"),
        ("hpke::", "crates/glimpse-core/src/kem.rs"),
        ("argon2::", "crates/glimpse-core/src/stretch.rs"),
        // The server's, towards the client of a push provider.
        ("ring::aead", "crates/glimpse-server/src/push/seal.rs"),
    ] {
        for folder in ["crates/", "src/", "e2e/src/"] {
            problems.extend(naming(tree, folder, &[word], &[home], &format!("only {home} may")));
        }
        if !tree.shipped(home).any(|(_, lines)| lines.iter().any(|(_, line)| line.contains(word))) {
            problems.push(Problem::new(home, format!("does not use `{word}`: has it moved?")));
        }
    }
    problems
}

/// TLS brings the server a cipher, and pushes are sealed with it: nothing is ever opened.
pub(super) fn opens_nothing(tree: &Tree) -> Vec<Problem> {
    let words = ["open_in_place", "open_within", "OpeningKey"];
    naming(tree, "crates/glimpse-server/src/", &words, &[], "the server opens nothing")
}

/// Labels are written in one file of wire; keys are derived in one file of core, and one of the server.
pub(super) fn labels_and_derivations(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for folder in ["crates/", "src/", "e2e/src/"] {
        let home = "crates/glimpse-wire/src/preimage/label.rs";
        problems.extend(naming(tree, folder, &["\"glimpse/v"], &[home], &format!("labels are in {home}")));
        // The server's tickets are no derivation: a MAC over a challenge, under a key that dies with the process. What is
        // derived for a push is RFC 8291's, from keys that are drawn for it, and nothing of ours comes into it.
        let homes = [
            "crates/glimpse-core/src/derive.rs",
            "crates/glimpse-server/src/share.rs",
            "crates/glimpse-server/src/tickets.rs",
            "crates/glimpse-server/src/push/seal.rs",
        ];
        let words = ["hkdf::", "hmac::", "Hkdf::", "Hmac::", "Hmac<"];
        problems.extend(naming(
            tree,
            folder,
            &words,
            &homes,
            "derivations are in core's derive.rs and the server's share.rs",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn a_dependency_that_opens_is_found() {
        for rule in &WITHOUT {
            let fine = format!("{} v0.1.0 (/x)\naxum v0.8.0\nsha2 v0.11.0\n", rule.package);
            assert_eq!(without(rule, &fine), []);
            for bad in
                ["glimpse-core v0.1.0 (/x)", "chacha20poly1305 v0.11.0", "spake2 v0.5.0-pre.0", "hpke v0.15.1 (*)"]
            {
                assert_eq!(without(rule, &format!("{fine}{bad}\n")).len(), 1, "{bad}");
            }
            assert_eq!(without(rule, "").len(), 1, "a check that saw nothing has not passed");
        }
    }

    #[test]
    fn a_server_that_opens_is_found() {
        let at = |line: &str| opens_nothing(&tree(&[("crates/glimpse-server/src/push/seal.rs", line)])).len();
        assert_eq!(at("cipher.seal_in_place_append_tag(nonce, Aad::empty(), &mut record)?;"), 0);
        assert_eq!(at("cipher.open_in_place(nonce, Aad::empty(), &mut record)?;"), 1);
    }

    #[test]
    fn a_clock_in_core_is_found() {
        for line in [
            "use std::time::Instant;",
            "let now = SystemTime::now();",
            "getrandom::fill(&mut seed);",
            "std::fs::read(path)",
        ] {
            assert_eq!(pure_crates(&tree(&[("crates/glimpse-core/src/a.rs", line)])).len(), 1, "{line}");
            assert_eq!(pure_crates(&tree(&[("crates/glimpse-wire/src/a.rs", line)])).len(), 1, "{line}");
            assert_eq!(pure_crates(&tree(&[("crates/glimpse-server/src/a.rs", line)])), [], "{line}");
        }
    }

    #[test]
    fn a_second_file_with_the_cipher_is_found() {
        let homes = [
            ("crates/glimpse-core/src/aead.rs", "use chacha20poly1305::Key;"),
            ("crates/glimpse-core/src/pake.rs", "use spake2::Spake2;"),
            ("crates/glimpse-core/src/kem.rs", "use hpke::Kem;"),
            ("crates/glimpse-core/src/stretch.rs", "use argon2::Argon2;"),
            ("crates/glimpse-server/src/push/seal.rs", "use ring::aead::AES_128_GCM;"),
        ];
        assert_eq!(one_file_each(&tree(&homes)), []);
        for (path, line) in [
            ("src/pump.rs", "chacha20poly1305::Key"),
            ("crates/x/src/y.rs", "spake2::Spake2"),
            ("crates/glimpse-core/src/record.rs", "use hpke::Kem;"),
            ("crates/glimpse-cli/src/a.rs", "argon2::Argon2::default()"),
            ("crates/glimpse-server/src/share.rs", "ring::aead::LessSafeKey"),
        ] {
            assert_eq!(one_file_each(&tree(&[&homes[..], &[(path, line)]].concat())).len(), 1, "{line}");
        }
        assert_eq!(one_file_each(&tree(&homes[..4])).len(), 1, "the home is empty");
    }

    #[test]
    fn a_stray_label_or_derivation_is_found() {
        let home = ("crates/glimpse-wire/src/preimage/label.rs", "const A: &str = \"glimpse/v1/a/b\";");
        assert_eq!(labels_and_derivations(&tree(&[home])), []);
        assert_eq!(labels_and_derivations(&tree(&[home, ("crates/x/src/a.rs", "f(\"glimpse/v1/c/d\")")])).len(), 1);
        assert_eq!(
            labels_and_derivations(&tree(&[home, ("crates/glimpse-core/src/kem.rs", "use hkdf::Hkdf;")])).len(),
            1
        );
        assert_eq!(
            labels_and_derivations(&tree(&[home, ("crates/glimpse-core/src/derive.rs", "use hkdf::Hkdf;")])),
            []
        );
    }
}
