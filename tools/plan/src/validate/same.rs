//! Whether a program with repeated calls computes what the plain one computes: both are run on numbers that stand for
//! values. The number of a value follows from the kernel, its integers and the numbers of everything that the call read;
//! a copy is the value itself. Equal numbers are equal bits. It shares no code with the pass that repeats calls, and knows
//! nothing of lives and places.

use tinpail::plan::{Access, Kernel};

use super::Broken;
use crate::ir::{Code, Instr, Storage, View};

/// Whether `other` leaves in every persistent buffer, output and input gradient what `plain` leaves there. The buffers of
/// `plain` are the first of `other`'s.
pub fn same(plain: &Code, other: &Code) -> Result<(), Broken> {
    let (before, after) = (numbers(plain), numbers(other));
    let differs = |buffer: usize| Broken::Value {
        buffer: plain.bufs[buffer].name.clone(),
    };
    for (index, buf) in plain.bufs.iter().enumerate() {
        if buf.storage != Storage::Transient && before[index] != after[index] {
            return Err(differs(index));
        }
    }
    let pairs = plain.pinned().zip(other.pinned());
    for (view, its) in pairs {
        if of(&before, view) != of(&after, its) {
            return Err(differs(view.buf.0));
        }
    }
    match plain.pinned().count() == other.pinned().count() {
        true => Ok(()),
        false => Err(differs(0)),
    }
}

/// The numbers of all buffers after the last call.
fn numbers(code: &Code) -> Vec<Vec<u64>> {
    let start = |(index, buf): (usize, &crate::ir::Buf)| {
        let first = match buf.storage {
            // Nothing is there before it is written.
            Storage::Transient => return vec![0; buf.len],
            _ => mixed(1, index as u64),
        };
        (0..buf.len as u64).map(|at| mixed(first, at)).collect()
    };
    let mut values: Vec<Vec<u64>> = code.bufs.iter().enumerate().map(start).collect();
    for instr in &code.instrs {
        run(&mut values, instr);
    }
    values
}

fn of(values: &[Vec<u64>], view: View) -> &[u64] {
    &values[view.buf.0][view.offset..view.offset + view.len]
}

fn run(values: &mut [Vec<u64>], instr: &Instr) {
    let operands = || {
        let views = instr.operands.iter().enumerate();
        views.zip(instr.kernel.accesses())
    };
    if let (Kernel::Copy, [Some(from), Some(to)]) = (instr.kernel, instr.operands.as_slice()) {
        let copied = of(values, *from).to_vec();
        values[to.buf.0][to.offset..to.offset + to.len].copy_from_slice(&copied);
        return;
    }
    let mut read = mixed(2, instr.kernel as u64);
    for int in &instr.ints {
        read = mixed(read, u64::from(*int));
    }
    for ((position, view), access) in operands() {
        read = mixed(read, position as u64);
        if let Some(view) = view {
            read = mixed(read, view.len as u64);
            if *access != Access::Write {
                read = of(values, *view)
                    .iter()
                    .fold(read, |all, one| mixed(all, *one));
            }
        }
    }
    for ((position, view), access) in operands() {
        let (Some(view), true) = (view, *access != Access::Read) else {
            continue;
        };
        let first = mixed(read, position as u64);
        let written = &mut values[view.buf.0][view.offset..view.offset + view.len];
        for (at, value) in written.iter_mut().enumerate() {
            *value = mixed(first, at as u64);
        }
    }
}

/// A number that follows from two: the finaliser of SplitMix64 over their sum.
fn mixed(a: u64, b: u64) -> u64 {
    let mut x = a
        .rotate_left(23)
        .wrapping_add(b)
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
