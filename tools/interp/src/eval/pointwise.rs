//! Operators on each element by itself. All keep the shape.

use tinpail_plan::symbol::{Act, ScalarOp};

use super::{Outcome, dropout_factors, ensure};
use crate::frozen::Branches;
use crate::{Mode, Tensor};

/// relu max(x, 0); sigmoid 1 / (1 + e^-x); tanh; softrelu ln(1 + e^x); softsign x / (1 + |x|).
pub(super) fn activation(act: Act, data: &Tensor, branches: &mut Branches) -> Tensor {
    data.map(|x| match act {
        Act::Relu => relu(x, branches),
        Act::Sigmoid => sigmoid(x),
        Act::Tanh => x.tanh(),
        // ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), which does not overflow.
        Act::SoftRelu => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Act::SoftSign => x / (1.0 + x.abs()),
    })
}

pub(super) fn relu(x: f64, branches: &mut Branches) -> f64 {
    if branches.positive(x) { x } else { 0.0 }
}

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// f of both, of equal shape.
pub(super) fn binary(lhs: &Tensor, rhs: &Tensor, f: impl Fn(f64, f64) -> f64) -> Outcome<Tensor> {
    ensure(lhs.shape == rhs.shape, || {
        format!("{:?} against {:?}", lhs.shape, rhs.shape)
    })?;
    Ok(Tensor::from_fn(lhs.shape.clone(), |index| {
        f(lhs.at(index), rhs.at(index))
    }))
}

pub(super) fn scalar(op: ScalarOp, scalar: f32, data: &Tensor) -> Tensor {
    let s = f64::from(scalar);
    data.map(|x| match op {
        ScalarOp::Plus => x + s,
        ScalarOp::Minus => x - s,
        ScalarOp::RMinus => s - x,
        ScalarOp::Mul => x * s,
        ScalarOp::Div => x / s,
    })
}

/// In training x mask / (1 - p), with the mask of the node's name; otherwise x.
pub(super) fn dropout(name: &str, p: f32, data: &Tensor, mode: Mode) -> Outcome<Tensor> {
    match dropout_factors(name, p, &data.shape, mode)? {
        Some(factors) => binary(data, &factors, |x, factor| x * factor),
        None => Ok(data.clone()),
    }
}
