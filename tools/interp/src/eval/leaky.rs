//! LeakyReLU and its relatives: x for x > 0, else
//!
//! - leaky: slope x; rrelu without training: the mean of its bounds times x
//! - elu: slope (e^x - 1); selu: alpha (e^x - 1), and both sides times a scale
//! - prelu: gamma x, gamma (C,) for axis 1 or (1,) for all
//!
//! and gelu: x (1 + erf(x / sqrt 2)) / 2 on both sides.

use tinpail_plan::symbol::Leaky;

use super::{Outcome, ensure};
use crate::Tensor;
use crate::frozen::Branches;

const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

pub(super) fn leaky_relu(
    leaky: Leaky,
    data: &Tensor,
    gamma: &[&Tensor],
    branches: &mut Branches,
) -> Outcome<Tensor> {
    let mut with = |low: &dyn Fn(f64) -> f64, scale: f64| {
        data.map(|x| scale * if branches.positive(x) { x } else { low(x) })
    };
    Ok(match leaky {
        Leaky::Leaky { slope } => with(&|x| f64::from(slope) * x, 1.0),
        Leaky::Rrelu { lower, upper } => {
            with(&|x| (f64::from(lower) + f64::from(upper)) / 2.0 * x, 1.0)
        }
        Leaky::Elu { slope } => with(&|x| f64::from(slope) * x.exp_m1(), 1.0),
        Leaky::Selu => with(&|x| SELU_ALPHA * x.exp_m1(), SELU_SCALE),
        Leaky::Gelu => data.map(|x| x * 0.5 * (1.0 + libm::erf(x / 2f64.sqrt()))),
        Leaky::Prelu => {
            let &[gamma] = gamma else {
                return Err("no gamma".into());
            };
            let channels = data.shape.get(1).copied();
            let one = gamma.shape == [1];
            ensure(one || channels == Some(gamma.data.len()), || {
                format!("gamma {:?} for {:?}", gamma.shape, data.shape)
            })?;
            Tensor::from_fn(data.shape.clone(), |index| {
                let x = data.at(index);
                let slope = gamma.data[if one { 0 } else { index[1] }];
                if branches.positive(x) { x } else { slope * x }
            })
        }
    })
}
