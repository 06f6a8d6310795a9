//! Recurrent layers over whole sequences.

use super::{Done, size};
use crate::exec::{Args, Fault, Source};
use crate::kernel::recurrent::{Dims, Keep, Weights};
use crate::kernel::{gru, lstm, rnn};
use crate::products::Products;

pub fn rnn_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden, kept, mode] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, keep(kept)?);
    let mode = rnn::Mode::from_u32(mode).ok_or(Fault::Int)?;
    let math = args.context.math;
    let [x, wi, bi, wh, bh, h0, sums, h] = args.views()?;
    let io = rnn::Forward {
        x: x.read(),
        weights: weights([wi.read(), bi.read(), wh.read(), bh.read()]),
        h0: h0.read(),
        sums: sums.write(),
        h: h.write(),
    };
    rnn::forward(dims, mode, math, io);
    Ok(())
}

pub fn rnn_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden, mode] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, Keep::All);
    let mode = rnn::Mode::from_u32(mode).ok_or(Fault::Int)?;
    let [dh_all, h, wh, dh, delta] = args.views()?;
    let io = rnn::Backward {
        wh: wh.read(),
        h: h.read(),
        delta: delta.write(),
        dh_all: dh_all.read(),
        dh: dh.write(),
    };
    rnn::backward(dims, mode, io);
    Ok(())
}

pub fn lstm_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden, kept] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, keep(kept)?);
    let math = args.context.math;
    let [x, wi, bi, wh, bh, h0, c0, gates, c, h] = args.views()?;
    let io = lstm::Forward {
        x: x.read(),
        weights: weights([wi.read(), bi.read(), wh.read(), bh.read()]),
        h0: h0.read(),
        c0: c0.read(),
        gates: gates.write(),
        c: c.write(),
        h: h.write(),
    };
    lstm::forward(dims, math, io);
    Ok(())
}

pub fn lstm_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, Keep::All);
    let math = args.context.math;
    let [dh_all, c, c0, wh, gates, dh, dc] = args.views()?;
    let io = lstm::Backward {
        wh: wh.read(),
        c0: c0.read(),
        c: c.read(),
        gates: gates.write(),
        dh_all: dh_all.read(),
        dh: dh.write(),
        dc: dc.write(),
    };
    lstm::backward(dims, math, io);
    Ok(())
}

pub fn gru_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden, kept] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, keep(kept)?);
    let math = args.context.math;
    let [x, wi, bi, wh, bh, h0, gates, h] = args.views()?;
    let io = gru::Forward {
        x: x.read(),
        weights: weights([wi.read(), bi.read(), wh.read(), bh.read()]),
        h0: h0.read(),
        gates: gates.write(),
        h: h.write(),
    };
    gru::forward(dims, math, io);
    Ok(())
}

pub fn gru_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [batch, inputs, hidden] = args.ints()?;
    let dims = dims(args.context.products, batch, inputs, hidden, Keep::All);
    let [dh_all, h, h0, wh, gates, dh] = args.views()?;
    let io = gru::Backward {
        wh: wh.read(),
        h0: h0.read(),
        h: h.read(),
        gates: gates.write(),
        dh_all: dh_all.read(),
        dh: dh.write(),
    };
    gru::backward(dims, io);
    Ok(())
}

pub(super) fn dims(products: Products, batch: u32, inputs: u32, hidden: u32, keep: Keep) -> Dims {
    Dims {
        products,
        batch: size(batch),
        inputs: size(inputs),
        hidden: size(hidden),
        keep,
    }
}

pub(super) fn weights([wi, bi, wh, bh]: [&[f32]; 4]) -> Weights<'_> {
    Weights { wi, bi, wh, bh }
}

/// [`Keep`] as plans store it.
pub const fn keep_number(keep: Keep) -> u32 {
    match keep {
        Keep::All => 0,
        Keep::Outputs => 1,
        Keep::Last => 2,
    }
}

pub(super) const fn keep(number: u32) -> Result<Keep, Fault> {
    match number {
        0 => Ok(Keep::All),
        1 => Ok(Keep::Outputs),
        2 => Ok(Keep::Last),
        _ => Err(Fault::Int),
    }
}
