//! Data that moves without changing.

use super::{Done, each_size};
use crate::exec::{Args, Source};
use crate::kernel::layout;

pub fn copy<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [src, dst] = args.views()?;
    layout::copy(dst.write(), src.read());
    Ok(())
}

pub fn gather<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [count, width, first, stride] = each_size(args.ints()?);
    let [src, dst] = args.views()?;
    let blocks = layout::Blocks {
        count,
        width,
        src_first: first,
        src_stride: stride,
        dst_first: 0,
        dst_stride: width,
    };
    blocks.copy(dst.write(), src.read());
    Ok(())
}

pub fn scatter<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [count, width, first, stride] = each_size(args.ints()?);
    let [src, dst] = args.views()?;
    let blocks = layout::Blocks {
        count,
        width,
        src_first: 0,
        src_stride: width,
        dst_first: first,
        dst_stride: stride,
    };
    blocks.copy(dst.write(), src.read());
    Ok(())
}

pub fn swap_axes<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [p, a, m, b, q] = each_size(args.ints()?);
    let [src, dst] = args.views()?;
    layout::SwapAxes { p, a, m, b, q }.swap(dst.write(), src.read(), false);
    Ok(())
}
