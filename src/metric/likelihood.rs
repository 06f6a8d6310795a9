//! How probable the labels are. N labels, C classes.

use super::{Metric, MetricError, Sum, Sums, classes, over_sums};
use crate::kernel::rows::rows;
use crate::math::Math;

/// The mean of -ln(p + eps).
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy {
    eps: f32,
    math: Math,
    sums: Sums,
}

/// MXNet's other name for the same sums.
pub type NegativeLogLikelihood = CrossEntropy;

impl CrossEntropy {
    /// What MXNet adds to probabilities unless told.
    pub const EPS: f32 = 1e-12;

    pub fn new(eps: f32, math: Math) -> Self {
        let sums = Sums::default();
        Self { eps, math, sums }
    }
}

impl Default for CrossEntropy {
    fn default() -> Self {
        Self::new(Self::EPS, Math::default())
    }
}

impl Metric for CrossEntropy {
    type Label = u16;

    fn update(&mut self, labels: &[u16], predictions: &[f32]) -> Result<(), MetricError> {
        let (sum, count) = sum(labels, predictions, None, |p| -self.math.ln(p + self.eps))?;
        self.sums.add(sum, count);
        Ok(())
    }

    over_sums!();
}

/// exp of the mean of -ln(max(1e-10, p)), over the labels that are not ignored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Perplexity {
    ignore_label: Option<u16>,
    math: Math,
    sums: Sums,
}

impl Perplexity {
    /// `ignore_label` is a class, or 0xFFFF for -1.
    pub fn new(ignore_label: Option<u16>, math: Math) -> Self {
        let sums = Sums::default();
        Self {
            ignore_label,
            math,
            sums,
        }
    }
}

impl Metric for Perplexity {
    type Label = u16;

    fn update(&mut self, labels: &[u16], predictions: &[f32]) -> Result<(), MetricError> {
        const LEAST: f32 = 1e-10;
        let (sum, count) = sum(labels, predictions, self.ignore_label, |p| {
            // NaN stays.
            -self.math.ln(if p < LEAST { LEAST } else { p })
        })?;
        self.sums.add(sum, count);
        Ok(())
    }

    fn value(&self, sum: Sum) -> f64 {
        f64::from(self.math.exp(sum.mean() as f32))
    }

    over_sums!();
}

/// The sum of `term` over the predictions for the labels other than `ignore`, and how many they are.
fn sum(
    labels: &[u16],
    predictions: &[f32],
    ignore: Option<u16>,
    term: impl Fn(f32) -> f32,
) -> Result<(f64, u64), MetricError> {
    let classes = classes(labels, predictions)?;
    let (mut sum, mut count) = (0.0, 0);
    for ((at, label), row) in labels.iter().enumerate().zip(rows(predictions, classes)) {
        if Some(*label) == ignore {
            continue;
        }
        let label = *label;
        let p = row
            .get(usize::from(label))
            .ok_or(MetricError::Range { at, label, classes })?;
        sum += f64::from(term(*p));
        count += 1;
    }
    Ok((sum, count))
}
