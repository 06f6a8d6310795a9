//! The loops: fit, score, predict, over the device's own, with MXNet's log lines.

use std::path::Path;

use tinpail::callback::Callback;
use tinpail::data::DataIter;
use tinpail::error::{LoopError, PredictError};
use tinpail::module::{Fitted, Scored};
use tinpail::optim::Optimizer;
use tinpail::{Fit, Registry, Score};

use crate::callback::{Checkpoints, Lent, LogEpochs};
use crate::error::TooEarly;
use crate::metric::Metrics;
use crate::module::HostModule;

/// MXNet's arguments of `fit`, by their names; bind, init_params and init_optimizer have been called.
pub struct FitArgs<'x, 'm, O: Optimizer, E> {
    pub train_data: &'x mut dyn DataIter<Error = E>,
    pub eval_data: Option<&'x mut dyn DataIter<Error = E>>,
    pub eval_metric: &'x mut Metrics,
    /// Of `eval_data`; `eval_metric`, reset, if there is none.
    pub validation_metric: Option<&'x mut Metrics>,
    /// After batches, epochs and evaluations.
    pub callback: Option<&'x mut dyn Callback<Registry<'m, O>>>,
    pub begin_epoch: u32,
    pub num_epoch: u32,
}

/// A loop ends early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError<E> {
    #[error(transparent)]
    TooEarly(#[from] TooEarly),
    #[error("{0:?}")]
    Loop(LoopError<E>),
    #[error("{0:?}")]
    Predict(PredictError<E>),
}

impl<'m, O: Optimizer + Clone> HostModule<'m, O> {
    /// Trains, as the device's [`fit`](tinpail::BucketingModule::fit), and logs each epoch's metrics in MXNet's format:
    /// `Epoch[0] Train-accuracy=0.348276`, `Epoch[0] Time cost=0.012`, `Epoch[0] Validation-accuracy=0.351351`.
    ///
    /// # Errors
    ///
    /// [`FitError`].
    pub fn fit<E>(&mut self, fit: FitArgs<'_, 'm, O, E>) -> Result<Fitted, FitError<E>> {
        if !self.optimizer_initialized() {
            self.core()?;
            return Err(TooEarly::NoOptimizer.into());
        }
        let names = fit.eval_metric.names();
        let validation_names = match &fit.validation_metric {
            Some(metric) => metric.names(),
            None => names.clone(),
        };
        let mut callbacks = (LogEpochs::new(names, validation_names), Lent(fit.callback));
        let mut device = Fit::new(fit.train_data, fit.eval_metric, fit.num_epoch)
            .begin_epoch(fit.begin_epoch)
            .callback(&mut callbacks);
        if let Some(data) = fit.eval_data {
            device = device.eval_data(data);
        }
        if let Some(metric) = fit.validation_metric {
            device = device.validation_metric(metric);
        }
        self.core_mut()?.fit(device).map_err(FitError::Loop)
    }

    /// Measures `data`, which is reset first; the values are the metric's.
    ///
    /// # Errors
    ///
    /// [`FitError`].
    pub fn score<E>(
        &mut self,
        data: &mut dyn DataIter<Error = E>,
        metric: &mut Metrics,
        num_batch: Option<usize>,
    ) -> Result<Scored, FitError<E>> {
        let mut score = Score::new(data, metric);
        if let Some(num_batch) = num_batch {
            score = score.num_batch(num_batch);
        }
        self.core_mut()?.score(score).map_err(FitError::Loop)
    }

    /// Predicts all of `data`, which is reset first: for each output its name and the values of all batches, without rows of
    /// padding.
    ///
    /// # Errors
    ///
    /// [`FitError`].
    pub fn predict<E>(
        &mut self,
        data: &mut dyn DataIter<Error = E>,
    ) -> Result<Vec<(String, Vec<f32>)>, FitError<E>> {
        let names = self.output_names();
        let predicted = self.core_mut()?.predict_owned(data);
        let predicted = predicted.map_err(FitError::Predict)?;
        Ok(names.into_iter().zip(predicted).collect())
    }

    /// A callback that writes a checkpoint after every `period` epochs.
    ///
    /// # Errors
    ///
    /// [`TooEarly::NotBound`].
    pub fn checkpoints(
        &self,
        prefix: impl AsRef<Path>,
        period: u32,
        save_optimizer_states: bool,
    ) -> Result<Checkpoints<'m>, TooEarly> {
        Ok(Checkpoints {
            prefix: prefix.as_ref().to_owned(),
            period: period.max(1),
            file: self.plan_file()?,
            network: self.network.clone(),
            save_optimizer_states,
            result: Ok(None),
        })
    }
}
