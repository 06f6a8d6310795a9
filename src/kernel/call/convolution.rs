//! Convolution.

use super::{Done, each_size, size};
use crate::exec::{Args, Source};
use crate::kernel::convolution::{ChannelSums, Convolution};
use crate::kernel::window::Axis;
use crate::optim::Optimizer;
use crate::products::Products;

pub fn convolution_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let convolution = sizes(args.context.products, args.ints()?);
    let [x, w, b, y] = args.views()?;
    convolution.forward(x.read(), w.read(), b.read(), y.write());
    Ok(())
}

pub fn convolution_backward_data<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let convolution = sizes(args.context.products, args.ints()?);
    let [delta, w, dx] = args.views()?;
    convolution.backward_data(delta.read(), w.read(), dx.write());
    Ok(())
}

pub fn convolution_grad<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let convolution = sizes(args.context.products, args.ints()?);
    let [delta, x, dw] = args.views()?;
    convolution.grad(delta.read(), x.read(), dw.write());
    Ok(())
}

pub fn convolution_update<O: Optimizer, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [
        c,
        f,
        g,
        h0,
        h1,
        h2,
        h3,
        h4,
        h5,
        w0,
        w1,
        w2,
        w3,
        w4,
        w5,
        param,
        part,
    ] = args.ints()?;
    let ints = [c, f, g, h0, h1, h2, h3, h4, h5, w0, w1, w2, w3, w4, w5];
    let convolution = sizes(args.context.products, ints);
    let begun = args.begin(param, part)?;
    let [delta, x, w, m, tile] = args.views()?;
    convolution.update(
        delta.read(),
        x.read(),
        w.write(),
        tile.write(),
        begun.update(m),
    )?;
    Ok(())
}

pub fn channel_grad<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [channels, inner] = each_size(args.ints()?);
    let [delta, db] = args.views()?;
    ChannelSums { channels, inner }.grad(delta.read(), db.write());
    Ok(())
}

pub fn channel_update<O: Optimizer, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [channels, inner, param, part] = args.ints()?;
    let begun = args.begin(param, part)?;
    let [delta, b, m] = args.views()?;
    let sums = ChannelSums {
        channels: size(channels),
        inner: size(inner),
    };
    sums.update(delta.read(), b.write(), begun.update(m))?;
    Ok(())
}

pub(super) fn sizes(products: Products, ints: [u32; 15]) -> Convolution {
    let [
        channels,
        filters,
        groups,
        h0,
        h1,
        h2,
        h3,
        h4,
        h5,
        w0,
        w1,
        w2,
        w3,
        w4,
        w5,
    ] = ints;
    Convolution {
        products,
        channels: size(channels),
        filters: size(filters),
        groups: size(groups),
        height: axis([h0, h1, h2, h3, h4, h5]),
        width: axis([w0, w1, w2, w3, w4, w5]),
    }
}

/// An axis of a window from the integers of a call.
pub(super) fn axis(ints: [u32; 6]) -> Axis {
    let [input, output, kernel, stride, pad, dilate] = each_size(ints);
    Axis {
        input,
        output,
        kernel,
        stride,
        pad,
        dilate,
    }
}
