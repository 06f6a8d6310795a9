//! What can be refused, by names.

use std::path::PathBuf;

use tinpail::error::{AccessError, BindError as CoreBindError, OptimizerError};
use tinpail_convert::{BlobError, FileError, params};

/// Names as a message lists them.
fn list(names: &[String]) -> String {
    names.join(", ")
}

/// A method came too early in the module's life: bind, then init_params, then init_optimizer. MXNet's bare assertions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooEarly {
    #[error("the module is not bound: call bind first")]
    NotBound,
    #[error("the module has no parameters: call init_params, set_params or load_params first")]
    NoParams,
    #[error("the module has no optimizer: call init_optimizer first")]
    NoOptimizer,
}

/// A bucket key that the network does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no bucket {key}; the network has {}", list(&keys(known)))]
pub struct UnknownKey {
    pub key: u32,
    pub known: Vec<u32>,
}

fn keys(known: &[u32]) -> Vec<String> {
    known.iter().map(u32::to_string).collect()
}

/// `bind` refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Gradients of the data, of a module that is not for training.
    #[error("inputs_need_grad needs for_training")]
    InputsNeedGrad,
    /// `grad_req` as a list that does not have one entry for each argument.
    #[error("grad_req lists {found} requests, but the network has {needed} arguments")]
    GradReqCount { needed: usize, found: usize },
    /// `grad_req` names an argument that the network does not have.
    #[error(
        "grad_req: there is no argument {name}; the network has {}",
        list(known)
    )]
    GradReqName { name: String, known: Vec<String> },
    /// Some parameters ask for `add`, others for `write`.
    #[error(
        "grad_req: {added} asks for add and {written} for write; tinpail adds for all trainable parameters or for none"
    )]
    GradReqMixed { added: String, written: String },
    /// The module has a plan and no network: only another plan could be bound.
    #[error("the module was made from a plan, which fixes what bind could ask for")]
    Planned,
    /// The parameters that the module had, or those of its checkpoint, do not fit.
    #[error(transparent)]
    Params(ParamsError),
    /// The planner.
    #[error(transparent)]
    Plan(#[from] tinpail_plan::Error),
}

/// `init_optimizer` refuses; the optimizer stays what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitOptimizerError {
    #[error(transparent)]
    TooEarly(#[from] TooEarly),
    /// Its numbers make no sense, or the plan was made for another.
    #[error("the optimizer is refused: {0:?}")]
    Refused(OptimizerError),
}

/// Parameters are refused; nothing is changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    #[error(transparent)]
    TooEarly(#[from] TooEarly),
    /// A parameter that was not given, without `allow_missing`.
    #[error("parameter {name} is not given; there are {}", list(known))]
    Missing { name: String, known: Vec<String> },
    /// A parameter that the network does not have, without `allow_extra`.
    #[error("the network has no parameter {name}; it has {}", list(known))]
    Extra { name: String, known: Vec<String> },
    #[error("parameter {name} has shape {needed:?}, the one given {found:?}")]
    Shape {
        name: String,
        needed: Vec<usize>,
        found: Vec<usize>,
    },
    #[error("parameter {name}: element {at} is {value}")]
    NotFinite { name: String, at: usize, value: f32 },
    #[error(transparent)]
    Initializer(#[from] crate::initializer::InitializerError),
    /// They make no blob.
    #[error(transparent)]
    Blob(BlobError),
    /// The module cannot be bound with them.
    #[error("the plan cannot be bound: {0:?}")]
    Bind(CoreBindError),
    /// A step is not finished.
    #[error("the module refuses: {0:?}")]
    Access(AccessError),
    /// The optimizer's states, of a module that must be bound anew, cannot be kept.
    #[error("{0}")]
    States(String),
}

/// A checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    #[error(transparent)]
    TooEarly(#[from] TooEarly),
    #[error(transparent)]
    Params(#[from] ParamsError),
    #[error("{path}: {source}", path = path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Read(#[from] FileError),
    #[error("{path}: {source}", path = path.display())]
    Write {
        path: PathBuf,
        source: params::WriteError,
    },
    #[error("{path}: {source}", path = path.display())]
    Symbol {
        path: PathBuf,
        source: tinpail_plan::Error,
    },
    /// `PREFIX.buckets` is not a list of integers as MXNet writes it.
    #[error("{path}: not a list of bucket keys: {what}", path = path.display())]
    Buckets { path: PathBuf, what: &'static str },
    /// A file of optimizer states that is damaged, or no such file.
    #[error("{path}: {what}", path = path.display())]
    States { path: PathBuf, what: String },
}
