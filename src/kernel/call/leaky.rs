//! LeakyReLU and its relatives.

use super::{Done, each_size};
use crate::exec::{Args, Source};
use crate::kernel::leaky::{self, Elu, Prelu};

pub fn leaky_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [slope] = args.ints()?.map(f32::from_bits);
    let [y] = args.views()?;
    leaky::leaky_forward(y.write(), slope);
    Ok(())
}

pub fn leaky_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [slope] = args.ints()?.map(f32::from_bits);
    let [y, dy] = args.views()?;
    leaky::leaky_backward(y.read(), dy.write(), slope);
    Ok(())
}

pub fn elu_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [alpha, scale] = args.ints()?.map(f32::from_bits);
    let math = args.context.math;
    let [y] = args.views()?;
    Elu { alpha, scale }.forward(y.write(), math);
    Ok(())
}

pub fn elu_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [alpha, scale] = args.ints()?.map(f32::from_bits);
    let [y, dy] = args.views()?;
    Elu { alpha, scale }.backward(y.read(), dy.write());
    Ok(())
}

pub fn gelu_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let math = args.context.math;
    let [y] = args.views()?;
    leaky::gelu_forward(y.write(), math);
    Ok(())
}

pub fn gelu_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let math = args.context.math;
    let [x, dy] = args.views()?;
    leaky::gelu_backward(x.read(), dy.write(), math);
    Ok(())
}

pub fn prelu_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [channels, inner] = each_size(args.ints()?);
    let [gamma, y] = args.views()?;
    Prelu { channels, inner }.forward(gamma.read(), y.write());
    Ok(())
}

pub fn prelu_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [channels, inner] = each_size(args.ints()?);
    let [x, gamma, dy] = args.views()?;
    Prelu { channels, inner }.backward(x.read(), gamma.read(), dy.write());
    Ok(())
}

pub fn prelu_gamma_grad<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [channels, inner] = each_size(args.ints()?);
    let [x, dy, dgamma] = args.views()?;
    Prelu { channels, inner }.gamma_grad(x.read(), dy.read(), dgamma.write());
    Ok(())
}
