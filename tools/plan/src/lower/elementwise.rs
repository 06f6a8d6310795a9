//! Activation, functions of one value, sums, products, quotients (with broadcasting), constants and Dropout.

use tinpail::kernel::activation::Act as KernelAct;
use tinpail::kernel::call::ScalarKind;
use tinpail::plan::Kernel;

use super::Lowering;
use super::sequence::{Fold, folds};
use crate::infer::aligned;
use crate::ir::View;
use crate::symbol::{Act, Binary, Node, NodeId, Op, ScalarOp, Sym, Unary};

fn act_number(act: Act) -> u32 {
    let act = match act {
        Act::Relu => KernelAct::Relu,
        Act::Sigmoid => KernelAct::Sigmoid,
        Act::Tanh => KernelAct::Tanh,
        Act::SoftRelu => KernelAct::Softrelu,
        Act::SoftSign => KernelAct::Softsign,
    };
    act as u32
}

impl Lowering<'_> {
    pub(super) fn activation_forward(&mut self, out: Sym, node: &Node, act: Act) {
        let x = self.value(node.inputs[0]);
        let y = self.copy_of(x, "");
        self.call(Kernel::ActivationForward, &[Some(y)], &[act_number(act)]);
        self.values.insert(out, y);
    }

    pub(super) fn activation_backward(&mut self, out: Sym, node: &Node, dy: View, act: Act) {
        let y = self.value(out);
        let dx = self.copy_of(dy, "dx");
        self.call(
            Kernel::ActivationBackward,
            &[Some(y), Some(dx)],
            &[act_number(act)],
        );
        self.add_grad(node.inputs[0], dx);
    }

    pub(super) fn unary_forward(&mut self, out: Sym, node: &Node, op: Unary) {
        let x = self.value(node.inputs[0]);
        let y = self.copy_of(x, "");
        let kernel = match op {
            Unary::Exp => Kernel::Exp,
            Unary::Log => Kernel::Log,
            Unary::Sqrt => Kernel::Sqrt,
            Unary::Abs => Kernel::Abs,
            Unary::Square => {
                self.call(Kernel::MulAssign, &[Some(x), Some(y)], &[]);
                self.values.insert(out, y);
                return;
            }
        };
        self.call(kernel, &[Some(y)], &[]);
        self.values.insert(out, y);
    }

    /// exp: dy y; ln: dy / x; sqrt: dy / 2 / y; square: 2 dy x; abs: dy sign(x).
    pub(super) fn unary_backward(&mut self, out: Sym, node: &Node, dy: View, op: Unary) {
        let (kernel, factor) = match op {
            Unary::Exp => (Kernel::MulAssign, 1.0),
            Unary::Log => (Kernel::DivAssign, 1.0),
            Unary::Sqrt => (Kernel::DivAssign, 0.5),
            Unary::Square => (Kernel::MulAssign, 2.0),
            Unary::Abs => (Kernel::AbsBackward, 1.0),
        };
        let by = match op {
            Unary::Exp | Unary::Sqrt => self.value(out),
            Unary::Log | Unary::Square | Unary::Abs => self.value(node.inputs[0]),
        };
        let dx = match factor {
            1.0 => self.copy_of(dy, "dx"),
            factor => self.scaled(dy, ScalarKind::Mul, factor),
        };
        self.call(kernel, &[Some(by), Some(dx)], &[]);
        self.add_grad(node.inputs[0], dx);
    }

    /// `value` of `sym`, repeated to `shape`.
    fn repeated(&mut self, value: View, sym: Sym, shape: &[usize]) -> View {
        let mut y = value;
        for fold in self.stretched(sym, shape).into_iter().rev() {
            let x = y;
            y = self.temp("repeated", x.len * fold.axis);
            let ints = [fold.axis as u32, fold.inner as u32];
            self.call(Kernel::Repeat, &[Some(x), Some(y)], &ints);
        }
        y
    }

    /// Adds to the gradient of `sym` what arrived in `shape`: summed where `sym` was repeated.
    fn add_grad_summed(&mut self, sym: Sym, grad: View, shape: &[usize]) {
        let mut dx = grad;
        for fold in self.stretched(sym, shape) {
            let dy = dx;
            dx = self.temp("dx", dy.len / fold.axis);
            let ints = [fold.axis as u32, fold.inner as u32];
            self.call(Kernel::Sum, &[Some(dy), Some(dx)], &ints);
        }
        self.add_grad(sym, dx);
    }

    /// The axes of `shape` along which `sym` is repeated.
    fn stretched(&self, sym: Sym, shape: &[usize]) -> Vec<Fold> {
        let own = aligned(self.shape(sym), shape.len());
        let axes = (0..shape.len()).filter(|&axis| own[axis] != shape[axis]);
        let axes: Vec<i64> = axes.map(|axis| axis as i64).collect();
        match axes.is_empty() {
            true => Vec::new(),
            false => folds(shape, &axes),
        }
    }

    pub(super) fn binary_forward(&mut self, out: Sym, node: &Node, op: Binary) {
        let shape = self.shape(out);
        let [lhs, rhs] = [node.inputs[0], node.inputs[1]].map(|side| {
            let value = self.value(side);
            self.repeated(value, side, shape)
        });
        let y = self.copy_of(lhs, "");
        let kernel = match op {
            Binary::Add => Kernel::AddAssign,
            Binary::Sub => Kernel::SubAssign,
            Binary::Mul => Kernel::MulAssign,
            Binary::Div => Kernel::DivAssign,
        };
        self.call(kernel, &[Some(rhs), Some(y)], &[]);
        self.values.insert(out, y);
    }

    pub(super) fn binary_backward(&mut self, out: Sym, node: &Node, dy: View, op: Binary) {
        let shape = self.shape(out);
        let (lhs, rhs) = (node.inputs[0], node.inputs[1]);
        match op {
            Binary::Add | Binary::Sub => {
                if self.wants(lhs) {
                    self.add_grad_summed(lhs, dy, shape);
                }
                if self.wants(rhs) {
                    let d = match op {
                        Binary::Sub => self.scaled(dy, ScalarKind::Mul, -1.0),
                        _ => dy,
                    };
                    self.add_grad_summed(rhs, d, shape);
                }
            }
            Binary::Mul => {
                for (side, other) in [(lhs, rhs), (rhs, lhs)] {
                    if self.wants(side) {
                        self.factor_backward(Kernel::MulAssign, side, other, dy, shape);
                    }
                }
            }
            Binary::Div => {
                if self.wants(lhs) {
                    self.factor_backward(Kernel::DivAssign, lhs, rhs, dy, shape);
                }
                if self.wants(rhs) {
                    // d(l / r) / dr = -(l / r) / r
                    let y = self.value(out);
                    let d = self.scaled(dy, ScalarKind::Mul, -1.0);
                    self.call(Kernel::MulAssign, &[Some(y), Some(d)], &[]);
                    let by = self.value(rhs);
                    let by = self.repeated(by, rhs, shape);
                    self.call(Kernel::DivAssign, &[Some(by), Some(d)], &[]);
                    self.add_grad_summed(rhs, d, shape);
                }
            }
        }
    }

    /// Adds dy times (or divided by) the other side to the gradient of `side`.
    fn factor_backward(
        &mut self,
        kernel: Kernel,
        side: Sym,
        other: Sym,
        dy: View,
        shape: &[usize],
    ) {
        let by = self.value(other);
        let by = self.repeated(by, other, shape);
        let d = self.copy_of(dy, "dx");
        self.call(kernel, &[Some(by), Some(d)], &[]);
        self.add_grad_summed(side, d, shape);
    }

    pub(super) fn add_n_forward(&mut self, out: Sym, node: &Node) {
        let first = self.value(node.inputs[0]);
        let y = self.copy_of(first, "");
        for input in &node.inputs[1..] {
            let x = self.value(*input);
            self.call(Kernel::AddAssign, &[Some(x), Some(y)], &[]);
        }
        self.values.insert(out, y);
    }

    pub(super) fn where_forward(&mut self, out: Sym, node: &Node) {
        let [condition, x, other] = [0, 1, 2].map(|input| self.value(node.inputs[input]));
        let y = self.copy_of(x, "");
        self.call(
            Kernel::Select,
            &[Some(condition), Some(other), Some(y)],
            &[1],
        );
        self.values.insert(out, y);
    }

    pub(super) fn where_backward(&mut self, node: &Node, dy: View) {
        let condition = self.value(node.inputs[0]);
        for (side, when) in [(node.inputs[1], 1), (node.inputs[2], 0)] {
            if self.wants(side) {
                let dx = self.copy_of(dy, "dx");
                self.call(Kernel::Select, &[Some(condition), None, Some(dx)], &[when]);
                self.add_grad(side, dx);
            }
        }
    }

    fn scaled(&mut self, from: View, kind: ScalarKind, scalar: f32) -> View {
        let to = self.copy_of(from, "dx");
        self.call(
            Kernel::Scalar,
            &[Some(to)],
            &[kind as u32, scalar.to_bits()],
        );
        to
    }

    pub(super) fn scalar_forward(&mut self, out: Sym, node: &Node, op: ScalarOp, scalar: f32) {
        let x = self.value(node.inputs[0]);
        let y = self.copy_of(x, "");
        let kind = match op {
            ScalarOp::Plus => ScalarKind::Plus,
            ScalarOp::Minus => ScalarKind::Minus,
            ScalarOp::RMinus => ScalarKind::RMinus,
            ScalarOp::Mul => ScalarKind::Mul,
            ScalarOp::Div => ScalarKind::Div,
        };
        self.call(Kernel::Scalar, &[Some(y)], &[kind as u32, scalar.to_bits()]);
        self.values.insert(out, y);
    }

    pub(super) fn scalar_backward(&mut self, node: &Node, dy: View, op: ScalarOp, scalar: f32) {
        let dx = match op {
            ScalarOp::Plus | ScalarOp::Minus => dy,
            ScalarOp::RMinus => self.scaled(dy, ScalarKind::Mul, -1.0),
            ScalarOp::Mul => self.scaled(dy, ScalarKind::Mul, scalar),
            ScalarOp::Div => self.scaled(dy, ScalarKind::Div, scalar),
        };
        self.add_grad(node.inputs[0], dx);
    }

    pub(super) fn dropout_forward(&mut self, out: Sym, node: &Node, p: f32) {
        if !self.training || p == 0.0 {
            self.alias(out, node);
            return;
        }
        let stream = self.dropout_stream(out.node);
        let x = self.value(node.inputs[0]);
        let y = self.copy_of(x, "");
        self.call(Kernel::Dropout, &[Some(y)], &[stream, p.to_bits()]);
        self.values.insert(out, y);
    }

    /// The same mask again, from the same seed and stream.
    pub(super) fn dropout_backward(&mut self, id: NodeId, node: &Node, dy: View, p: f32) {
        if p == 0.0 {
            self.add_grad(node.inputs[0], dy);
            return;
        }
        let stream = self.dropout_stream(id);
        let dx = self.copy_of(dy, "dx");
        self.call(Kernel::Dropout, &[Some(dx)], &[stream, p.to_bits()]);
        self.add_grad(node.inputs[0], dx);
    }

    /// Numbers the Dropout nodes, so that each draws masks of its own.
    fn dropout_stream(&self, id: NodeId) -> u32 {
        let before = &self.net.nodes[..id.0 as usize];
        let dropouts = before
            .iter()
            .filter(|node| matches!(node.op, Op::Dropout { .. }));
        dropouts.count() as u32
    }
}
