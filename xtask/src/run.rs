//! Runs other programs, shows what they print, and counts the tests that they report.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, Result, ensure};

/// Tests that ran, as the runners' closing lines tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Count {
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self { passed: self.passed.saturating_add(other.passed), failed: self.failed.saturating_add(other.failed) }
    }
}

/// How a program ended, and what its test runners said last.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) count: Count,
    /// Closing lines of the test runners, as printed.
    pub(crate) closing: Vec<String>,
    /// Tests that libtest named as passed, with their modules.
    pub(crate) passed: Vec<String>,
}

impl Outcome {
    /// Both together.
    pub(crate) fn plus(mut self, other: Self) -> Self {
        self.success &= other.success;
        self.count = self.count.plus(other.count);
        self.closing.extend(other.closing);
        self.passed.extend(other.passed);
        self
    }
}

/// Builds a command that finds cargo's own tools, whatever PATH says.
pub(crate) fn command(program: &str, root: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).stdin(Stdio::null()).env("PATH", path());
    // Set by an outer `cargo run`; a nested cargo would take them for its own.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_MANIFEST_PATH"] {
        command.env_remove(name);
    }
    command
}

/// Runs to the end, with the program's output on ours.
///
/// # Errors
///
/// Fails when the program cannot be started or says that it failed.
pub(crate) fn check(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| shown.clone())?;
    ensure!(status.success(), "{shown}: {status}");
    Ok(())
}

/// Runs to the end and returns what the program printed on its standard output.
///
/// # Errors
///
/// Fails when the program cannot be started or says that it failed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| shown.clone())?;
    ensure!(output.status.success(), "{shown}: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end, passes every line on, and counts tests.
///
/// # Errors
///
/// Fails when the program cannot be started.
pub(crate) fn counted(command: &mut Command) -> Result<Outcome> {
    let shown = shown(command);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(|| shown)?;
    let (sender, lines) = mpsc::channel();
    let readers = [
        child.stdout.take().map(|stream| pass_on(stream, sender.clone())),
        child.stderr.take().map(|stream| pass_on(stream, sender)),
    ];
    let mut closing = Vec::new();
    let mut passed = Vec::new();
    for line in lines {
        println!("{line}");
        closing.extend(closing_line(&line));
        passed.extend(passed_test(&line).map(str::to_owned));
    }
    let mut outcome = total(closing);
    outcome.passed = passed;
    for reader in readers.into_iter().flatten() {
        let _ = reader.join();
    }
    outcome.success = child.wait()?.success();
    Ok(outcome)
}

/// Sends each line of a stream on until one of the two ends.
fn pass_on(stream: impl Read + Send + 'static, sender: mpsc::Sender<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    })
}

/// Adds up what the runners said last. Where nextest ran, its own line is the only one that counts: it shows the output of
/// each test that failed, with a closing line of its own in it.
fn total(closing: Vec<Closing>) -> Outcome {
    let nextest = closing.iter().any(|line| line.by_nextest);
    let mut outcome = Outcome::default();
    for line in closing.into_iter().filter(|line| line.by_nextest == nextest) {
        outcome.count = outcome.count.plus(line.count);
        outcome.closing.push(line.text);
    }
    outcome
}

/// A test runner's last line.
#[derive(Debug, PartialEq, Eq)]
struct Closing {
    by_nextest: bool,
    count: Count,
    text: String,
}

/// Reads the closing line of nextest (`Summary [ 1.2s] 3 tests run: 2 passed, 1 failed, 0 skipped`) or of libtest and
/// wasm-bindgen-test (`test result: ok. 3 passed; 0 failed; …`).
fn closing_line(line: &str) -> Option<Closing> {
    let line = without_colour(line);
    let line = line.trim();
    let (by_nextest, numbers) = match line.strip_prefix("test result: ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("Summary [")?.split_once(" run: ")?.1),
    };
    let mut count = Count::default();
    for part in numbers.split([',', ';', '.', '(', ')']) {
        let mut words = part.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
        match words.next() {
            Some("passed") => count.passed = count.passed.saturating_add(number),
            Some("failed" | "timed" | "exec") => count.failed = count.failed.saturating_add(number),
            _ => {}
        }
    }
    Some(Closing { by_nextest, count, text: line.to_owned() })
}

/// The test of a line like `test viewer::tests::t004_x ... ok`.
fn passed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... ok")
}

/// The line without the escape sequences that colour it.
fn without_colour(line: &str) -> String {
    let mut plain = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().find(|c| c.is_ascii_alphabetic());
        } else {
            plain.push(character);
        }
    }
    plain
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// PATH with cargo's own folder for binaries in it.
pub(crate) fn path() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Some(own) = cargo_bin()
        && !folders.contains(&own)
    {
        folders.push(own);
    }
    std::env::join_paths(folders).unwrap_or(path)
}

fn cargo_bin() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))?;
    Some(home.join("bin"))
}

/// Where a program is, if it is installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&path()).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        for (line, expected) in [
            ("     Summary [   0.412s] 41 tests run: 40 passed (1 slow), 1 failed, 2 skipped", Some((40, 1))),
            ("     Summary [   0.412s] 1 test run: 1 passed, 0 skipped", Some((1, 0))),
            ("     Summary [  60.412s] 3 tests run: 1 passed, 1 failed, 1 timed out, 0 skipped", Some((1, 2))),
            (
                "\u{1b}[32;1m     Summary\u{1b}[0m [   0.412s] \u{1b}[1m7\u{1b}[0m tests run: \u{1b}[1m7\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, 0 skipped",
                Some((7, 0)),
            ),
            (
                "test result: ok. 14 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.26s",
                Some((14, 0)),
            ),
            ("test result: FAILED. 13 passed; 1 failed; 0 ignored", Some((13, 1))),
            ("test model::tests::it ... ok", None),
            ("Summary of changes", None),
        ] {
            let expected = expected.map(|(passed, failed)| Count { passed, failed });
            assert_eq!(closing_line(line).map(|line| line.count), expected, "{line}");
        }
    }

    #[test]
    fn a_passed_test_is_named() {
        assert_eq!(passed_test("test model::tests::it ... ok"), Some("model::tests::it"));
        for line in ["test model::tests::it ... FAILED", "test result: ok. 1 passed; 0 failed", "ok"] {
            assert_eq!(passed_test(line), None, "{line}");
        }
    }

    #[test]
    fn what_nextest_shows_of_a_failed_test_is_not_counted_twice() {
        let inner = "    test result: FAILED. 0 passed; 1 failed; 0 ignored";
        let own = "     Summary [   0.412s] 3 tests run: 2 passed, 1 failed, 0 skipped";
        let count = |lines: &[&str]| total(lines.iter().filter_map(|line| closing_line(line)).collect()).count;
        assert_eq!(count(&[inner, own]), Count { passed: 2, failed: 1 });
        assert_eq!(count(&[inner, inner]), Count { passed: 0, failed: 2 });
    }

    #[test]
    fn a_program_that_fails_is_told_from_one_that_does_not() {
        let here = Path::new(".");
        let shell = |script: &str| {
            let mut shell = command("sh", here);
            shell.args(["-c", script]);
            shell
        };
        let outcome = counted(&mut shell(
            "echo 'test result: ok. 2 passed; 0 failed'; echo 'test result: FAILED. 0 passed; 3 failed' >&2; exit 1",
        ));
        let outcome = outcome.unwrap();
        assert_eq!((outcome.success, outcome.count), (false, Count { passed: 2, failed: 3 }));
        assert!(counted(&mut shell("true")).unwrap().success);
        assert!(check(&mut shell("exit 3")).is_err());
        assert!(check(&mut command("no-such-program-here", here)).is_err());
        assert_eq!(output(&mut shell("echo hello")).unwrap(), "hello\n");
    }
}
