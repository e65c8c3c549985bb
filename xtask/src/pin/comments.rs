//! Comments are for whoever reads the sources. What is served goes without those that stand on lines of their own, and
//! without indentation: a third of the scripts' bytes.

/// The same script or style sheet without them. Our sources, and wasm-bindgen's glue, begin no line inside a string with
/// what looks like a comment; a test holds them to it.
pub(super) fn without(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut inside = false;
    for line in source.lines() {
        let mut rest = line.trim();
        // What a comment encloses goes; what stands behind it, as behind a cast, stays.
        while inside || rest.starts_with("/*") {
            let Some((_, behind)) = rest.split_once("*/") else {
                inside = true;
                rest = "";
                break;
            };
            inside = false;
            rest = behind.trim();
        }
        if !rest.is_empty() && !rest.starts_with("//") {
            kept.push_str(rest);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_on_lines_of_their_own_go() {
        let source = "/** @type {A} */ (b).c = 1;\n  /*\n  x */ d();\n// one\nconst a = 1; // two\n\n  /** three */\n  /*\n   * four\n   */\n  b(\"// five\");\n";
        assert_eq!(without(source), "(b).c = 1;\nd();\nconst a = 1; // two\nb(\"// five\");\n");
    }

    #[test]
    fn our_sources_have_no_text_over_several_lines() {
        // Inside one, a line that looks like a comment would be text, and its indentation would count.
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../www");
        let mut seen = 0;
        for entry in [folder.clone(), folder.join("screens")].into_iter().flat_map(|at| std::fs::read_dir(at).unwrap())
        {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "js") {
                seen += 1;
                for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
                    let code = !line.trim_start().starts_with(['/', '*']);
                    let odd = code && line.matches('`').count() % 2 == 1;
                    assert!(!odd, "{}:{}: a template goes over the end of the line", path.display(), number + 1);
                }
            }
        }
        assert!(seen > 10, "the sources were found");
    }
}
