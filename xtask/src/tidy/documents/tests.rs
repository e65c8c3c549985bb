use super::super::tree;
use super::*;

/// What is told of these files, but that little was found in them.
fn told(check: fn(&Tree) -> Vec<Problem>, files: &[(&str, &str)]) -> Vec<String> {
    let problems = check(&tree(files)).into_iter().map(|problem| problem.to_string());
    problems.filter(|problem| !problem.contains("has it moved?")).collect()
}

#[test]
fn a_source_that_was_not_read_is_found() {
    for check in [routes, errors, labels, structures, settings, commands, tables] {
        assert!(!check(&tree(&[])).is_empty());
    }
}

#[test]
fn a_route_that_only_one_side_has_is_found() {
    let code =
        "        .route(\"/v1/a/{id}\", get(x::read).put(x::write))\n        .route(\"/healthz\", get(healthz))\n";
    let page = "| `GET /v1/a/{a b}?from=` | anyone |\n| `PUT /v1/a/{id}` | device |\n";
    assert_eq!(told(routes, &[(ROUTES, code), (PROTOCOL, page), (API, page)]), [""; 0]);
    let less = told(routes, &[(ROUTES, code), (PROTOCOL, "`GET /v1/a/{id}`"), (API, page)]);
    assert_eq!(less, ["docs/protocol.md: does not tell of PUT /v1/a/{}"]);
    let more = told(routes, &[(ROUTES, code), (PROTOCOL, page), (API, &format!("{page}`DELETE /v1/a/{{id}}`"))]);
    assert_eq!(more, ["crates/glimpse-wire/src/api.rs: nobody serves DELETE /v1/a/{}"]);
}

#[test]
fn an_error_that_is_told_otherwise_is_found() {
    let code = "    Wrong = 3, \"wrong\", \"It is wrong.\", \"Mend it.\";\n";
    let page = |row: &str| format!("| 1 | in a table before |\n## 12. Errors\n\n| number | slug |\n|---|---|\n{row}\n");
    let right = page("| 3 | `wrong` | It is wrong. | Mend it. |");
    assert_eq!(told(errors, &[(ERRORS, code), (PROTOCOL, &right)]), [""; 0]);
    for other in ["| 4 | `wrong` | It is wrong. | Mend it. |", "| 3 | `wrong` | It is right. | Mend it. |"] {
        assert_eq!(told(errors, &[(ERRORS, code), (PROTOCOL, &page(other))]).len(), 2, "{other}");
    }
}

#[test]
fn a_label_that_only_one_side_has_is_found() {
    let code = "pub const A: &str = \"glimpse/v1/x/a\";\npub const B: &str = \"glimpse/v1/x/b\";\n";
    assert_eq!(told(labels, &[(LABELS, code), (PROTOCOL, "`H(lp(\"x/a\", y))`, and `x/b`")]), [""; 0]);
    let found = told(labels, &[(LABELS, code), (PROTOCOL, "`H(lp(\"x/a\", lp(\"x/c\")))`")]);
    assert_eq!(found, ["docs/protocol.md: does not tell of the label x/b", "docs/protocol.md: there is no label x/c"]);
}

#[test]
fn a_structure_of_another_length_is_found() {
    let code = "\narray!(One { a, b });\n\narray!(Two {\n    a,\n    b,\n    c\n});\n";
    let page =
        |two: &str| format!("\n```text\nOne   [a: bytes(2), [* [b, c]]]\nTwo   {two}\nOther [a]\nTwo   [1, a]\n```\n");
    let files = |page: &str| told(structures, &[("crates/glimpse-wire/src/a.rs", code), (PROTOCOL, page)]);
    assert_eq!(files(&page("[a, b,\n       c]   signed")), [""; 0]);
    assert_eq!(files(&page("[a, b]")), ["docs/protocol.md: Two has 2 elements, and 3 in the code"]);
}

#[test]
fn a_setting_that_is_none_is_found() {
    let code = "    pub listen: SocketAddr,\n    pub page: u32,\n";
    let page = "`limits.page` and\n\n```toml\nlisten = \"x\"\n# said\n```\n";
    assert_eq!(told(settings, &[(SETTINGS, code), ("docs/a.md", page)]), [""; 0]);
    let page = "`--set limits.pages=1` and\n\n```toml\nlisten_at = \"x\"\n```\n";
    assert_eq!(
        told(settings, &[(SETTINGS, code), ("docs/a.md", page)]),
        ["docs/a.md: there is no setting listen_at", "docs/a.md: there is no setting pages"]
    );
}

#[test]
fn a_command_or_an_option_that_is_none_is_found() {
    let code = "pub(crate) enum Command {\n    /// Org\n    Org(Org),\n    GiveBack {\n        #[arg(long)]\n        since_day: u64,\n    },\n}\n";
    let found = |page: &str| told(commands, &[("crates/glimpse-cli/src/args/mod.rs", code), ("README.md", page)]);
    for fine in [
        "`glimpse give-back --since-day 3`",
        "`glimpse give-back FILE`",
        "glimpse org give-back   # `x --y`",
        "a glimpse of it",
    ] {
        assert_eq!(found(fine), [""; 0], "{fine}");
    }
    assert_eq!(found("target/debug/glimpse take"), ["README.md: there is no command `glimpse take`"]);
    assert_eq!(found("`glimpse org take`"), ["README.md: there is no command in `glimpse org take`"]);
    assert_eq!(found("`glimpse give-back --until 3`"), ["README.md: `glimpse` has no option --until"]);
}

#[test]
fn a_table_that_only_one_side_has_is_found() {
    let (first, second) =
        ("CREATE TABLE a (\nCREATE TABLE b (\n", "CREATE TABLE c (\nDROP TABLE b;\nALTER TABLE c RENAME TO b;\n");
    let sources =
        [("crates/glimpse-server/src/store/main.sql", first), ("crates/glimpse-server/src/store/main.x.sql", second)];
    let found = |rows: &str| {
        let sessions = ("crates/glimpse-server/src/store/sessions.sql", "");
        told(tables, &[sources.as_slice(), &[sessions, (TABLES, rows)]].concat())
    };
    assert_eq!(found("| `main.db` a, b | x |\n| `signing-key` | y |\n"), [""; 0]);
    assert_eq!(found("| `main.db` a | x |\n"), ["docs/data-model.md: does not tell of the table b"]);
    assert_eq!(found("| `main.db` a, b, c | x |\n"), ["docs/data-model.md: there is no table c"]);
}
