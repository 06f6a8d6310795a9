//! Scores of a decision between two classes. N labels, C classes.

use super::{Metric, MetricError, Sum, Sums, argmax, classes};
use crate::kernel::rows::rows;
use crate::math::Math;

/// How updates come together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// The mean of each update's score.
    #[default]
    Macro,
    /// The score of all labels together.
    Micro,
}

/// 2 precision recall / (precision + recall), of class 1; 0 where nothing was found.
///
/// The labels of an update may have two values; those that are not 1 are negative.
#[derive(Clone, Copy, Debug, Default)]
pub struct F1 {
    scores: Scores,
}

impl F1 {
    pub fn new(average: Average) -> Self {
        let scores = Scores::new(average);
        Self { scores }
    }
}

impl Metric for F1 {
    type Label = u16;

    fn update(&mut self, labels: &[u16], predictions: &[f32]) -> Result<(), MetricError> {
        self.scores.update(labels, predictions, Confusion::f1)
    }

    fn sums(&self) -> &Sums {
        &self.scores.sums
    }

    fn reset(&mut self) {
        *self = Self::new(self.scores.average);
    }

    fn reset_local(&mut self) {
        self.scores.reset_local();
    }
}

/// Matthews' correlation coefficient,
/// (tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn)), where factors of zero are left out.
///
/// The labels of an update may have two values; those that are not 1 are negative.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mcc {
    math: Math,
    scores: Scores,
}

impl Mcc {
    pub fn new(average: Average, math: Math) -> Self {
        let scores = Scores::new(average);
        Self { math, scores }
    }
}

impl Metric for Mcc {
    type Label = u16;

    fn update(&mut self, labels: &[u16], predictions: &[f32]) -> Result<(), MetricError> {
        let math = self.math;
        self.scores
            .update(labels, predictions, |counts| counts.mcc(math))
    }

    fn sums(&self) -> &Sums {
        &self.scores.sums
    }

    fn reset(&mut self) {
        *self = Self::new(self.scores.average, self.math);
    }

    fn reset_local(&mut self) {
        self.scores.reset_local();
    }
}

/// Decisions by what they were and should have been.
#[derive(Clone, Copy, Debug, Default)]
struct Confusion {
    true_positives: u64,
    false_positives: u64,
    false_negatives: u64,
    true_negatives: u64,
}

impl Confusion {
    fn of(labels: &[u16], predictions: &[f32]) -> Result<Self, MetricError> {
        let classes = classes(labels, predictions)?; // (N, C)
        at_most_two(labels)?;
        let mut counts = Self::default();
        for (label, row) in labels.iter().zip(rows(predictions, classes)) {
            let count = match (argmax(row) == 1, *label == 1) {
                (true, true) => &mut counts.true_positives,
                (true, false) => &mut counts.false_positives,
                (false, true) => &mut counts.false_negatives,
                (false, false) => &mut counts.true_negatives,
            };
            *count += 1;
        }
        Ok(counts)
    }

    fn add(&mut self, other: Self) {
        for (sum, count) in [
            (&mut self.true_positives, other.true_positives),
            (&mut self.false_positives, other.false_positives),
            (&mut self.false_negatives, other.false_negatives),
            (&mut self.true_negatives, other.true_negatives),
        ] {
            *sum = sum.saturating_add(count);
        }
    }

    /// True and false positives, false and true negatives.
    fn as_f64(&self) -> [f64; 4] {
        [
            self.true_positives as f64,
            self.false_positives as f64,
            self.false_negatives as f64,
            self.true_negatives as f64,
        ]
    }

    fn total(&self) -> u64 {
        self.true_positives
            .saturating_add(self.false_positives)
            .saturating_add(self.false_negatives)
            .saturating_add(self.true_negatives)
    }

    fn f1(&self) -> f64 {
        let [tp, fp, fneg, _] = self.as_f64();
        let share = |of: f64| if of > 0.0 { tp / of } else { 0.0 };
        let (precision, recall) = (share(tp + fp), share(tp + fneg));
        if precision + recall > 0.0 {
            2.0 * precision * recall / (precision + recall)
        } else {
            0.0
        }
    }

    fn mcc(&self, math: Math) -> f64 {
        let [tp, fp, fneg, tn] = self.as_f64();
        let factor = |x: f64| if x == 0.0 { 1.0 } else { x };
        // Two roots: the product of four counts could leave f32's range.
        let root = |a: f64, b: f64| f64::from(math.sqrt((factor(a) * factor(b)) as f32));
        let root = root(tp + fp, tp + fneg) * root(tn + fp, tn + fneg);
        (tp * tn - fp * fneg) / root
    }
}

/// At most two values among the labels.
fn at_most_two(labels: &[u16]) -> Result<(), MetricError> {
    let (mut first, mut second) = (None, None);
    for (at, label) in labels.iter().copied().enumerate() {
        let first = *first.get_or_insert(label);
        if label != first && label != *second.get_or_insert(label) {
            return Err(MetricError::NotBinary { at, label });
        }
    }
    Ok(())
}

/// What [`F1`] and [`Mcc`] have in common.
#[derive(Clone, Copy, Debug, Default)]
struct Scores {
    average: Average,
    sums: Sums,
    /// For [`Average::Micro`].
    local: Confusion,
    global: Confusion,
}

impl Scores {
    fn new(average: Average) -> Self {
        Self {
            average,
            ..Self::default()
        }
    }

    fn update(
        &mut self,
        labels: &[u16],
        predictions: &[f32],
        score: impl Fn(&Confusion) -> f64,
    ) -> Result<(), MetricError> {
        let counts = Confusion::of(labels, predictions)?;
        match self.average {
            Average::Macro => self.sums.add(score(&counts), 1),
            Average::Micro => {
                let pooled = |all: &mut Confusion| {
                    all.add(counts);
                    let count = all.total();
                    let sum = score(all) * count as f64;
                    Sum { sum, count }
                };
                self.sums.local = pooled(&mut self.local);
                self.sums.global = pooled(&mut self.global);
            }
        }
        Ok(())
    }

    fn reset_local(&mut self) {
        self.sums.local = Sum::default();
        self.local = Confusion::default();
    }
}
