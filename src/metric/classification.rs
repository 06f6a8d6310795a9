//! How many labels are predicted. N labels, C classes.

use super::{Metric, MetricError, Sums, argmax, classes, over_sums};
use crate::kernel::rows::rows;

/// The share of labels that are their row's largest prediction.
///
/// Labels for padding (0xFFFF) count, as missed; so do labels beyond the classes. With one prediction for each label the
/// predictions are classes themselves, rounded towards zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accuracy {
    sums: Sums,
}

impl Accuracy {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Metric for Accuracy {
    type Label = u16;

    fn update(&mut self, labels: &[u16], predictions: &[f32]) -> Result<(), MetricError> {
        let classes = classes(labels, predictions)?; // (N, C)
        let correct = labels
            .iter()
            .zip(rows(predictions, classes))
            .filter(|(label, row)| match **row {
                [class] => is_class(class, **label),
                ref row => argmax(row) == usize::from(**label),
            })
            .count();
        self.sums.add(correct as f64, labels.len() as u64);
        Ok(())
    }

    over_sums!();
}

/// Whether a prediction that is itself a class is this label.
fn is_class(class: f32, label: u16) -> bool {
    let label = match label {
        u16::MAX => -1,
        label => i32::from(label),
    };
    !class.is_nan() && class as i32 == label
}

/// The share of labels among the k largest predictions of their row. Labels beyond the classes count, as missed.
#[derive(Clone, Copy, Debug)]
pub struct TopK {
    k: usize,
    sums: Sums,
}

impl TopK {
    /// None for k of 0 and 1: that is [`Accuracy`].
    pub fn new(k: usize) -> Option<Self> {
        let sums = Sums::default();
        (k > 1).then_some(Self { k, sums })
    }

    pub fn k(&self) -> usize {
        self.k
    }
}

impl Metric for TopK {
    type Label = u16;

    fn update(&mut self, labels: &[u16], predictions: &[f32]) -> Result<(), MetricError> {
        let classes = classes(labels, predictions)?; // (N, C)
        if classes < self.k {
            return Err(MetricError::Classes {
                needed: self.k,
                found: classes,
            });
        }
        let correct = labels
            .iter()
            .zip(rows(predictions, classes))
            .filter(|(label, row)| rank(row, usize::from(**label)).is_some_and(|r| r < self.k))
            .count();
        self.sums.add(correct as f64, labels.len() as u64);
        Ok(())
    }

    over_sums!();
}

/// How many predictions come before `class`'s: larger ones, NaN, and equal ones of lower classes.
fn rank(row: &[f32], class: usize) -> Option<usize> {
    let own = *row.get(class)?;
    let before = |(other, value): &(usize, &f32)| {
        let value = **value;
        let equal = value == own || (value.is_nan() && own.is_nan());
        (equal && *other < class) || value > own || (value.is_nan() && !own.is_nan())
    };
    Some(row.iter().enumerate().filter(before).count())
}
