//! Axes, counted from the front or, if negative, from the end.

use crate::Error;

/// `axis` as an index below `rank`.
pub(super) fn axis(symbol: &str, axis: i64, shape: &[usize]) -> Result<usize, Error> {
    index(axis, shape.len())
        .ok_or_else(|| Error::shape(symbol, &format!("no axis {axis} in"), shape))
}

/// `axis` as an index below `rank`, if there is one.
pub(crate) fn index(axis: i64, rank: usize) -> Option<usize> {
    let rank_i = i64::try_from(rank).ok()?;
    let from_front = if axis < 0 {
        axis.checked_add(rank_i)?
    } else {
        axis
    };
    usize::try_from(from_front)
        .ok()
        .filter(|&index| index < rank)
}

/// `shape` with axes of 1 before it, up to `rank` axes.
pub(crate) fn aligned(shape: &[usize], rank: usize) -> Vec<usize> {
    let mut aligned = vec![1; rank.saturating_sub(shape.len())];
    aligned.extend_from_slice(shape);
    aligned
}

/// Which axis of `shape` each axis of a transpose is; no `axes`: all in reverse.
pub(crate) fn permutation(
    symbol: &str,
    axes: &[i64],
    shape: &[usize],
) -> Result<Vec<usize>, Error> {
    if axes.is_empty() {
        return Ok((0..shape.len()).rev().collect());
    }
    let mut order = Vec::with_capacity(axes.len());
    for &a in axes {
        let at = axis(symbol, a, shape)?;
        if order.contains(&at) {
            return Err(Error::symbol(symbol, format!("axis {a} is given twice")));
        }
        order.push(at);
    }
    if order.len() != shape.len() {
        let what = format!("transpose of axes {axes:?} of");
        return Err(Error::shape(symbol, &what, shape));
    }
    Ok(order)
}

/// The axis of a slice and the places that it takes of it.
pub(crate) fn slice(
    symbol: &str,
    along: i64,
    begin: i64,
    end: Option<i64>,
    shape: &[usize],
) -> Result<(usize, std::ops::Range<usize>), Error> {
    let at = axis(symbol, along, shape)?;
    let size = shape[at];
    // The end is one beyond the last place.
    let place = |place: i64| index(place, size).or((place == size as i64).then_some(size));
    let range = place(begin)
        .zip(end.map_or(Some(size), place))
        .filter(|(begin, end)| begin < end);
    match range {
        Some((begin, end)) => Ok((at, begin..end)),
        None => {
            let end = end.map_or("the end".to_string(), |end| end.to_string());
            let what = format!("no places from {begin} to {end} on axis {along} of");
            Err(Error::shape(symbol, &what, shape))
        }
    }
}

/// The shape of a mean or a sum of `shape` over `axes` (none: all).
pub(super) fn reduced(
    symbol: &str,
    axes: &[i64],
    keepdims: bool,
    shape: &[usize],
) -> Result<Vec<usize>, Error> {
    let mut reduced = vec![axes.is_empty(); shape.len()];
    for &a in axes {
        let index = axis(symbol, a, shape)?;
        if reduced[index] {
            return Err(Error::symbol(symbol, format!("axis {a} is given twice")));
        }
        reduced[index] = true;
    }
    let of_axis = |(&dim, &reduced): (&usize, &bool)| match (reduced, keepdims) {
        (false, _) => Some(dim),
        (true, true) => Some(1),
        (true, false) => None,
    };
    let out: Vec<usize> = shape.iter().zip(&reduced).filter_map(of_axis).collect();
    // MXNet's scalars have the shape (1,).
    Ok(if out.is_empty() { vec![1] } else { out })
}

/// The shape of `parts` joined along `dim`.
pub(super) fn concat(symbol: &str, dim: i64, parts: &[&Vec<usize>]) -> Result<Vec<usize>, Error> {
    let first = parts[0];
    let dim = axis(symbol, dim, first)?;
    let mut out = first.clone();
    for part in &parts[1..] {
        let same = |i: usize| i == dim || part[i] == first[i];
        if part.len() != first.len() || !(0..first.len()).all(same) {
            let what = format!("parts differ beside axis {dim}");
            return Err(Error::shapes(symbol, &what, first, part));
        }
        out[dim] = out[dim].saturating_add(part[dim]);
    }
    Ok(out)
}
