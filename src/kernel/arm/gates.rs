//! The loops of [`own`](crate::math::own): four values a turn, two side by side, so that no result is needed by the very next instruction. 2^k is made
//! by a conversion to a fixed-point number of 23 fraction bits, which is the exponent moved to its place.

use super::text::{each, fpu};
use crate::kernel::rows::rows;
use crate::math::own::{DROP, LIFT, LN2, PER_LN2, ROUND, SERIES, SIGMOID, TANH};

/// What a loop keeps in s18 to s31.
#[repr(C)]
struct Constants {
    high: f32,
    low: f32,
    per_ln2: f32,
    round: f32,
    /// What the number with k in its lowest bits is larger by than 2^k's exponent.
    exponent: f32,
    ln2: [f32; 2],
    series: [f32; 5],
    drop: f32,
    one: f32,
}

static OF_SIGMOID: Constants = Constants {
    high: SIGMOID[1],
    low: SIGMOID[0],
    per_ln2: PER_LN2,
    round: ROUND,
    exponent: ROUND - (127 + LIFT) as f32,
    ln2: LN2,
    series: SERIES,
    drop: DROP,
    one: 1.0,
};

static OF_TANH: Constants = Constants {
    high: TANH,
    low: -TANH,
    per_ln2: 2.0 * PER_LN2,
    round: ROUND,
    exponent: ROUND - 127.0,
    ln2: LN2,
    series: SERIES,
    drop: 1.0,
    one: 1.0,
};

/// See [`own::sigmoid_all`](crate::math::own::sigmoid_all).
#[inline(never)]
pub fn sigmoid_all(values: &mut [f32]) {
    each_four(values, sigmoid_fours);
}

/// See [`own::tanh_all`](crate::math::own::tanh_all).
#[inline(never)]
pub fn tanh_all(values: &mut [f32]) {
    each_four(values, tanh_fours);
}

#[inline(always)]
fn each_four(values: &mut [f32], fours: fn(&mut [[f32; 4]])) {
    match values.as_chunks_mut::<4>() {
        (tiles, []) => fours(tiles),
        (tiles, last) => {
            fours(tiles);
            left_over(last, fours);
        }
    }
}

/// The values that are left over go through a tile of their own.
#[inline(never)]
fn left_over(values: &mut [f32], fours: fn(&mut [[f32; 4]])) {
    let mut tile = [0.0; 4];
    for (to, from) in tile.iter_mut().zip(values.iter()) {
        *to = *from;
    }
    fours(core::slice::from_mut(&mut tile));
    for (to, from) in values.iter_mut().zip(tile) {
        *to = from;
    }
}

/// Where `x` is greater (`gt`) or less (`mi`) than the constant, it becomes that; NaN is neither.
macro_rules! limit {
    ($($x:literal $when:literal $constant:literal),*) => {
        concat!($(
            "vcmp.f32 s", $x, ", s", $constant, "\n",
            "vmrs APSR_nzcv, fpscr\n",
            "it ", $when, "\n",
            "vmov", $when, ".f32 s", $x, ", s", $constant, "\n",
        )*)
    };
}

/// Bit 31 of `sum` is set, and N, if the four values have one that is not between -2 and 2: bit 30 of a float says so.
macro_rules! look_for_large {
    ($sum:literal) => {
        concat!(
            "orr ",
            $sum,
            ", r0, r1\n",
            "orr ",
            $sum,
            ", ",
            $sum,
            ", r2\n",
            "orr ",
            $sum,
            ", ",
            $sum,
            ", r3\n",
            "lsls ",
            $sum,
            ", ",
            $sum,
            ", #1\n",
        )
    };
}

/// k of x in s6 and s7, 2^k in s4 and s5 by its exponent.
macro_rules! power {
    ($x:literal, $y:literal) => {
        concat!(
            each!("mul": 4 $x 20, 5 $y 20),
            each!("add": 4 4 21, 5 5 21),
            each!("sub": 6 4 21, 7 5 21),
            each!("sub": 4 4 22, 5 5 22),
            "vcvt.u32.f32 s4, s4, #23\n",
            "vcvt.u32.f32 s5, s5, #23\n",
        )
    };
}

/// m of k ln 2 - x in s12 and s13.
macro_rules! minus_one {
    ($x:literal, $y:literal) => {
        concat!(
            each!("mul": 8 6 23, 9 7 23),
            each!("mul": 6 6 24, 7 7 24),
            each!("sub": 8 8 $x, 9 9 $y),
            each!("add": 8 8 6, 9 9 7),
            each!("mul": 10 8 8, 11 9 9),
            each!("mul": 12 8 26, 13 9 26),
            each!("mul": 14 8 28, 15 9 28),
            each!("mul": 16 10 29, 17 11 29),
            each!("add": 14 14 27, 15 15 27),
            each!("add": 12 12 25, 13 13 25),
            each!("add": 14 14 16, 15 15 17),
            each!("mul": 14 14 10, 15 15 11),
            each!("add": 12 12 14, 13 13 15),
            each!("mul": 12 12 10, 13 13 11),
            each!("add": 12 12 8, 13 13 9),
        )
    };
}

/// Two values of `own::sigmoid`, which lie within its limits.
macro_rules! sigmoid {
    ($x:literal, $y:literal) => {
        concat!(
            power!($x, $y),
            each!("mul": 4 4 30, 5 5 30),
            minus_one!($x, $y),
            each!("add": 6 4 31, 7 5 31),
            each!("sub": 8 6 31, 9 7 31),
            each!("sub": 8 4 8, 9 5 9),
            each!("add": 12 12 8, 13 13 9),
            each!("add": 6 6 12, 7 7 13),
            each!("div": $x 4 6, $y 5 7),
        )
    };
}

/// Two values of `own::tanh`: their absolute values within its limit, and their bits in core registers.
macro_rules! tanh {
    ($x:literal $x_bits:literal, $y:literal $y_bits:literal) => {
        concat!(
            power!($x, $y),
            each!("add": $x $x $x, $y $y $y),
            minus_one!($x, $y),
            each!("sub": 6 4 31, 7 5 31),
            each!("add": 8 4 31, 9 5 31),
            each!("sub": 6 6 12, 7 7 13),
            each!("add": 8 8 12, 9 9 13),
            each!("div": $x 6 8, $y 7 9),
            "cmp ", $x_bits, ", #0\n",
            "it mi\n",
            "vnegmi.f32 s", $x, ", s", $x, "\n",
            "cmp ", $y_bits, ", #0\n",
            "it mi\n",
            "vnegmi.f32 s", $y, ", s", $y, "\n",
        )
    };
}

/// s0 to s3, whose bits are in r0 to r3, become their tanh.
macro_rules! four_tanh {
    ($large:literal) => {
        concat!(
            look_for_large!($large),
            "vabs.f32 s0, s0\n",
            "vabs.f32 s1, s1\n",
            "vabs.f32 s2, s2\n",
            "vabs.f32 s3, s3\n",
            "bpl 3f\n",
            limit!(0 "gt" 18, 1 "gt" 18, 2 "gt" 18, 3 "gt" 18),
            "3:\n",
            tanh!(0 "r0", 1 "r1"),
            tanh!(2 "r2", 3 "r3"),
        )
    };
}

#[inline(never)]
fn sigmoid_fours(tiles: &mut [[f32; 4]]) {
    if tiles.is_empty() {
        return;
    }
    // SAFETY: reads the constants and reads and writes the tiles, of which there is one at least.
    unsafe {
        fpu!(
            "vldmia {constants}, {{s18-s31}}",
            "2:",
            "ldm {x}, {{r0-r3}}",
            "vldmia {x}, {{s0-s3}}",
            look_for_large!("r0"),
            "bpl 3f",
            limit!(0 "gt" 18, 1 "gt" 18, 2 "gt" 18, 3 "gt" 18),
            limit!(0 "mi" 19, 1 "mi" 19, 2 "mi" 19, 3 "mi" 19),
            "3:",
            sigmoid!(0, 1),
            sigmoid!(2, 3),
            "vstmia {x}!, {{s0-s3}}",
            "subs {n}, {n}, #1",
            "bne 2b",
            constants = in(reg) &OF_SIGMOID,
            x = inout(reg) tiles.as_mut_ptr() => _,
            n = inout(reg) tiles.len() => _,
            out("r0") _,
            out("r1") _,
            out("r2") _,
            out("r3") _,
        );
    }
}

#[inline(never)]
fn tanh_fours(tiles: &mut [[f32; 4]]) {
    if tiles.is_empty() {
        return;
    }
    // SAFETY: as in `sigmoid_fours`.
    unsafe {
        fpu!(
            "vldmia {constants}, {{s18-s31}}",
            "2:",
            "ldm {x}, {{r0-r3}}",
            "vldmia {x}, {{s0-s3}}",
            four_tanh!("{large}"),
            "vstmia {x}!, {{s0-s3}}",
            "subs {n}, {n}, #1",
            "bne 2b",
            constants = in(reg) &OF_TANH,
            large = out(reg) _,
            x = inout(reg) tiles.as_mut_ptr() => _,
            n = inout(reg) tiles.len() => _,
            out("r0") _,
            out("r1") _,
            out("r2") _,
            out("r3") _,
        );
    }
}

/// See [`gru_cell`](crate::kernel::blas::gru_cell): one pass for the gates, and one for the rest.
#[inline(never)]
pub fn gru_cell(gates: &mut [f32], h: &mut [f32]) {
    let hidden = h.len();
    let fours = hidden / 4;
    let Some(r_z) = gates.get_mut(..2 * hidden) else {
        return;
    };
    sigmoid_all(r_z);
    if gates.len() < 4 * hidden {
        return;
    }
    let (gates_at, h_at) = (gates.as_mut_ptr(), h.as_mut_ptr());
    // SAFETY: the gates are four times `hidden` values, and h `hidden`.
    unsafe { cells(fours, gates_at, hidden, h_at) };
    if 4 * fours < hidden {
        last_cells(4 * fours, gates, h);
    }
}

/// The cells from `from` on, of which there are at most three, go through tiles of their own.
#[inline(never)]
fn last_cells(from: usize, gates: &mut [f32], h: &mut [f32]) {
    let hidden = h.len();
    let mut tiles = [[0.0; 4]; 4];
    let mut last_h = [0.0; 4];
    for (tile, gate) in tiles.iter_mut().zip(rows(gates, hidden)) {
        let values = gate.iter().skip(from);
        tile.iter_mut()
            .zip(values)
            .for_each(|(to, from)| *to = *from);
    }
    let values = h.iter().skip(from);
    last_h
        .iter_mut()
        .zip(values)
        .for_each(|(to, from)| *to = *from);
    // SAFETY: four tiles of four values, and four of h.
    unsafe {
        cells(
            1,
            tiles.as_flattened_mut().as_mut_ptr(),
            4,
            last_h.as_mut_ptr(),
        )
    };
    let [_, _, n, _] = tiles;
    let values = gates.iter_mut().skip(2 * hidden + from);
    values
        .zip(n)
        .take(hidden - from)
        .for_each(|(to, from)| *to = from);
    let values = h.iter_mut().skip(from);
    values.zip(last_h).for_each(|(to, from)| *to = from);
}

/// n and h of four times `fours` cells, after the sigmoid of r and z.
///
/// # Safety
/// r, z, n and q at `gates`, `hidden` values each, and `hidden` at `h`; `hidden` is four times `fours` at least.
#[inline(never)]
unsafe fn cells(fours: usize, gates: *mut f32, hidden: usize, h: *mut f32) {
    if fours == 0 {
        return;
    }
    // SAFETY: reads the constants and what the caller vouches for, and writes n and h.
    unsafe {
        fpu!(
            "vldmia {large}, {{s18-s31}}",
            "2:",
            "vldmia {r}!, {{s4-s7}}",
            "vldmia {q}!, {{s8-s11}}",
            "vldmia {y}, {{s0-s3}}",
            each!("mul": 4 4 8, 5 5 9, 6 6 10, 7 7 11),
            each!("add": 0 0 4, 1 1 5, 2 2 6, 3 3 7),
            "vmov r0, r1, s0, s1",
            "vmov r2, r3, s2, s3",
            four_tanh!("{large}"),
            "vldmia {z}!, {{s4-s7}}",
            "vldmia {h}, {{s8-s11}}",
            "vstmia {y}!, {{s0-s3}}",
            each!("sub": 12 31 4, 13 31 5, 14 31 6, 15 31 7),
            each!("mul": 8 4 8, 9 5 9, 10 6 10, 11 7 11),
            each!("mul": 12 12 0, 13 13 1, 14 14 2, 15 15 3),
            each!("add": 12 12 8, 13 13 9, 14 14 10, 15 15 11),
            "vstmia {h}!, {{s12-s15}}",
            "subs {n}, {n}, #1",
            "bne 2b",
            large = inout(reg) &OF_TANH => _,
            n = inout(reg) fours => _,
            r = inout(reg) gates => _,
            z = inout(reg) gates.wrapping_add(hidden) => _,
            y = inout(reg) gates.wrapping_add(2 * hidden) => _,
            q = inout(reg) gates.wrapping_add(3 * hidden) => _,
            h = inout(reg) h => _,
            out("r0") _,
            out("r1") _,
            out("r2") _,
            out("r3") _,
        );
    }
}
