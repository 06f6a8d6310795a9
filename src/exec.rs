//! The one loop that runs a program, and what a kernel call is handed.

use crate::arena::{Memory, View};
use crate::math::Math;
use crate::model::Model;
use crate::optim::Rate;
use crate::plan::{Call, Kernel, Plan, Rows};

/// Why a call could not run. [`Fault::NotFinite`] and [`Fault::Overflow`] are about values; the others
/// mean that plan and firmware do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// The model does not link this kernel.
    Kernel,
    /// An operand lies outside its space, or two overlap.
    Operand,
    /// An integer of the call is missing or has no meaning.
    Int,
    /// A value that must be finite is not; nothing was committed.
    NotFinite,
    /// An update became infinite or NaN; rows before it are committed.
    Overflow,
}

/// One kernel call with everything it may touch.
pub struct Args<'x, 'm, O> {
    pub(crate) plan: &'x Plan<'x>,
    pub(crate) memory: &'x mut Memory<'m>,
    pub(crate) call: Call,
    pub(crate) context: Context<'x, O>,
}

/// What calls share besides memory.
pub(crate) struct Context<'x, O> {
    pub optimizer: Option<&'x O>,
    pub math: Math,
    /// Seeds Dropout: the same for the forward and backward of one step.
    pub seed: u32,
}

impl<O> Clone for Context<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Context<'_, O> {}

impl<O> Args<'_, '_, O> {
    /// The kernel to call.
    pub fn kernel(&self) -> Kernel {
        self.call.kernel
    }

    /// The call's integers.
    pub(crate) fn ints<const N: usize>(&self) -> Result<[u32; N], Fault> {
        let ints = self.call.ints.of(self.plan.ints);
        ints.try_into().map_err(|_| Fault::Int)
    }

    /// The call's operands.
    pub(crate) fn views<const N: usize>(&mut self) -> Result<[View<'_>; N], Fault> {
        let spans = self.call.operands.of(self.plan.spans);
        self.memory.views(spans).ok_or(Fault::Operand)
    }

    /// The optimizer, and the rate with which it moves the parameter `param`.
    pub(crate) fn rate(&self, param: u32) -> Result<(O, Rate), Fault>
    where
        O: crate::optim::Optimizer,
    {
        let param = self.plan.params.get(param as usize).ok_or(Fault::Int)?;
        let optimizer = *self.context.optimizer.ok_or(Fault::Int)?;
        let rate = optimizer.rate();
        let rate = Rate {
            lr: rate.lr * param.lr_mult,
            wd: rate.wd * param.wd_mult,
        };
        Ok((optimizer, rate))
    }
}

/// Runs the calls in `rows`, in order, until one fails.
pub(crate) fn run<M: Model>(
    model: &M,
    plan: &Plan<'_>,
    memory: &mut Memory<'_>,
    rows: Rows,
    context: Context<'_, M::Optimizer>,
) -> Result<(), Fault> {
    for call in rows.of(plan.calls) {
        model.call(&mut Args {
            plan,
            memory,
            call: *call,
            context,
        })?;
    }
    Ok(())
}
