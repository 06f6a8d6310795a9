//! The one loop that runs a program, and what a kernel call is handed.

use crate::arena::{Memory, View};
use crate::math::Math;
use crate::model::Model;
use crate::optim::{At, Optimizer, States, Update};
use crate::plan::{Call, Kernel, Plan, Rows};

/// Why a call could not run. [`Fault::NotFinite`] and [`Fault::Overflow`] are about values; the others
/// mean that plan and firmware do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// The model does not link this kernel.
    #[error("the model does not link a kernel of the plan")]
    Kernel,
    /// An operand lies outside its space, or two overlap.
    #[error("an operand lies outside its space, or two overlap")]
    Operand,
    /// An integer of the call is missing or has no meaning.
    #[error("an integer of a call is missing or has no meaning")]
    Int,
    /// A value that must be finite is not; nothing was committed.
    #[error("a value is not finite")]
    NotFinite,
    /// An update became infinite or NaN; rows before it are committed.
    #[error("a new weight is not finite")]
    Overflow,
}

/// One kernel call with everything it may touch.
pub struct Args<'x, 'm, O> {
    pub(crate) plan: &'x Plan<'x>,
    pub(crate) memory: &'x mut Memory<'m>,
    pub(crate) call: &'x Call,
    pub(crate) context: &'x mut Context<'m, O>,
}

/// What calls share besides memory.
pub(crate) struct Context<'m, O> {
    pub optimizer: Option<&'m mut O>,
    /// The number of the update, from 1 on.
    pub num_update: u32,
    /// What parameters count their updates from.
    pub begin_num_update: u32,
    pub math: Math,
    /// Seeds Dropout: the same for the forward and backward of one step.
    pub seed: u32,
}

/// The update of a parameter, begun.
pub(crate) struct Begun<O: Optimizer> {
    step: O::Step,
    /// Elements of the parameter.
    len: usize,
}

impl<O: Optimizer> Begun<O> {
    /// With the states of the call's weights.
    pub fn update(self, states: View<'_>) -> Update<'_, O> {
        Update::new(self.step, States::new(states.write(), self.len))
    }
}

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

    /// Begins the update of the parameter `param`, or of part `part` of it.
    pub(crate) fn begin(&mut self, param: u32, part: u32) -> Result<Begun<O>, Fault>
    where
        O: Optimizer,
    {
        let param = self.plan.params.get(param as usize).ok_or(Fault::Int)?;
        let first = part == 0;
        let mut count = 0;
        if O::KIND.counts() {
            let word = param.count(O::KIND).ok_or(Fault::Operand)?;
            let word = self.memory.arena.get_mut(word).ok_or(Fault::Operand)?;
            let updates = word.to_bits().saturating_add(u32::from(first));
            *word = f32::from_bits(updates);
            count = updates.saturating_add(self.context.begin_num_update);
        }
        let num_update = self.context.num_update;
        let optimizer = self.context.optimizer.as_deref_mut().ok_or(Fault::Int)?;
        let step = optimizer.begin(At {
            lr_mult: param.lr_mult,
            wd_mult: param.wd_mult,
            num_update,
            count,
            first,
            math: self.context.math,
        });
        Ok(Begun {
            step,
            len: param.len as usize,
        })
    }
}

/// Runs the calls in `rows`, in order, until one fails.
pub(crate) fn run<'m, M: Model>(
    model: &M,
    plan: &Plan<'_>,
    memory: &mut Memory<'m>,
    rows: Rows,
    context: &mut Context<'m, M::Optimizer>,
) -> Result<(), Fault> {
    for call in rows.of(plan.calls) {
        model.call(&mut Args {
            plan,
            memory,
            call,
            context,
        })?;
    }
    Ok(())
}
