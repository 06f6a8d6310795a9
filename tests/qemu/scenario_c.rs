//! MXNet's scenario c on the board: outputs, input gradients and parameters after every step.
#![no_std]
#![no_main]

use board::println;
use static_cell::ConstStaticCell;

board::entry!(run);

static ARENA: ConstStaticCell<scenario::network::Arena> =
    ConstStaticCell::new(scenario::network::Arena::new());

fn run() -> Result<(), &'static str> {
    let outcome = scenario::run(ARENA.take())?;
    println!(
        "{} steps, {} values compared with MXNet's, {} beyond the bound, bits {:#010x}",
        outcome.steps, outcome.compared, outcome.beyond, outcome.bits
    );
    Ok(())
}
