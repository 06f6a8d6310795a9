//! Softmax, losses and regressions.

use super::{Done, each_size, size};
use crate::exec::{Args, Fault, Source};
use crate::kernel::regression;
use crate::kernel::softmax::{self, Loss, Normalization, Softmax};

pub fn softmax_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [classes, inner] = each_size(args.ints()?);
    let math = args.context.math;
    let [y] = args.views()?;
    Softmax { classes, inner }.forward(y.write(), math);
    Ok(())
}

pub fn softmax_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [
        classes,
        inner,
        grad_scale,
        ignore,
        use_ignore,
        alpha,
        normalization,
    ] = args.ints()?;
    let loss = Loss {
        grad_scale: f32::from_bits(grad_scale),
        ignore_label: ignore as u16,
        use_ignore: use_ignore != 0,
        smooth_alpha: f32::from_bits(alpha),
        normalization: Normalization::from_u32(normalization).ok_or(Fault::Int)?,
    };
    let softmax = Softmax {
        classes: size(classes),
        inner: size(inner),
    };
    let [label, dx] = args.views()?;
    softmax.backward(label.u16(), dx.write(), loss);
    Ok(())
}

pub fn softmax_backward_prob<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [grad_scale] = args.ints()?.map(f32::from_bits);
    let [label, dx] = args.views()?;
    softmax::backward_prob(label.read(), dx.write(), grad_scale);
    Ok(())
}

pub fn softmax_grad<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [classes, inner] = each_size(args.ints()?);
    let [y, dy] = args.views()?;
    Softmax { classes, inner }.grad(y.read(), dy.write());
    Ok(())
}

pub fn log_softmax_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [classes, inner] = each_size(args.ints()?);
    let math = args.context.math;
    let [y] = args.views()?;
    Softmax { classes, inner }.log_forward(y.write(), math);
    Ok(())
}

pub fn log_softmax_grad<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [classes, inner] = each_size(args.ints()?);
    let math = args.context.math;
    let [y, dy] = args.views()?;
    Softmax { classes, inner }.log_grad(y.read(), dy.write(), math);
    Ok(())
}

pub fn mae_regression_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [scale] = args.ints()?.map(f32::from_bits);
    let [label, dx] = args.views()?;
    regression::mae_backward(label.read(), dx.write(), scale);
    Ok(())
}

pub fn make_loss_valid<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [grad_scale, threshold] = args.ints()?.map(f32::from_bits);
    let [x, dx] = args.views()?;
    regression::make_loss_valid(x.read(), dx.write(), grad_scale, threshold);
    Ok(())
}

pub fn linear_regression_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [scale] = args.ints()?.map(f32::from_bits);
    let [label, dx] = args.views()?;
    regression::linear_backward(label.read(), dx.write(), scale);
    Ok(())
}
