//! Matrix times vector: eight sums side by side.

use core::ptr;

use super::text::{ZEROS, add, either, fma, fpu, mul, step, step_of_two, zero};
use crate::products::MulAdd;

/// What the sums of tiles become, and what each tile begins with.
#[repr(C)]
struct Store {
    y: *mut f32,
    /// Null for none.
    bias: *const f32,
    /// Not 0 to add to `y`.
    add: usize,
    /// Tiles that are left.
    tiles: usize,
    x: *const f32,
    inputs: usize,
    zeros: *const [f32; 20],
}

/// See [`gemv`](crate::kernel::blas::portable::gemv).
#[inline]
pub fn gemv<P: MulAdd>(inputs: usize, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32], add: bool) {
    product::<P>(inputs, x, w, b, &mut [y], add);
}

/// See [`gemv_two`](crate::kernel::blas::portable::gemv_two).
#[inline]
pub fn gemv_two<P: MulAdd>(
    inputs: usize,
    x: &[f32],
    w: &[f32],
    b: &[f32],
    y: &mut [f32],
    then: &mut [f32],
) {
    product::<P>(inputs, x, w, b, &mut [y, then], true);
}

/// The products that go to the first of `parts`, and those behind them, which are stored in the others.
#[inline(always)]
fn product<P: MulAdd>(
    inputs: usize,
    x: &[f32],
    w: &[f32],
    b: &[f32],
    parts: &mut [&mut [f32]],
    add: bool,
) {
    // Parts do not overlap: their lengths add up to less than the address space.
    let outputs = parts
        .iter()
        .fold(0usize, |sum, part| sum.wrapping_add(part.len()));
    let fits = inputs
        .checked_mul(outputs)
        .is_some_and(|len| len <= w.len());
    if !fits || inputs == 0 || x.len() < inputs || (!b.is_empty() && b.len() < outputs) {
        return;
    }
    let mut store = Store {
        y: ptr::null_mut(),
        bias: if b.is_empty() {
            ptr::null()
        } else {
            b.as_ptr()
        },
        add: add.into(),
        tiles: 0,
        x: x.as_ptr(),
        inputs,
        zeros: &ZEROS,
    };
    // SAFETY: x has `inputs` values, w `inputs` for each of the `outputs` of the parts, and b (if there is one) a value for each.
    unsafe { store.sums::<P>(w.as_ptr(), parts) };
}

impl Store {
    /// # Safety
    /// `inputs` > 0 values at `x`; for each value of `parts` as many at `w`, and one at `bias` if that is not null.
    #[inline(never)]
    unsafe fn sums<P: MulAdd>(&mut self, mut w: *const f32, parts: &mut [&mut [f32]]) {
        for part in parts {
            self.y = part.as_mut_ptr();
            // SAFETY: the caller's; each block of assembly uses up a row of w, and a value of y and bias, for each output.
            unsafe {
                self.tiles = part.len() / 8;
                if self.tiles > 0 {
                    w = eights::<P>(w, self);
                }
                self.tiles = part.len() % 8;
                if self.tiles > 0 {
                    w = ones::<P>(w, self);
                }
            }
            self.add = 0;
        }
    }
}

/// Four columns of four rows, loaded into s16 to s31, join their sums: one of each row in turn.
macro_rules! four_rows {
    ($w0:literal $w1:literal $w2:literal $w3:literal, $a:literal $b:literal $c:literal $d:literal: $x0:literal $x1:literal $x2:literal $x3:literal) => {
        concat!(
            "vldmia ",
            $w0,
            "!, {{s16-s19}}\n",
            "vldmia ",
            $w1,
            "!, {{s20-s23}}\n",
            "vldmia ",
            $w2,
            "!, {{s24-s27}}\n",
            "vldmia ",
            $w3,
            "!, {{s28-s31}}\n",
            fma!(
                $a += 16 * $x0,
                $b += 20 * $x0,
                $c += 24 * $x0,
                $d += 28 * $x0
            ),
            fma!(
                $a += 17 * $x1,
                $b += 21 * $x1,
                $c += 25 * $x1,
                $d += 29 * $x1
            ),
            fma!(
                $a += 18 * $x2,
                $b += 22 * $x2,
                $c += 26 * $x2,
                $d += 30 * $x2
            ),
            fma!(
                $a += 19 * $x3,
                $b += 23 * $x3,
                $c += 27 * $x3,
                $d += 31 * $x3
            ),
        )
    };
}

/// `tiles` > 0 times eight rows of w times x; gives the row after them, and moves `y` and `bias` behind theirs.
///
/// # Safety
/// `inputs` > 0 values at `x`; for each tile eight times as many at `w`, eight at `y` and `bias`.
#[inline(always)]
unsafe fn eights<P: MulAdd>(w: *const f32, store: &mut Store) -> *const f32 {
    let (mut w, mut y) = (w, store.y);
    // SAFETY: reads x and the eight rows to their ends, `inputs` values each, 8, 4 and 1 at a time; then bias and y, and writes y.
    // Row 7 ends where the next tile begins.
    unsafe {
        fpu!(
            "1:",
            "ldrd {n}, {x}, [{store}, #20]",
            "add {w1}, {w0}, {n}, lsl #2",
            "add {w2}, {w1}, {n}, lsl #2",
            "add {w3}, {w2}, {n}, lsl #2",
            "add {w4}, {w3}, {n}, lsl #2",
            "add {w5}, {w4}, {n}, lsl #2",
            "add {w6}, {w5}, {n}, lsl #2",
            "add {w7}, {w6}, {n}, lsl #2",
            "vldmia {x}, {{s0-s7}}",
            "ldr {x}, [{store}, #16]",
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "vldmia {x}!, {{s8-s15}}",
            either!(
                separate: [
                    "vldmia {w0}!, {{s16-s23}}\n",
                    "vldmia {w1}!, {{s24-s31}}\n",
                    step_of_two!(0, 1: 16 24 * 8, 17 25 * 9, 18 26 * 10, 19 27 * 11, 20 28 * 12, 21 29 * 13, 22 30 * 14, 23 31 * 15),
                    "vldmia {w2}!, {{s16-s23}}\n",
                    "vldmia {w3}!, {{s24-s31}}\n",
                    step_of_two!(2, 3: 16 24 * 8, 17 25 * 9, 18 26 * 10, 19 27 * 11, 20 28 * 12, 21 29 * 13, 22 30 * 14, 23 31 * 15),
                    "vldmia {w4}!, {{s16-s23}}\n",
                    "vldmia {w5}!, {{s24-s31}}\n",
                    step_of_two!(4, 5: 16 24 * 8, 17 25 * 9, 18 26 * 10, 19 27 * 11, 20 28 * 12, 21 29 * 13, 22 30 * 14, 23 31 * 15),
                    "vldmia {w6}!, {{s16-s23}}\n",
                    "vldmia {w7}!, {{s24-s31}}\n",
                    step_of_two!(6, 7: 16 24 * 8, 17 25 * 9, 18 26 * 10, 19 27 * 11, 20 28 * 12, 21 29 * 13, 22 30 * 14, 23 31 * 15),
                ],
                // Four sums side by side: the chain of additions is what a fused sum waits for.
                fused: [
                    four_rows!("{w0}" "{w1}" "{w2}" "{w3}", 0 1 2 3: 8 9 10 11),
                    four_rows!("{w0}" "{w1}" "{w2}" "{w3}", 0 1 2 3: 12 13 14 15),
                    four_rows!("{w4}" "{w5}" "{w6}" "{w7}", 4 5 6 7: 8 9 10 11),
                    four_rows!("{w4}" "{w5}" "{w6}" "{w7}", 4 5 6 7: 12 13 14 15),
                ]
            ),
            "subs {n}, {n}, #8",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 6f",
            "tst {n}, #4",
            "beq 4f",
            "vldmia {x}!, {{s8-s11}}",
            either!(
                separate: [
                    "vldmia {w0}!, {{s16-s19}}\n",
                    "vldmia {w1}!, {{s24-s27}}\n",
                    step_of_two!(0, 1: 16 24 * 8, 17 25 * 9, 18 26 * 10, 19 27 * 11),
                    "vldmia {w2}!, {{s16-s19}}\n",
                    "vldmia {w3}!, {{s24-s27}}\n",
                    step_of_two!(2, 3: 16 24 * 8, 17 25 * 9, 18 26 * 10, 19 27 * 11),
                    "vldmia {w4}!, {{s16-s19}}\n",
                    "vldmia {w5}!, {{s24-s27}}\n",
                    step_of_two!(4, 5: 16 24 * 8, 17 25 * 9, 18 26 * 10, 19 27 * 11),
                    "vldmia {w6}!, {{s16-s19}}\n",
                    "vldmia {w7}!, {{s24-s27}}\n",
                    step_of_two!(6, 7: 16 24 * 8, 17 25 * 9, 18 26 * 10, 19 27 * 11),
                ],
                fused: [
                    four_rows!("{w0}" "{w1}" "{w2}" "{w3}", 0 1 2 3: 8 9 10 11),
                    four_rows!("{w4}" "{w5}" "{w6}" "{w7}", 4 5 6 7: 8 9 10 11),
                ]
            ),
            "4:",
            "ands {n}, {n}, #3",
            "beq 6f",
            "5:",
            "vldmia {x}!, {{s8}}",
            "vldmia {w0}!, {{s16}}",
            "vldmia {w1}!, {{s17}}",
            "vldmia {w2}!, {{s18}}",
            "vldmia {w3}!, {{s19}}",
            "vldmia {w4}!, {{s20}}",
            "vldmia {w5}!, {{s21}}",
            "vldmia {w6}!, {{s22}}",
            "vldmia {w7}!, {{s23}}",
            step!(
                0 += 16 * 8 by 16, 1 += 17 * 8 by 17, 2 += 18 * 8 by 18, 3 += 19 * 8 by 19,
                4 += 20 * 8 by 20, 5 += 21 * 8 by 21, 6 += 22 * 8 by 22, 7 += 23 * 8 by 23
            ),
            "subs {n}, {n}, #1",
            "bne 5b",
            "6:",
            "ldrd {w0}, {n}, [{store}, #4]",
            "cmp {w0}, #0",
            "beq 7f",
            "vldmia {w0}!, {{s8-s15}}",
            "str {w0}, [{store}, #4]",
            add!(0 += 8, 1 += 9, 2 += 10, 3 += 11, 4 += 12, 5 += 13, 6 += 14, 7 += 15),
            "7:",
            "cmp {n}, #0",
            "beq 8f",
            "vldmia {y}, {{s8-s15}}",
            add!(0 += 8, 1 += 9, 2 += 10, 3 += 11, 4 += 12, 5 += 13, 6 += 14, 7 += 15),
            "8:",
            "vstmia {y}!, {{s0-s7}}",
            "ldr {n}, [{store}, #12]",
            "mov {w0}, {w7}",
            "subs {n}, {n}, #1",
            "str {n}, [{store}, #12]",
            "bne 1b",
            x = out(reg) _,
            n = out(reg) _,
            w0 = inout(reg) w,
            w1 = out(reg) _,
            w2 = out(reg) _,
            w3 = out(reg) _,
            w4 = out(reg) _,
            w5 = out(reg) _,
            w6 = out(reg) _,
            w7 = out(reg) _,
            y = inout(reg) y,
            store = in(reg) &raw mut *store,
            fused = const P::FUSED as u32,
        );
    }
    store.y = y;
    w
}

/// As [`eights`], tiles of one row.
///
/// # Safety
/// As there, with one row in place of eight.
#[inline(always)]
unsafe fn ones<P: MulAdd>(w: *const f32, store: &mut Store) -> *const f32 {
    let mut w = w;
    // SAFETY: reads x and each row to their ends, then bias and y, and writes y.
    unsafe {
        fpu!(
            "1:",
            "ldrd {x}, {n}, [{store}, #16]",
            zero!(0),
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "vldmia {x}!, {{s8-s15}}",
            "vldmia {w}!, {{s16-s23}}",
            either!(
                separate: [
                    mul!(16 = 16 * 8, 17 = 17 * 9),
                    add!(0 += 16),
                    mul!(18 = 18 * 10),
                    add!(0 += 17),
                    mul!(19 = 19 * 11),
                    add!(0 += 18),
                    mul!(20 = 20 * 12),
                    add!(0 += 19),
                    mul!(21 = 21 * 13),
                    add!(0 += 20),
                    mul!(22 = 22 * 14),
                    add!(0 += 21),
                    mul!(23 = 23 * 15),
                    add!(0 += 22),
                    "subs {n}, {n}, #8\n",
                    add!(0 += 23),
                ],
                fused: [
                    fma!(0 += 16 * 8, 0 += 17 * 9, 0 += 18 * 10, 0 += 19 * 11, 0 += 20 * 12, 0 += 21 * 13, 0 += 22 * 14),
                    "subs {n}, {n}, #8\n",
                    fma!(0 += 23 * 15),
                ]
            ),
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "vldmia {x}!, {{s8}}",
            "vldmia {w}!, {{s16}}",
            either!(
                separate: [mul!(16 = 16 * 8), "subs {n}, {n}, #1\n", add!(0 += 16)],
                fused: ["subs {n}, {n}, #1\n", fma!(0 += 16 * 8)]
            ),
            "bne 4b",
            "5:",
            "ldrd {x}, {n}, [{store}]",
            "cmp {n}, #0",
            "beq 6f",
            "vldmia {n}!, {{s8}}",
            "str {n}, [{store}, #4]",
            add!(0 += 8),
            "6:",
            "ldr {n}, [{store}, #8]",
            "cmp {n}, #0",
            "beq 7f",
            "vldr s8, [{x}]",
            add!(0 += 8),
            "7:",
            "vstmia {x}!, {{s0}}",
            "str {x}, [{store}]",
            "ldr {n}, [{store}, #12]",
            "subs {n}, {n}, #1",
            "str {n}, [{store}, #12]",
            "bne 1b",
            x = out(reg) _,
            n = out(reg) _,
            w = inout(reg) w,
            store = in(reg) &raw mut *store,
            fused = const P::FUSED as u32,
        );
    }
    w
}
