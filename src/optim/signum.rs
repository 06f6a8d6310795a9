//! Signum, by MXNet 1.9.1's formulas (`signum_update`, `signsgd_update`):
//!
//! ```text
//! m = mu m - (1 - mu) wd w - (1 - mu) clip(s g)
//! w = (1 - lr wd_lh) w + lr sign(m)
//! ```
//!
//! and without a state (momentum 0) w = (1 - lr wd) w - lr sign(g), where neither `clip_gradient` nor `wd_lh` counts.

use super::common::{Rates, at_least_zero, gradient, share, sign};
use super::{At, Common, Kind, Optimizer, States, common};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;

/// The numbers of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signum {
    pub learning_rate: f32,
    /// Used for parameters that have a state.
    pub momentum: f32,
    /// Decay of the weight itself.
    pub wd_lh: f32,
    /// Decay that goes through the momentum.
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// None, zero and less: gradients are not cut.
    pub clip_gradient: Option<f32>,
}

impl Default for Signum {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            wd_lh: 0.0,
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
    momentum: f32,
    wd_lh: f32,
}

impl Optimizer for Signum {
    const KIND: Kind = Kind::Signum;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        Step {
            rates: self.common().rates(&at),
            momentum: self.momentum,
            wd_lh: self.wd_lh,
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let (Rates { lr, wd, .. }, mu) = (step.rates, step.momentum);
        let mut ok = true;
        if states.is_empty() || mu == 0.0 {
            for (w, g) in w.iter_mut().zip(gradient(g)) {
                *w = (1.0 - lr * wd) * *w - lr * sign(g);
                ok &= finite(*w);
            }
            return ok;
        }
        for ((w, g), m) in w.iter_mut().zip(gradient(g)).zip(states.one()) {
            let g = step.rates.scaled(g);
            *m = mu * *m - (1.0 - mu) * wd * *w - (1.0 - mu) * g;
            *w = (1.0 - lr * step.wd_lh) * *w + lr * sign(*m);
            ok &= finite(*w) & finite(*m);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check()?;
        share(Hyper::Momentum, self.momentum.into())?;
        at_least_zero(Hyper::WdLh, self.wd_lh)
    }

    fn arrays(&self) -> u32 {
        u32::from(self.momentum != 0.0)
    }

    common!();
}
