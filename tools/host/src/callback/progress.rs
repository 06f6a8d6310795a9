//! A bar that grows with the batches of an epoch.

use std::ops::ControlFlow;

use indicatif::{ProgressBar as Bar, ProgressStyle};
use tinpail::callback::{Callback, Event};
use tinpail::metric::Evaluate;
use tinpail::{BucketingModule, Model};

use super::fixed;

/// MXNet's `ProgressBar`: one bar for each epoch, on stderr; none where that is no terminal.
pub struct ProgressBar {
    names: Vec<String>,
    total: u64,
    bar: Option<Bar>,
}

impl ProgressBar {
    /// For epochs of `total` batches.
    pub fn new(names: Vec<String>, total: usize) -> Self {
        ProgressBar {
            names,
            total: total as u64,
            bar: None,
        }
    }
}

impl<M: Model> Callback<M> for ProgressBar {
    fn batch_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{prefix} [{bar:32}] {pos}/{len} {msg}");
            let bar = Bar::new(self.total);
            bar.set_prefix(format!("Epoch[{}]", event.epoch));
            // The template above is one that indicatif takes.
            style.map_or(bar.clone(), |style| bar.with_style(style))
        });
        let values = self.names.iter().enumerate();
        let values = values.map(|(index, name)| format!("{name}={}", fixed(metric.local(index))));
        bar.set_message(values.collect::<Vec<String>>().join(" "));
        bar.set_position(event.nbatch as u64 + 1);
        ControlFlow::Continue(())
    }

    fn epoch_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        _: Event,
        _: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        ControlFlow::Continue(())
    }
}
