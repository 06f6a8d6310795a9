//! The one loop that runs a program, and what a kernel call is handed.

mod source;

use core::marker::PhantomData;
use core::slice;

use crate::arena::{Memory, View};
use crate::math::Math;
use crate::model::Model;
use crate::optim::{At, Optimizer, States, Update};
use crate::plan::{Kernel, Plan, Rows, Work};
use crate::products::Products;

pub use source::{Fixed, Known, Planned, Source};

/// Why a call could not run. [`Fault::NotFinite`] and [`Fault::Overflow`] are about values; the others
/// mean that plan and firmware do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// The model does not link this kernel.
    #[error("the model does not link a kernel of the plan")]
    Kernel,
    /// A step names a call or a loop that the plan does not have.
    #[error("a step names a call or a loop that the plan does not have")]
    Step,
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
pub struct Args<'x, 'm, O, S = Planned<'x>> {
    pub(crate) source: S,
    pub(crate) memory: &'x mut Memory<'m>,
    pub(crate) context: &'x mut Context<'m, O>,
}

/// What calls share besides memory.
pub(crate) struct Context<'m, O> {
    pub optimizer: Option<&'m mut O>,
    /// Whether an update of a parameter has begun.
    pub begun: bool,
    /// The number of the update, from 1 on.
    pub num_update: u32,
    /// What clipping by the global norm scales every gradient by.
    pub grad_scale: f32,
    /// What parameters count their updates from.
    pub begin_num_update: u32,
    /// Where the bucket's own operands begin.
    pub frame: u16,
    pub math: Math,
    pub products: Products,
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
        self.source.call.kernel
    }
}

impl<O, S: Source> Args<'_, '_, O, S> {
    /// The call's integers.
    #[inline(always)]
    pub(crate) fn ints<const N: usize>(&self) -> Result<[u32; N], Fault> {
        self.source.ints()
    }

    /// The call's operands.
    #[inline(always)]
    pub(crate) fn views<const N: usize>(&mut self) -> Result<[View<'_>; N], Fault> {
        self.source.views(self.memory, self.context.frame)
    }

    /// Begins the update of the parameter `param`, or of part `part` of it.
    pub(crate) fn begin(&mut self, param: u32, part: u32) -> Result<Begun<O>, Fault>
    where
        O: Optimizer,
    {
        let param = self.source.param(param)?;
        self.context.begun = true;
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
            grad_scale: self.context.grad_scale,
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

/// Some steps of a program to run: all of one phase.
pub struct Run<'x, 'm, O> {
    pub(crate) rows: Rows,
    pub(crate) memory: &'x mut Memory<'m>,
    pub(crate) context: &'x mut Context<'m, O>,
}

impl<'m, O> Run<'_, 'm, O> {
    /// Where the bucket's own operands begin, and the first step and the one behind the last: what a specialised model knows
    /// its code by.
    pub fn key(&self) -> (u16, u16, u16) {
        (self.context.frame, self.rows.start, self.rows.end)
    }

    /// One call that the compiler knows, by its kernel's adapter, in turn `turn` of its loop.
    ///
    /// # Errors
    ///
    /// What the kernel reports.
    #[inline(always)]
    pub fn call<C: Fixed>(
        &mut self,
        _: C,
        turn: u16,
        adapter: impl FnOnce(&mut Args<'_, 'm, O, Known<C>>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        adapter(&mut Args {
            source: Known {
                call: PhantomData,
                turn,
            },
            memory: self.memory,
            context: self.context,
        })
    }

    /// The steps in order, by the plan's tables, until a call fails.
    ///
    /// # Errors
    ///
    /// What a kernel reports, or [`Fault::Step`].
    pub fn planned<M: Model<Optimizer = O>>(
        &mut self,
        model: &M,
        plan: &Plan<'_>,
    ) -> Result<(), Fault> {
        for top in self.rows.of(plan.steps) {
            // A call alone is a loop of one turn: the kernels are called from one place.
            let (count, body, strides) = match top.work() {
                Work::Call(_) => (1, slice::from_ref(top), &[][..]),
                Work::Loop(row) => {
                    let row = plan.loops.get(usize::from(row)).ok_or(Fault::Step)?;
                    let strides = plan.strides.get(usize::from(row.strides)..);
                    (row.count, row.body.of(plan.steps), strides.unwrap_or(&[]))
                }
            };
            for turn in 0..count {
                let mut strides = strides;
                for step in body {
                    let Work::Call(row) = step.work() else {
                        return Err(Fault::Step);
                    };
                    let call = plan.calls.get(usize::from(row)).ok_or(Fault::Step)?;
                    let source = Planned {
                        plan,
                        top,
                        step,
                        call,
                        turn,
                        strides,
                    };
                    model.call(&mut Args {
                        source,
                        memory: self.memory,
                        context: self.context,
                    })?;
                    strides = strides.get(call.stride_count()..).unwrap_or(&[]);
                }
            }
        }
        Ok(())
    }
}
