//! The command `tinpail`: what one does with a network on the host.
//!
//! ```text
//! .params, .safetensors --convert--> blob            plan file, or MXNet's symbol.json files
//!                          inspect: any of these       |
//!                                       [network] -> PlanFile -> plan: what it costs and what it calls, [picture]
//! a device's profile, and a plan --profile--> what each call and layer took, [picture]
//! .csv of buffers --place--> .csv with offsets
//! .npz, .json --[input]-> [fit] --------------------> run: predicts through the device's own executor
//!                                                    train: trains through it, over tinpail-host
//! ```
//!
//! Each command writes to the `Write` that it is handed, so that a closed pipe is an error value and no panic.
#![forbid(unsafe_code)]

mod args;
mod array;
mod axes;
mod calls;
mod convert;
mod explain;
mod files;
mod fit;
mod hint;
mod input;
mod inspect;
mod network;
mod npy;
mod npz;
mod outputs;
mod picture;
mod place;
mod plan;
mod profile;
mod run;
mod symbols;
mod text;
mod train;
mod weights;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// MXNet's BucketingModule for microcontrollers: weights, plans and predictions on the host.
#[derive(Parser)]
#[command(name = "tinpail", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Turn trained weights into the blob that the firmware reads in flash
    Convert(convert::ConvertArgs),
    /// Show what is in a blob, a .params, a .safetensors or a plan file
    Inspect(inspect::InspectArgs),
    /// Find offsets with the smallest peak for buffers with lifetimes, or check offsets
    Place(place::PlaceArgs),
    /// Show what a network costs and what it calls, without building firmware
    Plan(plan::PlanArgs),
    /// Show what a device's profiler counted, call by call and layer by layer
    Profile(profile::ProfileArgs),
    /// Predict on the host through the executor of the device
    Run(run::RunArgs),
    /// Train on the host through the executor of the device: the same bits
    Train(Box<train::TrainArgs>),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let done = match cli.command {
        Command::Convert(args) => convert::convert(&args, &mut out),
        Command::Inspect(args) => inspect::inspect(&args, &mut out),
        Command::Place(args) => place::place(&args, &mut out),
        Command::Plan(args) => plan::plan(&args, &mut out),
        Command::Profile(args) => profile::profile(&args, &mut out),
        Command::Run(args) => run::run(&args, &mut out),
        Command::Train(args) => train::train(&args, &mut out),
    };
    // What stands in the buffer comes before the error, whatever else happens.
    let flushed = out.flush().map_err(anyhow::Error::from);
    match done.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        // `tinpail plan --calls | head`: whoever read has enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            hint::report(&error);
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref());
    io.into_iter()
        .any(|io: &std::io::Error| io.kind() == ErrorKind::BrokenPipe)
}
