//! Arithmetic on one value at a time.

use super::Done;
use crate::exec::{Args, Fault, Source};
use crate::kernel::activation::{self, Act};
use crate::kernel::{dropout as mask, elementwise, unary};

/// The operation of a Scalar call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ScalarKind {
    /// y + s
    Plus,
    /// y - s
    Minus,
    /// s - y
    RMinus,
    /// y * s
    Mul,
    /// y / s
    Div,
}

pub fn fill<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [value] = args.ints()?.map(f32::from_bits);
    let [dst] = args.views()?;
    elementwise::fill(dst.write(), value);
    Ok(())
}

pub fn add_assign<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [src, dst] = args.views()?;
    elementwise::add_assign(dst.write(), src.read());
    Ok(())
}

pub fn sub_assign<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [src, dst] = args.views()?;
    elementwise::sub_assign(dst.write(), src.read());
    Ok(())
}

pub fn mul_assign<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [src, dst] = args.views()?;
    elementwise::mul_assign(dst.write(), src.read());
    Ok(())
}

pub fn div_assign<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [src, dst] = args.views()?;
    elementwise::div_assign(dst.write(), src.read());
    Ok(())
}

pub fn select<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [when] = args.ints()?;
    let [condition, other, y] = args.views()?;
    elementwise::select(condition.read(), other.read(), y.write(), when != 0);
    Ok(())
}

pub fn exp<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let math = args.context.math;
    let [y] = args.views()?;
    unary::exp(y.write(), math);
    Ok(())
}

pub fn log<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let math = args.context.math;
    let [y] = args.views()?;
    unary::log(y.write(), math);
    Ok(())
}

pub fn sqrt<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let math = args.context.math;
    let [y] = args.views()?;
    unary::sqrt(y.write(), math);
    Ok(())
}

pub fn abs<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [y] = args.views()?;
    unary::abs(y.write());
    Ok(())
}

pub fn abs_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [x, dy] = args.views()?;
    unary::abs_backward(x.read(), dy.write());
    Ok(())
}

pub fn scalar<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    const PLUS: u32 = ScalarKind::Plus as u32;
    const MINUS: u32 = ScalarKind::Minus as u32;
    const RMINUS: u32 = ScalarKind::RMinus as u32;
    const MUL: u32 = ScalarKind::Mul as u32;
    const DIV: u32 = ScalarKind::Div as u32;
    let [kind, bits] = args.ints()?;
    let scalar = f32::from_bits(bits);
    let [y] = args.views()?;
    let y = y.write();
    match kind {
        PLUS => elementwise::plus_scalar(y, scalar),
        MINUS => elementwise::minus_scalar(y, scalar),
        RMINUS => elementwise::rminus_scalar(y, scalar),
        MUL => elementwise::mul_scalar(y, scalar),
        DIV => elementwise::div_scalar(y, scalar),
        _ => return Err(Fault::Int),
    }
    Ok(())
}

pub fn activation_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [act] = args.ints()?;
    let act = Act::from_u32(act).ok_or(Fault::Int)?;
    let math = args.context.math;
    let [y] = args.views()?;
    activation::forward(y.write(), act, math);
    Ok(())
}

pub fn activation_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [act] = args.ints()?;
    let act = Act::from_u32(act).ok_or(Fault::Int)?;
    let math = args.context.math;
    let [y, dy] = args.views()?;
    activation::backward(y.read(), dy.write(), act, math);
    Ok(())
}

pub fn dropout<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [stream, p] = args.ints()?;
    let seed = args.context.seed;
    let [y] = args.views()?;
    mask::apply(y.write(), seed, stream, f32::from_bits(p));
    Ok(())
}
