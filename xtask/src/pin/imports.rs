//! Which modules a page reaches, and the import map that leads each of their names to the pinned file.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::{Assets, SOURCE, TARGET, find};

/// The modules of a page, by their source names.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Reached by static imports alone: fetched at once.
    pub(super) eager: BTreeSet<String>,
    /// Behind an `import(…)`: fetched when asked for.
    pub(super) lazy: BTreeSet<String>,
}

/// Follows the imports from the page's own scripts.
pub(super) fn reachable<'a>(entries: impl Iterator<Item = &'a str>, assets: &Assets) -> Result<Graph> {
    let mut graph = Graph::default();
    let mut waiting: Vec<(String, bool)> = entries.map(|entry| (entry.to_owned(), true)).collect();
    while let Some((module, eager)) = waiting.pop() {
        if graph.eager.contains(&module) || (!eager && graph.lazy.contains(&module)) {
            continue;
        }
        let source = std::str::from_utf8(&find(&module, assets)?.bytes).with_context(|| module.clone())?;
        for (specifier, is_static) in specifiers(source) {
            waiting.push((resolve(&module, specifier)?, eager && is_static));
        }
        if eager {
            graph.lazy.remove(&module);
            graph.eager.insert(module);
        } else {
            graph.lazy.insert(module);
        }
    }
    Ok(graph)
}

/// The import map of a page: `./assets/dom.js`, which is where `./dom.js` inside a pinned module leads, to the pinned file. `way`
/// leads from the page to where `assets` is.
pub(super) fn map(graph: &Graph, assets: &Assets, way: &str) -> Result<String> {
    #[derive(Serialize)]
    struct Map<'a> {
        imports: BTreeMap<String, String>,
        integrity: BTreeMap<String, &'a str>,
    }
    let mut map = Map { imports: BTreeMap::new(), integrity: BTreeMap::new() };
    for module in graph.eager.iter().chain(&graph.lazy) {
        let asset = find(module, assets)?;
        let name = module.strip_prefix(SOURCE).unwrap_or(module);
        let pinned = format!("./{way}{}", asset.path);
        map.imports.insert(format!("./{way}{TARGET}{name}"), pinned.clone());
        map.integrity.insert(pinned, &asset.integrity);
    }
    serde_json::to_string(&map).context("import map")
}

/// Module specifiers in a source, and whether each is imported statically. Our modules write one import a line and
/// always with a quoted, relative name.
fn specifiers(source: &str) -> impl Iterator<Item = (&str, bool)> {
    source.lines().filter_map(|line| {
        let line = line.trim();
        if line.starts_with("//") || line.starts_with('*') || line.starts_with("/*") {
            return None;
        }
        let quoted = |rest: &'static str| {
            let (_, after) = line.split_once(rest)?;
            let (name, _) = after.split_once('"')?;
            name.starts_with('.').then_some(name)
        };
        let found = quoted("import(\"").map(|name| (name, false));
        found.or_else(|| quoted("from \"").or_else(|| quoted("import \"")).map(|name| (name, true)))
    })
}

/// Resolves a relative specifier against the module that holds it.
fn resolve(module: &str, specifier: &str) -> Result<String> {
    let mut parts: Vec<&str> = module.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop().with_context(|| format!("{specifier:?} in {module} leads out of the page"))?;
            }
            "" => bail!("{specifier:?} in {module}"),
            name => parts.push(name),
        }
    }
    Ok(parts.join("/"))
}
