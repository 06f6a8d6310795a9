//! Convolution and Pooling.

use super::attrs::Attrs;
use super::ops::choice;
use super::write::{Set, differs, flag, tuple};
use crate::Error;
use crate::symbol::{Convolution, PoolType, Pooling, PoolingConvention};

pub(super) fn convolution(attrs: &mut Attrs) -> Result<Convolution, Error> {
    attrs.only("layout", &["NCW", "NCHW"])?;
    for tuning in ["workspace", "cudnn_tune", "cudnn_off"] {
        attrs.skip(tuning);
    }
    let kernel = kernel(attrs)?;
    Ok(Convolution {
        num_filter: attrs.size("num_filter")?,
        stride: per_axis(attrs, "stride", kernel.len())?,
        pad: per_axis(attrs, "pad", kernel.len())?,
        dilate: per_axis(attrs, "dilate", kernel.len())?,
        num_group: attrs.optional_size("num_group")?.unwrap_or(1),
        no_bias: attrs.flag("no_bias")?,
        kernel,
    })
}

fn kernel(attrs: &mut Attrs) -> Result<Vec<usize>, Error> {
    let kernel = attrs.optional_dims("kernel")?.unwrap_or_default();
    match kernel.len() {
        1 | 2 => Ok(kernel),
        _ => {
            let what =
                format!("kernel = {kernel:?}: only windows of one or two axes are supported");
            Err(Error::symbol(attrs.node(), what))
        }
    }
}

/// One number for each axis of the kernel; none if the attribute is left out or empty.
fn per_axis(attrs: &mut Attrs, key: &str, axes: usize) -> Result<Vec<usize>, Error> {
    let numbers = attrs.optional_dims(key)?.unwrap_or_default();
    if numbers.is_empty() || numbers.len() == axes {
        return Ok(numbers);
    }
    let what = format!("{key} = {numbers:?} for a kernel of {axes} axes");
    Err(Error::symbol(attrs.node(), what))
}

pub(super) fn pooling(attrs: &mut Attrs) -> Result<Pooling, Error> {
    attrs.only("layout", &["NCW", "NCHW"])?;
    attrs.skip("cudnn_off");
    // Some files have the numbers of the values in place of their names.
    let types = [
        ("max", 0),
        ("avg", 1),
        ("sum", 2),
        ("lp", 3),
        ("0", 0),
        ("1", 1),
        ("2", 2),
        ("3", 3),
    ];
    let pool_type = attrs.optional_text("pool_type")?;
    let pool_type = choice(
        attrs,
        "pool_type",
        pool_type.as_deref().unwrap_or("max"),
        &types,
    )?;
    let p_value = attrs.optional_int("p_value")?;
    let conventions = [
        ("valid", PoolingConvention::Valid),
        ("full", PoolingConvention::Full),
        ("same", PoolingConvention::Same),
        ("0", PoolingConvention::Valid),
        ("1", PoolingConvention::Full),
        ("2", PoolingConvention::Same),
    ];
    let convention = attrs.optional_text("pooling_convention")?;
    let pooling_convention = choice(
        attrs,
        "pooling_convention",
        convention.as_deref().unwrap_or("valid"),
        &conventions,
    )?;
    let global_pool = attrs.flag("global_pool")?;
    let kernel = match global_pool {
        // Whatever is there does not count.
        true => attrs.optional_dims("kernel")?.unwrap_or_default(),
        false => kernel(attrs)?,
    };
    Ok(Pooling {
        pool_type: match (pool_type, p_value) {
            (0, _) => PoolType::Max,
            (1, _) => PoolType::Avg,
            (2, _) => PoolType::Sum,
            (_, Some(p @ 1..=3)) => PoolType::Lp(p as u32),
            _ => {
                let what = format!("p_value = {p_value:?}: only 1, 2 and 3 are possible");
                return Err(Error::symbol(attrs.node(), what));
            }
        },
        stride: per_axis(attrs, "stride", kernel.len())?,
        pad: per_axis(attrs, "pad", kernel.len())?,
        kernel,
        global_pool,
        pooling_convention,
        count_include_pad: attrs.optional_bool("count_include_pad")?.unwrap_or(true),
    })
}

/// Axes of a window, where they are not the default.
fn axes(set: &mut Set<'_>, key: &'static str, numbers: &[usize]) {
    if !numbers.is_empty() {
        set(key, tuple(numbers));
    }
}

pub(super) fn write_convolution(set: &mut Set<'_>, attrs: &Convolution) {
    set("kernel", tuple(&attrs.kernel));
    set("num_filter", attrs.num_filter.to_string());
    axes(set, "stride", &attrs.stride);
    axes(set, "pad", &attrs.pad);
    axes(set, "dilate", &attrs.dilate);
    differs(set, "num_group", attrs.num_group, 1);
    flag(set, "no_bias", attrs.no_bias);
}

pub(super) fn write_pooling(set: &mut Set<'_>, attrs: &Pooling) {
    let pool_type = match attrs.pool_type {
        PoolType::Max => "max",
        PoolType::Avg => "avg",
        PoolType::Sum => "sum",
        PoolType::Lp(p) => {
            set("p_value", p.to_string());
            "lp"
        }
    };
    set("pool_type", pool_type.into());
    axes(set, "kernel", &attrs.kernel);
    axes(set, "stride", &attrs.stride);
    axes(set, "pad", &attrs.pad);
    flag(set, "global_pool", attrs.global_pool);
    match attrs.pooling_convention {
        PoolingConvention::Valid => {}
        PoolingConvention::Full => set("pooling_convention", "full".into()),
        PoolingConvention::Same => set("pooling_convention", "same".into()),
    }
    if !attrs.count_include_pad {
        set("count_include_pad", "False".into());
    }
}
