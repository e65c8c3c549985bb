//! `glimpse completions SHELL`

use std::io::Write;

use clap::CommandFactory;

use crate::args::{Arguments, Completions};
use crate::failure::Failure;

pub(super) fn run(completions: &Completions) -> Result<u8, Failure> {
    // Into memory first: the generator panics where output cannot be written.
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "glimpse", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(0)
}
