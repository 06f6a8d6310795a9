//! What a planned network is to the module: its plan, and the kernels that it links.

use crate::exec::{Args, Fault};
use crate::optim::Optimizer;
use crate::plan::Plan;

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
