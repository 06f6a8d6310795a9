//! Sums of rows: sixteen columns side by side, then one by one.

use super::text::{add, fpu};
use crate::kernel::blas::Matrix;

/// See [`add_rows`](crate::kernel::blas::portable::add_rows).
#[inline(never)]
pub fn add_rows(rows: usize, w: Matrix<'_>, y: &mut [f32]) {
    let columns = y.len();
    if rows == 0 || w.stride < columns || !w.holds(rows, columns) {
        return;
    }
    let (mut at, mut left) = (0, columns);
    while left > 0 {
        let (from, to) = (
            w.values.as_ptr().wrapping_add(at),
            y.as_mut_ptr().wrapping_add(at),
        );
        let wide = if left >= 16 { 16 } else { 1 };
        // SAFETY: w has `rows` rows of `columns` values, `stride` apart, and each turn takes as many columns as it says.
        unsafe {
            if wide == 16 {
                sixteen(rows, from, w.stride, to);
            } else {
                one(rows, from, w.stride, to);
            }
        }
        at += wide;
        left -= wide;
    }
}

/// # Safety
/// `rows` > 0 rows of sixteen values at `w`, `stride` apart; sixteen values at `y`.
#[inline(always)]
unsafe fn sixteen(rows: usize, w: *const f32, stride: usize, y: *mut f32) {
    // SAFETY: reads the rows and y, and writes y.
    unsafe {
        fpu!(
            "vldmia {y}, {{s0-s15}}",
            "2:",
            "vldmia {w}, {{s16-s31}}",
            "add {w}, {w}, {stride}",
            add!(0 += 16, 1 += 17, 2 += 18, 3 += 19, 4 += 20, 5 += 21, 6 += 22, 7 += 23),
            add!(8 += 24, 9 += 25, 10 += 26, 11 += 27, 12 += 28, 13 += 29, 14 += 30, 15 += 31),
            "subs {n}, {n}, #1",
            "bne 2b",
            "vstmia {y}, {{s0-s15}}",
            n = inout(reg) rows => _,
            w = inout(reg) w => _,
            stride = in(reg) stride.wrapping_mul(4),
            y = in(reg) y,
        );
    }
}

/// As [`sixteen`], one column.
///
/// # Safety
/// As there, with one in place of sixteen.
#[inline(always)]
unsafe fn one(rows: usize, w: *const f32, stride: usize, y: *mut f32) {
    // SAFETY: as in `sixteen`.
    unsafe {
        fpu!(
            "vldr s0, [{y}]",
            "2:",
            "vldr s16, [{w}]",
            "add {w}, {w}, {stride}",
            add!(0 += 16),
            "subs {n}, {n}, #1",
            "bne 2b",
            "vstr s0, [{y}]",
            n = inout(reg) rows => _,
            w = inout(reg) w => _,
            stride = in(reg) stride.wrapping_mul(4),
            y = in(reg) y,
        );
    }
}
