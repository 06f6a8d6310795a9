//! [`BucketingModule`]: MXNet's module over a planned network.
//!
//! Life cycle: [`bind`](BucketingModule::bind), [`init_optimizer`](BucketingModule::init_optimizer), then
//! for inference [`forward`](BucketingModule::forward) and [`get_outputs`](BucketingModule::get_outputs),
//! for training a [`Session`]: `forward`, `backward`, `update`. A module that is not bound cannot exist;
//! the other wrong orders are errors that change nothing.

mod access;
mod callback;
mod evaluate;
mod fit;
mod monitored;
mod outputs;
mod params;
mod profiled;
mod session;
mod storage;

pub use evaluate::{Prediction, Predictions, Score, Scored};
pub use fit::{Fit, Fitted};
pub use outputs::Outputs;
pub use params::SetParams;
pub use session::Session;
pub use storage::{Slots, saved_len, saved_optimizer_len};

use crate::arena::{self, Arena, Memory, Tensor};
use crate::blob::Blob;
use crate::error::{
    BackwardError, BatchError, BindError, ForwardError, NoBucket, OptimizerError, Side, StepError,
    UpdateError,
};
use crate::exec::{Context, Fault, Run};
use crate::kernel::blas;
use crate::math::Math;
use crate::model::{Model, StaticModel};
use crate::monitor::Phase;
use crate::optim::Optimizer;
use crate::plan::{
    BucketIndex, BucketPlan, Home, Param, ParamKind, Plan, Port, PortKind, Program, Rows, Train,
};
use crate::products::Products;

/// One batch: the bucket it belongs to, its data and its labels, borrowed from the caller.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'b> {
    pub bucket: BucketIndex,
    /// In the order of `data_names`.
    pub data: &'b [Tensor<'b>],
    /// In the order of the label names; may be empty for inference.
    pub label: &'b [Tensor<'b>],
}

impl<'b> Batch<'b> {
    /// A batch without labels.
    pub fn new(bucket: impl Into<BucketIndex>, data: &'b [Tensor<'b>]) -> Self {
        Batch {
            bucket: bucket.into(),
            data,
            label: &[],
        }
    }

    /// The same batch with its labels.
    pub fn with_label(self, label: &'b [Tensor<'b>]) -> Self {
        Batch { label, ..self }
    }
}

/// What the transient part of the arena holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing that may be read.
    Empty,
    /// The outputs of an inference.
    Inferred(BucketIndex),
    /// The outputs and saved values of a training forward.
    Forwarded(BucketIndex),
    /// The outputs and deltas of a backward.
    Backwarded(BucketIndex),
    /// The outputs and input gradients of a step that is over.
    Updated(BucketIndex),
    /// The outputs of a training forward whose session ended before backward.
    Left(BucketIndex),
}

/// One network, a fixed set of buckets, one set of parameters, one arena.
pub struct BucketingModule<'a, M: Model> {
    model: M,
    arena: &'a mut [f32],
    flash: &'a [f32],
    optimizer: Option<M::Optimizer>,
    math: Math,
    products: Products,
    current: BucketIndex,
    stage: Stage,
    for_training: bool,
    poisoned: bool,
    /// The bucket of the backward whose held gradients stand.
    graded: Option<BucketIndex>,
    /// Updates so far, counted from `begin_num_update`.
    num_update: u32,
    begin_num_update: u32,
    /// Training forwards so far.
    steps: u32,
    dropout_seed: u32,
    /// Training forwards when it was set: the masks follow from the seed and the forwards since.
    seeded_at: u32,
    /// The seed of the step that stands: backward draws the masks of its forward.
    step_seed: u32,
}

impl<'a, M: StaticModel> BucketingModule<'a, M> {
    /// Binds the planned network to an arena and to the parameters in `blob`, which lie in flash
    /// (see [`include_blob!`](crate::include_blob)). Trainable parameters are copied into the arena,
    /// frozen ones are read where they lie; states and optimizer state start at zero.
    ///
    /// An arena that is too small does not compile:
    ///
    /// ```
    /// # use tinpail::{exec, optim::{Kind, Sgd}, plan, recipe, Arena, BucketingModule, Model, Plan, StaticModel};
    /// # #[derive(Default)]
    /// # struct Tiny;
    /// # impl Model for Tiny {
    /// #     type Optimizer = Sgd;
    /// #     fn plan(&self) -> Plan<'_> {
    /// #         Plan {
    /// #             schema: 0, fingerprint: 0, batch_size: 1, arena_len: 8, persistent_len: 0, flash_len: 0,
    /// #             recipe: recipe::Recipe { version: recipe::VERSION, math: recipe::MathKind::Libm, products: recipe::ProductsKind::Separate },
    /// #             train: plan::Train::None, optimizer: Kind::Sgd, default_bucket: 0,
    /// #             params: &[], states: &[], buckets: &[], programs: &[], ports: &[],
    /// #             steps: &[], loops: &[], calls: &[], operands: &[], strides: &[], spans: &[], ints: &[],
    /// #         }
    /// #     }
    /// #     fn call(&self, args: &mut exec::Args<'_, '_, Sgd>) -> Result<(), exec::Fault> {
    /// #         tinpail::kernel::call::any(args)
    /// #     }
    /// # }
    /// # impl StaticModel for Tiny { const ARENA_WORDS: usize = 8; }
    /// let mut arena = Arena::<8>::new();
    /// let module = BucketingModule::<Tiny>::bind(&mut arena, &[]);
    /// # assert!(module.is_err());
    /// ```
    ///
    /// ```compile_fail,E0080
    /// # use tinpail::{exec, optim::{Kind, Sgd}, plan, recipe, Arena, BucketingModule, Model, Plan, StaticModel};
    /// # #[derive(Default)]
    /// # struct Tiny;
    /// # impl Model for Tiny {
    /// #     type Optimizer = Sgd;
    /// #     fn plan(&self) -> Plan<'_> {
    /// #         Plan {
    /// #             schema: 0, fingerprint: 0, batch_size: 1, arena_len: 8, persistent_len: 0, flash_len: 0,
    /// #             recipe: recipe::Recipe { version: recipe::VERSION, math: recipe::MathKind::Libm, products: recipe::ProductsKind::Separate },
    /// #             train: plan::Train::None, optimizer: Kind::Sgd, default_bucket: 0,
    /// #             params: &[], states: &[], buckets: &[], programs: &[], ports: &[],
    /// #             steps: &[], loops: &[], calls: &[], operands: &[], strides: &[], spans: &[], ints: &[],
    /// #         }
    /// #     }
    /// #     fn call(&self, args: &mut exec::Args<'_, '_, Sgd>) -> Result<(), exec::Fault> {
    /// #         tinpail::kernel::call::any(args)
    /// #     }
    /// # }
    /// # impl StaticModel for Tiny { const ARENA_WORDS: usize = 8; }
    /// let mut arena = Arena::<7>::new();
    /// let module = BucketingModule::<Tiny>::bind(&mut arena, &[]);
    /// # assert!(module.is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`BindError`]; the arena is unchanged then.
    pub fn bind<const WORDS: usize>(
        arena: &'a mut Arena<WORDS>,
        blob: &'a [u8],
    ) -> Result<Self, BindError> {
        const {
            assert!(
                WORDS >= M::ARENA_WORDS,
                "this arena is smaller than the plan's ARENA_WORDS"
            );
        }
        Self::bind_words(M::default(), arena.words(), blob)
    }

    /// [`bind`](Self::bind) without a blob, for a network whose parameters are all trainable: they are not good until
    /// [`init_params`](Self::init_params), [`set_all_params`](Self::set_all_params) or [`load_params`](Self::load_params).
    ///
    /// # Errors
    ///
    /// [`BindError`]; the arena is unchanged then.
    pub fn bind_blank<const WORDS: usize>(arena: &'a mut Arena<WORDS>) -> Result<Self, BindError> {
        const {
            assert!(
                WORDS >= M::ARENA_WORDS,
                "this arena is smaller than the plan's ARENA_WORDS"
            );
        }
        Self::bind_blank_words(M::default(), arena.words())
    }
}

impl<'a, M: Model> BucketingModule<'a, M> {
    /// [`bind`](Self::bind) for a model and an arena whose sizes are known only now.
    ///
    /// # Errors
    ///
    /// [`BindError`]; the arena is unchanged then.
    pub fn bind_words(model: M, arena: &'a mut [f32], blob: &'a [u8]) -> Result<Self, BindError> {
        Self::bind_to(model, arena, Some(blob))
    }

    /// [`bind_blank`](BucketingModule::bind_blank) for a model and an arena whose sizes are known only now.
    ///
    /// # Errors
    ///
    /// [`BindError`]; the arena is unchanged then.
    pub fn bind_blank_words(model: M, arena: &'a mut [f32]) -> Result<Self, BindError> {
        Self::bind_to(model, arena, None)
    }

    fn bind_to(model: M, arena: &'a mut [f32], blob: Option<&'a [u8]>) -> Result<Self, BindError> {
        let plan = model.plan();
        if !arena::fits(&plan, arena) {
            return Err(BindError::Arena {
                needed: plan.arena_len as usize,
                found: arena.len(),
            });
        }
        let math = plan.recipe.math.get().ok_or(BindError::Recipe)?;
        let products = plan.recipe.products.get().ok_or(BindError::Recipe)?;
        let current = BucketIndex(plan.default_bucket);
        if plan.recipe.version != crate::recipe::VERSION {
            return Err(BindError::Recipe);
        }
        if plan.bucket(current).is_none() {
            return Err(BindError::Plan);
        }
        let flash = match blob {
            Some(blob) => Blob::from_bytes(blob, &plan)?.payload,
            None => &[],
        };
        let frozen = |param: &crate::plan::Param| param.home == Home::Flash;
        if blob.is_none()
            && let Some(index) = plan.params.iter().position(frozen)
        {
            return Err(BindError::Frozen { index });
        }
        let poisoned = blob.is_none() && !plan.params.is_empty();
        let persistent = arena
            .get_mut(..plan.persistent_len as usize)
            .ok_or(BindError::Plan)?;
        let homes_fit = plan.params.iter().all(|param| match param.home {
            Home::Flash => true,
            Home::Arena(home) => {
                let (home, start) = (home as usize, param.flash as usize);
                let len = param.len as usize;
                (blob.is_none() || flash.get(start..start + len).is_some())
                    && persistent.get(home..home + len).is_some()
            }
        });
        if !homes_fit {
            return Err(BindError::Plan);
        }
        persistent.fill(0.0);
        for param in plan.params {
            if let Home::Arena(home) = param.home {
                let (home, start, len) = (home as usize, param.flash as usize, param.len as usize);
                let to = persistent.get_mut(home..home.saturating_add(len));
                let from = flash.get(start..start.saturating_add(len));
                blas::copy(from.unwrap_or(&[]), to.unwrap_or(&mut []));
            }
        }
        Ok(BucketingModule {
            model,
            arena,
            flash,
            optimizer: None,
            math,
            products,
            current,
            stage: Stage::Empty,
            for_training: true,
            poisoned,
            graded: None,
            num_update: 0,
            begin_num_update: 0,
            steps: 0,
            dropout_seed: 0,
            seeded_at: 0,
            step_seed: 0,
        })
    }

    /// Sets the optimizer and its hyper-parameters. Where `rescale_grad` is left open it becomes one
    /// over the batch size, as in MXNet. May be called again, to change the numbers: states, counts and what else the
    /// optimizer remembers are kept.
    ///
    /// # Errors
    ///
    /// [`OptimizerError`]; nothing is changed then.
    pub fn init_optimizer(&mut self, optimizer: M::Optimizer) -> Result<(), OptimizerError> {
        optimizer.check()?;
        let plan = self.model.plan();
        if plan.train != Train::None && plan.optimizer != M::Optimizer::KIND {
            return Err(OptimizerError::Kind {
                plan: plan.optimizer,
                model: M::Optimizer::KIND,
            });
        }
        let mut params = plan.params.iter();
        let lacks_state = |param: &Param| {
            let moves = param.kind == ParamKind::Argument && param.home != Home::Flash;
            moves && param.state.is_none()
        };
        if optimizer.arrays() > 0 && params.any(lacks_state) {
            return Err(OptimizerError::NoState);
        }
        let mut optimizer = optimizer.for_batch(plan.batch_size);
        if let Some(before) = &self.optimizer {
            optimizer.set_memory(before.memory());
        }
        self.optimizer = Some(optimizer);
        Ok(())
    }

    /// The learning rate, before a parameter's multiplier; under a schedule that of the last update.
    pub fn learning_rate(&self) -> Option<f32> {
        self.optimizer.as_ref().map(Optimizer::learning_rate)
    }

    /// Sets the learning rate: MXNet's `optimizer.set_learning_rate`.
    ///
    /// # Errors
    ///
    /// [`OptimizerError`]; under a schedule [`OptimizerError::Scheduled`]. Nothing is changed then.
    pub fn set_learning_rate(&mut self, learning_rate: f32) -> Result<(), OptimizerError> {
        if M::Optimizer::SCHEDULED {
            return Err(OptimizerError::Scheduled);
        }
        let optimizer = self.optimizer.as_mut().ok_or(OptimizerError::NoOptimizer)?;
        let before = optimizer.learning_rate();
        optimizer.set_learning_rate(learning_rate);
        optimizer
            .check()
            .inspect_err(|_| optimizer.set_learning_rate(before))
    }

    /// How many updates there were, counted from [`begin_num_update`](Self::begin_num_update): MXNet's `num_update`, by
    /// which schedules go. An update that is refused does not count.
    pub fn num_update(&self) -> u32 {
        self.num_update
    }

    /// Counts updates from `begin_num_update` on, as if so many had been: for a run that goes on from saved parameters.
    /// Every parameter's count (`t` of Adam) begins there as well.
    pub fn begin_num_update(&mut self, begin_num_update: u32) {
        let done = self.num_update.saturating_sub(self.begin_num_update);
        self.num_update = begin_num_update.saturating_add(done);
        self.begin_num_update = begin_num_update;
    }

    /// Seeds the masks of Dropout, from the next training forward on; the same seed and the same steps give
    /// the same masks. Without it they are the same after every reset.
    pub fn seed_dropout(&mut self, seed: u32) {
        self.dropout_seed = seed;
        self.seeded_at = self.steps;
    }

    /// Makes `bucket` the current one. Costs an index: parameters, states and optimizer state are the
    /// same memory for all buckets. Outputs of the former bucket stay readable after switching back.
    ///
    /// # Errors
    ///
    /// [`NoBucket`] if the plan has none of that index.
    pub fn switch_bucket(&mut self, bucket: impl Into<BucketIndex>) -> Result<(), NoBucket> {
        let index = bucket.into();
        let plan = self.model.plan();
        plan.bucket(index).ok_or(NoBucket {
            index,
            buckets: plan.buckets.len(),
        })?;
        self.current = index;
        Ok(())
    }

    /// Whether it trains: MXNet's `bind(for_training=False)` is `bind(..)?.for_training(false)`, on the same plan and arena.
    /// Then a forward for training is refused, and with it backward and update.
    pub fn for_training(self, for_training: bool) -> Self {
        BucketingModule {
            for_training,
            ..self
        }
    }

    /// Whether it trains: MXNet's attribute `for_training`.
    pub fn is_for_training(&self) -> bool {
        self.for_training && self.model.plan().train != Train::None
    }

    /// Whether the current bucket's training gives input gradients: MXNet's attribute `inputs_need_grad`.
    pub fn inputs_need_grad(&self) -> bool {
        let plan = self.model.plan();
        let bucket = plan.bucket(self.current);
        bucket.is_some_and(|bucket| !plan.program(bucket.train).input_grads.is_empty())
    }

    /// Whether `init_optimizer` has been called: MXNet's attribute `optimizer_initialized`.
    pub fn is_optimizer_initialized(&self) -> bool {
        self.optimizer.is_some()
    }

    /// Binds anew, keeping the parameters: MXNet's `force_rebind`. States, gradients and the optimizer's state are zero, the
    /// optimizer must be initialised again, and the default bucket is current. (A module that is dropped gives its arena
    /// back: another can then be bound to it.)
    pub fn rebind(&mut self) {
        let plan = self.model.plan();
        for span in plan.states {
            if let Some(words) = self.arena.get_mut(span.range()) {
                words.fill(0.0);
            }
        }
        self.zero_grads();
        self.zero_optimizer_state();
        self.optimizer = None;
        self.num_update = 0;
        self.begin_num_update = 0;
        self.current = BucketIndex(self.model.plan().default_bucket);
        self.stage = Stage::Empty;
        self.graded = None;
    }

    /// The same module of another model over the same plan.
    fn with_model<N>(self, other: impl FnOnce(M) -> N) -> BucketingModule<'a, N>
    where
        N: Model<Optimizer = M::Optimizer>,
    {
        BucketingModule {
            model: other(self.model),
            arena: self.arena,
            flash: self.flash,
            optimizer: self.optimizer,
            math: self.math,
            products: self.products,
            current: self.current,
            stage: self.stage,
            for_training: self.for_training,
            poisoned: self.poisoned,
            graded: self.graded,
            num_update: self.num_update,
            begin_num_update: self.begin_num_update,
            steps: self.steps,
            dropout_seed: self.dropout_seed,
            seeded_at: self.seeded_at,
            step_seed: self.step_seed,
        }
    }

    /// Whether an update overflowed, so that the parameters must be set or loaded anew; so they must after
    /// [`bind_blank`](BucketingModule::bind_blank). Otherwise MXNet's `params_initialized` is true.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// The current bucket.
    pub fn current_bucket(&self) -> BucketIndex {
        self.current
    }

    /// The smallest bucket that holds `len`, if one does.
    pub fn fitting(&self, len: usize) -> Option<BucketIndex> {
        self.model.plan().fitting(len)
    }

    /// The plan.
    pub fn plan(&self) -> Plan<'_> {
        self.model.plan()
    }

    /// Computes the outputs for inference, in the batch's bucket, which becomes the current one.
    /// MXNet's `forward(batch, is_train=False)`; training goes through [`session`](Self::session).
    ///
    /// # Errors
    ///
    /// [`ForwardError`]; on [`ForwardError::Batch`] nothing is changed.
    pub fn forward(&mut self, batch: &Batch<'_>) -> Result<(), ForwardError> {
        self.run_forward(batch, false)
    }

    /// Starts training: a value that borrows the batches of its steps, because backward and update read
    /// the inputs again where the caller holds them.
    pub fn session<'m, 'b>(&'m mut self) -> Session<'m, 'a, 'b, M> {
        Session::new(self)
    }

    /// One whole training step: forward, backward and update.
    ///
    /// Under `Train::Step` they are one: the layers are checked and updated one after the other, from the loss on, so that
    /// a step that fails may have updated the layers nearer to the loss ([`UpdateError::Partly`]).
    ///
    /// # Errors
    ///
    /// Those of the three, see [`Session`].
    pub fn train_step(&mut self, batch: &Batch<'_>) -> Result<(), StepError> {
        self.train_step_from(batch, &[])
    }

    /// [`train_step`](Self::train_step) with the gradients of the heads that are no losses, in the order of the heads.
    ///
    /// # Errors
    ///
    /// Those of [`Session`]'s `forward`, `backward_from` and `update`.
    pub fn train_step_from(
        &mut self,
        batch: &Batch<'_>,
        out_grads: &[Tensor<'_>],
    ) -> Result<(), StepError> {
        if self.optimizer.is_none() {
            return Err(UpdateError::NoOptimizer.into());
        }
        if self.model.plan().train == Train::Step {
            return self.run_step(batch, out_grads);
        }
        let mut session = self.session();
        session.forward(*batch, true)?;
        session.backward_from(out_grads)?;
        session.update()?;
        Ok(())
    }

    /// Forward, then backward and update as one.
    fn run_step(&mut self, batch: &Batch<'_>, head_grads: &[Tensor<'_>]) -> Result<(), StepError> {
        let plan = self.model.plan();
        if let Some(bucket) = plan.bucket(batch.bucket) {
            self.check_head_grads(plan.program(bucket.train), head_grads)?;
        }
        self.run_forward(batch, true)?;
        let before = self.num_update;
        self.num_update = before.saturating_add(1);
        let program = self.train_program();
        self.model.enter(Phase::Update, batch.bucket);
        let (done, begun) = self.run_from(program.update, batch, head_grads);
        self.model.leave();
        self.stage = Stage::Left(batch.bucket);
        let error = match done {
            Ok(()) => {
                self.stage = Stage::Updated(batch.bucket);
                return Ok(());
            }
            Err(Fault::NotFinite) if begun => UpdateError::Partly,
            Err(fault) => {
                if !begun {
                    self.num_update = before;
                }
                match fault {
                    Fault::NotFinite => UpdateError::NotFinite,
                    fault => self.poison(fault),
                }
            }
        };
        Err(error.into())
    }

    /// After a fault between the first weight that an update changed and the last.
    fn poison(&mut self, fault: Fault) -> UpdateError {
        self.poisoned = true;
        self.graded = None;
        self.stage = Stage::Empty;
        match fault {
            Fault::Overflow => UpdateError::Overflow,
            fault => UpdateError::Fault(fault),
        }
    }

    /// Whether these are gradients of the program's heads.
    fn check_head_grads(
        &self,
        program: Program,
        out_grads: &[Tensor<'_>],
    ) -> Result<(), BackwardError> {
        let plan = self.model.plan();
        let ports = program.head_grads.of(plan.ports);
        if ports.len() != out_grads.len() {
            return Err(BackwardError::HeadCount {
                needed: ports.len(),
                found: out_grads.len(),
            });
        }
        for (head, (port, grad)) in ports.iter().zip(out_grads).enumerate() {
            let found = match grad {
                Tensor::F32(values) => values.len(),
                Tensor::U16(_) => 0,
            };
            let needed = port.len as usize;
            if found != needed {
                return Err(BackwardError::HeadLen {
                    head,
                    needed,
                    found,
                });
            }
        }
        Ok(())
    }

    /// Moves every trainable parameter that the bucket has by one step of the optimizer, under `Train::Held`: the
    /// gradients of the last backward outlive its session. May be called again, and after an inference; a training
    /// forward takes the gradients' place. Gradients under `grad_req = add` are not cleared, as in MXNet; see
    /// [`zero_grads`](Self::zero_grads).
    ///
    /// # Errors
    ///
    /// [`UpdateError`]; but for [`UpdateError::Overflow`] no weight is changed. [`UpdateError::NoBackward`] under
    /// `Train::Fused`, whose update reads the batch again: call [`Session::update`].
    pub fn update(&mut self) -> Result<(), UpdateError> {
        let backward = self.graded.ok_or(UpdateError::NoBackward)?;
        let nothing = Batch::new(backward, &[]);
        self.run_update(backward, &nothing, &[])
    }

    /// The update that follows a backward of `bucket`.
    fn run_update(
        &mut self,
        bucket: BucketIndex,
        batch: &Batch<'_>,
        head_grads: &[Tensor<'_>],
    ) -> Result<(), UpdateError> {
        let current = self.current;
        if bucket != current {
            return Err(UpdateError::OtherBucket {
                backward: bucket,
                current,
            });
        }
        if self.optimizer.is_none() {
            return Err(UpdateError::NoOptimizer);
        }
        let program = self.train_program();
        self.model.enter(Phase::Check, bucket);
        let checked = self.run(program.check, batch, head_grads);
        self.model.leave();
        match checked {
            Ok(()) => {}
            Err(Fault::NotFinite) => return Err(UpdateError::NotFinite),
            Err(fault) => return Err(UpdateError::Fault(fault)),
        }
        self.num_update = self.num_update.saturating_add(1);
        self.model.enter(Phase::Update, bucket);
        let updated = self.run(program.update, batch, head_grads);
        self.model.leave();
        updated.map_err(|fault| self.poison(fault))
    }

    /// The current bucket's training program.
    fn train_program(&self) -> Program {
        let plan = self.model.plan();
        let bucket = plan.bucket(self.current);
        bucket
            .map(|bucket| plan.program(bucket.train))
            .unwrap_or_default()
    }

    fn run_forward(&mut self, batch: &Batch<'_>, is_train: bool) -> Result<(), ForwardError> {
        self.model.enter(Phase::Forward, batch.bucket);
        let done = self.check_and_run_forward(batch, is_train);
        self.model.leave();
        done
    }

    fn check_and_run_forward(
        &mut self,
        batch: &Batch<'_>,
        is_train: bool,
    ) -> Result<(), ForwardError> {
        let plan = self.model.plan();
        let bucket = check_batch(&plan, batch, is_train).map_err(ForwardError::Batch)?;
        let program = plan.program(if is_train { bucket.train } else { bucket.infer });
        if is_train && !self.is_for_training() {
            return Err(ForwardError::NotForTraining);
        }
        if self.poisoned {
            return Err(ForwardError::Poisoned);
        }
        self.current = batch.bucket;
        self.stage = Stage::Empty;
        if is_train {
            self.graded = None;
            self.steps = self.steps.wrapping_add(1);
            let drawn = self.steps.wrapping_sub(self.seeded_at);
            self.step_seed = self.dropout_seed ^ drawn.wrapping_mul(0x9e37_79b9);
        }
        self.run(program.forward, batch, &[])
            .map_err(ForwardError::Fault)?;
        self.stage = if is_train {
            Stage::Forwarded(batch.bucket)
        } else {
            Stage::Inferred(batch.bucket)
        };
        Ok(())
    }

    /// Runs calls of the plan over the arena and a batch.
    fn run(
        &mut self,
        rows: Rows,
        batch: &Batch<'_>,
        head_grads: &[Tensor<'_>],
    ) -> Result<(), Fault> {
        self.run_from(rows, batch, head_grads).0
    }

    /// The same, and whether an update of a parameter has begun.
    fn run_from(
        &mut self,
        rows: Rows,
        batch: &Batch<'_>,
        head_grads: &[Tensor<'_>],
    ) -> (Result<(), Fault>, bool) {
        let plan = self.model.plan();
        let mut memory = Memory {
            arena: self.arena,
            flash: self.flash,
            data: batch.data,
            label: batch.label,
            head_grads,
        };
        let Some(bucket) = plan.bucket(self.current) else {
            return (Err(Fault::Step), false);
        };
        let mut context = Context {
            optimizer: self.optimizer.as_mut(),
            begun: false,
            num_update: self.num_update,
            grad_scale: 1.0,
            begin_num_update: self.begin_num_update,
            frame: bucket.frame,
            math: self.math,
            products: self.products,
            seed: self.step_seed,
        };
        let done = self.model.run(&mut Run {
            rows,
            memory: &mut memory,
            context: &mut context,
        });
        (done, context.begun)
    }

    /// The program whose values the arena holds, if it is the current bucket's.
    fn standing(&self) -> Option<Program> {
        let plan = self.model.plan();
        let (index, train) = match self.stage {
            Stage::Empty => return None,
            Stage::Inferred(index) => (index, false),
            Stage::Forwarded(index)
            | Stage::Backwarded(index)
            | Stage::Updated(index)
            | Stage::Left(index) => (index, true),
        };
        if index != self.current {
            return None;
        }
        let bucket = plan.bucket(index)?;
        Some(plan.program(if train { bucket.train } else { bucket.infer }))
    }
}

/// Checks a batch against its bucket: counts, kinds, lengths, and every integer's range.
fn check_batch<'p>(
    plan: &Plan<'p>,
    batch: &Batch<'_>,
    is_train: bool,
) -> Result<&'p BucketPlan, BatchError> {
    let bucket = plan
        .bucket(batch.bucket)
        .ok_or(BatchError::Bucket(NoBucket {
            index: batch.bucket,
            buckets: plan.buckets.len(),
        }))?;
    let data = bucket.data.of(plan.ports);
    let labels = bucket.labels.of(plan.ports);
    check_side(Side::Data, data, batch.data)?;
    if is_train || !batch.label.is_empty() {
        check_side(Side::Label, labels, batch.label)?;
    }
    Ok(bucket)
}

/// Checks the data, or the labels, of a batch against the bucket's ports.
fn check_side(side: Side, ports: &[Port], tensors: &[Tensor<'_>]) -> Result<(), BatchError> {
    if ports.len() != tensors.len() {
        return Err(BatchError::Count {
            side,
            needed: ports.len(),
            found: tensors.len(),
        });
    }
    for (index, (port, tensor)) in ports.iter().zip(tensors).enumerate() {
        check_tensor(side, index, port, tensor)?;
    }
    Ok(())
}

fn check_tensor(
    side: Side,
    port: usize,
    wanted: &Port,
    tensor: &Tensor<'_>,
) -> Result<(), BatchError> {
    let needed = wanted.len as usize;
    if tensor.len() != needed {
        return Err(BatchError::Len {
            side,
            port,
            needed,
            found: tensor.len(),
        });
    }
    match (wanted.kind, tensor) {
        (PortKind::F32, Tensor::F32(_)) => Ok(()),
        (PortKind::U16 { min, max, ignore }, Tensor::U16(values)) => {
            let bad = |(_, value): &(usize, &u16)| {
                !(min..=max).contains(value) && ignore != Some(**value)
            };
            match values.iter().enumerate().find(bad) {
                Some((at, value)) => Err(BatchError::Range {
                    side,
                    port,
                    at,
                    value: *value,
                    max,
                }),
                None => Ok(()),
            }
        }
        _ => Err(BatchError::Kind { side, port }),
    }
}
