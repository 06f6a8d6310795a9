#![no_std]
#![no_main]

use bench::naive::{Mlp, Momentum};
use bench::static_cell::ConstStaticCell;
use bench::{Checksum, LABEL, MOMENTUM, measure};

static MLP: ConstStaticCell<Mlp<Momentum>> = ConstStaticCell::new(Mlp::new(Momentum::new()));

bench::main!(run);

fn run() -> Checksum {
    let mlp = MLP.take();
    mlp.load(bench::floats!("mlp_momentum.weights"));
    let x = bench::floats!("mlp_momentum.input");
    let label = core::hint::black_box(usize::from(LABEL));
    let (rate, momentum) = (MOMENTUM.learning_rate, MOMENTUM.momentum);
    mlp.train_step(x, label, rate, momentum);
    measure(|| mlp.train_step(x, label, rate, momentum));
    let sum = Checksum::default().add(&mlp.w1).add(&mlp.b1);
    sum.add(&mlp.w2).add(&mlp.b2)
}
