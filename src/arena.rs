//! The arena: the one block of memory that a module works in.

use core::mem::take;
use core::ops::Range;

use crate::plan::{Plan, Space, Span};
use crate::written_out::{TURNS, written_out};

/// `WORDS` elements of 4 bytes, aligned to 16 bytes. Place one in a `static` or on the stack;
/// the emitted module has the constant to size it with.
#[repr(C, align(16))]
pub struct Arena<const WORDS: usize>([f32; WORDS]);

impl<const WORDS: usize> Arena<WORDS> {
    /// An arena of zeros.
    pub const fn new() -> Self {
        Arena([0.0; WORDS])
    }

    /// Its elements.
    pub const fn words(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

impl<const WORDS: usize> Default for Arena<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

/// One input of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tensor<'b> {
    F32(&'b [f32]),
    /// Token ids, class labels (`ignore_label` -1 is 0xFFFF) or sequence lengths.
    U16(&'b [u16]),
}

impl Tensor<'_> {
    /// Elements.
    pub const fn len(&self) -> usize {
        match self {
            Tensor::F32(values) => values.len(),
            Tensor::U16(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'b> From<&'b [f32]> for Tensor<'b> {
    fn from(values: &'b [f32]) -> Self {
        Tensor::F32(values)
    }
}

impl<'b> From<&'b [u16]> for Tensor<'b> {
    fn from(values: &'b [u16]) -> Self {
        Tensor::U16(values)
    }
}

/// The spaces that the operands of a call lie in.
pub struct Memory<'x> {
    pub(crate) arena: &'x mut [f32],
    pub(crate) flash: &'x [f32],
    pub(crate) data: &'x [Tensor<'x>],
    pub(crate) label: &'x [Tensor<'x>],
    pub(crate) head_grads: &'x [Tensor<'x>],
}

/// A resolved operand.
pub enum View<'x> {
    /// In the arena; disjoint from every other operand of the call.
    Arena(&'x mut [f32]),
    /// Anywhere else.
    F32(&'x [f32]),
    U16(&'x [u16]),
}

impl<'x> View<'x> {
    /// For reading.
    pub fn read(self) -> &'x [f32] {
        match self {
            View::Arena(values) => values,
            View::F32(values) => values,
            View::U16(_) => &[],
        }
    }

    /// For writing; empty if the operand does not lie in the arena.
    pub fn write(self) -> &'x mut [f32] {
        match self {
            View::Arena(values) => values,
            View::F32(_) | View::U16(_) => &mut [],
        }
    }

    /// Token ids, labels or lengths.
    pub fn u16(self) -> &'x [u16] {
        match self {
            View::U16(values) => values,
            View::Arena(_) | View::F32(_) => &[],
        }
    }

    /// The first `len` elements; `None` if there are fewer. Of a view that has so many this is the view: it tells the compiler, which does not
    /// see what the call of [`port_view`] returns.
    #[inline(always)]
    fn of_len(self, len: usize) -> Option<Self> {
        match self {
            View::Arena(values) => values.get_mut(..len).map(View::Arena),
            View::F32(values) => values.get(..len).map(View::F32),
            View::U16(values) => values.get(..len).map(View::U16),
        }
    }
}

impl Memory<'_> {
    /// Resolves the operands of one call. `None` if one lies outside its space or two of them overlap in
    /// the arena; a plan that passed the validator has neither.
    pub(crate) fn views<const N: usize>(&mut self, spans: [Span; N]) -> Option<[View<'_>; N]> {
        let arena = self.arena.get_disjoint_mut(ranges(&spans)).ok()?;
        let mut views = [const { View::F32(&[]) }; N];
        for ((view, span), words) in views.iter_mut().zip(spans).zip(arena) {
            *view = match span.space() {
                Space::Arena => View::Arena(words),
                _ => outside(self.flash, self.data, self.label, self.head_grads, span)?,
            };
        }
        Some(views)
    }

    /// The same in the first `words` elements of the arena, for a caller who knows all of these numbers, so that the compiler has nothing left
    /// to check but that there are so many elements. `order` are the operands that take space in the arena, by where they lie.
    #[inline(always)]
    pub(crate) fn known_views<const N: usize>(
        &mut self,
        words: usize,
        spans: [Span; N],
        order: &[u8],
    ) -> Option<[View<'_>; N]> {
        const { assert!(N <= TURNS) };
        let mut rest = self.arena.get_mut(..words)?;
        // Until an operand has its place it is no view of the arena.
        let mut views = const { [const { View::F32(&[]) }; N] };
        written_out!(|rank| {
            if let Some(at) = order.get(rank) {
                let at = usize::from(*at);
                let range = spans.get(at)?.range();
                *views.get_mut(at)? = View::Arena(next_operand(&mut rest, words, range)?);
            }
        });
        written_out!(|at| {
            if let (Some(view), Some(span)) = (views.get_mut(at), spans.get(at)) {
                match (span.space(), &view) {
                    // Cut off above.
                    (Space::Arena, View::Arena(_)) => {}
                    (Space::Arena, _) if span.range().is_empty() => *view = View::Arena(&mut []),
                    // None if it lies in the arena: the order has left it out.
                    _ => {
                        let outside =
                            outside(self.flash, self.data, self.label, self.head_grads, *span)?;
                        *view = outside.of_len(span.range().len())?;
                    }
                }
            }
        });
        Some(views)
    }
}

/// An operand in the arena, of whose `words` elements `rest` are left, those behind the operand before it.
#[inline(always)]
fn next_operand<'x>(
    rest: &mut &'x mut [f32],
    words: usize,
    range: Range<usize>,
) -> Option<&'x mut [f32]> {
    let before = words.checked_sub(rest.len())?;
    let (_, from) = take(rest).split_at_mut_checked(range.start.checked_sub(before)?)?;
    let (operand, after) = from.split_at_mut_checked(range.len())?;
    *rest = after;
    Some(operand)
}

/// Where operands lie in the arena; those that do not are nowhere in it.
#[inline(always)]
fn ranges<const N: usize>(spans: &[Span; N]) -> [Range<usize>; N] {
    let mut ranges = [const { 0..0 }; N];
    for (range, span) in ranges.iter_mut().zip(spans) {
        if span.space() == Space::Arena {
            *range = span.range();
        }
    }
    ranges
}

/// An operand that does not lie in the arena.
#[inline(always)]
fn outside<'x>(
    flash: &'x [f32],
    data: &'x [Tensor<'x>],
    label: &'x [Tensor<'x>],
    head_grads: &'x [Tensor<'x>],
    span: Span,
) -> Option<View<'x>> {
    match span.space() {
        Space::Arena => None,
        Space::Flash => flash.get(span.range()).map(View::F32),
        Space::Data(port) => port_view(data, port, span),
        Space::Label(port) => port_view(label, port, span),
        Space::HeadGrad(port) => port_view(head_grads, port, span),
    }
}

fn port_view<'x>(ports: &'x [Tensor<'x>], port: u8, span: Span) -> Option<View<'x>> {
    match ports.get(usize::from(port))? {
        Tensor::F32(values) => values.get(span.range()).map(View::F32),
        Tensor::U16(values) => values.get(span.range()).map(View::U16),
    }
}

/// The span's elements if they lie where a reader outside of a call can reach them: arena or flash.
pub(crate) fn lent<'x>(arena: &'x [f32], flash: &'x [f32], span: Span) -> Option<&'x [f32]> {
    match span.space() {
        Space::Arena => arena.get(span.range()),
        Space::Flash => flash.get(span.range()),
        Space::Data(_) | Space::Label(_) | Space::HeadGrad(_) => None,
    }
}

/// Whether `words` can hold what `plan` needs.
pub(crate) fn fits(plan: &Plan<'_>, words: &[f32]) -> bool {
    words.len() >= plan.arena_len as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const FLASH: [f32; 2] = [100.0, 101.0];
    const INPUT: [f32; 3] = [200.0, 201.0, 202.0];
    const LABEL: [u16; 2] = [7, 8];

    /// The kind and values of each operand that `resolve` finds, in an arena of 0, 1, 2 and so on.
    fn seen<const N: usize>(
        words: usize,
        resolve: impl for<'v> FnOnce(&'v mut Memory<'_>) -> Option<[View<'v>; N]>,
    ) -> Option<[(char, Vec<f32>); N]> {
        let mut arena: Vec<f32> = (0..words).map(|at| at as f32).collect();
        let mut memory = Memory {
            arena: &mut arena,
            flash: &FLASH,
            data: &[Tensor::F32(&INPUT)],
            label: &[Tensor::U16(&LABEL)],
            head_grads: &[],
        };
        let views = resolve(&mut memory)?;
        Some(views.map(|view| match view {
            View::Arena(values) => ('a', values.to_vec()),
            View::F32(values) => ('f', values.to_vec()),
            View::U16(values) => ('u', values.iter().map(|id| f32::from(*id)).collect()),
        }))
    }

    fn arena(offset: u32, len: u32) -> Span {
        Span::new(Space::Arena, offset, len)
    }

    #[test]
    fn known_operands_are_those_of_the_tables() {
        let spans = [
            arena(6, 2),
            Span::new(Space::Data(0), 1, 2),
            arena(0, 3),
            Span::NONE,
            Span::new(Space::Flash, 1, 1),
            arena(5, 0),
            Span::new(Space::Label(0), 0, 2),
            arena(3, 2),
        ];
        let by_tables = seen(8, |memory| memory.views(spans));
        assert!(by_tables.is_some());
        for (planned, words) in [(8, 8), (8, 9), (9, 9)] {
            let known = seen(words, |memory| {
                memory.known_views(planned, spans, &[2, 7, 0])
            });
            assert_eq!(known, by_tables, "{planned} of an arena of {words}");
        }
    }

    #[test]
    fn as_many_known_operands_as_there_may_be() {
        let in_flash = Span::new(Space::Flash, 0, 2);
        let mut spans: [Span; TURNS] = core::array::from_fn(|at| arena(at as u32, 1));
        let order: [u8; TURNS] = core::array::from_fn(|at| at as u8);
        for (last, order) in [(arena(15, 1), &order[..]), (in_flash, &order[..15])] {
            spans[TURNS - 1] = last;
            let by_tables = seen(16, |memory| memory.views(spans));
            assert!(by_tables.is_some());
            let known = seen(16, |memory| memory.known_views(16, spans, order));
            assert_eq!(known, by_tables);
        }
    }

    #[test]
    fn what_lies_in_flash_is_read_there_whatever_the_order_says() {
        let spans = [Span::new(Space::Flash, 0, 2)];
        let known = seen(16, |memory| memory.known_views(16, spans, &[0]));
        assert_eq!(known, Some([('f', FLASH.to_vec())]));
    }

    #[test]
    fn known_operands_are_refused() {
        let known = |words, spans, order: &[u8]| {
            seen(8, |memory| memory.known_views::<2>(words, spans, order)).is_some()
        };
        let apart = [arena(4, 4), arena(0, 4)];
        assert!(known(8, apart, &[1, 0]));
        assert!(!known(9, apart, &[1, 0]), "a smaller arena than planned");
        assert!(!known(7, apart, &[1, 0]), "one beyond the arena's end");
        assert!(!known(8, apart, &[0, 1]), "another order");
        assert!(!known(8, apart, &[1]), "one that the order leaves out");
        assert!(!known(8, apart, &[1, 2]), "an order of others");
        assert!(!known(8, [arena(3, 4), arena(0, 4)], &[1, 0]), "overlap");
        let input = |at, len| [Span::new(Space::Data(0), at, len), Span::NONE];
        assert!(known(8, input(0, 3), &[]));
        assert!(!known(8, input(1, 3), &[]), "more than the input has");
    }
}
