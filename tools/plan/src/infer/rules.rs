//! One rule for each operator: what the shapes of its operands say about each other.

use super::table::{Table, elements};
use super::{axes, loss, recurrent, reshape, window};
use crate::symbol::{Embedding, FullyConnected, Leaky, Softmax};
use crate::{Error, Op};

/// Applies the rule of node `index`. `guess`: see [`super::settle`].
pub(super) fn apply(table: &mut Table, index: usize, guess: bool) -> Result<(), Error> {
    let net = table.net;
    let node = &net.nodes[index];
    match &node.op {
        Op::Variable | Op::Zeros { .. } | Op::Ones { .. } => Ok(()),
        Op::FullyConnected(attrs) => fully_connected(table, index, attrs, guess),
        Op::Convolution(attrs) => window::convolution(table, index, attrs),
        Op::Pooling(attrs) => window::pooling(table, index, attrs),
        Op::BatchNorm(attrs) => along_axis(table, index, attrs.axis),
        Op::LayerNorm(attrs) => along_axis(table, index, attrs.axis),
        Op::Lrn(_) => across_channels(table, index),
        Op::Embedding(attrs) => embedding(table, index, attrs),
        Op::Activation(_)
        | Op::Unary(_)
        | Op::Scalar(..)
        | Op::Dropout { .. }
        | Op::BlockGrad
        | Op::Identity
        | Op::OnesLike
        | Op::MakeLoss(_) => same(table, index),
        Op::LeakyRelu(leaky) => leaky_relu(table, index, *leaky),
        Op::Softmax(attrs) | Op::LogSoftmax(attrs) => softmax(table, index, attrs),
        Op::ElemwiseAdd
        | Op::ElemwiseSub
        | Op::ElemwiseMul
        | Op::ElemwiseDiv
        | Op::AddN
        | Op::Where => elementwise(table, index),
        Op::Broadcast(_) => broadcast(table, index),
        Op::Rnn(attrs) => recurrent::rnn(table, index, attrs),
        Op::RnnLayer { mode, hidden } => recurrent::layer(table, index, *mode, *hidden),
        Op::SequenceLast { axis, .. } => recurrent::time_steps(table, index, *axis, true),
        Op::SequenceMask { axis, .. } => recurrent::time_steps(table, index, *axis, false),
        Op::SequenceReverse { axis, .. } => recurrent::time_steps(table, index, *axis, false),
        Op::Mean { axes, keepdims } | Op::Sum { axes, keepdims } => {
            forward(table, index, |name, shape| {
                axes::reduced(name, axes, *keepdims, shape)
            })
        }
        Op::Reshape { shape, reverse } => forward(table, index, |name, data| {
            reshape::reshape(name, shape, *reverse, data)
        }),
        Op::ExpandDims { axis } => expand_dims(table, index, *axis),
        Op::SwapAxis { dim1, dim2 } => swap_axis(table, index, *dim1, *dim2),
        Op::Transpose { axes } => forward(table, index, |name, shape| {
            let order = axes::permutation(name, axes, shape)?;
            Ok(order.iter().map(|&axis| shape[axis]).collect())
        }),
        Op::SliceAxis { axis, begin, end } => forward(table, index, |name, shape| {
            let (at, range) = axes::slice(name, *axis, *begin, *end, shape)?;
            let mut shape = shape.to_vec();
            shape[at] = range.len();
            Ok(shape)
        }),
        Op::Stack { axis } => stack(table, index, *axis),
        Op::Concat { dim } => concat(table, index, *dim),
        Op::SliceChannel {
            num_outputs,
            axis,
            squeeze_axis,
        } => slice_channel(table, index, *num_outputs, *axis, *squeeze_axis),
        Op::SoftmaxOutput(attrs) => loss::softmax(table, index, attrs),
        Op::LinearRegressionOutput { .. }
        | Op::LogisticRegressionOutput { .. }
        | Op::MaeRegressionOutput { .. } => loss::regression(table, index),
        Op::ParamSlice { offset, shape } => param_slice(table, index, *offset, shape),
    }
}

/// The first input and the output have one shape, whichever is known.
pub(super) fn same(table: &mut Table, index: usize) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let (input, output) = (node.inputs[0], table.output(index, 0));
    if let Some(shape) = table.get(input).cloned() {
        table.unify(output, &shape, &node.name, "output")?;
    } else if let Some(shape) = table.get(output).cloned() {
        table.unify(input, &shape, &node.name, "input")?;
    }
    Ok(())
}

/// The output has the shape of the data, and every other input one value for each index of `axis`.
fn along_axis(table: &mut Table, index: usize, axis: i64) -> Result<(), Error> {
    same(table, index)?;
    let node = &table.net.nodes[index];
    let Some(shape) = table.get(node.inputs[0]).cloned() else {
        return Ok(());
    };
    let len = shape[axes::axis(&node.name, axis, &shape)?];
    for &input in &node.inputs[1..] {
        table.unify(input, &[len], &node.name, "parameter")?;
    }
    Ok(())
}

/// The output has the shape of the data, whose second axis is that of the channels.
fn across_channels(table: &mut Table, index: usize) -> Result<(), Error> {
    same(table, index)?;
    let node = &table.net.nodes[index];
    match table.get(node.inputs[0]) {
        Some(shape) if shape.len() < 2 => Err(Error::shape(&node.name, "no channels in", shape)),
        _ => Ok(()),
    }
}

/// The output's shape follows from the input's.
fn forward(
    table: &mut Table,
    index: usize,
    rule: impl Fn(&str, &[usize]) -> Result<Vec<usize>, Error>,
) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    match table.get(node.inputs[0]) {
        None => Ok(()),
        Some(shape) => {
            let out = rule(&node.name, shape)?;
            table.unify(table.output(index, 0), &out, &node.name, "output")
        }
    }
}

/// All inputs and the output have one shape, whichever is known.
fn elementwise(table: &mut Table, index: usize) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let known: Vec<_> = (node.inputs.iter())
        .filter_map(|&input| Some((input, table.get(input)?.clone())))
        .collect();
    if let Some((first, shape)) = known.first()
        && let Some((other, found)) = known.iter().find(|(_, found)| found != shape)
    {
        let what = format!("{} and {} differ", table.name(*first), table.name(*other));
        return Err(Error::shapes(&node.name, &what, shape, found));
    }
    let output = table.output(index, 0);
    let shape = known.into_iter().map(|(_, shape)| shape).next();
    if let Some(shape) = shape.or_else(|| table.get(output).cloned()) {
        for (position, &input) in node.inputs.iter().enumerate() {
            let role = match (node.inputs.len(), position) {
                (2, 0) => "lhs",
                (2, _) => "rhs",
                _ => "input",
            };
            table.unify(input, &shape, &node.name, role)?;
        }
        table.unify(output, &shape, &node.name, "output")?;
    }
    Ok(())
}

/// Data and output agree; prelu's gamma is (C,), C being axis 1, or (1,).
fn leaky_relu(table: &mut Table, index: usize, leaky: Leaky) -> Result<(), Error> {
    same(table, index)?;
    let node = &table.net.nodes[index];
    let wrong = match leaky {
        Leaky::Leaky { slope } | Leaky::Elu { slope } => slope < 0.0,
        _ => false,
    };
    if wrong {
        // MXNet takes the gradient's branch from the sign of the output.
        return Err(Error::symbol(
            &node.name,
            "a negative slope is not supported",
        ));
    }
    let (Some(&gamma), Some(shape)) = (node.inputs.get(1), table.get(node.inputs[0])) else {
        return Ok(());
    };
    if table.get(gamma).is_some_and(|gamma| *gamma == [1]) {
        return Ok(());
    }
    let Some(&channels) = shape.get(1) else {
        return Err(Error::shape(
            &node.name,
            "prelu needs an axis of channels, not",
            shape,
        ));
    };
    table.unify(gamma, &[channels], &node.name, "gamma")
}

/// Data and output agree, and have the axis.
fn softmax(table: &mut Table, index: usize, attrs: &Softmax) -> Result<(), Error> {
    same(table, index)?;
    let node = &table.net.nodes[index];
    match table.get(node.inputs[0]) {
        Some(shape) => axes::axis(&node.name, attrs.axis, shape).map(|_| ()),
        None => Ok(()),
    }
}

/// Shapes aligned at their last axes: equal, or 1 on one side.
fn broadcast(table: &mut Table, index: usize) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let (Some(lhs), Some(rhs)) = (table.get(node.inputs[0]), table.get(node.inputs[1])) else {
        return Ok(());
    };
    let rank = lhs.len().max(rhs.len());
    let (left, right) = (axes::aligned(lhs, rank), axes::aligned(rhs, rank));
    let fits = |(&a, &b): (&usize, &usize)| a == b || a == 1 || b == 1;
    if !left.iter().zip(&right).all(fits) {
        return Err(Error::shapes(
            &node.name,
            "shapes that do not broadcast",
            lhs,
            rhs,
        ));
    }
    let larger = |(&a, &b): (&usize, &usize)| a.max(b);
    let shape: Vec<usize> = left.iter().zip(&right).map(larger).collect();
    table.unify(table.output(index, 0), &shape, &node.name, "output")
}

/// Parts of one shape, along a new axis.
fn stack(table: &mut Table, index: usize, axis: i64) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let known = node
        .inputs
        .iter()
        .find_map(|&part| table.get(part).cloned());
    let Some(mut shape) = known else {
        return Ok(());
    };
    for &part in &node.inputs {
        table.unify(part, &shape, &node.name, "part")?;
    }
    let at = axes::index(axis, shape.len() + 1)
        .ok_or_else(|| Error::shape(&node.name, &format!("no place for axis {axis} in"), &shape))?;
    shape.insert(at, node.inputs.len());
    table.unify(table.output(index, 0), &shape, &node.name, "output")
}

/// data, weight (O, I)[, bias (O)]: out (N, O), or (.., O) without flatten.
fn fully_connected(
    table: &mut Table,
    index: usize,
    attrs: &FullyConnected,
    guess: bool,
) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let outputs = attrs.num_hidden;
    let (data, weight, out) = (node.inputs[0], node.inputs[1], table.output(index, 0));
    if let Some(&bias) = node.inputs.get(2) {
        table.unify(bias, &[outputs], &node.name, "bias")?;
    }
    if let Some(shape) = table.get(data).cloned() {
        let kept = if attrs.flatten { 1 } else { shape.len() - 1 };
        let inputs = shape[kept..].iter().product();
        table.unify(weight, &[outputs, inputs], &node.name, "weight")?;
        let shape = [&shape[..kept], &[outputs]].concat();
        return table.unify(out, &shape, &node.name, "output");
    }
    let (Some(rows), Some(weight)) = (table.get(out), table.get(weight)) else {
        return Ok(());
    };
    if (guess || !attrs.flatten) && weight.len() == 2 {
        let shape = [&rows[..rows.len() - 1], &[weight[1]]].concat();
        return table.unify(data, &shape, &node.name, "data");
    }
    Ok(())
}

/// data (..), weight (input_dim, output_dim): out (.., output_dim).
fn embedding(table: &mut Table, index: usize, attrs: &Embedding) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    if attrs.input_dim > 1 << 16 {
        let what = format!("input_dim {}, but ids are 16 bits wide", attrs.input_dim);
        return Err(Error::symbol(&node.name, what));
    }
    let weight = [attrs.input_dim, attrs.output_dim];
    table.unify(node.inputs[1], &weight, &node.name, "weight")?;
    let out = table.output(index, 0);
    if let Some(shape) = table.get(node.inputs[0]) {
        let shape = [&shape[..], &[attrs.output_dim]].concat();
        return table.unify(out, &shape, &node.name, "output");
    }
    match table.get(out).map(|out| out[..out.len() - 1].to_vec()) {
        Some(shape) => table.unify(node.inputs[0], &shape, &node.name, "data"),
        None => Ok(()),
    }
}

fn expand_dims(table: &mut Table, index: usize, axis: i64) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let (data, out) = (node.inputs[0], table.output(index, 0));
    if let Some(shape) = table.get(data) {
        // One more axis than there are: -1 puts it last.
        let at = axes::index(axis, shape.len() + 1);
        let at = at.ok_or_else(|| {
            Error::shape(&node.name, &format!("no place for axis {axis} in"), shape)
        })?;
        let mut shape = shape.clone();
        shape.insert(at, 1);
        return table.unify(out, &shape, &node.name, "output");
    }
    if let Some(mut shape) = table.get(out).cloned() {
        let at = axes::axis(&node.name, axis, &shape)?;
        shape.remove(at);
        return table.unify(data, &shape, &node.name, "data");
    }
    Ok(())
}

fn swap_axis(table: &mut Table, index: usize, dim1: usize, dim2: usize) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let (data, out) = (node.inputs[0], table.output(index, 0));
    let swapped = |shape: &Vec<usize>| {
        if dim1.max(dim2) >= shape.len() {
            let what = format!("no axes {dim1} and {dim2} to swap in");
            return Err(Error::shape(&node.name, &what, shape));
        }
        let mut shape = shape.clone();
        shape.swap(dim1, dim2);
        Ok(shape)
    };
    if let Some(shape) = table.get(data) {
        let shape = swapped(shape)?;
        return table.unify(out, &shape, &node.name, "output");
    }
    if let Some(shape) = table.get(out) {
        let shape = swapped(shape)?;
        return table.unify(data, &shape, &node.name, "data");
    }
    Ok(())
}

fn concat(table: &mut Table, index: usize, dim: i64) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let parts: Option<Vec<_>> = node.inputs.iter().map(|&part| table.get(part)).collect();
    match parts {
        None => Ok(()),
        Some(parts) => {
            let out = axes::concat(&node.name, dim, &parts)?;
            table.unify(table.output(index, 0), &out, &node.name, "output")
        }
    }
}

fn slice_channel(
    table: &mut Table,
    index: usize,
    parts: usize,
    axis: i64,
    squeeze: bool,
) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let data = node.inputs[0];
    if let Some(shape) = table.get(data) {
        let at = axes::axis(&node.name, axis, shape)?;
        let fits = if squeeze {
            shape[at] == parts
        } else {
            shape[at].is_multiple_of(parts)
        };
        if !fits {
            let rest = if squeeze { " of length 1" } else { "" };
            let what = format!("axis {axis} cannot be cut into {parts} equal parts{rest}");
            return Err(Error::shape(&node.name, &what, shape));
        }
        let mut part = shape.clone();
        part[at] /= parts;
        if squeeze {
            part.remove(at);
        }
        for output in 0..parts {
            table.unify(table.output(index, output), &part, &node.name, "output")?;
        }
        return Ok(());
    }
    let part = (0..parts).find_map(|output| table.get(table.output(index, output)));
    let Some(mut shape) = part.cloned() else {
        return Ok(());
    };
    if squeeze {
        shape.insert(0, 1);
        let at = axes::axis(&node.name, axis, &shape)?;
        shape.remove(0);
        shape.insert(at, parts);
    } else {
        let at = axes::axis(&node.name, axis, &shape)?;
        shape[at] = shape[at].saturating_mul(parts);
    }
    table.unify(data, &shape, &node.name, "data")
}

fn param_slice(
    table: &mut Table,
    index: usize,
    offset: usize,
    shape: &[usize],
) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let end = elements(&node.name, shape)?.checked_add(offset);
    table.unify(table.output(index, 0), shape, &node.name, "output")?;
    match table.get(node.inputs[0]) {
        Some(whole) if end.is_none_or(|end| end > whole.iter().product()) => {
            let what = format!("no {shape:?} from element {offset} on in");
            Err(Error::shape(&node.name, &what, whole))
        }
        _ => Ok(()),
    }
}
