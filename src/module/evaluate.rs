//! Prediction and evaluation over a data iterator: score, iter_predict, predict.

use core::ops::ControlFlow;

use super::{BucketingModule, Outputs, callback, check_batch};
use crate::arena::Tensor;
use crate::callback::{Callback, Event};
use crate::data::{DataBatch, DataIter};
use crate::error::{BatchError, LoopError, PredictError};
use crate::metric::{Evaluate, MetricError};
use crate::model::Model;

/// What [`BucketingModule::score`] is given: MXNet's arguments, by their names.
pub struct Score<'x, M: Model, E> {
    data: &'x mut dyn DataIter<Error = E>,
    metric: &'x mut dyn Evaluate,
    num_batch: Option<usize>,
    callback: Option<&'x mut dyn Callback<M>>,
    reset: bool,
    epoch: u32,
}

impl<'x, M: Model, E> Score<'x, M, E> {
    /// All batches of `data`, measured by `metric`.
    pub fn new(data: &'x mut dyn DataIter<Error = E>, metric: &'x mut dyn Evaluate) -> Self {
        Score {
            data,
            metric,
            num_batch: None,
            callback: None,
            reset: true,
            epoch: 0,
        }
    }

    /// No more than `num_batch` batches. (MXNet takes one more from the iterator, and drops it.)
    pub fn num_batch(self, num_batch: usize) -> Self {
        Score {
            num_batch: Some(num_batch),
            ..self
        }
    }

    /// Calls [`Callback::eval_batch_end`] and [`Callback::eval_end`]: MXNet's `batch_end_callback` and
    /// `score_end_callback`.
    pub fn callback(self, callback: &'x mut dyn Callback<M>) -> Self {
        Score {
            callback: Some(callback),
            ..self
        }
    }

    /// Whether `data` is reset first; unless told, it is.
    pub fn reset(self, reset: bool) -> Self {
        Score { reset, ..self }
    }

    /// What the callbacks are told.
    pub fn epoch(self, epoch: u32) -> Self {
        Score { epoch, ..self }
    }
}

/// What a loop over batches did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scored {
    /// Batches.
    pub batches: usize,
    /// Whether a callback ended it.
    pub stopped: bool,
}

impl<'a, M: Model> BucketingModule<'a, M> {
    /// Checks a batch against its bucket, and computes nothing: what `forward` would refuse, this refuses. The current
    /// bucket stays. (MXNet's binds the batch's bucket; here all are.)
    ///
    /// # Errors
    ///
    /// [`BatchError`].
    pub fn prepare(&self, batch: &super::Batch<'_>) -> Result<(), BatchError> {
        check_batch(&self.model.plan(), batch, false).map(|_| ())
    }

    /// All outputs of the current bucket's last forward.
    ///
    /// # Errors
    ///
    /// [`AccessError::NotComputed`](crate::error::AccessError::NotComputed) without one.
    pub fn outputs(&self) -> Result<Outputs<'_>, crate::error::AccessError> {
        let program = self.standing();
        let program = program.ok_or(crate::error::AccessError::NotComputed)?;
        let plan = self.model.plan();
        Ok(Outputs {
            arena: self.arena,
            flash: self.flash,
            operands: program.outputs.of(plan.operands),
            spans: plan.spans,
            frame: plan.bucket(self.current).map_or(0, |bucket| bucket.frame),
            batch_size: plan.batch_size as usize,
            pad: 0,
        })
    }

    /// Adds the outputs of the last forward to `metric`, with the labels of its batch.
    ///
    /// # Errors
    ///
    /// [`MetricError`].
    pub fn update_metric(
        &self,
        metric: &mut dyn Evaluate,
        labels: &[Tensor<'_>],
    ) -> Result<(), MetricError> {
        let outputs = self.outputs();
        let outputs = outputs.map_err(|_| MetricError::Output { index: 0 })?;
        metric.evaluate(labels, &outputs)
    }

    /// Measures what the network predicts: for each batch `forward` for inference, then `update_metric`. Rows of padding
    /// are measured too, as in MXNet; labels that a metric ignores keep them out.
    ///
    /// ```text
    /// data.reset, metric.clear
    /// each batch: forward, update_metric, eval_batch_end
    /// eval_end, with the number of batches
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoopError`]. An empty iterator is none: nothing is counted.
    pub fn score<E>(&mut self, score: Score<'_, M, E>) -> Result<Scored, LoopError<E>> {
        let Score {
            data,
            metric,
            num_batch,
            mut callback,
            reset,
            epoch,
        } = score;
        if reset {
            data.reset().map_err(LoopError::Data)?;
        }
        metric.clear();
        let mut batches = 0usize;
        while num_batch.is_none_or(|most| batches < most) {
            let Some(batch) = data.next_batch().map_err(LoopError::Data)? else {
                break;
            };
            self.forward(&batch.batch()).map_err(LoopError::Forward)?;
            self.update_metric(metric, batch.label.as_slice())
                .map_err(LoopError::Metric)?;
            let event = Event {
                epoch,
                nbatch: batches,
                bucket: batch.bucket,
            };
            batches = batches.saturating_add(1);
            let flow = callback::eval_batch_end(&mut callback, self, event, metric);
            if flow.is_break() {
                return Ok(Scored {
                    batches,
                    stopped: true,
                });
            }
        }
        let event = Event {
            epoch,
            nbatch: batches,
            bucket: self.current,
        };
        let flow = callback::eval_end(&mut callback, self, event, metric);
        Ok(Scored {
            batches,
            stopped: flow == ControlFlow::Break(()),
        })
    }

    /// Predicts batch by batch, without a copy: MXNet's `iter_predict`. Resets `data` first. (MXNet's `num_batch` is
    /// the caller's: stop asking.)
    ///
    /// ```no_run
    /// # use tinpail::{BucketingModule, Model, data::DataIter, error::PredictError};
    /// # fn f<M: Model, E>(module: &mut BucketingModule<'_, M>, data: &mut dyn DataIter<Error = E>)
    /// # -> Result<(), PredictError<E>> {
    /// let mut predictions = module.iter_predict(data)?;
    /// while let Some(batch) = predictions.next_batch()? {
    ///     let probabilities = batch.outputs.get(0); // without rows of padding
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PredictError::Data`].
    pub fn iter_predict<'i, E>(
        &'i mut self,
        data: &'i mut dyn DataIter<Error = E>,
    ) -> Result<Predictions<'i, 'a, M, E>, PredictError<E>> {
        data.reset().map_err(PredictError::Data)?;
        Ok(Predictions {
            module: self,
            data,
            next: 0,
        })
    }

    /// Predicts all batches of `data`, which is reset first, and writes output `index` of them into `into`, one after the
    /// other, without the rows of padding: MXNet's `predict`, merged. Returns how many values were written.
    ///
    /// # Errors
    ///
    /// [`PredictError`]; the values of the batches before it are written.
    pub fn predict<E>(
        &mut self,
        data: &mut dyn DataIter<Error = E>,
        index: usize,
        into: &mut [f32],
    ) -> Result<usize, PredictError<E>> {
        let found = into.len();
        let mut written = 0usize;
        let mut predictions = self.iter_predict(data)?;
        while let Some(batch) = predictions.next_batch()? {
            let values = batch.outputs.get(index);
            let values = values.ok_or(PredictError::Output { index })?;
            let end = written.saturating_add(values.len());
            let room = into.get_mut(written..end);
            let room = room.ok_or(PredictError::Room { needed: end, found })?;
            room.iter_mut()
                .zip(values)
                .for_each(|(to, from)| *to = *from);
            written = end;
        }
        Ok(written)
    }

    /// [`predict`](Self::predict) into memory of its own: one list for each output.
    ///
    /// # Errors
    ///
    /// [`PredictError`].
    #[cfg(feature = "alloc")]
    pub fn predict_owned<E>(
        &mut self,
        data: &mut dyn DataIter<Error = E>,
    ) -> Result<alloc::vec::Vec<alloc::vec::Vec<f32>>, PredictError<E>> {
        let mut all = alloc::vec::Vec::new();
        let mut predictions = self.iter_predict(data)?;
        while let Some(batch) = predictions.next_batch()? {
            all.resize_with(all.len().max(batch.outputs.len()), alloc::vec::Vec::new);
            for (index, all) in all.iter_mut().enumerate() {
                let values = batch.outputs.get(index);
                all.extend_from_slice(values.ok_or(PredictError::Output { index })?);
            }
        }
        Ok(all)
    }
}

/// Predictions, one batch at a time. See [`BucketingModule::iter_predict`].
pub struct Predictions<'i, 'a, M: Model, E> {
    module: &'i mut BucketingModule<'a, M>,
    data: &'i mut dyn DataIter<Error = E>,
    next: usize,
}

/// The prediction for one batch.
pub struct Prediction<'p> {
    /// The outputs, without the values of the batch's rows of padding. The batch is an output's first axis, as in
    /// layout NT: where steps come first, rows cannot be told apart, and `pad` is to be 0.
    pub outputs: Outputs<'p>,
    /// The number of the batch, from 0 on.
    pub nbatch: usize,
    /// The batch.
    pub batch: DataBatch<'p>,
}

impl<M: Model, E> Predictions<'_, '_, M, E> {
    /// Takes the next batch and predicts it; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`PredictError::Data`], [`PredictError::Forward`].
    pub fn next_batch(&mut self) -> Result<Option<Prediction<'_>>, PredictError<E>> {
        let Some(batch) = self.data.next_batch().map_err(PredictError::Data)? else {
            return Ok(None);
        };
        self.module
            .forward(&batch.batch())
            .map_err(PredictError::Forward)?;
        let nbatch = self.next;
        self.next = nbatch.saturating_add(1);
        let outputs = self.module.outputs();
        let outputs = outputs.map_err(|_| PredictError::Output { index: 0 })?;
        Ok(Some(Prediction {
            outputs: outputs.without(batch.pad),
            nbatch,
            batch,
        }))
    }
}
