//! Convolution and Pooling. 1-D is 2-D with a height of 1.

use tinpail::plan::Kernel;

use super::Lowering;
use super::terms::Term;
use crate::ir::View;
use crate::symbol::{Convolution, Node, PoolType, Pooling, Sym};

/// The integers of one axis: input, output, kernel, stride, pad.
type Axis = [usize; 5];

/// An axis of length 1 that a 1-D window has in front.
const FLAT: Axis = [1, 1, 1, 1, 0];

/// The sizes of a convolution as its kernels take them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// C/G
    pub channels: usize,
    /// F/G
    pub filters: usize,
    pub groups: usize,
    axes: [Axis; 2],
    dilate: [usize; 2],
}

impl Geometry {
    fn of(attrs: &Convolution, x: &[usize], y: &[usize]) -> Self {
        let one = |numbers: &[usize], axis: usize, default: usize| {
            numbers.get(axis).copied().unwrap_or(default)
        };
        let axis = |axis: usize| {
            [
                x[2 + axis],
                y[2 + axis],
                attrs.kernel[axis],
                one(&attrs.stride, axis, 1),
                one(&attrs.pad, axis, 0),
            ]
        };
        let (mut axes, dilate) = match attrs.kernel.len() {
            1 => ([FLAT, axis(0)], [1, one(&attrs.dilate, 0, 1)]),
            _ => (
                [axis(0), axis(1)],
                [one(&attrs.dilate, 0, 1), one(&attrs.dilate, 1, 1)],
            ),
        };
        // A 1 x 1 window runs over the plane as over one row.
        if axes.iter().all(|axis| axis[2..] == [1, 1, 0]) {
            let plane = axes[0][0] * axes[1][0];
            axes = [FLAT, [plane, plane, 1, 1, 0]];
        }
        Geometry {
            channels: x[1] / attrs.num_group,
            filters: attrs.num_filter / attrs.num_group,
            groups: attrs.num_group,
            axes,
            dilate,
        }
    }

    pub fn ints(self) -> Vec<u32> {
        let [height, width] = self.axes;
        let [dh, dw] = self.dilate;
        let sizes = [self.channels, self.filters, self.groups];
        let all = sizes.into_iter().chain(height).chain([dh]);
        all.chain(width)
            .chain([dw])
            .map(|size| size as u32)
            .collect()
    }

    /// Weights of one filter.
    pub fn taps(self) -> usize {
        self.channels * self.axes[0][2] * self.axes[1][2]
    }
}

impl Lowering<'_> {
    pub(super) fn convolution_forward(&mut self, out: Sym, node: &Node, attrs: &Convolution) {
        let geometry = Geometry::of(attrs, self.shape(node.inputs[0]), self.shape(out));
        let x = self.value(node.inputs[0]);
        let w = self.value(node.inputs[1]);
        let b = node.inputs.get(2).map(|bias| self.value(*bias));
        let len = self.len(out);
        let y = self.temp("", len);
        self.call(
            Kernel::ConvolutionForward,
            &[Some(x), Some(w), b, Some(y)],
            &geometry.ints(),
        );
        self.values.insert(out, y);
    }

    pub(super) fn convolution_backward(
        &mut self,
        out: Sym,
        node: &Node,
        dy: View,
        attrs: &Convolution,
    ) {
        let shape = self.shape(out);
        let geometry = Geometry::of(attrs, self.shape(node.inputs[0]), shape);
        let x = self.value(node.inputs[0]);
        let weight = node.inputs[1];
        let len = self.len(weight);
        let correlation = Term::Convolution {
            delta: dy,
            x,
            geometry,
        };
        self.add_term(weight, 0, len, correlation);
        if let Some(bias) = node.inputs.get(2) {
            let sums = Term::Channels {
                delta: dy,
                channels: attrs.num_filter,
                inner: shape[2..].iter().product(),
            };
            self.add_term(*bias, 0, attrs.num_filter, sums);
        }
        if self.wants(node.inputs[0]) {
            let w = self.value(weight);
            let dx = self.temp("dx", x.len);
            self.call(
                Kernel::ConvolutionBackwardData,
                &[Some(dy), Some(w), Some(dx)],
                &geometry.ints(),
            );
            self.add_grad(node.inputs[0], dx);
        }
    }

    /// The kernels of a pooling, forward and backward, their integers, and whether backward reads x.
    fn pooling_kernels(&self, out: Sym, node: &Node, attrs: &Pooling) -> Pool {
        let (x, y) = (self.shape(node.inputs[0]), self.shape(out));
        let axis = |axis: usize| {
            let input = x[2 + axis];
            // Inference has found that there is one.
            let (kernel, stride, pad) = attrs.window(axis, input).unwrap_or((input, 1, 0));
            [input, y[2 + axis], kernel, stride, pad]
        };
        let axes = match x.len() {
            3 => [FLAT, axis(0)],
            _ => [axis(0), axis(1)],
        };
        let (kernels, last) = match attrs.pool_type {
            PoolType::Max => ((Kernel::MaxPoolForward, Kernel::MaxPoolBackward), None),
            PoolType::Sum | PoolType::Lp(1) => (AVERAGE, Some(0)),
            PoolType::Avg => (AVERAGE, Some(if attrs.count_include_pad { 1 } else { 2 })),
            PoolType::Lp(p) => ((Kernel::LpPoolForward, Kernel::LpPoolBackward), Some(p)),
        };
        let sizes = axes.into_iter().flatten().map(|size| size as u32);
        Pool {
            forward: kernels.0,
            backward: kernels.1,
            ints: sizes.chain(last).collect(),
        }
    }

    pub(super) fn pooling_forward(&mut self, out: Sym, node: &Node, attrs: &Pooling) {
        let pool = self.pooling_kernels(out, node, attrs);
        let x = self.value(node.inputs[0]);
        let len = self.len(out);
        let y = self.temp("", len);
        self.call(pool.forward, &[Some(x), Some(y)], &pool.ints);
        self.values.insert(out, y);
    }

    pub(super) fn pooling_backward(&mut self, out: Sym, node: &Node, dy: View, attrs: &Pooling) {
        let pool = self.pooling_kernels(out, node, attrs);
        let len = self.len(node.inputs[0]);
        let dx = self.temp("dx", len);
        if pool.backward == AVERAGE.1 {
            self.call(pool.backward, &[Some(dy), Some(dx)], &pool.ints);
        } else {
            let x = self.value(node.inputs[0]);
            self.call(pool.backward, &[Some(x), Some(dy), Some(dx)], &pool.ints);
        }
        self.add_grad(node.inputs[0], dx);
    }
}

/// Its backward does not read x.
const AVERAGE: (Kernel, Kernel) = (Kernel::AveragePoolForward, Kernel::AveragePoolBackward);

struct Pool {
    forward: Kernel,
    backward: Kernel,
    ints: Vec<u32>,
}
