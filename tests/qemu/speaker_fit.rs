//! The demo's model trained on the board by `fit`: five batches of ten, from MXNet's initial values to MXNet's parameters.
#![no_std]
#![no_main]

use board::println;
use static_cell::ConstStaticCell;

board::entry!(run);

// Batches of ten take more than a small microcontroller's RAM: the arena lies beside it.
#[unsafe(link_section = ".testdata")]
static ARENA: ConstStaticCell<training::network::Arena> =
    ConstStaticCell::new(training::network::Arena::new());

fn run() -> Result<(), &'static str> {
    let outcome = training::run(ARENA.take())?;
    println!(
        "{} batches, accuracy {}, {} parameters compared with MXNet's, {} beyond the bound, bits {:#010x}",
        outcome.batches, outcome.accuracy, outcome.compared, outcome.beyond, outcome.bits
    );
    Ok(())
}
