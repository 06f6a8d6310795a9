//! Convolution and Pooling.

use tinpail_plan::symbol::{
    Act, Convolution, FullyConnected, Op, PoolType, Pooling, PoolingConvention,
};
use tinpail_plan::{Net, Symbols};

use crate::row::Row;

/// One convolution over (N, shape..).
fn conv(attrs: Convolution, shape: &'static [usize]) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.convolution("conv", x, attrs.clone());
        s.net([y]).data("data", [&[0], shape].concat())
    }
}

fn pool(attrs: Pooling, shape: &'static [usize]) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.pooling("pool", x, attrs.clone());
        s.net([y]).data("data", [&[0], shape].concat())
    }
}

/// A width that follows the bucket key, a filter bank, a global mean, a classifier.
fn classifier(key: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let attrs = Convolution {
        pad: vec![1],
        ..Convolution::new([3], 3)
    };
    let y = s.convolution("conv1", x, attrs);
    let y = s.activation("relu", y, Act::Relu);
    let y = s.convolution("conv2", y, Convolution::new([2], 4));
    let y = s.pooling("mean", y, Pooling::global(PoolType::Avg));
    let y = s.fully_connected("fc", y, FullyConnected::new(2));
    s.net([y]).data("data", [0, 2, key])
}

/// A depthwise-separable block.
fn separable(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let depthwise = Convolution {
        pad: vec![1, 1],
        num_group: 3,
        no_bias: true,
        ..Convolution::new([3, 3], 3)
    };
    let y = s.convolution("depthwise", x, depthwise);
    let y = s.activation("tanh", y, Act::Tanh);
    let y = s.convolution("pointwise", y, Convolution::new([1, 1], 4));
    s.net([y]).data("data", [0, 3, 4, 3])
}

/// The same filters twice: their gradient is summed before the update.
fn shared_filters(_: usize) -> Net {
    let mut s = Symbols::new();
    let (x, w, b) = (
        s.variable("data"),
        s.variable("w_weight"),
        s.variable("w_bias"),
    );
    let attrs = Convolution {
        pad: vec![1],
        ..Convolution::new([3], 2)
    };
    let layer = Op::Convolution(attrs);
    let y = s.push("first", layer.clone(), &[x, w, b]);
    let y = s.activation("tanh", y, Act::Tanh);
    let y = s.push("second", layer, &[y, w, b]);
    s.net([y]).data("data", [0, 2, 5])
}

fn residual(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let same = |filters| Convolution {
        pad: vec![1, 1],
        ..Convolution::new([3, 3], filters)
    };
    let y = s.convolution("conv1", x, same(2));
    let y = s.activation("tanh", y, Act::Tanh);
    let y = s.convolution("conv2", y, same(2));
    let y = s.elemwise_add("sum", x, y);
    s.net([y]).data("data", [0, 2, 4, 4])
}

pub fn rows() -> Vec<Row> {
    let of = |kernel: [usize; 1], filters| Convolution::new(kernel, filters);
    let plane = |kernel: [usize; 2], filters| Convolution::new(kernel, filters);
    let mut rows = vec![
        Row::new("conv 1-D", conv(of([3], 4), &[2, 7])),
        Row::new("conv 1-D fixed weight", conv(of([3], 4), &[2, 7])).fixed(&["conv_weight"]),
        Row::new("conv 1-D fixed bias", conv(of([3], 4), &[2, 7])).fixed(&["conv_bias"]),
        Row::new(
            "conv 1-D stride pad",
            conv(
                Convolution {
                    stride: vec![2],
                    pad: vec![2],
                    ..of([3], 2)
                },
                &[3, 8],
            ),
        ),
        Row::new(
            "conv 1-D dilate group no_bias",
            conv(
                Convolution {
                    dilate: vec![2],
                    pad: vec![3],
                    num_group: 2,
                    no_bias: true,
                    ..of([3], 4)
                },
                &[4, 6],
            ),
        ),
        Row::new(
            "conv 1-D stride beyond the kernel",
            conv(
                Convolution {
                    stride: vec![3],
                    ..of([2], 2)
                },
                &[2, 9],
            ),
        ),
        Row::new("conv 1-D as long as the data", conv(of([5], 3), &[2, 5])),
        Row::new("conv 2-D", conv(plane([2, 3], 3), &[2, 4, 5])),
        Row::new(
            "conv 2-D stride pad dilate",
            conv(
                Convolution {
                    stride: vec![2, 1],
                    pad: vec![1, 2],
                    dilate: vec![1, 2],
                    ..plane([3, 2], 2)
                },
                &[2, 5, 4],
            ),
        ),
        Row::new(
            "conv 2-D padding as wide as the data",
            conv(
                Convolution {
                    pad: vec![3, 2],
                    stride: vec![2, 3],
                    ..plane([4, 3], 2)
                },
                &[1, 3, 2],
            ),
        ),
        Row::new("conv 2-D pointwise", conv(plane([1, 1], 3), &[4, 3, 2])),
        Row::new(
            "conv 2-D pointwise stride",
            conv(
                Convolution {
                    stride: vec![2, 2],
                    ..plane([1, 1], 3)
                },
                &[2, 5, 4],
            ),
        ),
        Row::new(
            "conv 2-D depthwise two filters each",
            conv(
                Convolution {
                    num_group: 3,
                    pad: vec![1, 0],
                    ..plane([2, 2], 6)
                },
                &[3, 3, 4],
            ),
        ),
        Row::new("conv separable", separable),
        Row::new("conv classifier", classifier),
        Row::new("conv shared filters", shared_filters),
        Row::new("conv residual", residual),
    ];
    let types = [
        ("max", PoolType::Max),
        ("avg", PoolType::Avg),
        ("sum", PoolType::Sum),
        ("lp 1", PoolType::Lp(1)),
        ("lp 2", PoolType::Lp(2)),
        ("lp 3", PoolType::Lp(3)),
    ];
    for (name, pool_type) in types {
        let overlapping = Pooling {
            stride: vec![2],
            pad: vec![1],
            ..Pooling::new(pool_type, [3])
        };
        let full = Pooling {
            stride: vec![3, 2],
            pad: vec![1, 0],
            pooling_convention: PoolingConvention::Full,
            ..Pooling::new(pool_type, [2, 3])
        };
        let same = Pooling {
            stride: vec![2],
            pooling_convention: PoolingConvention::Same,
            ..Pooling::new(pool_type, [2])
        };
        rows.extend([
            Row::new(
                format!("pool {name} 1-D"),
                pool(overlapping.clone(), &[2, 7]),
            ),
            Row::new(format!("pool {name} 2-D full"), pool(full, &[2, 5, 4])),
            Row::new(format!("pool {name} same"), pool(same, &[2, 7])),
            Row::new(
                format!("pool {name} global"),
                pool(Pooling::global(pool_type), &[3, 4, 2]),
            ),
        ]);
        if pool_type == PoolType::Avg {
            let inputs_only = Pooling {
                count_include_pad: false,
                ..overlapping
            };
            rows.push(Row::new(
                "pool avg without padding",
                pool(inputs_only, &[2, 7]),
            ));
        }
    }
    rows
}
