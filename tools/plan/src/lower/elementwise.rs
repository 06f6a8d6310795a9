//! Activation, sums, products, constants and Dropout: one value in, one value out.

use tinpail::kernel::activation::Act as KernelAct;
use tinpail::kernel::call::ScalarKind;
use tinpail::plan::Kernel;

use super::Lowering;
use crate::ir::View;
use crate::symbol::{Act, Node, NodeId, Op, ScalarOp, Sym};

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

    pub(super) fn binary_forward(&mut self, out: Sym, node: &Node) {
        let lhs = self.value(node.inputs[0]);
        let rhs = self.value(node.inputs[1]);
        let y = self.copy_of(lhs, "");
        let kernel = match node.op {
            Op::ElemwiseAdd => Kernel::AddAssign,
            Op::ElemwiseSub => Kernel::SubAssign,
            _ => Kernel::MulAssign,
        };
        self.call(kernel, &[Some(rhs), Some(y)], &[]);
        self.values.insert(out, y);
    }

    pub(super) fn binary_backward(&mut self, node: &Node, dy: View) {
        let (lhs, rhs) = (node.inputs[0], node.inputs[1]);
        if node.op == Op::ElemwiseMul {
            for (side, other) in [(lhs, rhs), (rhs, lhs)] {
                if self.wants(side) {
                    let other = self.value(other);
                    let d = self.copy_of(dy, "dx");
                    self.call(Kernel::MulAssign, &[Some(other), Some(d)], &[]);
                    self.add_grad(side, d);
                }
            }
            return;
        }
        self.add_grad(lhs, dy);
        if !self.wants(rhs) {
            return;
        }
        if node.op == Op::ElemwiseSub {
            let d = self.scaled(dy, ScalarKind::Mul, -1.0);
            self.add_grad(rhs, d);
        } else {
            self.add_grad(rhs, dy);
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
