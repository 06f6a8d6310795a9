//! The plan-free f64 interpreter: what a network means, evaluated as plainly as it can be written.
//!
//! It is the twin that the planner and the kernels are checked against. It shares the graph types
//! ([`tinpail_plan::symbol`]) with them and nothing else: no shape inference, no differentiation, no
//! order, no buffers. Shapes come from the arguments, each operator makes new tensors, and gradients are
//! differences of a scalar. It is itself checked against the numbers that MXNet 1.9.1 recorded (`tests/`).
//!
//! - [`forward`]: the outputs of a network;
//! - [`loss`]: the scalar whose gradient is what MXNet's `backward` gives;
//! - [`numeric_grads`]: that gradient, by central differences.
//!
//! | file | subject |
//! | --- | --- |
//! | `tensor.rs` | values with a shape |
//! | `eval/` | the operators, one family a file |
//! | `frozen.rs` | what a perturbed evaluation must not change |
//! | `loss.rs`, `numeric.rs` | the scalar and its differences |
//!
//! Formulas are MXNet 1.9.1's; each stands where it is computed.

mod error;
mod eval;
mod frozen;
mod loss;
mod numeric;
mod tensor;

use std::collections::HashMap;

use tinpail_plan::Net;

pub use error::InterpError;
pub use frozen::{Frozen, freeze};
pub use loss::{loss, loss_at};
pub use numeric::{numeric_grads, numeric_grads_of};
pub use tensor::Tensor;

/// Tensors by name: the arguments of a network, or its dropout masks.
pub type Tensors = HashMap<String, Tensor>;

/// What dropout does, and whose statistics BatchNorm takes; the other operators are the same in both.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Dropout is the identity, BatchNorm takes the moving statistics.
    Infer,
    /// Dropout multiplies by the mask of its node's name and divides by 1 - p. A mask has the shape of
    /// the data; 1 keeps, 0 drops. That of an RNN with p > 0 is (layers - 1, T, N, H), for the outputs
    /// of all layers but the last. Where p is 0 no mask is needed.
    Train { masks: &'a Tensors },
}

/// The outputs of `net`, in the order of its heads.
///
/// `args` holds a tensor for each variable that the heads depend on. The batch size, where a `_zeros`
/// leaves it open, is that of the first declared data: the dimension declared 0, or else axis 0.
pub fn forward(net: &Net, args: &Tensors, mode: Mode) -> Result<Vec<Tensor>, InterpError> {
    let values = eval::run(net, args, mode, None)?;
    Ok(net
        .heads
        .iter()
        .map(|&head| values.of(head).clone())
        .collect())
}
