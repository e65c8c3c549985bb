//! The glimpse command: a linked device, a viewer and a writer in a terminal. `README.md` next to it documents events and exit codes.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod failure;
mod files;
mod home;
mod interrupt;
mod kit_page;
mod out;
mod passphrase;
mod prompts;
mod text;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;
use crate::failure::Failure;
use crate::out::Out;

/// What is given back to the system's heap is wiped first: copies that dependencies make of a secret go with it.
#[global_allocator]
static HEAP: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    let cores = forbid_cores();
    let arguments = match Arguments::try_parse_from(std::env::args_os().map(args::marked)) {
        Ok(arguments) => arguments,
        Err(error) => return args::refused(&error),
    };
    let out = Out::new(arguments.shared.json, arguments.shared.lock_after());
    if let Err(error) = cores {
        return out.fail(&Failure::other("Core dumps cannot be forbidden.", &error.to_string()));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return out.fail(&Failure::other("This program cannot start.", &error.to_string())),
    };
    let shared = arguments.shared.clone();
    let done = runtime.block_on(async {
        match commands::run(arguments, &out).await {
            Err(failure) if failure.code == "server-unreachable" => Err(home::explained(&shared, failure).await),
            done => done,
        }
    });
    // A thread that still waits for a line on standard input must not keep the process.
    runtime.shutdown_background();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => out.fail(&failure),
    }
}

/// A crash writes no memory, and with it no key, to a disk.
#[cfg(unix)]
fn forbid_cores() -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

#[cfg(not(unix))]
fn forbid_cores() -> std::io::Result<()> {
    Ok(())
}
