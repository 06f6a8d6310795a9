//! Reshape, ExpandDims, SwapAxis, transpose, Concat, stack, SliceChannel, slice_axis.

use tinpail_plan::symbol::{Act, FullyConnected, Op, Sym};
use tinpail_plan::{Net, Symbols};

use crate::row::Row;

/// A layer of (N, T, 4), then `op`, then a square, so that the gradient is not the same everywhere.
fn through<const HEADS: usize>(
    op: impl Fn(&mut Symbols, Sym) -> [Sym; HEADS] + 'static,
) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let attrs = FullyConnected {
            flatten: false,
            ..FullyConnected::new(4)
        };
        let y = s.fully_connected("fc", x, attrs);
        let mut heads = op(&mut s, y);
        for (index, head) in heads.iter_mut().enumerate() {
            *head = s.elemwise_mul(&format!("square{index}"), *head, *head);
        }
        s.net(heads).data("data", [0, steps, 2])
    }
}

/// `op` on data of (N, T, 4) itself, whose result is a head.
fn direct<const HEADS: usize>(
    op: impl Fn(&mut Symbols, Sym) -> [Sym; HEADS] + 'static,
) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let heads = op(&mut s, x);
        s.net(heads).data("data", [0, steps, 4])
    }
}

fn both<const HEADS: usize>(
    name: &str,
    op: impl Fn(&mut Symbols, Sym) -> [Sym; HEADS] + Copy + 'static,
) -> [Row; 2] {
    [
        Row::new(name, through(op)),
        Row::new(format!("{name} of data"), direct(op)),
    ]
}

/// y and its tanh along `dim`, and y again.
fn concat(s: &mut Symbols, y: Sym, dim: i64) -> [Sym; 1] {
    let tanh = s.activation("tanh", y, Act::Tanh);
    [s.concat("concat", &[y, tanh, y], dim)]
}

/// Two parts of four, swapped, one of them used twice; the others are not used.
fn slice(s: &mut Symbols, y: Sym, axis: i64) -> [Sym; 2] {
    let parts = s.slice_channel("slice", y, 4, axis, false);
    let product = s.elemwise_mul("product", parts[2], parts[1]);
    [product, parts[2]]
}

/// All parts, squeezed, in reverse order together again.
fn slice_and_join(s: &mut Symbols, y: Sym) -> [Sym; 1] {
    let mut parts = s.slice_channel("slice", y, 4, 2, true);
    parts.reverse();
    [s.concat("joined", &parts, 1)]
}

/// Steps of their own, each through the same layer: how a cell is unrolled.
fn unrolled(steps: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let (w, b) = (s.variable("w_weight"), s.variable("w_bias"));
    let parts = s.slice_channel("steps", x, steps, 1, true);
    let layer = Op::FullyConnected(FullyConnected::new(3));
    let mut outputs = Vec::new();
    for (t, part) in parts.into_iter().enumerate() {
        let y = s.push(&format!("fc{t}"), layer.clone(), &[part, w, b]);
        outputs.push(s.expand_dims(&format!("step{t}"), y, 1));
    }
    let y = s.concat("out", &outputs, 1);
    s.net([y]).data("data", [0, steps, 2])
}

/// The parts of a concatenation are concatenations and heads.
fn nested(s: &mut Symbols, y: Sym) -> [Sym; 2] {
    let tanh = s.activation("tanh", y, Act::Tanh);
    let inner = s.concat("inner", &[tanh, y], 1);
    let relu = s.activation("relu", inner, Act::Relu);
    [s.concat("outer", &[relu, inner, tanh], 1), inner]
}

/// y, its tanh and y again along a new axis.
fn stack(s: &mut Symbols, y: Sym, axis: i64) -> [Sym; 1] {
    let tanh = s.activation("tanh", y, Act::Tanh);
    [s.stack("stack", &[y, tanh, y], axis)]
}

/// Two overlapping slices of one value.
fn slice_axis(s: &mut Symbols, y: Sym, axis: i64) -> [Sym; 2] {
    let first = s.slice_axis("first", y, axis, 0, Some(2));
    [first, s.slice_axis("rest", y, axis, -1, None)]
}

pub fn rows() -> Vec<Row> {
    let turned =
        |axes: &'static [i64]| move |s: &mut Symbols, y| [s.transpose("transpose", y, axes)];
    let stacked = |axis| move |s: &mut Symbols, y| stack(s, y, axis);
    let cut = |axis| move |s: &mut Symbols, y| slice_axis(s, y, axis);
    let reshape =
        |shape: &'static [i64]| move |s: &mut Symbols, y| [s.reshape("reshape", y, shape)];
    let expand = |axis| move |s: &mut Symbols, y| [s.expand_dims("expand", y, axis)];
    let swap = |a, b| move |s: &mut Symbols, y| [s.swap_axis("swap", y, a, b)];
    let joined = |dim| move |s: &mut Symbols, y| concat(s, y, dim);
    let sliced = |axis| move |s: &mut Symbols, y| slice(s, y, axis);
    let steps = |s: &mut Symbols, y| {
        // Keys of the tests are even.
        let parts = s.slice_channel("halves", y, 2, 1, false);
        [parts[1], parts[0]]
    };
    let swap_reshape = |s: &mut Symbols, y| {
        let y = s.swap_axis("swap", y, 0, 1);
        let y = s.expand_dims("expand", y, 1);
        [s.reshape("reshape", y, &[0, -1])]
    };
    [
        both("reshape -1", reshape(&[-1])),
        both("reshape 0 -1", reshape(&[0, -1])),
        both("reshape -3 0", reshape(&[-3, 0])),
        both("reshape 0 0 -4 2 -1", reshape(&[0, 0, -4, 2, -1])),
        both("reshape -2", reshape(&[-2])),
        both("expand_dims 0", expand(0)),
        both("expand_dims -1", expand(-1)),
        both("swap_axis 0 1", swap(0, 1)),
        both("swap_axis 1 2", swap(1, 2)),
        both("swap_axis 2 0", swap(2, 0)),
        both("swap_axis 1 1", swap(1, 1)),
        both("swap, expand, reshape", swap_reshape),
        both("transpose", turned(&[])),
        both("transpose 2 0 1", turned(&[2, 0, 1])),
        both("transpose 1 2 0", turned(&[1, 2, 0])),
        both("transpose 0 1 2", turned(&[0, 1, 2])),
        both("stack 0", stacked(0)),
        both("stack 1", stacked(1)),
        both("stack -1", stacked(-1)),
        both("slice_axis 1", cut(1)),
        both("slice_axis 2", cut(2)),
        both("slice_axis -1", cut(-1)),
        both("concat 0", joined(0)),
        both("concat 1", joined(1)),
        both("concat -1", joined(-1)),
        both("concat nested", nested),
        both("slice_channel 2", sliced(2)),
        both("slice_channel -1", sliced(-1)),
        both("slice_channel halves", steps),
        both("slice_channel squeezed", slice_and_join),
        [
            Row::new("slice_channel unrolled", unrolled),
            Row::new("slice_channel unrolled, weight fixed", unrolled).fixed(&["w_weight"]),
        ],
    ]
    .into_iter()
    .flatten()
    .collect()
}
