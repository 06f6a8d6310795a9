//! Sums of outer products, a tile of four by four at a time: stored, or given to SGD while they are in registers.

use core::ptr;

use super::text::{ZEROS, add, either, fma, fpu, mul, step, sub};
use crate::kernel::blas::{Outer, Rates, all_finite};
use crate::kernel::finite::finite;
use crate::products::MulAdd;

/// Four rows of sums, and what becomes of them; distances in bytes.
#[repr(C)]
struct Strip {
    delta: *const f32,
    delta_stride: usize,
    x: *const f32,
    x_stride: usize,
    rows: usize,
    more_x: *const f32,
    more_stride: usize,
    more_rows: usize,
    /// The sums, or the weights that they move.
    to: *mut f32,
    to_stride: usize,
    /// Not 0: onto the values present.
    add: usize,
    /// Null: sums are stored. Else the momentum of the weights.
    momentum: *mut f32,
    /// Bytes of a row that are whole tiles.
    width: usize,
    zeros: *const [f32; 20],
    rates: Rates,
    /// Of the new weights: finite only if all of them are.
    total: f32,
}

/// See [`outer_sum`](crate::kernel::blas::portable::outer_sum).
#[inline(never)]
pub fn outer_sum<P: MulAdd>(
    outer: Outer<'_>,
    sum: &mut [f32],
    stride: usize,
    width: usize,
    add: bool,
) {
    if !outer.fits(sum.len(), stride, width) {
        return;
    }
    let mut strip = Strip::new(outer, sum.as_mut_ptr(), stride);
    strip.add = add.into();
    // SAFETY: `fits` says that the rows of delta hold `outputs` values and those of x, more and sum `width`.
    unsafe { strip.all::<P>(outer.outputs, width) };
}

/// See [`outer_sum_momentum`](crate::kernel::blas::portable::outer_sum_momentum).
#[inline(never)]
pub fn outer_sum_momentum<P: MulAdd>(
    rates: Rates,
    outer: Outer<'_>,
    width: usize,
    w: &mut [f32],
    m: &mut [f32],
) -> bool {
    if width == 0 || !outer.fits(w.len().min(m.len()), width, width) {
        return true;
    }
    let mut strip = Strip::new(outer, w.as_mut_ptr(), width);
    strip.momentum = m.as_mut_ptr();
    strip.rates = rates;
    // SAFETY: as in `outer_sum`; m is as long as w.
    unsafe { strip.all::<P>(outer.outputs, width) };
    finite(strip.total) || all_finite(w)
}

/// Where the rows of a tile begin; how many; a step from one to the next.
macro_rules! segments {
    ($($step:tt)*) => {
        concat!(
            "ldr {delta}, [{strip}]\n",
            "ldr {x}, [{strip}, #8]\n",
            "ldr {x_stride}, [{strip}, #12]\n",
            "ldr {n}, [{strip}, #16]\n",
            "ldr {more}, [{strip}, #28]\n",
            "add {x}, {x}, {at}\n",
            "3:\n",
            "subs {n}, {n}, #4\n",
            "blo 7f\n",
            "6:\n",
            $($step)*,
            $($step)*,
            $($step)*,
            $($step)*,
            "subs {n}, {n}, #4\n",
            "bhs 6b\n",
            "7:\n",
            "adds {n}, {n}, #4\n",
            "beq 4f\n",
            "8:\n",
            $($step)*,
            "subs {n}, {n}, #1\n",
            "bne 8b\n",
            "4:\n",
            "movs {n}, {more}\n",
            "beq 5f\n",
            "ldr {x}, [{strip}, #20]\n",
            "ldr {x_stride}, [{strip}, #24]\n",
            "mov {more}, #0\n",
            "add {x}, {x}, {at}\n",
            "b 3b\n",
            "5:\n",
        )
    };
}

/// The four registers of a row, to or from the row of `to`; then the next.
macro_rules! row_of_sums {
    ($move:literal, $first:literal $last:literal) => {
        concat!(
            $move,
            " {to}, {{s",
            $first,
            "-s",
            $last,
            "}}\n",
            "add {to}, {to}, {to_stride}\n",
        )
    };
}

/// A row of weights by its four sums: m = mu m - lr g, w += m, and w joins the total in s19. lr and mu in s16 and s17.
macro_rules! row_with_momentum {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "vldmia {n}, {{s24-s27}}\n",
            "vldmia {to}, {{s28-s31}}\n",
            mul!($a = 16 * $a, $b = 16 * $b, $c = 16 * $c, $d = 16 * $d),
            mul!(24 = 17 * 24, 25 = 17 * 25, 26 = 17 * 26, 27 = 17 * 27),
            sub!(24 -= $a, 25 -= $b, 26 -= $c, 27 -= $d),
            add!(28 += 24, 29 += 25, 30 += 26, 31 += 27),
            add!(19 += 28),
            "vstmia {n}, {{s24-s27}}\n",
            add!(19 += 29),
            "vstmia {to}, {{s28-s31}}\n",
            add!(19 += 30),
            "add {n}, {n}, {to_stride}\n",
            add!(19 += 31),
            "add {to}, {to}, {to_stride}\n",
        )
    };
}

impl Strip {
    fn new(outer: Outer<'_>, to: *mut f32, stride: usize) -> Self {
        let (first, second) = ((outer.x, outer.x_rows), (outer.more, outer.more_rows));
        // Where there are no first rows, the second ones are the only.
        let [(x, rows), (more, more_rows)] = if outer.x_rows == 0 {
            [second, (second.0, 0)]
        } else {
            [first, second]
        };
        Strip {
            delta: outer.delta.values.as_ptr(),
            delta_stride: outer.delta.stride.wrapping_mul(4),
            x: x.values.as_ptr(),
            x_stride: x.stride.wrapping_mul(4),
            rows,
            more_x: more.values.as_ptr(),
            more_stride: more.stride.wrapping_mul(4),
            more_rows,
            to,
            to_stride: stride.wrapping_mul(4),
            add: 0,
            momentum: ptr::null_mut(),
            width: 0,
            zeros: &ZEROS,
            rates: Rates {
                lr: 0.0,
                momentum: 0.0,
                scale: 0.0,
            },
            total: 0.0,
        }
    }

    /// All sums: strips of four rows, and the rows and columns that are left over one by one.
    ///
    /// # Safety
    /// As many values as the strip's rows and strides say at its pointers, for `outputs` values of delta and `width` of x.
    #[inline(never)]
    unsafe fn all<P: MulAdd>(&mut self, outputs: usize, width: usize) {
        let mut left = outputs;
        self.width = (width & !3) * 4;
        while left > 0 {
            let (high, tiled) = if left >= 4 { (4, width & !3) } else { (1, 0) };
            // SAFETY: the caller's, for the rows that are left.
            unsafe {
                if tiled > 0 {
                    self.four_rows::<P>();
                }
                for _ in 0..high {
                    for k in tiled..width {
                        self.one::<P>(k);
                    }
                    self.delta = self.delta.wrapping_add(1);
                    self.to = self.to.wrapping_byte_add(self.to_stride);
                    if !self.momentum.is_null() {
                        self.momentum = self.momentum.wrapping_byte_add(self.to_stride);
                    }
                }
            }
            left -= high;
        }
    }

    /// Four rows of sums in tiles of four columns, sixteen sums side by side.
    ///
    /// # Safety
    /// `width` > 0 is that of whole tiles; else as for [`Self::all`].
    #[inline(always)]
    unsafe fn four_rows<P: MulAdd>(&mut self) {
        // SAFETY: reads what the caller vouches for, and writes the sums, or the weights and their momentum, and `total`.
        unsafe {
            fpu!(
                "1:",
                "ldr {n}, [{strip}, #40]",
                "ldr {to}, [{strip}, #32]",
                "ldr {more}, [{strip}, #52]",
                "cmp {n}, #0",
                "add {to}, {to}, {at}",
                "bne 20f",
                "vldmia {more}, {{s0-s15}}",
                "2:",
                segments!(
                    "vldmia {delta}, {{s16-s19}}\n",
                    "vldmia {x}, {{s20-s23}}\n",
                    step!(
                        0 += 20 * 16 by 24, 1 += 21 * 16 by 25, 2 += 22 * 16 by 26, 3 += 23 * 16 by 27,
                        4 += 20 * 17 by 28, 5 += 21 * 17 by 29, 6 += 22 * 17 by 30, 7 += 23 * 17 by 31
                    ),
                    "add {delta}, {delta}, {delta_stride}\n",
                    "add {x}, {x}, {x_stride}\n",
                    step!(
                        8 += 20 * 18 by 24, 9 += 21 * 18 by 25, 10 += 22 * 18 by 26, 11 += 23 * 18 by 27,
                        12 += 20 * 19 by 28, 13 += 21 * 19 by 29, 14 += 22 * 19 by 30, 15 += 23 * 19 by 31
                    )
                ),
                "ldr {n}, [{strip}, #44]",
                "ldr {more}, [{strip}, #64]",
                "cmp {n}, #0",
                "bne 22f",
                row_of_sums!("vstmia", 0 3),
                row_of_sums!("vstmia", 4 7),
                row_of_sums!("vstmia", 8 11),
                row_of_sums!("vstmia", 12 15),
                "21:",
                "ldr {n}, [{strip}, #48]",
                "add {at}, {at}, #16",
                "cmp {at}, {n}",
                "bne 1b",
                "b 24f",
                // Onto the values present.
                "20:",
                row_of_sums!("vldmia", 0 3),
                row_of_sums!("vldmia", 4 7),
                row_of_sums!("vldmia", 8 11),
                row_of_sums!("vldmia", 12 15),
                "ldr {to}, [{strip}, #32]",
                "add {to}, {to}, {at}",
                "b 2b",
                // Scaling by 1 leaves the bits.
                "22:",
                "add {x}, {strip}, #56",
                "vldmia {x}, {{s16-s19}}",
                "add {n}, {n}, {at}",
                "cmp {more}, #0x3f800000",
                "beq 23f",
                mul!(0 = 18 * 0, 1 = 18 * 1, 2 = 18 * 2, 3 = 18 * 3, 4 = 18 * 4, 5 = 18 * 5, 6 = 18 * 6, 7 = 18 * 7),
                mul!(8 = 18 * 8, 9 = 18 * 9, 10 = 18 * 10, 11 = 18 * 11, 12 = 18 * 12, 13 = 18 * 13, 14 = 18 * 14, 15 = 18 * 15),
                "23:",
                row_with_momentum!(0 1 2 3),
                row_with_momentum!(4 5 6 7),
                row_with_momentum!(8 9 10 11),
                row_with_momentum!(12 13 14 15),
                "vstr s19, [{strip}, #68]",
                "b 21b",
                "24:",
                strip = in(reg) &mut *self,
                delta = out(reg) _,
                delta_stride = in(reg) self.delta_stride,
                x = out(reg) _,
                x_stride = out(reg) _,
                n = out(reg) _,
                more = out(reg) _,
                to = out(reg) _,
                to_stride = in(reg) self.to_stride,
                at = inout(reg) 0 => _,
                fused = const P::FUSED as u32,
            );
        }
    }

    /// The sum of the first row's column `k`.
    ///
    /// # Safety
    /// As for [`Self::all`].
    #[inline(always)]
    unsafe fn one<P: MulAdd>(&mut self, k: usize) {
        let to = self.to.wrapping_add(k);
        // SAFETY: reads and writes what the caller vouches for: one column of x and one value of `to` and `momentum`.
        unsafe {
            let mut sum = if self.add == 0 { 0.0 } else { *to };
            fpu!(
                "vldr s0, [{sum}]",
                segments!(
                    "vldr s16, [{delta}]\n",
                    "vldr s20, [{x}]\n",
                    either!(
                        separate: [
                            mul!(24 = 20 * 16),
                            "add {delta}, {delta}, {delta_stride}\n",
                            "add {x}, {x}, {x_stride}\n",
                            add!(0 += 24)
                        ],
                        fused: [
                            "add {delta}, {delta}, {delta_stride}\n",
                            "add {x}, {x}, {x_stride}\n",
                            fma!(0 += 20 * 16)
                        ]
                    )
                ),
                "vstr s0, [{sum}]",
                strip = in(reg) &mut *self,
                sum = in(reg) &raw mut sum,
                delta = out(reg) _,
                delta_stride = in(reg) self.delta_stride,
                x = out(reg) _,
                x_stride = out(reg) _,
                n = out(reg) _,
                more = out(reg) _,
                at = in(reg) 4 * k,
                fused = const P::FUSED as u32,
            );
            if self.momentum.is_null() {
                *to = sum;
            } else {
                let m = self.momentum.wrapping_add(k);
                *m = self.rates.momentum * *m - self.rates.lr * (self.rates.scale * sum);
                *to += *m;
                self.total += *to;
            }
        }
    }
}
