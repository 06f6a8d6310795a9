//! Recurrent layers over whole sequences.
//!
//! | mode | saved for backward, and turned into deltas there |
//! | --- | --- |
//! | rnn_relu, rnn_tanh | h (T, N, H); deltas in a buffer of their own |
//! | lstm | gates (T, N, 4H), c (T, N, H), h (T, N, H); deltas over the gates |
//! | gru | gates (T, N, 4H), h (T, N, H); deltas over the gates |
//!
//! Under `Saved::F16` gates and c are f16 at the beginning of the buffer that the deltas fill, and h is f16 in a buffer of
//! its own; every step's h is f32 besides only where another layer reads it.

use tinpail::kernel::call::keep_number;
use tinpail::kernel::half;
use tinpail::kernel::recurrent::Keep;
use tinpail::kernel::rnn::Mode as KernelMode;
use tinpail::plan::Kernel;

use super::Lowering;
use super::terms::{Delta, Term};
use crate::bucketing::Saved;
use crate::ir::View;
use crate::symbol::{Mode, Node, NodeId, Sym};

/// The layer's sizes: T steps, N batch, D inputs, H hidden.
#[derive(Clone, Copy)]
struct Size {
    steps: usize,
    batch: usize,
    inputs: usize,
    hidden: usize,
}

impl Size {
    /// N H.
    fn state(self) -> usize {
        self.batch * self.hidden
    }
}

fn mode_number(mode: Mode) -> u32 {
    match mode {
        Mode::RnnRelu => KernelMode::Relu as u32,
        _ => KernelMode::Tanh as u32,
    }
}

/// Elements saved for each step and sample.
fn gate_len(mode: Mode, hidden: usize) -> usize {
    match mode {
        Mode::RnnRelu | Mode::RnnTanh => hidden,
        Mode::Lstm | Mode::Gru => 4 * hidden,
    }
}

impl Lowering<'_> {
    fn rnn_size(&self, node: &Node, hidden: usize) -> Size {
        let x = self.shape(node.inputs[0]);
        Size {
            steps: x[0],
            batch: x[1],
            inputs: x[2],
            hidden,
        }
    }

    /// The initial state, left out where it is zeros.
    fn initial(&mut self, state: Option<&Sym>) -> Option<View> {
        let state = *state?;
        (!self.is_zeros(state)).then(|| self.value(state))
    }

    pub(super) fn rnn_forward(&mut self, id: NodeId, node: &Node, mode: Mode, hidden: usize) {
        let size = self.rnn_size(node, hidden);
        let output = |output| Sym { node: id, output };
        let saves = self.training && self.wants(output(0));
        let stores = saves && self.setting.saved == Saved::F16;
        let keep = match (saves, self.used.contains_key(&output(0))) {
            (true, _) if !stores => Keep::All,
            (_, true) => Keep::Outputs,
            (_, false) => Keep::Last,
        };
        let every_step = size.steps * size.state();
        let rows = match self.setting.ahead {
            0 => 1,
            ahead => ahead.min(size.steps) * size.batch,
        };
        let sums_len = rows * gate_len(mode, hidden);
        let (gates_len, c_len, h_len) = match keep {
            Keep::All => (
                size.steps * size.batch * gate_len(mode, hidden),
                every_step,
                every_step,
            ),
            Keep::Outputs => (sums_len, size.state(), every_step),
            Keep::Last => (sums_len, size.state(), size.state()),
        };
        let gates_len = match stores {
            true => size.steps * size.batch * gate_len(mode, hidden),
            false => gates_len,
        };
        let x = self.value(node.inputs[0]);
        let weights: Vec<Option<View>> = node.inputs[1..5]
            .iter()
            .map(|weight| Some(self.value(*weight)))
            .collect();
        let h0 = self.initial(node.inputs.get(5));
        let ints = [
            size.batch as u32,
            size.inputs as u32,
            hidden as u32,
            keep_number(keep),
        ];
        let mut operands = vec![Some(x)];
        operands.extend(weights);
        operands.push(h0);
        let (h, saved) = match mode {
            Mode::RnnRelu | Mode::RnnTanh => {
                let (h_len, keep) = match stores {
                    true => (every_step, Keep::Outputs),
                    false => (h_len, keep),
                };
                // The sums of steps whose h are kept are formed there.
                let sums = (keep == Keep::Last).then(|| self.temp("sums", sums_len));
                let h = self.temp("h", h_len);
                operands.extend([sums, Some(h)]);
                let keep = keep_number(keep);
                let ints = [ints[0], ints[1], ints[2], keep, mode_number(mode)];
                self.call(Kernel::RnnForward, &operands, &ints);
                if stores {
                    let stored = self.temp("h.f16", half::words(every_step));
                    self.call(Kernel::ToF16, &[Some(h), Some(stored)], &[]);
                    (h, vec![stored])
                } else {
                    (h, vec![h])
                }
            }
            Mode::Gru => {
                let gates = self.temp("gates", gates_len);
                let h = self.temp("h", h_len);
                if stores {
                    let stored = self.temp("h.f16", half::words(every_step));
                    operands.extend([Some(gates), Some(stored), Some(h)]);
                    self.call(Kernel::GruForwardF16, &operands, &ints);
                    (h, vec![stored, gates])
                } else {
                    operands.extend([Some(gates), Some(h)]);
                    self.call(Kernel::GruForward, &operands, &ints);
                    (h, vec![h, gates])
                }
            }
            Mode::Lstm => {
                let c0 = self.initial(node.inputs.get(6));
                let gates = self.temp("gates", gates_len);
                let c = self.temp("c", c_len);
                let h = self.temp("h", h_len);
                let last = c.part(c.len - size.state(), size.state());
                self.values.insert(output(2), last);
                if stores {
                    let stored = self.temp("h.f16", half::words(every_step));
                    operands.extend([c0, Some(gates), Some(stored), Some(c), Some(h)]);
                    self.call(Kernel::LstmForwardF16, &operands, &ints);
                    (h, vec![stored, gates])
                } else {
                    operands.extend([c0, Some(gates), Some(c), Some(h)]);
                    self.call(Kernel::LstmForward, &operands, &ints);
                    (h, vec![h, gates, c])
                }
            }
        };
        if stores && h.len == every_step {
            self.code.stored.push((h.buf, saved[0]));
        }
        self.values.insert(output(0), h);
        let last = h.part(h.len - size.state(), size.state());
        self.values.insert(output(1), last);
        self.saved.insert(id, saved);
    }

    pub(super) fn rnn_backward(&mut self, id: NodeId, node: &Node, mode: Mode, hidden: usize) {
        let grad = |this: &Self, output| this.grads.get(&Sym { node: id, output }).copied();
        let dh_all = grad(self, 0);
        let dh_last = grad(self, 1);
        let dc_last = grad(self, 2);
        if dh_all.is_none() && dh_last.is_none() && dc_last.is_none() {
            return;
        }
        let size = self.rnn_size(node, hidden);
        let saved = self.saved.get(&id).cloned().unwrap_or_default();
        let wh = self.value(node.inputs[3]);
        let h0 = self.initial(node.inputs.get(5));
        let dh = self.carry(dh_last, "dh", size.state());
        let ints = [size.batch as u32, size.inputs as u32, hidden as u32];
        let h = saved[0];
        let stores = self.setting.saved == Saved::F16;
        let either = |f32, f16| if stores { f16 } else { f32 };
        let (delta, dc) = match mode {
            Mode::RnnRelu | Mode::RnnTanh => {
                let delta = self.temp("delta", size.steps * size.state());
                self.call(
                    either(Kernel::RnnBackward, Kernel::RnnBackwardF16),
                    &[dh_all, Some(h), Some(wh), Some(dh), Some(delta)],
                    &[ints[0], ints[1], ints[2], mode_number(mode)],
                );
                (delta, None)
            }
            Mode::Gru => {
                let gates = saved[1];
                self.call(
                    either(Kernel::GruBackward, Kernel::GruBackwardF16),
                    &[dh_all, Some(h), h0, Some(wh), Some(gates), Some(dh)],
                    &ints,
                );
                (gates, None)
            }
            Mode::Lstm => {
                let gates = saved[1];
                let c0 = self.initial(node.inputs.get(6));
                let dc = self.carry(dc_last, "dc", size.state());
                let mut operands = vec![dh_all, c0, Some(wh), Some(gates), Some(dh), Some(dc)];
                if let Some(c) = saved.get(2) {
                    operands.insert(1, Some(*c));
                }
                self.call(
                    either(Kernel::LstmBackward, Kernel::LstmBackwardF16),
                    &operands,
                    &ints,
                );
                (gates, Some(dc))
            }
        };
        if let Some(initial) = node.inputs.get(5) {
            self.add_grad(*initial, dh);
        }
        if let (Some(initial), Some(dc)) = (node.inputs.get(6), dc) {
            self.add_grad(*initial, dc);
        }
        self.rnn_terms(node, mode, size, delta, h, h0);
        let input = Delta {
            values: delta,
            first: 0,
            stride: gate_len(mode, hidden),
            outputs: mode.gates() * hidden,
        };
        self.data_backward(node.inputs[0], node.inputs[1], input, size.inputs);
    }

    /// The gradient that is carried backward in time, from that of the last state.
    fn carry(&mut self, last: Option<View>, suffix: &str, len: usize) -> View {
        match last {
            Some(last) => self.copy_of(last, suffix),
            None => self.fill(suffix, len, 0.0),
        }
    }

    /// dW and db of the four parameters.
    fn rnn_terms(
        &mut self,
        node: &Node,
        mode: Mode,
        size: Size,
        values: View,
        h: View,
        h0: Option<View>,
    ) {
        let hidden = size.hidden;
        let stride = gate_len(mode, hidden);
        let gates = mode.gates() * hidden;
        let x = self.value(node.inputs[0]);
        let columns = |first, outputs| Delta {
            values,
            first,
            stride,
            outputs,
        };
        let i2h = columns(0, gates);
        let outer = Term::Outer {
            delta: i2h,
            x0: None,
            x1: Some(x),
            inputs: size.inputs,
        };
        self.add_term(node.inputs[1], 0, gates * size.inputs, outer);
        self.add_term(node.inputs[2], 0, gates, Term::Column(i2h));

        // The hidden product's deltas: the gru's last gate has its own, beside the input's.
        let blocks: &[(usize, usize, usize)] = match mode {
            Mode::Gru => &[(0, 0, 2 * hidden), (2 * hidden, 3 * hidden, hidden)],
            _ => &[(0, 0, gates)],
        };
        // A step reads the h before it: h0, then h without its last rows.
        let before_len = (size.steps - 1) * size.state();
        let stores = self.setting.saved == Saved::F16;
        let words = if stores {
            half::words(before_len)
        } else {
            before_len
        };
        let before = (words > 0).then(|| h.part(0, words));
        let before_rows = before_len / hidden + if h0.is_some() { size.batch } else { 0 };
        let skipped = if h0.is_some() { 0 } else { size.batch * stride };
        for (row, column, rows) in blocks.iter().copied() {
            let delta = columns(skipped + column, rows);
            let outer = match before {
                Some(x1) if stores => Term::OuterF16 {
                    delta,
                    x0: h0,
                    x1,
                    inputs: hidden,
                    rows: before_rows,
                },
                _ => Term::Outer {
                    delta,
                    x0: h0,
                    x1: before,
                    inputs: hidden,
                },
            };
            self.add_term(node.inputs[3], row * hidden, rows * hidden, outer);
            self.add_term(
                node.inputs[4],
                row,
                rows,
                Term::Column(columns(column, rows)),
            );
        }
    }
}
