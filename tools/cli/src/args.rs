//! The options that give a network: a plan file, or MXNet's symbol.json files and what they leave open.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Args, ValueEnum};
use tinpail_plan::Train;

/// Which network.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("network").required(true)))]
pub struct NetworkArgs {
    /// The plan that the firmware's build wrote, or `tinpail plan -o`
    #[arg(
        long,
        value_name = "NAME.plan.postcard",
        help_heading = "Network",
        group = "network"
    )]
    pub plan: Option<PathBuf>,
    /// The folder with MXNet's *-KEY-symbol.json of each bucket; DIR/PREFIX if it has those of several networks
    #[arg(long, value_name = "DIR", help_heading = "Network", group = "network")]
    pub symbols: Option<PathBuf>,
    #[command(flatten)]
    pub config: ConfigArgs,
}

impl NetworkArgs {
    /// What the files are called, for a title.
    pub fn name(&self) -> String {
        let path = self.plan.as_ref().or(self.symbols.as_ref());
        let name = path.and_then(|path| path.file_name());
        let name = name.map_or_else(|| "plan".into(), |name| name.to_string_lossy());
        name.trim_end_matches(".plan.postcard").to_owned()
    }
}

/// What symbol.json files leave open. Each needs `--symbols`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Network, with --symbols")]
pub struct ConfigArgs {
    /// A data input and its shape, such as data=B,K,12: B (or 0) is the batch, K the bucket key
    #[arg(long, value_name = "NAME=SHAPE", conflicts_with = "plan")]
    pub data: Vec<Declared>,
    /// A label and its shape, such as softmax_label=B
    #[arg(long, value_name = "NAME=SHAPE", conflicts_with = "plan")]
    pub label: Vec<Declared>,
    /// Rows of a batch [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "plan")]
    pub batch_size: Option<usize>,
    /// An argument that is a carried state
    #[arg(long, value_name = "NAME", conflicts_with = "plan")]
    pub state: Vec<String>,
    /// A parameter that is not trained
    #[arg(long, value_name = "NAME", conflicts_with = "plan")]
    pub fixed: Vec<String>,
    /// How the device trains [default: fused]
    #[arg(long, value_name = "MODE", conflicts_with = "plan")]
    pub train: Option<TrainArg>,
    /// SGD with momentum: one more value for each trainable weight
    #[arg(long, conflicts_with = "plan")]
    pub momentum: bool,
    /// The bucket that defines the parameters [default: the largest]
    #[arg(long, value_name = "KEY", conflicts_with = "plan")]
    pub default_bucket_key: Option<u32>,
    /// Backward also makes the gradients of the data
    #[arg(long, conflicts_with = "plan")]
    pub inputs_need_grad: bool,
}

/// `tinpail_plan::Train` as an option.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TrainArg {
    /// Inference only
    None,
    /// No gradient buffers
    Fused,
    /// One gradient buffer for each trainable parameter
    Held,
    /// Whole steps: each layer moves as soon as its deltas stand
    Step,
}

impl From<TrainArg> for Train {
    fn from(arg: TrainArg) -> Self {
        match arg {
            TrainArg::None => Train::None,
            TrainArg::Fused => Train::Fused,
            TrainArg::Held => Train::Held,
            TrainArg::Step => Train::Step,
        }
    }
}

/// One dimension of a declared shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    Batch,
    Key,
    Fixed(usize),
}

/// `NAME=SHAPE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    pub name: String,
    pub dims: Vec<Dim>,
}

impl Declared {
    /// The shape in the bucket of `key`; 0 is the batch, as `Net::data` takes it.
    pub fn shape(&self, key: u32) -> Vec<usize> {
        let dim = |dim: &Dim| match dim {
            Dim::Batch => 0,
            Dim::Key => key as usize,
            Dim::Fixed(len) => *len,
        };
        self.dims.iter().map(dim).collect()
    }
}

impl FromStr for Declared {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, shape) = text
            .split_once('=')
            .ok_or("NAME=SHAPE is needed, such as data=B,K,12")?;
        if name.is_empty() {
            return Err("the name before = is missing".into());
        }
        let shape = shape.trim();
        let shape = shape.strip_prefix('(').unwrap_or(shape);
        let shape = shape.strip_suffix(')').unwrap_or(shape);
        let shape = shape.strip_suffix(',').unwrap_or(shape);
        let dims: Result<Vec<Dim>, String> = shape.split(',').map(dim).collect();
        Ok(Declared {
            name: name.to_owned(),
            dims: dims?,
        })
    }
}

fn dim(text: &str) -> Result<Dim, String> {
    match text.trim() {
        "B" | "0" => Ok(Dim::Batch),
        "K" => Ok(Dim::Key),
        text => match text.parse() {
            Ok(len) => Ok(Dim::Fixed(len)),
            Err(_) => Err(format!(
                "{text:?} is no dimension: a number, B or 0 for the batch, K for the bucket key"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_with_batch_and_key() {
        let declared: Declared = "data=0,K,12".parse().unwrap();
        assert_eq!(declared.name, "data");
        assert_eq!(declared.shape(29), [0, 29, 12]);
        assert_eq!("data=(B, K, 12)".parse(), Ok(declared));
        let label: Declared = "softmax_label=(B,)".parse().unwrap();
        assert_eq!(label.dims, [Dim::Batch]);
        for wrong in ["data", "=3", "data=", "data=B,,K", "data=-1", "data=T"] {
            assert!(wrong.parse::<Declared>().is_err(), "{wrong}");
        }
    }
}
