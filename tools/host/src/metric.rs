//! Metrics by MXNet's names.

use tinpail::Tensor;
use tinpail::math::Math;
use tinpail::metric::{
    Accuracy, Average, CrossEntropy, Evaluate, F1, Loss, Mae, Mcc, Metric, MetricError, Mse,
    NegativeLogLikelihood, Of, Pearson, Perplexity, Rmse, TopK,
};
use tinpail::module::Outputs;

/// Metrics with names, side by side: MXNet's `CompositeEvalMetric`.
#[derive(Default)]
pub struct Metrics {
    entries: Vec<(String, Box<dyn Evaluate>)>,
}

/// A name that `mx.metric.create` does not know, or an argument that it does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no metric {0}; those with names are {NAMES}")]
pub struct UnknownMetric(pub String);

const NAMES: &str = "acc, top_k_accuracy:K, ce, nll_loss, perplexity, perplexity:IGNORED_LABEL, f1, mcc, mse, mae, rmse, pearsonr, loss";

impl Metrics {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The metrics of these names, with MXNet's default arguments, of label 0 and output 0.
    ///
    /// # Errors
    ///
    /// [`UnknownMetric`].
    pub fn create<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, UnknownMetric> {
        let mut metrics = Metrics::new();
        for name in names {
            metrics
                .add(name)
                .ok_or_else(|| UnknownMetric(name.into()))?;
        }
        Ok(metrics)
    }

    /// The same, and `metric` under `name`.
    pub fn with(mut self, name: &str, metric: impl Evaluate + 'static) -> Self {
        self.entries.push((name.into(), Box::new(metric)));
        self
    }

    fn add(&mut self, text: &str) -> Option<()> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument.parse::<u16>().ok()?)),
            None => (text, None),
        };
        let math = Math::default();
        match (name, argument) {
            ("acc" | "accuracy", None) => self.push("accuracy", Accuracy::new()),
            ("top_k_accuracy" | "top_k_acc", Some(k)) => {
                self.push(&format!("top_k_accuracy_{k}"), TopK::new(k.into())?);
            }
            ("ce" | "cross-entropy", None) => {
                self.push("cross-entropy", CrossEntropy::new(1e-12, math));
            }
            ("nll_loss" | "nll-loss", None) => {
                self.push("nll-loss", NegativeLogLikelihood::new(1e-12, math));
            }
            ("perplexity", ignored) => self.push("perplexity", Perplexity::new(ignored, math)),
            ("f1", None) => self.push("f1", F1::new(Average::Macro)),
            ("mcc", None) => self.push("mcc", Mcc::new(Average::Macro, math)),
            ("mse", None) => self.push("mse", Mse::new()),
            ("mae", None) => self.push("mae", Mae::new()),
            ("rmse", None) => self.push("rmse", Rmse::new(math)),
            ("pearsonr", None) => self.push("pearsonr", Pearson::new(math)),
            ("loss", None) => {
                let loss = Of {
                    metric: Loss::new(),
                    label: None,
                    output: 0,
                };
                self.entries.push(("loss".into(), Box::new(loss)));
            }
            _ => return None,
        }
        Some(())
    }

    fn push(&mut self, name: &str, metric: impl Metric + 'static) {
        let first = Of {
            metric,
            label: Some(0),
            output: 0,
        };
        self.entries.push((name.into(), Box::new(first)));
    }

    /// The names, as MXNet logs them.
    pub fn names(&self) -> Vec<String> {
        self.entries.iter().map(|(name, _)| name.clone()).collect()
    }

    /// MXNet's `get_name_value`: since the last local reset.
    pub fn get_name_value(&self) -> Vec<(String, f64)> {
        self.values(|metric| metric.local(0))
    }

    /// MXNet's `get_global_name_value`.
    pub fn get_global_name_value(&self) -> Vec<(String, f64)> {
        self.values(|metric| metric.global(0))
    }

    fn values(&self, value: impl Fn(&dyn Evaluate) -> f64) -> Vec<(String, f64)> {
        let entries = self.entries.iter();
        entries
            .map(|(name, metric)| (name.clone(), value(metric.as_ref())))
            .collect()
    }
}

impl Evaluate for Metrics {
    fn evaluate(
        &mut self,
        labels: &[Tensor<'_>],
        outputs: &Outputs<'_>,
    ) -> Result<(), MetricError> {
        let mut metrics = self.entries.iter_mut();
        metrics.try_for_each(|(_, metric)| metric.evaluate(labels, outputs))
    }

    fn clear(&mut self) {
        self.entries
            .iter_mut()
            .for_each(|(_, metric)| metric.clear());
    }

    fn clear_local(&mut self) {
        let metrics = self.entries.iter_mut();
        metrics.for_each(|(_, metric)| metric.clear_local());
    }

    fn metrics(&self) -> usize {
        self.entries.len()
    }

    fn local(&self, index: usize) -> f64 {
        self.entries
            .get(index)
            .map_or(f64::NAN, |(_, metric)| metric.local(0))
    }

    fn global(&self, index: usize) -> f64 {
        self.entries
            .get(index)
            .map_or(f64::NAN, |(_, metric)| metric.global(0))
    }
}
