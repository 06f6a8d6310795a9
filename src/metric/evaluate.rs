//! What `fit` and `score` evaluate: one metric, several, or none.

use super::{Metric, MetricError};
use crate::arena::Tensor;
use crate::module::Outputs;

/// One metric or several, fed with a batch's labels and the module's outputs: what MXNet's module does with an
/// `EvalMetric`.
///
/// | value | what is measured |
/// | --- | --- |
/// | a [`Metric`] | label i and output i, for all of them; as many labels as outputs |
/// | [`Of`] | one label and one output, of several: MXNet's `label_names` and `output_names` |
/// | `(a, b)`, `(a, b, c)` | several: MXNet's `CompositeEvalMetric` |
/// | `()` | nothing |
pub trait Evaluate {
    /// Adds one batch.
    ///
    /// # Errors
    ///
    /// [`MetricError`]; the metrics and outputs before the one that is refused have been added.
    fn evaluate(&mut self, labels: &[Tensor<'_>], outputs: &Outputs<'_>)
    -> Result<(), MetricError>;

    /// Forgets everything: MXNet's `reset`.
    fn clear(&mut self);

    /// Forgets what [`local`](Self::local) returns: MXNet's `reset_local`.
    fn clear_local(&mut self);

    /// How many metrics there are.
    fn metrics(&self) -> usize;

    /// The value of metric `index` since the last `clear_local`; NaN if there is none, or nothing was counted.
    fn local(&self, index: usize) -> f64;

    /// The value of metric `index` since the last `clear`; NaN if there is none, or nothing was counted.
    fn global(&self, index: usize) -> f64;
}

impl<X: Metric> Evaluate for X {
    fn evaluate(
        &mut self,
        labels: &[Tensor<'_>],
        outputs: &Outputs<'_>,
    ) -> Result<(), MetricError> {
        if labels.len() != outputs.len() {
            return Err(MetricError::Outputs {
                labels: labels.len(),
                outputs: outputs.len(),
            });
        }
        for (index, labels) in labels.iter().enumerate() {
            let predictions = outputs.get(index).ok_or(MetricError::Output { index })?;
            self.update_tensor(*labels, predictions)?;
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.reset();
    }

    fn clear_local(&mut self) {
        self.reset_local();
    }

    fn metrics(&self) -> usize {
        1
    }

    fn local(&self, index: usize) -> f64 {
        if index == 0 { self.get() } else { f64::NAN }
    }

    fn global(&self, index: usize) -> f64 {
        if index == 0 {
            self.get_global()
        } else {
            f64::NAN
        }
    }
}

/// A metric of one output.
#[derive(Clone, Copy, Debug)]
pub struct Of<X> {
    pub metric: X,
    /// The label; `None` for a metric that looks at none, as [`Loss`](super::Loss).
    pub label: Option<usize>,
    pub output: usize,
}

impl<X: Metric> Evaluate for Of<X> {
    fn evaluate(
        &mut self,
        labels: &[Tensor<'_>],
        outputs: &Outputs<'_>,
    ) -> Result<(), MetricError> {
        let index = self.output;
        let predictions = outputs.get(index).ok_or(MetricError::Output { index })?;
        match self.label {
            None => self.metric.update(&[], predictions),
            Some(index) => {
                let labels = labels.get(index).ok_or(MetricError::Label { index })?;
                self.metric.update_tensor(*labels, predictions)
            }
        }
    }

    fn clear(&mut self) {
        self.metric.reset();
    }

    fn clear_local(&mut self) {
        self.metric.reset_local();
    }

    fn metrics(&self) -> usize {
        1
    }

    fn local(&self, index: usize) -> f64 {
        self.metric.local(index)
    }

    fn global(&self, index: usize) -> f64 {
        self.metric.global(index)
    }
}

impl Evaluate for () {
    fn evaluate(&mut self, _: &[Tensor<'_>], _: &Outputs<'_>) -> Result<(), MetricError> {
        Ok(())
    }

    fn clear(&mut self) {}

    fn clear_local(&mut self) {}

    fn metrics(&self) -> usize {
        0
    }

    fn local(&self, _: usize) -> f64 {
        f64::NAN
    }

    fn global(&self, _: usize) -> f64 {
        f64::NAN
    }
}

/// A tuple, in its order.
macro_rules! tuple {
    ($($name:ident $at:tt),*) => {
        impl<$($name: Evaluate),*> Evaluate for ($($name,)*) {
            fn evaluate(
                &mut self,
                labels: &[Tensor<'_>],
                outputs: &Outputs<'_>,
            ) -> Result<(), MetricError> {
                $(self.$at.evaluate(labels, outputs)?;)*
                Ok(())
            }

            fn clear(&mut self) {
                $(self.$at.clear();)*
            }

            fn clear_local(&mut self) {
                $(self.$at.clear_local();)*
            }

            fn metrics(&self) -> usize {
                0usize $(.saturating_add(self.$at.metrics()))*
            }

            fn local(&self, index: usize) -> f64 {
                let mut first = 0usize;
                $(
                    let count = self.$at.metrics();
                    if let Some(own) = index.checked_sub(first) && own < count {
                        return self.$at.local(own);
                    }
                    first = first.saturating_add(count);
                )*
                let _ = first;
                f64::NAN
            }

            fn global(&self, index: usize) -> f64 {
                let mut first = 0usize;
                $(
                    let count = self.$at.metrics();
                    if let Some(own) = index.checked_sub(first) && own < count {
                        return self.$at.global(own);
                    }
                    first = first.saturating_add(count);
                )*
                let _ = first;
                f64::NAN
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
