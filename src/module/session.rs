//! Training: forward, backward, update.

use core::ops::{Deref, DerefMut};

use super::{Batch, BucketingModule, Stage};
use crate::arena::Tensor;
use crate::error::{BackwardError, ForwardError, StepError, UpdateError};
use crate::model::Model;
use crate::monitor::Phase;
use crate::plan::Train;

/// Training steps over a module. It borrows each batch from its forward to its update, for backward and
/// update read the inputs again; it dereferences to the module for everything else.
///
/// | order | outcome |
/// | --- | --- |
/// | `forward(.., true)`, `backward`, `update` | a step |
/// | `backward` without `forward(.., true)`, or twice | [`BackwardError::NoForward`] |
/// | `switch_bucket` in between | [`BackwardError::OtherBucket`], [`UpdateError::OtherBucket`] |
/// | `update` without `backward` | [`UpdateError::NoBackward`] |
/// | `update` twice | `Train::Held`: applies the same gradients again, as MXNet; else `NoBackward` |
/// | `update` after the session | `Train::Held`: [`BucketingModule::update`]; else `NoBackward` |
/// | `backward` under `Train::Step` | [`BackwardError::WholeSteps`]: its verb is [`BucketingModule::train_step`] |
pub struct Session<'m, 'a, 'b, M: Model> {
    module: &'m mut BucketingModule<'a, M>,
    batch: Option<Batch<'b>>,
    head_grads: &'b [Tensor<'b>],
    /// The module's count of training forwards at this session's last one: a session inside of this one
    /// (leaked, so that it could not say that it ended) may have run others on other batches.
    step: u32,
}

impl<'a, M: Model> Deref for Session<'_, 'a, '_, M> {
    type Target = BucketingModule<'a, M>;

    fn deref(&self) -> &Self::Target {
        self.module
    }
}

impl<M: Model> DerefMut for Session<'_, '_, '_, M> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.module
    }
}

impl<'m, 'a, 'b, M: Model> Session<'m, 'a, 'b, M> {
    pub(super) fn new(module: &'m mut BucketingModule<'a, M>) -> Self {
        Session {
            module,
            batch: None,
            head_grads: &[],
            step: 0,
        }
    }

    /// Computes the outputs in the batch's bucket, which becomes the current one; for training
    /// (`is_train`) also all that backward needs.
    ///
    /// # Errors
    ///
    /// [`ForwardError`]; on [`ForwardError::Batch`] nothing is changed.
    pub fn forward(&mut self, batch: Batch<'b>, is_train: bool) -> Result<(), ForwardError> {
        self.module.run_forward(&batch, is_train)?;
        self.batch = Some(batch);
        self.step = self.module.steps;
        Ok(())
    }

    /// Computes the gradients of the last forward: into their buffers (`Train::Held`), or as deltas from
    /// which `update` forms them (`Train::Fused`). Moves the auxiliary states (BatchNorm's statistics), as MXNet does.
    ///
    /// # Errors
    ///
    /// [`BackwardError`]; nothing is changed.
    pub fn backward(&mut self) -> Result<(), BackwardError> {
        self.backward_from(&[])
    }

    /// [`backward`](Self::backward) with the gradients of the heads that are no losses, in the order of
    /// the heads: MXNet's `backward(out_grads)`.
    ///
    /// # Errors
    ///
    /// [`BackwardError`]; nothing is changed.
    pub fn backward_from(&mut self, out_grads: &'b [Tensor<'b>]) -> Result<(), BackwardError> {
        let (Stage::Forwarded(forward), Some(batch)) = (self.module.stage, self.own_batch()) else {
            return Err(BackwardError::NoForward);
        };
        let current = self.module.current;
        if forward != current {
            return Err(BackwardError::OtherBucket { forward, current });
        }
        let program = self.module.train_program();
        let train = self.module.model.plan().train;
        if train == Train::Step {
            return Err(BackwardError::WholeSteps);
        }
        let held = train == Train::Held;
        self.module.check_head_grads(program, out_grads)?;
        self.head_grads = out_grads;
        self.module.stage = Stage::Empty;
        self.module.graded = None;
        self.module.model.enter(Phase::Backward, forward);
        let done = self.module.run(program.backward, &batch, out_grads);
        self.module.model.leave();
        done.map_err(BackwardError::Fault)?;
        self.module.stage = Stage::Backwarded(forward);
        self.module.graded = held.then_some(forward);
        Ok(())
    }

    /// [`forward`](Self::forward) for training and [`backward`](Self::backward).
    ///
    /// # Errors
    ///
    /// Those of the two.
    pub fn forward_backward(&mut self, batch: Batch<'b>) -> Result<(), StepError> {
        self.forward(batch, true)?;
        self.backward()?;
        Ok(())
    }

    /// Moves every trainable parameter that the bucket has by one step of the optimizer. Gradients under
    /// `grad_req = add` are not cleared, as in MXNet; see
    /// [`zero_grads`](BucketingModule::zero_grads).
    ///
    /// # Errors
    ///
    /// [`UpdateError`]; but for [`UpdateError::Overflow`] no weight is changed.
    pub fn update(&mut self) -> Result<(), UpdateError> {
        if self.module.model.plan().train == Train::Held {
            return self.module.update();
        }
        let (Stage::Backwarded(backward), Some(batch)) = (self.module.stage, self.own_batch())
        else {
            return Err(UpdateError::NoBackward);
        };
        let head_grads = self.head_grads;
        self.module.run_update(backward, &batch, head_grads)?;
        self.module.stage = Stage::Updated(backward);
        Ok(())
    }

    /// The batch of this session's forward, if that was the module's last.
    fn own_batch(&self) -> Option<Batch<'b>> {
        self.batch.filter(|_| self.step == self.module.steps)
    }
}

impl<M: Model> Drop for Session<'_, '_, '_, M> {
    /// The batch is no longer borrowed, so a backward of it can no longer come.
    fn drop(&mut self) {
        self.module.stage = match self.module.stage {
            Stage::Forwarded(bucket) => Stage::Left(bucket),
            Stage::Backwarded(bucket) => Stage::Updated(bucket),
            stage => stage,
        };
    }
}
