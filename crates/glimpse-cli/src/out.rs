//! What the command says: results to standard output, the rest to standard error; as JSON or for people.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;
use crate::text::fitted;

/// Where output goes, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    json: bool,
    colour: bool,
    lock_after: Duration,
}

/// A terminal of fewer columns breaks lines itself: nothing helps there.
const NARROWEST: usize = 20;

/// Styles for people's eyes, used on a terminal only.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
        }
    }
}

#[derive(Serialize)]
struct ErrorEvent<'f> {
    event: &'static str,
    code: &'f str,
    message: &'f str,
    next: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'f str>,
}

impl Out {
    /// For people, or as JSON. A question that nobody answers for `lock_after` is taken back.
    pub(crate) fn new(json: bool, lock_after: Duration) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { json, colour: !json && wanted && io::stderr().is_terminal() && io::stdout().is_terminal(), lock_after }
    }

    /// The same without colour, for texts that something else colours.
    pub(crate) const fn plain(self) -> Self {
        Self { colour: false, ..self }
    }

    /// The same where no key is unlocked that an unanswered question would keep so.
    pub(crate) const fn patient(self) -> Self {
        Self { lock_after: Duration::MAX, ..self }
    }

    /// How long an unlocked device waits for a key.
    pub(crate) const fn lock_after(self) -> Duration {
        self.lock_after
    }

    /// Whether events are wanted.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// `text` in a style, where there is colour.
    pub(crate) fn styled(self, style: Style, text: &str) -> String {
        if self.colour { format!("\x1b[{}m{text}\x1b[0m", style.code()) } else { text.to_owned() }
    }

    /// Whether there is colour, and what is drawn in two shades can be told from its ground.
    pub(crate) const fn is_coloured(self) -> bool {
        self.colour
    }

    /// Columns of the terminal that notes go to; none where they go elsewhere, or it does not say.
    pub(crate) fn columns(self) -> Option<usize> {
        columns(&io::stderr())
    }

    /// A line of the result, for people.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        self.whole_line(&fitted(text, columns(&io::stdout()), None))
    }

    /// As [`Out::line`], for what is copied as a whole and may have spaces: no line is broken.
    pub(crate) fn whole_line(self, text: &str) -> Result<(), Failure> {
        if !self.json {
            write_line(&mut io::stdout().lock(), text)?;
        }
        Ok(())
    }

    /// A line beside the result, for people.
    pub(crate) fn note(self, text: &str) {
        self.whole(&self.fit(text));
    }

    /// A text in lines that fit the terminal that notes go to.
    pub(crate) fn fit(self, text: &str) -> String {
        fitted(text, self.columns(), None)
    }

    /// As [`Out::note`], for what is drawn, or copied as a whole: no line is broken.
    pub(crate) fn whole(self, text: &str) {
        if !self.json {
            let _nobody_reads = write_line(&mut io::stderr().lock(), text);
        }
    }

    /// An event, for programs.
    pub(crate) fn event<T: Serialize>(self, event: &T) -> Result<(), Failure> {
        if self.json {
            let line = serde_json::to_string(event)
                .map_err(|error| Failure::other("An event could not be written.", &error.to_string()))?;
            write_line(&mut io::stdout().lock(), &line)?;
        }
        Ok(())
    }

    /// A failure among others; the command goes on.
    pub(crate) fn report(self, failure: &Failure, file: Option<&str>) -> Result<(), Failure> {
        if failure.message.is_empty() {
            return Ok(());
        }
        self.event(&ErrorEvent {
            event: "error",
            code: &failure.code,
            message: &failure.message,
            next: &failure.next,
            file,
        })?;
        let message = format!("{} {}", self.styled(Style::Red, "error:"), failure.message);
        self.whole(&fitted(&message, self.columns(), Some(7)));
        self.note(&format!("       {}", failure.next));
        Ok(())
    }

    /// The failure that ends the command.
    pub(crate) fn fail(self, failure: &Failure) -> ExitCode {
        let _nobody_reads = self.report(failure, None);
        ExitCode::from(failure.exit)
    }
}

/// Columns of a terminal.
#[cfg(unix)]
fn columns(of: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<usize> {
    if !of.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(of).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns >= NARROWEST)
}

#[cfg(not(unix))]
fn columns(_of: &impl IsTerminal) -> Option<usize> {
    None
}

fn write_line(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.write_all(b"\n")?;
    to.flush()
}
