//! The metrics of each epoch, as lines and as JSON.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;

use serde::Serialize;
use tinpail::callback::{Callback, Event};
use tinpail::metric::Evaluate;
use tinpail::{BucketingModule, Model};

/// An epoch's metrics by name.
#[derive(Serialize)]
pub struct Epoch {
    epoch: u32,
    train: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    validation: BTreeMap<String, f64>,
}

/// Collects them, and prints them as they come where it is given something to print to.
pub struct Report<'o, W> {
    names: Vec<String>,
    out: Option<&'o mut W>,
    epochs: Vec<Epoch>,
    written: std::io::Result<()>,
}

impl<'o, W: Write> Report<'o, W> {
    pub fn new(names: Vec<String>, out: Option<&'o mut W>) -> Self {
        Report {
            names,
            out,
            epochs: Vec::new(),
            written: Ok(()),
        }
    }

    /// All epochs, or why they could not be printed.
    pub fn finish(self) -> std::io::Result<Vec<Epoch>> {
        self.written.map(|()| self.epochs)
    }

    fn values(&mut self, what: &str, event: Event, metric: &dyn Evaluate) -> BTreeMap<String, f64> {
        let mut values = BTreeMap::new();
        for (index, name) in self.names.iter().enumerate() {
            let value = metric.global(index);
            if let (Some(out), Ok(())) = (&mut self.out, &self.written) {
                let line = writeln!(out, "Epoch[{}] {what}-{name}={value:.6}", event.epoch);
                self.written = line.and_then(|()| out.flush());
            }
            values.insert(name.clone(), value);
        }
        values
    }

    /// Goes on unless nobody reads what is printed.
    fn flow(&self) -> ControlFlow<()> {
        match self.written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl<M: Model, W: Write> Callback<M> for Report<'_, W> {
    fn epoch_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let train = self.values("Train", event, metric);
        self.epochs.push(Epoch {
            epoch: event.epoch,
            train,
            validation: BTreeMap::new(),
        });
        self.flow()
    }

    fn eval_end(
        &mut self,
        _: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let validation = self.values("Validation", event, metric);
        if let Some(epoch) = self.epochs.last_mut() {
            epoch.validation = validation;
        }
        self.flow()
    }
}
