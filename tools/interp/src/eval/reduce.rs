//! Mean and sum.

use super::{Outcome, axis_of, ensure};
use crate::Tensor;
use crate::tensor::indices;

/// The mean over `axes`: their sum divided by how many there are.
pub(super) fn mean(axes: &[i64], keepdims: bool, data: &Tensor) -> Outcome<Tensor> {
    let sum = sum(axes, keepdims, data)?;
    let count = data.data.len() / sum.data.len();
    Ok(sum.map(|sum| sum / count as f64))
}

/// The sum over `axes` (none given: all), which become 1 with `keepdims` and vanish without.
pub(super) fn sum(axes: &[i64], keepdims: bool, data: &Tensor) -> Outcome<Tensor> {
    let rank = data.shape.len();
    let mut reduced = vec![axes.is_empty(); rank];
    for &axis in axes {
        reduced[axis_of(axis, rank)?] = true;
    }
    ensure(!data.data.is_empty(), || "no elements".into())?;
    let with_reduced = |index: &[usize], value: usize| -> Vec<usize> {
        (index.iter().zip(&reduced))
            .map(|(&i, &reduced)| if reduced { value } else { i })
            .collect()
    };
    let mut sums = Tensor::full(with_reduced(&data.shape, 1), 0.0);
    for index in indices(&data.shape) {
        let target = sums.position(&with_reduced(&index, 0));
        sums.data[target] += data.at(&index);
    }
    if !keepdims {
        let mut reduced = reduced.iter();
        sums.shape.retain(|_| reduced.next() == Some(&false));
    }
    Ok(sums)
}
