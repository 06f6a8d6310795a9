//! SequenceLast, SequenceMask and SequenceReverse. Data is (T, N, ...) with `axis` 0 and (N, T, ...) with `axis` 1.

use super::{Outcome, ensure};
use crate::Tensor;

/// The lengths (N,) as integers of at most T; all T where none are given.
fn lengths(axis: usize, data: &Tensor, lengths: Option<&Tensor>) -> Outcome<Vec<usize>> {
    ensure(axis < 2 && data.shape.len() >= 2, || {
        format!("axis {axis} of {:?}", data.shape)
    })?;
    let (steps, batch) = (data.shape[axis], data.shape[1 - axis]);
    let Some(lengths) = lengths else {
        return Ok(vec![steps; batch]);
    };
    ensure(lengths.shape == [batch], || {
        format!("sequence_length {:?} for ({batch},)", lengths.shape)
    })?;
    (lengths.data.iter())
        .map(|&length| {
            ensure((0.0..=steps as f64).contains(&length), || {
                format!("sequence_length {length} of {steps} steps")
            })?;
            Ok(length as usize)
        })
        .collect()
}

/// Step `length - 1` of each sample: (N, ...).
pub(super) fn last(
    axis: usize,
    data: &Tensor,
    sequence_length: Option<&Tensor>,
) -> Outcome<Tensor> {
    let lengths = lengths(axis, data, sequence_length)?;
    ensure(lengths.iter().all(|&length| length > 0), || {
        "sequence_length 0 has no last step".into()
    })?;
    let mut shape = data.shape.clone();
    shape.remove(axis);
    Ok(Tensor::from_fn(shape, |index| {
        let mut index = index.to_vec();
        index.insert(axis, lengths[index[0]] - 1);
        data.at(&index)
    }))
}

/// Steps from `length` on are `value`; the shape stays.
pub(super) fn mask(
    axis: usize,
    value: f32,
    data: &Tensor,
    sequence_length: Option<&Tensor>,
) -> Outcome<Tensor> {
    let lengths = lengths(axis, data, sequence_length)?;
    Ok(Tensor::from_fn(data.shape.clone(), |index| {
        match index[axis] < lengths[index[1 - axis]] {
            true => data.at(index),
            false => value.into(),
        }
    }))
}

/// The first `length` steps in reverse, the others as they are.
pub(super) fn reverse(
    axis: usize,
    data: &Tensor,
    sequence_length: Option<&Tensor>,
) -> Outcome<Tensor> {
    let lengths = lengths(axis, data, sequence_length)?;
    Ok(Tensor::from_fn(data.shape.clone(), |index| {
        let (step, length) = (index[axis], lengths[index[1 - axis]]);
        let mut from = index.to_vec();
        if step < length {
            from[axis] = length - 1 - step;
        }
        data.at(&from)
    }))
}
