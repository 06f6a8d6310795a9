//! A network whose plan saves activations in f16: the bits of the host.
#![no_std]
#![no_main]

use board::println;
use scenario::saved;
use static_cell::ConstStaticCell;

board::entry!(run);

static ARENA: ConstStaticCell<saved::Arena> = ConstStaticCell::new(saved::Arena::new());

fn run() -> Result<(), &'static str> {
    let module = saved::Module::bind(ARENA.take(), saved::blob());
    let mut module = module.map_err(|_| "bind")?;
    let (values, bits) = saved::run(&mut module)?;
    println!(
        "{values} values of a network with f16 activations, equal to the host's: {}",
        (values, bits) == saved::EXPECTED
    );
    Ok(())
}
