//! BatchNorm, LayerNorm and LRN.

use super::{Done, size};
use crate::exec::{Args, Source};
use crate::kernel::norm::{self, Lrn, Norm};

pub fn batch_moments<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let norm = sizes(args.ints()?);
    let [x, mean, var] = args.views()?;
    norm.batch_moments(x.read(), mean.write(), var.write());
    Ok(())
}

pub fn batch_norm_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let norm = sizes(args.ints()?);
    let math = args.context.math;
    let [gamma, beta, mean, var, y] = args.views()?;
    norm.batch_apply(
        gamma.read(),
        beta.read(),
        mean.read(),
        var.read(),
        y.write(),
        math,
    );
    Ok(())
}

pub fn batch_norm_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [axis, inner, eps, of_batch] = args.ints()?;
    let norm = sizes([axis, inner, eps]);
    let math = args.context.math;
    let [x, gamma, mean, var, dx, dgamma, dbeta] = args.views()?;
    norm.batch_backward(
        x.read(),
        gamma.read(),
        mean.read(),
        var.read(),
        dx.write(),
        dgamma.write(),
        dbeta.write(),
        of_batch != 0,
        math,
    );
    Ok(())
}

pub fn batch_norm_follow<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [momentum] = args.ints()?.map(f32::from_bits);
    let [mean, var, moving_mean, moving_var] = args.views()?;
    norm::follow(mean.read(), moving_mean.write(), momentum);
    norm::follow(var.read(), moving_var.write(), momentum);
    Ok(())
}

pub fn layer_norm_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let norm = sizes(args.ints()?);
    let math = args.context.math;
    let [x, gamma, beta, y] = args.views()?;
    norm.layer_forward(x.read(), gamma.read(), beta.read(), y.write(), math);
    Ok(())
}

pub fn layer_norm_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let norm = sizes(args.ints()?);
    let math = args.context.math;
    let [x, gamma, dx, dgamma, dbeta] = args.views()?;
    norm.layer_backward(
        x.read(),
        gamma.read(),
        dx.write(),
        dgamma.write(),
        dbeta.write(),
        math,
    );
    Ok(())
}

fn sizes([axis, inner, eps]: [u32; 3]) -> Norm {
    Norm {
        axis: size(axis),
        inner: size(inner),
        eps: f32::from_bits(eps),
    }
}

pub fn lrn_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let lrn = lrn(args.ints()?);
    let math = args.context.math;
    let [x, norm, y] = args.views()?;
    lrn.forward(x.read(), norm.write(), y.write(), math);
    Ok(())
}

pub fn lrn_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let lrn = lrn(args.ints()?);
    let math = args.context.math;
    let [x, norm, dy, products, dx] = args.views()?;
    lrn.backward(
        x.read(),
        norm.read(),
        dy.read(),
        products.write(),
        dx.write(),
        math,
    );
    Ok(())
}

fn lrn([channels, inner, nsize, alpha, beta, knorm]: [u32; 6]) -> Lrn {
    Lrn {
        channels: size(channels),
        inner: size(inner),
        nsize: size(nsize),
        alpha: f32::from_bits(alpha),
        beta: f32::from_bits(beta),
        knorm: f32::from_bits(knorm),
    }
}
