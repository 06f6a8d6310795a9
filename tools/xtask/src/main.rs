//! The project's own chores. `cargo xtask help` lists them.

mod boards;
mod cmd;
mod demo;
mod elf;
mod marked;
mod memory;
mod process;
mod project;
mod qemu;
mod setup;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Sets up, tests and shows tinpail")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing: cross targets, QEMU and Chromium
    Setup(cmd::setup::Args),
    /// Run all tests: the host's, the pages' in Chromium, and the firmware's in QEMU
    Test(cmd::test::Args),
    /// Measure what each optimizer, metric and operator adds to a firmware
    Cost(cmd::cost::Args),
    /// Plan training steps of known networks and show what memory they take
    Memory(cmd::memory::Args),
    /// Build the firmware, boot it on each emulated board and show what it does
    Demo,
    /// Count what inference and training take on each emulated core
    Bench(cmd::bench::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup(args) => cmd::setup::run(&args),
        Command::Test(args) => cmd::test::run(&args),
        Command::Cost(args) => cmd::cost::run(&args),
        Command::Memory(args) => cmd::memory::run(&args),
        Command::Demo => cmd::demo::run(),
        Command::Bench(args) => cmd::bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
