//! Activation, sums, products, constants, Dropout, BlockGrad.

use tinpail_plan::symbol::{Act, FullyConnected, ScalarOp, Sym};
use tinpail_plan::{Net, Symbols};

use super::layers::shaped;
use crate::row::Row;

/// Data times a parameter, then `op`; so that both data and a parameter have gradients through it.
fn through(op: impl Fn(&mut Symbols, Sym) -> Sym + 'static) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let p = shaped(&mut s, "p", &[0, 4]);
        let y = s.elemwise_mul("scaled", x, p);
        let y = op(&mut s, y);
        s.net([y]).data("data", [0, 4])
    }
}

/// `op` on data itself.
fn direct(op: impl Fn(&mut Symbols, Sym) -> Sym + 'static) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = op(&mut s, x);
        s.net([y]).data("data", [0, 5])
    }
}

/// `op` on data and a parameter.
fn binary(op: impl Fn(&mut Symbols, Sym, Sym) -> Sym + 'static) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let p = shaped(&mut s, "p_weight", &[0, 4]);
        let y = op(&mut s, x, p);
        s.net([y]).data("data", [0, 4])
    }
}

/// (x - x) + x.
fn minus_itself(s: &mut Symbols, x: Sym) -> Sym {
    let nothing = s.elemwise_sub("nothing", x, x);
    s.elemwise_add("sum", nothing, x)
}

/// x^3 + 2 x: a value that is used four times, by operators of three kinds.
fn used_often(s: &mut Symbols, x: Sym) -> Sym {
    let square = s.elemwise_mul("square", x, x);
    let cube = s.elemwise_mul("cube", square, x);
    let once = s.elemwise_add("once", cube, x);
    s.elemwise_add("twice", x, once)
}

/// A value, two of its activations and itself are heads at once.
fn many_heads(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let y = s.fully_connected("fc", x, FullyConnected::new(4));
    let a = s.activation("relu", y, Act::Relu);
    let b = s.activation("tanh", y, Act::Tanh);
    let c = s.elemwise_sub("c", a, y);
    s.net([y, a, b, c, y]).data("data", [0, 3])
}

/// y + BlockGrad(y)^2: half of a product is blocked.
fn blocked(s: &mut Symbols, y: Sym) -> Sym {
    let blocked = s.block_grad("blocked", y);
    let half = s.elemwise_mul("half", blocked, y);
    s.elemwise_add("sum", half, y)
}

/// Everything before a BlockGrad has no gradient; a parameter there is not moved by one.
fn blocked_layer(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let y = s.fully_connected("fc1", x, FullyConnected::new(4));
    let y = s.block_grad("blocked", y);
    let y = s.fully_connected("fc2", y, FullyConnected::new(3));
    let head = s.block_grad("head", y);
    s.net([y, head]).data("data", [0, 3])
}

fn dropouts(p: f32) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.dropout("first", x, p);
        let y = s.fully_connected("fc", y, FullyConnected::new(6));
        let y = s.dropout("second", y, p / 2.0);
        let z = s.activation("relu", y, Act::Relu);
        let z = s.dropout("third", z, p);
        s.net([y, z]).data("data", [0, 5])
    }
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let acts = [
        ("relu", Act::Relu),
        ("sigmoid", Act::Sigmoid),
        ("tanh", Act::Tanh),
        ("softrelu", Act::SoftRelu),
        ("softsign", Act::SoftSign),
    ];
    for (name, act) in acts {
        let op = move |s: &mut Symbols, x| s.activation("act", x, act);
        rows.push(Row::new(format!("activation {name}"), through(op)));
        rows.push(Row::new(format!("activation {name} of data"), direct(op)));
    }
    let scalars = [
        ("plus", ScalarOp::Plus),
        ("minus", ScalarOp::Minus),
        ("rminus", ScalarOp::RMinus),
        ("mul", ScalarOp::Mul),
        ("div", ScalarOp::Div),
    ];
    for (name, scalar) in scalars {
        let op = move |s: &mut Symbols, x| s.scalar("scalar", x, scalar, -1.75);
        rows.push(Row::new(format!("scalar {name}"), through(op)));
        rows.push(Row::new(format!("scalar {name} of data"), direct(op)));
    }
    let add = |s: &mut Symbols, x, y| s.elemwise_add("y", x, y);
    let sub = |s: &mut Symbols, x, y| s.elemwise_sub("y", x, y);
    let mul = |s: &mut Symbols, x, y| s.elemwise_mul("y", x, y);
    rows.extend([
        Row::new("elemwise_add", binary(add)),
        Row::new("elemwise_sub", binary(sub)),
        Row::new("elemwise_sub reversed", binary(move |s, x, y| sub(s, y, x))),
        Row::new("elemwise_mul", binary(mul)),
        Row::new("x + x", through(move |s, x| add(s, x, x))),
        Row::new("x - x", through(minus_itself)),
        Row::new("x * x", through(move |s, x| mul(s, x, x))),
        Row::new("x * x of data", direct(move |s, x| mul(s, x, x))),
        Row::new("x + x of data", direct(move |s, x| add(s, x, x))),
        Row::new("used often", through(used_often)),
        Row::new("used often of data", direct(used_often)),
        Row::new("many heads", many_heads),
        Row::new("identity of data", direct(|_, x| x)),
        Row::new("dropout 0.5", dropouts(0.5)),
        Row::new("dropout 0", dropouts(0.0)),
        Row::new("block_grad half", through(blocked)),
        Row::new("block_grad layer", blocked_layer),
    ]);
    rows
}
