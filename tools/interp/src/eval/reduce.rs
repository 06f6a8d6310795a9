//! Mean.

use super::{Outcome, axis_of, ensure};
use crate::Tensor;
use crate::tensor::indices;

/// The mean over `axes` (none given: all), which become 1 with `keepdims` and vanish without.
pub(super) fn mean(axes: &[i64], keepdims: bool, data: &Tensor) -> Outcome<Tensor> {
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
    let count = data.data.len() / sums.data.len();
    let mut mean = sums.map(|sum| sum / count as f64);
    if !keepdims {
        let mut reduced = reduced.iter();
        mean.shape.retain(|_| reduced.next() == Some(&false));
    }
    Ok(mean)
}
