//! The options of `tinpail train`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use crate::args::Declared;
use crate::array::Side;

#[derive(Args)]
#[command(group(ArgGroup::new("network").required(true)))]
pub struct TrainArgs {
    /// The initial parameters: MXNet's .params, or .safetensors; without them all are initialized
    #[arg(long, value_name = "FILE")]
    pub params: Option<PathBuf>,
    /// What parameters that are not in --params start with [default, without --params: uniform, 0.01]
    #[arg(long, value_name = "NAME")]
    pub initializer: Option<InitializerArg>,
    /// Examples: arrays of .npz or .json by the names of data and labels, one row each; an array named `lengths` says how
    /// many steps of each row count, and so which bucket it goes to
    #[arg(long, value_name = "TRAIN.npz")]
    pub data_file: PathBuf,
    /// Examples to be measured after each epoch
    #[arg(long, value_name = "FILE.npz")]
    pub eval: Option<PathBuf>,
    /// Epochs to train, from 0 or from --resume on
    #[arg(long, value_name = "N")]
    pub epochs: u32,
    /// Where to write: PREFIX-EPOCH.params and .states, and with --symbols what MXNet's BucketingModule.load reads
    #[arg(long, value_name = "PREFIX")]
    pub output: PathBuf,
    /// Write a checkpoint after every N epochs [default: after the last]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub checkpoint_period: Option<u32>,
    /// Go on from the checkpoint of this epoch at --output
    #[arg(long, value_name = "EPOCH", conflicts_with_all = ["params", "initializer"])]
    pub resume: Option<u32>,
    /// What the order of examples and initial parameters follow from
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Take the examples in the order of the file: a batch is trained as soon as its bucket has enough
    #[arg(long)]
    pub no_shuffle: bool,
    /// What becomes of examples that do not fill a batch
    #[arg(long, value_name = "RULE", default_value = "drop")]
    pub last_batch: LastBatchArg,
    /// On which side examples are filled up to their bucket
    #[arg(long, value_name = "SIDE", default_value = "right")]
    pub pad: Side,
    /// What data are filled up with
    #[arg(long, value_name = "VALUE", default_value_t = 0.0)]
    pub pad_value: f64,
    /// What labels of one value a step are filled up with
    #[arg(
        long,
        value_name = "VALUE",
        default_value_t = 0.0,
        allow_hyphen_values = true
    )]
    pub invalid_label: f64,
    /// acc, ce, perplexity, mse, ...: what is measured [default: acc, or mse where labels are no classes]
    #[arg(long, value_name = "NAME")]
    pub metric: Vec<String>,
    /// Print one JSON object at the end
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub optimizer: OptimizerArgs,
    #[command(flatten)]
    pub network: TrainNetworkArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LastBatchArg {
    /// They are left out
    Drop,
    /// The first examples of their bucket fill it, trained twice
    Fill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InitializerArg {
    Uniform,
    Normal,
    Xavier,
    Msraprelu,
    Orthogonal,
    Zero,
    One,
}

/// Which network. `tinpail plan` has the same options; here the optimizer's are numbers.
#[derive(Args)]
#[command(next_help_heading = "Network")]
pub struct TrainNetworkArgs {
    /// The plan that the firmware's build wrote, or `tinpail plan -o`
    #[arg(long, value_name = "NAME.plan.postcard", group = "network")]
    pub plan: Option<PathBuf>,
    /// The folder with MXNet's *-KEY-symbol.json of each bucket; DIR/PREFIX if it has those of several networks
    #[arg(long, value_name = "DIR", group = "network")]
    pub symbols: Option<PathBuf>,
    /// A data input and its shape, such as data=B,K,12: B (or 0) is the batch, K the bucket key
    #[arg(long, value_name = "NAME=SHAPE", conflicts_with = "plan")]
    pub data: Vec<Declared>,
    /// A label and its shape, such as softmax_label=B
    #[arg(long, value_name = "NAME=SHAPE", conflicts_with = "plan")]
    pub label: Vec<Declared>,
    /// Rows of a batch [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "plan")]
    pub batch_size: Option<usize>,
    /// A parameter that is not trained
    #[arg(long, value_name = "NAME", conflicts_with = "plan")]
    pub fixed: Vec<String>,
    /// The bucket that defines the parameters [default: the largest]
    #[arg(long, value_name = "KEY", conflicts_with = "plan")]
    pub default_bucket_key: Option<u32>,
}

/// The optimizer and its rate, with MXNet's names and defaults.
#[derive(Args)]
#[command(next_help_heading = "Optimizer")]
pub struct OptimizerArgs {
    #[arg(long, value_name = "NAME", default_value = "sgd")]
    pub optimizer: OptimizerArg,
    /// learning_rate [default: the optimizer's own]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub lr: Option<f32>,
    /// Of sgd, nag and signum [default: 0, of signum 0.9]
    #[arg(long, value_name = "SHARE")]
    pub momentum: Option<f32>,
    /// Weight decay, of parameters whose names end in _weight or _gamma
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub wd: f32,
    /// Cut each element of a gradient to this
    #[arg(long, value_name = "BOUND")]
    pub clip_gradient: Option<f32>,
    /// What gradients are multiplied by [default: 1 / batch size]
    #[arg(long, value_name = "FACTOR")]
    pub rescale_grad: Option<f32>,
    /// How the rate changes [default: not at all]
    #[arg(long, value_name = "NAME")]
    pub lr_scheduler: Option<SchedulerArg>,
    /// Of factor: every so many updates. Of multifactor: after these, such as 100,200
    #[arg(
        long,
        value_name = "UPDATES",
        value_delimiter = ',',
        requires = "lr_scheduler"
    )]
    pub lr_step: Vec<u32>,
    /// Of factor and multifactor: what the rate is multiplied by
    #[arg(
        long,
        value_name = "FACTOR",
        default_value_t = 1.0,
        requires = "lr_scheduler"
    )]
    pub lr_factor: f32,
    /// Of poly and cosine: the update at which the final rate is reached [default: the last]
    #[arg(long, value_name = "UPDATES", requires = "lr_scheduler")]
    pub lr_max_update: Option<u32>,
    /// Of poly: the power
    #[arg(
        long,
        value_name = "POWER",
        default_value_t = 2,
        requires = "lr_scheduler"
    )]
    pub lr_power: u32,
    /// Of poly and cosine
    #[arg(
        long,
        value_name = "RATE",
        default_value_t = 0.0,
        requires = "lr_scheduler"
    )]
    pub lr_final: f32,
    /// Updates of warm-up
    #[arg(
        long,
        value_name = "UPDATES",
        default_value_t = 0,
        requires = "lr_scheduler"
    )]
    pub lr_warmup: u32,
    /// Where the warm-up begins
    #[arg(
        long,
        value_name = "RATE",
        default_value_t = 0.0,
        requires = "lr_scheduler"
    )]
    pub lr_warmup_begin: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchedulerArg {
    Factor,
    Multifactor,
    Poly,
    Cosine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OptimizerArg {
    Sgd,
    Nag,
    Adam,
    Adagrad,
    Adadelta,
    Rmsprop,
    RmspropCentered,
    Ftrl,
    Adamax,
    Nadam,
    Signum,
}
