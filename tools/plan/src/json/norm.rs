//! BatchNorm, LayerNorm and LRN.

use super::attrs::Attrs;
use super::write::{Set, differs, flag, float};
use crate::Error;
use crate::symbol::{BatchNorm, LayerNorm, Lrn};

pub(super) fn batch_norm(attrs: &mut Attrs) -> Result<BatchNorm, Error> {
    attrs.refuse("output_mean_var")?;
    attrs.skip("cudnn_off");
    attrs.refuse_any("min_calib_range")?;
    attrs.refuse_any("max_calib_range")?;
    let default = BatchNorm::default();
    Ok(BatchNorm {
        eps: attrs.optional_float("eps")?.unwrap_or(default.eps),
        momentum: attrs
            .optional_float("momentum")?
            .unwrap_or(default.momentum),
        fix_gamma: attrs
            .optional_bool("fix_gamma")?
            .unwrap_or(default.fix_gamma),
        use_global_stats: attrs.flag("use_global_stats")?,
        axis: attrs.optional_int("axis")?.unwrap_or(default.axis),
    })
}

pub(super) fn layer_norm(attrs: &mut Attrs) -> Result<LayerNorm, Error> {
    attrs.refuse("output_mean_var")?;
    let default = LayerNorm::default();
    Ok(LayerNorm {
        axis: attrs.optional_int("axis")?.unwrap_or(default.axis),
        eps: attrs.optional_float("eps")?.unwrap_or(default.eps),
    })
}

pub(super) fn lrn(attrs: &mut Attrs) -> Result<Lrn, Error> {
    let default = Lrn::new(attrs.size("nsize")?);
    Ok(Lrn {
        alpha: attrs.optional_float("alpha")?.unwrap_or(default.alpha),
        beta: attrs.optional_float("beta")?.unwrap_or(default.beta),
        knorm: attrs.optional_float("knorm")?.unwrap_or(default.knorm),
        ..default
    })
}

/// A number, where it is not the default.
fn number(set: &mut Set<'_>, key: &'static str, value: f32, default: f32) {
    if value != default {
        set(key, float(value));
    }
}

pub(super) fn write_batch_norm(set: &mut Set<'_>, attrs: &BatchNorm) {
    let default = BatchNorm::default();
    number(set, "eps", attrs.eps, default.eps);
    number(set, "momentum", attrs.momentum, default.momentum);
    if !attrs.fix_gamma {
        set("fix_gamma", "False".into());
    }
    flag(set, "use_global_stats", attrs.use_global_stats);
    differs(set, "axis", attrs.axis, default.axis);
}

pub(super) fn write_layer_norm(set: &mut Set<'_>, attrs: &LayerNorm) {
    let default = LayerNorm::default();
    differs(set, "axis", attrs.axis, default.axis);
    number(set, "eps", attrs.eps, default.eps);
}

pub(super) fn write_lrn(set: &mut Set<'_>, attrs: &Lrn) {
    let default = Lrn::new(attrs.nsize);
    set("nsize", attrs.nsize.to_string());
    number(set, "alpha", attrs.alpha, default.alpha);
    number(set, "beta", attrs.beta, default.beta);
    number(set, "knorm", attrs.knorm, default.knorm);
}
