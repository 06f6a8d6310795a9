//! FTRL, by MXNet 1.9.1's formula (`ftrl_update`):
//!
//! ```text
//! G = clip(s g)
//! z = z + G - (sqrt(n + G^2) - sqrt(n)) w / lr
//! n = n + G^2
//! w = (sign(z) l1 - z) / ((beta + sqrt(n)) / lr + wd)   where |z| > l1, else 0
//! ```
//!
//! On purpose not as MXNet: a learning rate of zero (an `lr_mult`, or the end of a schedule) leaves weight and state as
//! they are. MXNet divides by it and writes NaN.

use super::common::{Rates, at_least_zero, gradient, sign};
use super::{At, Common, Kind, Optimizer, States, common};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;
use crate::math::Math;

/// The numbers of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ftrl {
    pub learning_rate: f32,
    /// MXNet's spelling.
    pub lamda1: f32,
    pub beta: f32,
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// None, zero and less: gradients are not cut.
    pub clip_gradient: Option<f32>,
}

impl Default for Ftrl {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.1,
            lamda1: 0.01,
            beta: 1.0,
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
    lamda1: f32,
    beta: f32,
    math: Math,
}

impl Optimizer for Ftrl {
    const KIND: Kind = Kind::Ftrl;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        Step {
            rates: self.common().rates(&at),
            lamda1: self.lamda1,
            beta: self.beta,
            math: at.math,
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let Step {
            rates,
            lamda1,
            beta,
            math,
        } = *step;
        if rates.lr == 0.0 {
            return true;
        }
        let [z, n] = states.arrays();
        let mut ok = true;
        for (((w, g), z), n) in w.iter_mut().zip(gradient(g)).zip(z).zip(n) {
            let g = rates.scaled(g);
            let sum = *n + g * g;
            let root = math.sqrt(sum);
            *z = *z + g - (root - math.sqrt(*n)) * *w / rates.lr;
            *n = sum;
            let moves = *z > lamda1 || *z < -lamda1;
            *w = if moves {
                (sign(*z) * lamda1 - *z) / ((beta + root) / rates.lr + rates.wd)
            } else {
                0.0
            };
            ok &= finite(*w) & finite(*z) & finite(*n);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check()?;
        at_least_zero(Hyper::Lamda1, self.lamda1)?;
        at_least_zero(Hyper::Beta, self.beta)
    }

    common!();
}
