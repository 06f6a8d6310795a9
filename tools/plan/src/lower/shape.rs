//! Operators that only move elements: SwapAxis, transpose, Concat, stack, SliceChannel, slice_axis. Where the elements stay in order
//! (an outer size of 1, as with batch 1) they are views and emit nothing.

use tinpail::plan::Kernel;

use super::Lowering;
use crate::error::Error;
use crate::infer::{permutation, slice};
use crate::ir::View;
use crate::symbol::{Node, NodeId, Op, Sym};

/// `axis` counted from the front.
fn axis_of(axis: i64, rank: usize) -> usize {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    axis as usize
}

/// Where the parts of a concatenation lie: `outer` blocks, each of `widths[i]` elements for part i.
struct Parts {
    outer: usize,
    widths: Vec<usize>,
}

impl Parts {
    fn stride(&self) -> usize {
        self.widths.iter().sum()
    }

    /// Elements before part `index` in each block.
    fn first(&self, index: usize) -> usize {
        self.widths[..index].iter().sum()
    }

    fn len(&self, index: usize) -> usize {
        self.outer * self.widths[index]
    }
}

impl Lowering<'_> {
    pub(super) fn swap_forward(&mut self, out: Sym, node: &Node, dim1: usize, dim2: usize) {
        if self.is_zeros(out) {
            return;
        }
        let x = self.value(node.inputs[0]);
        let y = self.swapped(x, self.shape(node.inputs[0]), dim1, dim2, "");
        self.values.insert(out, y);
    }

    pub(super) fn swap_backward(&mut self, node: &Node, dy: View, dim1: usize, dim2: usize) {
        let mut shape = self.shape(node.inputs[0]).to_vec();
        shape.swap(dim1, dim2);
        let dx = self.swapped(dy, &shape, dim1, dim2, "dx");
        self.add_grad(node.inputs[0], dx);
    }

    /// `x` of `shape` with two axes exchanged: (P, A, M, B, Q) -> (P, B, M, A, Q).
    fn swapped(
        &mut self,
        x: View,
        shape: &[usize],
        dim1: usize,
        dim2: usize,
        suffix: &str,
    ) -> View {
        let (low, high) = (dim1.min(dim2), dim1.max(dim2));
        if low == high {
            return x;
        }
        let product = |range: std::ops::Range<usize>| shape[range].iter().product::<usize>();
        let (p, a) = (product(0..low), shape[low]);
        let (m, b) = (product(low + 1..high), shape[high]);
        let q = product(high + 1..shape.len());
        let moving = [a, m, b].iter().filter(|size| **size > 1).count();
        if moving < 2 {
            return x;
        }
        let y = self.temp(suffix, x.len);
        self.call(
            Kernel::SwapAxes,
            &[Some(x), Some(y)],
            &[p, a, m, b, q].map(|size| size as u32),
        );
        y
    }

    /// `x` of `shape` with its axes in another order, by exchanging two at a time.
    fn permuted(&mut self, x: View, shape: &[usize], order: &[usize], suffix: &str) -> View {
        let mut shape = shape.to_vec();
        let mut now: Vec<usize> = (0..shape.len()).collect();
        let mut y = x;
        for (at, wanted) in order.iter().enumerate() {
            let from = now.iter().position(|axis| axis == wanted).unwrap_or(at);
            y = self.swapped(y, &shape, at, from, suffix);
            shape.swap(at, from);
            now.swap(at, from);
        }
        y
    }

    pub(super) fn transpose_forward(
        &mut self,
        out: Sym,
        node: &Node,
        axes: &[i64],
    ) -> Result<(), Error> {
        let shape = self.shape(node.inputs[0]);
        let order = permutation(&node.name, axes, shape)?;
        let x = self.value(node.inputs[0]);
        let y = self.permuted(x, shape, &order, "");
        self.values.insert(out, y);
        Ok(())
    }

    pub(super) fn transpose_backward(
        &mut self,
        node: &Node,
        dy: View,
        axes: &[i64],
    ) -> Result<(), Error> {
        let shape = self.shape(node.inputs[0]);
        let order = permutation(&node.name, axes, shape)?;
        let transposed: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
        let mut inverse = vec![0; order.len()];
        for (at, &axis) in order.iter().enumerate() {
            inverse[axis] = at;
        }
        let dx = self.permuted(dy, &transposed, &inverse, "dx");
        self.add_grad(node.inputs[0], dx);
        Ok(())
    }

    /// Moves part `index` between its place in the whole and memory of its own: Gather or Scatter.
    fn move_part(&mut self, kernel: Kernel, from: View, to: View, parts: &Parts, index: usize) {
        let ints = [
            parts.outer,
            parts.widths[index],
            parts.first(index),
            parts.stride(),
        ];
        self.call(
            kernel,
            &[Some(from), Some(to)],
            &ints.map(|size| size as u32),
        );
    }

    /// The parts, put together; a missing part is zeros.
    fn join(&mut self, pieces: &[Option<View>], parts: &Parts, suffix: &str) -> View {
        let whole = self.temp(suffix, parts.outer * parts.stride());
        let missing = pieces.iter().any(Option::is_none);
        if missing || parts.outer > 1 {
            self.call(Kernel::Fill, &[Some(whole)], &[0]);
        }
        for (index, piece) in pieces.iter().enumerate() {
            let Some(piece) = *piece else { continue };
            if parts.outer == 1 {
                let place = whole.part(parts.first(index), parts.len(index));
                self.call(Kernel::Copy, &[Some(piece), Some(place)], &[]);
            } else {
                self.move_part(Kernel::Scatter, piece, whole, parts, index);
            }
        }
        whole
    }

    /// One part of `whole`.
    fn split(&mut self, whole: View, parts: &Parts, index: usize, suffix: &str) -> View {
        if parts.outer == 1 {
            return whole.part(parts.first(index), parts.len(index));
        }
        let piece = self.temp(suffix, parts.len(index));
        self.move_part(Kernel::Gather, whole, piece, parts, index);
        piece
    }

    fn concat_parts(&self, node: &Node, dim: i64) -> Parts {
        let first = self.shape(node.inputs[0]);
        // Parts of a stack have one axis less than the axis is counted in.
        let new = usize::from(matches!(node.op, Op::Stack { .. }));
        let axis = axis_of(dim, first.len() + new);
        let widths = node.inputs.iter();
        let widths = widths.map(|input| self.shape(*input)[axis..].iter().product());
        Parts {
            outer: first[..axis].iter().product(),
            widths: widths.collect(),
        }
    }

    pub(super) fn concat_forward(&mut self, out: Sym, node: &Node, dim: i64) {
        let parts = self.concat_parts(node, dim);
        let inputs = node.inputs.iter();
        let pieces: Vec<Option<View>> = inputs.map(|input| Some(self.value(*input))).collect();
        let whole = self.join(&pieces, &parts, "");
        self.values.insert(out, whole);
    }

    pub(super) fn concat_backward(&mut self, node: &Node, dy: View, dim: i64) {
        let parts = self.concat_parts(node, dim);
        for (index, input) in node.inputs.iter().enumerate() {
            if self.wants(*input) {
                let piece = self.split(dy, &parts, index, "dx");
                self.add_grad(*input, piece);
            }
        }
    }

    /// What lies before the slice, the slice, and what lies behind it.
    fn slice_axis_parts(
        &self,
        node: &Node,
        axis: i64,
        begin: i64,
        end: Option<i64>,
    ) -> Result<Parts, Error> {
        let shape = self.shape(node.inputs[0]);
        let (axis, range) = slice(&node.name, axis, begin, end, shape)?;
        let inner: usize = shape[axis + 1..].iter().product();
        let widths = [range.start, range.len(), shape[axis] - range.end];
        Ok(Parts {
            outer: shape[..axis].iter().product(),
            widths: widths.map(|width| width * inner).to_vec(),
        })
    }

    pub(super) fn slice_axis_forward(
        &mut self,
        out: Sym,
        node: &Node,
        axis: i64,
        begin: i64,
        end: Option<i64>,
    ) -> Result<(), Error> {
        let parts = self.slice_axis_parts(node, axis, begin, end)?;
        let whole = self.value(node.inputs[0]);
        let piece = self.split(whole, &parts, 1, "");
        self.values.insert(out, piece);
        Ok(())
    }

    pub(super) fn slice_axis_backward(
        &mut self,
        node: &Node,
        dy: View,
        axis: i64,
        begin: i64,
        end: Option<i64>,
    ) -> Result<(), Error> {
        let parts = self.slice_axis_parts(node, axis, begin, end)?;
        let dx = self.join(&[None, Some(dy), None], &parts, "dx");
        self.add_grad(node.inputs[0], dx);
        Ok(())
    }

    fn slice_parts(&self, id: NodeId, node: &Node, axis: i64) -> Parts {
        let shape = self.shape(node.inputs[0]);
        let axis = axis_of(axis, shape.len());
        let outputs = self.shapes.dims[id.0 as usize].len();
        let width = shape[axis..].iter().product::<usize>() / outputs.max(1);
        Parts {
            outer: shape[..axis].iter().product(),
            widths: vec![width; outputs],
        }
    }

    pub(super) fn slice_forward(&mut self, id: NodeId, node: &Node, axis: i64) {
        let parts = self.slice_parts(id, node, axis);
        for index in 0..parts.widths.len() {
            let out = Sym {
                node: id,
                output: index as u32,
            };
            if self.used.contains_key(&out) && !self.is_zeros(out) {
                let whole = self.value(node.inputs[0]);
                let piece = self.split(whole, &parts, index, "");
                self.values.insert(out, piece);
            }
        }
    }

    pub(super) fn slice_backward(&mut self, id: NodeId, node: &Node, axis: i64) {
        let parts = self.slice_parts(id, node, axis);
        let outputs = 0..parts.widths.len() as u32;
        let pieces: Vec<Option<View>> = outputs
            .map(|output| self.grads.get(&Sym { node: id, output }).copied())
            .collect();
        if pieces.iter().all(Option::is_none) {
            return;
        }
        let dx = self.join(&pieces, &parts, "dx");
        self.add_grad(node.inputs[0], dx);
    }
}
