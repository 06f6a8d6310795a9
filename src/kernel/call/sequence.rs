//! Along the time steps of a batch.

use super::{Done, each_size, size};
use crate::exec::{Args, Source};
use crate::kernel::reduce;
use crate::kernel::sequence::Sequence;

pub fn sequence_last_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let sequence = sequence(args.ints()?);
    let [x, lengths, y] = args.views()?;
    sequence.last_forward(x.read(), lengths.u16(), y.write());
    Ok(())
}

pub fn sequence_last_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let sequence = sequence(args.ints()?);
    let [dy, lengths, dx] = args.views()?;
    sequence.last_backward(dy.read(), lengths.u16(), dx.write(), false);
    Ok(())
}

pub fn sequence_mask<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [steps, batch, channels, axis, value] = args.ints()?;
    let sequence = sequence([steps, batch, channels, axis]);
    let [lengths, y] = args.views()?;
    sequence.mask(y.write(), lengths.u16(), f32::from_bits(value));
    Ok(())
}

pub fn sequence_reverse<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let sequence = sequence(args.ints()?);
    let [x, lengths, y] = args.views()?;
    sequence.reverse(x.read(), lengths.u16(), y.write());
    Ok(())
}

fn sequence([steps, batch, channels, axis]: [u32; 4]) -> Sequence {
    Sequence {
        steps: size(steps),
        batch: size(batch),
        channels: size(channels),
        batch_major: axis != 0,
    }
}

pub fn mean_forward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [axis, inner] = each_size(args.ints()?);
    let [x, y] = args.views()?;
    reduce::Mean { axis, inner }.forward(x.read(), y.write());
    Ok(())
}

pub fn sum<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [axis, inner] = each_size(args.ints()?);
    let [x, y] = args.views()?;
    reduce::Sum { axis, inner }.forward(x.read(), y.write());
    Ok(())
}

pub fn repeat<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [axis, inner] = each_size(args.ints()?);
    let [x, y] = args.views()?;
    reduce::Sum { axis, inner }.repeat(x.read(), y.write());
    Ok(())
}

pub fn mean_backward<O, S: Source>(args: &mut Args<'_, '_, O, S>) -> Done {
    let [axis, inner] = each_size(args.ints()?);
    let [dy, dx] = args.views()?;
    reduce::Mean { axis, inner }.backward(dy.read(), dx.write(), false);
    Ok(())
}
