#![no_std]
#![no_main]

use bench::naive::Convolution;
use bench::static_cell::ConstStaticCell;
use bench::{Checksum, measure};

static OUTPUT: ConstStaticCell<[f32; 32 * 256]> = ConstStaticCell::new([0.0; 32 * 256]);

bench::main!(run);

fn run() -> Checksum {
    let weights = bench::floats!("conv.weights");
    let (w, b) = weights.split_at(32 * 16 * 9);
    let x = bench::floats!("conv.input");
    let y = OUTPUT.take();
    let convolution = Convolution {
        channels: 16,
        filters: 32,
        groups: 1,
        side: 16,
    };
    measure(|| convolution.forward(x, w, b, y));
    Checksum::default().add(y)
}
