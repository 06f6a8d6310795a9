//! Saving parameters while training.

use core::ops::ControlFlow;

use embedded_storage::nor_flash::NorFlash;

use super::{Callback, Event};
use crate::error::SaveError;
use crate::metric::Evaluate;
use crate::model::Model;
use crate::module::{BucketingModule, Slots};

/// Saves the parameters after every `period` epochs: MXNet's `module_checkpoint`, into two slots of a flash instead of
/// one file for each epoch. It ends the loop if it cannot.
pub struct Checkpoint<'f, F: NorFlash> {
    flash: &'f mut F,
    slots: Slots,
    period: u32,
    result: Result<u32, SaveError<F::Error>>,
}

impl<'f, F: NorFlash> Checkpoint<'f, F> {
    /// After every `period` epochs, and at least after each.
    pub fn new(flash: &'f mut F, slots: Slots, period: u32) -> Self {
        Checkpoint {
            flash,
            slots,
            period: period.max(1),
            result: Ok(0),
        }
    }

    /// How often it has saved, or why it ended the loop.
    ///
    /// # Errors
    ///
    /// [`SaveError`]; the slot of the save before holds what it did.
    pub fn result(self) -> Result<u32, SaveError<F::Error>> {
        self.result
    }
}

impl<M: Model, F: NorFlash> Callback<M> for Checkpoint<'_, F> {
    fn epoch_end(
        &mut self,
        module: &mut BucketingModule<'_, M>,
        event: Event,
        _: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let done = event.epoch.wrapping_add(1);
        if done.checked_rem(self.period) != Some(0) {
            return ControlFlow::Continue(());
        }
        match module.save_params(self.flash, self.slots) {
            Ok(()) => {
                if let Ok(saves) = &mut self.result {
                    *saves = saves.saturating_add(1);
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.result = Err(error);
                ControlFlow::Break(())
            }
        }
    }
}
