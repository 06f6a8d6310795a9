//! [`Bucketing`]: what a build script says about its network, and how it becomes a plan.

mod arguments;
mod assemble;
mod loose;
mod placed;
mod tables;

use serde::{Deserialize, Serialize};

use crate::emit;
use crate::error::Error;
use crate::plan_file::PlanFile;
use crate::symbol::Net;

use tinpail::optim::Kind;
pub use tinpail::plan::Train;
pub use tinpail::recipe::{MathKind, ProductsKind};

/// The optimizer that the device runs: decides which state is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimizer {
    /// Stochastic gradient descent; with `momentum`, one element of state for each of a parameter.
    Sgd {
        momentum: bool,
    },
    /// Nesterov's accelerated gradient, with momentum or (as `Sgd`) without.
    Nag {
        momentum: bool,
    },
    Adam,
    AdaGrad,
    AdaDelta,
    /// MXNet's `RMSProp`: one array of state, `centered` three.
    RmsProp {
        centered: bool,
    },
    Ftrl,
    Adamax,
    Nadam,
    /// The sign of the gradient, with momentum or without.
    Signum {
        momentum: bool,
    },
}

impl Optimizer {
    /// What the runtime calls it.
    pub fn kind(self) -> Kind {
        match self {
            Optimizer::Sgd { .. } => Kind::Sgd,
            Optimizer::Nag { .. } => Kind::Nag,
            Optimizer::Adam => Kind::Adam,
            Optimizer::AdaGrad => Kind::AdaGrad,
            Optimizer::AdaDelta => Kind::AdaDelta,
            Optimizer::RmsProp { centered: false } => Kind::RmsProp,
            Optimizer::RmsProp { centered: true } => Kind::RmsPropCentered,
            Optimizer::Ftrl => Kind::Ftrl,
            Optimizer::Adamax => Kind::Adamax,
            Optimizer::Nadam => Kind::Nadam,
            Optimizer::Signum { .. } => Kind::Signum,
        }
    }

    /// Whether it keeps state.
    pub(crate) fn has_state(self) -> bool {
        match self {
            Optimizer::Sgd { momentum }
            | Optimizer::Nag { momentum }
            | Optimizer::Signum { momentum } => momentum,
            _ => true,
        }
    }
}

/// The calls of a plan of one bucket that becomes code unless told.
const SPECIALISED_CALLS: usize = 32;

/// Whose learning rates the device's optimizer follows: MXNet's `lr_scheduler`. The numbers are given on the device,
/// see `tinpail::schedule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LrScheduler {
    Factor,
    MultiFactor,
    Poly,
    Cosine,
}

/// MXNet's `compression_params`: what is sent of a gradient, see `tinpail::codec`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Compression {
    /// `{'type': '2bit', 'threshold': t}`; MXNet's threshold is 0.5 unless told.
    TwoBit { threshold: f32 },
}

/// MXNet's `grad_req` of a trainable parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradReq {
    /// No gradient and no update, as if it were in `fixed_param_names`: the parameter stays in flash.
    Null,
    /// Each backward overwrites the gradients.
    Write,
    /// Each backward adds to them; only `zero_grads` clears them. Needs [`Train::Held`].
    Add,
}

/// What backward needs of forward is kept as this. Everything is computed in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Saved {
    #[default]
    F32,
    /// IEEE 754 binary16, rounded to nearest even: gates and states of recurrent layers, inputs of dense layers and
    /// convolutions, outputs of activations. Outputs of the network keep their bits; gradients are off by a relative
    /// 2^-11 of each value that was stored, carried through backward. See `tinpail::kernel::half`.
    F16,
}

/// Whether repeated calls (of an unrolled cell, say) become loops. The bits of the results do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roll {
    /// They stay as they are.
    Off,
    /// Where the arena stays as small as it is without.
    Free,
    /// Also where the arena grows, up to [`Bucketing::ram_limit_bytes`]: the offsets of all time steps must be evenly spaced
    /// for that. The plan's bytes then do not depend on the number of steps.
    Fully,
}

/// How many time steps' products with the input a recurrent layer forms at a time where it keeps no gates, so in inference: as
/// products of matrices they take fewer cycles, but each needs a row of sums. The bits of the results do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// One, of one sequence of the batch.
    Off,
    /// As many as there is room for in the arena without: all, as a rule, where the device trains.
    Free,
    /// This many, of all sequences of the batch, where they are as long, and more where there is room.
    Steps(usize),
}

/// A network for a fixed set of bucket keys. MXNet's constructor arguments and `bind`'s, known at build
/// time; `sym_gen` is called once for each key.
///
/// ```no_run
/// use tinpail_plan::symbol::{FullyConnected, Mode, Rnn, SoftmaxOutput};
/// use tinpail_plan::{Bucketing, Error, Net, Optimizer, Symbols, Train};
///
/// fn sym_gen(steps: u32) -> Result<Net, Error> {
///     let mut s = Symbols::new();
///     let data = s.variable("data");
///     let label = s.variable("softmax_label");
///     let lstm = s.rnn("lstm", data, Rnn::new(Mode::Lstm, 32), &[]);
///     let last = s.sequence_last("last", lstm, None, 0);
///     let fc = s.fully_connected("fc", last, FullyConnected::new(10));
///     let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
///     // 0 is the batch size.
///     Ok(s.net([softmax]).data("data", [steps as usize, 0, 16]).label("softmax_label", [0]))
/// }
///
/// fn main() -> Result<(), Error> {
///     Bucketing::new(sym_gen)
///         .bucket_keys([10, 20])
///         .default_bucket_key(20)
///         .optimizer(Optimizer::Sgd { momentum: true })
///         .train(Train::Fused)
///         .ram_limit_bytes(96 * 1024)
///         .emit("gesture")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Bucketing<F> {
    sym_gen: F,
    bucket_keys: Vec<u32>,
    default_bucket_key: Option<u32>,
    batch_size: usize,
    state_names: Vec<String>,
    fixed_param_names: Vec<String>,
    optimizer: Optimizer,
    train: Train,
    lr_scheduler: Option<LrScheduler>,
    compression: Option<Compression>,
    grad_req: GradReq,
    /// Overrides by name.
    grad_reqs: Vec<(String, GradReq)>,
    /// Overrides by name.
    lr_mults: Vec<(String, f32)>,
    wd_mults: Vec<(String, f32)>,
    inputs_need_grad: bool,
    clip_global_norm: Option<f32>,
    saved: Saved,
    keep_outputs: bool,
    ram_limit_bytes: Option<usize>,
    math: MathKind,
    products: ProductsKind,
    share_memory: bool,
    specialise: Option<bool>,
    roll: Roll,
    ahead: Ahead,
    place_nodes: u64,
}

/// Steps of the exact placement of one program: a fraction of a second in an optimised build script.
const PLACE_NODES: u64 = 10_000;

impl<F: Fn(u32) -> Result<Net, Error>> Bucketing<F> {
    /// A network whose graph for a bucket key is `sym_gen(key)`. Without further calls: batch 1, SGD with
    /// momentum, [`Train::Fused`], all parameters trainable.
    pub fn new(sym_gen: F) -> Self {
        Bucketing {
            sym_gen,
            bucket_keys: Vec::new(),
            default_bucket_key: None,
            batch_size: 1,
            state_names: Vec::new(),
            fixed_param_names: Vec::new(),
            optimizer: Optimizer::Sgd { momentum: true },
            train: Train::Fused,
            lr_scheduler: None,
            compression: None,
            grad_req: GradReq::Write,
            grad_reqs: Vec::new(),
            lr_mults: Vec::new(),
            wd_mults: Vec::new(),
            inputs_need_grad: false,
            clip_global_norm: None,
            saved: Saved::F32,
            keep_outputs: true,
            ram_limit_bytes: None,
            math: MathKind::Libm,
            products: ProductsKind::Separate,
            share_memory: true,
            specialise: None,
            roll: Roll::Free,
            ahead: Ahead::Free,
            place_nodes: PLACE_NODES,
        }
    }

    /// The bucket keys, usually numbers of time steps.
    pub fn bucket_keys(mut self, keys: impl IntoIterator<Item = u32>) -> Self {
        self.bucket_keys = keys.into_iter().collect();
        self
    }

    /// The bucket whose network defines the parameters, and which is current after `bind`. Without it:
    /// the largest key.
    pub fn default_bucket_key(mut self, key: u32) -> Self {
        self.default_bucket_key = Some(key);
        self
    }

    /// Rows of a batch.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Arguments that are carried states: neither data nor parameters, zero at bind.
    pub fn state_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.state_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Parameters that are not trained: they stay in flash and have no gradient.
    pub fn fixed_param_names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.fixed_param_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// The optimizer.
    pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.optimizer = optimizer;
        self
    }

    /// The schedule of the learning rate: the emitted module's optimizer becomes
    /// `tinpail::optim::Scheduled` over the optimizer.
    pub fn lr_scheduler(mut self, lr_scheduler: LrScheduler) -> Self {
        self.lr_scheduler = Some(lr_scheduler);
        self
    }

    /// MXNet's `compression_params`: update takes what 2-bit compression sends of each gradient, before `rescale_grad`,
    /// clipping and weight decay, and what it does not send waits in a residual as long as the parameter. As in MXNet on
    /// one device with a KVStore object. Needs [`Train::Held`].
    pub fn compression_params(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Whether and how the device trains.
    pub fn train(mut self, train: Train) -> Self {
        self.train = train;
        self
    }

    /// MXNet's `grad_req` for all parameters that are not named by [`grad_req_of`](Self::grad_req_of).
    pub fn grad_req(mut self, grad_req: GradReq) -> Self {
        self.grad_req = grad_req;
        self
    }

    /// MXNet's `grad_req` of one parameter: an entry of its dict. The last one of a name counts. A parameter in
    /// `fixed_param_names` is fixed whatever stands here.
    pub fn grad_req_of(mut self, name: impl Into<String>, grad_req: GradReq) -> Self {
        self.grad_reqs.push((name.into(), grad_req));
        self
    }

    /// What multiplies the learning rate of one parameter: an entry of MXNet's `set_lr_mult`, before the symbol's
    /// `__lr_mult__`. The last one of a name counts.
    pub fn lr_mult_of(mut self, name: impl Into<String>, lr_mult: f32) -> Self {
        self.lr_mults.push((name.into(), lr_mult));
        self
    }

    /// What multiplies the weight decay of one parameter: an entry of MXNet's `set_wd_mult`, before the symbol's
    /// `__wd_mult__` and the rule by name. The last one of a name counts.
    pub fn wd_mult_of(mut self, name: impl Into<String>, wd_mult: f32) -> Self {
        self.wd_mults.push((name.into(), wd_mult));
        self
    }

    /// Whether backward also makes the gradients of the data.
    pub fn inputs_need_grad(mut self, inputs_need_grad: bool) -> Self {
        self.inputs_need_grad = inputs_need_grad;
        self
    }

    /// `gluon.utils.clip_global_norm` before every update: where the norm of the gradients of all parameters that the bucket
    /// trains is above `max_norm`, they are scaled by max_norm / (norm + 1e-8). The gradients are those of the whole batch,
    /// before `rescale_grad`, weight decay and `clip_gradient`; held ones are left as they are, and scaled as they are
    /// applied. A norm that is not finite refuses the update. Without held gradients the norm comes from pairs of rows of
    /// deltas and inputs, or from a second pass over the tiles, whichever takes fewer multiplications: the report says.
    pub fn clip_global_norm(mut self, max_norm: f32) -> Self {
        self.clip_global_norm = Some(max_norm);
        self
    }

    /// What is kept from forward to backward, as f32 or in half the space. Needs a plan that trains.
    pub fn saved_activations(mut self, saved: Saved) -> Self {
        self.saved = saved;
        self
    }

    /// `false`: the outputs of a training step may be overwritten by their deltas, so that `train_step` leaves none to read
    /// (inference does, as ever). Needs [`Train::Step`].
    pub fn keep_outputs(mut self, keep_outputs: bool) -> Self {
        self.keep_outputs = keep_outputs;
        self
    }

    /// The bytes that the arena may take. A training program that needs more keeps fewer values of forward and makes them
    /// again in backward, and cuts recurrent layers into segments of time steps, at the smallest cost that is found; the
    /// report says what it costs in multiply-and-adds. The bits stay the same, but for the weights of recurrent layers that
    /// were cut: their gradients are summed segment by segment. If nothing fits the build fails with the table of the
    /// smallest plan.
    pub fn ram_limit_bytes(mut self, bytes: usize) -> Self {
        self.ram_limit_bytes = Some(bytes);
        self
    }

    /// Which functions the kernels use.
    pub fn math(mut self, math: MathKind) -> Self {
        self.math = math;
        self
    }

    /// How products join sums: the recipe `exact`, `fma` for cores that add a product in one instruction, or `ftz` for the vector unit of a
    /// Cortex-M55, which takes subnormals for zeros. The firmware needs tinpail's feature of that name ([`tinpail::recipe`] has what differs).
    pub fn products(mut self, products: ProductsKind) -> Self {
        self.products = products;
        self
    }

    /// Steps that the exact placement may take for each program, 10,000 without this call. It is a number of steps and no
    /// time, so that builds repeat; the report says how many were needed and whether the peak is proven to be the
    /// smallest. 0: greedy orders alone.
    pub fn place_nodes(mut self, nodes: u64) -> Self {
        self.place_nodes = nodes;
        self
    }

    /// `false`: every tensor gets memory of its own. For tests that hold the planner to the result of a
    /// network planned without it.
    pub fn share_memory(mut self, share_memory: bool) -> Self {
        self.share_memory = share_memory;
        self
    }

    /// What repeated calls may cost to become loops.
    pub fn roll(mut self, roll: Roll) -> Self {
        self.roll = roll;
        self
    }

    /// Whether the emitted module runs the plan's calls by code made for their shapes, rather than by the plan's tables. It takes
    /// fewer instructions around each kernel and links only the ways of it that are taken, but is written out for every call of every
    /// bucket. The bits are the same.
    ///
    /// Without this call: for one bucket of at most 32 calls, where it was faster and smaller in every network measured (boards/bench);
    /// with the demo's four buckets it is faster and takes 11 KB of flash more. Under a monitor or a profiler a module runs by the
    /// tables, as does a plan that is loaded, so that a firmware with either links both.
    pub fn specialise(mut self, specialise: bool) -> Self {
        self.specialise = Some(specialise);
        self
    }

    /// How many time steps' products with the input a recurrent layer forms at a time in inference.
    pub fn steps_ahead(mut self, ahead: Ahead) -> Self {
        self.ahead = ahead;
        self
    }

    /// Plans every bucket.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the networks or the configuration, see [`Error`].
    pub fn plan(&self) -> Result<PlanFile, Error> {
        assemble::assemble(self)
    }

    /// Plans every bucket and writes `NAME.rs`, `NAME.plan.postcard` and `NAME.report.md` to cargo's `OUT_DIR`.
    /// Include the first with `include!(concat!(env!("OUT_DIR"), "/NAME.rs"))`.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan), and if `OUT_DIR` cannot be written.
    pub fn emit(&self, name: &str) -> Result<(), Error> {
        let out_dir = std::env::var_os("OUT_DIR").ok_or_else(|| {
            Error::Config("emit runs in a build script: OUT_DIR is not set".into())
        })?;
        let plan = self.plan()?;
        let small = plan.buckets.len() == 1 && plan.plan.calls.len() <= SPECIALISED_CALLS;
        let specialise = self.specialise.unwrap_or(small);
        emit::write_to(std::path::Path::new(&out_dir), name, &plan, specialise)
    }
}
