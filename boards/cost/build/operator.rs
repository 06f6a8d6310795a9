//! The smallest network that has an operator: two dense layers with it in between, and a loss.

use tinpail_plan::symbol::{
    Act, BatchNorm, Binary, Convolution, Embedding, FullyConnected, LayerNorm, Leaky, Lrn,
    MakeLoss, Mode, PoolType, Pooling, Rnn, ScalarOp, Softmax, SoftmaxOutput, Sym, Unary,
};
use tinpail_plan::{Error, Net, Symbols};

/// No operator but those of the base.
pub const NONE: &str = "none";

type Make = fn(&mut Symbols, Sym) -> Sym;

/// The operators: name, the shape of a batch of one that they read, the symbol.
const OPERATORS: &[(&str, &[i64], Make)] = &[
    (NONE, &[1, 12], |_, x| x),
    ("Activation relu", &[1, 12], |s, x| {
        s.activation("op", x, Act::Relu)
    }),
    ("Activation sigmoid", &[1, 12], |s, x| {
        s.activation("op", x, Act::Sigmoid)
    }),
    ("Activation tanh", &[1, 12], |s, x| {
        s.activation("op", x, Act::Tanh)
    }),
    ("Activation softrelu", &[1, 12], |s, x| {
        s.activation("op", x, Act::SoftRelu)
    }),
    ("Activation softsign", &[1, 12], |s, x| {
        s.activation("op", x, Act::SoftSign)
    }),
    ("LeakyReLU leaky", &[1, 12], |s, x| {
        s.leaky_relu("op", x, Leaky::Leaky { slope: 0.25 })
    }),
    ("LeakyReLU elu", &[1, 12], |s, x| {
        s.leaky_relu("op", x, Leaky::Elu { slope: 0.25 })
    }),
    ("LeakyReLU selu", &[1, 12], |s, x| {
        s.leaky_relu("op", x, Leaky::Selu)
    }),
    ("LeakyReLU gelu", &[1, 12], |s, x| {
        s.leaky_relu("op", x, Leaky::Gelu)
    }),
    ("LeakyReLU prelu", &[1, 12], |s, x| {
        s.leaky_relu("op", x, Leaky::Prelu)
    }),
    ("softmax", &[1, 12], |s, x| {
        s.softmax("op", x, Softmax::default())
    }),
    ("log_softmax", &[1, 12], |s, x| {
        s.log_softmax("op", x, Softmax::default())
    }),
    ("exp", &[1, 12], |s, x| s.unary("op", x, Unary::Exp)),
    ("log", &[1, 12], |s, x| s.unary("op", x, Unary::Log)),
    ("sqrt", &[1, 12], |s, x| s.unary("op", x, Unary::Sqrt)),
    (EMBEDDING, &[], |s, x| {
        let attrs = Embedding {
            input_dim: 5,
            output_dim: 3,
        };
        s.embedding("op", x, attrs)
    }),
    ("Convolution", &[1, 2, 6], |s, x| {
        s.convolution("op", x, Convolution::new([3], 2))
    }),
    ("Pooling max", &[1, 2, 6], |s, x| {
        s.pooling("op", x, Pooling::new(PoolType::Max, [2]))
    }),
    ("Pooling avg", &[1, 2, 6], |s, x| {
        s.pooling("op", x, Pooling::new(PoolType::Avg, [2]))
    }),
    ("BatchNorm", &[1, 2, 6], |s, x| {
        s.batch_norm("op", x, BatchNorm::default())
    }),
    ("LayerNorm", &[1, 12], |s, x| {
        s.layer_norm("op", x, LayerNorm::default())
    }),
    ("LRN", &[1, 4, 3], |s, x| s.lrn("op", x, Lrn::new(3))),
    ("RNN rnn_tanh", &[4, 1, 3], |s, x| {
        s.rnn("op", x, Rnn::new(Mode::RnnTanh, 2), &[])
    }),
    ("RNN lstm", &[4, 1, 3], |s, x| {
        s.rnn("op", x, Rnn::new(Mode::Lstm, 2), &[])
    }),
    ("RNN gru", &[4, 1, 3], |s, x| {
        s.rnn("op", x, Rnn::new(Mode::Gru, 2), &[])
    }),
    ("RNN gru, bidirectional", &[4, 1, 3], |s, x| {
        let attrs = Rnn {
            bidirectional: true,
            ..Rnn::new(Mode::Gru, 2)
        };
        s.rnn("op", x, attrs, &[])
    }),
    ("SequenceLast", &[4, 1, 3], |s, x| {
        s.sequence_last("op", x, None, 0)
    }),
    ("SequenceReverse", &[4, 1, 3], |s, x| {
        s.sequence_reverse("op", x, None, 0)
    }),
    ("mean", &[1, 4, 3], |s, x| s.mean("op", x, &[1], false)),
    ("sum", &[1, 4, 3], |s, x| s.sum("op", x, &[1], false)),
    ("Reshape", &[1, 12], |s, x| s.reshape("op", x, &[0, 3, 4])),
    ("SwapAxis", &[1, 4, 3], |s, x| s.swap_axis("op", x, 1, 2)),
    ("transpose", &[1, 4, 3], |s, x| {
        s.transpose("op", x, &[0, 2, 1])
    }),
    ("Concat", &[1, 12], |s, x| s.concat("op", &[x, x], 1)),
    ("SliceChannel", &[1, 12], |s, x| {
        s.slice_channel("op", x, 2, 1, false)[1]
    }),
    ("elemwise_add", &[1, 12], |s, x| s.elemwise_add("op", x, x)),
    ("elemwise_mul", &[1, 12], |s, x| s.elemwise_mul("op", x, x)),
    ("broadcast_mul", &[1, 4, 3], |s, x| {
        let row = s.mean("row", x, &[1], true);
        s.broadcast("op", Binary::Mul, x, row)
    }),
    ("_mul_scalar", &[1, 12], |s, x| {
        s.scalar("op", x, ScalarOp::Mul, 2.0)
    }),
    ("Dropout", &[1, 12], |s, x| s.dropout("op", x, 0.5)),
    ("BlockGrad", &[1, 12], |s, x| s.block_grad("op", x)),
];

/// The one operator that reads data itself.
const EMBEDDING: &str = "Embedding";

type Loss = fn(&mut Symbols, Sym, Sym) -> Sym;

/// The losses that stand in SoftmaxOutput's place: name, the symbol over data and label.
const LOSSES: &[(&str, Loss)] = &[
    ("LinearRegressionOutput", |s, x, label| {
        s.linear_regression_output("op", x, label, 1.0)
    }),
    ("LogisticRegressionOutput", |s, x, label| {
        s.logistic_regression_output("op", x, label, 1.0)
    }),
    ("MAERegressionOutput", |s, x, label| {
        s.mae_regression_output("op", x, label, 1.0)
    }),
    ("MakeLoss", |s, x, label| {
        let error = s.elemwise_sub("error", x, label);
        let square = s.elemwise_mul("square", error, error);
        s.make_loss("op", square, MakeLoss::default())
    }),
];

fn operator(name: &str) -> Option<&'static (&'static str, &'static [i64], Make)> {
    OPERATORS.iter().find(|(known, ..)| *known == name)
}

fn loss(name: &str) -> Option<Loss> {
    let found = LOSSES.iter().find(|(known, _)| *known == name)?;
    Some(found.1)
}

/// Whether there is an operator or a loss of this name.
pub fn is_known(name: &str) -> bool {
    operator(name).is_some() || loss(name).is_some()
}

/// The network of an operator or loss: the operator between two dense layers, so that backward passes it.
pub fn net(name: &str) -> Result<Net, Error> {
    let loss = loss(name);
    let between = if loss.is_some() { NONE } else { name };
    let (between, shape, make) =
        operator(between).ok_or_else(|| Error::Config(format!("no operator {name}")))?;
    let mut s = Symbols::new();
    let data = s.variable("data");
    let label = s.variable("label");
    let op = if *between == EMBEDDING {
        make(&mut s, data)
    } else {
        let before = s.fully_connected("before", data, FullyConnected::new(12));
        // Costs nothing: the same elements.
        let shaped = s.reshape("shaped", before, shape);
        make(&mut s, shaped)
    };
    let flat = s.reshape("flat", op, &[1, -1]);
    let fc = s.fully_connected("fc", flat, FullyConnected::new(3));
    let (head, label_shape) = match loss {
        Some(loss) => (loss(&mut s, fc, label), vec![0, 3]),
        None => {
            let attrs = SoftmaxOutput::default();
            (s.softmax_output("softmax", fc, label, attrs), vec![0])
        }
    };
    Ok(s.net([head])
        .data("data", [0, 12])
        .label("label", label_shape))
}
