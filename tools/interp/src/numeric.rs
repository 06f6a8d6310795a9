//! Gradients by central differences.

use tinpail_plan::Net;

use crate::loss::change_at;
use crate::{InterpError, Mode, Tensor, Tensors, freeze};

/// The step at |x| <= 1. The error is about h^2 |f'''| / 6 plus the rounding of the loss over 2 h: 1e-10 or
/// so for losses around 1.
const STEP: f64 = 1e-5;

/// The gradient of [`crate::loss`] with respect to each argument named in `wrt`, in its shape.
///
/// Takes two evaluations for each element.
pub fn numeric_grads(
    net: &Net,
    args: &Tensors,
    wrt: &[&str],
    mode: Mode,
    head_grads: &[Tensor],
) -> Result<Tensors, InterpError> {
    let frozen = freeze(net, args, mode)?;
    numeric_grads_of(args, wrt, |args| {
        change_at(net, args, mode, head_grads, &frozen)
    })
}

/// The gradient of any scalar function of `args`.
pub fn numeric_grads_of(
    args: &Tensors,
    wrt: &[&str],
    mut function: impl FnMut(&Tensors) -> Result<f64, InterpError>,
) -> Result<Tensors, InterpError> {
    let mut perturbed = args.clone();
    let mut grads = Tensors::new();
    for &name in wrt {
        let original = (args.get(name)).ok_or_else(|| InterpError::MissingArg(name.into()))?;
        let mut grad = Tensor::full(original.shape.clone(), 0.0);
        for (at, &x) in original.data.iter().enumerate() {
            let mut value_at = |x: f64| {
                set(&mut perturbed, name, at, x);
                function(&perturbed)
            };
            let step = STEP * x.abs().max(1.0);
            let (above, below) = (x + step, x - step);
            grad.data[at] = (value_at(above)? - value_at(below)?) / (above - below);
            set(&mut perturbed, name, at, x);
        }
        grads.insert(name.into(), grad);
    }
    Ok(grads)
}

fn set(args: &mut Tensors, name: &str, at: usize, x: f64) {
    if let Some(tensor) = args.get_mut(name) {
        tensor.data[at] = x;
    }
}
