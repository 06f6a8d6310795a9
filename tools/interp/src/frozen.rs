//! What a perturbed evaluation must not change, so that differences of the loss are MXNet's gradients.
//!
//! MXNet passes no gradient through BlockGrad, through the outputs of a loss layer, or into labels, token
//! ids and sequence lengths, although the loss does depend on them. Those values are held at what they
//! were. So is the branch that each relu took: at 0 its derivative is 0, as in MXNet, and a difference
//! never straddles the kink.

use tinpail_plan::{Net, Op};

use crate::eval::{self, Values};
use crate::{InterpError, Mode, Tensors};

/// The unperturbed evaluation.
#[derive(Clone, Debug)]
pub struct Frozen {
    pub(crate) values: Values,
}

/// Evaluates `net` and keeps what [`crate::loss_at`] must hold constant.
pub fn freeze(net: &Net, args: &Tensors, mode: Mode) -> Result<Frozen, InterpError> {
    let values = eval::run(net, args, mode, None)?;
    Ok(Frozen { values })
}

/// Whether no gradient passes through the operator's output.
pub(crate) fn output_is_constant(op: &Op) -> bool {
    matches!(op, Op::BlockGrad) || op.is_loss()
}

/// Whether no gradient passes into the operator's input of this position.
pub(crate) fn input_is_constant(op: &Op, input: usize) -> bool {
    match op {
        Op::Embedding(_) => input == 0,
        Op::SequenceLast { .. } | Op::SequenceMask { .. } | Op::SequenceReverse { .. } => {
            input == 1
        }
        Op::Where => input == 0,
        _ => op.is_loss() && input == 1,
    }
}

/// The answers to "is x > 0" of one evaluation, in the order they were asked.
#[derive(Debug)]
pub(crate) enum Branches<'a> {
    Record(Vec<bool>),
    Replay(std::slice::Iter<'a, bool>),
}

impl Branches<'_> {
    /// Whether x > 0; in a perturbed evaluation, whether it was.
    pub(crate) fn positive(&mut self, x: f64) -> bool {
        match self {
            Branches::Record(log) => {
                log.push(x > 0.0);
                x > 0.0
            }
            // A log that is too short is not of this network; the answer then is the plain one.
            Branches::Replay(log) => log.next().copied().unwrap_or(x > 0.0),
        }
    }
}
