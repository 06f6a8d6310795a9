#![no_std]
#![no_main]

use bench::naive::product;
use bench::{Checksum, measure};

bench::main!(run);

fn run() -> Checksum {
    let (w, x) = (
        bench::floats!("product.weights"),
        bench::floats!("product.input"),
    );
    let mut y = [0.0; 16 * 16];
    measure(|| product(16, 640, 16, x, w, &mut y));
    Checksum::default().add(&y)
}
