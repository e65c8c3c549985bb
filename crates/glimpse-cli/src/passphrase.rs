//! The passphrase: from a file that only its owner can read, or typed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use glimpse_wire::ErrorCode;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files::require_private;
use crate::out::Out;
use crate::prompts;

/// Longest passphrase, in bytes.
const MAX: u64 = 1024;
/// Shortest passphrase that a new account or a change takes, in characters.
const MIN_NEW: usize = 8;

/// The passphrase that unlocks the home.
pub(crate) async fn ask(file: Option<&Path>, out: Out) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match file {
        Some(file) => from_file(file),
        None => typed("Passphrase", out).await,
    }
}

/// A new passphrase, typed twice, and asked again until it is long enough and twice the same.
pub(crate) async fn ask_new(file: Option<&Path>, out: Out) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if let Some(file) = file {
        let passphrase = from_file(file)?;
        require_long(&passphrase)?;
        return Ok(passphrase);
    }
    loop {
        let first = typed("New passphrase", out).await?;
        if let Err(short) = require_long(&first) {
            out.report(&short, None)?;
        } else if *typed("The same again", out).await? == *first {
            return Ok(first);
        } else {
            out.report(
                &Failure::passphrase("The two were not the same.", "Choose one again, and type it twice."),
                None,
            )?;
        }
    }
}

fn require_long(passphrase: &[u8]) -> Result<(), Failure> {
    if String::from_utf8_lossy(passphrase).chars().count() >= MIN_NEW {
        return Ok(());
    }
    Err(Failure::passphrase(
        format!("A passphrase has at least {MIN_NEW} characters."),
        "Several words are easy to remember and hard to guess.",
    ))
}

async fn typed(prompt: &'static str, out: Out) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if !out.can_ask() {
        return Err(Failure::passphrase(
            "The passphrase is needed, and there is nobody to ask.",
            "Give --passphrase-file FILE, a file that only its owner can read (mode 0600).",
        ));
    }
    let typed =
        prompts::ask(out, move || dialoguer::Password::new().with_prompt(prompt).interact().map(Zeroizing::new));
    let typed = typed.await?.ok_or_else(|| {
        Failure::said(
            ErrorCode::Declined,
            "The passphrase was not given. Nothing was done.",
            "Start again when you have it, or give --passphrase-file.",
        )
    })?;
    Ok(Zeroizing::new(typed.as_bytes().to_vec()))
}

/// The first line of `file`, without its end.
fn from_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let shown = crate::text::clean(&path.display().to_string());
    let unreadable = |cause: &str| {
        Failure::passphrase(
            format!("The passphrase file {shown} cannot be read: {cause}."),
            "Make it with mode 0600, with the passphrase as its only line.",
        )
    };
    let file = File::open(path).map_err(|error| unreadable(&error.to_string()))?;
    // Of the open file, not of the name: what is checked is what is read.
    require_private(&file, &shown)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(1100));
    file.take(MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX) {
        return Err(unreadable("it is too long"));
    }
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Err(unreadable("it is empty"));
    }
    if bytes.contains(&b'\n') {
        return Err(unreadable("it has more than one line"));
    }
    Ok(bytes)
}
