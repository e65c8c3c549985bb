//! The glimpse command: device, writer and service in a terminal. `README.md` next to it documents events and exit codes.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod failure;
mod files;
mod home;
mod out;
mod passphrase;
mod text;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;
use crate::failure::Failure;
use crate::out::Out;

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(std::env::args_os().map(args::marked));
    let out = Out::new(arguments.shared.json);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return out.fail(&Failure::other("This program cannot start.", &error.to_string())),
    };
    let done = runtime.block_on(commands::run(arguments, &out));
    // A thread that still waits for a line on standard input must not keep the process.
    runtime.shutdown_background();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => out.fail(&failure),
    }
}
