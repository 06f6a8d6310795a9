//! A network that was planned for the recipe `fma`: the bits of the host.
#![no_std]
#![no_main]

use board::println;
use scenario::fused;
use static_cell::ConstStaticCell;

board::entry!(run);

static ARENA: ConstStaticCell<fused::Arena> = ConstStaticCell::new(fused::Arena::new());

fn run() -> Result<(), &'static str> {
    let module = fused::Module::bind(ARENA.take(), fused::blob());
    let mut module = module.map_err(|_| "bind")?;
    let (values, bits) = fused::run(&mut module)?;
    println!(
        "{values} values of a network with fused products, equal to the host's: {}",
        (values, bits) == fused::EXPECTED
    );
    Ok(())
}
