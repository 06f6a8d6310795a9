//! AdaMax, by MXNet 1.9.1's formula (`Adamax.update`):
//!
//! ```text
//! G = clip(s g + wd w)
//! m = b1 m + (1 - b1) G
//! u = max(b2 u, |G|)
//! w = w - lr / (1 - b1^t) m / u
//! ```
//!
//! t is the number of this parameter's update, from 1 on; lr / (1 - b1^t) is worked out in f64.
//!
//! On purpose not as MXNet: while u is zero (no gradient yet, as in a row of an embedding that no token has named) the
//! weight stays. MXNet divides zero by zero and writes NaN.

use super::common::{Rates, gradient, share};
use super::power::power;
use super::{At, Common, Kind, Optimizer, States, common};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;

/// The numbers of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adamax {
    pub learning_rate: f32,
    pub beta1: f64,
    pub beta2: f64,
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// Zero cuts every gradient to zero, as in MXNet.
    pub clip_gradient: Option<f32>,
}

impl Default for Adamax {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.002,
            beta1: 0.9,
            beta2: 0.999,
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
    /// lr / (1 - b1^t)
    lr: f32,
    beta1: f32,
    /// 1 - b1
    rest1: f32,
    beta2: f32,
}

impl Optimizer for Adamax {
    const KIND: Kind = Kind::Adamax;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        let rates = self.common().rates_strict(&at);
        let left = 1.0 - power(self.beta1, at.count);
        Step {
            rates,
            lr: (f64::from(rates.lr) / left) as f32,
            beta1: self.beta1 as f32,
            rest1: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let [m, u] = states.arrays();
        let mut ok = true;
        for (((w, g), m), u) in w.iter_mut().zip(gradient(g)).zip(m).zip(u) {
            let g = step.rates.decayed(g, *w);
            *m = step.beta1 * *m + step.rest1 * g;
            let (old, new) = (step.beta2 * *u, g.abs());
            *u = if new > old { new } else { old };
            if *u != 0.0 {
                *w -= step.lr * *m / *u;
            }
            ok &= finite(*w) & finite(*m);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check_strict()?;
        share(Hyper::Beta1, self.beta1)?;
        share(Hyper::Beta2, self.beta2)
    }

    common!();
}
