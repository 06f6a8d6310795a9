//! The training loop.

use super::{BucketingModule, Score, callback};
use crate::callback::{Callback, Event};
use crate::data::DataIter;
use crate::error::{LoopError, UpdateError};
use crate::metric::Evaluate;
use crate::model::Model;

/// What [`BucketingModule::fit`] is given: MXNet's arguments, by their names.
///
/// What MXNet's `fit` does first (bind, init_params, init_optimizer) has been done by the methods of those names.
pub struct Fit<'x, M: Model, E> {
    data: &'x mut dyn DataIter<Error = E>,
    metric: &'x mut dyn Evaluate,
    begin_epoch: u32,
    num_epoch: u32,
    eval_data: Option<&'x mut dyn DataIter<Error = E>>,
    validation_metric: Option<&'x mut dyn Evaluate>,
    callback: Option<&'x mut dyn Callback<M>>,
}

impl<'x, M: Model, E> Fit<'x, M, E> {
    /// `num_epoch` epochs over `data`, measured by `metric` while training.
    pub fn new(
        data: &'x mut dyn DataIter<Error = E>,
        metric: &'x mut dyn Evaluate,
        num_epoch: u32,
    ) -> Self {
        Fit {
            data,
            metric,
            begin_epoch: 0,
            num_epoch,
            eval_data: None,
            validation_metric: None,
            callback: None,
        }
    }

    /// The number of the first epoch; the last is `num_epoch` - 1, so that there are fewer of them.
    pub fn begin_epoch(self, begin_epoch: u32) -> Self {
        Fit {
            begin_epoch,
            ..self
        }
    }

    /// What is scored after each epoch: by the metric of training, which is reset for it, unless
    /// [`validation_metric`](Self::validation_metric) gives another.
    pub fn eval_data(self, eval_data: &'x mut dyn DataIter<Error = E>) -> Self {
        Fit {
            eval_data: Some(eval_data),
            ..self
        }
    }

    /// The metric of the validation.
    pub fn validation_metric(self, metric: &'x mut dyn Evaluate) -> Self {
        Fit {
            validation_metric: Some(metric),
            ..self
        }
    }

    /// What is called between batches and epochs.
    pub fn callback(self, callback: &'x mut dyn Callback<M>) -> Self {
        Fit {
            callback: Some(callback),
            ..self
        }
    }
}

/// How far `fit` came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fitted {
    /// The number of the next epoch: the `begin_epoch` of a `fit` that goes on from here. An epoch whose validation was
    /// ended is over.
    pub epoch: u32,
    /// Whether a callback ended it.
    pub stopped: bool,
}

impl<'a, M: Model> BucketingModule<'a, M> {
    /// Trains, epoch by epoch. One batch is lent at a time: nothing needs the whole set in memory.
    ///
    /// ```text
    /// each epoch:
    ///   metric.clear
    ///   each batch: forward, backward, update, update_metric, batch_end
    ///   epoch_end
    ///   with eval_data: score (resets it), eval_batch_end, eval_end
    ///   data.reset
    /// ```
    ///
    /// So is MXNet's order of events, but for the next batch, which it fetches and prepares before `batch_end`: here the
    /// iterator lends one batch at a time. As in MXNet, `data` is not reset before the first epoch.
    ///
    /// # Errors
    ///
    /// [`LoopError`]: an iterator without a batch is one. The parameters are those after the last good update; an epoch that
    /// failed can be taken up with the same iterator.
    pub fn fit<E>(&mut self, fit: Fit<'_, M, E>) -> Result<Fitted, LoopError<E>> {
        let Fit {
            data,
            metric,
            begin_epoch,
            num_epoch,
            mut eval_data,
            mut validation_metric,
            mut callback,
        } = fit;
        if self.optimizer.is_none() {
            return Err(LoopError::Step(UpdateError::NoOptimizer.into()));
        }
        let stopped = |epoch| Fitted {
            epoch,
            stopped: true,
        };
        for epoch in begin_epoch..num_epoch {
            let next_epoch = epoch.saturating_add(1);
            metric.clear();
            let mut nbatch = 0usize;
            while let Some(batch) = data.next_batch().map_err(LoopError::Data)? {
                self.train_step(&batch.batch()).map_err(LoopError::Step)?;
                self.update_metric(metric, batch.label.as_slice())
                    .map_err(LoopError::Metric)?;
                let event = Event {
                    epoch,
                    nbatch,
                    bucket: batch.bucket,
                };
                nbatch = nbatch.saturating_add(1);
                if callback::batch_end(&mut callback, self, event, metric).is_break() {
                    return Ok(stopped(epoch));
                }
            }
            if nbatch == 0 {
                return Err(LoopError::Empty { epoch });
            }
            let event = Event {
                epoch,
                nbatch,
                bucket: self.current,
            };
            if callback::epoch_end(&mut callback, self, event, metric).is_break() {
                return Ok(stopped(next_epoch));
            }
            if let Some(eval_data) = &mut eval_data {
                let metric = match &mut validation_metric {
                    Some(metric) => &mut **metric,
                    None => &mut *metric,
                };
                let mut score = Score::new(&mut **eval_data, metric).epoch(epoch);
                if let Some(callback) = &mut callback {
                    score = score.callback(&mut **callback);
                }
                if self.score(score)?.stopped {
                    return Ok(stopped(next_epoch));
                }
            }
            data.reset().map_err(LoopError::Data)?;
        }
        Ok(Fitted {
            epoch: num_epoch.max(begin_epoch),
            stopped: false,
        })
    }
}
