//! Callbacks: MXNet's `mx.callback`, through the `log` crate.
//!
//! | MXNet | here |
//! | --- | --- |
//! | what `fit` logs itself | [`LogEpochs`] |
//! | `Speedometer` | [`Speedometer`] |
//! | `log_train_metric` | [`LogTrainMetric`] |
//! | `LogValidationMetricsCallback` | [`LogValidationMetrics`] |
//! | `ProgressBar` | [`ProgressBar`] |
//! | `do_checkpoint`, `module_checkpoint` | [`Checkpoints`] |
//!
//! Metrics have no names on the device, so each of them is given names.

mod checkpoint;
mod log_lines;
mod progress;

pub use checkpoint::Checkpoints;
pub use log_lines::{LogEpochs, LogTrainMetric, LogValidationMetrics, Speedometer};
pub use progress::ProgressBar;

use std::ops::ControlFlow;

use tinpail::callback::{Callback, Event};
use tinpail::metric::Evaluate;
use tinpail::{BucketingModule, Model};

/// A callback that is lent, or none.
pub(crate) struct Lent<'c, M: Model>(pub Option<&'c mut dyn Callback<M>>);

macro_rules! lend {
    ($($method:ident),*) => {
        impl<M: Model> Callback<M> for Lent<'_, M> {
            $(fn $method(
                &mut self,
                module: &mut BucketingModule<'_, M>,
                event: Event,
                metric: &mut dyn Evaluate,
            ) -> ControlFlow<()> {
                match &mut self.0 {
                    Some(callback) => callback.$method(module, event, metric),
                    None => ControlFlow::Continue(()),
                }
            })*
        }
    };
}

lend!(batch_end, epoch_end, eval_batch_end, eval_end);

/// Python's `%f`.
pub(crate) fn fixed(value: f64) -> String {
    match value.is_nan() {
        true => "nan".into(),
        false => format!("{value:.6}"),
    }
}
