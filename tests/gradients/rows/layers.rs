//! FullyConnected and Embedding; weights that several layers read, or that are computed.

use tinpail_plan::symbol::{Act, Embedding, FullyConnected, Op, Sym};
use tinpail_plan::{Net, Symbols};

use crate::row::Row;

fn fc(num_hidden: usize, no_bias: bool, flatten: bool) -> FullyConnected {
    FullyConnected {
        num_hidden,
        no_bias,
        flatten,
    }
}

/// A variable of a shape of its own; a 0 is the batch size.
pub fn shaped(s: &mut Symbols, name: &str, shape: &[usize]) -> Sym {
    let variable = s.variable(name);
    s.nodes[variable.node.0 as usize].hints.shape = Some(shape.to_vec());
    variable
}

/// One layer over (N, 2, 3).
fn one_layer(attrs: FullyConnected) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.fully_connected("fc", x, attrs);
        s.net([y]).data("data", [0, 2, 3])
    }
}

fn two_layers(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let y = s.fully_connected("fc1", x, FullyConnected::new(4));
    let y = s.activation("tanh", y, Act::Tanh);
    let y = s.fully_connected("fc2", y, FullyConnected::new(3));
    s.net([y]).data("data", [0, 5])
}

/// y = W (W x) with the same weight and bias.
fn shared_weight(_: usize) -> Net {
    let mut s = Symbols::new();
    let (x, w, b) = (
        s.variable("data"),
        s.variable("w_weight"),
        s.variable("w_bias"),
    );
    let layer = Op::FullyConnected(FullyConnected::new(4));
    let y = s.push("fc1", layer.clone(), &[x, w, b]);
    let y = s.activation("sigmoid", y, Act::Sigmoid);
    let y = s.push("fc2", layer, &[y, w, b]);
    s.net([y]).data("data", [0, 4])
}

/// A weight that is also a value: of a layer, and of a product with itself.
fn weight_as_value(_: usize) -> Net {
    let mut s = Symbols::new();
    let (x, w) = (s.variable("data"), s.variable("w_weight"));
    let y = s.push("fc", Op::FullyConnected(fc(3, true, true)), &[x, w]);
    let square = s.elemwise_mul("square", w, w);
    s.net([y, square]).data("data", [0, 4])
}

/// The data of a layer is a parameter, whose index is below or above that of the weight.
fn parameter_as_data(first: &'static str) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        if first == "weight" {
            s.variable("w_weight");
        }
        let p = shaped(&mut s, "p", &[2, 4]);
        let w = s.variable("w_weight");
        let y = s.push("fc", Op::FullyConnected(fc(3, true, true)), &[p, w]);
        let z = s.push("fcx", Op::FullyConnected(fc(3, true, true)), &[x, w]);
        s.net([y, z]).data("data", [0, 4])
    }
}

/// Two parameters, each the data of a layer whose weight is the other.
fn parameters_of_each_other(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let p = shaped(&mut s, "p_weight", &[4, 4]);
    let q = shaped(&mut s, "q_weight", &[4, 4]);
    let layer = Op::FullyConnected(fc(4, true, true));
    let y = s.push("pq", layer.clone(), &[p, q]);
    let z = s.push("qp", layer.clone(), &[q, p]);
    let w = s.elemwise_add("sum", y, z);
    let out = s.push("out", layer, &[x, w]);
    s.net([out]).data("data", [0, 4])
}

/// The weight of a layer is computed from a parameter, and its bias from another.
fn computed_weight(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let (v, u) = (shaped(&mut s, "v", &[3, 4]), shaped(&mut s, "u", &[3]));
    let w = s.activation("w", v, Act::Tanh);
    let b = s.scalar("b", u, tinpail_plan::symbol::ScalarOp::Mul, 0.5);
    let y = s.push("fc", Op::FullyConnected(FullyConnected::new(3)), &[x, w, b]);
    s.net([y]).data("data", [0, 4])
}

/// The weight of a layer is data.
fn weight_from_data(_: usize) -> Net {
    let mut s = Symbols::new();
    let (x, w) = (s.variable("data"), s.variable("w"));
    let y = s.push("fc", Op::FullyConnected(fc(3, true, true)), &[x, w]);
    s.net([y]).data("data", [0, 4]).data("w", [3, 4])
}

/// A parameter is a head.
fn parameter_as_head(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let y = s.fully_connected("fc", x, FullyConnected::new(2));
    let w = s.variable("fc_weight");
    s.net([y, w, x]).data("data", [0, 3])
}

fn multipliers(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    for (name, lr_mult, wd_mult) in [("fc_weight", 0.5, 3.0), ("fc_bias", 2.0, 1.0)] {
        let variable = s.variable(name);
        let hints = &mut s.nodes[variable.node.0 as usize].hints;
        (hints.lr_mult, hints.wd_mult) = (Some(lr_mult), Some(wd_mult));
    }
    let y = s.fully_connected("fc", x, FullyConnected::new(2));
    s.net([y]).data("data", [0, 3])
}

fn embedding(steps: usize) -> Net {
    let mut s = Symbols::new();
    let tokens = s.variable("data");
    let y = s.embedding("embed", tokens, EMBEDDING);
    s.net([y]).data("data", [0, steps])
}

const EMBEDDING: Embedding = Embedding {
    input_dim: 6,
    output_dim: 3,
};

/// The same table looked up twice, and the weight of a layer as well.
fn tied_embedding(steps: usize) -> Net {
    let mut s = Symbols::new();
    let (tokens, more) = (s.variable("data"), s.variable("more"));
    let w = s.variable("embed_weight");
    let lookup = Op::Embedding(EMBEDDING);
    let a = s.push("a", lookup.clone(), &[tokens, w]);
    let b = s.push("b", lookup, &[more, w]);
    let sum = s.elemwise_add("sum", a, b);
    let y = s.push("fc", Op::FullyConnected(fc(6, true, false)), &[sum, w]);
    s.net([y]).data("data", [0, steps]).data("more", [0, steps])
}

/// Tokens reshaped on their way.
fn reshaped_tokens(steps: usize) -> Net {
    let mut s = Symbols::new();
    let tokens = s.variable("data");
    let flat = s.reshape("flat", tokens, &[-1]);
    let y = s.embedding("embed", flat, EMBEDDING);
    let y = s.fully_connected("fc", y, FullyConnected::new(2));
    s.net([y]).data("data", [0, steps])
}

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("fc", one_layer(fc(4, false, true))),
        Row::new("fc no_bias", one_layer(fc(4, true, true))),
        Row::new("fc no flatten", one_layer(fc(4, false, false))),
        Row::new("fc no flatten no_bias", one_layer(fc(4, true, false))),
        Row::new("fc one output", one_layer(fc(1, false, true))),
        Row::new("fc many outputs", one_layer(fc(9, false, false))),
        Row::new("fc two layers", two_layers),
        Row::new("fc second layer only", two_layers).fixed(&["fc1_weight", "fc1_bias"]),
        Row::new("fc first layer only", two_layers).fixed(&["fc2_weight", "fc2_bias"]),
        Row::new("fc weights fixed", two_layers).fixed(&["fc1_weight", "fc2_weight"]),
        Row::new("fc shared weight", shared_weight),
        Row::new("fc weight as value", weight_as_value),
        Row::new(
            "fc parameter as data, weight first",
            parameter_as_data("weight"),
        ),
        Row::new(
            "fc parameter as data, data first",
            parameter_as_data("data"),
        ),
        Row::new("fc parameters of each other", parameters_of_each_other),
        Row::new("fc computed weight", computed_weight),
        Row::new("fc weight from data", weight_from_data),
        Row::new("fc parameter as head", parameter_as_head),
        Row::new("fc multipliers", multipliers),
        Row::new("embedding", embedding),
        Row::new("embedding tied", tied_embedding),
        Row::new("embedding reshaped tokens", reshaped_tokens),
    ]
}
