//! The updates of SGD, eight weights at a time.

use super::text::{add, fpu, mul, sub, zero};
use crate::kernel::blas::{Rates, Tile, all_finite};
use crate::kernel::finite::finite;
use crate::kernel::rows::Strided;

/// The rates and the rows; distances in bytes.
#[repr(C)]
struct Run {
    lr: f32,
    momentum: f32,
    scale: f32,
    /// Of the new weights: finite only if all of them are.
    sum: f32,
    width: usize,
    rows: usize,
    /// From the end of a row to the next, of weights and states and of the gradient.
    gap: usize,
    g_gap: usize,
}

impl Run {
    fn new(rates: Rates, tile: Tile) -> Self {
        let gap = |stride: usize| stride.wrapping_sub(tile.width).wrapping_mul(4);
        Self {
            lr: rates.lr,
            momentum: rates.momentum,
            scale: rates.scale,
            sum: 0.0,
            width: tile.width,
            rows: tile.rows,
            gap: gap(tile.stride),
            g_gap: gap(tile.g_stride),
        }
    }

    /// Whether all weights of the tile are finite after the run.
    #[inline(always)]
    fn all_finite(&self, tile: Tile, w: &[f32]) -> bool {
        finite(self.sum) || all_rows_finite(tile, w)
    }
}

#[cold]
#[inline(never)]
fn all_rows_finite(tile: Tile, w: &[f32]) -> bool {
    let rows = Strided::contiguous(w, tile.stride).rows(tile.width);
    rows.take(tile.rows).all(all_finite)
}

/// All rows, eight weights at a time and then one. lr, mu and s in s24, s25 and s26; sums of new weights in s27 and s29.
macro_rules! rows {
    ([$($eight:tt)*], [$($one:tt)*], $next:literal) => {
        concat!(
            zero!(29),
            "vldmia {run}, {{s24-s27}}\n",
            "6:\n",
            "ldr {n}, [{run}, #16]\n",
            "subs {n}, {n}, #8\n",
            "blo 3f\n",
            "2:\n",
            $($eight)*
            "subs {n}, {n}, #8\n",
            "bhs 2b\n",
            "3:\n",
            "adds {n}, {n}, #8\n",
            "beq 5f\n",
            "4:\n",
            $($one)*
            "subs {n}, {n}, #1\n",
            add!(27 += 8),
            "bne 4b\n",
            "5:\n",
            "ldr {t}, [{run}, #24]\n",
            "ldr {n}, [{run}, #28]\n",
            "add {w}, {w}, {t}\n",
            $next,
            "add {g}, {g}, {n}\n",
            "ldr {n}, [{run}, #20]\n",
            "subs {n}, {n}, #1\n",
            "str {n}, [{run}, #20]\n",
            "bne 6b\n",
            add!(27 += 29),
            "vstr s27, [{run}, #12]",
        )
    };
}

/// See [`sgd_momentum`](crate::kernel::blas::portable::sgd_momentum).
#[inline]
pub fn sgd_momentum(rates: Rates, tile: Tile, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
    if tile.rows == 0 || tile.width == 0 || !tile.fits(w.len().min(m.len()), g.len()) {
        return true;
    }
    let mut run = Run::new(rates, tile);
    // SAFETY: `fits` says that the rows lie in g, m and w.
    unsafe { run.with_momentum(g.as_ptr(), m.as_mut_ptr(), w.as_mut_ptr()) };
    run.all_finite(tile, w)
}

/// See [`sgd_plain`](crate::kernel::blas::portable::sgd_plain).
#[inline]
pub fn sgd_plain(rates: Rates, tile: Tile, w: &mut [f32], g: &[f32]) -> bool {
    if tile.rows == 0 || tile.width == 0 || !tile.fits(w.len(), g.len()) {
        return true;
    }
    let mut run = Run::new(rates, tile);
    // SAFETY: `fits` says that the rows lie in g and w.
    unsafe { run.plain(g.as_ptr(), w.as_mut_ptr()) };
    run.all_finite(tile, w)
}

impl Run {
    /// # Safety
    /// At least one row of at least one value, and all rows at `g`, `m` and `w`.
    #[inline(never)]
    unsafe fn with_momentum(&mut self, g: *const f32, m: *mut f32, w: *mut f32) {
        // SAFETY: reads and writes the rows to their ends.
        unsafe {
            fpu!(
                rows!(
                    [
                        "vldmia {g}!, {{s16-s23}}\n",
                        mul!(16 = 26 * 16, 17 = 26 * 17, 18 = 26 * 18, 19 = 26 * 19, 20 = 26 * 20, 21 = 26 * 21, 22 = 26 * 22, 23 = 26 * 23),
                        "vldmia {m}, {{s0-s7}}\n",
                        mul!(16 = 24 * 16, 17 = 24 * 17, 18 = 24 * 18, 19 = 24 * 19, 20 = 24 * 20, 21 = 24 * 21, 22 = 24 * 22, 23 = 24 * 23),
                        mul!(0 = 25 * 0, 1 = 25 * 1, 2 = 25 * 2, 3 = 25 * 3, 4 = 25 * 4, 5 = 25 * 5, 6 = 25 * 6, 7 = 25 * 7),
                        "vldmia {w}, {{s8-s15}}\n",
                        sub!(0 -= 16, 1 -= 17, 2 -= 18, 3 -= 19, 4 -= 20, 5 -= 21, 6 -= 22, 7 -= 23),
                        add!(8 += 0, 9 += 1, 10 += 2, 11 += 3, 12 += 4, 13 += 5, 14 += 6, 15 += 7),
                        "vstmia {m}!, {{s0-s7}}\n",
                        add!(27 += 8, 29 += 9, 27 += 10, 29 += 11, 27 += 12, 29 += 13, 27 += 14, 29 += 15),
                        "vstmia {w}!, {{s8-s15}}\n",
                    ],
                    [
                        "vldmia {g}!, {{s16}}\n",
                        "vldr s0, [{m}]\n",
                        "vldr s8, [{w}]\n",
                        mul!(16 = 26 * 16, 0 = 25 * 0, 16 = 24 * 16),
                        sub!(0 -= 16),
                        add!(8 += 0),
                        "vstmia {m}!, {{s0}}\n",
                        "vstmia {w}!, {{s8}}\n",
                    ],
                    "add {m}, {m}, {t}\n"
                ),
                run = in(reg) &raw mut *self,
                g = inout(reg) g => _,
                m = inout(reg) m => _,
                w = inout(reg) w => _,
                n = out(reg) _,
                t = out(reg) _,
            );
        }
    }

    /// # Safety
    /// At least one row of at least one value, and all rows at `g` and `w`.
    #[inline(never)]
    unsafe fn plain(&mut self, g: *const f32, w: *mut f32) {
        // SAFETY: reads and writes the rows to their ends.
        unsafe {
            fpu!(
                rows!(
                    [
                        "vldmia {g}!, {{s16-s23}}\n",
                        mul!(16 = 26 * 16, 17 = 26 * 17, 18 = 26 * 18, 19 = 26 * 19, 20 = 26 * 20, 21 = 26 * 21, 22 = 26 * 22, 23 = 26 * 23),
                        mul!(16 = 24 * 16, 17 = 24 * 17, 18 = 24 * 18, 19 = 24 * 19, 20 = 24 * 20, 21 = 24 * 21, 22 = 24 * 22, 23 = 24 * 23),
                        "vldmia {w}, {{s8-s15}}\n",
                        sub!(8 -= 16, 9 -= 17, 10 -= 18, 11 -= 19, 12 -= 20, 13 -= 21, 14 -= 22, 15 -= 23),
                        add!(27 += 8, 29 += 9, 27 += 10, 29 += 11, 27 += 12, 29 += 13, 27 += 14, 29 += 15),
                        "vstmia {w}!, {{s8-s15}}\n",
                    ],
                    [
                        "vldmia {g}!, {{s16}}\n",
                        "vldr s8, [{w}]\n",
                        mul!(16 = 26 * 16, 16 = 24 * 16),
                        sub!(8 -= 16),
                        "vstmia {w}!, {{s8}}\n",
                    ],
                    ""
                ),
                run = in(reg) &raw mut *self,
                g = inout(reg) g => _,
                w = inout(reg) w => _,
                n = out(reg) _,
                t = out(reg) _,
            );
        }
    }
}
