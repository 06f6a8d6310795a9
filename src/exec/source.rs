//! Where a call's integers and operands come from: the plan's tables, or the code of a specialised model.

use crate::arena::{Memory, View};
use crate::exec::Fault;
use crate::plan::{Call, Operand, Param, Plan, Span, Step};
use crate::written_out::{TURNS, written_out};

/// A call of the plan, as far as a kernel's adapter asks.
pub trait Source {
    /// The call's integers: as many as the kernel has.
    fn ints<const N: usize>(&self) -> Result<[u32; N], Fault>;

    /// Its operands, for a bucket whose own operands begin at `frame`.
    fn views<'v, const N: usize>(
        &self,
        memory: &'v mut Memory<'_>,
        frame: u16,
    ) -> Result<[View<'v>; N], Fault>;

    /// The plan's parameter number `row`.
    fn param(&self, row: u32) -> Result<&Param, Fault>;
}

/// A call that is read from the plan's tables when it runs.
pub struct Planned<'x> {
    pub(crate) plan: &'x Plan<'x>,
    /// The program's step that this is, or is a turn of.
    pub(crate) top: &'x Step,
    /// The step that names the call: in a loop, one of its body.
    pub(crate) step: &'x Step,
    pub(crate) call: &'x Call,
    /// Turns of the loop that are over.
    pub(crate) turn: u16,
    /// What each operand, then each integer, grows by every turn; none for those beyond the end, and outside of loops.
    pub(crate) strides: &'x [i16],
}

impl Planned<'_> {
    /// By how much the operand or integer at `at` has grown.
    fn grown(&self, at: usize) -> i32 {
        grown(self.strides, self.turn, at)
    }

    /// Where the call's operands lie. Not returned: a compiler that minds size moves an array by a call.
    fn find<const N: usize>(&self, frame: u16, spans: &mut [Span; N]) -> Option<()> {
        let from = self.plan.operands.get(usize::from(self.call.operands)..)?;
        let operands = from.first_chunk::<N>()?;
        for (at, (span, operand)) in spans.iter_mut().zip(operands).enumerate() {
            *span = self.span(frame, at, *operand)?;
        }
        Some(())
    }

    /// Where the call's operand number `at` lies in this turn.
    pub(crate) fn span(&self, frame: u16, at: usize, operand: Operand) -> Option<Span> {
        let first = self.plan.span(frame, operand)?;
        if self.turn == 0 {
            return Some(first);
        }
        first.shifted(self.grown(at))
    }
}

impl Source for Planned<'_> {
    fn ints<const N: usize>(&self) -> Result<[u32; N], Fault> {
        let ints = self.call.ints_of(self.plan.ints);
        let mut ints: [u32; N] = ints.try_into().map_err(|_| Fault::Int)?;
        if self.turn != 0 {
            let first = self.call.kernel.accesses().len();
            for (at, int) in ints.iter_mut().enumerate() {
                *int = int.wrapping_add_signed(self.grown(first + at));
            }
        }
        Ok(ints)
    }

    fn views<'v, const N: usize>(
        &self,
        memory: &'v mut Memory<'_>,
        frame: u16,
    ) -> Result<[View<'v>; N], Fault> {
        let mut spans = [Span::NONE; N];
        self.find(frame, &mut spans).ok_or(Fault::Operand)?;
        memory.views(spans).ok_or(Fault::Operand)
    }

    fn param(&self, row: u32) -> Result<&Param, Fault> {
        self.plan.params.get(row as usize).ok_or(Fault::Int)
    }
}

/// A call whose rows of the plan are constants of a type: what `build.rs` emits for a specialised model. A kernel's adapter
/// that is made for it knows every length, and which of a kernel's ways to link.
pub trait Fixed {
    const PLAN: &'static Plan<'static>;
    /// In the bucket that the call belongs to.
    const SPANS: &'static [Span];
    const INTS: &'static [u32];
    /// What each of `SPANS`, then each of `INTS`, grows by every turn of a loop; none outside of loops.
    const STRIDES: &'static [i16];
    /// Which of `SPANS` take space in the arena, by where they lie there; `None` if that changes from turn to turn, and then it is found out
    /// when the call runs.
    const ORDER: Option<&'static [u8]>;
}

/// The call `C` in a turn of its loop.
pub struct Known<C> {
    pub(super) call: core::marker::PhantomData<C>,
    pub(super) turn: u16,
}

impl<C: Fixed> Source for Known<C> {
    #[inline(always)]
    fn ints<const N: usize>(&self) -> Result<[u32; N], Fault> {
        let mut ints: [u32; N] = C::INTS.try_into().map_err(|_| Fault::Int)?;
        if !C::STRIDES.is_empty() {
            const { assert!(N <= TURNS) };
            written_out!(|at| {
                if let Some(int) = ints.get_mut(at) {
                    let by = grown(C::STRIDES, self.turn, C::SPANS.len() + at);
                    *int = int.wrapping_add_signed(by);
                }
            });
        }
        Ok(ints)
    }

    #[inline(always)]
    fn views<'v, const N: usize>(
        &self,
        memory: &'v mut Memory<'_>,
        _: u16,
    ) -> Result<[View<'v>; N], Fault> {
        let mut spans: [Span; N] = C::SPANS.try_into().map_err(|_| Fault::Operand)?;
        if !C::STRIDES.is_empty() {
            const { assert!(N <= TURNS) };
            written_out!(|at| {
                if let Some(span) = spans.get_mut(at) {
                    let by = grown(C::STRIDES, self.turn, at);
                    *span = span.shifted(by).ok_or(Fault::Operand)?;
                }
            });
        }
        let views = match C::ORDER {
            Some(order) => memory.known_views(C::PLAN.arena_len as usize, spans, order),
            None => memory.views(spans),
        };
        views.ok_or(Fault::Operand)
    }

    #[inline(always)]
    fn param(&self, row: u32) -> Result<&Param, Fault> {
        C::PLAN.params.get(row as usize).ok_or(Fault::Int)
    }
}

/// By how much the operand or integer at `at` has grown after `turn` turns.
#[inline(always)]
fn grown(strides: &[i16], turn: u16, at: usize) -> i32 {
    let stride = strides.get(at).copied().unwrap_or(0);
    i32::from(stride) * i32::from(turn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Kind;
    use crate::plan::{Space, Train};
    use crate::recipe::{MathKind, ProductsKind, Recipe, VERSION};

    static PLAN: Plan<'static> = Plan {
        schema: 0,
        fingerprint: 0,
        recipe: Recipe {
            version: VERSION,
            math: MathKind::Libm,
            products: ProductsKind::Separate,
        },
        train: Train::None,
        optimizer: Kind::Sgd,
        batch_size: 1,
        arena_len: 6,
        persistent_len: 0,
        flash_len: 0,
        default_bucket: 0,
        params: &[],
        states: &[],
        buckets: &[],
        programs: &[],
        ports: &[],
        steps: &[],
        loops: &[],
        calls: &[],
        operands: &[],
        strides: &[],
        spans: &[],
        ints: &[],
    };

    /// Two operands that change places in the second turn, or follow each other.
    struct Turning<const CROSSES: bool>;

    impl<const CROSSES: bool> Fixed for Turning<CROSSES> {
        const PLAN: &'static Plan<'static> = &PLAN;
        const SPANS: &'static [Span] =
            &[Span::new(Space::Arena, 4, 2), Span::new(Space::Arena, 0, 2)];
        const INTS: &'static [u32] = &[7, 9];
        const STRIDES: &'static [i16] = if CROSSES {
            &[-4, 4, 0, 3]
        } else {
            &[0, 1, 0, 3]
        };
        const ORDER: Option<&'static [u8]> = if CROSSES { None } else { Some(&[1, 0]) };
    }

    fn first_of_each<const CROSSES: bool>(turn: u16) -> ([f32; 2], [u32; 2]) {
        let mut memory = Memory {
            arena: &mut [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            flash: &[],
            data: &[],
            label: &[],
            head_grads: &[],
        };
        let known = Known::<Turning<CROSSES>> {
            call: core::marker::PhantomData,
            turn,
        };
        let views = known.views(&mut memory, 0).unwrap();
        (views.map(|view| view.read()[0]), known.ints().unwrap())
    }

    #[test]
    fn known_operands_and_integers_move_with_the_turn() {
        assert_eq!(first_of_each::<false>(0), ([4.0, 0.0], [7, 9]));
        assert_eq!(first_of_each::<false>(1), ([4.0, 1.0], [7, 12]));
        assert_eq!(first_of_each::<true>(0), ([4.0, 0.0], [7, 9]));
        assert_eq!(first_of_each::<true>(1), ([0.0, 4.0], [7, 12]));
    }
}
