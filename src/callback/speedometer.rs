//! How fast training goes.

use core::ops::ControlFlow;

use super::{Callback, Event};
use crate::metric::Evaluate;
use crate::model::Model;
use crate::module::BucketingModule;

/// Reports the speed after every `frequent` batches: MXNet's `Speedometer`.
///
/// The clock is a function that counts ticks and may wrap; reports go to a function of the caller's. With `auto_reset`
/// (MXNet's default) the metric is reset locally after each report, so that a report is about its own batches.
pub struct Speedometer<C, R> {
    clock: C,
    ticks_per_second: u32,
    frequent: usize,
    auto_reset: bool,
    report: R,
    /// When the batches that the next report is about began; `None` before the first batch of an epoch.
    started: Option<u32>,
    last: usize,
}

/// A report: MXNet's `Epoch[e] Batch [from-to] Speed: .. samples/sec name=value`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Speed {
    pub epoch: u32,
    /// The numbers of the batches from the last report on.
    pub from: usize,
    pub to: usize,
    /// Infinite if no tick has passed.
    pub samples_per_second: f32,
}

impl<C: FnMut() -> u32, R: FnMut(Speed, &dyn Evaluate)> Speedometer<C, R> {
    /// Every `frequent` batches, at least after each.
    pub fn new(frequent: usize, ticks_per_second: u32, clock: C, report: R) -> Self {
        Speedometer {
            clock,
            ticks_per_second,
            frequent: frequent.max(1),
            auto_reset: true,
            report,
            started: None,
            last: 0,
        }
    }

    /// Leaves the metric as it is.
    pub fn keep_metric(self) -> Self {
        Speedometer {
            auto_reset: false,
            ..self
        }
    }
}

impl<M: Model, C: FnMut() -> u32, R: FnMut(Speed, &dyn Evaluate)> Callback<M>
    for Speedometer<C, R>
{
    fn batch_end(
        &mut self,
        module: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let count = event.nbatch;
        if self.last > count {
            self.started = None;
        }
        self.last = count;
        let Some(started) = self.started else {
            self.started = Some((self.clock)());
            return ControlFlow::Continue(());
        };
        if count.checked_rem(self.frequent) == Some(0) {
            let ticks = (self.clock)().wrapping_sub(started);
            let samples = self.frequent as f32 * module.plan().batch_size as f32;
            let seconds = ticks as f32 / self.ticks_per_second as f32;
            let speed = Speed {
                epoch: event.epoch,
                from: count.saturating_sub(self.frequent),
                to: count,
                samples_per_second: samples / seconds,
            };
            (self.report)(speed, &*metric);
            if self.auto_reset {
                metric.clear_local();
            }
            self.started = Some((self.clock)());
        }
        ControlFlow::Continue(())
    }
}
