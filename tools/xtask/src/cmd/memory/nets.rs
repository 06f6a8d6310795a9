//! The networks of the memory table.

use tinpail_plan::symbol::{
    Act, Convolution, Embedding, FullyConnected, Mode, Op, PoolType, Pooling, Rnn, SoftmaxOutput,
    Sym,
};
use tinpail_plan::{Net, Symbols};

/// An LSTM language model: vocabulary 64, embedding 16, hidden 32, softmax at every step. It has one vector of biases:
/// `lstm_h2h_bias`, the second of MXNet's cells, is to be fixed at zero.
pub fn lstm(steps: usize) -> Net {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let label = s.variable("softmax_label");
    let embedding = Embedding {
        input_dim: 64,
        output_dim: 16,
    };
    let x = s.embedding("embed", data, embedding);
    let weights = ["i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias"];
    let mut inputs = vec![x];
    inputs.extend(weights.map(|name| s.variable(&format!("lstm_{name}"))));
    for state in ["h", "c"] {
        inputs.push(s.zeros(&format!("lstm_begin_{state}"), [0, 32]));
    }
    let op = Op::RnnLayer {
        mode: Mode::Lstm,
        hidden: 32,
    };
    let h = s.push("lstm", op, &inputs);
    let rows = s.reshape("rows", h, &[-1, 32]);
    let fc = s.fully_connected("fc", rows, FullyConnected::new(64));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    s.net([softmax])
        .data("data", [steps, 0])
        .label("softmax_label", [steps])
}

/// A GRU classifier: 8 inputs, hidden 32, 6 classes from the last step.
pub fn gru(steps: usize) -> Net {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let gru = s.rnn("gru", data, Rnn::new(Mode::Gru, 32), &[]);
    let last = s.sequence_last("last", gru, None, 0);
    classes(s, last, 6).data("data", [steps, 0, 8])
}

/// Three times convolution of width 5, ReLU and pooling by 2, over 128 x 3; the mean over time; 6 classes.
pub fn conv1d() -> Net {
    let mut s = Symbols::new();
    let mut x = s.variable("data");
    for (at, num_filter) in [16, 32, 32].into_iter().enumerate() {
        let attrs = Convolution {
            pad: vec![2],
            ..Convolution::new([5], num_filter)
        };
        x = relu_convolution(&mut s, &format!("conv{at}"), x, attrs);
        let pool = Pooling {
            stride: vec![2],
            ..Pooling::new(PoolType::Max, [2])
        };
        x = s.pooling(&format!("pool{at}"), x, pool);
    }
    let mean = s.pooling("mean", x, Pooling::global(PoolType::Avg));
    classes(s, mean, 6).data("data", [0, 3, 128])
}

/// Keyword spotting: a convolution of 10 x 4, and four times depthwise and pointwise, 64 channels over 49 x 10.
pub fn ds_cnn() -> Net {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let first = Convolution {
        stride: vec![2, 2],
        pad: vec![5, 1],
        ..Convolution::new([10, 4], 64)
    };
    let mut x = relu_convolution(&mut s, "conv", data, first);
    for at in 0..4 {
        x = separable(&mut s, at, x, 64, 64, 1);
    }
    let mean = s.pooling("mean", x, Pooling::global(PoolType::Avg));
    classes(s, mean, 12).data("data", [0, 1, 49, 10])
}

/// Image classification: ResNet-8 over 32 x 32 x 3.
pub fn resnet8() -> Net {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let mut x = relu_convolution(&mut s, "conv", data, square(3, 16, 1));
    for (at, (num_filter, stride)) in [(16, 1), (32, 2), (64, 2)].into_iter().enumerate() {
        let name = |part: &str| format!("stack{at}_{part}");
        let first = relu_convolution(&mut s, &name("conv0"), x, square(3, num_filter, stride));
        let second = s.convolution(&name("conv1"), first, square(3, num_filter, 1));
        let shortcut = match stride {
            1 => x,
            _ => s.convolution(&name("shortcut"), x, square(1, num_filter, stride)),
        };
        let sum = s.elemwise_add(&name("sum"), second, shortcut);
        x = s.activation(&name("relu"), sum, Act::Relu);
    }
    let mean = s.pooling("mean", x, Pooling::global(PoolType::Avg));
    classes(s, mean, 10).data("data", [0, 3, 32, 32])
}

/// Visual wake words: MobileNetV1 with a quarter of the channels, over 96 x 96 x 3.
pub fn mobilenet() -> Net {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let mut x = relu_convolution(&mut s, "conv", data, square(3, 8, 2));
    let mut channels = 8;
    let rest = [(128, 1); 5];
    let blocks = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)];
    let blocks = blocks.into_iter().chain(rest).chain([(256, 2), (256, 1)]);
    for (at, (num_filter, stride)) in blocks.enumerate() {
        x = separable(&mut s, at, x, channels, num_filter, stride);
        channels = num_filter;
    }
    let mean = s.pooling("mean", x, Pooling::global(PoolType::Avg));
    classes(s, mean, 2).data("data", [0, 3, 96, 96])
}

/// A window of `size` x `size` that keeps the plane's size but for the stride.
fn square(size: usize, num_filter: usize, stride: usize) -> Convolution {
    Convolution {
        stride: vec![stride; 2],
        pad: vec![size / 2; 2],
        ..Convolution::new([size, size], num_filter)
    }
}

fn relu_convolution(s: &mut Symbols, name: &str, x: Sym, attrs: Convolution) -> Sym {
    let y = s.convolution(name, x, attrs);
    s.activation(&format!("{name}_relu"), y, Act::Relu)
}

/// A depthwise convolution of 3 x 3 and a pointwise one, each with ReLU.
fn separable(
    s: &mut Symbols,
    at: usize,
    x: Sym,
    channels: usize,
    num_filter: usize,
    stride: usize,
) -> Sym {
    let depthwise = Convolution {
        num_group: channels,
        ..square(3, channels, stride)
    };
    let y = relu_convolution(s, &format!("depthwise{at}"), x, depthwise);
    relu_convolution(s, &format!("pointwise{at}"), y, square(1, num_filter, 1))
}

/// The last layer and its loss.
fn classes(mut s: Symbols, x: Sym, num_hidden: usize) -> Net {
    let label = s.variable("softmax_label");
    let fc = s.fully_connected("fc", x, FullyConnected::new(num_hidden));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    s.net([softmax]).label("softmax_label", [0])
}
