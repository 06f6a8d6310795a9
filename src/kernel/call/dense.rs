//! Products with a matrix of weights.

use super::{Done, each_size, size};
use crate::exec::{Args, Source};
use crate::kernel::dense::{self, Dense};
use crate::kernel::rows::Strided;
use crate::optim::Optimizer;

pub fn dense_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let products = args.context.products;
    let [inputs, outputs] = each_size(args.ints()?);
    let [x, w, b, y] = args.views()?;
    Dense {
        products,
        inputs,
        outputs,
    }
    .forward(x.read(), w.read(), b.read(), y.write());
    Ok(())
}

pub fn dense_backward_data<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let products = args.context.products;
    let [inputs, outputs, first, stride] = each_size(args.ints()?);
    let [delta, w, dx] = args.views()?;
    let delta = strided(delta.read(), first, stride);
    Dense {
        products,
        inputs,
        outputs,
    }
    .backward_data(delta, w.read(), dx.write(), false);
    Ok(())
}

pub fn dense_grad<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let products = args.context.products;
    let [inputs, outputs, first, stride] = each_size(args.ints()?);
    let [delta, x0, x1, dw] = args.views()?;
    let delta = strided(delta.read(), first, stride);
    Dense {
        products,
        inputs,
        outputs,
    }
    .grad(delta, x0.read(), x1.read(), dw.write());
    Ok(())
}

pub fn dense_update<O: Optimizer, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [inputs, outputs, first, stride, param, part] = args.ints()?;
    let begun = args.begin(param, part)?;
    let products = args.context.products;
    let [delta, x0, x1, w, m] = args.views()?;
    let dense = Dense {
        products,
        inputs: size(inputs),
        outputs: size(outputs),
    };
    dense.update(
        strided(delta.read(), size(first), size(stride)),
        x0.read(),
        x1.read(),
        w.write(),
        begun.update(m),
    )?;
    Ok(())
}

pub fn bias_grad<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [outputs, first, stride] = each_size(args.ints()?);
    let [delta, db] = args.views()?;
    dense::bias_grad(strided(delta.read(), first, stride), outputs, db.write());
    Ok(())
}

pub fn bias_update<O: Optimizer, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [outputs, first, stride, param, part] = args.ints()?;
    let begun = args.begin(param, part)?;
    let [delta, b, m] = args.views()?;
    let delta = strided(delta.read(), size(first), size(stride));
    dense::bias_update(delta, size(outputs), b.write(), begun.update(m))?;
    Ok(())
}

pub(super) fn strided(values: &[f32], first: usize, stride: usize) -> Strided<'_> {
    Strided {
        values,
        first,
        stride,
    }
}
