//! Recurrent layers and operators over time steps. Letters: T steps, N batch, I inputs, H hidden, G gates,
//! L layers, D directions.

use super::table::Table;
use crate::symbol::{Mode, Rnn};
use crate::{Error, Sym};

/// More than anybody stacks; keeps a hostile `num_layers` from exhausting the host.
const MAX_LAYERS: usize = 1 << 10;

/// data (T, N, I), parameters, state (L D, N, H)[, state_cell (L D, N, H)]: out (T, N, D H).
pub(super) fn rnn(table: &mut Table, index: usize, rnn: &Rnn) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let Some([t, n, i]) = sequence(table, node.inputs[0], &node.name)? else {
        return Ok(());
    };
    let (l, h) = (rnn.num_layers, rnn.state_size);
    if l > MAX_LAYERS {
        return Err(Error::symbol(
            &node.name,
            format!("{l} layers, but {MAX_LAYERS} are the most"),
        ));
    }
    let parameters = parameter_len(rnn, i)
        .ok_or_else(|| Error::shape(&node.name, "impossible (layers, hidden) of RNN", &[l, h]))?;
    table.unify(node.inputs[1], &[parameters], &node.name, "parameters")?;
    let d = rnn.directions();
    for (&state, role) in node.inputs[2..].iter().zip(["state", "state_cell"]) {
        table.unify(state, &[l * d, n, h], &node.name, role)?;
    }
    table.unify(table.output(index, 0), &[t, n, d * h], &node.name, "output")?;
    for output in 1..node.op.outputs() {
        table.unify(
            table.output(index, output),
            &[l * d, n, h],
            &node.name,
            "final state",
        )?;
    }
    Ok(())
}

/// [`Rnn::parameter_len`] for attributes that nobody has checked.
fn parameter_len(rnn: &Rnn, inputs: usize) -> Option<usize> {
    let (h, gates, d) = (rnn.state_size, rnn.mode.gates(), rnn.directions());
    let deeper = rnn.num_layers.checked_sub(1)?;
    let rows = h.checked_mul(gates * d).filter(|&rows| rows > 0)?;
    let first = inputs.checked_add(h)?.checked_add(2)?;
    let rest = h.checked_mul(d + 1)?.checked_add(2)?.checked_mul(deeper)?;
    first.checked_add(rest)?.checked_mul(rows)
}

/// data (T, N, I), i2h_weight (GH, I), i2h_bias (GH), h2h_weight (GH, H), h2h_bias (GH), h0 (N, H)[, c0 (N, H)].
pub(super) fn layer(table: &mut Table, index: usize, mode: Mode, h: usize) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let Some([t, n, i]) = sequence(table, node.inputs[0], &node.name)? else {
        return Ok(());
    };
    let gh = mode.gates().checked_mul(h);
    let gh = gh.ok_or_else(|| Error::symbol(&node.name, "hidden size is too large"))?;
    let operands: [(&[usize], &str); 6] = [
        (&[gh, i], "i2h_weight"),
        (&[gh], "i2h_bias"),
        (&[gh, h], "h2h_weight"),
        (&[gh], "h2h_bias"),
        (&[n, h], "begin state"),
        (&[n, h], "begin cell state"),
    ];
    for (&input, (shape, role)) in node.inputs[1..].iter().zip(operands) {
        table.unify(input, shape, &node.name, role)?;
    }
    table.unify(table.output(index, 0), &[t, n, h], &node.name, "output")?;
    for output in 1..node.op.outputs() {
        table.unify(
            table.output(index, output),
            &[n, h],
            &node.name,
            "final state",
        )?;
    }
    Ok(())
}

/// The three axes of a recurrent layer's data, if they are known.
fn sequence(table: &Table, data: Sym, reader: &str) -> Result<Option<[usize; 3]>, Error> {
    let Some(shape) = table.get(data) else {
        return Ok(None);
    };
    let axes = <[usize; 3]>::try_from(shape.as_slice());
    let wrong = |_| Error::shape(reader, "data must have the axes (T, N, I), not", shape);
    axes.map(Some).map_err(wrong)
}

/// The operators with a time axis (0 or 1; the other one is the batch) and an optional length for each sample.
/// `last` drops the time axis from the output.
pub(super) fn time_steps(
    table: &mut Table,
    index: usize,
    axis: usize,
    last: bool,
) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    if axis > 1 {
        return Err(Error::symbol(
            &node.name,
            format!("axis {axis}, but time must be axis 0 or 1"),
        ));
    }
    let Some(shape) = table.get(node.inputs[0]).cloned() else {
        return Ok(());
    };
    if shape.len() < 2 {
        return Err(Error::shape(
            &node.name,
            "data needs a time and a batch axis, not",
            &shape,
        ));
    }
    if let Some(&lengths) = node.inputs.get(1) {
        table.unify(lengths, &[shape[1 - axis]], &node.name, "sequence_length")?;
    }
    let mut out = shape;
    if last {
        out.remove(axis);
    }
    table.unify(table.output(index, 0), &out, &node.name, "output")
}
