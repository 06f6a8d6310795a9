#![no_std]
#![no_main]

use bench::{Checksum, measure};
use embedded_nn::float_ops::{fully_connected_f32, relu_f32};
use embedded_nn::types::Dims;

bench::main!(run);

fn run() -> Checksum {
    let weights = bench::floats!("mlp.weights");
    let (w1, rest) = weights.split_at(32 * 64);
    let (b1, rest) = rest.split_at(32);
    let (w2, b2) = rest.split_at(10 * 32);
    let x = bench::floats!("mlp.input");
    let (mut hidden, mut output) = ([0.0; 32], [0.0; 10]);
    let row = |columns| Dims::new(1, 1, 1, columns);
    let (first, second) = (Dims::new(64, 1, 1, 32), Dims::new(32, 1, 1, 10));
    let done = measure(|| {
        let done = fully_connected_f32(&row(64), x, &first, w1, Some(b1), &row(32), &mut hidden);
        relu_f32(&mut hidden);
        done.and(fully_connected_f32(
            &row(32),
            &hidden,
            &second,
            w2,
            Some(b2),
            &row(10),
            &mut output,
        ))
    });
    match done {
        Ok(()) => Checksum::default().add(&output),
        Err(_) => bench::failed("embedded-nn"),
    }
}
