//! BatchNorm, LayerNorm and LRN.

use tinpail_plan::symbol::{
    Act, BatchNorm, Convolution, FullyConnected, LayerNorm, Lrn, PoolType, Pooling,
};
use tinpail_plan::{Net, Symbols};

use crate::row::Row;

const FREE: BatchNorm = BatchNorm {
    eps: 0.1,
    momentum: 0.8,
    fix_gamma: false,
    use_global_stats: false,
    axis: 1,
};

fn batch(attrs: BatchNorm, shape: &'static [usize]) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.batch_norm("bn", x, attrs);
        s.net([y]).data("data", [&[0], shape].concat())
    }
}

/// Convolution, BatchNorm and relu, twice, over widths that follow the bucket key.
fn blocks(key: usize) -> Net {
    let mut s = Symbols::new();
    let mut y = s.variable("data");
    for block in 1..=2 {
        let attrs = Convolution {
            pad: vec![1],
            no_bias: true,
            ..Convolution::new([3], 3)
        };
        y = s.convolution(&format!("conv{block}"), y, attrs);
        y = s.batch_norm(&format!("bn{block}"), y, FREE);
        y = s.activation(&format!("relu{block}"), y, Act::Relu);
    }
    let y = s.pooling("mean", y, Pooling::global(PoolType::Avg));
    let y = s.fully_connected("fc", y, FullyConnected::new(2));
    s.net([y]).data("data", [0, 2, key])
}

fn layer(attrs: LayerNorm, shape: &'static [usize]) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.layer_norm("ln", x, attrs);
        s.net([y]).data("data", [&[0], shape].concat())
    }
}

fn lrn(attrs: Lrn, shape: &'static [usize]) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.lrn("lrn", x, attrs);
        s.net([y]).data("data", [&[0], shape].concat())
    }
}

pub fn rows() -> Vec<Row> {
    let ln = |axis| LayerNorm { axis, eps: 0.1 };
    let local = |nsize| Lrn {
        alpha: 0.5,
        ..Lrn::new(nsize)
    };
    vec![
        Row::new("batch_norm 1-D", batch(FREE, &[3, 4])),
        Row::new("batch_norm 2-D", batch(FREE, &[2, 3, 2])),
        Row::new(
            "batch_norm last axis",
            batch(BatchNorm { axis: -1, ..FREE }, &[3, 4]),
        ),
        Row::new(
            "batch_norm fix_gamma",
            batch(
                BatchNorm {
                    fix_gamma: true,
                    ..FREE
                },
                &[3, 4],
            ),
        ),
        Row::new(
            "batch_norm use_global_stats",
            batch(
                BatchNorm {
                    use_global_stats: true,
                    ..FREE
                },
                &[3, 4],
            ),
        ),
        Row::new("batch_norm fixed gamma", batch(FREE, &[3, 4])).fixed(&["bn_gamma"]),
        Row::new("batch_norm fixed beta", batch(FREE, &[3, 4])).fixed(&["bn_beta"]),
        Row::new("batch_norm blocks", blocks),
        Row::new("layer_norm", layer(ln(-1), &[3, 4])),
        Row::new("layer_norm axis 1", layer(ln(1), &[3, 4])),
        Row::new("layer_norm fixed", layer(ln(-1), &[5])).fixed(&["ln_gamma"]),
        Row::new("lrn", lrn(local(3), &[5, 2, 2])),
        Row::new("lrn even", lrn(local(4), &[5, 3])),
        Row::new("lrn wider than the channels", lrn(local(5), &[2])),
    ]
}
