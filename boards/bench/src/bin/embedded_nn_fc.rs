#![no_std]
#![no_main]

use bench::{Checksum, measure};
use embedded_nn::float_ops::fully_connected_f32;
use embedded_nn::types::Dims;

bench::main!(run);

fn run() -> Checksum {
    let (w, x) = (bench::floats!("fc.weights"), bench::floats!("fc.input"));
    let mut y = [0.0; 128];
    let (input, filter) = (Dims::new(1, 1, 1, 640), Dims::new(640, 1, 1, 128));
    let output = Dims::new(1, 1, 1, 128);
    let done = measure(|| fully_connected_f32(&input, x, &filter, w, None, &output, &mut y));
    match done {
        Ok(()) => Checksum::default().add(&y),
        Err(_) => bench::failed("embedded-nn"),
    }
}
