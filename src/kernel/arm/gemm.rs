//! Matrix times matrix: twenty sums side by side, those of five rows of x with four of w.

use super::gemv;
use super::text::{add, fpu, mul, zero};
use crate::kernel::blas::holds;
use crate::kernel::rows::{rows, strided_mut};

/// The sums of one tile, and where they go.
#[repr(C)]
struct Tile {
    inputs: usize,
    x: *const f32,
    w: *const f32,
    /// Not null: where there is no bias, four zeros.
    bias: *const f32,
    y: *mut f32,
    /// Bytes from a row of y to the next.
    stride: usize,
}

/// See [`gemm`](crate::kernel::blas::portable::gemm).
#[inline(never)]
pub fn gemm(
    inputs: usize,
    outputs: usize,
    x: &[f32],
    w: &[f32],
    b: &[f32],
    y: &mut [f32],
    stride: usize,
) {
    let fits = inputs
        .checked_mul(outputs)
        .is_some_and(|len| len <= w.len());
    if !fits || inputs == 0 || outputs == 0 || (!b.is_empty() && b.len() < outputs) {
        return;
    }
    let stride = stride.max(outputs);
    let (mut x, mut y) = (x, y);
    while let Some((five, rest)) = x.split_at_checked(inputs.saturating_mul(5)) {
        if !holds(y.len(), stride, 5, outputs) {
            break;
        }
        five_rows(inputs, outputs, five, w, b, y, stride);
        x = rest;
        y = y.get_mut(stride.wrapping_mul(5)..).unwrap_or(&mut []);
    }
    for (x, y) in rows(x, inputs).zip(strided_mut(y, 0, stride, outputs)) {
        gemv(inputs, x, w, b, y, false);
    }
}

/// Five rows of [`gemm`]: what it checked holds, and five rows lie in x and in y.
fn five_rows(
    inputs: usize,
    outputs: usize,
    x: &[f32],
    w: &[f32],
    b: &[f32],
    y: &mut [f32],
    stride: usize,
) {
    static NONE: [f32; 4] = [0.0; 4];
    let mut o = 0;
    while outputs - o >= 4 {
        let bias = match b.get(o..) {
            Some(bias) if !b.is_empty() => bias,
            _ => &NONE,
        };
        let tile = Tile {
            inputs,
            x: x.as_ptr(),
            w: w.as_ptr().wrapping_add(o * inputs),
            bias: bias.as_ptr(),
            y: y.as_mut_ptr().wrapping_add(o),
            stride: 4 * stride,
        };
        // SAFETY: five rows of x, four rows of w and four values of bias and of each of five rows of y from `o` on.
        unsafe { tile.run() };
        o += 4;
    }
    if o < outputs {
        let w = w.get(o * inputs..).unwrap_or(&[]);
        let b = b.get(o..).unwrap_or(&[]);
        for (x, y) in rows(x, inputs).zip(strided_mut(y, o, stride, outputs - o)) {
            gemv(inputs, x, w, b, y, false);
        }
    }
}

/// One row of x, its values in `$x`, times the four values of w beside each other.
macro_rules! row {
    ($x:literal: $a:literal $b:literal $c:literal $d:literal -> $s0:literal $s1:literal $s2:literal $s3:literal) => {
        concat!(
            mul!(30 = $x * $a, 31 = $x * $b),
            add!($s0 += 30, $s1 += 31),
            mul!(30 = $x * $c, 31 = $x * $d),
            add!($s2 += 30, $s3 += 31),
        )
    };
}

/// Two columns of the tile.
macro_rules! two_columns {
    () => {
        concat!(
            "vldmia {w0}!, {{s20-s21}}\n",
            "vldmia {w1}!, {{s22-s23}}\n",
            "vldmia {w2}!, {{s24-s25}}\n",
            "vldmia {w3}!, {{s26-s27}}\n",
            "vldmia {x0}!, {{s28-s29}}\n",
            row!(28: 20 22 24 26 -> 0 1 2 3),
            row!(29: 21 23 25 27 -> 0 1 2 3),
            "vldmia {x1}!, {{s28-s29}}\n",
            row!(28: 20 22 24 26 -> 4 5 6 7),
            row!(29: 21 23 25 27 -> 4 5 6 7),
            "vldmia {x2}!, {{s28-s29}}\n",
            row!(28: 20 22 24 26 -> 8 9 10 11),
            row!(29: 21 23 25 27 -> 8 9 10 11),
            "vldmia {x3}!, {{s28-s29}}\n",
            row!(28: 20 22 24 26 -> 12 13 14 15),
            row!(29: 21 23 25 27 -> 12 13 14 15),
            "vldmia {x4}!, {{s28-s29}}\n",
            row!(28: 20 22 24 26 -> 16 17 18 19),
            row!(29: 21 23 25 27 -> 16 17 18 19),
        )
    };
}

impl Tile {
    /// # Safety
    /// `inputs` > 0 values in each of five rows at `x` and four at `w`; four values at `bias` and in each of five rows at `y`.
    #[inline(always)]
    unsafe fn run(&self) {
        let row = |from: *const f32, at: usize| from.wrapping_add(at * self.inputs);
        // SAFETY: reads the rows to their ends, 4 and 1 values at a time, then the bias; writes four values of each row of y.
        unsafe {
            fpu!(
                zero!(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19),
                "subs {n}, {n}, #4",
                "blo 3f",
                "2:",
                two_columns!(),
                two_columns!(),
                "subs {n}, {n}, #4",
                "bhs 2b",
                "3:",
                "adds {n}, {n}, #4",
                "beq 5f",
                "4:",
                "vldmia {w0}!, {{s20}}",
                "vldmia {w1}!, {{s22}}",
                "vldmia {w2}!, {{s24}}",
                "vldmia {w3}!, {{s26}}",
                "vldmia {x0}!, {{s28}}",
                row!(28: 20 22 24 26 -> 0 1 2 3),
                "vldmia {x1}!, {{s28}}",
                row!(28: 20 22 24 26 -> 4 5 6 7),
                "vldmia {x2}!, {{s28}}",
                row!(28: 20 22 24 26 -> 8 9 10 11),
                "vldmia {x3}!, {{s28}}",
                row!(28: 20 22 24 26 -> 12 13 14 15),
                "vldmia {x4}!, {{s28}}",
                row!(28: 20 22 24 26 -> 16 17 18 19),
                "subs {n}, {n}, #1",
                "bne 4b",
                "5:",
                "ldr {w0}, [{tile}, #12]",
                "ldr {w1}, [{tile}, #16]",
                "ldr {w2}, [{tile}, #20]",
                "vldmia {w0}, {{s20-s23}}",
                add!(0 += 20, 1 += 21, 2 += 22, 3 += 23, 4 += 20, 5 += 21, 6 += 22, 7 += 23),
                add!(8 += 20, 9 += 21, 10 += 22, 11 += 23, 12 += 20, 13 += 21, 14 += 22, 15 += 23),
                add!(16 += 20, 17 += 21, 18 += 22, 19 += 23),
                "vstmia {w1}, {{s0-s3}}",
                "add {w1}, {w1}, {w2}",
                "vstmia {w1}, {{s4-s7}}",
                "add {w1}, {w1}, {w2}",
                "vstmia {w1}, {{s8-s11}}",
                "add {w1}, {w1}, {w2}",
                "vstmia {w1}, {{s12-s15}}",
                "add {w1}, {w1}, {w2}",
                "vstmia {w1}, {{s16-s19}}",
                n = inout(reg) self.inputs => _,
                x0 = inout(reg) self.x => _,
                x1 = inout(reg) row(self.x, 1) => _,
                x2 = inout(reg) row(self.x, 2) => _,
                x3 = inout(reg) row(self.x, 3) => _,
                x4 = inout(reg) row(self.x, 4) => _,
                w0 = inout(reg) self.w => _,
                w1 = inout(reg) row(self.w, 1) => _,
                w2 = inout(reg) row(self.w, 2) => _,
                w3 = inout(reg) row(self.w, 3) => _,
                tile = in(reg) self,
            );
        }
    }
}
