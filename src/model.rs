//! What a planned network is to the module: its plan, and the kernels that it links.

use crate::exec::{Args, Fault, Run};
use crate::monitor::Phase;
use crate::optim::Optimizer;
use crate::plan::{self, BucketIndex, Kernel, Plan, PlanError, Storage};

/// A planned network.
///
/// `build.rs` emits an implementation whose [`call`](Model::call) names only the kernels that the plan
/// uses, so that nothing else is linked. [`Registry`] links all of them.
pub trait Model {
    /// The optimizer that `update` runs.
    type Optimizer: Optimizer;

    /// The plan.
    fn plan(&self) -> Plan<'_>;

    /// Runs one call.
    ///
    /// # Errors
    ///
    /// [`Fault::Kernel`] for a kernel that is not linked, else what the kernel reports.
    fn call(&self, args: &mut Args<'_, '_, Self::Optimizer>) -> Result<(), Fault>;

    /// Runs the steps of a phase: through [`call`](Model::call), or by code of the model's own, which a watched model
    /// ([`monitor`](crate::monitor), [`profiler`](crate::profiler)) does without.
    ///
    /// # Errors
    ///
    /// Those of [`call`](Model::call); [`Fault::Step`] for steps that the model does not have.
    #[inline]
    fn run(&self, run: &mut Run<'_, '_, Self::Optimizer>) -> Result<(), Fault>
    where
        Self: Sized,
    {
        run.planned(self, &self.plan())
    }

    /// Whether [`call`](Model::call) can run `kernel`: what a plan that is loaded is checked against.
    fn links(&self, kernel: Kernel) -> bool {
        let _ = kernel;
        true
    }

    /// A phase of a bucket begins: the module says so before it runs the calls, for a model that measures.
    #[inline]
    fn enter(&self, phase: Phase, bucket: BucketIndex) {
        let _ = (phase, bucket);
    }

    /// The phase that began last is over, whatever came of it.
    #[inline]
    fn leave(&self) {}
}

/// A model whose plan is known to the compiler, so that an arena that is too small does not compile.
pub trait StaticModel: Model + Default {
    /// Elements of the arena.
    const ARENA_WORDS: usize;
}

/// A plan run over every kernel there is: how the host runs networks it was never compiled for.
#[derive(Clone, Copy, Debug)]
pub struct Registry<'p, O> {
    plan: Plan<'p>,
    optimizer: core::marker::PhantomData<O>,
}

impl<'p, O: Optimizer> Registry<'p, O> {
    /// A model of `plan`.
    pub const fn new(plan: Plan<'p>) -> Self {
        Registry {
            plan,
            optimizer: core::marker::PhantomData,
        }
    }
}

impl<O: Optimizer> Model for Registry<'_, O> {
    type Optimizer = O;

    fn plan(&self) -> Plan<'_> {
        self.plan
    }

    fn call(&self, args: &mut Args<'_, '_, O>) -> Result<(), Fault> {
        crate::kernel::call::any(args)
    }
}

/// Another plan over the kernels of a model `K` that is linked: a network that is loaded, not flashed.
///
/// ```no_run
/// # use tinpail::plan::{PlanError, PlanRows};
/// # use tinpail::{BucketingModule, Loaded, Model};
/// # fn load<K: Model>(kernels: K, plan: &[u8], blob: &[u8], arena: &mut [f32]) -> Result<(), PlanError> {
/// let mut rows = PlanRows::<8, 128>::new();
/// let model = Loaded::from_bytes(kernels, plan, rows.storage())?;
/// let module = BucketingModule::bind_words(model, arena, blob);
/// # let _ = module;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'p, K> {
    kernels: K,
    plan: Plan<'p>,
}

impl<'p, K: Model> Loaded<'p, K> {
    /// The plan in `bytes` (`tinpail plan --blob`, or `PlanFile::blob`), its rows decoded into `storage`.
    ///
    /// # Errors
    ///
    /// Any bytes are accepted; whatever is wrong with them is a [`PlanError`]. Its recipe, and the arena, are checked by
    /// [`bind_words`](crate::BucketingModule::bind_words).
    pub fn from_bytes(kernels: K, bytes: &[u8], storage: Storage<'p>) -> Result<Self, PlanError> {
        Self::new(kernels, Plan::from_bytes(bytes, storage)?)
    }

    /// A plan that came some other way.
    ///
    /// # Errors
    ///
    /// [`PlanError`]: a kernel that is not linked, a row that is missing, an operand outside of its space or on another,
    /// a write where no call may.
    pub fn new(kernels: K, plan: Plan<'p>) -> Result<Self, PlanError> {
        plan::check(&plan, |kernel| kernels.links(kernel))?;
        Ok(Loaded { kernels, plan })
    }
}

impl<K: Model> Model for Loaded<'_, K> {
    type Optimizer = K::Optimizer;

    fn plan(&self) -> Plan<'_> {
        self.plan
    }

    fn call(&self, args: &mut Args<'_, '_, K::Optimizer>) -> Result<(), Fault> {
        self.kernels.call(args)
    }

    fn links(&self, kernel: Kernel) -> bool {
        self.kernels.links(kernel)
    }
}
