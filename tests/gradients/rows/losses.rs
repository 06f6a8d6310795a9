//! SoftmaxOutput with all its attributes, the regressions, MakeLoss, and nets with several heads.

use tinpail_plan::symbol::{
    Act, FullyConnected, MakeLoss, Normalization, SoftmaxOutput, Sym, Unary,
};
use tinpail_plan::{Net, Symbols};

use crate::row::Row;

const CLASSES: usize = 4;

/// What the loss is over.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    /// (N, C)
    Rows,
    /// (N T, C), the label reshaped
    Steps,
    /// (N, T, C)
    PreserveShape,
    /// (N, C, T)
    MultiOutput,
}

fn softmax(over: Over, attrs: SoftmaxOutput) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let flatten = over == Over::Rows;
        let fc = FullyConnected {
            flatten,
            ..FullyConnected::new(CLASSES)
        };
        let mut y = s.fully_connected("fc", x, fc);
        let mut label = s.variable("label");
        let mut attrs = attrs;
        match over {
            Over::Rows => {}
            Over::Steps => {
                y = s.reshape("rows", y, &[-3, 0]);
                label = s.reshape("labels", label, &[-1]);
            }
            Over::PreserveShape => attrs.preserve_shape = true,
            Over::MultiOutput => {
                y = s.swap_axis("swap", y, 1, 2);
                attrs.multi_output = true;
            }
        }
        let head = s.softmax_output("softmax", y, label, attrs);
        match over {
            Over::Rows => s.net([head]).data("data", [0, 3, 2]).label("label", [0]),
            _ => {
                let net = s.net([head]).data("data", [0, steps, 2]);
                net.label("label", [0, steps])
            }
        }
    }
}

/// Labels are probabilities.
fn probabilities(grad_scale: f32) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let (x, label) = (s.variable("data"), s.variable("label"));
        let y = s.fully_connected("fc", x, FullyConnected::new(CLASSES));
        let attrs = SoftmaxOutput {
            grad_scale,
            ..SoftmaxOutput::default()
        };
        let head = s.softmax_output("softmax", y, label, attrs);
        s.net([head])
            .data("data", [0, 3])
            .label("label", [0, CLASSES])
    }
}

/// A loss against a label of its data's shape.
type Regression = fn(&mut Symbols, Sym, Sym, f32) -> Sym;

const REGRESSIONS: [(&str, Regression); 3] = [
    ("regression", |s, y, label, scale| {
        s.linear_regression_output("regression", y, label, scale)
    }),
    ("logistic", |s, y, label, scale| {
        s.logistic_regression_output("regression", y, label, scale)
    }),
    ("mae", |s, y, label, scale| {
        s.mae_regression_output("regression", y, label, scale)
    }),
];

fn regression(loss: Regression, grad_scale: f32, outputs: usize) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let (x, label) = (s.variable("data"), s.variable("label"));
        let y = s.fully_connected("fc", x, FullyConnected::new(outputs));
        let head = loss(&mut s, y, label, grad_scale);
        s.net([head])
            .data("data", [0, 3])
            .label("label", [0, outputs])
    }
}

/// The square of a layer's output as a loss of its own, beside a value of the layer.
fn make_loss(attrs: MakeLoss) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.fully_connected("fc", x, FullyConnected::new(3));
        let square = s.unary("square", y, Unary::Square);
        let loss = s.make_loss("loss", square, attrs);
        s.net([loss, y]).data("data", [0, 2])
    }
}

/// A regression over all steps, on data itself.
fn regression_of_data(loss: Regression) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let (x, label) = (s.variable("data"), s.variable("label"));
        let head = loss(&mut s, x, label, 1.0);
        s.net([head])
            .data("data", [0, steps, 2])
            .label("label", [0, steps, 2])
    }
}

/// Two losses and a value of one trunk; a loss whose output is read on; a loss behind BlockGrad.
fn many_heads(_: usize) -> Net {
    let mut s = Symbols::new();
    let (x, class, target) = (
        s.variable("data"),
        s.variable("class"),
        s.variable("target"),
    );
    let y = s.fully_connected("trunk", x, FullyConnected::new(4));
    let y = s.activation("tanh", y, Act::Tanh);
    let a = s.fully_connected("a", y, FullyConnected::new(CLASSES));
    let a = s.softmax_output("softmax", a, class, SoftmaxOutput::default());
    let b = s.fully_connected("b", y, FullyConnected::new(2));
    let b = s.linear_regression_output("regression", b, target, 0.5);
    let read_on = s.elemwise_mul("read_on", a, y);
    let hidden = s.block_grad("hidden", b);
    s.net([a, y, read_on, hidden])
        .data("data", [0, 3])
        .label("class", [0])
        .label("target", [0, 2])
}

/// Two losses against the same label.
fn same_label(_: usize) -> Net {
    let mut s = Symbols::new();
    let (x, label) = (s.variable("data"), s.variable("label"));
    let y = s.fully_connected("a", x, FullyConnected::new(3));
    let a = s.softmax_output("first", y, label, SoftmaxOutput::default());
    let z = s.fully_connected("b", x, FullyConnected::new(5));
    let b = s.softmax_output("second", z, label, SoftmaxOutput::default());
    s.net([a, b]).data("data", [0, 3]).label("label", [0])
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let normalizations = [
        Normalization::Null,
        Normalization::Batch,
        Normalization::Valid,
    ];
    for over in [
        Over::Rows,
        Over::Steps,
        Over::PreserveShape,
        Over::MultiOutput,
    ] {
        for normalization in normalizations {
            for ignore in [None, Some(-1), Some(2)] {
                let attrs = SoftmaxOutput {
                    normalization,
                    use_ignore: ignore.is_some(),
                    ignore_label: ignore.unwrap_or(2),
                    grad_scale: if ignore.is_some() { 1.0 } else { 0.7 },
                    ..SoftmaxOutput::default()
                };
                let name = format!("softmax {over:?}, {normalization:?}, ignore {ignore:?}");
                rows.push(Row::new(name, softmax(over, attrs)));
            }
        }
    }
    let smooth = SoftmaxOutput {
        smooth_alpha: 0.2,
        ..SoftmaxOutput::default()
    };
    rows.push(Row::new("softmax smooth", softmax(Over::Rows, smooth)));
    let smooth = SoftmaxOutput {
        use_ignore: true,
        ignore_label: 1,
        normalization: Normalization::Valid,
        ..smooth
    };
    rows.push(Row::new(
        "softmax smooth, ignore",
        softmax(Over::Steps, smooth),
    ));
    rows.extend([
        Row::new("softmax probabilities", probabilities(1.0)),
        Row::new("softmax probabilities, scaled", probabilities(0.3)),
        Row::new("losses and values", many_heads),
        Row::new("losses of one label", same_label),
    ]);
    for (name, loss) in REGRESSIONS {
        rows.extend([
            Row::new(name, regression(loss, 1.0, 3)),
            Row::new(format!("{name} one output"), regression(loss, 1.0, 1)),
            Row::new(format!("{name} scaled"), regression(loss, 0.25, 2)),
            Row::new(format!("{name} of data"), regression_of_data(loss)),
        ]);
    }
    for normalization in normalizations {
        for valid_thresh in [0.0, 0.2] {
            let attrs = MakeLoss {
                grad_scale: 0.6,
                normalization,
                valid_thresh,
            };
            let name = format!("make_loss {normalization:?}, threshold {valid_thresh}");
            rows.push(Row::new(name, make_loss(attrs)));
        }
    }
    rows
}
