//! Checkpoints while training.

use std::ops::ControlFlow;
use std::path::PathBuf;

use log::info;
use tinpail::callback::{Callback, Event};
use tinpail::metric::Evaluate;
use tinpail::{BucketingModule, Model};
use tinpail_plan::PlanFile;

use crate::CheckpointError;
use crate::checkpoint::{self, params_path};
use crate::network::Network;

/// Writes a checkpoint after every `period` epochs, numbered from 1: MXNet's `do_checkpoint` and `module_checkpoint`. It ends
/// the loop if it cannot. [`HostModule::checkpoints`](crate::HostModule::checkpoints) makes one.
pub struct Checkpoints<'m> {
    pub(crate) prefix: PathBuf,
    pub(crate) period: u32,
    pub(crate) file: &'m PlanFile,
    pub(crate) network: Option<Network>,
    pub(crate) save_optimizer_states: bool,
    pub(crate) result: Result<Option<u32>, CheckpointError>,
}

impl Checkpoints<'_> {
    /// The number of the last checkpoint, or why the loop was ended.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub fn result(self) -> Result<Option<u32>, CheckpointError> {
        self.result
    }
}

impl<M: Model> Callback<M> for Checkpoints<'_> {
    fn epoch_end(
        &mut self,
        module: &mut BucketingModule<'_, M>,
        event: Event,
        _: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let number = event.epoch + 1;
        if !number.is_multiple_of(self.period) {
            return ControlFlow::Continue(());
        }
        let states = self.save_optimizer_states;
        let saved = checkpoint::save(
            module,
            self.file,
            self.network.as_ref(),
            &self.prefix,
            number,
            states,
        );
        match saved {
            Ok(()) => {
                let path = params_path(&self.prefix, number);
                info!("Saved checkpoint to \"{}\"", path.display());
                self.result = Ok(Some(number));
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.result = Err(error);
                ControlFlow::Break(())
            }
        }
    }
}
