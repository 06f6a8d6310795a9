//! Heads that are losses: SoftmaxOutput, the regressions, MakeLoss; and softmax without a loss.

use tinpail::kernel::call::ScalarKind;
use tinpail::kernel::softmax::Normalization as KernelNormalization;
use tinpail::plan::Kernel;

use super::Lowering;
use crate::error::Error;
use crate::infer::axis_index;
use crate::ir::View;
use crate::symbol::{MakeLoss, Node, Normalization, Softmax, SoftmaxOutput, Sym};

/// (classes, inner) of (outer, C, inner): what the softmax runs over.
fn softmax_size(shape: &[usize], attrs: &SoftmaxOutput) -> (usize, usize) {
    if attrs.multi_output {
        (shape[1], shape[2..].iter().product())
    } else if attrs.preserve_shape {
        (shape.last().copied().unwrap_or(1), 1)
    } else {
        (shape[1..].iter().product(), 1)
    }
}

impl Lowering<'_> {
    pub(super) fn softmax_forward(&mut self, out: Sym, node: &Node, attrs: &SoftmaxOutput) {
        let (classes, inner) = softmax_size(self.shape(out), attrs);
        let x = self.value(node.inputs[0]);
        let y = self.copy_of(x, "");
        self.call(
            Kernel::SoftmaxForward,
            &[Some(y)],
            &[classes as u32, inner as u32],
        );
        self.values.insert(out, y);
    }

    pub(super) fn softmax_backward(
        &mut self,
        out: Sym,
        node: &Node,
        attrs: &SoftmaxOutput,
    ) -> Result<(), Error> {
        let (classes, inner) = softmax_size(self.shape(out), attrs);
        let p = self.value(out);
        let label = self.value(node.inputs[1]);
        let dx = self.copy_of(p, "dx");
        if self.shape(node.inputs[1]) == self.shape(out) {
            self.call(
                Kernel::SoftmaxBackwardProb,
                &[Some(label), Some(dx)],
                &[attrs.grad_scale.to_bits()],
            );
        } else {
            let normalization = match attrs.normalization {
                Normalization::Null => KernelNormalization::Null,
                Normalization::Batch => KernelNormalization::Batch,
                Normalization::Valid => KernelNormalization::Valid,
            };
            let ignore = ignore_label(node, attrs)?;
            self.call(
                Kernel::SoftmaxBackward,
                &[Some(label), Some(dx)],
                &[
                    classes as u32,
                    inner as u32,
                    attrs.grad_scale.to_bits(),
                    u32::from(ignore),
                    u32::from(attrs.use_ignore),
                    attrs.smooth_alpha.to_bits(),
                    normalization as u32,
                ],
            );
        }
        self.add_grad(node.inputs[0], dx);
        Ok(())
    }

    /// (classes, inner) of a plain softmax.
    fn plain_softmax_size(&self, node: &Node, attrs: &Softmax) -> [u32; 2] {
        let shape = self.shape(node.inputs[0]);
        let axis = axis_index(attrs.axis, shape.len()).unwrap_or(0);
        let inner: usize = shape[axis + 1..].iter().product();
        [shape[axis] as u32, inner as u32]
    }

    fn cooled(&mut self, values: View, attrs: &Softmax) {
        if let Some(temperature) = attrs.temperature {
            let ints = [ScalarKind::Div as u32, temperature.to_bits()];
            self.call(Kernel::Scalar, &[Some(values)], &ints);
        }
    }

    pub(super) fn plain_softmax_forward(
        &mut self,
        out: Sym,
        node: &Node,
        attrs: &Softmax,
        log: bool,
    ) {
        let size = self.plain_softmax_size(node, attrs);
        let x = self.value(node.inputs[0]);
        let y = self.copy_of(x, "");
        self.cooled(y, attrs);
        let kernel = match log {
            true => Kernel::LogSoftmaxForward,
            false => Kernel::SoftmaxForward,
        };
        self.call(kernel, &[Some(y)], &size);
        self.values.insert(out, y);
    }

    pub(super) fn plain_softmax_backward(
        &mut self,
        out: Sym,
        node: &Node,
        dy: View,
        attrs: &Softmax,
        log: bool,
    ) {
        let size = self.plain_softmax_size(node, attrs);
        let y = self.value(out);
        let dx = self.copy_of(dy, "dx");
        let kernel = match log {
            true => Kernel::LogSoftmaxGrad,
            false => Kernel::SoftmaxGrad,
        };
        self.call(kernel, &[Some(y), Some(dx)], &size);
        self.cooled(dx, attrs);
        self.add_grad(node.inputs[0], dx);
    }

    /// grad_scale / N everywhere.
    pub(super) fn make_loss_backward(&mut self, node: &Node, attrs: &MakeLoss) {
        let data = node.inputs[0];
        let len = self.len(data);
        let dx = match attrs.normalization {
            Normalization::Null => self.fill("dx", len, attrs.grad_scale),
            Normalization::Batch => {
                let batch = self.shape(data)[0];
                self.fill("dx", len, attrs.grad_scale / batch as f32)
            }
            Normalization::Valid => {
                let x = self.value(data);
                let dx = self.temp("dx", len);
                let ints = [attrs.grad_scale, attrs.valid_thresh].map(f32::to_bits);
                self.call(Kernel::MakeLossValid, &[Some(x), Some(dx)], &ints);
                dx
            }
        };
        self.add_grad(data, dx);
    }

    pub(super) fn regression_backward(
        &mut self,
        out: Sym,
        node: &Node,
        kernel: Kernel,
        grad_scale: f32,
    ) {
        let o = self.value(out);
        let label = self.value(node.inputs[1]);
        let dx = self.copy_of(o, "dx");
        let samples = self.shape(node.inputs[1]).first().copied().unwrap_or(1);
        let per_sample = (label.len / samples.max(1)).max(1);
        let scale = grad_scale / per_sample as f32;
        self.call(kernel, &[Some(label), Some(dx)], &[scale.to_bits()]);
        self.add_grad(node.inputs[0], dx);
    }
}

/// `ignore_label` as labels are on the device: 0xFFFF for -1, and for any other number that no class has.
pub(crate) fn ignore_label(node: &Node, attrs: &SoftmaxOutput) -> Result<u16, Error> {
    match attrs.ignore_label {
        ..0 => Ok(u16::MAX),
        label => u16::try_from(label).map_err(|_| {
            Error::symbol(
                &node.name,
                format!("ignore_label {label} is more than a u16 holds"),
            )
        }),
    }
}
