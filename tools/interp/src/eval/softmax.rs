//! Softmax: which elements of the data make a row.

use tinpail_plan::symbol::{Softmax, SoftmaxOutput};

use super::{Outcome, axis_of, ensure};
use crate::Tensor;

/// The rows that softmax runs over, each the positions of its K classes in the data; row j belongs to label
/// j. `multi_output`: axis 1 of (N, K, ...), rows in the order (N, ...); `preserve_shape`: the last axis;
/// otherwise all axes but the first.
pub(crate) fn rows(attrs: &SoftmaxOutput, shape: &[usize]) -> Outcome<Vec<Vec<usize>>> {
    let rank = shape.len();
    let axes = if attrs.multi_output { 2 } else { 1 };
    ensure(rank >= axes && !shape.contains(&0), || {
        format!("data {shape:?}")
    })?;
    let from = |axis: usize| shape[axis..].iter().product::<usize>();
    // (outer, classes, inner)
    let (classes, inner) = if attrs.multi_output {
        (shape[1], from(2))
    } else if attrs.preserve_shape {
        (shape[rank - 1], 1)
    } else {
        (from(1), 1)
    };
    let outer = from(0) / classes / inner;
    Ok((0..outer * inner)
        .map(|row| {
            let (o, i) = (row / inner, row % inner);
            (0..classes)
                .map(|k| (o * classes + k) * inner + i)
                .collect()
        })
        .collect())
}

/// ln of the sum of e^x over the row, without overflow.
pub(crate) fn log_sum_exp(data: &Tensor, row: &[usize]) -> f64 {
    let x = || row.iter().map(|&at| data.data[at]);
    let max = x().fold(f64::NEG_INFINITY, f64::max);
    max + x().map(|x| (x - max).exp()).sum::<f64>().ln()
}

/// p = e^x / sum e^x over each row; the shape stays.
pub(super) fn forward(attrs: &SoftmaxOutput, data: &Tensor) -> Outcome<Tensor> {
    let mut p = data.clone();
    for row in rows(attrs, &data.shape)? {
        let log_sum = log_sum_exp(data, &row);
        for &at in &row {
            p.data[at] = (data.data[at] - log_sum).exp();
        }
    }
    Ok(p)
}

/// `f` of ln p over one axis, where p is the softmax of the data divided by the temperature.
pub(super) fn plain(attrs: &Softmax, data: &Tensor, f: impl Fn(f64) -> f64) -> Outcome<Tensor> {
    let axis = axis_of(attrs.axis, data.shape.len())?;
    let temperature = attrs.temperature.map_or(1.0, f64::from);
    let data = data.map(|x| x / temperature);
    Ok(Tensor::from_fn(data.shape.clone(), |index| {
        let mut other = index.to_vec();
        let row: Vec<usize> = (0..data.shape[axis])
            .map(|place| {
                other[axis] = place;
                data.position(&other)
            })
            .collect();
        f(data.at(index) - log_sum_exp(&data, &row))
    }))
}
