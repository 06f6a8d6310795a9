//! Convolution and Pooling over (N, C, ..), for any number of window axes.

use tinpail_plan::symbol::{Convolution, PoolType, Pooling};

use super::{Outcome, ensure};
use crate::Tensor;
use crate::frozen::Branches;
use crate::tensor::indices;

/// The number of `axis`, or `default` where none are given.
fn number(numbers: &[usize], axis: usize, default: usize) -> usize {
    numbers.get(axis).copied().unwrap_or(default)
}

fn check(kernel: &[usize], data: &Tensor) -> Outcome<()> {
    ensure(data.shape.len() == kernel.len() + 2, || {
        format!("kernel {kernel:?} over {:?}", data.shape)
    })
}

/// y[n, f, o] = b[f] + the sum over the group's channels c and taps k of w[f, c, k] x[n, c, o stride + k dilate - pad],
/// x being 0 in the padding.
pub(super) fn convolution(
    attrs: &Convolution,
    data: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Outcome<Tensor> {
    check(&attrs.kernel, data)?;
    let groups = attrs.num_group;
    let channels = data.shape[1] / groups;
    let shape = [&[attrs.num_filter, channels], &attrs.kernel[..]].concat();
    ensure(weight.shape == shape, || {
        format!("weight {:?}, not {shape:?}", weight.shape)
    })?;
    let mut out = vec![data.shape[0], attrs.num_filter];
    for (axis, &kernel) in attrs.kernel.iter().enumerate() {
        let reach = number(&attrs.dilate, axis, 1) * (kernel - 1) + 1;
        let padded = data.shape[2 + axis] + 2 * number(&attrs.pad, axis, 0);
        ensure(reach <= padded, || {
            format!("window of {reach} over {padded}")
        })?;
        out.push((padded - reach) / number(&attrs.stride, axis, 1) + 1);
    }
    let per_group = attrs.num_filter / groups;
    Ok(Tensor::from_fn(out, |at| {
        let (n, f) = (at[0], at[1]);
        let mut sum = bias.map_or(0.0, |bias| bias.data[f]);
        for tap in indices(&shape[1..]) {
            let mut index = vec![n, f / per_group * channels + tap[0]];
            for (axis, &k) in tap[1..].iter().enumerate() {
                let at = at[2 + axis] * number(&attrs.stride, axis, 1)
                    + k * number(&attrs.dilate, axis, 1);
                match at.checked_sub(number(&attrs.pad, axis, 0)) {
                    Some(at) if at < data.shape[2 + axis] => index.push(at),
                    _ => break,
                }
            }
            if index.len() == data.shape.len() {
                let tap = [&[f][..], &tap].concat();
                sum += weight.at(&tap) * data.at(&index);
            }
        }
        sum
    }))
}

/// Each window's largest value (of equal ones the first), mean, sum, or (sum x^p)^(1/p). A window is cut to the padded
/// input, whose padding counts for the mean with `count_include_pad`; a window without inputs gives the least f32, or 0.
pub(super) fn pooling(attrs: &Pooling, data: &Tensor, branches: &mut Branches) -> Outcome<Tensor> {
    let spatial = &data.shape[2..];
    if !attrs.global_pool {
        check(&attrs.kernel, data)?;
    }
    let mut out = data.shape[..2].to_vec();
    for (axis, &input) in spatial.iter().enumerate() {
        out.push(
            attrs
                .output_len(axis, input)
                .ok_or_else(|| format!("{attrs:?} over {:?}", data.shape))?,
        );
    }
    Ok(Tensor::from_fn(out, |at| {
        let mut size = 1;
        let mut ranges = Vec::new();
        for (axis, &input) in spatial.iter().enumerate() {
            let (kernel, stride, pad) = attrs.window(axis, input).unwrap_or((input, 1, 0));
            let start = at[2 + axis] * stride;
            let end = (start + kernel).min(input + 2 * pad);
            size *= end.saturating_sub(start);
            let clip = |at: usize| at.clamp(pad, pad + input) - pad;
            ranges.push((clip(start), clip(end)));
        }
        let lens: Vec<usize> = ranges.iter().map(|(start, end)| end - start).collect();
        let values: Vec<f64> = indices(&lens)
            .map(|inner| {
                let moved = inner.iter().zip(&ranges).map(|(i, (start, _))| i + start);
                let index: Vec<usize> = at[..2].iter().copied().chain(moved).collect();
                data.at(&index)
            })
            .collect();
        if values.is_empty() {
            return match attrs.pool_type {
                PoolType::Max => f32::MIN.into(),
                _ => 0.0,
            };
        }
        let sum: f64 = values.iter().sum();
        match attrs.pool_type {
            PoolType::Max => values[1..].iter().fold(values[0], |most, &x| {
                if branches.positive(x - most) { x } else { most }
            }),
            PoolType::Avg if attrs.count_include_pad => sum / size as f64,
            PoolType::Avg => sum / values.len() as f64,
            PoolType::Sum | PoolType::Lp(1) => sum,
            PoolType::Lp(2) => values.iter().map(|x| x * x).sum::<f64>().sqrt(),
            PoolType::Lp(p) => {
                let power = |x: &f64| x.powi(p as i32);
                let sum: f64 = values.iter().map(power).sum();
                sum.signum() * sum.abs().powf(1.0 / f64::from(p))
            }
        }
    }))
}
