//! How far predictions are from values, and the sum of a loss that the network computes itself.

use super::{Label, Metric, MetricError, Sums, over_sums};
use crate::arena::Tensor;
use crate::math::Math;

/// The mean over updates of the mean of (label - prediction)^2.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mse {
    sums: Sums,
}

impl Mse {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Metric for Mse {
    type Label = f32;

    fn update(&mut self, labels: &[f32], predictions: &[f32]) -> Result<(), MetricError> {
        let mean = mean(labels, predictions, square)?;
        self.sums.add(mean, 1);
        Ok(())
    }

    over_sums!();
}

/// The mean over updates of the mean of abs(label - prediction).
#[derive(Clone, Copy, Debug, Default)]
pub struct Mae {
    sums: Sums,
}

impl Mae {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Metric for Mae {
    type Label = f32;

    fn update(&mut self, labels: &[f32], predictions: &[f32]) -> Result<(), MetricError> {
        let mean = mean(labels, predictions, f32::abs)?;
        self.sums.add(mean, 1);
        Ok(())
    }

    over_sums!();
}

/// The mean over updates of the root of the mean of (label - prediction)^2; not the root of [`Mse`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Rmse {
    math: Math,
    sums: Sums,
}

impl Rmse {
    pub fn new(math: Math) -> Self {
        let sums = Sums::default();
        Self { math, sums }
    }
}

impl Metric for Rmse {
    type Label = f32;

    fn update(&mut self, labels: &[f32], predictions: &[f32]) -> Result<(), MetricError> {
        let mean = mean(labels, predictions, square)? as f32;
        self.sums.add(f64::from(self.math.sqrt(mean)), 1);
        Ok(())
    }

    over_sums!();
}

fn square(x: f32) -> f32 {
    x * x
}

/// One value for each label, of which there are some.
fn check(labels: &[f32], predictions: &[f32]) -> Result<(), MetricError> {
    let (labels, predictions) = (labels.len(), predictions.len());
    match (labels, predictions) {
        (0, _) => Err(MetricError::Empty),
        (labels, predictions) if labels == predictions => Ok(()),
        _ => Err(MetricError::Len {
            labels,
            predictions,
        }),
    }
}

/// The mean of `term` over the differences.
fn mean(
    labels: &[f32],
    predictions: &[f32],
    term: impl Fn(f32) -> f32,
) -> Result<f64, MetricError> {
    check(labels, predictions)?;
    let sum = labels.iter().zip(predictions);
    let sum: f64 = sum.map(|(y, p)| f64::from(term(y - p))).sum();
    Ok(sum / labels.len() as f64)
}

/// The mean over updates of Pearson's correlation of labels and predictions (MXNet's default, macro); NaN, and NaN from
/// then on, where either is constant, as in MXNet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pearson {
    math: Math,
    sums: Sums,
}

impl Pearson {
    pub fn new(math: Math) -> Self {
        let sums = Sums::default();
        Self { math, sums }
    }
}

impl Metric for Pearson {
    type Label = f32;

    fn update(&mut self, labels: &[f32], predictions: &[f32]) -> Result<(), MetricError> {
        check(labels, predictions)?;
        let mean = |values: &[f32]| {
            let sum: f64 = values.iter().map(|x| f64::from(*x)).sum();
            sum / values.len() as f64
        };
        let (label_mean, prediction_mean) = (mean(labels), mean(predictions));
        let (mut yy, mut pp, mut yp) = (0.0, 0.0, 0.0);
        for (y, p) in labels.iter().zip(predictions) {
            let (y, p) = (f64::from(*y) - label_mean, f64::from(*p) - prediction_mean);
            yy += y * y;
            pp += p * p;
            yp += y * p;
        }
        let root = |x: f64| f64::from(self.math.sqrt(x as f32));
        self.sums.add(yp / (root(yy) * root(pp)), 1);
        Ok(())
    }

    over_sums!();
}

/// The mean of the predictions, for networks whose output is a loss. Labels are not looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loss {
    sums: Sums,
}

impl Loss {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Metric for Loss {
    type Label = f32;

    fn update(&mut self, _: &[f32], predictions: &[f32]) -> Result<(), MetricError> {
        if predictions.is_empty() {
            return Err(MetricError::Empty);
        }
        let sum = predictions.iter().map(|p| f64::from(*p)).sum();
        self.sums.add(sum, predictions.len() as u64);
        Ok(())
    }

    fn update_tensor(
        &mut self,
        labels: Tensor<'_>,
        predictions: &[f32],
    ) -> Result<(), MetricError> {
        self.update(f32::of(labels).unwrap_or(&[]), predictions)
    }

    over_sums!();
}
