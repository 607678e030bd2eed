//! The program `wayline`: reads its arguments, does one thing, says how it went with its exit code.
//!
//! Must never hold logic of its own: every command is a module of `cli`.

mod api;
mod cli;
mod client;
mod config;
mod demo;
mod gateway;
mod live;
mod replay;
mod run;
mod serve;

use std::process::ExitCode;

/// The engine makes and drops many small things; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
