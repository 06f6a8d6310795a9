//! Recurrent layers: T steps, N samples, I inputs, H hidden units, G gates, L layers, D directions.
//!
//! With a = i2h_weight x + i2h_bias and b = h2h_weight h + h2h_bias, split into gates of H rows:
//!
//! - rnn_relu, rnn_tanh: h' = act(a + b)
//! - lstm (i, f, c, o): c' = sigmoid(f) c + sigmoid(i) tanh(c), h' = sigmoid(o) tanh(c')
//! - gru (r, z, o): n = tanh(a_o + sigmoid(r) b_o), h' = (1 - sigmoid(z)) n + sigmoid(z) h
//!
//! where a gate without index is its rows of a + b: MXNet's `rnn_impl.h` and `rnn_cell.py`.

use tinpail_plan::symbol::{Mode, Rnn};

use super::pointwise::{relu, sigmoid};
use super::sequence::reverse;
use super::shape::concat;
use super::{Context, Outcome, dropout_factors, ensure};
use crate::Tensor;
use crate::frozen::Branches;

/// What one layer reads besides its data.
struct Layer<'a> {
    mode: Mode,
    hidden: usize,
    i2h_weight: &'a [f64], // (GH, I)
    i2h_bias: &'a [f64],   // (GH,)
    h2h_weight: &'a [f64], // (GH, H)
    h2h_bias: &'a [f64],   // (GH,)
    h0: &'a [f64],         // (N, H)
    c0: &'a [f64],         // (N, H), lstm; otherwise empty
}

/// What one layer gives.
struct Sequence {
    all: Tensor,    // (T, N, H)
    last: Vec<f64>, // (N, H)
    cell: Vec<f64>, // (N, H), lstm; otherwise empty
}

/// The operator `RnnLayer`: weights are i2h_weight, i2h_bias, h2h_weight, h2h_bias, h0[, c0].
pub(super) fn layer(
    mode: Mode,
    hidden: usize,
    data: &Tensor,
    weights: &[&Tensor],
    branches: &mut Branches,
) -> Outcome<Vec<Tensor>> {
    let &[_, batch, inputs] = data.shape.as_slice() else {
        return Err(format!("data {:?} is not (T, N, I)", data.shape));
    };
    let rows = mode.gates() * hidden;
    let state = vec![batch, hidden];
    let mut expected = vec![
        vec![rows, inputs],
        vec![rows],
        vec![rows, hidden],
        vec![rows],
        state.clone(),
    ];
    if mode == Mode::Lstm {
        expected.push(state.clone());
    }
    let shapes: Vec<Vec<usize>> = weights.iter().map(|weight| weight.shape.clone()).collect();
    ensure(shapes == expected, || {
        format!("weights and states {shapes:?} for {expected:?}")
    })?;
    let layer = Layer {
        mode,
        hidden,
        i2h_weight: &weights[0].data,
        i2h_bias: &weights[1].data,
        h2h_weight: &weights[2].data,
        h2h_bias: &weights[3].data,
        h0: &weights[4].data,
        c0: weights.get(5).map_or(&[], |cell| &cell.data),
    };
    let sequence = layer.run(data, branches);
    let mut outputs = vec![sequence.all, Tensor::new(state.clone(), sequence.last)];
    if mode == Mode::Lstm {
        outputs.push(Tensor::new(state, sequence.cell));
    }
    Ok(outputs)
}

/// The symbol `RNN`. The vector `parameters` holds, for each direction of each layer, i2h_weight then h2h_weight, and
/// after all of these, in the same order, i2h_bias then h2h_bias. States are (L D, N, H). The second direction runs
/// from the last step to the first; a layer's output is both, side by side. In training the outputs of all layers but
/// the last pass through dropout.
pub(super) fn fused(
    name: &str,
    attrs: &Rnn,
    data: &Tensor,
    parameters: &Tensor,
    states: &[&Tensor],
    context: &mut Context,
) -> Outcome<Vec<Tensor>> {
    let &[steps, batch, inputs] = data.shape.as_slice() else {
        return Err(format!("data {:?} is not (T, N, I)", data.shape));
    };
    let (layers, hidden, directions) = (attrs.num_layers, attrs.state_size, attrs.directions());
    ensure(layers > 0, || "no layers".into())?;
    let rows = attrs.mode.gates() * hidden;
    let lstm = attrs.mode == Mode::Lstm;
    let cells = layers * directions;
    let state = vec![cells, batch, hidden];
    ensure(states.len() == 1 + usize::from(lstm), || {
        format!("{} states", states.len())
    })?;
    ensure(states.iter().all(|given| given.shape == state), || {
        format!("a state is not {state:?}")
    })?;
    let inputs_of = |cell| {
        if cell < directions {
            inputs
        } else {
            directions * hidden
        }
    };
    let weights_len: usize = (0..cells)
        .map(|cell| rows * (inputs_of(cell) + hidden))
        .sum();
    let len = weights_len + cells * 2 * rows;
    ensure(parameters.shape == [len], || {
        format!("parameters {:?} for ({len},)", parameters.shape)
    })?;
    let between = [layers - 1, steps, batch, directions * hidden];
    let dropout = match layers {
        1 => None,
        _ => dropout_factors(name, attrs.p, &between, context.mode)?,
    };

    let (mut weights, mut biases) = parameters.data.split_at(weights_len);
    let mut x = data.clone();
    let (mut last, mut cell) = (Vec::new(), Vec::new());
    for index in 0..layers {
        let mut sides = Vec::new();
        for direction in 0..directions {
            let at = index * directions + direction;
            let of_cell = at * batch * hidden..(at + 1) * batch * hidden;
            let layer = Layer {
                mode: attrs.mode,
                hidden,
                i2h_weight: take(&mut weights, rows * inputs_of(at)),
                h2h_weight: take(&mut weights, rows * hidden),
                i2h_bias: take(&mut biases, rows),
                h2h_bias: take(&mut biases, rows),
                h0: &states[0].data[of_cell.clone()],
                c0: if lstm { &states[1].data[of_cell] } else { &[] },
            };
            let from = match direction {
                0 => x.clone(),
                _ => reverse(0, &x, None)?,
            };
            let sequence = layer.run(&from, &mut context.branches);
            sides.push(match direction {
                0 => sequence.all,
                _ => reverse(0, &sequence.all, None)?,
            });
            last.extend(sequence.last);
            cell.extend(sequence.cell);
        }
        x = concat(2, &sides.iter().collect::<Vec<_>>())?;
        if let Some(factors) = dropout.as_ref().filter(|_| index + 1 < layers) {
            x = Tensor::from_fn(x.shape.clone(), |at| {
                x.at(at) * factors.at(&[&[index], at].concat())
            });
        }
    }
    let mut outputs = vec![x];
    if attrs.state_outputs {
        outputs.push(Tensor::new(state.clone(), last));
        if lstm {
            outputs.push(Tensor::new(state, cell));
        }
    }
    Ok(outputs)
}

impl Layer<'_> {
    /// All steps over data (T, N, I).
    fn run(&self, data: &Tensor, branches: &mut Branches) -> Sequence {
        let (steps, batch, inputs) = (data.shape[0], data.shape[1], data.shape[2]);
        let width = self.hidden;
        let mut h = self.h0.to_vec();
        let mut c = self.c0.to_vec();
        let mut all = Vec::with_capacity(steps * batch * width);
        for t in 0..steps {
            for n in 0..batch {
                let x = &data.data[(t * batch + n) * inputs..][..inputs];
                let a = affine(self.i2h_weight, self.i2h_bias, x);
                let b = affine(self.h2h_weight, self.h2h_bias, &h[n * width..][..width]);
                for j in 0..width {
                    let at = n * width + j;
                    let gate = |index: usize| a[index * width + j] + b[index * width + j];
                    h[at] = match self.mode {
                        Mode::RnnRelu => relu(gate(0), branches),
                        Mode::RnnTanh => gate(0).tanh(),
                        Mode::Lstm => {
                            c[at] = sigmoid(gate(1)) * c[at] + sigmoid(gate(0)) * gate(2).tanh();
                            sigmoid(gate(3)) * c[at].tanh()
                        }
                        Mode::Gru => {
                            let (r, z) = (sigmoid(gate(0)), sigmoid(gate(1)));
                            let n = (a[2 * width + j] + r * b[2 * width + j]).tanh();
                            (1.0 - z) * n + z * h[at]
                        }
                    };
                }
            }
            all.extend_from_slice(&h);
        }
        Sequence {
            all: Tensor::new([steps, batch, width], all),
            last: h,
            cell: c,
        }
    }
}

/// W x + b, W of as many rows as b has elements.
fn affine(weight: &[f64], bias: &[f64], x: &[f64]) -> Vec<f64> {
    (bias.iter().enumerate())
        .map(|(row, b)| {
            let row = &weight[row * x.len()..][..x.len()];
            row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + b
        })
        .collect()
}

/// The next `count` elements.
fn take<'a>(from: &mut &'a [f64], count: usize) -> &'a [f64] {
    let (taken, rest) = from.split_at(count);
    *from = rest;
    taken
}
