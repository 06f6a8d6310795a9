#![no_std]
#![no_main]

use bench::naive::Convolution;
use bench::static_cell::ConstStaticCell;
use bench::{Checksum, measure};

static OUTPUT: ConstStaticCell<[f32; 16 * 256]> = ConstStaticCell::new([0.0; 16 * 256]);

bench::main!(run);

fn run() -> Checksum {
    let weights = bench::floats!("depthwise.weights");
    let (w, b) = weights.split_at(16 * 1 * 9);
    let x = bench::floats!("depthwise.input");
    let y = OUTPUT.take();
    let convolution = Convolution {
        channels: 1,
        filters: 1,
        groups: 16,
        side: 16,
    };
    measure(|| convolution.forward(x, w, b, y));
    Checksum::default().add(y)
}
