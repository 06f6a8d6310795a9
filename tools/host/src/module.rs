//! [`HostModule`]: the life cycle, the attributes, and what goes by a bucket's key.

use log::warn;
use tinpail::optim::Optimizer;
use tinpail::{Batch, BucketIndex, BucketingModule, Registry, Session, Tensor};
use tinpail_convert::Weights;
use tinpail_plan::plan_file::{BucketNames, Named};
use tinpail_plan::{Net, PlanFile};

use crate::bind::Bind;
use crate::error::{BindError, InitOptimizerError, TooEarly, UnknownKey};
use crate::memory::Memory;
use crate::network::Network;
use crate::params::Snapshot;

/// The module of the device, over every kernel there is.
pub type Core<'m, O> = BucketingModule<'m, Registry<'m, O>>;

/// MXNet's BucketingModule on the host: by names, with MXNet's own files, over the device's executor and kernels, whose
/// bits it gives. See the [crate](crate) for how it is used.
pub struct HostModule<'m, O: Optimizer> {
    pub(crate) memory: &'m Memory,
    pub(crate) network: Option<Network>,
    pub(crate) file: Option<&'m PlanFile>,
    pub(crate) core: Option<Core<'m, O>>,
    pub(crate) optimizer: Option<O>,
    /// What `load` read before there was a plan.
    pub(crate) loaded: Option<Weights>,
}

impl<'m, O: Optimizer + Clone> HostModule<'m, O> {
    /// A module that is not bound.
    pub fn new(memory: &'m Memory, network: Network) -> Self {
        HostModule {
            memory,
            network: Some(network),
            file: None,
            core: None,
            optimizer: None,
            loaded: None,
        }
    }

    /// A module bound to a plan that somebody else made: the firmware's build, or `tinpail plan`. It has no symbols.
    pub fn of_plan(memory: &'m Memory, file: PlanFile) -> Self {
        HostModule {
            memory,
            network: None,
            file: Some(memory.plan(file)),
            core: None,
            optimizer: None,
            loaded: None,
        }
    }

    /// Plans the network and binds to it. Bound already and not `force_rebind`: a warning, and nothing happens. Rebound, it
    /// keeps its parameters, and loses states and optimizer.
    ///
    /// # Errors
    ///
    /// [`BindError`]; the module stays as it was.
    pub fn bind(&mut self, bind: &Bind) -> Result<(), BindError> {
        if self.file.is_some() && !bind.force_rebind {
            warn!("Already bound, ignoring bind()");
            return Ok(());
        }
        let network = self.network.as_ref().ok_or(BindError::Planned)?;
        if bind.inputs_need_grad && !bind.for_training {
            return Err(BindError::InputsNeedGrad);
        }
        let file = network.plan(bind)?;
        let params = self.get_params().ok().or_else(|| self.loaded.take());
        self.file = Some(self.memory.plan(file));
        self.core = None;
        self.optimizer = None;
        if let Some(params) = params {
            // The same network has the same parameters; those of a checkpoint are checked here for the first time.
            self.init_with(&params).map_err(BindError::Params)?;
        }
        Ok(())
    }

    /// MXNet's flag: whether there is a plan.
    pub fn binded(&self) -> bool {
        self.file.is_some()
    }

    /// MXNet's flag.
    pub fn params_initialized(&self) -> bool {
        self.core.is_some()
    }

    /// MXNet's flag.
    pub fn optimizer_initialized(&self) -> bool {
        self.optimizer.is_some()
    }

    /// The plan.
    ///
    /// # Errors
    ///
    /// [`TooEarly::NotBound`].
    pub fn plan_file(&self) -> Result<&'m PlanFile, TooEarly> {
        self.file.ok_or(TooEarly::NotBound)
    }

    /// The module of the device: its methods, by index.
    ///
    /// # Errors
    ///
    /// [`TooEarly`].
    pub fn core(&self) -> Result<&Core<'m, O>, TooEarly> {
        self.plan_file()?;
        self.core.as_ref().ok_or(TooEarly::NoParams)
    }

    /// [`core`](Self::core), to be changed.
    ///
    /// # Errors
    ///
    /// [`TooEarly`].
    pub fn core_mut(&mut self) -> Result<&mut Core<'m, O>, TooEarly> {
        self.plan_file()?;
        self.core.as_mut().ok_or(TooEarly::NoParams)
    }

    /// Training: `forward`, `backward`, `update`.
    ///
    /// # Errors
    ///
    /// [`TooEarly`].
    pub fn session<'b>(&mut self) -> Result<Session<'_, 'm, 'b, Registry<'m, O>>, TooEarly> {
        Ok(self.core_mut()?.session())
    }

    /// Sets the optimizer. There is one already and not `force_init`: a warning, and nothing happens. `rescale_grad`
    /// left open becomes one over the batch size.
    ///
    /// # Errors
    ///
    /// [`InitOptimizerError`]; the optimizer stays what it was.
    pub fn init_optimizer(
        &mut self,
        optimizer: O,
        force_init: bool,
    ) -> Result<(), InitOptimizerError> {
        self.core()?;
        if self.optimizer.is_some() && !force_init {
            warn!("optimizer already initialized, ignoring...");
            return Ok(());
        }
        let taken = self.core_mut()?.init_optimizer(optimizer.clone());
        taken.map_err(InitOptimizerError::Refused)?;
        self.optimizer = Some(optimizer);
        Ok(())
    }

    /// The bucket of `key`, as the device's methods take it.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`], with the keys that there are; without a plan there are none.
    pub fn bucket(&self, key: u32) -> Result<BucketIndex, UnknownKey> {
        let keys: Vec<u32> = self
            .file
            .iter()
            .flat_map(|file| &file.buckets)
            .map(|bucket| bucket.key)
            .collect();
        match keys.iter().position(|own| *own == key) {
            Some(index) => Ok(BucketIndex(index as u16)),
            None => Err(UnknownKey { key, known: keys }),
        }
    }

    /// A batch of the bucket `key`, without labels.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`].
    pub fn batch<'b>(&self, key: u32, data: &'b [Tensor<'b>]) -> Result<Batch<'b>, UnknownKey> {
        Ok(Batch::new(self.bucket(key)?, data))
    }

    /// Makes the bucket of `key` the current one.
    ///
    /// # Errors
    ///
    /// [`SwitchError`].
    pub fn switch_bucket(&mut self, key: u32) -> Result<(), SwitchError> {
        self.core()?;
        let index = self.bucket(key)?;
        let core = self.core_mut()?;
        // The plan has every bucket that has a key.
        let _ = core.switch_bucket(index);
        Ok(())
    }

    /// The key of the current bucket; before the first parameters that of the default one.
    ///
    /// # Errors
    ///
    /// [`TooEarly::NotBound`].
    pub fn bucket_key(&self) -> Result<u32, TooEarly> {
        Ok(self.current()?.key)
    }

    /// The names and shapes of the current bucket.
    pub(crate) fn current(&self) -> Result<&'m BucketNames, TooEarly> {
        let file = self.plan_file()?;
        let default = BucketIndex(file.plan.default_bucket);
        let index = self.core.as_ref().map_or(default, Core::current_bucket);
        file.buckets
            .get(usize::from(index.0))
            .ok_or(TooEarly::NotBound)
    }

    /// The names of the data: those of the default bucket before bind, of the current one after.
    pub fn data_names(&self) -> Vec<String> {
        match (self.current(), &self.network) {
            (Ok(bucket), _) => names(&bucket.data_shapes),
            (Err(_), Some(network)) => {
                let data = network.default_net().data.iter();
                data.map(|desc| desc.name.clone()).collect()
            }
            (Err(_), None) => Vec::new(),
        }
    }

    /// The names of the outputs: those of the default bucket before bind, of the current one after.
    pub fn output_names(&self) -> Vec<String> {
        match (self.current(), &self.network) {
            (Ok(bucket), _) => names(&bucket.output_shapes),
            (Err(_), Some(network)) => {
                let net = network.default_net();
                net.heads
                    .iter()
                    .map(|head| net.output_name(*head))
                    .collect()
            }
            (Err(_), None) => Vec::new(),
        }
    }

    /// The names and shapes of the current bucket's data.
    ///
    /// # Errors
    ///
    /// [`TooEarly::NotBound`].
    pub fn data_shapes(&self) -> Result<&'m [Named], TooEarly> {
        Ok(&self.current()?.data_shapes)
    }

    /// The names and shapes of the current bucket's labels.
    ///
    /// # Errors
    ///
    /// [`TooEarly::NotBound`].
    pub fn label_shapes(&self) -> Result<&'m [Named], TooEarly> {
        Ok(&self.current()?.label_shapes)
    }

    /// The names and shapes of the current bucket's outputs.
    ///
    /// # Errors
    ///
    /// [`TooEarly::NotBound`].
    pub fn output_shapes(&self) -> Result<&'m [Named], TooEarly> {
        Ok(&self.current()?.output_shapes)
    }

    /// The current bucket's network; none if the module was made from a plan.
    ///
    /// # Errors
    ///
    /// [`TooEarly::NotBound`].
    pub fn symbol(&self) -> Result<Option<&Net>, TooEarly> {
        let key = self.bucket_key()?;
        let nets = self.network.as_ref().map(Network::nets);
        Ok(nets.and_then(|nets| nets.get(&key)))
    }

    /// Binds the core anew to the same plan, because a parameter in flash changes; everything else stays.
    pub(crate) fn rebind_core(&mut self, blob: &[u8]) -> Result<(), crate::ParamsError> {
        let file = self.plan_file()?;
        let kept = self.core.as_ref().map(|core| Snapshot::of(core, file));
        let arena = self.memory.arena(file.plan.arena_len as usize);
        let model = Registry::new(file.plan.plan());
        let mut core = BucketingModule::bind_words(model, arena, self.memory.blob(blob))
            .map_err(crate::ParamsError::Bind)?;
        if let Some(optimizer) = &self.optimizer {
            // The module that it is taken from took it.
            let _ = core.init_optimizer(optimizer.clone());
        }
        if let Some(kept) = kept {
            kept.restore(&mut core)?;
        }
        self.core = Some(core);
        Ok(())
    }
}

/// `switch_bucket` refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    #[error(transparent)]
    TooEarly(#[from] TooEarly),
    #[error(transparent)]
    Key(#[from] UnknownKey),
}

fn names(named: &[Named]) -> Vec<String> {
    named.iter().map(|named| named.name.clone()).collect()
}
