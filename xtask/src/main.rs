//! The project's own commands: `cargo xtask <command>`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod bench;
mod browsers;
mod demo;
mod package;
mod page;
mod pin;
mod run;
mod soak;
mod test;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::demo::Story;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo    a server, an account with a sample record, and a code to type into a browser; --headless: all of it by itself;
          --phone: the device is a page, too; --phone --headless: pictures of each of its screens;
          --agent: an agent of an organisation looks; --agent --headless: pictures of each screen of the portal
  test    every test: format, tidy, lints, native, browser, whole system (some 20 minutes when nothing is built yet)
  bench   one JSON line a figure, some ten minutes; --quick: smaller numbers, three minutes
  soak    the tests that have a full volume, at their full volume
  tidy    the invariants of ARCHITECTURE.md that a machine can check
  page    the static site in dist/, as `trunk build` makes it, reproducible; --server <origin> --into <folder>: a page for
          another origin than that of its server
  package the viewer as an npm package in target/packages/viewer, of the page that was built last
  pin     Trunk's post_build hook: names the page's files by content and pins them by hash
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["demo"] => demo(false, Story::Plain),
        ["demo", "--headless"] => demo(true, Story::Plain),
        ["demo", "--phone"] => demo(false, Story::Phone),
        ["demo", "--agent"] => demo(false, Story::Agent),
        ["demo", "--phone", "--headless"] | ["demo", "--headless", "--phone"] => demo(true, Story::Phone),
        ["demo", "--agent", "--headless"] | ["demo", "--headless", "--agent"] => demo(true, Story::Agent),
        ["test"] => root().and_then(|root| test::run(&root)),
        ["bench"] => root().and_then(|root| bench::run(&root, false)),
        ["bench", "--quick"] => root().and_then(|root| bench::run(&root, true)),
        ["soak"] => root().and_then(|root| soak::run(&root)),
        ["tidy"] => root().and_then(|root| tidy::run(&root)),
        ["page"] => root().and_then(|root| tools::for_page(&root).and_then(|()| page::build(&root))),
        ["page", "--server", server, "--into", folder] => {
            let elsewhere = page::Elsewhere { server, folder };
            root().and_then(|root| tools::for_page(&root).and_then(|()| page::build_for(&root, &elsewhere)))
        }
        ["package"] => root().and_then(|root| tools::for_page(&root).and_then(|()| package::build(&root))),
        ["pin"] => pin::run_as_hook(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(headless: bool, story: Story) -> Result<()> {
    demo::run(&root()?, headless, story)
}

/// The repository's root: where the `Cargo.toml` is that holds this package.
fn root() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().map(Path::to_path_buf).context("xtask has no parent folder")
}
