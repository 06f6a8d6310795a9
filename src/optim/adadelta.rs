//! AdaDelta, by MXNet 1.9.1's formula (`AdaDelta.update`):
//!
//! ```text
//! G = clip(s g)
//! a = rho a + (1 - rho) G^2
//! d = sqrt(b + eps) / sqrt(a + eps) G
//! b = rho b + (1 - rho) d^2
//! w = w - (d + wd w)
//! ```
//!
//! It has no use for a learning rate; one is there so that schedules and `lr_mult` can be given to any optimizer.
//!
//! On purpose not as MXNet: it multiplies the gradient's array by s where it lies, so that a second update with the
//! same gradient, or one after `grad_req = add`, scales it again. Here gradients stay what they are.

use super::common::{Rates, at_least_zero, gradient, share};
use super::{At, Common, Kind, Optimizer, States, common};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;
use crate::math::Math;

/// The numbers of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaDelta {
    /// Ignored.
    pub learning_rate: f32,
    pub rho: f64,
    pub epsilon: f32,
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// Zero cuts every gradient to zero, as in MXNet.
    pub clip_gradient: Option<f32>,
}

impl Default for AdaDelta {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            rho: 0.9,
            epsilon: 1e-5,
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
    rho: f32,
    /// 1 - rho
    rest: f32,
    epsilon: f32,
    math: Math,
}

impl Optimizer for AdaDelta {
    const KIND: Kind = Kind::AdaDelta;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        Step {
            rates: self.common().rates_strict(&at),
            rho: self.rho as f32,
            rest: (1.0 - self.rho) as f32,
            epsilon: self.epsilon,
            math: at.math,
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let Step {
            rates,
            rho,
            rest,
            epsilon,
            math,
        } = *step;
        let [a, b] = states.arrays();
        let mut ok = true;
        for (((w, g), a), b) in w.iter_mut().zip(gradient(g)).zip(a).zip(b) {
            let g = rates.scaled(g);
            *a = rho * *a + rest * g * g;
            let d = math.sqrt(*b + epsilon) / math.sqrt(*a + epsilon) * g;
            *b = rho * *b + rest * d * d;
            *w -= d + rates.wd * *w;
            ok &= finite(*w) & finite(*a);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check_strict()?;
        share(Hyper::Rho, self.rho)?;
        at_least_zero(Hyper::Epsilon, self.epsilon)
    }

    common!();
}
