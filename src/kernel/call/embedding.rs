//! Tables of rows.

use super::{Done, each_size, size};
use crate::exec::{Args, Source};
use crate::kernel::embedding;
use crate::optim::Optimizer;

pub fn embedding_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [dim] = each_size(args.ints()?);
    let [tokens, w, y] = args.views()?;
    embedding::forward(tokens.u16(), w.read(), y.write(), dim);
    Ok(())
}

pub fn embedding_grad<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [dim] = each_size(args.ints()?);
    let [tokens, dy, dw] = args.views()?;
    embedding::grad(tokens.u16(), dy.read(), dw.write(), dim);
    Ok(())
}

pub fn embedding_update<O: Optimizer, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [dim, param, part] = args.ints()?;
    let begun = args.begin(param, part)?;
    let [tokens, dy, w, m, tile] = args.views()?;
    embedding::update(
        tokens.u16(),
        dy.read(),
        w.write(),
        tile.write(),
        size(dim),
        begun.update(m),
    )?;
    Ok(())
}
