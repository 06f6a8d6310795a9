//! Checkpoints, as MXNet's BucketingModule writes and reads them.
//!
//! | file | what |
//! | --- | --- |
//! | `PREFIX-0007.params` | all parameters after seven epochs |
//! | `PREFIX-KEY-symbol.json` | the network of each bucket |
//! | `PREFIX.buckets` | the bucket keys, the default one first: an unnamed int32 array in the format of `.params` |
//! | `PREFIX-0007.states` | the optimizer's states, as the device saves them; MXNet's BucketingModule loses them |

mod buckets;
pub(crate) mod states;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tinpail::optim::Optimizer;
use tinpail::{BucketingModule, Model};
use tinpail_convert::{FileError, Weights, params, read_file};
use tinpail_plan::{Net, PlanFile, json};

use crate::error::{CheckpointError, TooEarly};
use crate::memory::Memory;
use crate::module::HostModule;
use crate::network::Network;
use crate::params::params_of;

/// What MXNet's `save_checkpoint` wrote.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The network of each bucket, without data and labels, which a symbol file does not know.
    pub nets: BTreeMap<u32, Net>,
    /// The bucket keys in the file's order.
    pub keys: Vec<u32>,
    pub params: Weights,
}

impl Checkpoint {
    /// Reads `PREFIX.buckets`, and the parameters of `epoch` and the symbols it names.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub fn read(prefix: impl AsRef<Path>, epoch: u32) -> Result<Self, CheckpointError> {
        let prefix = prefix.as_ref();
        let keys = buckets::read(&with(prefix, ".buckets"))?;
        let mut nets = BTreeMap::new();
        for &key in &keys {
            let path = symbol_path(prefix, key);
            let text = read(&path)?;
            let text = String::from_utf8_lossy(&text);
            let net =
                json::read(&text).map_err(|source| CheckpointError::Symbol { path, source })?;
            nets.insert(key, net);
        }
        let params = read_params(&params_path(prefix, epoch))?;
        Ok(Checkpoint { nets, keys, params })
    }
}

impl<'m, O: Optimizer + Clone> HostModule<'m, O> {
    /// Writes `PREFIX-EPOCH.params`, each bucket's symbol and `PREFIX.buckets` as MXNet does, which reads them by
    /// `BucketingModule.load`; with `save_optimizer_states` also `PREFIX-EPOCH.states`.
    /// A module made from a plan has no symbols: those files are left out.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub fn save_checkpoint(
        &self,
        prefix: impl AsRef<Path>,
        epoch: u32,
        save_optimizer_states: bool,
    ) -> Result<(), CheckpointError> {
        if save_optimizer_states && !self.optimizer_initialized() {
            return Err(TooEarly::NoOptimizer.into());
        }
        let network = self.network.as_ref();
        let states = save_optimizer_states;
        save(
            self.core()?,
            self.plan_file()?,
            network,
            prefix.as_ref(),
            epoch,
            states,
        )
    }

    /// A module with the parameters of a checkpoint, to be bound: MXNet's `load`. Where there is no `sym_gen`,
    /// [`Checkpoint::read`] has the networks.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub fn load(
        memory: &'m Memory,
        prefix: impl AsRef<Path>,
        epoch: u32,
        network: Network,
    ) -> Result<Self, CheckpointError> {
        let params = read_params(&params_path(prefix.as_ref(), epoch))?;
        let mut module = HostModule::new(memory, network);
        module.loaded = Some(params);
        Ok(module)
    }

    /// Writes the optimizer's states: momentum and the like, and how many updates there were.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub fn save_optimizer_states(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        if !self.optimizer_initialized() {
            return Err(TooEarly::NoOptimizer.into());
        }
        let path = path.as_ref();
        let bytes = states::write(self.core()?).map_err(|what| states_error(path, what))?;
        write(path, &bytes)
    }

    /// Reads what [`save_optimizer_states`](Self::save_optimizer_states) wrote.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::States`] for a damaged file, or one of another network or optimizer; nothing is changed.
    pub fn load_optimizer_states(&mut self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let path = path.as_ref();
        if !self.optimizer_initialized() {
            return Err(TooEarly::NoOptimizer.into());
        }
        let bytes = read(path)?;
        states::read(&bytes, self.core_mut()?).map_err(|what| states_error(path, what))
    }
}

fn states_error(path: &Path, what: String) -> CheckpointError {
    CheckpointError::States {
        path: path.to_owned(),
        what,
    }
}

/// All files of a checkpoint.
pub(crate) fn save<M: Model>(
    core: &BucketingModule<'_, M>,
    file: &PlanFile,
    network: Option<&Network>,
    prefix: &Path,
    epoch: u32,
    save_optimizer_states: bool,
) -> Result<(), CheckpointError> {
    write_params(&params_path(prefix, epoch), &params_of(core, file))?;
    if let Some(network) = network {
        write_network(prefix, network)?;
    }
    if save_optimizer_states {
        let path = states_path(prefix, epoch);
        let bytes = states::write(core).map_err(|what| states_error(&path, what))?;
        write(&path, &bytes)?;
    }
    Ok(())
}

/// Each bucket's symbol, and the list of keys.
fn write_network(prefix: &Path, network: &Network) -> Result<(), CheckpointError> {
    for (&key, net) in network.nets() {
        let path = symbol_path(prefix, key);
        let text = json::write(net).map_err(|source| CheckpointError::Symbol {
            path: path.clone(),
            source,
        })?;
        write(&path, text.as_bytes())?;
    }
    let default = network.default_bucket_key();
    let others = network.nets().keys().copied().filter(|key| *key != default);
    let keys: Vec<u32> = [default].into_iter().chain(others).collect();
    write(&with(prefix, ".buckets"), &buckets::write(&keys))
}

/// `PREFIX-0007.params`.
pub fn params_path(prefix: &Path, epoch: u32) -> PathBuf {
    with(prefix, &format!("-{epoch:04}.params"))
}

/// `PREFIX-0007.states`.
pub fn states_path(prefix: &Path, epoch: u32) -> PathBuf {
    with(prefix, &format!("-{epoch:04}.states"))
}

/// `PREFIX-KEY-symbol.json`.
pub fn symbol_path(prefix: &Path, key: u32) -> PathBuf {
    with(prefix, &format!("-{key}-symbol.json"))
}

fn with(prefix: &Path, end: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(end);
    path.into()
}

pub(crate) fn write_params(path: &Path, weights: &Weights) -> Result<(), CheckpointError> {
    let bytes = params::write(weights).map_err(|source| CheckpointError::Write {
        path: path.to_owned(),
        source,
    })?;
    write(path, &bytes)
}

pub(crate) fn read_params(path: &Path) -> Result<Weights, FileError> {
    read_file(path)
}

fn read(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    std::fs::read(path).map_err(|source| io(path, source))
}

/// By way of a file beside it, so that a failure leaves no half of one.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let part = with(path, &format!(".{}.part", std::process::id()));
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // The error that is reported is the first one.
        let _ = std::fs::remove_file(&part);
    }
    written.map_err(|source| io(path, source))
}

fn io(path: &Path, source: std::io::Error) -> CheckpointError {
    CheckpointError::Io {
        path: path.to_owned(),
        source,
    }
}
