//! Matrix, transposed, times vector: sixteen columns side by side.

use super::text::{ZEROS, add, either, fma, fpu, mul, step};
use crate::kernel::blas::Matrix;
use crate::products::MulAdd;

/// See [`gemv_transposed`](crate::kernel::blas::portable::gemv_transposed).
#[inline(never)]
pub fn gemv_transposed<P: MulAdd>(factors: &[f32], w: Matrix<'_>, y: &mut [f32], add: bool) {
    let (rows, width) = (factors.len(), y.len());
    if rows == 0 && !add {
        y.fill(0.0);
    }
    if rows == 0 || w.stride < width || !w.holds(rows, width) {
        return;
    }
    let y = y.as_mut_ptr();
    let mut columns = Columns {
        w: w.values.as_ptr(),
        stride: w.stride.wrapping_mul(4),
        factors: factors.as_ptr(),
        rows,
        before: if add { y.cast_const() } else { ZEROS.as_ptr() },
        moves: add.into(),
        y,
    };
    // SAFETY: w has `rows` rows of `width` values, `stride` apart, and each call takes as many of the columns as it says.
    unsafe {
        columns.sixteens::<P>(width / 16);
        columns.fours::<P>(width % 16 / 4);
        columns.ones::<P>(width % 4);
    }
}

/// The columns of [`gemv_transposed`] that are left.
struct Columns {
    w: *const f32,
    /// From a row of w to the next, in bytes.
    stride: usize,
    factors: *const f32,
    /// At least one.
    rows: usize,
    /// What sums begin with: y, or zeros for all of them.
    before: *const f32,
    /// 1 if `before` moves with y, else 0.
    moves: usize,
    y: *mut f32,
}

/// One row of [`Columns::sixteens`]: its sixteen values times the factor join the sums.
macro_rules! row_of_sixteen {
    ($($factor:literal),*) => {
        concat!($(
            "vldmia {w}!, {{s16-s23}}\n",
            step!(
                0 += 16 * $factor by 16, 1 += 17 * $factor by 17, 2 += 18 * $factor by 18, 3 += 19 * $factor by 19,
                4 += 20 * $factor by 20, 5 += 21 * $factor by 21, 6 += 22 * $factor by 22, 7 += 23 * $factor by 23
            ),
            "vldmia {w}!, {{s16-s23}}\n",
            "add {w}, {w}, {gap}\n",
            step!(
                8 += 16 * $factor by 16, 9 += 17 * $factor by 17, 10 += 18 * $factor by 18, 11 += 19 * $factor by 19,
                12 += 20 * $factor by 20, 13 += 21 * $factor by 21, 14 += 22 * $factor by 22, 15 += 23 * $factor by 23
            ),
        )*)
    };
}

/// The block of assembly that loops over groups of columns, around the loop over rows; `$sums` are a group's registers, `$width` its bytes.
macro_rules! groups {
    ($columns:ident, $groups:ident: $sums:literal, $width:literal, [$($rows:tt)*], $($operand:ident = $value:expr),*) => {
        fpu!(
            concat!(
                "1:\n",
                "vldmia {before}, {{", $sums, "}}\n",
                "mov {w}, {columns}\n",
                "mov {at}, {factors}\n",
                "mov {n}, {rows}\n",
                $($rows)*
                "vstmia {y}!, {{", $sums, "}}\n",
                "add {before}, {before}, {moves}\n",
                "add {columns}, {columns}, #", $width, "\n",
                "subs {groups}, {groups}, #1\n",
                "bne 1b\n",
            ),
            w = out(reg) _,
            at = out(reg) _,
            n = out(reg) _,
            columns = inout(reg) $columns.w,
            factors = in(reg) $columns.factors,
            rows = in(reg) $columns.rows,
            before = inout(reg) $columns.before,
            moves = in(reg) $columns.moves.wrapping_mul($width),
            y = inout(reg) $columns.y,
            groups = inout(reg) $groups => _,
            $($operand = in(reg) $value,)*
            fused = const P::FUSED as u32,
        )
    };
}

impl Columns {
    /// Sixteen columns at a time.
    ///
    /// # Safety
    /// `rows` rows of so many columns at `w`, `stride` apart, and as many factors; so many values at `y`, and at `before` if it moves, else
    /// sixteen.
    #[inline(always)]
    unsafe fn sixteens<P: MulAdd>(&mut self, groups: usize) {
        if groups == 0 {
            return;
        }
        // SAFETY: reads what the caller vouches for, and writes y. Past the last row w is not read.
        unsafe {
            groups!(
                self, groups: "s0-s15", 64,
                [
                    "subs {n}, {n}, #4\n",
                    "blo 3f\n",
                    "2:\n",
                    "vldmia {at}!, {{s24-s27}}\n",
                    row_of_sixteen!(24, 25, 26, 27),
                    "subs {n}, {n}, #4\n",
                    "bhs 2b\n",
                    "3:\n",
                    "adds {n}, {n}, #4\n",
                    "beq 5f\n",
                    "4:\n",
                    "vldmia {at}!, {{s24}}\n",
                    row_of_sixteen!(24),
                    "subs {n}, {n}, #1\n",
                    "bne 4b\n",
                    "5:\n",
                ],
                gap = self.stride.wrapping_sub(64)
            );
        }
    }

    /// As [`Self::sixteens`], four columns at a time.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn fours<P: MulAdd>(&mut self, groups: usize) {
        if groups == 0 {
            return;
        }
        // SAFETY: as in `sixteens`.
        unsafe {
            groups!(
                self, groups: "s0-s3", 16,
                [
                    "2:\n",
                    "vldmia {w}, {{s4-s7}}\n",
                    "add {w}, {w}, {stride}\n",
                    "vldmia {at}!, {{s8}}\n",
                    step!(0 += 4 * 8 by 4, 1 += 5 * 8 by 5, 2 += 6 * 8 by 6, 3 += 7 * 8 by 7),
                    "subs {n}, {n}, #1\n",
                    "bne 2b\n",
                ],
                stride = self.stride
            );
        }
    }

    /// As [`Self::sixteens`], one column at a time.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn ones<P: MulAdd>(&mut self, groups: usize) {
        if groups == 0 {
            return;
        }
        // SAFETY: as in `sixteens`.
        unsafe {
            groups!(
                self, groups: "s0", 4,
                [
                    "2:\n",
                    "vldr s4, [{w}]\n",
                    "add {w}, {w}, {stride}\n",
                    "vldmia {at}!, {{s8}}\n",
                    either!(
                        separate: [mul!(4 = 4 * 8), "subs {n}, {n}, #1\n", add!(0 += 4)],
                        fused: ["subs {n}, {n}, #1\n", fma!(0 += 4 * 8)]
                    ),
                    "bne 2b\n",
                ],
                stride = self.stride
            );
        }
    }
}
