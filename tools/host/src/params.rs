//! Parameters by name: init_params, set_params, get_params, save_params, load_params.

use std::path::Path;

use log::warn;
use tinpail::optim::Optimizer;
use tinpail::plan::{Home, ParamKind};
use tinpail::{BucketingModule, Model};
use tinpail_convert::{Kind, Tensor, Weights, blob};
use tinpail_plan::PlanFile;
use tinpail_plan::plan_file::Named;

use crate::checkpoint::states::Image;
use crate::checkpoint::{read_params, write_params};
use crate::error::{CheckpointError, ParamsError, TooEarly};
use crate::initializer::{Initializer, Random};
use crate::module::{Core, HostModule};

/// MXNet's arguments of `init_params`, by their names.
#[derive(Clone, Copy, Debug)]
pub struct InitParams<'i> {
    /// What makes the parameters that are not given; without it they become zeros.
    pub initializer: Option<&'i Initializer>,
    /// What the initializer's numbers follow from.
    pub seed: u64,
    /// MXNet's `arg_params` and `aux_params`.
    pub params: Option<&'i Weights>,
    /// Parameters that are not in `params` are initialized.
    pub allow_missing: bool,
    /// Parameters in `params` that the network does not have are left out.
    pub allow_extra: bool,
    /// Initialize anew.
    pub force_init: bool,
}

/// Uniform(0.01), MXNet's default.
pub static DEFAULT_INITIALIZER: Initializer = Initializer::Uniform { scale: 0.01 };

impl Default for InitParams<'_> {
    fn default() -> Self {
        InitParams {
            initializer: Some(&DEFAULT_INITIALIZER),
            seed: 0,
            params: None,
            allow_missing: false,
            allow_extra: false,
            force_init: false,
        }
    }
}

/// MXNet's arguments of `set_params`, by their names.
#[derive(Clone, Copy, Debug)]
pub struct SetParams {
    /// Parameters that are not given keep their values; without any yet, they become zeros.
    pub allow_missing: bool,
    /// Parameters that the network does not have are left out. (MXNet looks at it with `allow_missing` only.)
    pub allow_extra: bool,
    /// Set them although there are some.
    pub force_init: bool,
}

impl Default for SetParams {
    /// MXNet's defaults.
    fn default() -> Self {
        SetParams {
            allow_missing: false,
            allow_extra: false,
            force_init: true,
        }
    }
}

impl<'m, O: Optimizer + Clone> HostModule<'m, O> {
    /// Gives every parameter its first value, by name, arguments before auxiliary states. There are some already and not
    /// `force_init`: nothing happens.
    ///
    /// # Errors
    ///
    /// [`ParamsError`]; nothing is changed.
    pub fn init_params(&mut self, init: &InitParams<'_>) -> Result<(), ParamsError> {
        let file = self.plan_file()?;
        if self.core.is_some() && !init.force_init {
            return Ok(());
        }
        if let Some(given) = init.params {
            check(file, given, init.allow_missing, init.allow_extra)?;
        }
        let mut random = Random::new(init.seed);
        let mut values: Vec<Vec<f32>> =
            file.params.iter().map(|own| vec![0.0; own.len()]).collect();
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by_key(|index| (kind(file, *index), &file.params[*index].name));
        for index in order {
            let own = &file.params[index];
            let given = init.params.and_then(|given| find(given, file, index));
            match (given, init.initializer) {
                (Some(given), _) => values[index].copy_from_slice(given.data()),
                (None, Some(initializer)) => {
                    let attribute = self.init_attribute(&own.name);
                    initializer.init(own, attribute, &mut random, &mut values[index])?;
                }
                (None, None) => {}
            }
        }
        self.put(values)
    }

    /// The variable's `__init__` attribute.
    fn init_attribute(&self, name: &str) -> Option<&str> {
        let net = self.network.as_ref()?.default_net();
        let node = net.nodes.iter().find(|node| node.name == name)?;
        node.hints.init.as_deref()
    }

    /// Sets parameters, for all buckets. There are some already and not `force_init`: a warning, and nothing happens.
    ///
    /// # Errors
    ///
    /// [`ParamsError`]; nothing is changed.
    pub fn set_params(&mut self, params: &Weights, set: SetParams) -> Result<(), ParamsError> {
        let file = self.plan_file()?;
        if self.core.is_some() && !set.force_init {
            warn!("Parameters already initialized and force_init=False. set_params call ignored.");
            return Ok(());
        }
        check(file, params, set.allow_missing, set.allow_extra)?;
        let values = file.params.iter().enumerate().map(|(index, own)| {
            match (find(params, file, index), &self.core) {
                (Some(given), _) => Ok(given.data().to_vec()),
                (None, Some(core)) => {
                    let kept = core.get_params(index).map_err(ParamsError::Access)?;
                    Ok(kept.to_vec())
                }
                (None, None) => Ok(vec![0.0; own.len()]),
            }
        });
        let values = values.collect::<Result<Vec<Vec<f32>>, ParamsError>>()?;
        self.put(values)
    }

    /// The first parameters of a module: all that it needs, whatever else there is.
    pub(crate) fn init_with(&mut self, params: &Weights) -> Result<(), ParamsError> {
        let set = SetParams {
            allow_extra: true,
            ..SetParams::default()
        };
        self.set_params(params, set)
    }

    /// Values of all parameters, in the plan's order.
    fn put(&mut self, values: Vec<Vec<f32>>) -> Result<(), ParamsError> {
        let file = self.plan_file()?;
        for (own, values) in file.params.iter().zip(&values) {
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(ParamsError::NotFinite {
                    name: own.name.clone(),
                    at,
                    value: values[at],
                });
            }
        }
        let in_flash = |index: usize| file.plan.params[index].home == Home::Flash;
        if let Some(core) = &mut self.core {
            let mut frozen = (0..values.len()).filter(|index| in_flash(*index));
            if frozen.all(|index| core.get_params(index) == Ok(&values[index])) {
                let trainable = values.iter().enumerate();
                let trainable = trainable.filter(|(index, _)| !in_flash(*index));
                let trainable: Vec<&[f32]> = trainable.map(|(_, own)| own.as_slice()).collect();
                return core.set_all_params(&trainable).map_err(ParamsError::Access);
            }
        }
        let weights = weights(file, values);
        let bytes = blob(file, &weights).map_err(ParamsError::Blob)?;
        self.rebind_core(&bytes)
    }

    /// All parameters, in MXNet's order. A copy: what is trained later does not change it.
    ///
    /// # Errors
    ///
    /// [`TooEarly`].
    pub fn get_params(&self) -> Result<Weights, TooEarly> {
        let file = self.plan_file()?;
        Ok(params_of(self.core()?, file))
    }

    /// Writes the parameters as MXNet's `.params`.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub fn save_params(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        write_params(path.as_ref(), &self.get_params()?)
    }

    /// Reads the parameters of an MXNet `.params` or a `.safetensors` file. [`SetParams::default`] is MXNet's `load_params`,
    /// but for parameters that the network does not have, which MXNet leaves out without a word.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`]; nothing is changed.
    pub fn load_params(
        &mut self,
        path: impl AsRef<Path>,
        set: SetParams,
    ) -> Result<(), CheckpointError> {
        self.plan_file()?;
        let params = read_params(path.as_ref())?;
        Ok(self.set_params(&params, set)?)
    }
}

/// The parameters of a module of the device.
pub(crate) fn params_of<M: Model>(core: &BucketingModule<'_, M>, file: &PlanFile) -> Weights {
    let values = (0..file.params.len()).map(|index| {
        // Every parameter of the plan lies in the arena or in flash: bind has checked it.
        core.get_params(index)
            .map_or_else(|_| Vec::new(), <[f32]>::to_vec)
    });
    weights(file, values.collect())
}

/// Values of the plan's shapes under the plan's names.
fn weights(file: &PlanFile, values: Vec<Vec<f32>>) -> Weights {
    let mut weights = Weights::new();
    for (index, (own, values)) in file.params.iter().zip(values).enumerate() {
        if let Ok(tensor) = Tensor::new(own.shape.clone(), values) {
            // The plan's names differ.
            let _ = weights.push(kind(file, index), own.name.clone(), tensor);
        }
    }
    weights
}

/// Which of MXNet's two dictionaries parameter `index` belongs to.
fn kind(file: &PlanFile, index: usize) -> Kind {
    match file.plan.params[index].kind {
        ParamKind::Argument => Kind::Arg,
        ParamKind::Auxiliary => Kind::Aux,
    }
}

fn find<'w>(params: &'w Weights, file: &PlanFile, index: usize) -> Option<&'w Tensor> {
    params.get(kind(file, index), &file.params[index].name)
}

/// Names and shapes of what is given.
fn check(
    file: &PlanFile,
    given: &Weights,
    allow_missing: bool,
    allow_extra: bool,
) -> Result<(), ParamsError> {
    let names = |named: &[Named]| named.iter().map(|own| own.name.clone()).collect();
    for (index, own) in file.params.iter().enumerate() {
        match find(given, file, index) {
            Some(tensor) if tensor.shape() != own.shape => {
                return Err(ParamsError::Shape {
                    name: own.name.clone(),
                    needed: own.shape.clone(),
                    found: tensor.shape().to_vec(),
                });
            }
            None if !allow_missing => {
                return Err(ParamsError::Missing {
                    name: own.name.clone(),
                    known: given.iter().map(|entry| entry.name.clone()).collect(),
                });
            }
            _ => {}
        }
    }
    let extra = given.iter().find(|entry| {
        let mut own = file.params.iter().enumerate();
        !own.any(|(index, own)| own.name == entry.name && kind(file, index) == entry.kind)
    });
    match extra {
        Some(entry) if !allow_extra => Err(ParamsError::Extra {
            name: entry.name.clone(),
            known: names(&file.params),
        }),
        _ => Ok(()),
    }
}

/// What a module holds besides its parameters.
pub(crate) struct Snapshot {
    states: Vec<Vec<f32>>,
    /// None without an optimizer, and where it overflowed with the parameters.
    optimizer: Option<Image>,
}

impl Snapshot {
    pub fn of<O: Optimizer>(core: &Core<'_, O>, file: &PlanFile) -> Self {
        let states = (0..file.states.len()).filter_map(|index| core.get_states(index).ok());
        Snapshot {
            states: states.map(<[f32]>::to_vec).collect(),
            optimizer: Image::of(core).ok(),
        }
    }

    /// After init_optimizer.
    pub fn restore<O: Optimizer>(self, core: &mut Core<'_, O>) -> Result<(), ParamsError> {
        for (index, values) in self.states.iter().enumerate() {
            core.set_states(index, values)
                .map_err(ParamsError::Access)?;
        }
        match self.optimizer {
            Some(mut image) => image.restore(core).map_err(ParamsError::States),
            None => Ok(()),
        }
    }
}
