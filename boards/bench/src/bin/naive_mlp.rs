#![no_std]
#![no_main]

use bench::naive::{dense, relu};
use bench::{Checksum, measure};

bench::main!(run);

fn run() -> Checksum {
    let weights = bench::floats!("mlp.weights");
    let (w1, rest) = weights.split_at(32 * 64);
    let (b1, rest) = rest.split_at(32);
    let (w2, b2) = rest.split_at(10 * 32);
    let x = bench::floats!("mlp.input");
    let (mut hidden, mut output) = ([0.0; 32], [0.0; 10]);
    measure(|| {
        dense(x, w1, b1, &mut hidden);
        relu(&mut hidden);
        dense(&hidden, w2, b2, &mut output);
    });
    Checksum::default().add(&output)
}
