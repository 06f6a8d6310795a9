//! What is stored as f16.

use super::dense::strided;
use super::recurrent::{dims, keep, weights};
use super::{Done, each_size, size};
use crate::exec::{Args, Fault, Source};
use crate::kernel::dense::Dense;
use crate::kernel::half::{self, halves, halves_mut};
use crate::kernel::recurrent::Keep;
use crate::kernel::rnn;
use crate::optim::Optimizer;

pub fn to_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [src, dst] = args.views()?;
    half::narrow_all(halves_mut(dst.write()), src.read());
    Ok(())
}

pub fn from_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [first] = args.ints()?;
    let [src, dst] = args.views()?;
    let src = halves(src.read()).get(size(first)..).unwrap_or(&[]);
    half::widen_all(dst.write(), src);
    Ok(())
}

pub fn check_finite_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [x] = args.views()?;
    match half::all_finite(halves(x.read())) {
        true => Ok(()),
        false => Err(Fault::NotFinite),
    }
}

pub fn dense_grad_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [inputs, outputs, first, stride] = each_size(args.ints()?);
    let products = args.context.products;
    let [delta, x0, x1, dw, row] = args.views()?;
    half::dense::grad(
        Dense {
            products,
            inputs,
            outputs,
        },
        strided(delta.read(), first, stride),
        x0.read(),
        halves(x1.read()),
        dw.write(),
        row.write(),
    );
    Ok(())
}

pub fn dense_update_f16<O: Optimizer, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [inputs, outputs, first, stride, param, part] = args.ints()?;
    let begun = args.begin(param, part)?;
    let products = args.context.products;
    let [delta, x0, x1, w, m, strip] = args.views()?;
    let dense = Dense {
        products,
        inputs: size(inputs),
        outputs: size(outputs),
    };
    half::dense::update(
        dense,
        strided(delta.read(), size(first), size(stride)),
        x0.read(),
        halves(x1.read()),
        w.write(),
        strip.write(),
        begun.update(m),
    )?;
    Ok(())
}

pub fn rnn_backward_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden, mode] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, Keep::All);
    let mode = rnn::Mode::from_u32(mode).ok_or(Fault::Int)?;
    let [dh_all, h, wh, dh, delta] = args.views()?;
    let io = half::rnn::Backward {
        wh: wh.read(),
        stored: halves(h.read()),
        delta: delta.write(),
        dh_all: dh_all.read(),
        dh: dh.write(),
    };
    half::rnn::backward(dims, mode, io);
    Ok(())
}

pub fn lstm_forward_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden, kept] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, keep(kept)?);
    let math = args.context.math;
    let [x, wi, bi, wh, bh, h0, c0, gates, stored, c, h] = args.views()?;
    let io = half::lstm::Forward {
        x: x.read(),
        weights: weights([wi.read(), bi.read(), wh.read(), bh.read()]),
        h0: h0.read(),
        c0: c0.read(),
        gates: gates.write(),
        stored: halves_mut(stored.write()),
        c: c.write(),
        h: h.write(),
    };
    half::lstm::forward(dims, math, io);
    Ok(())
}

pub fn lstm_backward_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, Keep::All);
    let math = args.context.math;
    let [dh_all, c0, wh, gates, dh, dc] = args.views()?;
    let io = half::lstm::Backward {
        wh: wh.read(),
        c0: c0.read(),
        gates: gates.write(),
        dh_all: dh_all.read(),
        dh: dh.write(),
        dc: dc.write(),
    };
    half::lstm::backward(dims, math, io);
    Ok(())
}

pub fn gru_forward_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden, kept] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, keep(kept)?);
    let math = args.context.math;
    let [x, wi, bi, wh, bh, h0, gates, stored, h] = args.views()?;
    let io = half::gru::Forward {
        x: x.read(),
        weights: weights([wi.read(), bi.read(), wh.read(), bh.read()]),
        h0: h0.read(),
        gates: gates.write(),
        stored: halves_mut(stored.write()),
        h: h.write(),
    };
    half::gru::forward(dims, math, io);
    Ok(())
}

pub fn gru_backward_f16<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, Keep::All);
    let [dh_all, stored, h0, wh, gates, dh] = args.views()?;
    let io = half::gru::Backward {
        wh: wh.read(),
        h0: h0.read(),
        stored: halves(stored.read()),
        gates: gates.write(),
        dh_all: dh_all.read(),
        dh: dh.write(),
    };
    half::gru::backward(dims, io);
    Ok(())
}
