//! Pooling.

use super::Done;
use super::convolution::axis;
use crate::exec::{Args, Fault, Source};
use crate::kernel::pooling::{Divisor, Pooling, Power};

pub fn max_pool_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let pooling = sizes(args.ints()?);
    let [x, y] = args.views()?;
    pooling.max_forward(x.read(), y.write());
    Ok(())
}

pub fn max_pool_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let pooling = sizes(args.ints()?);
    let [x, dy, dx] = args.views()?;
    pooling.max_backward(x.read(), dy.read(), dx.write());
    Ok(())
}

pub fn average_pool_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let (pooling, divisor) = with_last(args.ints()?);
    let divisor = Divisor::from_u32(divisor).ok_or(Fault::Int)?;
    let [x, y] = args.views()?;
    pooling.average_forward(x.read(), y.write(), divisor);
    Ok(())
}

pub fn average_pool_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let (pooling, divisor) = with_last(args.ints()?);
    let divisor = Divisor::from_u32(divisor).ok_or(Fault::Int)?;
    let [dy, dx] = args.views()?;
    pooling.average_backward(dy.read(), dx.write(), divisor);
    Ok(())
}

pub fn lp_pool_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let (pooling, power) = with_last(args.ints()?);
    let power = Power::from_u32(power).ok_or(Fault::Int)?;
    let math = args.context.math;
    let [x, y] = args.views()?;
    pooling.lp_forward(x.read(), y.write(), power, math);
    Ok(())
}

pub fn lp_pool_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let (pooling, power) = with_last(args.ints()?);
    let power = Power::from_u32(power).ok_or(Fault::Int)?;
    let math = args.context.math;
    let [x, dy, dx] = args.views()?;
    pooling.lp_backward(x.read(), dy.read(), dx.write(), power, math);
    Ok(())
}

fn sizes([h0, h1, h2, h3, h4, w0, w1, w2, w3, w4]: [u32; 10]) -> Pooling {
    Pooling {
        height: axis([h0, h1, h2, h3, h4, 1]),
        width: axis([w0, w1, w2, w3, w4, 1]),
    }
}

fn with_last([h0, h1, h2, h3, h4, w0, w1, w2, w3, w4, last]: [u32; 11]) -> (Pooling, u32) {
    (sizes([h0, h1, h2, h3, h4, w0, w1, w2, w3, w4]), last)
}
