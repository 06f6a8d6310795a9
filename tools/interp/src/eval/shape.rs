//! Operators that only move elements: zeros, ones, Reshape, expand_dims, SwapAxis, transpose, Concat, stack,
//! SliceChannel, slice_axis, and the slices of a parameter that fusion makes.

use super::{Outcome, axis_of, ensure};
use crate::Tensor;

/// `value` in `shape`, in which 0 is the batch size.
pub(super) fn constant(shape: &[usize], value: f64, batch: Option<usize>) -> Outcome<Tensor> {
    let shape: Option<Vec<usize>> = (shape.iter())
        .map(|&size| if size == 0 { batch } else { Some(size) })
        .collect();
    match shape {
        Some(shape) => Ok(Tensor::full(shape, value)),
        None => Err("the batch size is unknown: the network declares no data".into()),
    }
}

/// The same elements in the shape that MXNet's codes give, from the left, or with `reverse` from the right.
pub(super) fn reshape(codes: &[i64], reverse: bool, data: &Tensor) -> Outcome<Tensor> {
    let reversed = |shape: &[usize]| -> Vec<usize> { shape.iter().rev().copied().collect() };
    let shape = if reverse {
        ensure(!codes.contains(&-4), || {
            "code -4 together with reverse".into()
        })?;
        let codes: Vec<i64> = codes.iter().rev().copied().collect();
        reversed(&target_shape(&codes, &reversed(&data.shape))?)
    } else {
        target_shape(codes, &data.shape)?
    };
    ensure(shape.iter().product::<usize>() == data.data.len(), || {
        format!("{:?} cannot become {shape:?}", data.shape)
    })?;
    Ok(Tensor::new(shape, data.data.clone()))
}

/// MXNet's codes: a positive number is itself; 0 keeps this dimension; -1 is inferred from the rest (once);
/// -2 keeps all that remain; -3 merges two; -4 splits one into the two numbers that follow, one of which
/// may be -1. Each code but -2, -3 and -4 passes over one dimension of the input.
fn target_shape(codes: &[i64], from: &[usize]) -> Outcome<Vec<usize>> {
    let mut rest = from.iter().copied();
    let mut codes = codes.iter().copied();
    let mut shape = Vec::new();
    let mut inferred = None;
    let exhausted = || format!("more codes than the axes of {from:?}");
    while let Some(code) = codes.next() {
        match code {
            0 => shape.push(rest.next().ok_or_else(exhausted)?),
            -1 => {
                ensure(inferred.is_none(), || "two dimensions of -1".into())?;
                inferred = Some(shape.len());
                shape.push(1);
                rest.next();
            }
            -2 => shape.extend(rest.by_ref()),
            -3 => {
                let (a, b) = (rest.next(), rest.next());
                shape.push(a.zip(b).map(|(a, b)| a * b).ok_or_else(exhausted)?);
            }
            -4 => {
                let whole = rest.next().ok_or_else(exhausted)?;
                let parts = (codes.next().zip(codes.next()))
                    .ok_or_else(|| "code -4 without two numbers".to_string())?;
                let (a, b) = match parts {
                    (-1, b) if b > 0 => (whole / b as usize, b as usize),
                    (a, -1) if a > 0 => (a as usize, whole / a as usize),
                    (a, b) if a > 0 && b > 0 => (a as usize, b as usize),
                    (a, b) => return Err(format!("code -4 with {a} and {b}")),
                };
                ensure(a * b == whole, || format!("{whole} is not {a} times {b}"))?;
                shape.extend([a, b]);
            }
            size if size > 0 => {
                shape.push(size as usize);
                rest.next();
            }
            other => return Err(format!("code {other}")),
        }
    }
    if let Some(position) = inferred {
        let (len, known): (usize, usize) = (from.iter().product(), shape.iter().product());
        ensure(known > 0 && len.is_multiple_of(known), || {
            format!("{len} elements are no multiple of {known}")
        })?;
        shape[position] = len / known;
    }
    Ok(shape)
}

/// An axis of size 1 before `axis`; a negative axis counts from the end of the result.
pub(super) fn expand_dims(axis: i64, data: &Tensor) -> Outcome<Tensor> {
    let axis = axis_of(axis, data.shape.len() + 1)?;
    let mut shape = data.shape.clone();
    shape.insert(axis, 1);
    Ok(Tensor::new(shape, data.data.clone()))
}

/// Two axes exchanged.
pub(super) fn swap_axis(dim1: usize, dim2: usize, data: &Tensor) -> Outcome<Tensor> {
    ensure(dim1.max(dim2) < data.shape.len(), || {
        format!("axes {dim1} and {dim2} of {:?}", data.shape)
    })?;
    let swapped = |index: &[usize]| {
        let mut index = index.to_vec();
        index.swap(dim1, dim2);
        index
    };
    Ok(Tensor::from_fn(swapped(&data.shape), |index| {
        data.at(&swapped(index))
    }))
}

/// Axis i of the result is axis `axes[i]` of the data; no axes: all in reverse.
pub(super) fn transpose(axes: &[i64], data: &Tensor) -> Outcome<Tensor> {
    let rank = data.shape.len();
    let axes: Vec<usize> = match axes.is_empty() {
        true => (0..rank).rev().collect(),
        false => {
            let axes = axes.iter().map(|&axis| axis_of(axis, rank));
            axes.collect::<Outcome<_>>()?
        }
    };
    ensure(axes.len() == rank, || format!("axes {axes:?} of {rank}"))?;
    let shape: Vec<usize> = axes.iter().map(|&axis| data.shape[axis]).collect();
    Ok(Tensor::from_fn(shape, |index| {
        let mut from = vec![0; rank];
        for (&i, &axis) in index.iter().zip(&axes) {
            from[axis] = i;
        }
        data.at(&from)
    }))
}

/// Places `begin` to `end` (the end, if none) of an axis, counted from the end if negative.
pub(super) fn slice_axis(
    axis: i64,
    begin: i64,
    end: Option<i64>,
    data: &Tensor,
) -> Outcome<Tensor> {
    let axis = axis_of(axis, data.shape.len())?;
    let size = data.shape[axis] as i64;
    let place = |place: i64| if place < 0 { place + size } else { place };
    let (begin, end) = (place(begin), end.map_or(size, place));
    ensure(0 <= begin && begin < end && end <= size, || {
        format!("places {begin} to {end} of {size}")
    })?;
    let mut shape = data.shape.clone();
    shape[axis] = (end - begin) as usize;
    Ok(Tensor::from_fn(shape, |index| {
        let mut index = index.to_vec();
        index[axis] += begin as usize;
        data.at(&index)
    }))
}

/// The parts along a new axis.
pub(super) fn stack(axis: i64, parts: &[&Tensor]) -> Outcome<Tensor> {
    let first = parts
        .first()
        .ok_or_else(|| "nothing to stack".to_string())?;
    let at = axis_of(axis, first.shape.len() + 1)?;
    let parts = parts.iter().map(|part| expand_dims(axis, part));
    let parts: Vec<Tensor> = parts.collect::<Outcome<_>>()?;
    concat(at as i64, &parts.iter().collect::<Vec<_>>())
}

/// The parts one after the other along `dim`; their other axes agree.
pub(super) fn concat(dim: i64, parts: &[&Tensor]) -> Outcome<Tensor> {
    let first = parts.first().ok_or_else(|| "nothing to join".to_string())?;
    let dim = axis_of(dim, first.shape.len())?;
    let mut shape = first.shape.clone();
    shape[dim] = 0;
    for part in parts {
        ensure(
            part.shape.len() == shape.len()
                && (0..shape.len()).all(|axis| axis == dim || part.shape[axis] == shape[axis]),
            || format!("{:?} against {:?}", first.shape, part.shape),
        )?;
        shape[dim] += part.shape[dim];
    }
    Ok(Tensor::from_fn(shape, |index| {
        let mut index = index.to_vec();
        let mut part = 0;
        while index[dim] >= parts[part].shape[dim] {
            index[dim] -= parts[part].shape[dim];
            part += 1;
        }
        parts[part].at(&index)
    }))
}

/// `count` equal parts along `axis`, which vanishes with `squeeze` (each part then has size 1 there).
pub(super) fn slice_channel(
    count: usize,
    axis: i64,
    squeeze: bool,
    data: &Tensor,
) -> Outcome<Vec<Tensor>> {
    let axis = axis_of(axis, data.shape.len())?;
    let size = data.shape[axis];
    ensure(count > 0 && size.is_multiple_of(count), || {
        format!("{size} channels into {count} parts")
    })?;
    let mut shape = data.shape.clone();
    shape[axis] = size / count;
    ensure(!squeeze || shape[axis] == 1, || {
        format!("squeeze_axis with parts {shape:?}")
    })?;
    Ok((0..count)
        .map(|part| {
            let mut tensor = Tensor::from_fn(shape.clone(), |index| {
                let mut index = index.to_vec();
                index[axis] += part * shape[axis];
                data.at(&index)
            });
            if squeeze {
                tensor.shape.remove(axis);
            }
            tensor
        })
        .collect())
}

/// Elements from `offset` on, as `shape`.
pub(super) fn param_slice(offset: usize, shape: &[usize], data: &Tensor) -> Outcome<Tensor> {
    let end = offset + shape.iter().product::<usize>();
    match data.data.get(offset..end) {
        Some(elements) => Ok(Tensor::new(shape, elements)),
        None => Err(format!("{offset}..{end} of {} elements", data.data.len())),
    }
}
