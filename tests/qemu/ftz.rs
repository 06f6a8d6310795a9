//! A network that was planned for the recipe `ftz`: the bits of the host.
#![no_std]
#![no_main]

use board::println;
use scenario::flushed;
use static_cell::ConstStaticCell;

board::entry!(run, uncounted);

static ARENA: ConstStaticCell<flushed::Arena> = ConstStaticCell::new(flushed::Arena::new());

fn run() -> Result<(), &'static str> {
    let module = flushed::Module::bind(ARENA.take(), flushed::blob());
    let mut module = module.map_err(|_| "bind")?;
    let (values, bits) = flushed::run(&mut module)?;
    println!(
        "{values} values of a network with flushed products, equal to the host's: {}",
        (values, bits) == flushed::EXPECTED
    );
    Ok(())
}
