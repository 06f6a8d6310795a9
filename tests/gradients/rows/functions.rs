//! LeakyReLU's family, functions of one value, softmax without a loss, broadcasting, add_n, where.

use tinpail_plan::symbol::{Binary, FullyConnected, Leaky, ScalarOp, Softmax, Sym, Unary};
use tinpail_plan::{Net, Symbols};

use super::layers::shaped;
use crate::row::Row;

/// A layer of (N, 3, 4), then `op`, then a square.
fn through(op: impl Fn(&mut Symbols, Sym) -> Sym + 'static) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let attrs = FullyConnected {
            flatten: false,
            ..FullyConnected::new(4)
        };
        let y = s.fully_connected("fc", x, attrs);
        let y = op(&mut s, y);
        let y = s.elemwise_mul("square", y, y);
        s.net([y]).data("data", [0, 3, 2])
    }
}

/// `op` on data of (N, C, 2, 2), of (N, C), and of a layer's output.
fn everywhere(name: &str, op: impl Fn(&mut Symbols, Sym) -> Sym + Copy + 'static) -> [Row; 3] {
    let of_data = move |shape: &'static [usize]| {
        move |_| {
            let mut s = Symbols::new();
            let x = s.variable("data");
            let y = op(&mut s, x);
            s.net([y]).data("data", shape)
        }
    };
    [
        Row::new(name, through(op)),
        Row::new(format!("{name} of data"), of_data(&[0, 5])),
        Row::new(format!("{name} of images"), of_data(&[0, 3, 2, 2])),
    ]
}

/// x x + 1/2: not near 0.
fn positive(s: &mut Symbols, x: Sym) -> Sym {
    let square = s.unary("positive_square", x, Unary::Square);
    s.scalar("positive", square, ScalarOp::Plus, 0.5)
}

/// A gamma for all channels.
fn one_gamma(s: &mut Symbols, x: Sym) -> Sym {
    let gamma = shaped(s, "prelu_gamma", &[1]);
    let op = tinpail_plan::Op::LeakyRelu(Leaky::Prelu);
    s.push("prelu", op, &[x, gamma])
}

/// A gamma that is computed, and read by two.
fn computed_gamma(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let gamma = shaped(&mut s, "p", &[3]);
    let gamma = s.unary("gamma", gamma, Unary::Square);
    let op = tinpail_plan::Op::LeakyRelu(Leaky::Prelu);
    let y = s.push("first", op.clone(), &[x, gamma]);
    let z = s.push("second", op, &[y, gamma]);
    s.net([y, z]).data("data", [0, 3, 2])
}

/// Two of one shape or not, data and a parameter.
fn broadcast(op: Binary, data: &'static [usize], other: &'static [usize]) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let p = shaped(&mut s, "p_weight", other);
        let p = positive(&mut s, p);
        let y = s.broadcast("y", op, x, p);
        let z = s.broadcast("z", op, p, y);
        let z = match op {
            // Data can be near 0.
            Binary::Div => y,
            _ => z,
        };
        s.net([y, z]).data("data", data)
    }
}

fn quotient(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let p = shaped(&mut s, "p_weight", &[0, 4]);
    let below = positive(&mut s, p);
    let y = s.elemwise_div("y", x, below);
    let one = s.elemwise_div("one", below, below);
    s.net([y, one]).data("data", [0, 4])
}

fn add_n(s: &mut Symbols, x: Sym) -> Sym {
    let square = s.unary("square_of", x, Unary::Square);
    s.add_n("add_n", &[x, square, x, square])
}

/// Where relu lets through, x; else its square.
fn choose(s: &mut Symbols, x: Sym) -> Sym {
    let condition = s.activation("condition", x, tinpail_plan::symbol::Act::Relu);
    let square = s.unary("square_of", x, Unary::Square);
    s.choose("where", condition, x, square)
}

/// Ones of a shape, like a value, and the value itself.
fn ones(s: &mut Symbols, x: Sym) -> Sym {
    let like = s.push("like", tinpail_plan::Op::OnesLike, &[x]);
    let same = s.push("same", tinpail_plan::Op::Identity, &[x]);
    let more = s.elemwise_mul("more", same, x);
    s.elemwise_add("ones", like, more)
}

fn given_ones(_: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let op = tinpail_plan::Op::Ones { shape: vec![0, 3] };
    let ones = s.push("ones", op, &[]);
    let p = shaped(&mut s, "p", &[0, 3]);
    let y = s.elemwise_sub("y", ones, p);
    let y = s.elemwise_mul("z", y, x);
    s.net([y, ones]).data("data", [0, 3])
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let leaky = [
        ("leaky", Leaky::Leaky { slope: 0.3 }),
        ("leaky slope 0", Leaky::Leaky { slope: 0.0 }),
        ("elu", Leaky::Elu { slope: 0.25 }),
        ("selu", Leaky::Selu),
        ("gelu", Leaky::Gelu),
        ("prelu", Leaky::Prelu),
    ];
    for (name, leaky) in leaky {
        rows.extend(everywhere(name, move |s, x| {
            s.leaky_relu("leaky", x, leaky)
        }));
    }
    rows.extend(everywhere("prelu of one gamma", one_gamma));
    rows.push(Row::new("prelu gamma computed", computed_gamma));
    let prelu = |s: &mut Symbols, x| s.leaky_relu("leaky", x, Leaky::Prelu);
    rows.push(Row::new("prelu fixed", through(prelu)).fixed(&["leaky_gamma"]));
    for (name, op) in [
        ("exp", Unary::Exp),
        ("square", Unary::Square),
        ("abs", Unary::Abs),
    ] {
        rows.extend(everywhere(name, move |s, x| s.unary("unary", x, op)));
    }
    for (name, op) in [("log", Unary::Log), ("sqrt", Unary::Sqrt)] {
        rows.extend(everywhere(name, move |s, x| {
            let x = positive(s, x);
            s.unary("unary", x, op)
        }));
    }
    for axis in [1, -1] {
        for temperature in [None, Some(0.5)] {
            let attrs = Softmax { axis, temperature };
            let name = format!("softmax of axis {axis}, temperature {temperature:?}");
            rows.extend(everywhere(&name, move |s, x| {
                s.softmax("softmax", x, attrs)
            }));
            rows.extend(everywhere(&format!("log_{name}"), move |s, x| {
                s.log_softmax("softmax", x, attrs)
            }));
        }
    }
    for (name, op) in [
        ("add", Binary::Add),
        ("sub", Binary::Sub),
        ("mul", Binary::Mul),
        ("div", Binary::Div),
    ] {
        let shapes: [(&[usize], &[usize]); 4] = [
            (&[0, 3, 4], &[1, 1, 4]),
            (&[0, 3, 4], &[4]),
            (&[0, 3, 4], &[1, 3, 1]),
            (&[0, 1, 4], &[1, 3, 1]),
        ];
        for (data, other) in shapes {
            let name = format!("broadcast_{name} {data:?} {other:?}");
            rows.push(Row::new(name, broadcast(op, data, other)));
        }
    }
    rows.push(Row::new("elemwise_div", quotient));
    rows.extend(everywhere("add_n", add_n));
    rows.extend(everywhere("where", choose));
    rows.extend(everywhere("ones_like", ones));
    rows.push(Row::new("ones", given_ones));
    rows
}
