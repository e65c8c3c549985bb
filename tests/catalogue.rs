//! The catalogues in `www/lang/`: every language has every text with the same placeholders, and every text that anything
//! asks for is there.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use glimpse_content::keys;
use glimpse_wire::ErrorCode;
use serde_json::Value;

type Catalogue = BTreeMap<String, Value>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn catalogue(path: &str) -> Catalogue {
    let text = fs::read_to_string(root().join("www/lang").join(path)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The forms of a text: one, or one for each plural category.
fn forms(entry: &Value) -> Vec<(&str, &str)> {
    match entry {
        Value::String(text) => vec![("", text)],
        Value::Object(forms) => forms.iter().map(|(name, text)| (name.as_str(), text.as_str().unwrap())).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => panic!("{entry} is no text"),
    }
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// The text that stands for any number, which is what other languages are measured by.
fn general(entry: &Value) -> &str {
    let forms = forms(entry);
    forms.iter().find(|(name, _)| matches!(*name, "" | "other")).map(|(_, text)| *text).unwrap()
}

const LANGUAGES: [(&str, &[&str]); 3] =
    [("en", &["one", "other"]), ("de", &["one", "other"]), ("ar", &["few", "many", "one", "other", "two", "zero"])];

#[test]
fn every_language_has_every_text() {
    for folder in ["", "content/", "device/", "agent/"] {
        let english = catalogue(&format!("{folder}en.json"));
        for (language, categories) in LANGUAGES {
            let own = catalogue(&format!("{folder}{language}.json"));
            let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) = (own.keys().collect(), english.keys().collect());
            assert_eq!(ours, theirs, "{folder}{language}");
            for (key, entry) in &own {
                let expected = placeholders(general(&english[key]));
                assert_eq!(placeholders(general(entry)), expected, "{language}: {key}");
                assert!(forms(entry).iter().all(|(_, text)| !text.trim().is_empty()), "{language}: {key} is empty");
                if let Value::Object(forms) = entry {
                    // By name: a map of serde_json keeps the order of the file where another package of the build asks for it.
                    let forms: BTreeSet<_> = forms.keys().map(String::as_str).collect();
                    assert_eq!(forms, categories.iter().copied().collect(), "{language}: {key}");
                }
            }
        }
    }
}

#[test]
fn translations_are_translations() {
    // A text left in English by mistake: few whole sentences are the same in two languages.
    for folder in ["", "content/", "device/", "agent/"] {
        let english = catalogue(&format!("{folder}en.json"));
        for language in ["de", "ar"] {
            let own = catalogue(&format!("{folder}{language}.json"));
            // What is put into a text is in nobody's language.
            let words = |text: &str| text.split(['{', '}']).step_by(2).map(str::len).sum::<usize>();
            let same = |key: &String| words(general(&own[key])) > 20 && general(&own[key]) == general(&english[key]);
            assert_eq!(own.keys().filter(|key| same(key)).collect::<Vec<_>>(), Vec::<&String>::new(), "{language}");
        }
    }
}

#[test]
fn every_error_has_its_words_and_english_says_what_wire_says() {
    let english = catalogue("en.json");
    for code in ErrorCode::ALL {
        assert_eq!(general(&english[&format!("error.{code}")]), code.happened());
        assert_eq!(general(&english[&format!("error.{code}.next")]), code.next_step());
    }
}

#[test]
fn every_word_of_content_is_there_and_english_says_what_content_says() {
    let english = catalogue("content/en.json");
    for (key, text) in keys::all() {
        let entry = english.get(key).unwrap_or_else(|| panic!("{key} is missing: {text}"));
        assert_eq!(general(entry), text, "{key}");
    }
    assert_eq!(english.len(), keys::all().count(), "a text that nothing asks for");
}

/// Keys that are written out in the sources, in `t("…")`, `parts("…")`, `data-t="…"` and the announcements of the model.
fn asked_for() -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    let mut files = vec![root().join("index.html")];
    for folder in ["www", "www/screens", "src/model"] {
        files.extend(fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    // What the phone, the watch and the portal ask for is looked at below.
    let is_source = |path: &Path| {
        !["device.html", "watch.html", "agent.html"].iter().any(|page| path.ends_with(page))
            && path.extension().is_some_and(|extension| ["js", "html", "rs"].iter().any(|own| extension == *own))
    };
    for path in files.into_iter().filter(|path| is_source(path)) {
        let text = fs::read_to_string(path).unwrap();
        for mark in ["t(\"", "parts(\"", "data-t=\"", "polite(\"", "urgent(\""] {
            for rest in text.split(mark).skip(1) {
                let key = rest.split('"').next().unwrap();
                // `import("./…")` ends in the same letters.
                if (key.contains('.') && !key.starts_with('.')) || mark == "data-t=\"" {
                    asked.insert(key.to_owned());
                }
            }
        }
    }
    asked
}

#[test]
fn every_text_that_is_asked_for_is_there() {
    let english = catalogue("en.json");
    let asked = asked_for();
    assert!(asked.len() > 60 && asked.contains("say.two-minutes") && asked.contains("enter.title"), "{asked:?}");
    let missing: Vec<_> = asked.iter().filter(|key| !english.contains_key(*key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_static_page_says_what_the_catalogue_says() {
    let of_agents = ["www/agent.html", "www/agent/embed.html", "www/agent/sign-in.html"];
    for page in ["index.html", "www/ended.html", "www/device.html"].into_iter().chain(of_agents) {
        let mut english = catalogue("en.json");
        if page == "www/device.html" {
            english.extend(catalogue("device/en.json"));
        }
        if of_agents.contains(&page) {
            english.extend(catalogue("agent/en.json"));
        }
        let text = fs::read_to_string(root().join(page)).unwrap();
        let mut seen = 0;
        for rest in text.split("data-t=\"").skip(1) {
            let (key, rest) = rest.split_once('"').unwrap();
            let shown = rest.split_once('>').unwrap().1.split_once('<').unwrap().0;
            assert_eq!(shown, general(&english[key]), "{page}: {key}");
            seen += 1;
        }
        assert!(seen >= 3, "{page}");
    }
}

/// The sources of the phone page: what it is drawn with, and what says to it what there is.
fn phone_sources() -> Vec<(PathBuf, String)> {
    sources_in(
        &["www/device", "www/watch", "crates/glimpse-phone/src", "crates/glimpse-page/src"],
        &["www/device.html", "www/watch.html"],
    )
}

/// What lies in folders, and some pages.
fn sources_in(folders: &[&str], pages: &[&str]) -> Vec<(PathBuf, String)> {
    let mut folders: Vec<_> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut sources: Vec<_> = pages.iter().map(|page| (root().join(page), String::new())).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "js" || extension == "rs") {
                sources.push((path, String::new()));
            }
        }
    }
    for (path, text) in &mut sources {
        *text = fs::read_to_string(&*path).unwrap();
    }
    sources
}

/// Everything between double quotes that could be a key or the last part of one.
fn quoted(sources: &[(PathBuf, String)]) -> BTreeSet<&str> {
    let is_word = |text: &&str| {
        text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte))
    };
    sources.iter().flat_map(|(_, text)| text.split('"')).filter(is_word).collect()
}

/// Keys that are put together: what stands before and after the part that varies, in ``t(`nav.${to}`)`` and its like.
fn made_up(sources: &[(PathBuf, String)]) -> BTreeSet<(&str, &str)> {
    let scripts = sources.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "js"));
    let templates = scripts.flat_map(|(_, text)| text.split('`').skip(1));
    let parts = templates.filter_map(|template| {
        let (before, rest) = template.split_once("${")?;
        Some((before, rest.split_once('}')?.1))
    });
    let is_key = |before: &str, after: &str| before.ends_with('.') || (before.is_empty() && after.starts_with('.'));
    parts.filter(|(before, after)| is_key(before, after) && !before.contains([' ', '\n'])).collect()
}

/// What the phone's Rust gives the last part of a key for: after `mark`, in quotes.
fn named_after<'a>(sources: &'a [(PathBuf, String)], mark: &'a str) -> impl Iterator<Item = &'a str> {
    let rust = sources.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs"));
    rust.flat_map(move |(_, text)| text.split(mark).skip(1)).filter_map(|rest| rest.split('"').next())
}

#[test]
fn every_text_that_the_phone_asks_for_is_there_and_no_other() {
    let own = catalogue("device/en.json");
    let shared = catalogue("en.json");
    let both: BTreeSet<&str> = own.keys().chain(shared.keys()).map(String::as_str).collect();
    let sources = phone_sources();
    let quoted = quoted(&sources);

    // A word with a dot whose first part begins a key is a key.
    let firsts: BTreeSet<_> = both.iter().filter_map(|key| key.split_once('.')).map(|(first, _)| first).collect();
    let is_key = |word: &&str| word.split_once('.').is_some_and(|(first, rest)| firsts.contains(first) && rest != "js");
    let asked: Vec<_> = quoted.iter().copied().filter(is_key).collect();
    assert!(asked.len() > 100 && asked.contains(&"say.granted"), "{asked:?}");
    // Or the beginning of those of a question.
    let is_there = |key: &str| both.contains(key) || both.contains(format!("{key}.title").as_str());
    let missing: Vec<_> = asked.iter().filter(|key| !is_there(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");

    let busy = named_after(&sources, "run_busy(\"").chain(named_after(&sources, "Busy::new(\""));
    let busy: Vec<_> = busy.map(|what| format!("busy.{what}")).collect();
    assert!(busy.len() > 3, "{busy:?}");
    let missing: Vec<_> = busy.iter().filter(|key| !both.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");

    let trouble = sources.iter().filter(|(path, _)| path.ends_with("glimpse-phone/src/trouble.rs"));
    let arms = trouble.flat_map(|(_, text)| text.split("=> \"").skip(1)).filter_map(|rest| rest.split('"').next());
    let troubles: BTreeSet<_> = arms.chain(named_after(&sources, "Trouble::new(\"")).collect();
    assert!(troubles.len() > 10, "{troubles:?}");
    for key in troubles {
        let name = ["trouble", "error"].map(|prefix| format!("{prefix}.{key}"));
        let name = name.iter().find(|name| both.contains(name.as_str())).unwrap_or_else(|| panic!("no text for {key}"));
        assert!(both.contains(format!("{name}.next").as_str()), "{name} says not what to do next");
    }

    let mut made = made_up(&sources);
    // Rows of a list are drawn by what both pages share.
    made.insert(("mark.", ""));
    assert!(made.contains(&("nav.", "")) && made.contains(&("busy.", "")), "{made:?}");
    // serde writes `Mark::Unsigned` as `unsigned`.
    let is_variant = |part: &str| {
        let capital = |word: &str| {
            word.chars().take(1).map(|first| first.to_ascii_uppercase()).chain(word.chars().skip(1)).collect()
        };
        let name: String = part.split('-').map(|word| -> String { capital(word) }).collect();
        let rust = sources.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs"));
        rust.flat_map(|(_, text)| text.lines()).any(|line| line.trim().strip_suffix(',') == Some(name.as_str()))
    };
    let is_made = |key: &str| {
        made.iter().any(|(before, after)| {
            let part = key.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            part.is_some_and(|part| quoted.contains(part) || is_variant(part))
        })
    };
    // A dialog adds these to the name of its question.
    let asks = |key: &str| {
        let question = [".title", ".why", ".yes", ".no"].iter().find_map(|part| key.strip_suffix(part));
        question.is_some_and(|question| quoted.contains(question) || is_made(question))
    };
    // What is wrong with a log is called so by the device.
    let is_used = |key: &str| quoted.contains(key) || is_made(key) || asks(key) || key.starts_with("log.");
    let unused: Vec<_> =
        own.keys().filter(|key| !is_used(key) && !key.strip_suffix(".next").is_some_and(is_used)).collect();
    assert!(unused.is_empty(), "texts that nothing asks for: {unused:?}");
    assert!(own.keys().all(|key| !shared.contains_key(key)), "a text of the phone hides one that all pages have");
}

#[test]
fn every_text_that_the_portal_asks_for_is_there_and_no_other() {
    let own = catalogue("agent/en.json");
    let shared = catalogue("en.json");
    let there = |key: &str| own.contains_key(key) || shared.contains_key(key);
    let sources = sources_in(&["www/agent", "crates/glimpse-portal/src"], &["www/agent.html"]);
    let quoted = quoted(&sources);
    let is_key = |word: &&str| {
        ["agent.", "say.agent.", "title.agent"].iter().any(|first| word.starts_with(first)) && !word.ends_with(".html")
    };
    let files = ["agent.css", "agent.js"];
    let asked: Vec<_> = quoted.iter().copied().filter(|word| is_key(word) && !files.contains(word)).collect();
    assert!(asked.len() > 40 && asked.contains(&"say.agent.ready"), "{asked:?}");
    let missing: Vec<_> = asked.iter().filter(|key| !there(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let made = made_up(&sources);
    assert!(
        made.contains(&("title.agent.", ""))
            && made.contains(&("agent.", ".title"))
            && made.contains(&("agent.outcome.", "")),
        "{made:?}"
    );
    let is_used = |key: &str| {
        let is_made = made.iter().any(|(before, after)| {
            let part = key.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            // The names of the viewer's screens are keys of an object here.
            part.is_some_and(|part| {
                quoted.contains(part) || sources.iter().any(|(_, text)| text.contains(&format!(" {part}: ")))
            })
        });
        quoted.contains(key) || is_made
    };
    // What the viewer's screens say in other words to an agent, and its errors.
    let instead =
        |key: &str| shared.contains_key(key) || key.strip_prefix("agent.").is_some_and(|own| shared.contains_key(own));
    let used = |key: &str| is_used(key) || instead(key) || key.strip_suffix(".next").is_some_and(is_used);
    let unused: Vec<_> = own.keys().filter(|key| !used(key)).collect();
    assert!(unused.is_empty(), "texts that nothing asks for: {unused:?}");
}
