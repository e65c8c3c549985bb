//! `cargo xtask tidy`: the invariants of the house that a machine can check. Each check is a function from the sources to
//! the places that break it, with a unit test that shows it breaking.

mod blindness;
mod documents;
mod house;
mod lock;
mod page;
mod secrets;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::run::{command, output};

/// Folders that hold no sources of ours; in a work tree `.git` is a file.
const NOT_OURS: [&str; 8] = ["target", "dist", ".git", ".venv", "node_modules", "corpus", "artifacts", "__pycache__"];
/// Lines above which a source file is told to be large.
const LARGE: usize = 500;

/// A place that breaks an invariant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    place: String,
    what: String,
}

impl Problem {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// The text files of the repository by their paths, `/` between folders.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.add(root, "")?;
        Ok(tree)
    }

    fn add(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if !NOT_OURS.contains(&name.as_str()) {
                    self.add(&entry.path(), &format!("{prefix}{name}/"))?;
                }
            } else if !NOT_OURS.contains(&name.as_str())
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                self.files.insert(format!("{prefix}{name}"), text);
            }
        }
        Ok(())
    }

    /// Files below a folder with an extension.
    fn below<'a>(&'a self, folder: &'a str, extension: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let fits = move |path: &str| path.starts_with(folder) && path.ends_with(extension);
        self.files.iter().filter(move |(path, _)| fits(path)).map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Rust that ships: without comments, and without tests, which may break a rule to show that it holds.
    fn shipped<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, Vec<(usize, &'a str)>)> {
        self.below(folder, ".rs").filter(|(path, _)| !is_test(path)).map(|(path, text)| (path, code(text)))
    }
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "testing" | "benches" | "examples" | "tests.rs" | "testing.rs"))
}

/// Lines of code with their numbers, from 1: no comment lines, and nothing from the test module at the end on.
fn code(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index.saturating_add(1), line));
    let ours = lines.take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    ours.filter(|(_, line)| !line.trim_start().starts_with("//")).collect()
}

/// Shipped code below a folder that names something it must not.
fn naming(tree: &Tree, folder: &str, words: &[&str], except: &[&str], why: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, lines) in tree.shipped(folder) {
        if except.contains(&path) {
            continue;
        }
        for (number, line) in lines {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                problems.push(Problem::new(format!("{path}:{number}"), format!("`{word}`: {why}")));
            }
        }
    }
    problems
}

type Check = fn(&Tree) -> Vec<Problem>;

const CHECKS: &[(&str, Check)] = &[
    ("wire and core are pure", blindness::pure_crates),
    ("one file names the cipher, one the PAKE, one HPKE, one Argon2", blindness::one_file_each),
    ("the server opens nothing", blindness::opens_nothing),
    ("labels and derivations have one home", blindness::labels_and_derivations),
    ("secrets are exposed inside core alone", secrets::exposure),
    ("secret types show, double and compare nothing, derived or by hand", secrets::types),
    ("a proof has one maker", secrets::proofs),
    ("no switch makes another build than the tested one", secrets::switches),
    ("www draws and decides nothing", page::drawing_only),
    ("the page asks nobody else", page::own_origin),
    ("no field is left to a browser's autofill or spelling", page::fields),
    ("crates forbid unsafe code", house::unsafe_code),
    ("default members and features", house::manifests),
    ("no test is left out or sleeps", house::honest_tests),
    ("each row of the attacks has a test", house::rows_have_tests),
    ("dependencies are pinned to bytes", lock::pinned_dependencies),
    ("cryptographic crates are there once", lock::one_of_each),
    ("the repository stands alone", house::stands_alone),
    ("the protocol tells of each route, and of no other", documents::routes),
    ("its table of errors is that of the code", documents::errors),
    ("it tells of each label, and of no other", documents::labels),
    ("its structures are as long as those of the code", documents::structures),
    ("settings that documents name are there", documents::settings),
    ("commands and options that documents name are there", documents::commands),
    ("the data model tells of each table, and of no other", documents::tables),
];

/// Runs every check on the repository.
///
/// # Errors
///
/// Fails when an invariant is broken.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let mut broken = 0_usize;
    let mut tell = |name: &str, problems: Vec<Problem>| {
        println!("{} {name}", if problems.is_empty() { "ok  " } else { "FAIL" });
        for problem in &problems {
            println!("     {problem}");
        }
        broken = broken.saturating_add(problems.len());
    };
    for (name, check) in CHECKS {
        tell(name, check(&tree));
    }
    for rule in &blindness::WITHOUT {
        let mut cargo = command("cargo", root);
        cargo.args(["tree", "--locked", "--package", rule.package, "--edges", "normal,build", "--prefix", "none"]);
        let dependencies = output(cargo.args(rule.target))?;
        tell(rule.claim, blindness::without(rule, &dependencies));
    }
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with(".rs") || path.ends_with(".js")) {
        let lines = text.lines().count();
        if lines > LARGE {
            println!("note {path} has {lines} lines; {LARGE} are a lot");
        }
    }
    if broken > 0 {
        bail!("{broken} places break an invariant");
    }
    Ok(())
}

/// Checks what Trunk and the hook made.
///
/// # Errors
///
/// Fails when the page holds code that its own policy forbids.
pub(crate) fn built_page(root: &Path) -> Result<()> {
    let mut dist = Tree::default();
    dist.add(&root.join("dist"), "")?;
    let problems = page::built(&dist);
    for problem in &problems {
        println!("     {problem}");
    }
    if problems.is_empty() { Ok(()) } else { bail!("{} places in dist/ break an invariant", problems.len()) }
}

/// A tree of these files, for the tests of the checks.
#[cfg(test)]
fn tree(files: &[(&str, &str)]) -> Tree {
    Tree { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_are_not_shipped() {
        let text = "//! a\nuse b;\n    // c\nlet d = 1; // e\n#[cfg(test)]\nmod tests { use f; }\n";
        assert_eq!(code(text), [(2, "use b;"), (4, "let d = 1; // e")]);
        let tree = tree(&[
            ("crates/x/src/lib.rs", "secret"),
            ("crates/x/tests/it.rs", "secret"),
            ("crates/x/src/a/tests.rs", "secret"),
        ]);
        assert_eq!(naming(&tree, "crates/", &["secret"], &[], "no").len(), 1);
        assert_eq!(naming(&tree, "crates/", &["secret"], &["crates/x/src/lib.rs"], "no").len(), 0);
    }
}
