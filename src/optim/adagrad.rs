//! AdaGrad, by MXNet 1.9.1's formula (`AdaGrad.update`):
//!
//! ```text
//! G = clip(s g)
//! h = h + G^2
//! w = w - lr (G / sqrt(h + eps) + wd w)
//! ```

use super::common::{Rates, at_least_zero, gradient};
use super::{At, Common, Kind, Optimizer, States, common};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;
use crate::math::Math;

/// The numbers of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaGrad {
    pub learning_rate: f32,
    pub eps: f32,
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// Zero cuts every gradient to zero, as in MXNet.
    pub clip_gradient: Option<f32>,
}

impl Default for AdaGrad {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            eps: 1e-7,
            wd: 0.0,
            rescale_grad: None,
            clip_gradient: None,
        }
    }
}

/// The numbers of one update of one parameter.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    rates: Rates,
    eps: f32,
    math: Math,
}

impl Optimizer for AdaGrad {
    const KIND: Kind = Kind::AdaGrad;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        Step {
            rates: self.common().rates_strict(&at),
            eps: self.eps,
            math: at.math,
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let Rates { lr, wd, .. } = step.rates;
        let mut ok = true;
        for ((w, g), h) in w.iter_mut().zip(gradient(g)).zip(states.one()) {
            let g = step.rates.scaled(g);
            *h += g * g;
            *w -= lr * (g / step.math.sqrt(*h + step.eps) + wd * *w);
            ok &= finite(*w) & finite(*h);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check_strict()?;
        at_least_zero(Hyper::Epsilon, self.eps)
    }

    common!();
}
