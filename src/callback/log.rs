//! `fit`'s lines, by defmt.

use core::ops::ControlFlow;

use super::{Callback, Event};
use crate::metric::Evaluate;
use crate::model::Model;
use crate::module::BucketingModule;

/// Logs MXNet's lines after each epoch and its validation, one for each metric: `Epoch[0] Train-0=6.809810`, `Epoch[0]
/// Validation-0=5.896085`. Metrics have numbers on the device, not names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl<M: Model> Callback<M> for Log {
    fn epoch_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        for index in 0..metric.metrics() {
            let value = metric.global(index);
            defmt::info!("Epoch[{}] Train-{}={}", event.epoch, index, value);
        }
        ControlFlow::Continue(())
    }

    fn eval_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        for index in 0..metric.metrics() {
            let value = metric.global(index);
            defmt::info!("Epoch[{}] Validation-{}={}", event.epoch, index, value);
        }
        ControlFlow::Continue(())
    }
}
