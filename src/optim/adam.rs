//! Adam, by MXNet 1.9.1's formula (`Adam.update`, `adam_update`), which decays the gradient, not the weight:
//!
//! ```text
//! G = clip(s g + wd w)
//! m = b1 m + (1 - b1) G
//! v = b2 v + (1 - b2) G^2
//! w = w - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)
//! ```
//!
//! t is the number of this parameter's update, from 1 on. The factor before m is worked out in f64.

use super::common::{Rates, at_least_zero, gradient, share};
use super::power::power;
use super::{At, Common, Kind, Optimizer, States, common};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;
use crate::math::Math;

/// The numbers of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    pub learning_rate: f32,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f32,
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// None, zero and less: gradients are not cut.
    pub clip_gradient: Option<f32>,
}

impl Default for Adam {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.001,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
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
    /// lr sqrt(1 - b2^t) / (1 - b1^t)
    lr: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    math: Math,
}

impl Optimizer for Adam {
    const KIND: Kind = Kind::Adam;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        let rates = self.common().rates(&at);
        let left1 = 1.0 - power(self.beta1, at.count);
        let left2 = 1.0 - power(self.beta2, at.count);
        let root = at.math.sqrt(left2 as f32);
        Step {
            rates,
            lr: (f64::from(rates.lr) * f64::from(root) / left1) as f32,
            beta1: self.beta1 as f32,
            beta2: self.beta2 as f32,
            epsilon: self.epsilon,
            math: at.math,
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let (b1, b2, math) = (step.beta1, step.beta2, step.math);
        let [m, v] = states.arrays();
        let mut ok = true;
        for (((w, g), m), v) in w.iter_mut().zip(gradient(g)).zip(m).zip(v) {
            let g = step.rates.decayed(g, *w);
            *m = b1 * *m + (1.0 - b1) * g;
            *v = b2 * *v + (1.0 - b2) * g * g;
            *w -= step.lr * *m / (math.sqrt(*v) + step.epsilon);
            ok &= finite(*w) & finite(*v);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check()?;
        share(Hyper::Beta1, self.beta1)?;
        share(Hyper::Beta2, self.beta2)?;
        at_least_zero(Hyper::Epsilon, self.epsilon)
    }

    common!();
}
