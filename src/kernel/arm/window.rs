//! Convolution by windows three wide: eight outputs of a row at a time, over all rows of the kernel and all channels.

use super::text::{add, fpu, mul, zero};
use crate::kernel::blas::{Window3, portable};

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
pub fn window3(window: Window3<'_>, y: &mut [f32]) {
    let Some(channels) = window.channels(y.len()) else {
        return;
    };
    let Window3 {
        x,
        w,
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
        return portable::window3(window, y);
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
        // SAFETY: `channels` says that each row that is read lies in its plane and has `width` values, that w has three values for each
        // row of the kernel and channel, and that y's eight lie in a row of outputs; neighbours outside of the row are not read.
        unsafe { tile.run() };
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
    unsafe fn run(&self) {
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
                mul!(21 = 8 * 18, 22 = 9 * 18, 23 = 10 * 18, 24 = 11 * 18, 25 = 12 * 18, 26 = 13 * 18, 27 = 14 * 18, 28 = 15 * 18),
                add!(0 += 21, 1 += 22, 2 += 23, 3 += 24, 4 += 25, 5 += 26, 6 += 27, 7 += 28),
                mul!(21 = 9 * 19, 22 = 10 * 19, 23 = 11 * 19, 24 = 12 * 19, 25 = 13 * 19, 26 = 14 * 19, 27 = 15 * 19, 28 = 16 * 19),
                add!(0 += 21, 1 += 22, 2 += 23, 3 += 24, 4 += 25, 5 += 26, 6 += 27, 7 += 28),
                mul!(21 = 10 * 20, 22 = 11 * 20, 23 = 12 * 20, 24 = 13 * 20, 25 = 14 * 20, 26 = 15 * 20, 27 = 16 * 20, 28 = 17 * 20),
                "add {x}, {x}, {row}",
                add!(0 += 21, 1 += 22, 2 += 23, 3 += 24, 4 += 25, 5 += 26, 6 += 27, 7 += 28),
                "bne 3b",
                "ldr {r}, [{tile}, #12]",
                "ldr {t}, [{tile}, #16]",
                "subs {c}, {c}, #1",
                "add {x}, {x}, {r}",
                "add {w}, {w}, {t}",
                "bne 2b",
                "ldr {t}, [{tile}, #32]",
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
            );
        }
    }
}
