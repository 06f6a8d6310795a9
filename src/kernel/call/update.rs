//! Checks before an update, and the update of a whole parameter.

use super::Done;
use crate::exec::{Args, Fault, Source};
use crate::kernel::{compressed, finite};
use crate::optim::{Optimizer, Overflow};

impl From<Overflow> for Fault {
    fn from(Overflow: Overflow) -> Self {
        Fault::Overflow
    }
}

pub fn check_finite<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [x] = args.views()?;
    if finite::all_finite(x.read()) {
        Ok(())
    } else {
        Err(Fault::NotFinite)
    }
}

pub fn apply<O: Optimizer, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [param, part] = args.ints()?;
    let begun = args.begin(param, part)?;
    let [g, w, m] = args.views()?;
    begun.update(m).row(0, w.write(), g.read())?;
    Ok(())
}

pub fn apply_compressed<O: Optimizer, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [param, part, threshold] = args.ints()?;
    let begun = args.begin(param, part)?;
    let [g, residual, w, m] = args.views()?;
    compressed::update(
        g.read(),
        residual.write(),
        w.write(),
        f32::from_bits(threshold),
        begun.update(m),
    )?;
    Ok(())
}
