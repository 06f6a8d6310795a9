//! What `fit` and `score` call between batches: MXNet's `mx.callback`.
//!
//! A [`Callback`] is a value with a method for each moment; what it does not care for does nothing. Each is lent the
//! module, between two steps, and the metric, and may end the loop by `ControlFlow::Break(())`. Several are a tuple, called
//! in order until one of them breaks.
//!
//! ```
//! use core::ops::ControlFlow;
//! use tinpail::callback::{on_batch_end, on_epoch_end};
//! # use tinpail::{Model, callback::Callback};
//! # fn takes<M: Model>(_: impl Callback<M>) {}
//! # fn f<M: Model>() {
//!
//! let mut worst = 0.0f64;
//! let callbacks = (
//!     on_batch_end(|_, _, metric| {
//!         worst = worst.max(metric.local(0));
//!         ControlFlow::Continue(())
//!     }),
//!     // Stop early.
//!     on_epoch_end(|_, _, metric| match metric.global(0) {
//!         loss if loss < 0.1 => ControlFlow::Break(()),
//!         _ => ControlFlow::Continue(()),
//!     }),
//! );
//! # takes::<M>(callbacks); }
//! ```

mod checkpoint;
#[cfg(feature = "defmt")]
mod log;
mod speedometer;

pub use checkpoint::Checkpoint;
#[cfg(feature = "defmt")]
pub use log::Log;
pub use speedometer::{Speed, Speedometer};

use core::ops::ControlFlow;

use crate::metric::Evaluate;
use crate::model::Model;
use crate::module::BucketingModule;
use crate::plan::BucketIndex;

/// When a callback is called: MXNet's `BatchEndParam`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Event {
    /// From `begin_epoch` on.
    pub epoch: u32,
    /// After a batch: its number in the epoch, from 0 on. After an epoch, or a score: how many batches there were.
    pub nbatch: usize,
    /// The bucket of the last batch.
    pub bucket: BucketIndex,
}

/// Something to be called between batches. Each method lets the loop go on unless told otherwise.
pub trait Callback<M: Model> {
    /// After each batch of `fit`: MXNet's `batch_end_callback`.
    fn batch_end(
        &mut self,
        module: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let _ = (module, event, metric);
        ControlFlow::Continue(())
    }

    /// After each epoch of `fit`, before its validation: MXNet's `epoch_end_callback`.
    fn epoch_end(
        &mut self,
        module: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let _ = (module, event, metric);
        ControlFlow::Continue(())
    }

    /// After each batch of `score`, or of `fit`'s validation: MXNet's `eval_batch_end_callback`.
    fn eval_batch_end(
        &mut self,
        module: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let _ = (module, event, metric);
        ControlFlow::Continue(())
    }

    /// After `score`, or `fit`'s validation: MXNet's `eval_end_callback`.
    fn eval_end(
        &mut self,
        module: &mut BucketingModule<'_, M>,
        event: Event,
        metric: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let _ = (module, event, metric);
        ControlFlow::Continue(())
    }
}

/// Nothing.
impl<M: Model> Callback<M> for () {}

/// Declares a function that makes a callback of a closure, and its type.
macro_rules! closure {
    ($(#[$doc:meta])* $function:ident, $name:ident, $method:ident) => {
        /// A closure as a callback.
        pub struct $name<F>(F);

        $(#[$doc])*
        pub fn $function<M: Model, F>(callback: F) -> $name<F>
        where
            F: FnMut(&mut BucketingModule<'_, M>, Event, &mut dyn Evaluate) -> ControlFlow<()>,
        {
            $name(callback)
        }

        impl<M: Model, F> Callback<M> for $name<F>
        where
            F: FnMut(&mut BucketingModule<'_, M>, Event, &mut dyn Evaluate) -> ControlFlow<()>,
        {
            fn $method(
                &mut self,
                module: &mut BucketingModule<'_, M>,
                event: Event,
                metric: &mut dyn Evaluate,
            ) -> ControlFlow<()> {
                self.0(module, event, metric)
            }
        }
    };
}

closure!(
    /// Calls `callback` after each batch of `fit`.
    on_batch_end, OnBatchEnd, batch_end
);
closure!(
    /// Calls `callback` after each epoch of `fit`.
    on_epoch_end, OnEpochEnd, epoch_end
);
closure!(
    /// Calls `callback` after each batch of `score` and of `fit`'s validation.
    on_eval_batch_end, OnEvalBatchEnd, eval_batch_end
);
closure!(
    /// Calls `callback` after `score` and after `fit`'s validation.
    on_eval_end, OnEvalEnd, eval_end
);

/// One method of a tuple: each in turn, until one breaks.
macro_rules! each {
    ($method:ident, $($at:tt),*) => {
        fn $method(
            &mut self,
            module: &mut BucketingModule<'_, M>,
            event: Event,
            metric: &mut dyn Evaluate,
        ) -> ControlFlow<()> {
            $(self.$at.$method(module, event, metric)?;)*
            ControlFlow::Continue(())
        }
    };
}

macro_rules! tuple {
    ($($name:ident $at:tt),*) => {
        impl<M: Model, $($name: Callback<M>),*> Callback<M> for ($($name,)*) {
            each!(batch_end, $($at),*);
            each!(epoch_end, $($at),*);
            each!(eval_batch_end, $($at),*);
            each!(eval_end, $($at),*);
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
