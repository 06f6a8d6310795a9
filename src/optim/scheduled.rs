//! A learning rate that changes while training, in front of any optimizer: MXNet's `lr_scheduler`.

use super::{At, Common, Kind, Optimizer, States};
use crate::error::OptimizerError;
use crate::schedule::Schedule;

/// An optimizer whose learning rate is a [`Schedule`]'s, asked with the number of each update: 1 for the first (more where
/// the module counts from a `begin_num_update`).
///
/// The number is that of the module's updates. MXNet takes the largest count of any parameter, counted by position in the
/// bucket's list, and the first trainable position is in every bucket: the same number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheduled<O, S> {
    optimizer: O,
    schedule: S,
}

impl<O: Optimizer, S: Schedule> Scheduled<O, S> {
    /// As MXNet where `learning_rate` and `lr_scheduler` are given: the optimizer's rate replaces the schedule's
    /// `base_lr`.
    pub fn new(optimizer: O, mut schedule: S) -> Self {
        schedule.set_base_lr(optimizer.learning_rate());
        Scheduled {
            optimizer,
            schedule,
        }
    }

    /// As MXNet where only `lr_scheduler` is given: the schedule keeps its `base_lr`.
    pub fn with_base_lr(mut optimizer: O, schedule: S) -> Self {
        optimizer.set_learning_rate(schedule.base_lr());
        Scheduled {
            optimizer,
            schedule,
        }
    }
}

impl<O: Optimizer, S: Schedule> Optimizer for Scheduled<O, S> {
    const KIND: Kind = O::KIND;

    const SCHEDULED: bool = true;

    type Step = O::Step;

    fn begin(&mut self, at: At) -> O::Step {
        let lr = self.schedule.lr(at.num_update);
        self.optimizer.set_learning_rate(lr);
        self.optimizer.begin(at)
    }

    fn apply(step: &O::Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        O::apply(step, w, g, states)
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.optimizer.check()
    }

    fn common(&self) -> Common {
        self.optimizer.common()
    }

    fn set_common(&mut self, common: Common) {
        self.optimizer.set_common(common);
    }

    fn arrays(&self) -> u32 {
        self.optimizer.arrays()
    }

    fn memory(&self) -> f32 {
        self.optimizer.memory()
    }

    fn set_memory(&mut self, memory: f32) {
        self.optimizer.set_memory(memory);
    }
}
