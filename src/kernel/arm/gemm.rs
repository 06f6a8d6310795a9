//! Matrix times matrix: twenty sums side by side, those of five rows of x with four of w.

use super::gemv;
use super::text::{NO_BIAS, ZEROS, add, either, fma, fpu, mul};
use crate::kernel::rows::{rows, strided_mut};
use crate::products::MulAdd;

/// Tiles of five rows of x by four of w, and where their sums go.
#[repr(C)]
struct Tiles {
    inputs: usize,
    x: *const f32,
    /// Tiles that are left.
    left: usize,
    /// Not null: where there is no bias, four of what changes nothing.
    bias: *const f32,
    y: *mut f32,
    /// Bytes from a row of y to the next.
    stride: usize,
    /// Bytes from a tile's bias to the next.
    bias_step: usize,
    zeros: *const [f32; 20],
}

/// See [`gemm`](crate::kernel::blas::portable::gemm).
#[inline(never)]
pub fn gemm<P: MulAdd>(
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
    // Rows that both have.
    let in_y = match y.len().checked_sub(outputs) {
        Some(last) => last / stride + 1,
        None => 0,
    };
    let count = in_y.min(x.len() / inputs);
    let mut at = 0;
    while at < count {
        // Four rows that are left over take longer one by one than with the one before them, whose sums come out as they are.
        if count - at == 4 && at > 0 {
            at -= 1;
        }
        let (Some(x), Some(y)) = (x.get(at * inputs..), y.get_mut(at * stride..)) else {
            return;
        };
        match x.get(..5 * inputs) {
            Some(five) if count - at >= 5 => {
                five_rows::<P>(inputs, outputs, five, w, b, y, stride);
                at += 5;
            }
            _ => {
                let Some(y) = y.get_mut(..outputs) else {
                    return;
                };
                gemv::<P>(inputs, x, w, b, y, false);
                at += 1;
            }
        }
    }
}

/// Five rows of [`gemm`]: what it checked holds, and five rows lie in x and in y.
fn five_rows<P: MulAdd>(
    inputs: usize,
    outputs: usize,
    x: &[f32],
    w: &[f32],
    b: &[f32],
    y: &mut [f32],
    stride: usize,
) {
    let o = outputs & !3;
    if o > 0 {
        let (bias, bias_step) = if b.is_empty() {
            (&NO_BIAS[..], 0)
        } else {
            (b, 16)
        };
        let mut tiles = Tiles {
            inputs,
            x: x.as_ptr(),
            left: o / 4,
            bias: bias.as_ptr(),
            y: y.as_mut_ptr(),
            stride: 4 * stride,
            bias_step,
            zeros: &ZEROS,
        };
        // SAFETY: five rows of x, and for each tile four rows of w and four values of bias and of each of five rows of y.
        unsafe { tiles.run::<P>(w.as_ptr()) };
    }
    if o < outputs {
        let w = w.get(o * inputs..).unwrap_or(&[]);
        let b = b.get(o..).unwrap_or(&[]);
        for (x, y) in rows(x, inputs).zip(strided_mut(y, o, stride, outputs - o)) {
            gemv::<P>(inputs, x, w, b, y, false);
        }
    }
}

/// One row of x, its values in `$x`, times the four values of w beside each other.
macro_rules! row {
    ($x:literal: $a:literal $b:literal $c:literal $d:literal -> $s0:literal $s1:literal $s2:literal $s3:literal) => {
        either!(
            separate: [
                mul!(30 = $x * $a, 31 = $x * $b),
                add!($s0 += 30, $s1 += 31),
                mul!(30 = $x * $c, 31 = $x * $d),
                add!($s2 += 30, $s3 += 31)
            ],
            fused: [fma!($s0 += $x * $a, $s1 += $x * $b, $s2 += $x * $c, $s3 += $x * $d)]
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

impl Tiles {
    /// # Safety
    /// `inputs` > 0 values in each of five rows at `x`; for each tile that is left, one at least, as many in each of four rows at `w`, and
    /// four values at `bias` and in each of five rows at `y`.
    /// Never inlined: LLVM would have it several times.
    #[inline(never)]
    unsafe fn run<P: MulAdd>(&mut self, w: *const f32) {
        // SAFETY: reads the rows to their ends, 4 and 1 values at a time, then the bias; writes four values of each row of y. The
        // last row of a tile ends where the next tile begins.
        unsafe {
            fpu!(
                "1:",
                "ldr {w1}, [{tiles}, #28]",
                "ldr {n}, [{tiles}]",
                "vldmia {w1}, {{s0-s19}}",
                "ldr {x0}, [{tiles}, #4]",
                "add {x1}, {x0}, {n}, lsl #2",
                "add {x2}, {x1}, {n}, lsl #2",
                "add {x3}, {x2}, {n}, lsl #2",
                "add {x4}, {x3}, {n}, lsl #2",
                "add {w1}, {w0}, {n}, lsl #2",
                "add {w2}, {w1}, {n}, lsl #2",
                "add {w3}, {w2}, {n}, lsl #2",
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
                "ldr {x0}, [{tiles}, #12]",
                "ldr {x1}, [{tiles}, #16]",
                "ldr {x2}, [{tiles}, #20]",
                "ldr {x3}, [{tiles}, #24]",
                "ldr {n}, [{tiles}, #8]",
                "vldmia {x0}, {{s20-s23}}",
                "add {x0}, {x0}, {x3}",
                "str {x0}, [{tiles}, #12]",
                "add {x0}, {x1}, #16",
                "str {x0}, [{tiles}, #16]",
                add!(0 += 20, 1 += 21, 2 += 22, 3 += 23, 4 += 20, 5 += 21, 6 += 22, 7 += 23),
                add!(8 += 20, 9 += 21, 10 += 22, 11 += 23, 12 += 20, 13 += 21, 14 += 22, 15 += 23),
                add!(16 += 20, 17 += 21, 18 += 22, 19 += 23),
                "vstmia {x1}, {{s0-s3}}",
                "add {x1}, {x1}, {x2}",
                "vstmia {x1}, {{s4-s7}}",
                "add {x1}, {x1}, {x2}",
                "vstmia {x1}, {{s8-s11}}",
                "add {x1}, {x1}, {x2}",
                "vstmia {x1}, {{s12-s15}}",
                "add {x1}, {x1}, {x2}",
                "vstmia {x1}, {{s16-s19}}",
                "mov {w0}, {w3}",
                "subs {n}, {n}, #1",
                "str {n}, [{tiles}, #8]",
                "bne 1b",
                n = out(reg) _,
                x0 = out(reg) _,
                x1 = out(reg) _,
                x2 = out(reg) _,
                x3 = out(reg) _,
                x4 = out(reg) _,
                w0 = inout(reg) w => _,
                w1 = out(reg) _,
                w2 = out(reg) _,
                w3 = out(reg) _,
                tiles = in(reg) &mut *self,
                fused = const P::FUSED as u32,
            );
        }
    }
}
