//! BatchNorm, LayerNorm and LRN.

use tinpail::plan::Kernel;

use super::terms::Term;
use super::{Lowering, Role};
use crate::error::Error;
use crate::infer::axis_index;
use crate::ir::View;
use crate::symbol::{BatchNorm, LayerNorm, Lrn, Node, NodeId, Sym};

impl Lowering<'_> {
    /// (C, I) of an array along `axis`, which inference has checked.
    fn along(&self, sym: Sym, axis: i64) -> [u32; 2] {
        let shape = self.shape(sym);
        let at = axis_index(axis, shape.len()).unwrap_or(0);
        let inner: usize = shape[at + 1..].iter().product();
        [shape[at] as u32, inner as u32]
    }

    /// gamma, unless it is taken as 1.
    fn batch_gamma(&mut self, node: &Node, attrs: &BatchNorm) -> Option<View> {
        (!attrs.fix_gamma).then(|| self.value(node.inputs[1]))
    }

    pub(super) fn batch_norm_forward(
        &mut self,
        out: Sym,
        node: &Node,
        attrs: &BatchNorm,
    ) -> Result<(), Error> {
        if !node.inputs[3..]
            .iter()
            .all(|input| self.is_auxiliary(*input))
        {
            let what = "moving mean and variance must be auxiliary states: variables that nothing else reads";
            return Err(Error::symbol(&node.name, what));
        }
        let [axis, inner] = self.along(out, attrs.axis);
        let ints = [axis, inner, attrs.eps.to_bits()];
        let x = self.value(node.inputs[0]);
        let gamma = self.batch_gamma(node, attrs);
        let beta = self.value(node.inputs[2]);
        let (mean, var) = if self.training && !attrs.use_global_stats {
            let mean = self.temp("mean", axis as usize);
            let var = self.temp("var", axis as usize);
            self.call(
                Kernel::BatchMoments,
                &[Some(x), Some(mean), Some(var)],
                &ints,
            );
            (mean, var)
        } else {
            (self.value(node.inputs[3]), self.value(node.inputs[4]))
        };
        let y = self.copy_of(x, "");
        self.call(
            Kernel::BatchNormForward,
            &[gamma, Some(beta), Some(mean), Some(var), Some(y)],
            &ints,
        );
        self.saved.insert(out.node, vec![mean, var]);
        self.values.insert(out, y);
        Ok(())
    }

    /// The gradients, and the step of the moving statistics: MXNet takes it in backward.
    pub(super) fn batch_norm_backward(
        &mut self,
        id: NodeId,
        node: &Node,
        dy: View,
        attrs: &BatchNorm,
    ) {
        let Some(&[mean, var]) = self.saved.get(&id).map(Vec::as_slice) else {
            return;
        };
        let [axis, inner] = self.along(node.inputs[0], attrs.axis);
        let x = self.value(node.inputs[0]);
        let gamma = self.batch_gamma(node, attrs);
        let dx = self.copy_of(dy, "dx");
        let dgamma = self.temp("dgamma", axis as usize);
        let dbeta = self.temp("dbeta", axis as usize);
        let of_batch = !attrs.use_global_stats;
        self.call(
            Kernel::BatchNormBackward,
            &[
                Some(x),
                gamma,
                Some(mean),
                Some(var),
                Some(dx),
                Some(dgamma),
                Some(dbeta),
            ],
            &[axis, inner, attrs.eps.to_bits(), of_batch.into()],
        );
        if !attrs.fix_gamma {
            self.add_term(node.inputs[1], 0, dgamma.len, Term::Dense(dgamma));
        }
        self.add_term(node.inputs[2], 0, dbeta.len, Term::Dense(dbeta));
        if of_batch {
            let moving = [node.inputs[3], node.inputs[4]].map(|moving| self.value(moving));
            self.call(
                Kernel::BatchNormFollow,
                &[Some(mean), Some(var), Some(moving[0]), Some(moving[1])],
                &[attrs.momentum.to_bits()],
            );
        }
        self.add_grad(node.inputs[0], dx);
    }

    fn is_auxiliary(&self, sym: Sym) -> bool {
        let role = self.setting.roles.get(&self.net.node(sym).name);
        matches!(role, Some(Role::Param(index)) if self.setting.auxiliary[*index])
    }

    pub(super) fn layer_norm_forward(&mut self, out: Sym, node: &Node, attrs: &LayerNorm) {
        let [axis, inner] = self.along(out, attrs.axis);
        let x = self.value(node.inputs[0]);
        let (gamma, beta) = (self.value(node.inputs[1]), self.value(node.inputs[2]));
        let y = self.temp("", x.len);
        self.call(
            Kernel::LayerNormForward,
            &[Some(x), Some(gamma), Some(beta), Some(y)],
            &[axis, inner, attrs.eps.to_bits()],
        );
        self.values.insert(out, y);
    }

    pub(super) fn layer_norm_backward(&mut self, node: &Node, dy: View, attrs: &LayerNorm) {
        let [axis, inner] = self.along(node.inputs[0], attrs.axis);
        let x = self.value(node.inputs[0]);
        let gamma = self.value(node.inputs[1]);
        let dx = self.copy_of(dy, "dx");
        let dgamma = self.temp("dgamma", axis as usize);
        let dbeta = self.temp("dbeta", axis as usize);
        self.call(
            Kernel::LayerNormBackward,
            &[Some(x), Some(gamma), Some(dx), Some(dgamma), Some(dbeta)],
            &[axis, inner, attrs.eps.to_bits()],
        );
        self.add_term(node.inputs[1], 0, dgamma.len, Term::Dense(dgamma));
        self.add_term(node.inputs[2], 0, dbeta.len, Term::Dense(dbeta));
        self.add_grad(node.inputs[0], dx);
    }

    fn lrn_ints(&self, sym: Sym, attrs: &Lrn) -> [u32; 6] {
        let [channels, inner] = self.along(sym, 1);
        [
            channels,
            inner,
            attrs.nsize as u32,
            attrs.alpha.to_bits(),
            attrs.beta.to_bits(),
            attrs.knorm.to_bits(),
        ]
    }

    pub(super) fn lrn_forward(&mut self, out: Sym, node: &Node, attrs: &Lrn) {
        let x = self.value(node.inputs[0]);
        let norm = self.temp("norm", x.len);
        let y = self.temp("", x.len);
        self.call(
            Kernel::LrnForward,
            &[Some(x), Some(norm), Some(y)],
            &self.lrn_ints(out, attrs),
        );
        self.saved.insert(out.node, vec![norm]);
        self.values.insert(out, y);
    }

    pub(super) fn lrn_backward(&mut self, id: NodeId, node: &Node, dy: View, attrs: &Lrn) {
        let Some(&[norm]) = self.saved.get(&id).map(Vec::as_slice) else {
            return;
        };
        let x = self.value(node.inputs[0]);
        let ints = self.lrn_ints(node.inputs[0], attrs);
        let products = self.temp("products", (ints[0] * ints[1]) as usize);
        let dx = self.temp("dx", x.len);
        self.call(
            Kernel::LrnBackward,
            &[Some(x), Some(norm), Some(dy), Some(products), Some(dx)],
            &ints,
        );
        self.add_grad(node.inputs[0], dx);
    }
}
