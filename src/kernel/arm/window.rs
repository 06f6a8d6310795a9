//! Convolution by windows three wide: eight outputs of a row at a time, over all rows of the kernel and all channels.

use super::text::{add, either, fma, fpu, mul, step, zero};
use crate::kernel::blas::{Window3, portable};
use crate::products::MulAdd;

/// Eight outputs; distances in bytes.
#[repr(C)]
struct Tile {
    /// Under the middle of the first output's window, in the kernel's first row in the input, in channel 0.
    x: *const f32,
    w: *const f32,
    /// From a row to the next that the kernel sees.
    row: usize,
    /// From the row after a channel's last to the next channel's first.
    channel: usize,
    /// From the weights after a channel's last row to those of the next channel's first.
    skipped: usize,
    rows: usize,
    channels: usize,
    /// 1 if there is an input before the first, 2 if there is one after the last.
    neighbours: usize,
    y: *mut f32,
    bias: f32,
}

/// See [`window3`](crate::kernel::blas::portable::window3).
#[inline(never)]
pub fn window3<P: MulAdd>(window: Window3<'_>, y: &mut [f32]) {
    if !window.fits(y.len()) {
        return;
    }
    let Window3 {
        x,
        w,
        channels,
        plane,
        width,
        height,
        taps: (skip, rows),
        first,
        dilate,
        pad,
        bias,
    } = window;
    if y.len() < 8 || rows == 0 || channels == 0 {
        return portable::window3::<P>(window, y);
    }
    let last = y.len() - 8;
    let mut at = 0;
    loop {
        // With padding the middle of the window of output 0 is input 0, else input 1.
        let middle = at + 1 - pad;
        let tile = Tile {
            x: x.as_ptr().wrapping_add(first * width + middle),
            w: w.as_ptr().wrapping_add(3 * skip),
            row: dilate.wrapping_mul(width).wrapping_mul(4),
            channel: plane
                .wrapping_sub(rows.wrapping_mul(dilate).wrapping_mul(width))
                .wrapping_mul(4),
            skipped: 12 * (height - rows),
            rows,
            channels,
            neighbours: usize::from(middle > 0) + 2 * usize::from(middle + 8 < width),
            y: y.as_mut_ptr().wrapping_add(at),
            bias,
        };
        // SAFETY: `fits` says that each row that is read lies in its plane and has `width` values, that w has three values for each
        // row of the kernel and channel, and that y's eight lie in a row of outputs; neighbours outside of the row are not read.
        unsafe { tile.run::<P>() };
        if at == last {
            return;
        }
        // The last tile overlaps the one before it: its values come out the same again.
        at = last.min(at + 8);
    }
}

impl Tile {
    /// # Safety
    /// The rows that the fields describe lie in their slices.
    #[inline(always)]
    unsafe fn run<P: MulAdd>(&self) {
        // SAFETY: reads those rows, and writes eight values at y.
        unsafe {
            fpu!(
                zero!(0, 1, 2, 3, 4, 5, 6, 7, 8, 17),
                "2:",
                "ldr {r}, [{tile}, #20]",
                "3:",
                // The lowest bit becomes the sign and the next one the carry.
                "lsls {t}, {neighbours}, #31",
                "it mi",
                "vldrmi s8, [{x}, #-4]",
                "it cs",
                "vldrcs s17, [{x}, #32]",
                "vldmia {x}, {{s9-s16}}",
                "vldmia {w}!, {{s18-s20}}",
                "subs {r}, {r}, #1",
                step!(
                    0 += 8 * 18 by 21, 1 += 9 * 18 by 22, 2 += 10 * 18 by 23, 3 += 11 * 18 by 24,
                    4 += 12 * 18 by 25, 5 += 13 * 18 by 26, 6 += 14 * 18 by 27, 7 += 15 * 18 by 28
                ),
                step!(
                    0 += 9 * 19 by 21, 1 += 10 * 19 by 22, 2 += 11 * 19 by 23, 3 += 12 * 19 by 24,
                    4 += 13 * 19 by 25, 5 += 14 * 19 by 26, 6 += 15 * 19 by 27, 7 += 16 * 19 by 28
                ),
                "add {x}, {x}, {row}",
                step!(
                    0 += 10 * 20 by 21, 1 += 11 * 20 by 22, 2 += 12 * 20 by 23, 3 += 13 * 20 by 24,
                    4 += 14 * 20 by 25, 5 += 15 * 20 by 26, 6 += 16 * 20 by 27, 7 += 17 * 20 by 28
                ),
                "bne 3b",
                "ldr {r}, [{tile}, #12]",
                "ldr {t}, [{tile}, #16]",
                "subs {c}, {c}, #1",
                "add {x}, {x}, {r}",
                "add {w}, {w}, {t}",
                "bne 2b",
                "ldr {t}, [{tile}, #32]",
                // As the portable version: where a sum is -0 a zero of the padding may have made it +0.
                either!(
                    separate: [""],
                    fused: [zero!(8), add!(0 += 8, 1 += 8, 2 += 8, 3 += 8, 4 += 8, 5 += 8, 6 += 8, 7 += 8)]
                ),
                "vldr s8, [{tile}, #36]",
                add!(0 += 8, 1 += 8, 2 += 8, 3 += 8, 4 += 8, 5 += 8, 6 += 8, 7 += 8),
                "vstmia {t}, {{s0-s7}}",
                tile = in(reg) self,
                x = inout(reg) self.x => _,
                w = inout(reg) self.w => _,
                row = in(reg) self.row,
                neighbours = in(reg) self.neighbours,
                c = inout(reg) self.channels => _,
                r = out(reg) _,
                t = out(reg) _,
                fused = const P::FUSED as u32,
            );
        }
    }
}
