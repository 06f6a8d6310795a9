//! Learning rates that change while training: MXNet 1.9.1's `mx.lr_scheduler`.
//!
//! A schedule is asked before each update, with the number of that update: 1 for the first. In a module that is
//! [`Scheduled`](crate::optim::Scheduled)'s doing, which puts a schedule in front of any optimizer.
//!
//! ```
//! use tinpail::schedule::{Factor, Schedule, Start};
//!
//! let start = Start { base_lr: 0.1, ..Start::default() };
//! let mut schedule = Factor::new(100, 0.5, start)?;
//! assert_eq!(schedule.lr(1), 0.1);
//! assert_eq!(schedule.lr(101), 0.05);
//! # Ok::<(), tinpail::schedule::ScheduleError>(())
//! ```
//!
//! # Formulas
//!
//! From `python/mxnet/lr_scheduler.py` of tag 1.9.1; t is the number of the update, w the updates of warm-up, base the rate in force.
//!
//! | when | rate |
//! | --- | --- |
//! | t < w, [`WarmupMode::Linear`] | begin + (first - begin) t / w; first is [`Start`]'s `base_lr`, whatever `set_base_lr` says |
//! | t < w, [`WarmupMode::Constant`] | begin |
//! | [`Factor`] | base times `factor` each time t passes another `step` updates, counted from 0; never below `stop_factor_lr` |
//! | [`MultiFactor`] | base times `factor` each time t passes one of `steps` |
//! | [`Poly`], t <= `max_update` | final + (first - final) (1 - (t - w) / (`max_update` - w))^`power` |
//! | [`Cosine`], t <= `max_update` | final + (first - final) (1 + cos(pi (t - w) / (`max_update` - w))) / 2 |
//! | [`Poly`], [`Cosine`] later | the last rate |
//!
//! "Passes" is t > the step: with a step of 2 the third update is the first to be slower.
//!
//! MXNet's optimizers put a `learning_rate` of their own in the place of the schedule's `base_lr`
//! ([`Schedule::set_base_lr`]). [`Factor`] and [`MultiFactor`] go on from there; [`Poly`] and [`Cosine`] do not look at it,
//! unless they are first asked after their last update. So it is in MXNet, and it is kept.
//!
//! # Numbers
//!
//! All is f32, and without [`math`](crate::math): cos is a series of this module (1e-7 absolute), powers are products. MXNet computes
//! in f64. Rates differ from its by less than 1e-6 of the first rate in the tests (some dozen reductions); each reduction by a
//! factor adds up to 1.2e-7 of the rate.
//!
//! # Differences from MXNet
//!
//! - `power` is a whole number, as MXNet documents it; its code would take others.
//! - `warmup_steps` equal to `max_update` is refused: MXNet divides by zero at that update.

mod curve;
mod factor;

pub use curve::{Cosine, Poly};
pub use factor::{Factor, MultiFactor};

/// A learning rate for each update.
pub trait Schedule {
    /// The rate of update `num_update`, from 1 on. Numbers may be skipped, but not decrease.
    fn lr(&mut self, num_update: u32) -> f32;

    /// Replaces the rate in force: what MXNet's optimizers do with a `learning_rate` of their own.
    fn set_base_lr(&mut self, base_lr: f32);

    /// The rate in force after warm-up.
    fn base_lr(&self) -> f32;
}

/// Where a schedule starts: the arguments that all have in common, with MXNet's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    pub base_lr: f32,
    /// Updates before this one warm up; 0 and 1: none.
    pub warmup_steps: u32,
    pub warmup_begin_lr: f32,
    pub warmup_mode: WarmupMode,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            base_lr: 0.01,
            warmup_steps: 0,
            warmup_begin_lr: 0.0,
            warmup_mode: WarmupMode::Linear,
        }
    }
}

/// How the rate warms up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WarmupMode {
    /// From `warmup_begin_lr` to `base_lr` in equal steps.
    #[default]
    Linear,
    /// At `warmup_begin_lr`.
    Constant,
}

/// A schedule is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ScheduleError {
    /// `warmup_begin_lr` is above `base_lr`.
    #[error("warmup_begin_lr is above base_lr")]
    Warmup,
    /// Step `at` is 0, or not after the one before it; or there is none.
    #[error("step {at} is 0, or not after the one before it")]
    Step { at: usize },
    /// The factor is above 1, or not a number.
    #[error("the factor is above 1, or not a number")]
    Factor,
    /// `max_update` is 0, or equal to `warmup_steps`.
    #[error("max_update is 0, or equal to warmup_steps")]
    MaxUpdate,
}

impl Start {
    fn check(&self) -> Result<(), ScheduleError> {
        if self.warmup_begin_lr > self.base_lr {
            return Err(ScheduleError::Warmup);
        }
        Ok(())
    }

    /// The rate of an update that is part of the warm-up.
    fn warmup(&self, num_update: u32) -> Option<f32> {
        if num_update >= self.warmup_steps {
            return None;
        }
        Some(match self.warmup_mode {
            WarmupMode::Linear => {
                let increase = self.base_lr - self.warmup_begin_lr;
                self.warmup_begin_lr + increase * num_update as f32 / self.warmup_steps as f32
            }
            WarmupMode::Constant => self.warmup_begin_lr,
        })
    }
}
