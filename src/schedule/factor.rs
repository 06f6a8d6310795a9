//! Rates that fall by a factor.

use super::{Schedule, ScheduleError, Start};

fn check(factor: f32, start: &Start) -> Result<(), ScheduleError> {
    start.check()?;
    if factor > 1.0 || factor.is_nan() {
        return Err(ScheduleError::Factor);
    }
    Ok(())
}

/// By a factor after every so many updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    step: u32,
    factor: f32,
    stop_factor_lr: f32,
    start: Start,
    base_lr: f32,
    count: u32,
}

impl Factor {
    /// With MXNet's `stop_factor_lr` of 1e-8. MXNet's `factor` is 1 unless told.
    pub fn new(step: u32, factor: f32, start: Start) -> Result<Self, ScheduleError> {
        check(factor, &start)?;
        if step == 0 {
            return Err(ScheduleError::Step { at: 0 });
        }
        Ok(Self {
            step,
            factor,
            stop_factor_lr: 1e-8,
            start,
            base_lr: start.base_lr,
            count: 0,
        })
    }

    /// The least rate.
    pub fn with_stop_factor_lr(self, stop_factor_lr: f32) -> Self {
        Self {
            stop_factor_lr,
            ..self
        }
    }
}

impl Schedule for Factor {
    fn lr(&mut self, num_update: u32) -> f32 {
        if let Some(lr) = self.start.warmup(num_update) {
            return lr;
        }
        while let Some(next) = self.count.checked_add(self.step)
            && num_update > next
        {
            self.count = next;
            self.base_lr *= self.factor;
            if self.base_lr < self.stop_factor_lr {
                self.base_lr = self.stop_factor_lr;
            }
        }
        self.base_lr
    }

    fn set_base_lr(&mut self, base_lr: f32) {
        self.base_lr = base_lr;
    }

    fn base_lr(&self) -> f32 {
        self.base_lr
    }
}

/// By a factor after each of some updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiFactor<'s> {
    /// Those still to come.
    steps: &'s [u32],
    factor: f32,
    start: Start,
    base_lr: f32,
}

impl<'s> MultiFactor<'s> {
    /// `steps` ascend from 1 or more. MXNet's `factor` is 1 unless told.
    pub fn new(steps: &'s [u32], factor: f32, start: Start) -> Result<Self, ScheduleError> {
        if steps.is_empty() {
            return Err(ScheduleError::Step { at: 0 });
        }
        let mut before = 0;
        for (at, step) in steps.iter().enumerate() {
            if *step <= before {
                return Err(ScheduleError::Step { at });
            }
            before = *step;
        }
        check(factor, &start)?;
        Ok(Self {
            steps,
            factor,
            start,
            base_lr: start.base_lr,
        })
    }
}

impl Schedule for MultiFactor<'_> {
    fn lr(&mut self, num_update: u32) -> f32 {
        if let Some(lr) = self.start.warmup(num_update) {
            return lr;
        }
        while let [step, rest @ ..] = self.steps
            && num_update > *step
        {
            self.steps = rest;
            self.base_lr *= self.factor;
        }
        self.base_lr
    }

    fn set_base_lr(&mut self, base_lr: f32) {
        self.base_lr = base_lr;
    }

    fn base_lr(&self) -> f32 {
        self.base_lr
    }
}
