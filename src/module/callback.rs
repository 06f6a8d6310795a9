//! Calling a callback that may not be there.

use core::ops::ControlFlow;

use super::BucketingModule;
use crate::callback::{Callback, Event};
use crate::metric::Evaluate;
use crate::model::Model;

macro_rules! call {
    ($name:ident) => {
        pub(super) fn $name<M: Model>(
            callback: &mut Option<&mut dyn Callback<M>>,
            module: &mut BucketingModule<'_, M>,
            event: Event,
            metric: &mut dyn Evaluate,
        ) -> ControlFlow<()> {
            match callback {
                Some(callback) => callback.$name(module, event, metric),
                None => ControlFlow::Continue(()),
            }
        }
    };
}

call!(batch_end);
call!(epoch_end);
call!(eval_batch_end);
call!(eval_end);
