//! The project's own commands: `cargo xtask <command>`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod pin;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  test    every test: lints, tidy, native, browser, whole system
  tidy    the invariants of ARCHITECTURE.md that a machine can check
  pin     Trunk's post_build hook: name the page's files by content and pin them by hash
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
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
