//! A plan on the host: the tables in vectors, all names, and the report. `NAME.plan.postcard` is this.

use serde::{Deserialize, Serialize};
use tinpail::optim::Kind;
use tinpail::plan::{
    BucketPlan, Call, Loop, Operand, Param, Plan, Port, Program, Span, Step, Train,
};
use tinpail::recipe::Recipe;

use crate::bucketing::{LrScheduler, Saved};
use crate::error::Error;

/// [`Plan`] with its tables in vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanBuf {
    pub schema: u64,
    pub fingerprint: u64,
    pub recipe: Recipe,
    pub train: Train,
    pub optimizer: Kind,
    pub batch_size: u32,
    pub arena_len: u32,
    pub persistent_len: u32,
    pub flash_len: u32,
    pub default_bucket: u16,
    pub params: Vec<Param>,
    pub states: Vec<Span>,
    pub buckets: Vec<BucketPlan>,
    pub programs: Vec<Program>,
    pub ports: Vec<Port>,
    pub steps: Vec<Step>,
    pub loops: Vec<Loop>,
    pub calls: Vec<Call>,
    pub operands: Vec<Operand>,
    pub strides: Vec<i16>,
    pub spans: Vec<Span>,
    pub ints: Vec<u32>,
}

impl PlanBuf {
    /// The plan as the runtime reads it.
    pub fn plan(&self) -> Plan<'_> {
        Plan {
            schema: self.schema,
            fingerprint: self.fingerprint,
            recipe: self.recipe,
            train: self.train,
            optimizer: self.optimizer,
            batch_size: self.batch_size,
            arena_len: self.arena_len,
            persistent_len: self.persistent_len,
            flash_len: self.flash_len,
            default_bucket: self.default_bucket,
            params: &self.params,
            states: &self.states,
            buckets: &self.buckets,
            programs: &self.programs,
            ports: &self.ports,
            steps: &self.steps,
            loops: &self.loops,
            calls: &self.calls,
            operands: &self.operands,
            strides: &self.strides,
            spans: &self.spans,
            ints: &self.ints,
        }
    }
}

/// A name and a shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub name: String,
    pub shape: Vec<usize>,
}

impl Named {
    /// Elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The names and shapes of one bucket: MXNet's attributes of the same names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketNames {
    pub key: u32,
    pub data_shapes: Vec<Named>,
    pub label_shapes: Vec<Named>,
    pub output_shapes: Vec<Named>,
}

/// What a buffer of a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BufferKind {
    /// A value of the forward pass that no later phase reads.
    Activation,
    /// A value of the forward pass that backward or update reads, or turns into a delta in its place.
    Saved,
    /// Made by backward: the gradient of a value.
    Delta,
    /// The gradient of a parameter, summed in update.
    Gradient,
    /// Of one call alone.
    Scratch,
    /// What `get_outputs` lends.
    Output,
    /// What `get_input_grads` lends.
    InputGradient,
}

/// A buffer of a program as placed: what a picture of the arena shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    pub name: String,
    /// (elements,) where nothing more is known.
    pub shape: Vec<usize>,
    pub kind: BufferKind,
    /// First element in the arena.
    pub offset: usize,
    /// Elements.
    pub len: usize,
    /// First and one past the last call that uses it, counted over the calls of the program as they run, turns of loops
    /// one by one. What stays readable after the last call ends one past the number of calls.
    pub calls: (usize, usize),
    /// The row of the buffer in whose memory it lies, because a copy was elided. Without one it has memory of its own,
    /// and `calls` covers all that lie in it.
    pub within: Option<usize>,
}

/// What a training program within a RAM limit does not keep, and what that costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recomputed {
    /// Forward's buffers that backward makes again.
    pub buffers: usize,
    /// Steps of the segments that recurrent layers are cut into, if they are.
    pub steps: Option<usize>,
    /// Multiply-and-adds of one training step.
    pub macs: u64,
    /// The same of the plan without a limit.
    pub plain_macs: u64,
}

/// What one program costs. Bytes of the transient part of the arena.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramReport {
    pub calls: usize,
    /// The transient bytes that the placement takes.
    pub peak_bytes: usize,
    /// No placement takes less: the largest live sum, or more where the search has proven it.
    pub lower_bound_bytes: usize,
    /// Whether the peak is that bound.
    pub optimal: bool,
    /// Steps of the exact placement; 0 if a greedy order met the bound.
    pub nodes: u64,
    /// What the RAM limit cost, if it cost anything.
    pub recomputed: Option<Recomputed>,
    pub placed: Vec<Placed>,
    /// Where the global norm is clipped: how the squares of each gradient are added up.
    pub norms: Vec<NormReport>,
}

/// How the squares of a gradient are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormBy {
    /// It is held, or summed in a buffer.
    Buffer,
    /// Products of pairs of rows of deltas and inputs.
    Pairs,
    /// It is formed row by row, as the update does once more.
    SecondPass,
}

/// How the squares of the gradient of a parameter, or of a part of it, are added up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NormReport {
    pub param: String,
    pub by: NormBy,
    /// Multiplications by pairs of rows, and by a second pass: why it is the one or the other. None where there is no choice.
    pub multiplications: Option<[usize; 2]>,
}

/// What one bucket costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketReport {
    pub key: u32,
    pub infer: ProgramReport,
    /// Without training: none.
    pub train: Option<ProgramReport>,
    /// Bytes of flash that this bucket adds to the tables of the others.
    pub plan_bytes: usize,
}

/// What the plan costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub arena_bytes: usize,
    pub param_bytes: usize,
    pub optimizer_bytes: usize,
    pub grad_bytes: usize,
    pub state_bytes: usize,
    /// Bytes of the parameters in flash.
    pub flash_param_bytes: usize,
    /// Bytes of flash of all tables.
    pub plan_bytes: usize,
    /// What backward needs of forward is kept as this.
    pub saved: Saved,
    pub buckets: Vec<BucketReport>,
}

/// A plan with its names and report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    pub plan: PlanBuf,
    pub params: Vec<Named>,
    pub states: Vec<Named>,
    pub buckets: Vec<BucketNames>,
    /// Whose learning rates the optimizer follows.
    pub lr_scheduler: Option<LrScheduler>,
    /// The symbol that each step was made for, by row of `plan.steps`; of a loop, and of the calls in it: that of the
    /// first turn.
    pub step_names: Vec<String>,
    pub report: Report,
}

/// What a plan file begins with.
const MAGIC: [u8; 8] = *b"tinplan5";

impl PlanFile {
    /// The file's bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let bytes = postcard::to_extend(self, MAGIC.to_vec());
        bytes.map_err(|error| Error::Config(format!("the plan cannot be written: {error}")))
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let rest = bytes
            .strip_prefix(&MAGIC)
            .ok_or_else(|| Error::Config("this is no plan file".into()))?;
        let file: PlanFile = postcard::from_bytes(rest)
            .map_err(|error| Error::Config(format!("the plan cannot be read: {error}")))?;
        if file.plan.fingerprint != file.plan.own_fingerprint()? {
            return Err(Error::Config("the plan file is damaged".into()));
        }
        Ok(file)
    }

    /// The plan alone, for a firmware that has its kernels: see [`tinpail::Loaded`]. Names stay here.
    pub fn blob(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.plan.plan().to_bytes();
        bytes.map_err(|error| Error::Config(format!("the plan cannot be written: {error}")))
    }

    /// The names of the data, as MXNet's `data_names`.
    pub fn data_names(&self) -> Vec<&str> {
        let default = self.buckets.get(usize::from(self.plan.default_bucket));
        let shapes = default.map_or(&[][..], |bucket| &bucket.data_shapes);
        shapes.iter().map(|named| named.name.as_str()).collect()
    }
}

impl PlanBuf {
    /// The fingerprint of everything in the plan but the fingerprint.
    pub(crate) fn own_fingerprint(&self) -> Result<u64, Error> {
        let blank = PlanBuf {
            fingerprint: 0,
            ..self.clone()
        };
        let bytes = postcard::to_stdvec(&blank)
            .map_err(|error| Error::Config(format!("the plan cannot be written: {error}")))?;
        Ok(fingerprint(&bytes))
    }
}

/// CRC-64/XZ.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    crc::Crc::<u64>::new(&crc::CRC_64_XZ).checksum(bytes)
}
