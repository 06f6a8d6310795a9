//! Programs before they have rows, and the loops in them.

use tinpail::plan::{Access, Kernel, Port, Space, Span};

use crate::repeats::repeats;

/// A call before its operands have rows.
#[derive(Clone, Debug)]
pub struct LooseCall {
    pub kernel: Kernel,
    pub spans: Vec<Span>,
    pub ints: Vec<u32>,
    pub node: String,
}

/// A call, or calls that repeat.
#[derive(Clone, Debug)]
pub enum LooseStep {
    Call(LooseCall),
    Loop {
        count: u16,
        /// The calls of the first turn.
        body: Vec<LooseCall>,
        /// What each call's operands, then its integers, grow by every turn.
        strides: Vec<i16>,
    },
}

impl LooseStep {
    /// The calls that have rows: one, or the body's.
    pub fn calls(&self) -> &[LooseCall] {
        match self {
            LooseStep::Call(call) => std::slice::from_ref(call),
            LooseStep::Loop { body, .. } => body,
        }
    }
}

/// A program before it has rows.
#[derive(Clone, Debug, Default)]
pub struct LooseProgram {
    /// Forward, backward, check, update.
    pub phases: [Vec<LooseStep>; 4],
    pub head_grads: Vec<Port>,
    pub outputs: Vec<Span>,
    pub input_grads: Vec<Span>,
}

impl LooseProgram {
    /// Every operand, in an order that is the same for programs of the same calls.
    pub fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        let calls = self.phases.iter().flatten().flat_map(LooseStep::calls);
        let operands = calls.flat_map(|call| call.spans.iter());
        operands
            .chain(&self.outputs)
            .chain(&self.input_grads)
            .copied()
    }

    /// What programs have in common whose operands can be told apart by position.
    pub fn form(&self) -> Vec<Vec<Kernel>> {
        let calls = |step: &LooseStep| step.calls().iter().map(|call| call.kernel).collect();
        let ends = self.phases.iter().map(|phase| {
            let steps: Vec<Vec<Kernel>> = phase.iter().map(calls).collect();
            steps
        });
        let heads = [self.outputs.len(), self.input_grads.len()];
        let heads = heads.map(|len| vec![Kernel::Copy; len]);
        // An empty list closes each phase.
        let phases = ends.flat_map(|steps| steps.into_iter().chain([Vec::new()]));
        phases.chain(heads).collect()
    }
}

/// Folds repeated calls into loops.
pub fn roll(calls: Vec<LooseCall>) -> Vec<LooseStep> {
    let loops = repeats(calls.len(), |a, b| strides(&calls[a], &calls[b]));
    let mut steps = Vec::new();
    let mut at = 0;
    for repeat in loops {
        steps.extend(calls[at..repeat.start].iter().cloned().map(LooseStep::Call));
        let body = repeat.start..repeat.start + repeat.period;
        steps.push(LooseStep::Loop {
            count: repeat.count as u16,
            strides: body
                .clone()
                .filter_map(|at| strides(&calls[at], &calls[at + repeat.period]))
                .flatten()
                .collect(),
            body: calls[body].to_vec(),
        });
        at = repeat.start + repeat.period * repeat.count;
    }
    steps.extend(calls[at..].iter().cloned().map(LooseStep::Call));
    steps
}

/// What grows by how much from one call to another, if a loop may hold both.
fn strides(from: &LooseCall, to: &LooseCall) -> Option<Vec<i16>> {
    if from.kernel != to.kernel || from.ints.len() != to.ints.len() {
        return None;
    }
    if sides(from) != sides(to) {
        return None;
    }
    let spans = from.spans.iter().zip(&to.spans).map(|(from, to)| {
        let by = i64::from(to.offset()) - i64::from(from.offset());
        let same = from.space() == to.space() && from.len == to.len;
        i16::try_from(by).ok().filter(|_| same)
    });
    let ints = from.ints.iter().zip(&to.ints);
    let ints = ints.map(|(from, to)| i16::try_from(to.wrapping_sub(*from).cast_signed()).ok());
    spans.chain(ints).collect()
}

/// For each pair of operands in the arena, which lies first. What is loaded on a device is checked at a loop's first
/// and last turn; operands that change sides in between could meet unseen.
fn sides(call: &LooseCall) -> Vec<bool> {
    let spans = || {
        call.spans
            .iter()
            .filter(|span| span.space() == Space::Arena && span.len > 0)
    };
    let lefts = spans().enumerate();
    lefts
        .flat_map(|(at, left)| {
            spans()
                .skip(at + 1)
                .map(|right| left.offset() < right.offset())
        })
        .collect()
}

/// Whether the kernel has as many operands as the call gives it.
pub fn is_complete(call: &LooseCall) -> bool {
    let accesses: &[Access] = call.kernel.accesses();
    accesses.len() == call.spans.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(from: u32, to: u32) -> LooseCall {
        LooseCall {
            kernel: Kernel::Copy,
            spans: vec![
                Span::new(Space::Data(0), from, 4),
                Span::new(Space::Arena, to, 4),
            ],
            ints: vec![from / 4],
            node: format!("copy{to}"),
        }
    }

    #[test]
    fn offsets_and_integers_advance() {
        let calls = (0..5).map(|turn| copy(4 * turn, 100 - 8 * turn));
        let steps = roll(calls.chain([copy(0, 0)]).collect());
        let [
            LooseStep::Loop {
                count,
                body,
                strides,
            },
            LooseStep::Call(last),
        ] = steps.as_slice()
        else {
            panic!("{steps:?}");
        };
        assert_eq!((*count, strides.as_slice()), (5, &[4, -8, 1][..]));
        assert_eq!((body.len(), body[0].node.as_str()), (1, "copy100"));
        assert_eq!(last.node, "copy0");
    }

    #[test]
    fn what_no_loop_holds() {
        let other = |change: &dyn Fn(&mut LooseCall)| {
            let mut calls = vec![copy(0, 0), copy(4, 4)];
            change(&mut calls[1]);
            roll(calls).len()
        };
        assert_eq!(other(&|_| ()), 1);
        assert_eq!(other(&|call| call.spans[1].len = 3), 2);
        assert_eq!(
            other(&|call| call.spans[0] = Span::new(Space::Data(1), 4, 4)),
            2
        );
        assert_eq!(
            other(&|call| call.spans[0] = Span::new(Space::Data(0), 1 << 15, 4)),
            2
        );
        assert_eq!(other(&|call| call.ints[0] = 1.0_f32.to_bits()), 2);
        assert_eq!(other(&|call| call.ints.clear()), 2);
        // Two operands of the arena that pass each other.
        let swap = |left: u32, right: u32| LooseCall {
            spans: vec![
                Span::new(Space::Arena, left, 4),
                Span::new(Space::Arena, right, 4),
            ],
            ..copy(0, 0)
        };
        assert_eq!(roll(vec![swap(0, 8), swap(8, 0)]).len(), 2);
        assert_eq!(roll(vec![swap(0, 8), swap(1, 7)]).len(), 1);
    }
}
