//! What an LSTM's cells do besides products and activations, four cells at a time; the cells that are left over in Rust.

use super::text::{each, fpu, fpu_low};
use crate::kernel::blas::portable;

/// See [`lstm_state`](portable::lstm_state).
#[inline(never)]
pub fn lstm_state([i, f, g]: [&[f32]; 3], c: &mut [f32], h: &mut [f32]) {
    let len = [i.len(), f.len(), g.len(), c.len(), h.len()];
    let fours = shortest(&len);
    if fours > 0 {
        // SAFETY: reads and writes four times `fours` values of each slice, and each is as long.
        unsafe {
            fpu_low!(
                "2:",
                "vldmia {f}!, {{s0-s3}}",
                "vldmia {c}, {{s4-s7}}",
                "vldmia {i}!, {{s8-s11}}",
                "vldmia {g}!, {{s12-s15}}",
                each!("mul": 4 0 4, 5 1 5, 6 2 6, 7 3 7),
                each!("mul": 8 8 12, 9 9 13, 10 10 14, 11 11 15),
                each!("add": 4 4 8, 5 5 9, 6 6 10, 7 7 11),
                "vstmia {c}!, {{s4-s7}}",
                "vstmia {h}!, {{s4-s7}}",
                "subs {n}, {n}, #1",
                "bne 2b",
                f = inout(reg) f.as_ptr() => _,
                i = inout(reg) i.as_ptr() => _,
                g = inout(reg) g.as_ptr() => _,
                c = inout(reg) c.as_mut_ptr() => _,
                h = inout(reg) h.as_mut_ptr() => _,
                n = inout(reg) fours => _,
            );
        }
    }
    if 4 * fours < c.len() {
        apart(|| {
            let [c, h] = [c, h].map(|all| behind_mut(all, fours));
            portable::lstm_state([i, f, g].map(|all| behind(all, fours)), c, h);
        });
    }
}

/// See [`lstm_deltas`](portable::lstm_deltas).
#[inline(never)]
pub fn lstm_deltas([c_before, t, dh]: [&[f32]; 3], [i, f, g, o]: [&mut [f32]; 4], dc: &mut [f32]) {
    let read = [c_before.len(), t.len(), dh.len()];
    let written = [i.len(), f.len(), g.len(), o.len(), dc.len()];
    let fours = shortest(&read).min(shortest(&written));
    if fours > 0 {
        // SAFETY: as in `lstm_state`.
        unsafe {
            fpu!(
                "vmov.f32 s31, #1.0",
                "2:",
                "vldmia {t}!, {{s0-s3}}",
                "vldmia {dh}!, {{s4-s7}}",
                "vldmia {o}, {{s8-s11}}",
                "vldmia {dc}, {{s12-s15}}",
                // dc + dh o (1 - t t)
                each!("mul": 16 0 0, 17 1 1, 18 2 2, 19 3 3),
                each!("mul": 20 4 8, 21 5 9, 22 6 10, 23 7 11),
                each!("sub": 16 31 16, 17 31 17, 18 31 18, 19 31 19),
                each!("mul": 20 20 16, 21 21 17, 22 22 18, 23 23 19),
                each!("add": 12 12 20, 13 13 21, 14 14 22, 15 15 23),
                // o: dh t o(1-o)
                each!("sub": 16 31 8, 17 31 9, 18 31 10, 19 31 11),
                each!("mul": 0 4 0, 1 5 1, 2 6 2, 3 7 3),
                each!("mul": 16 8 16, 17 9 17, 18 10 18, 19 11 19),
                each!("mul": 0 0 16, 1 1 17, 2 2 18, 3 3 19),
                "vstmia {o}!, {{s0-s3}}",
                "vldmia {i}, {{s0-s3}}",
                "vldmia {f}, {{s4-s7}}",
                "vldmia {g}, {{s8-s11}}",
                "vldmia {c}!, {{s16-s19}}",
                // i: dc g i(1-i)
                each!("sub": 24 31 0, 25 31 1, 26 31 2, 27 31 3),
                each!("mul": 20 12 8, 21 13 9, 22 14 10, 23 15 11),
                each!("mul": 24 0 24, 25 1 25, 26 2 26, 27 3 27),
                each!("mul": 20 20 24, 21 21 25, 22 22 26, 23 23 27),
                "vstmia {i}!, {{s20-s23}}",
                // g: dc i (1 - g g)
                each!("mul": 24 8 8, 25 9 9, 26 10 10, 27 11 11),
                each!("mul": 20 12 0, 21 13 1, 22 14 2, 23 15 3),
                each!("sub": 24 31 24, 25 31 25, 26 31 26, 27 31 27),
                each!("mul": 20 20 24, 21 21 25, 22 22 26, 23 23 27),
                "vstmia {g}!, {{s20-s23}}",
                // f: dc c' f(1-f)
                each!("sub": 24 31 4, 25 31 5, 26 31 6, 27 31 7),
                each!("mul": 20 12 16, 21 13 17, 22 14 18, 23 15 19),
                each!("mul": 24 4 24, 25 5 25, 26 6 26, 27 7 27),
                each!("mul": 20 20 24, 21 21 25, 22 22 26, 23 23 27),
                "vstmia {f}!, {{s20-s23}}",
                each!("mul": 12 12 4, 13 13 5, 14 14 6, 15 15 7),
                "vstmia {dc}!, {{s12-s15}}",
                "subs {n}, {n}, #1",
                "bne 2b",
                c = inout(reg) c_before.as_ptr() => _,
                t = inout(reg) t.as_ptr() => _,
                dh = inout(reg) dh.as_ptr() => _,
                i = inout(reg) i.as_mut_ptr() => _,
                f = inout(reg) f.as_mut_ptr() => _,
                g = inout(reg) g.as_mut_ptr() => _,
                o = inout(reg) o.as_mut_ptr() => _,
                dc = inout(reg) dc.as_mut_ptr() => _,
                n = inout(reg) fours => _,
            );
        }
    }
    if 4 * fours < dc.len() {
        apart(|| {
            let read = [c_before, t, dh].map(|all| behind(all, fours));
            let gates = [i, f, g, o].map(|all| behind_mut(all, fours));
            portable::lstm_deltas(read, gates, behind_mut(dc, fours));
        });
    }
}

/// Whole fours in every one of so many values.
#[inline(always)]
fn shortest(lens: &[usize]) -> usize {
    lens.iter().fold(usize::MAX, |least, len| least.min(*len)) / 4
}

#[inline(always)]
fn behind(values: &[f32], fours: usize) -> &[f32] {
    values.get(4 * fours..).unwrap_or(&[])
}

#[inline(always)]
fn behind_mut(values: &mut [f32], fours: usize) -> &mut [f32] {
    values.get_mut(4 * fours..).unwrap_or(&mut [])
}

/// What is left over, in a function of its own: it costs nothing where there is nothing.
#[inline(never)]
fn apart(left_over: impl FnOnce()) {
    left_over();
}
