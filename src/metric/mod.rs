//! Metrics: MXNet 1.9.1's `mx.metric`, without a heap and without a panic.
//!
//! A metric takes the labels and one output of the module, batch by batch, and keeps a sum and a count: once since
//! [`Metric::reset_local`] and once since [`Metric::reset`].
//!
//! ```
//! use tinpail::metric::{Accuracy, Metric};
//!
//! let mut accuracy = Accuracy::new();
//! accuracy.update(&[1, 0], &[0.2, 0.8, 0.4, 0.6])?; // two labels, two rows of two classes
//! assert_eq!(accuracy.get(), 0.5);
//! # Ok::<(), tinpail::metric::MetricError>(())
//! ```
//!
//! # Formulas
//!
//! From `python/mxnet/metric.py` of tag 1.9.1; p is the prediction for the label's class, N the labels of an update.
//!
//! | MXNet's name | here | added to the sum | to the count | value |
//! | --- | --- | --- | --- | --- |
//! | `acc`, `accuracy` | [`Accuracy`] | labels equal to the row's argmax | N | sum / count |
//! | `top_k_accuracy` | [`TopK`] | labels among the row's k largest | N | sum / count |
//! | `ce`, `cross-entropy` | [`CrossEntropy`] | sum of -ln(p + eps) | N | sum / count |
//! | `nll_loss` | [`NegativeLogLikelihood`] | the same | N | sum / count |
//! | `perplexity` | [`Perplexity`] | sum of -ln(max(1e-10, p)) where the label is not ignored | labels not ignored | exp(sum / count) |
//! | `mse` | [`Mse`] | mean of (label - prediction)^2 | 1 | sum / count |
//! | `mae` | [`Mae`] | mean of abs(label - prediction) | 1 | sum / count |
//! | `rmse` | [`Rmse`] | root of that update's mse | 1 | sum / count |
//! | `f1`, `mcc` | [`F1`], [`Mcc`] | see [`Average`] | | sum / count |
//! | `pearsonr` | [`Pearson`] | correlation within the update | 1 | sum / count |
//! | `loss` | [`Loss`] | sum of the predictions | predictions | sum / count |
//!
//! MXNet's `CompositeEvalMetric` is a tuple ([`Evaluate`]); its `CustomMetric` is an implementation of [`Metric`]
//! over [`Sums`]. `pcc` (a matrix that grows), micro-averaged `pearsonr`, `torch` and `caffe` are not here.
//!
//! # Numbers
//!
//! Sums are f64, as in MXNet: on a chip without f64 an addition for each label. ln, exp and sqrt are [`Math`]'s, in f32;
//! MXNet takes ln and roots of f32 arrays too, but adds an update's terms in f32. With libm the values are within 2e-5 + 1e-5 |x|
//! of MXNet's, with micromath within `math`'s table.
//!
//! # Differences from MXNet
//!
//! - Slices have no shapes: predictions are rows of classes, one row for each label; nothing is broadcast.
//! - A label without a prediction is an error in [`CrossEntropy`] and [`Perplexity`]; MXNet takes the last class for -1
//!   in the former, and the nearest class in the latter. [`Accuracy`] and [`TopK`] count such a label as missed, as MXNet does.
//! - Ties in [`TopK`] go to the lower class; in MXNet they are arbitrary.
//! - An update without labels is an error; in MXNet it can make the sum NaN for good.
//! - An error leaves the sums as they were.

mod binary;
mod classification;
mod evaluate;
mod likelihood;
mod regression;
mod sums;

pub use binary::{Average, F1, Mcc};
pub use classification::{Accuracy, TopK};
pub use evaluate::{Evaluate, Of};
pub use likelihood::{CrossEntropy, NegativeLogLikelihood, Perplexity};
pub use regression::{Loss, Mae, Mse, Pearson, Rmse};
pub use sums::{Sum, Sums};

use crate::arena::Tensor;
#[cfg(doc)]
use crate::math::Math;

/// A metric: a sum and a count that updates add to.
pub trait Metric {
    /// Class labels (`u16`, -1 is 0xFFFF) or values (`f32`).
    type Label: Label;

    /// Adds one batch. Nothing is added if it is refused.
    fn update(&mut self, labels: &[Self::Label], predictions: &[f32]) -> Result<(), MetricError>;

    /// What was added so far.
    fn sums(&self) -> &Sums;

    /// Forgets everything.
    fn reset(&mut self);

    /// Forgets what [`Metric::get`] returns, not what [`Metric::get_global`] does.
    fn reset_local(&mut self);

    /// The metric of a sum.
    fn value(&self, sum: Sum) -> f64 {
        sum.mean()
    }

    /// The value since the last `reset_local`; NaN if nothing was counted.
    fn get(&self) -> f64 {
        self.value(self.sums().local)
    }

    /// The value since the last `reset`; NaN if nothing was counted.
    fn get_global(&self) -> f64 {
        self.value(self.sums().global)
    }

    /// As [`Metric::update`], with the labels of a [`Batch`](crate::Batch).
    fn update_tensor(
        &mut self,
        labels: Tensor<'_>,
        predictions: &[f32],
    ) -> Result<(), MetricError> {
        let labels = Self::Label::of(labels).ok_or(MetricError::Kind)?;
        self.update(labels, predictions)
    }
}

/// What labels are made of: `u16` or `f32`.
pub trait Label: Copy {
    /// The tensor's values, if they are of this type.
    fn of(tensor: Tensor<'_>) -> Option<&[Self]>
    where
        Self: Sized;
}

impl Label for u16 {
    fn of(tensor: Tensor<'_>) -> Option<&[Self]> {
        match tensor {
            Tensor::U16(values) => Some(values),
            Tensor::F32(_) => None,
        }
    }
}

impl Label for f32 {
    fn of(tensor: Tensor<'_>) -> Option<&[Self]> {
        match tensor {
            Tensor::F32(values) => Some(values),
            Tensor::U16(_) => None,
        }
    }
}

/// An update is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MetricError {
    /// There is nothing to measure.
    #[error("there is nothing to measure")]
    Empty,
    /// The predictions are not one row for each label, or not one value for each.
    #[error("{predictions} predictions do not go with {labels} labels")]
    Len { labels: usize, predictions: usize },
    /// Label `at` has no prediction: the rows have `classes`.
    #[error("label {at} is {label}, of {classes} classes")]
    Range {
        at: usize,
        label: u16,
        classes: usize,
    },
    /// Label `at` is the third class of a metric for two.
    #[error("label {at}, {label}, is a third class")]
    NotBinary { at: usize, label: u16 },
    /// `TopK` needs rows of `needed` classes.
    #[error("rows of {needed} classes are needed, these have {found}")]
    Classes { needed: usize, found: usize },
    /// f32 labels where integers are needed, or the reverse.
    #[error("the labels are of the other type: f32 or u16")]
    Kind,
    /// The batch has not as many labels as there are outputs: [`Of`] picks one of each.
    #[error("there are {labels} labels for {outputs} outputs")]
    Outputs { labels: usize, outputs: usize },
    /// There is no output of this index, or no forward computed it.
    #[error("there is no output {index}")]
    Output { index: usize },
    /// There is no label of this index.
    #[error("there is no label {index}")]
    Label { index: usize },
}

/// The number of classes in each label's row.
fn classes(labels: &[u16], predictions: &[f32]) -> Result<usize, MetricError> {
    let wrong = MetricError::Len {
        labels: labels.len(),
        predictions: predictions.len(),
    };
    let classes = predictions
        .len()
        .checked_div(labels.len())
        .ok_or(MetricError::Empty)?;
    match classes.checked_mul(labels.len()) {
        Some(len) if len == predictions.len() && len > 0 => Ok(classes),
        _ => Err(wrong),
    }
}

/// The first of the largest values; the first NaN, if there is one, as in MXNet and numpy.
fn argmax(row: &[f32]) -> usize {
    let (mut best, mut largest) = (0, f32::NEG_INFINITY);
    for (class, value) in row.iter().enumerate() {
        if value.is_nan() {
            return class;
        }
        if *value > largest {
            (best, largest) = (class, *value);
        }
    }
    best
}

/// The methods of [`Metric`] over a field `sums`.
macro_rules! over_sums {
    () => {
        fn sums(&self) -> &$crate::metric::Sums {
            &self.sums
        }

        fn reset(&mut self) {
            self.sums = $crate::metric::Sums::default();
        }

        fn reset_local(&mut self) {
            self.sums.local = $crate::metric::Sum::default();
        }
    };
}
use over_sums;
