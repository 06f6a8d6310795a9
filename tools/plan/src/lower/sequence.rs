//! SequenceLast, SequenceMask, SequenceReverse, mean and sum.

use tinpail::plan::Kernel;

use super::Lowering;
use crate::ir::View;
use crate::symbol::{Node, Sym};

/// An axis as a mean or a sum runs over it: (outer, axis, inner).
#[derive(Clone, Copy)]
pub(super) struct Fold {
    pub axis: usize,
    pub inner: usize,
}

/// The reductions, one after the other, that reduce `axes` of `shape`: one for each run of adjacent axes,
/// innermost first.
pub(super) fn folds(shape: &[usize], axes: &[i64]) -> Vec<Fold> {
    let rank = shape.len();
    let reduced = |axis: usize| {
        axes.is_empty()
            || axes.iter().any(|wanted| {
                let wanted = if *wanted < 0 {
                    wanted + rank as i64
                } else {
                    *wanted
                };
                wanted == axis as i64
            })
    };
    let mut folds: Vec<Fold> = Vec::new();
    let mut inner = 1;
    let mut open = false;
    for axis in (0..rank).rev() {
        if !reduced(axis) {
            inner *= shape[axis];
            open = false;
            continue;
        }
        match folds.last_mut() {
            Some(fold) if open => fold.axis *= shape[axis],
            _ => folds.push(Fold {
                axis: shape[axis],
                inner,
            }),
        }
        open = true;
    }
    folds
}

impl Lowering<'_> {
    pub(super) fn mean_forward(&mut self, out: Sym, node: &Node, axes: &[i64]) {
        self.reduce_forward(Kernel::MeanForward, out, node, axes);
    }

    pub(super) fn mean_backward(&mut self, node: &Node, dy: View, axes: &[i64]) {
        self.reduce_backward(Kernel::MeanBackward, node, dy, axes);
    }

    pub(super) fn sum_forward(&mut self, out: Sym, node: &Node, axes: &[i64]) {
        self.reduce_forward(Kernel::Sum, out, node, axes);
    }

    pub(super) fn sum_backward(&mut self, node: &Node, dy: View, axes: &[i64]) {
        self.reduce_backward(Kernel::Repeat, node, dy, axes);
    }

    fn reduce_forward(&mut self, kernel: Kernel, out: Sym, node: &Node, axes: &[i64]) {
        let mut y = self.value(node.inputs[0]);
        for fold in folds(self.shape(node.inputs[0]), axes) {
            let x = y;
            y = self.temp("", x.len / fold.axis.max(1));
            self.call(
                kernel,
                &[Some(x), Some(y)],
                &[fold.axis as u32, fold.inner as u32],
            );
        }
        self.values.insert(out, y);
    }

    fn reduce_backward(&mut self, kernel: Kernel, node: &Node, dy: View, axes: &[i64]) {
        let mut dx = dy;
        for fold in folds(self.shape(node.inputs[0]), axes).into_iter().rev() {
            let dy = dx;
            dx = self.temp("dx", dy.len * fold.axis);
            self.call(
                kernel,
                &[Some(dy), Some(dx)],
                &[fold.axis as u32, fold.inner as u32],
            );
        }
        self.add_grad(node.inputs[0], dx);
    }

    /// (T, N, C, axis) of a sequence operator's input.
    fn sequence_ints(&self, node: &Node, axis: usize) -> [u32; 4] {
        let shape = self.shape(node.inputs[0]);
        let (steps, batch) = (shape[axis], shape[1 - axis]);
        let channels: usize = shape[2..].iter().product();
        [steps as u32, batch as u32, channels as u32, axis as u32]
    }

    fn lengths(&mut self, node: &Node) -> Option<View> {
        node.inputs.get(1).map(|lengths| self.value(*lengths))
    }

    pub(super) fn last_forward(&mut self, out: Sym, node: &Node, axis: usize) {
        let ints = self.sequence_ints(node, axis);
        let len = self.len(out);
        let x = self.value(node.inputs[0]);
        let lengths = self.lengths(node);
        let contiguous = axis == 0 || ints[1] == 1;
        if lengths.is_none() && contiguous {
            self.values.insert(out, x.part(x.len - len, len));
            return;
        }
        let y = self.temp("", len);
        self.call(
            Kernel::SequenceLastForward,
            &[Some(x), lengths, Some(y)],
            &ints,
        );
        self.values.insert(out, y);
    }

    pub(super) fn last_backward(&mut self, node: &Node, dy: View, axis: usize) {
        if !self.wants(node.inputs[0]) {
            return;
        }
        let ints = self.sequence_ints(node, axis);
        let lengths = self.lengths(node);
        let len = self.len(node.inputs[0]);
        let dx = self.temp("dx", len);
        self.call(
            Kernel::SequenceLastBackward,
            &[Some(dy), lengths, Some(dx)],
            &ints,
        );
        self.add_grad(node.inputs[0], dx);
    }

    fn reversed(&mut self, node: &Node, x: View, suffix: &str, axis: usize) -> View {
        let ints = self.sequence_ints(node, axis);
        let lengths = self.lengths(node);
        let y = self.temp(suffix, x.len);
        self.call(Kernel::SequenceReverse, &[Some(x), lengths, Some(y)], &ints);
        y
    }

    pub(super) fn reverse_forward(&mut self, out: Sym, node: &Node, axis: usize) {
        let x = self.value(node.inputs[0]);
        let y = self.reversed(node, x, "", axis);
        self.values.insert(out, y);
    }

    /// The gradient is reversed in turn.
    pub(super) fn reverse_backward(&mut self, node: &Node, dy: View, axis: usize) {
        if self.wants(node.inputs[0]) {
            let dx = self.reversed(node, dy, "dx", axis);
            self.add_grad(node.inputs[0], dx);
        }
    }

    fn mask(&mut self, node: &Node, from: View, suffix: &str, axis: usize, value: f32) -> View {
        let [steps, batch, channels, axis] = self.sequence_ints(node, axis);
        let lengths = self.lengths(node);
        let y = self.copy_of(from, suffix);
        if lengths.is_some() {
            self.call(
                Kernel::SequenceMask,
                &[lengths, Some(y)],
                &[steps, batch, channels, axis, value.to_bits()],
            );
        }
        y
    }

    pub(super) fn mask_forward(&mut self, out: Sym, node: &Node, axis: usize, value: f32) {
        let x = self.value(node.inputs[0]);
        let y = self.mask(node, x, "", axis, value);
        self.values.insert(out, y);
    }

    /// Masked steps have no gradient.
    pub(super) fn mask_backward(&mut self, node: &Node, dy: View, axis: usize) {
        let dx = self.mask(node, dy, "dx", axis, 0.0);
        self.add_grad(node.inputs[0], dx);
    }
}
