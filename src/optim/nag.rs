//! Nesterov's accelerated gradient, by MXNet 1.9.1's formula (`nag_mom_update`):
//!
//! ```text
//! G  = clip(s g)
//! m  = mu m
//! w' = w - m + (mu + 1) (m - lr (G + wd w))
//! m  = m - lr (G + wd w')
//! ```
//!
//! The last line takes the new weight, because MXNet overwrites the weight before it reads it again: kept, for its
//! numbers. Without a state (momentum 0) it is [`Sgd`](super::Sgd).

use super::common::{Rates, cut, gradient, share};
use super::{At, Common, Kind, Optimizer, Sgd, States, common, sgd};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;

/// The numbers of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nag {
    pub learning_rate: f32,
    /// Used for parameters that have a state.
    pub momentum: f32,
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// None, zero and less: gradients are not cut.
    pub clip_gradient: Option<f32>,
}

impl Default for Nag {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.0,
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
    /// For a parameter without state.
    plain: sgd::Step,
}

impl Optimizer for Nag {
    const KIND: Kind = Kind::Nag;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        let mut plain = Sgd {
            learning_rate: self.learning_rate,
            momentum: 0.0,
            wd: self.wd,
            rescale_grad: self.rescale_grad,
            clip_gradient: self.clip_gradient,
        };
        Step {
            rates: self.common().rates(&at),
            momentum: self.momentum,
            plain: plain.begin(at),
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        if states.is_empty() {
            return Sgd::apply(&step.plain, w, g, states);
        }
        let (
            Rates {
                lr,
                wd,
                scale,
                bound,
            },
            mu,
        ) = (step.rates, step.momentum);
        let mut ok = true;
        for ((w, g), m) in w.iter_mut().zip(gradient(g)).zip(states.one()) {
            let g = cut(scale * g, bound);
            let kept = mu * *m;
            *w = *w - kept + (mu + 1.0) * (kept - lr * (g + wd * *w));
            *m = kept - lr * (g + wd * *w);
            ok &= finite(*w);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check()?;
        share(Hyper::Momentum, self.momentum.into())
    }

    fn arrays(&self) -> u32 {
        u32::from(self.momentum != 0.0)
    }

    common!();
}
