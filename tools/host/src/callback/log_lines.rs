//! What MXNet logs while it trains, line by line.

use std::ops::ControlFlow;
use std::time::Instant;

use log::info;
use tinpail::callback::{Callback, Event};
use tinpail::metric::Evaluate;
use tinpail::{BucketingModule, Model};

use super::fixed;

/// After each epoch `Epoch[0] Train-accuracy=0.348276` and `Epoch[0] Time cost=0.012`, after its validation
/// `Epoch[0] Validation-accuracy=0.351351`.
pub struct LogEpochs {
    names: Vec<String>,
    validation_names: Vec<String>,
    started: Option<Instant>,
}

impl LogEpochs {
    /// For metrics of these names.
    pub fn new(names: Vec<String>, validation_names: Vec<String>) -> Self {
        LogEpochs {
            names,
            validation_names,
            started: Some(Instant::now()),
        }
    }
}

impl<M: Model> Callback<M> for LogEpochs {
    fn batch_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        _: Event,
        _: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        self.started.get_or_insert_with(Instant::now);
        ControlFlow::Continue(())
    }

    fn epoch_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let epoch = event.epoch;
        for (index, name) in self.names.iter().enumerate() {
            info!(
                "Epoch[{epoch}] Train-{name}={}",
                fixed(metric.global(index))
            );
        }
        if let Some(started) = self.started.take() {
            let seconds = started.elapsed().as_secs_f64();
            info!("Epoch[{epoch}] Time cost={seconds:.3}");
        }
        ControlFlow::Continue(())
    }

    fn eval_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        validation(&self.validation_names, event, metric)
    }
}

fn validation(names: &[String], event: Event, metric: &dyn Evaluate) -> ControlFlow<()> {
    for (index, name) in names.iter().enumerate() {
        let value = fixed(metric.global(index));
        info!("Epoch[{}] Validation-{name}={value}", event.epoch);
    }
    ControlFlow::Continue(())
}

/// After `score`, one line for each metric: `Epoch[0] Validation-accuracy=0.351351`.
pub struct LogValidationMetrics(pub Vec<String>);

impl<M: Model> Callback<M> for LogValidationMetrics {
    fn eval_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        validation(&self.0, event, metric)
    }
}

/// Every `period` batches `Iter[0] Batch[10] Train-accuracy=0.400000`.
pub struct LogTrainMetric {
    names: Vec<String>,
    period: usize,
    auto_reset: bool,
}

impl LogTrainMetric {
    /// At least every batch; with `auto_reset` the metric is reset locally after each.
    pub fn new(names: Vec<String>, period: usize, auto_reset: bool) -> Self {
        LogTrainMetric {
            names,
            period: period.max(1),
            auto_reset,
        }
    }
}

impl<M: Model> Callback<M> for LogTrainMetric {
    fn batch_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let Event { epoch, nbatch, .. } = event;
        if nbatch.is_multiple_of(self.period) {
            for (index, name) in self.names.iter().enumerate() {
                let value = fixed(metric.local(index));
                info!("Iter[{epoch}] Batch[{nbatch}] Train-{name}={value}");
            }
            if self.auto_reset {
                metric.clear_local();
            }
        }
        ControlFlow::Continue(())
    }
}

/// Every `frequent` batches `Epoch[0] Batch [0-50]`, then after a tab each `Speed: 1910.41 samples/sec` and
/// `accuracy=0.200000`; the first batch of an epoch starts the clock.
pub struct Speedometer {
    names: Vec<String>,
    batch_size: usize,
    frequent: usize,
    auto_reset: bool,
    started: Option<Instant>,
    last: usize,
}

impl Speedometer {
    /// MXNet's defaults: `frequent` 50, and with `auto_reset` the metric is reset locally after each line.
    pub fn new(names: Vec<String>, batch_size: usize, frequent: usize, auto_reset: bool) -> Self {
        Speedometer {
            names,
            batch_size,
            frequent: frequent.max(1),
            auto_reset,
            started: None,
            last: 0,
        }
    }
}

impl<M: Model> Callback<M> for Speedometer {
    fn batch_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let count = event.nbatch;
        if self.last > count {
            self.started = None;
        }
        self.last = count;
        let Some(started) = self.started else {
            self.started = Some(Instant::now());
            return ControlFlow::Continue(());
        };
        if count.is_multiple_of(self.frequent) {
            let samples = (self.frequent * self.batch_size) as f64;
            let speed = samples / started.elapsed().as_secs_f64();
            let from = if self.auto_reset {
                count - self.frequent
            } else {
                0
            };
            let mut line = format!(
                "Epoch[{}] Batch [{from}-{count}]\tSpeed: {speed:.2} samples/sec",
                event.epoch
            );
            for (index, name) in self.names.iter().enumerate() {
                line += &format!("\t{name}={}", fixed(metric.local(index)));
            }
            info!("{line}");
            if self.auto_reset {
                metric.clear_local();
            }
            self.started = Some(Instant::now());
        }
        ControlFlow::Continue(())
    }
}
