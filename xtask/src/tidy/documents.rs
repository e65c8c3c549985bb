//! What the documents name is there, and what an implementer must know of is in them: names and numbers that stand in both are
//! compared. What they say of it only a reader can compare.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problem, Tree};

const PROTOCOL: &str = "docs/protocol.md";
const ROUTES: &str = "crates/glimpse-server/src/http/mod.rs";
const API: &str = "crates/glimpse-wire/src/api.rs";
const ERRORS: &str = "crates/glimpse-wire/src/error.rs";
const LABELS: &str = "crates/glimpse-wire/src/preimage/label.rs";
const SETTINGS: &str = "crates/glimpse-server/src/settings.rs";
const LIMITS: &str = "crates/glimpse-server/src/settings/limits.rs";
const TABLES: &str = "docs/data-model.md";
/// There are more of everything that is compared.
const LEAST: usize = 20;
const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/// Every route that the server serves stands in the protocol and over the bodies, and no other does.
pub(super) fn routes(tree: &Tree) -> Vec<Problem> {
    let served: BTreeSet<String> = text(tree, ROUTES).lines().flat_map(served).collect();
    let mut problems = enough(ROUTES, served.len());
    for page in [PROTOCOL, API] {
        let told: BTreeSet<String> = quoted(text(tree, page), '`').filter_map(route).collect();
        problems.extend(served.difference(&told).map(|route| Problem::new(page, format!("does not tell of {route}"))));
        problems.extend(told.difference(&served).map(|route| Problem::new(page, format!("nobody serves {route}"))));
    }
    problems
}

/// Methods and path of a line that registers a route.
fn served(line: &str) -> Vec<String> {
    let Some((path, handlers)) = line.trim().strip_prefix(".route(\"").and_then(|rest| rest.split_once('"')) else {
        return Vec::new();
    };
    if !path.starts_with("/v1/") {
        return Vec::new();
    }
    let methods = ["get", "post", "put", "delete"].into_iter();
    let here =
        methods.filter(|method| [" ", "."].iter().any(|before| handlers.contains(&format!("{before}{method}("))));
    here.map(|method| format!("{} {}", method.to_uppercase(), nameless(path))).collect()
}

/// A route as documents write one: a method, a path, perhaps with a query.
fn route(span: &str) -> Option<String> {
    let (method, path) = span.split_once(' ')?;
    if !matches!(method, "GET" | "POST" | "PUT" | "DELETE") || !path.starts_with("/v1/") {
        return None;
    }
    let path = nameless(path);
    let path = path.split(['?', ' ']).next().unwrap_or(&path);
    Some(format!("{method} {path}"))
}

/// A path without the names of its parameters.
fn nameless(path: &str) -> String {
    let mut parts = path.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| {
        let rest = part.split_once('}').map_or("", |(_, rest)| rest);
        path + "{}" + rest
    })
}

/// The table of errors is that of the code: numbers, slugs and both sentences.
pub(super) fn errors(tree: &Tree) -> Vec<Problem> {
    let coded: BTreeSet<String> = text(tree, ERRORS).lines().filter_map(error_row).collect();
    let table = text(tree, PROTOCOL).split_once("\n## 12. ").map_or("", |(_, table)| table);
    let numbered = |line: &&str| line.strip_prefix("| ").is_some_and(|cell| cell.starts_with(DIGITS));
    let told: BTreeSet<String> = table.lines().filter(numbered).map(str::to_owned).collect();
    let mut problems = enough(ERRORS, coded.len());
    problems
        .extend(coded.difference(&told).map(|row| Problem::new(PROTOCOL, format!("section 12 lacks the row {row}"))));
    problems.extend(
        told.difference(&coded).map(|row| Problem::new(PROTOCOL, format!("no error is as this row says: {row}"))),
    );
    problems
}

fn error_row(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(" = ")?;
    let (number, rest) = rest.split_once(", \"")?;
    let (slug, rest) = rest.split_once("\", \"")?;
    let (happened, rest) = rest.split_once("\", \"")?;
    let next = rest.strip_suffix("\";")?;
    number.parse::<u32>().ok()?;
    Some(format!("| {number} | `{slug}` | {happened} | {next} |"))
}

/// Every label is in the protocol, and no other is.
pub(super) fn labels(tree: &Tree) -> Vec<Problem> {
    let page = text(tree, PROTOCOL);
    let labels: BTreeSet<&str> = text(tree, LABELS)
        .lines()
        .filter_map(|line| line.split_once("\"glimpse/v1/")?.1.split_once('"'))
        .map(|(label, _)| label)
        .collect();
    let mut problems = enough(LABELS, labels.len());
    let untold = labels.iter().filter(|label| !is_label_of(page, label));
    problems.extend(untold.map(|label| Problem::new(PROTOCOL, format!("does not tell of the label {label}"))));
    let used = page.split("lp(\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0));
    let strange: BTreeSet<&str> = used.filter(|label| !labels.contains(label)).collect();
    problems.extend(strange.iter().map(|label| Problem::new(PROTOCOL, format!("there is no label {label}"))));
    problems
}

fn is_label_of(page: &str, label: &str) -> bool {
    let ways = [format!("\"{label}\""), format!("`{label}`"), format!("`glimpse/v1/{label}`")];
    ways.iter().any(|written| page.contains(written.as_str()))
}

/// A structure has as many elements in the protocol as in the code. A choice begins with its number, which the code has apart.
pub(super) fn structures(tree: &Tree) -> Vec<Problem> {
    let mut coded: BTreeMap<String, usize> = BTreeMap::new();
    for (_, source) in tree.below("crates/glimpse-wire/src/", ".rs") {
        for array in source.split("\narray!(").skip(1) {
            if let Some((name, fields)) = array.split_once(" {")
                && let Some((fields, _)) = fields.split_once('}')
            {
                coded.insert(name.to_lowercase(), fields.split(',').filter(|field| !field.trim().is_empty()).count());
            }
        }
    }
    let (mut problems, mut compared) = (Vec::new(), 0_usize);
    for block in text(tree, PROTOCOL).split("\n```text\n").skip(1) {
        let block = block.split("\n```").next().unwrap_or_default();
        let mut rest = Some(block);
        while let Some(here) = rest {
            let (line, after) = here.split_once('\n').map_or((here, None), |(line, after)| (line, Some(after)));
            rest = after;
            if let Some((name, elements)) = line.split_once(' ')
                && elements.trim_start().strip_prefix('[').is_some_and(|first| !first.starts_with(DIGITS))
                && let Some(coded) = coded.get(&name.to_lowercase())
            {
                compared = compared.saturating_add(1);
                let told = elements_of(here);
                if told != *coded {
                    let what = format!("{name} has {told} elements, and {coded} in the code");
                    problems.push(Problem::new(PROTOCOL, what));
                }
            }
        }
    }
    problems.extend(enough(PROTOCOL, compared));
    problems
}

/// How many elements the first array in a text has.
fn elements_of(text: &str) -> usize {
    let (mut depth, mut count) = (0_usize, 0_usize);
    for letter in text.chars() {
        match letter {
            '[' | '(' if depth == 0 => (depth, count) = (1, 1),
            '[' | '(' => depth = depth.saturating_add(1),
            ']' | ')' if depth == 1 => return count,
            ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 1 => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}

/// Settings that documents name are settings.
pub(super) fn settings(tree: &Tree) -> Vec<Problem> {
    let lines = [SETTINGS, LIMITS].into_iter().flat_map(|file| text(tree, file).lines());
    let fields = lines.filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'));
    let known: BTreeSet<&str> = fields.map(|(name, _)| name).collect();
    let mut problems = enough(SETTINGS, known.len());
    for (page, text) in documents(tree) {
        let limits = text.split("limits.").skip(1).map(|rest| rest.split(not_a_name).next().unwrap_or_default());
        let limits = limits.filter(|name| !name.is_empty() && *name != "rs");
        let blocks = text.split("\n```toml\n").skip(1).map(|block| block.split("\n```").next().unwrap_or_default());
        let set = blocks.flat_map(str::lines).filter_map(|line| Some(line.split_once(" = ")?.0));
        let strange: BTreeSet<&str> = limits.chain(set).filter(|name| !known.contains(name)).collect();
        problems.extend(strange.iter().map(|name| Problem::new(page, format!("there is no setting {name}"))));
    }
    problems
}

fn not_a_name(letter: char) -> bool {
    !letter.is_ascii_lowercase() && letter != '_'
}

/// Commands and options that documents name are there.
pub(super) fn commands(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let programs = [
        ("glimpse", "crates/glimpse-cli/src/args/", "pub(crate) enum Command {"),
        ("glimpse-server", "crates/glimpse-server/src/main.rs", "enum Act {"),
    ];
    for (program, folder, first) in programs {
        let sources: Vec<&str> = tree.below(folder, ".rs").map(|(_, text)| text).collect();
        let top = sources.iter().find_map(|source| source.split_once(first)).map_or("", |(_, rest)| rest);
        let top: BTreeSet<String> = variants(top.split("\n}").next().unwrap_or_default()).collect();
        let below: BTreeSet<String> = sources.iter().flat_map(|source| variants(source)).collect();
        let options: BTreeSet<String> = sources.iter().flat_map(|source| options(source)).collect();
        problems.extend(enough(folder, options.len()));
        for (page, text) in documents(tree) {
            for line in spoken(text, program) {
                let mut words = line.split_whitespace();
                if let Some(word) = words.next().filter(|word| is_word(word))
                    && word != "help"
                    && !top.contains(word)
                {
                    problems.push(Problem::new(page, format!("there is no command `{program} {word}`")));
                    continue;
                }
                let group = ["account", "passphrase", "recovery", "org"].iter().any(|group| line.starts_with(group));
                if let Some(word) = words.next().filter(|word| group && is_word(word))
                    && !below.contains(word)
                {
                    problems.push(Problem::new(page, format!("there is no command in `{program} {line}`")));
                }
                let flags = line.split_whitespace().filter_map(|word| word.strip_prefix("--"));
                let flags = flags
                    .map(|flag| flag.split(|letter: char| letter != '-' && not_a_name(letter)).next().unwrap_or(""));
                for flag in flags.filter(|flag| !flag.is_empty() && !["help", "version"].contains(flag)) {
                    if !options.contains(flag) {
                        problems.push(Problem::new(page, format!("`{program}` has no option --{flag}")));
                    }
                }
            }
        }
    }
    problems
}

/// What a document says to a program: in spans of code and in lines of blocks.
fn spoken<'t>(text: &'t str, program: &str) -> Vec<&'t str> {
    let mut said = Vec::new();
    for line in text.lines() {
        let ways = [line.trim_start()].into_iter().chain(quoted(line, '`'));
        for way in ways {
            let way = way.strip_prefix("target/debug/").unwrap_or(way);
            let told = way.strip_prefix(program).and_then(|rest| rest.strip_prefix(' '));
            said.extend(
                told.map(|told| told.split(" #").next().unwrap_or(told))
                    .map(|told| told.split_once("  ").map_or(told, |(told, _)| told)),
            );
        }
    }
    said
}

/// Variants of an enum of commands, as they are typed.
fn variants(source: &str) -> impl Iterator<Item = String> {
    source.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?;
        let name = name.split(|letter: char| !letter.is_ascii_alphanumeric()).next()?;
        name.starts_with(|letter: char| letter.is_ascii_uppercase()).then(|| kebab(name))
    })
}

fn kebab(name: &str) -> String {
    let mut typed = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !typed.is_empty() {
            typed.push('-');
        }
        typed.push(letter.to_ascii_lowercase());
    }
    typed
}

/// Long options: fields, and the names that are given to them.
fn options(source: &str) -> impl Iterator<Item = String> {
    let named = source.split("long = \"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()));
    let fields = source.lines().filter_map(|line| {
        let name = line.trim().trim_start_matches("pub(crate) ").split_once(": ")?.0;
        (!name.is_empty() && !name.contains(not_a_name)).then(|| name.replace('_', "-"))
    });
    named.chain(fields)
}

fn is_word(word: &str) -> bool {
    !word.starts_with('-') && word.chars().all(|letter| letter == '-' || letter.is_ascii_lowercase())
}

/// Every table of the main database and of the sessions stands in the data model, and no other does.
pub(super) fn tables(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for database in ["main", "sessions"] {
        let folder = format!("crates/glimpse-server/src/store/{database}.");
        let sources: Vec<&str> = tree.below(&folder, "sql").map(|(_, text)| text).collect();
        let parts = |word: &'static str| sources.iter().flat_map(move |source| source.split(word).skip(1));
        let made = parts("CREATE TABLE ").filter_map(|rest| rest.split(not_a_name).next());
        let renamed = parts("ALTER TABLE ").filter_map(|rest| rest.split('\n').next()?.split_once(" RENAME TO "));
        let renamed: Vec<(&str, &str)> = renamed.map(|(old, new)| (old, new.trim_end_matches(';'))).collect();
        let mut there: BTreeSet<&str> = made.filter(|name| renamed.iter().all(|(old, _)| old != name)).collect();
        there.extend(renamed.iter().map(|(_, new)| new));
        let row = format!("| `{database}.db` ");
        let rows = text(tree, TABLES).lines().filter_map(|line| line.strip_prefix(row.as_str())?.split_once(" |"));
        let told: BTreeSet<&str> = rows.flat_map(|(names, _)| names.split(", ")).collect();
        problems.extend(
            there.difference(&told).map(|name| Problem::new(TABLES, format!("does not tell of the table {name}"))),
        );
        problems.extend(told.difference(&there).map(|name| Problem::new(TABLES, format!("there is no table {name}"))));
        if there.is_empty() {
            problems.push(Problem::new(folder.as_str(), "makes no table: has it moved?"));
        }
    }
    problems
}

fn text<'t>(tree: &'t Tree, path: &str) -> &'t str {
    tree.get(path).unwrap_or_default()
}

/// The documents that people and implementers read.
fn documents(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let root = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "crates/glimpse-cli/README.md"];
    let root = root.into_iter().filter_map(|path| Some((path, tree.get(path)?)));
    root.chain(tree.below("docs/", ".md"))
}

/// What stands between two marks, on one line.
fn quoted(text: &str, mark: char) -> impl Iterator<Item = &str> {
    text.lines().flat_map(move |line| line.split(mark).skip(1).step_by(2))
}

/// A source in which little was found was not read as it is written.
fn enough(path: &str, found: usize) -> Vec<Problem> {
    let few = (found < LEAST).then(|| Problem::new(path, format!("only {found} found there: has it moved?")));
    few.into_iter().collect()
}

#[cfg(test)]
mod tests;
