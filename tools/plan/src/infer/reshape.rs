//! MXNet's Reshape codes: 0 keep, -1 infer, -2 all that remain, -3 merge two, -4 split into the two that follow.

use super::table::elements;
use crate::Error;

/// The shape that `codes` make of `shape`. With `reverse` both are read from the end.
///
/// Where MXNet 1.9.1 looks for the inferred axis at a wrong place (-1 after -2 or -4) this does not follow it.
pub(super) fn reshape(
    symbol: &str,
    codes: &[i64],
    reverse: bool,
    shape: &[usize],
) -> Result<Vec<usize>, Error> {
    let mut out = if reverse {
        let codes: Vec<i64> = codes.iter().rev().copied().collect();
        let shape: Vec<usize> = shape.iter().rev().copied().collect();
        forward(symbol, &codes, &shape)?
    } else {
        forward(symbol, codes, shape)?
    };
    if reverse {
        out.reverse();
    }
    if elements(symbol, &out)? != elements(symbol, shape)? {
        let what = format!("{codes:?} does not keep the number of elements");
        return Err(Error::shapes(symbol, &what, shape, &out));
    }
    Ok(out)
}

fn forward(symbol: &str, codes: &[i64], shape: &[usize]) -> Result<Vec<usize>, Error> {
    let fail = |what: String| Error::shape(symbol, &format!("Reshape {codes:?}: {what}"), shape);
    let mut source = shape.iter().copied();
    let mut codes_left = codes.iter().copied();
    let mut out = Vec::new();
    let mut inferred = None;
    while let Some(code) = codes_left.next() {
        let mut take = |what: &str| {
            source
                .next()
                .ok_or_else(|| fail(format!("no axis left to {what} in")))
        };
        match code {
            0 => out.push(take("keep")?),
            -1 => {
                if inferred.replace(out.len()).is_some() {
                    return Err(fail("only one axis can be inferred from".into()));
                }
                out.push(1);
                source.next();
            }
            -2 => out.extend(source.by_ref()),
            -3 => {
                let merged = take("merge")?.checked_mul(take("merge")?);
                out.push(merged.ok_or_else(|| fail("too large to merge:".into()))?);
            }
            -4 => {
                let whole = take("split")?;
                let parts = (codes_left.next(), codes_left.next());
                let (Some(left), Some(right)) = parts else {
                    return Err(fail("-4 needs two numbers after it for".into()));
                };
                out.extend(split(whole, left, right).ok_or_else(|| {
                    fail(format!("cannot split {whole} into {left} and {right} in"))
                })?);
            }
            code => {
                let dim =
                    usize::try_from(code).map_err(|_| fail(format!("{code} is no code for")))?;
                out.push(dim);
                source.next();
            }
        }
    }
    if let Some(at) = inferred {
        let (whole, rest) = (elements(symbol, shape)?, elements(symbol, &out)?);
        if whole % rest != 0 {
            return Err(fail(format!(
                "{whole} elements are no multiple of {rest} in"
            )));
        }
        out[at] = whole / rest;
    }
    Ok(out)
}

/// `whole` as two factors, of which one may be -1.
fn split(whole: usize, left: i64, right: i64) -> Option<[usize; 2]> {
    let known = |part: i64| usize::try_from(part).ok().filter(|&part| part > 0);
    let parts = match (left, right) {
        (-1, right) => [whole / known(right)?, known(right)?],
        (left, -1) => [known(left)?, whole / known(left)?],
        (left, right) => [known(left)?, known(right)?],
    };
    (parts[0].checked_mul(parts[1]) == Some(whole)).then_some(parts)
}
