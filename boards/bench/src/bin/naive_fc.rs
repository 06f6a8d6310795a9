#![no_std]
#![no_main]

use bench::naive::product;
use bench::{Checksum, measure};

bench::main!(run);

fn run() -> Checksum {
    let (w, x) = (bench::floats!("fc.weights"), bench::floats!("fc.input"));
    let mut y = [0.0; 128];
    measure(|| product(1, 640, 128, x, w, &mut y));
    Checksum::default().add(&y)
}
