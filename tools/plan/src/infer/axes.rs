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

/// The shape of a mean of `shape` over `axes` (none: all).
pub(super) fn mean(
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
