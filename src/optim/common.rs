//! What optimizers have in common.

use super::At;
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;

/// The numbers that every optimizer has, with MXNet's names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Common {
    /// Before a parameter's `lr_mult`.
    pub learning_rate: f32,
    /// Weight decay, before a parameter's `wd_mult`.
    pub wd: f32,
    /// What gradients are multiplied by.
    pub rescale_grad: Option<f32>,
    /// What gradients are cut to; which ones, and what zero means, says the optimizer.
    pub clip_gradient: Option<f32>,
}

/// Implements [`Optimizer::common`](super::Optimizer::common) and its counterpart over fields of the same names.
macro_rules! common {
    () => {
        fn common(&self) -> Common {
            Common {
                learning_rate: self.learning_rate,
                wd: self.wd,
                rescale_grad: self.rescale_grad,
                clip_gradient: self.clip_gradient,
            }
        }

        fn set_common(&mut self, common: Common) {
            self.learning_rate = common.learning_rate;
            self.wd = common.wd;
            self.rescale_grad = common.rescale_grad;
            self.clip_gradient = common.clip_gradient;
        }
    };
}
pub(super) use common;

impl Common {
    /// Refuses what is not finite, and rates below zero.
    pub(super) fn check(&self) -> Result<(), OptimizerError> {
        at_least_zero(Hyper::LearningRate, self.learning_rate)?;
        at_least_zero(Hyper::Wd, self.wd)?;
        require(Hyper::RescaleGrad, self.rescale_grad.is_none_or(finite))?;
        require(
            Hyper::ClipGradient,
            self.clip_gradient.is_none_or(|bound| !bound.is_nan()),
        )
    }

    /// The same where `clip_gradient` is a bound whatever it is: below zero it is none.
    pub(super) fn check_strict(&self) -> Result<(), OptimizerError> {
        self.check()?;
        let bound = self.clip_gradient;
        require(Hyper::ClipGradient, bound.is_none_or(|bound| bound >= 0.0))
    }

    /// For one parameter; a `clip_gradient` of zero or less cuts nothing.
    pub(super) fn rates(&self, at: &At) -> Rates {
        let bound = self.clip_gradient.filter(|bound| *bound > 0.0);
        self.rates_cut_to(at, bound)
    }

    /// For one parameter; a `clip_gradient` of zero cuts all to zero.
    pub(super) fn rates_strict(&self, at: &At) -> Rates {
        self.rates_cut_to(at, self.clip_gradient)
    }

    fn rates_cut_to(&self, at: &At, bound: Option<f32>) -> Rates {
        Rates {
            lr: self.learning_rate * at.lr_mult,
            wd: self.wd * at.wd_mult,
            scale: self.rescale_grad.unwrap_or(1.0) * at.grad_scale,
            bound: bound.unwrap_or(f32::INFINITY),
        }
    }
}

/// [`Common`] for one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    pub lr: f32,
    pub wd: f32,
    pub scale: f32,
    /// Infinite: nothing is cut.
    pub bound: f32,
}

impl Rates {
    /// clip(s g)
    #[inline]
    pub fn scaled(&self, g: f32) -> f32 {
        cut(self.scale * g, self.bound)
    }

    /// clip(s g + wd w)
    #[inline]
    pub fn decayed(&self, g: f32, w: f32) -> f32 {
        cut(self.scale * g + self.wd * w, self.bound)
    }
}

/// To +-bound; NaN stays.
#[inline]
pub fn cut(value: f32, bound: f32) -> f32 {
    if value > bound {
        bound
    } else if value < -bound {
        -bound
    } else {
        value
    }
}

/// The gradient's values, then zeros.
#[inline]
pub fn gradient(g: &[f32]) -> impl Iterator<Item = f32> {
    let mut g = g.iter();
    core::iter::from_fn(move || Some(g.next().copied().unwrap_or(0.0)))
}

/// 1, 0 or -1.
#[inline]
pub fn sign(value: f32) -> f32 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

pub(super) fn require(hyper: Hyper, holds: bool) -> Result<(), OptimizerError> {
    if holds {
        Ok(())
    } else {
        Err(OptimizerError::Range(hyper))
    }
}

pub(super) fn at_least_zero(hyper: Hyper, value: f32) -> Result<(), OptimizerError> {
    require(hyper, finite(value) && value >= 0.0)
}

/// From 0 to below 1: what an old value counts beside a new one.
pub(super) fn share(hyper: Hyper, value: f64) -> Result<(), OptimizerError> {
    require(hyper, (0.0..1.0).contains(&value))
}
