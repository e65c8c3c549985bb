//! The page draws what Rust computed, as text, and talks to its own server alone.

use super::{Problem, Tree};

/// Ways to turn a string into markup or code, and ways to leave something on the computer.
const FORBIDDEN: [&str; 24] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "setHTML",
    "document.write",
    "createContextualFragment",
    "DOMParser",
    "srcdoc",
    "eval(",
    "new Function",
    "Function(",
    "setTimeout(\"",
    "setInterval(\"",
    "javascript:",
    "localStorage",
    "sessionStorage",
    "indexedDB",
    "document.cookie",
    "serviceWorker",
    "caches.",
    "importScripts",
    "sendBeacon",
    "history.pushState",
    "console.log",
];

/// What single files of the phone page and of the portal may have, which keep keys in the browser; the phone opens without a
/// connection, too. The viewer keeps nothing, and has none of these.
const ALLOWED: [(&str, &str); 5] = [
    // It asks whether there is a database; the Worker's Rust opens it.
    ("www/device/app.js", "indexedDB"),
    // The portal's one key, which the browser lets nobody have.
    ("www/agent/app.js", "indexedDB"),
    ("www/agent/worker.js", "indexedDB"),
    ("www/device/offline.js", "serviceWorker"),
    ("www/device/sw.js", "caches."),
];

/// `www/` holds no markup strings, no storage and no code made of strings.
pub(super) fn drawing_only(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.below("www/", "").chain(tree.below("index.html", "")) {
        for (index, line) in text.lines().enumerate() {
            let place = || format!("{path}:{}", index.saturating_add(1));
            if let Some(word) = FORBIDDEN.iter().find(|word| line.contains(**word) && !ALLOWED.contains(&(path, word)))
            {
                problems.push(Problem::new(place(), format!("`{word}`")));
            }
            if path.ends_with(".html")
                && (line.contains(" style=\"") || line.contains(" on") && line.contains("=\"") && has_handler(line))
            {
                problems.push(Problem::new(place(), "an inline style or handler"));
            }
        }
    }
    problems
}

/// An attribute such as `onclick="…"`.
fn has_handler(line: &str) -> bool {
    line.split_whitespace().any(|word| {
        let name = word.split_once("=\"").map_or("", |(name, _)| name);
        name.len() > 2 && name.starts_with("on") && name.chars().all(|c| c.is_ascii_lowercase())
    })
}

/// Nothing in the page leads to another origin.
pub(super) fn own_origin(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.below("www/", "").chain(tree.below("index.html", "")) {
        for (index, line) in text.lines().enumerate() {
            // The names of XML vocabularies are not addresses.
            let rest = line.replace("http://www.w3.org/2000/svg", "");
            if ["http://", "https://", "ws://", "wss://", "url(", "@import"].iter().any(|word| rest.contains(word)) {
                if path.ends_with(".css") && line.trim_start().starts_with("/*") {
                    continue;
                }
                problems.push(Problem::new(format!("{path}:{}", index.saturating_add(1)), "leads out of the page"));
            }
        }
    }
    problems
}

/// Fields that people write in say what a browser is to do with them: it fills in what it has stored, and sends what it checks.
/// A file's own `field` that takes more says one half of it, and whoever calls that the other.
pub(super) fn fields(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut miss = |path: &str, text: &str, from: usize, word: &str| {
        let line = text.get(..from).map_or(0, |before| before.lines().count());
        problems.push(Problem::new(format!("{path}:{line}"), format!("a field without `{word}`")));
    };
    for (path, text) in tree.below("www/", ".js") {
        let takes_all = text.contains("const field = ");
        for begin in ["h(\"input\", {", "h(\"textarea\", {", "field(\"", "field(`"] {
            let called = begin.starts_with("field");
            for (from, _) in text.match_indices(begin).filter(|_| !called || !takes_all) {
                let rest = text.get(from..).unwrap_or_default();
                let said = rest.split_once(if called { ");" } else { "})" }).map_or(rest, |(said, _)| said);
                if ["checkbox", "radio", "file"].iter().any(|kind| said.contains(&format!("type: \"{kind}\""))) {
                    continue;
                }
                if !said.contains("autocomplete: ") && (called || !said.contains("...more")) {
                    miss(path, text, from, "autocomplete");
                }
                if !called && !said.contains("spellcheck: false") {
                    miss(path, text, from, "spellcheck: false");
                }
            }
        }
    }
    for (path, text) in tree.below("www/", ".html").chain(tree.below("index.html", "")) {
        for (from, _) in ["<input", "<textarea"].iter().flat_map(|tag| text.match_indices(tag)) {
            let said = text.get(from..).and_then(|rest| rest.split_once('>')).map_or("", |(said, _)| said);
            for word in ["autocomplete=", "spellcheck=\"false\""].into_iter().filter(|word| !said.contains(word)) {
                miss(path, text, from, word);
            }
        }
    }
    problems
}

/// What wasm-bindgen generated needs no `unsafe-eval`, and no file of ours slipped through unpinned.
pub(super) fn built(dist: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in dist.below("", ".js") {
        for word in ["new Function(", "eval("].into_iter().filter(|word| text.contains(*word)) {
            problems.push(Problem::new(path, format!("`{word}`: the policy forbids code made of strings")));
        }
    }
    if !dist.files.keys().any(|path| path.starts_with("assets/worker-")) {
        problems.push(Problem::new("dist", "holds no worker: was the page built?"));
    }
    let sources = |text: &str| text.contains("www/") || text.contains("data-trunk");
    for (path, _) in dist.below("", ".html").filter(|(_, text)| sources(text)) {
        problems.push(Problem::new(path, "refers to a file that is not pinned"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn a_markup_string_is_found() {
        for bad in ["element.innerHTML = title;", "new Function(x)()", "localStorage.setItem(a, b)", "document.cookie"]
        {
            assert_eq!(drawing_only(&tree(&[("www/a.js", bad)])).len(), 1, "{bad}");
        }
        for bad in ["<p style=\"color:red\">", "<button onclick=\"go()\">"] {
            assert_eq!(drawing_only(&tree(&[("index.html", bad)])).len(), 1, "{bad}");
        }
        assert_eq!(drawing_only(&tree(&[("www/device/sw.js", "caches.open(NAME)")])), []);
        assert_eq!(drawing_only(&tree(&[("www/device/app.js", "caches.open(NAME)")])).len(), 1);
        assert_eq!(drawing_only(&tree(&[("www/boot.js", "navigator.serviceWorker")])).len(), 1);
        let fine = "element.textContent = title; // on top of it";
        assert_eq!(
            drawing_only(&tree(&[("www/a.js", fine), ("index.html", "<p title=\"later on\" class=\"a\">")])),
            []
        );
    }

    #[test]
    fn t095_a_field_that_is_left_to_the_browser_is_found() {
        let found = |path: &str, text: &str| fields(&tree(&[(path, text)])).len();
        for (bad, times) in [
            (r#"const text = (h("input", { id: "a", type: "text" }));"#, 2),
            (r#"const text = (h("input", { id: "a", autocomplete: "off" }));"#, 1),
            (r#"const text = (h("textarea", { rows: 3, spellcheck: false }));"#, 1),
            (r#"const name = field("name", "text", "a.label", { maxLength: 60 });"#, 1),
            (r#"const part = field(`part-${each}`, "number", label);"#, 1),
            (r#"function field(id, more) { return h("input", { id, ...more }); }"#, 1),
        ] {
            assert_eq!(found("www/a.js", bad), times, "{bad}");
        }
        assert_eq!(found("index.html", "<p>\n<input id=\"code\"\n autocomplete=\"off\">"), 1);
        for fine in [
            r#"const name = field("name", "text", "a.label", { autocomplete: "off" });"#,
            r#"function field(id, more) { return h("input", { id, spellcheck: false, ...more }); }"#,
            r#"h("input", { type: "radio", name }), h("input", { id, type: "checkbox" })"#,
            r#"const field = (id, more) => h("input", { id, autocomplete: "off", spellcheck: false, ...more }); field("case", { maxLength: 9 });"#,
        ] {
            assert_eq!(found("www/a.js", fine), 0, "{fine}");
        }
        assert_eq!(found("www/a.html", "<input id=\"code\" autocomplete=\"off\" spellcheck=\"false\">"), 0);
    }

    #[test]
    fn t087_anything_of_another_origin_is_found() {
        for (path, bad) in [
            ("www/a.js", "fetch(\"https://x.example\")"),
            ("www/style.css", "background: url(x.png)"),
            ("index.html", "src=\"https://cdn.example/a.js\""),
        ] {
            assert_eq!(own_origin(&tree(&[(path, bad)])).len(), 1, "{bad}");
        }
        assert_eq!(own_origin(&tree(&[("www/dom.js", "const SVG = \"http://www.w3.org/2000/svg\";")])), []);
    }

    #[test]
    fn a_build_that_needs_eval_is_found() {
        let glue = ("assets/worker-0.js", "let wasm_bindgen = 1;");
        assert_eq!(built(&tree(&[glue, ("index.html", "<script src=\"assets/a.js\">")])), []);
        assert_eq!(built(&tree(&[("assets/worker-0.js", "return new Function(a)")])).len(), 1);
        assert_eq!(built(&tree(&[("assets/worker-0.js", "return `Function(${name})`")])), [], "a word in a message");
        assert_eq!(built(&tree(&[glue, ("index.html", "<script src=\"www/a.js\">")])).len(), 1);
        assert_eq!(built(&tree(&[])).len(), 1, "an empty build has not passed");
    }
}
