//! The npm packages: `packages/agent-element` is as it stands there; that of the viewer is made here, of the same build as the page.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha384};

use crate::run::{check, command};

/// Where the modules are that Trunk compiled.
const COMPILED: &str = "target/wasm32-unknown-unknown/wasm-release";
/// Where the package is put.
pub(crate) const VIEWER: &str = "target/packages/viewer";
/// The line of the Worker that the reader's glue takes.
const PLACE: &str = "/* readerGlue */\n";

/// Makes the viewer's package of what `cargo xtask page` compiled.
///
/// # Errors
///
/// Fails when the page was not built, or a source of the package is not what is expected.
pub(crate) fn build(root: &Path) -> Result<()> {
    let into = root.join(VIEWER);
    if into.exists() {
        fs::remove_dir_all(&into)?;
    }
    let made = into.with_extension("bindgen");
    fs::create_dir_all(&into)?;
    bindgen(root, "glimpse_web.wasm", "web", &made)?;
    bindgen(root, "glimpse_reader.wasm", "no-modules", &made)?;
    for name in ["glimpse-web.js", "glimpse-web.d.ts", "glimpse-web_bg.wasm", "glimpse-reader_bg.wasm"] {
        fs::copy(made.join(name), into.join(name)).with_context(|| name.to_owned())?;
    }
    let source = |name: &str| -> Result<String> {
        let path = root.join("packages/viewer").join(name);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    for name in ["package.json", "README.md", "index.d.ts"] {
        fs::write(into.join(name), source(name)?)?;
    }
    // A record that breaks the reader breaks that instance alone, so each has one: the glue as a function, not as a module.
    let glue = fs::read_to_string(made.join("glimpse-reader.js"))?;
    let worker = replaced(
        &source("worker.js")?,
        PLACE,
        &format!("const readerGlue = () => {{\n{glue}\nreturn wasm_bindgen;\n}};\n"),
    )?;
    fs::write(into.join("worker.js"), worker)?;
    let index = source("index.js")?;
    let index =
        replaced(&index, "viewer: \"\"", &format!("viewer: \"{}\"", integrity(&into.join("glimpse-web_bg.wasm"))?))?;
    let index =
        replaced(&index, "reader: \"\"", &format!("reader: \"{}\"", integrity(&into.join("glimpse-reader_bg.wasm"))?))?;
    fs::write(into.join("index.js"), index)?;
    fs::remove_dir_all(&made)?;
    Ok(())
}

fn bindgen(root: &Path, module: &str, target: &str, into: &Path) -> Result<()> {
    let compiled: PathBuf = root.join(COMPILED).join(module);
    if !compiled.is_file() {
        bail!("{} is not there: run `cargo xtask page` first", compiled.display());
    }
    let name = module.trim_end_matches(".wasm").replace('_', "-");
    let mut tool = command("wasm-bindgen", root);
    check(tool.args(["--target", target, "--out-name", &name, "--out-dir"]).arg(into).arg(compiled))
}

/// Puts something in the one place that is meant for it.
fn replaced(text: &str, place: &str, by: &str) -> Result<String> {
    ensure!(text.matches(place).count() == 1, "{place:?} does not stand there once");
    Ok(text.replace(place, by))
}

fn integrity(file: &Path) -> Result<String> {
    Ok(format!("sha384-{}", Base64::encode_string(&Sha384::digest(fs::read(file)?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_not_there_once_is_not_filled() {
        assert_eq!(replaced("a b", "b", "c").unwrap(), "a c");
        assert!(replaced("a", "b", "c").is_err());
        assert!(replaced("b b", "b", "c").is_err());
    }
}
