//! Arithmetic as a pattern: what one step of a cell computes, whatever its nodes are called and whichever
//! way round a sum or a product is written.

use crate::symbol::{Act, NodeId, ScalarOp};
use crate::{Net, Op, Sym};

/// What a match finds out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// i2h(x) + h2h(h), before it is cut into gates.
    Sum,
    /// i2h(x), before it is cut into gates.
    I2h,
    /// h2h(h), before it is cut into gates.
    H2h,
    UpdateGate,
    PrevHidden,
    PrevCell,
    Cell,
}

pub(super) enum Pattern {
    /// Any symbol, but the same one wherever the slot is mentioned.
    Any(Slot),
    /// What matches, noted in the slot.
    As(Slot, &'static Pattern),
    Add(&'static Pattern, &'static Pattern),
    Mul(&'static Pattern, &'static Pattern),
    Act(Act, &'static Pattern),
    /// 1 - x
    OneMinus(&'static Pattern),
    /// Part `.1` of `.2` equal parts, along axis 1, of what the slot holds.
    Gate(Slot, u32, usize),
}

/// A match: what the slots hold, and the operators that were walked over.
#[derive(Clone, Default)]
pub(super) struct Match {
    slots: [Option<Sym>; 7],
    pub inner: Vec<usize>,
}

impl Match {
    pub fn get(&self, slot: Slot) -> Option<Sym> {
        self.slots[slot as usize]
    }

    fn bind(&mut self, slot: Slot, sym: Sym) -> bool {
        *self.slots[slot as usize].get_or_insert(sym) == sym
    }
}

use Act::{Relu, Sigmoid, Tanh};
use Pattern::{Act as On, Add, Any, As, Gate, Mul, OneMinus};
use Slot::{Cell, H2h, I2h, PrevCell, PrevHidden, Sum, UpdateGate};

/// h = tanh(i2h + h2h)
pub(super) const RNN_TANH: Pattern = On(Tanh, &Any(Sum));
/// h = relu(i2h + h2h)
pub(super) const RNN_RELU: Pattern = On(Relu, &Any(Sum));
/// Gates i, f, c, o of the sum: c = f c' + i tanh(.), h = o tanh(c).
pub(super) const LSTM: Pattern = Mul(
    &On(Sigmoid, &Gate(Sum, 3, 4)),
    &On(
        Tanh,
        &As(
            Cell,
            &Add(
                &Mul(&On(Sigmoid, &Gate(Sum, 1, 4)), &Any(PrevCell)),
                &Mul(&On(Sigmoid, &Gate(Sum, 0, 4)), &On(Tanh, &Gate(Sum, 2, 4))),
            ),
        ),
    ),
);
/// Gates r, z, o: n = tanh(i2h_o + r h2h_o), h = (1 - z) n + z h'. The candidate comes first here because only
/// it tells i2h from h2h.
pub(super) const GRU: Pattern = Add(
    &Mul(
        &On(
            Tanh,
            &Add(
                &Gate(I2h, 2, 3),
                &Mul(
                    &On(Sigmoid, &Add(&Gate(I2h, 0, 3), &Gate(H2h, 0, 3))),
                    &Gate(H2h, 2, 3),
                ),
            ),
        ),
        &OneMinus(&As(
            UpdateGate,
            &On(Sigmoid, &Add(&Gate(I2h, 1, 3), &Gate(H2h, 1, 3))),
        )),
    ),
    &Mul(&Any(UpdateGate), &Any(PrevHidden)),
);

/// Whether `sym` computes `pattern`, and if so with what in the slots.
pub(super) fn matches(net: &Net, pattern: &Pattern, sym: Sym, so_far: &Match) -> Option<Match> {
    let node = net.node(sym);
    let mut found = so_far.clone();
    if !matches!(pattern, Any(_) | As(..)) {
        found.inner.push(sym.node.0 as usize);
    }
    match (pattern, &node.op) {
        (Any(slot), _) => found.bind(*slot, sym).then_some(found),
        (As(slot, inner), _) => {
            let found = matches(net, inner, sym, &found)?;
            let mut found = found;
            found.bind(*slot, sym).then_some(found)
        }
        (Add(left, right), Op::ElemwiseAdd) | (Mul(left, right), Op::ElemwiseMul) => {
            let either_way =
                |a: Sym, b: Sym| matches(net, right, b, &matches(net, left, a, &found)?);
            let (a, b) = (node.inputs[0], node.inputs[1]);
            either_way(a, b).or_else(|| either_way(b, a))
        }
        (On(act, inner), Op::Activation(of_node)) if act == of_node => {
            matches(net, inner, node.inputs[0], &found)
        }
        (OneMinus(inner), Op::Scalar(ScalarOp::RMinus, 1.0)) => {
            matches(net, inner, node.inputs[0], &found)
        }
        (
            Gate(slot, part, parts),
            Op::SliceChannel {
                num_outputs,
                axis: 1 | -1,
                squeeze_axis: false,
            },
        ) if part == &sym.output && parts == num_outputs => {
            found.bind(*slot, node.inputs[0]).then_some(found)
        }
        _ => None,
    }
}

/// The first output of node `index`.
pub(super) fn output_of(index: usize) -> Sym {
    Sym {
        node: NodeId(index as u32),
        output: 0,
    }
}
