//! Operators on each element by itself. All keep the shape.

use tinpail_plan::symbol::{Act, Binary, ScalarOp, Unary};

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

/// e^x; ln x; the square root; x x; |x|.
pub(super) fn unary(op: Unary, data: &Tensor, branches: &mut Branches) -> Tensor {
    data.map(|x| match op {
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Sqrt => x.sqrt(),
        Unary::Square => x * x,
        Unary::Abs => {
            if branches.positive(x) {
                x
            } else {
                -x
            }
        }
    })
}

/// f of both, aligned at their last axes; an axis of 1 is repeated.
pub(super) fn broadcast(op: Binary, lhs: &Tensor, rhs: &Tensor) -> Outcome<Tensor> {
    let rank = lhs.shape.len().max(rhs.shape.len());
    let aligned = |tensor: &Tensor| {
        let shape = [&vec![1; rank - tensor.shape.len()][..], &tensor.shape].concat();
        Tensor::new(shape, tensor.data.clone())
    };
    let (lhs, rhs) = (aligned(lhs), aligned(rhs));
    let pairs = || lhs.shape.iter().zip(&rhs.shape);
    ensure(pairs().all(|(a, b)| a == b || *a == 1 || *b == 1), || {
        format!("{:?} against {:?}", lhs.shape, rhs.shape)
    })?;
    let shape: Vec<usize> = pairs().map(|(a, b)| *a.max(b)).collect();
    let at = |tensor: &Tensor, index: &[usize]| {
        let own = index.iter().zip(&tensor.shape);
        tensor.at(&own.map(|(i, size)| i % size).collect::<Vec<_>>())
    };
    Ok(Tensor::from_fn(shape, |index| {
        let (x, y) = (at(&lhs, index), at(&rhs, index));
        match op {
            Binary::Add => x + y,
            Binary::Sub => x - y,
            Binary::Mul => x * y,
            Binary::Div => x / y,
        }
    }))
}

/// x where the condition is not 0, else y.
pub(super) fn choose(condition: &Tensor, x: &Tensor, y: &Tensor) -> Outcome<Tensor> {
    ensure(condition.shape == x.shape && x.shape == y.shape, || {
        format!("{:?}, {:?}, {:?}", condition.shape, x.shape, y.shape)
    })?;
    Ok(Tensor::from_fn(x.shape.clone(), |index| {
        match condition.at(index) {
            0.0 => y.at(index),
            _ => x.at(index),
        }
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
