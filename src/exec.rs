//! The one loop that runs a program, and what a kernel call is handed.

use core::slice;

use crate::arena::{Memory, View};
use crate::math::Math;
use crate::model::Model;
use crate::optim::{At, Optimizer, States, Update};
use crate::plan::{Call, Kernel, Operand, Plan, Rows, Span, Step, Work};
use crate::products::Products;

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
pub struct Args<'x, 'm, O> {
    pub(crate) plan: &'x Plan<'x>,
    pub(crate) memory: &'x mut Memory<'m>,
    /// The program's step that this is, or is a turn of.
    pub(crate) top: &'x Step,
    /// The step that names the call: in a loop, one of its body.
    pub(crate) step: &'x Step,
    pub(crate) call: &'x Call,
    pub(crate) advance: Advance<'x>,
    pub(crate) context: &'x mut Context<'m, O>,
}

/// How far a call's operands and integers have advanced: not at all outside of loops.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Advance<'x> {
    /// Turns of the loop that are over.
    pub turn: u16,
    /// What each operand, then each integer, grows by every turn; none for those beyond the end.
    pub strides: &'x [i16],
}

impl Advance<'_> {
    /// By how much the operand or integer at `at` has grown.
    fn by(self, at: usize) -> i32 {
        let stride = self.strides.get(at).copied().unwrap_or(0);
        i32::from(stride) * i32::from(self.turn)
    }
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
        self.call.kernel
    }

    /// The call's integers.
    pub(crate) fn ints<const N: usize>(&self) -> Result<[u32; N], Fault> {
        let ints = self.call.ints_of(self.plan.ints);
        let mut ints: [u32; N] = ints.try_into().map_err(|_| Fault::Int)?;
        if self.advance.turn != 0 {
            let first = self.call.kernel.accesses().len();
            for (at, int) in ints.iter_mut().enumerate() {
                *int = int.wrapping_add_signed(self.advance.by(first + at));
            }
        }
        Ok(ints)
    }

    /// The call's operands.
    pub(crate) fn views<const N: usize>(&mut self) -> Result<[View<'_>; N], Fault> {
        let spans = self.spans().ok_or(Fault::Operand)?;
        self.memory.views(spans).ok_or(Fault::Operand)
    }

    fn spans<const N: usize>(&self) -> Option<[Span; N]> {
        let from = self.plan.operands.get(usize::from(self.call.operands)..)?;
        let operands = from.first_chunk::<N>()?;
        let mut spans = [Span::NONE; N];
        for (at, (span, operand)) in spans.iter_mut().zip(operands).enumerate() {
            *span = self.span(at, *operand)?;
        }
        Some(spans)
    }

    /// Where the call's operand number `at` lies in this turn.
    pub(crate) fn span(&self, at: usize, operand: Operand) -> Option<Span> {
        let first = self.plan.span(self.context.frame, operand)?;
        if self.advance.turn == 0 {
            return Some(first);
        }
        first.shifted(self.advance.by(at))
    }

    /// Begins the update of the parameter `param`, or of part `part` of it.
    pub(crate) fn begin(&mut self, param: u32, part: u32) -> Result<Begun<O>, Fault>
    where
        O: Optimizer,
    {
        let param = self.plan.params.get(param as usize).ok_or(Fault::Int)?;
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

/// Runs the steps in `rows`, in order, until a call fails.
pub(crate) fn run<'m, M: Model>(
    model: &M,
    plan: &Plan<'_>,
    memory: &mut Memory<'m>,
    rows: Rows,
    context: &mut Context<'m, M::Optimizer>,
) -> Result<(), Fault> {
    for top in rows.of(plan.steps) {
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
                let advance = Advance { turn, strides };
                model.call(&mut Args {
                    plan,
                    memory,
                    top,
                    step,
                    call,
                    advance,
                    context,
                })?;
                strides = strides.get(stride_count(call)..).unwrap_or(&[]);
            }
        }
    }
    Ok(())
}

/// How many strides a call in a loop has.
fn stride_count(call: &Call) -> usize {
    call.kernel.accesses().len() + usize::from(call.int_count)
}
