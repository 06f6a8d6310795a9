//! The norm of all gradients: each adapter is that of an update, with a sum of squares in place of the optimizer.

use core::cell::Cell;

use super::convolution::sizes;
use super::dense::strided;
use super::{Done, each_size};
use crate::arena::View;
use crate::exec::{Args, Fault, Source};
use crate::kernel::convolution::ChannelSums;
use crate::kernel::dense::{self, Dense};
use crate::kernel::embedding;
use crate::kernel::global_norm::{self, Squares};
use crate::kernel::half::{self, halves};
use crate::optim::{At, Optimizer, Overflow, States, Update};

/// Adds to the sum in `norm` what `form` does. Where a gradient is not finite the sum becomes infinite, for the check.
fn add(norm: View<'_>, form: impl FnOnce(Update<'_, Squares<'_>>) -> Result<(), Overflow>) -> Done {
    let norm = norm.write().first_mut().ok_or(Fault::Operand)?;
    let sum = Cell::new(*norm);
    let step = Squares::new(&sum).begin(At::default());
    let formed = form(Update::new(step, States::default()));
    *norm = match formed {
        Ok(()) => sum.get(),
        Err(Overflow) => f32::INFINITY,
    };
    Ok(())
}

pub fn square_norm<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [g, norm] = args.views()?;
    let norm = norm.write().first_mut().ok_or(Fault::Operand)?;
    *norm += global_norm::squares(g.read());
    Ok(())
}

pub fn pairs_norm<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [inputs, outputs, first, stride] = each_size(args.ints()?);
    let products = args.context.products;
    let [delta, x0, x1, norm] = args.views()?;
    let dense = Dense {
        products,
        inputs,
        outputs,
    };
    let norm = norm.write().first_mut().ok_or(Fault::Operand)?;
    let delta = strided(delta.read(), first, stride);
    *norm += global_norm::pairs(dense, delta, x0.read(), x1.read());
    Ok(())
}

pub fn dense_norm<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [inputs, outputs, first, stride] = each_size(args.ints()?);
    let products = args.context.products;
    let [delta, x0, x1, _w, norm, tile] = args.views()?;
    let delta = strided(delta.read(), first, stride);
    let dense = Dense {
        products,
        inputs,
        outputs,
    };
    let norm = norm.write().first_mut().ok_or(Fault::Operand)?;
    dense.grad_rows(delta, x0.read(), x1.read(), tile.write(), |g| {
        *norm += global_norm::squares(g);
    });
    Ok(())
}

pub fn dense_norm_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [inputs, outputs, first, stride] = each_size(args.ints()?);
    let products = args.context.products;
    let [delta, x0, x1, w, norm, strip] = args.views()?;
    let delta = strided(delta.read(), first, stride);
    let dense = Dense {
        products,
        inputs,
        outputs,
    };
    let (x0, x1) = (x0.read(), halves(x1.read()));
    add(norm, |update| {
        half::dense::update(dense, delta, x0, x1, w.write(), strip.write(), update)
    })
}

pub fn bias_norm<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [outputs, first, stride] = each_size(args.ints()?);
    let [delta, b, norm] = args.views()?;
    let delta = strided(delta.read(), first, stride);
    add(norm, |update| {
        dense::bias_update(delta, outputs, b.write(), update)
    })
}

pub fn convolution_norm<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let convolution = sizes(args.context.products, args.ints()?);
    let [delta, x, w, norm, tile] = args.views()?;
    add(norm, |update| {
        convolution.update(delta.read(), x.read(), w.write(), tile.write(), update)
    })
}

pub fn channel_norm<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [channels, inner] = each_size(args.ints()?);
    let [delta, b, norm] = args.views()?;
    let sums = ChannelSums { channels, inner };
    add(norm, |update| sums.update(delta.read(), b.write(), update))
}

pub fn embedding_norm<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [dim] = each_size(args.ints()?);
    let [tokens, dy, w, norm, tile] = args.views()?;
    add(norm, |update| {
        embedding::update(
            tokens.u16(),
            dy.read(),
            w.write(),
            tile.write(),
            dim,
            update,
        )
    })
}

/// gluon's `clip_global_norm`: a norm above `max_norm` scales every gradient of this update by max_norm / (norm + 1e-8).
pub fn clip_global_norm<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [max_norm] = args.ints()?.map(f32::from_bits);
    let math = args.context.math;
    let [norm] = args.views()?;
    let norm = math.sqrt(*norm.read().first().ok_or(Fault::Operand)?);
    let scale = max_norm / (norm + 1e-8);
    if scale < 1.0 {
        args.context.grad_scale = scale;
    }
    Ok(())
}
