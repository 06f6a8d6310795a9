//! RMSProp, by MXNet 1.9.1's formulas (`rmsprop_update`, `rmspropalex_update`). [`RmsProp`], MXNet's default:
//!
//! ```text
//! G = clip(s g + wd w)
//! n = (1 - y1) G^2 + y1 n
//! w = w - lr G / sqrt(n + eps)
//! ```
//!
//! [`RmsPropCentered`], MXNet's `centered=True`, has n and G as above and
//!
//! ```text
//! q = (1 - y1) G + y1 q
//! d = y2 d - lr G / sqrt(n - q^2 + eps)
//! w = w + d
//! ```
//!
//! Both cut the new weight to +-`clip_weights`, where that is more than zero.

use super::common::{Rates, at_least_zero, cut, gradient, require, share};
use super::{At, Common, Kind, Optimizer, States, common};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;
use crate::math::Math;

/// The numbers of the optimizer: MXNet's `RMSProp`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    pub learning_rate: f32,
    pub gamma1: f32,
    pub epsilon: f32,
    /// None, zero and less: weights are not cut.
    pub clip_weights: Option<f32>,
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// None, zero and less: gradients are not cut.
    pub clip_gradient: Option<f32>,
}

/// The numbers of the optimizer: MXNet's `RMSProp(centered=True)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropCentered {
    pub learning_rate: f32,
    pub gamma1: f32,
    pub gamma2: f32,
    pub epsilon: f32,
    /// None, zero and less: weights are not cut.
    pub clip_weights: Option<f32>,
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// None, zero and less: gradients are not cut.
    pub clip_gradient: Option<f32>,
}

impl Default for RmsProp {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.001,
            gamma1: 0.9,
            epsilon: 1e-8,
            clip_weights: None,
            wd: 0.0,
            rescale_grad: None,
            clip_gradient: None,
        }
    }
}

impl Default for RmsPropCentered {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.001,
            gamma1: 0.9,
            gamma2: 0.9,
            epsilon: 1e-8,
            clip_weights: None,
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
    gamma1: f32,
    gamma2: f32,
    epsilon: f32,
    /// Infinite: weights are not cut.
    weight_bound: f32,
    math: Math,
}

fn weight_bound(clip_weights: Option<f32>) -> f32 {
    let bound = clip_weights.filter(|bound| *bound > 0.0);
    bound.unwrap_or(f32::INFINITY)
}

fn check_weight_bound(clip_weights: Option<f32>) -> Result<(), OptimizerError> {
    let is_number = clip_weights.is_none_or(|bound| !bound.is_nan());
    require(Hyper::ClipWeights, is_number)
}

impl Optimizer for RmsProp {
    const KIND: Kind = Kind::RmsProp;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        Step {
            rates: self.common().rates(&at),
            gamma1: self.gamma1,
            gamma2: 0.0,
            epsilon: self.epsilon,
            weight_bound: weight_bound(self.clip_weights),
            math: at.math,
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let y1 = step.gamma1;
        let mut ok = true;
        for ((w, g), n) in w.iter_mut().zip(gradient(g)).zip(states.one()) {
            let g = step.rates.decayed(g, *w);
            *n = (1.0 - y1) * g * g + y1 * *n;
            let moved = *w - step.rates.lr * (g / step.math.sqrt(*n + step.epsilon));
            *w = cut(moved, step.weight_bound);
            // An infinite weight that is cut is finite.
            ok &= finite(moved) & finite(*n);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check()?;
        share(Hyper::Gamma1, self.gamma1.into())?;
        check_weight_bound(self.clip_weights)?;
        at_least_zero(Hyper::Epsilon, self.epsilon)
    }

    common!();
}

impl Optimizer for RmsPropCentered {
    const KIND: Kind = Kind::RmsPropCentered;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        Step {
            rates: self.common().rates(&at),
            gamma1: self.gamma1,
            gamma2: self.gamma2,
            epsilon: self.epsilon,
            weight_bound: weight_bound(self.clip_weights),
            math: at.math,
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let (y1, y2) = (step.gamma1, step.gamma2);
        let [n, q, d] = states.arrays();
        let mut ok = true;
        let weights = w.iter_mut().zip(gradient(g));
        for ((((w, g), n), q), d) in weights.zip(n).zip(q).zip(d) {
            let g = step.rates.decayed(g, *w);
            *n = (1.0 - y1) * g * g + y1 * *n;
            *q = (1.0 - y1) * g + y1 * *q;
            let root = step.math.sqrt(*n - *q * *q + step.epsilon);
            *d = y2 * *d - step.rates.lr * (g / root);
            let moved = *w + *d;
            *w = cut(moved, step.weight_bound);
            ok &= finite(moved) & finite(*n);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check()?;
        share(Hyper::Gamma1, self.gamma1.into())?;
        share(Hyper::Gamma2, self.gamma2.into())?;
        check_weight_bound(self.clip_weights)?;
        at_least_zero(Hyper::Epsilon, self.epsilon)
    }

    common!();
}
