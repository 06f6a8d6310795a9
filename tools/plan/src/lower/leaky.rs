//! LeakyReLU and its relatives.

use tinpail::kernel::leaky::{SELU_ALPHA, SELU_SCALE};
use tinpail::plan::Kernel;

use super::Lowering;
use super::terms::Term;
use crate::error::Error;
use crate::ir::View;
use crate::symbol::{Leaky, Node, Sym};

/// alpha and scale of an elu.
fn elu(leaky: Leaky) -> [u32; 2] {
    match leaky {
        Leaky::Elu { slope } => [slope.to_bits(), 1f32.to_bits()],
        _ => [SELU_ALPHA.to_bits(), SELU_SCALE.to_bits()],
    }
}

impl Lowering<'_> {
    /// (C, I) of a prelu: one gamma for all is one channel.
    fn prelu_size(&self, node: &Node) -> [u32; 2] {
        let shape = self.shape(node.inputs[0]);
        let channels = self.len(node.inputs[1]);
        match channels {
            1 => [1, shape.iter().product::<usize>() as u32],
            _ => [channels as u32, shape[2..].iter().product::<usize>() as u32],
        }
    }

    pub(super) fn leaky_forward(
        &mut self,
        out: Sym,
        node: &Node,
        leaky: Leaky,
    ) -> Result<(), Error> {
        let x = self.value(node.inputs[0]);
        let y = self.copy_of(x, "");
        match leaky {
            Leaky::Leaky { slope } => {
                self.call(Kernel::LeakyForward, &[Some(y)], &[slope.to_bits()]);
            }
            Leaky::Rrelu { lower, upper } => {
                if self.training && self.wants(out) {
                    let what = "rrelu draws its slopes in training, which is not supported";
                    return Err(Error::symbol(&node.name, what));
                }
                let slope = (lower + upper) / 2.0;
                self.call(Kernel::LeakyForward, &[Some(y)], &[slope.to_bits()]);
            }
            Leaky::Elu { .. } | Leaky::Selu => {
                self.call(Kernel::EluForward, &[Some(y)], &elu(leaky));
            }
            Leaky::Gelu => self.call(Kernel::GeluForward, &[Some(y)], &[]),
            Leaky::Prelu => {
                let gamma = self.value(node.inputs[1]);
                let size = self.prelu_size(node);
                self.call(Kernel::PreluForward, &[Some(gamma), Some(y)], &size);
            }
        }
        self.values.insert(out, y);
        Ok(())
    }

    pub(super) fn leaky_backward(&mut self, out: Sym, node: &Node, dy: View, leaky: Leaky) {
        let x = self.value(node.inputs[0]);
        let y = self.value(out);
        if leaky == Leaky::Prelu {
            self.prelu_backward(node, x, dy);
            return;
        }
        let dx = self.copy_of(dy, "dx");
        match leaky {
            Leaky::Leaky { slope } => {
                let ints = [slope.to_bits()];
                self.call(Kernel::LeakyBackward, &[Some(y), Some(dx)], &ints);
            }
            Leaky::Elu { .. } | Leaky::Selu => {
                self.call(Kernel::EluBackward, &[Some(y), Some(dx)], &elu(leaky));
            }
            Leaky::Gelu => self.call(Kernel::GeluBackward, &[Some(x), Some(dx)], &[]),
            Leaky::Prelu | Leaky::Rrelu { .. } => {}
        }
        self.add_grad(node.inputs[0], dx);
    }

    fn prelu_backward(&mut self, node: &Node, x: View, dy: View) {
        let (data, gamma) = (node.inputs[0], node.inputs[1]);
        let size = self.prelu_size(node);
        if self.wants(gamma) {
            let len = self.len(gamma);
            let dgamma = self.temp("dgamma", len);
            let operands = [Some(x), Some(dy), Some(dgamma)];
            self.call(Kernel::PreluGammaGrad, &operands, &size);
            self.add_term(gamma, 0, len, Term::Dense(dgamma));
        }
        if self.wants(data) {
            let gamma = self.value(gamma);
            let dx = self.copy_of(dy, "dx");
            let operands = [Some(x), Some(gamma), Some(dx)];
            self.call(Kernel::PreluBackward, &operands, &size);
            self.add_grad(data, dx);
        }
    }
}
