//! Convolution and Pooling over (N, C, ..). Letters: N batch, C channels, F filters, G groups.

use super::table::Table;
use crate::Error;
use crate::symbol::{Convolution, Pooling, PoolingConvention};

/// data (N, C, ..), weight (F, C/G, kernel..)[, bias (F)]: out (N, F, ..).
pub(super) fn convolution(
    table: &mut Table,
    index: usize,
    attrs: &Convolution,
) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    if let Some(&bias) = node.inputs.get(2) {
        table.unify(bias, &[attrs.num_filter], &node.name, "bias")?;
    }
    let Some(data) = table.get(node.inputs[0]).cloned() else {
        return Ok(());
    };
    axes(&node.name, &attrs.kernel, &data)?;
    let (channels, groups) = (data[1], attrs.num_group);
    let even = |count: usize| groups > 0 && count.is_multiple_of(groups);
    if !even(channels) || !even(attrs.num_filter) {
        let what = format!(
            "{} filters in {groups} groups cannot read",
            attrs.num_filter
        );
        return Err(Error::shape(&node.name, &what, &data));
    }
    let weight = [&[attrs.num_filter, channels / groups], &attrs.kernel[..]].concat();
    table.unify(node.inputs[1], &weight, &node.name, "weight")?;
    let mut out = vec![data[0], attrs.num_filter];
    for (axis, &input) in data[2..].iter().enumerate() {
        out.push(fits(&node.name, attrs.output_len(axis, input), &data)?);
    }
    table.unify(table.output(index, 0), &out, &node.name, "output")
}

/// data (N, C, ..): out (N, C, ..).
pub(super) fn pooling(table: &mut Table, index: usize, attrs: &Pooling) -> Result<(), Error> {
    let node = &table.net.nodes[index];
    let Some(data) = table.get(node.inputs[0]).cloned() else {
        return Ok(());
    };
    match attrs.global_pool {
        true => axes(&node.name, &vec![1; data.len().saturating_sub(2)], &data)?,
        false => axes(&node.name, &attrs.kernel, &data)?,
    }
    let padded = attrs.pad.iter().any(|&pad| pad > 0);
    if attrs.pooling_convention == PoolingConvention::Same
        && !attrs.global_pool
        && (padded || attrs.kernel.len() != 1)
    {
        let what = "pooling_convention = same: one axis and no padding, as in MXNet";
        return Err(Error::symbol(&node.name, what));
    }
    // As in MXNet; a window before the first input would have nothing to take the largest of.
    if !attrs.global_pool
        && attrs
            .pad
            .iter()
            .zip(&attrs.kernel)
            .any(|(pad, kernel)| pad >= kernel)
    {
        let what = format!(
            "pad {:?} is not smaller than kernel {:?}",
            attrs.pad, attrs.kernel
        );
        return Err(Error::symbol(&node.name, what));
    }
    let mut out = data[..2].to_vec();
    for (axis, &input) in data[2..].iter().enumerate() {
        out.push(fits(&node.name, attrs.output_len(axis, input), &data)?);
    }
    table.unify(table.output(index, 0), &out, &node.name, "output")
}

/// That the data has a batch, channels, and one axis for each of a window of one or two.
fn axes(name: &str, kernel: &[usize], data: &[usize]) -> Result<(), Error> {
    if (1..=2).contains(&kernel.len()) && data.len() == kernel.len() + 2 {
        return Ok(());
    }
    let what = format!(
        "a window of {} axes (1 or 2 are possible) over",
        kernel.len()
    );
    Err(Error::shape(name, &what, data))
}

fn fits(name: &str, len: Option<usize>, data: &[usize]) -> Result<usize, Error> {
    len.ok_or_else(|| Error::shape(name, "the window does not fit into the padded data", data))
}
