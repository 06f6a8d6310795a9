//! FullyConnected and Embedding.

use tinpail::plan::Kernel;

use super::Lowering;
use super::terms::{Delta, Term};
use crate::ir::View;
use crate::symbol::{Node, Op, Sym};

impl Lowering<'_> {
    /// (K, O) of a FullyConnected.
    fn dense_size(&self, node: &Node) -> (usize, usize) {
        let weight = self.shape(node.inputs[1]);
        (weight[1], weight[0])
    }

    pub(super) fn dense_forward(&mut self, out: Sym, node: &Node) {
        let (inputs, outputs) = self.dense_size(node);
        let x = self.value(node.inputs[0]);
        let w = self.value(node.inputs[1]);
        let b = node.inputs.get(2).map(|bias| self.value(*bias));
        let len = self.len(out);
        let y = self.temp("", len);
        self.call(
            Kernel::DenseForward,
            &[Some(x), Some(w), b, Some(y)],
            &[inputs as u32, outputs as u32],
        );
        self.values.insert(out, y);
    }

    pub(super) fn dense_backward(&mut self, node: &Node, dy: View) {
        let (inputs, outputs) = self.dense_size(node);
        let x = self.value(node.inputs[0]);
        let delta = Delta {
            values: dy,
            first: 0,
            stride: outputs,
            outputs,
        };
        let outer = Term::Outer {
            delta,
            x0: None,
            x1: Some(x),
            inputs,
        };
        self.add_term(node.inputs[1], 0, outputs * inputs, outer);
        if let Some(bias) = node.inputs.get(2) {
            self.add_term(*bias, 0, outputs, Term::Column(delta));
        }
        self.data_backward(node.inputs[0], node.inputs[1], delta, inputs);
    }

    /// dX = delta W, for every layer whose input product is dense.
    pub(super) fn data_backward(&mut self, x: Sym, w: Sym, delta: Delta, inputs: usize) {
        if !self.wants(x) {
            return;
        }
        let w = self.value(w);
        let len = self.len(x);
        let dx = self.temp("dx", len);
        self.call(
            Kernel::DenseBackwardData,
            &[Some(delta.values), Some(w), Some(dx)],
            &[
                inputs as u32,
                delta.outputs as u32,
                delta.first as u32,
                delta.stride as u32,
            ],
        );
        self.add_grad(x, dx);
    }

    pub(super) fn embedding_forward(&mut self, out: Sym, node: &Node) {
        let Op::Embedding(attrs) = node.op else {
            return;
        };
        let tokens = self.value(node.inputs[0]);
        let w = self.value(node.inputs[1]);
        let len = self.len(out);
        let y = self.temp("", len);
        self.call(
            Kernel::EmbeddingForward,
            &[Some(tokens), Some(w), Some(y)],
            &[attrs.output_dim as u32],
        );
        self.values.insert(out, y);
    }

    pub(super) fn embedding_backward(&mut self, node: &Node, dy: View) {
        let Op::Embedding(attrs) = node.op else {
            return;
        };
        let tokens = self.value(node.inputs[0]);
        let term = Term::Scatter {
            tokens,
            dy,
            dim: attrs.output_dim,
        };
        self.add_term(node.inputs[1], 0, attrs.input_dim * attrs.output_dim, term);
    }
}
