//! SequenceLast, SequenceMask, SequenceReverse, mean, sum.

use tinpail_plan::symbol::{Act, FullyConnected, Sym};
use tinpail_plan::{Net, Symbols};

use crate::row::Row;

/// What runs over time steps: name, data and lengths in, value out.
type Over = fn(&mut Symbols, Sym, Option<Sym>, usize) -> Sym;

/// `over` on a layer's output of (T, N, 3), or (N, T, 3) with `axis` 1.
fn over_layer(over: Over, axis: usize, lengths: bool) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let attrs = FullyConnected {
            flatten: false,
            ..FullyConnected::new(3)
        };
        let y = s.fully_connected("fc", x, attrs);
        let y = s.activation("tanh", y, Act::Tanh);
        let given = lengths.then(|| s.variable("lengths"));
        let out = over(&mut s, y, given, axis);
        let out = s.elemwise_mul("square", out, out);
        declare(s.net([out]), steps, axis, 2, lengths)
    }
}

/// `over` on data itself.
fn over_data(over: Over, axis: usize, lengths: bool) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let given = lengths.then(|| s.variable("lengths"));
        let out = over(&mut s, x, given, axis);
        declare(s.net([out]), steps, axis, 2, lengths)
    }
}

fn declare(net: Net, steps: usize, axis: usize, width: usize, lengths: bool) -> Net {
    let shape = if axis == 0 {
        [steps, 0, width]
    } else {
        [0, steps, width]
    };
    let net = net.data("data", shape);
    if lengths {
        // A label, for lengths have no gradient.
        net.label("lengths", [0])
    } else {
        net
    }
}

/// `over` on data of (T, N) without channels.
fn without_channels(over: Over) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let lengths = s.variable("lengths");
        let out = over(&mut s, x, Some(lengths), 0);
        s.net([out]).data("data", [steps, 0]).label("lengths", [0])
    }
}

/// The last step, and all steps masked, of the same value with the same lengths.
fn both_at_once(steps: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let lengths = s.variable("lengths");
    let masked = s.sequence_mask("mask", x, Some(lengths), 0.5, 0);
    let last = s.sequence_last("last", masked, Some(lengths), 0);
    let end = s.sequence_last("end", masked, None, 0);
    s.net([last, masked, end])
        .data("data", [steps, 0, 2, 2])
        .label("lengths", [0])
}

fn mean(axes: &'static [i64], keepdims: bool) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let attrs = FullyConnected {
            flatten: false,
            ..FullyConnected::new(3)
        };
        let y = s.fully_connected("fc", x, attrs);
        let out = s.mean("mean", y, axes, keepdims);
        let out = s.elemwise_mul("square", out, out);
        s.net([out]).data("data", [0, steps, 2, 2])
    }
}

fn mean_of_data(axes: &'static [i64]) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let out = s.mean("mean", x, axes, false);
        s.net([out]).data("data", [0, steps, 2])
    }
}

fn sum(axes: &'static [i64], keepdims: bool) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let attrs = FullyConnected {
            flatten: false,
            ..FullyConnected::new(3)
        };
        let y = s.fully_connected("fc", x, attrs);
        let out = s.sum("sum", y, axes, keepdims);
        let out = s.scalar("small", out, tinpail_plan::symbol::ScalarOp::Mul, 0.1);
        let out = s.elemwise_mul("square", out, out);
        s.net([out]).data("data", [0, steps, 2, 2])
    }
}

pub fn rows() -> Vec<Row> {
    let last: Over = |s, x, lengths, axis| s.sequence_last("last", x, lengths, axis);
    let mask: Over = |s, x, lengths, axis| s.sequence_mask("mask", x, lengths, -0.75, axis);
    let mut rows = vec![
        Row::new("sequence_last of (T, N)", without_channels(last)),
        Row::new("sequence_mask of (T, N)", without_channels(mask)),
        Row::new("sequence_last and mask", both_at_once),
    ];
    let reverse: Over = |s, x, lengths, axis| s.sequence_reverse("reverse", x, lengths, axis);
    rows.push(Row::new(
        "sequence_reverse of (T, N)",
        without_channels(reverse),
    ));
    for (name, over) in [
        ("sequence_last", last),
        ("sequence_mask", mask),
        ("sequence_reverse", reverse),
    ] {
        for axis in [0, 1] {
            for (with, lengths) in [("lengths", true), ("no lengths", false)] {
                let name = format!("{name} axis {axis}, {with}");
                rows.push(Row::new(&name, over_layer(over, axis, lengths)));
                let of_data = over_data(over, axis, lengths);
                rows.push(Row::new(format!("{name}, of data"), of_data));
            }
        }
    }
    let axes: [&[i64]; 9] = [
        &[0],
        &[1],
        &[-1],
        &[0, 1],
        &[1, 2],
        &[0, 2],
        &[1, 3],
        &[0, 1, 3],
        &[],
    ];
    for axes in axes {
        for keepdims in [false, true] {
            // A mean over everything without keepdims has the shape (1,).
            let name = format!("mean {axes:?} keepdims {keepdims}");
            rows.push(Row::new(name, mean(axes, keepdims)));
            let name = format!("sum {axes:?} keepdims {keepdims}");
            rows.push(Row::new(name, sum(axes, keepdims)));
        }
    }
    rows.push(Row::new("mean of data", mean_of_data(&[1])));
    rows.push(Row::new(
        "mean of data, two axes apart",
        mean_of_data(&[0, 2]),
    ));
    rows
}
