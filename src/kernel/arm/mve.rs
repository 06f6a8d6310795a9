//! Assembly for the vector unit of a Cortex-M55 (MVE, sold as Helium): sums of products in the recipe `ftz`, four to a register. Lanes are
//! outputs or columns, each with the sequential sum of its twin, never parts of one sum. Only products go through
//! the vector unit, which takes subnormals for zeros; a bias is added by the FPU, which does not.
//!
//! The assembler is told of the instructions here: with `-C target-cpu=cortex-m55` the compiler would vectorise the loops of Rust as well,
//! and with them what must keep its subnormals.

use core::arch::asm;

use super::sgd_momentum;
use super::text::{add, fpu};
use crate::kernel::blas::{Matrix, Outer, Rates, Window3, portable};
use crate::kernel::rows::{rows, strided_mut};

/// [`fpu!`] with the instructions of the vector unit. Low-overhead loops count in lr.
macro_rules! mve {
    ($($part:tt)*) => {
        fpu!(
            ".arch armv8.1-m.main\n.arch_extension mve.fp",
            $($part)*
            out("lr") _,
        )
    };
}

/// a b + `sum` in one lane.
#[inline(always)]
pub fn fmaf_flushed(a: f32, b: f32, sum: f32) -> f32 {
    let mut result = sum;
    // SAFETY: writes the registers named, and the cumulative flags of the FPU (see `fma.rs`). The other lanes take part with what
    // they hold, and nothing reads them.
    unsafe {
        asm!(
            ".arch armv8.1-m.main\n.arch_extension mve.fp",
            "vmov s0, {result}",
            "vmov s4, {a}",
            "vfma.f32 q0, q1, {b}",
            "vmov {result}, s0",
            result = inout(reg) result,
            a = in(reg) a,
            b = in(reg) b,
            out("d0") _,
            out("d1") _,
            out("d2") _,
            out("d3") _,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    result
}

/// In place of a bias or of what was there: adding -0 changes no bit.
static NOTHING: [f32; 8] = [-0.0; 8];

/// See [`gemv`](portable::gemv).
#[inline(never)]
pub fn gemv(inputs: usize, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32], add: bool) {
    let outputs = y.len();
    let fits = inputs
        .checked_mul(outputs)
        .is_some_and(|len| len <= w.len());
    if !fits || inputs == 0 || x.len() < inputs || (!b.is_empty() && b.len() < outputs) {
        return;
    }
    let (tiles, last) = y.as_chunks_mut::<8>();
    let rows = Rows::new(inputs, 8);
    let mut w = w.as_ptr();
    let mut biases = b.as_chunks::<8>().0.iter();
    for y in tiles {
        let bias = biases.next().unwrap_or(&NOTHING);
        // SAFETY: x has `inputs` values and w as many for each output; each turn uses up eight rows.
        unsafe {
            rows.eight(x, w, &raw const *bias, add, y);
            w = w.add(8 * inputs);
        }
    }
    if last.is_empty() {
        return;
    }
    let mut bias = NOTHING;
    let mut tile = [0.0; 8];
    let biases = b.as_chunks::<8>().1;
    bias.iter_mut().zip(biases).for_each(|(to, b)| *to = *b);
    tile.iter_mut().zip(&*last).for_each(|(to, y)| *to = *y);
    let rows = Rows::new(inputs, last.len());
    // SAFETY: as above, for the rows that are left.
    unsafe { rows.eight(x, w, &raw const bias, add, &mut tile) };
    last.iter_mut().zip(tile).for_each(|(y, sum)| *y = sum);
}

/// See [`gemv_two`](portable::gemv_two).
pub fn gemv_two(inputs: usize, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32], then: &mut [f32]) {
    portable::one_by_one(inputs, w, b, y, then, |w, b, y, add| {
        gemv(inputs, x, w, b, y, add);
    });
}

/// Where the rows of a tile of eight outputs begin, in bytes from the first.
struct Rows {
    inputs: usize,
    offsets: [usize; 8],
}

impl Rows {
    /// Of `rows` > 0 rows; lanes beyond them read the last one again.
    fn new(inputs: usize, rows: usize) -> Self {
        let mut offsets = [0; 8];
        let mut offset = 0;
        for (lane, to) in offsets.iter_mut().enumerate() {
            *to = offset;
            if lane + 1 < rows {
                offset = inputs.wrapping_mul(4).wrapping_add(offset);
            }
        }
        Rows { inputs, offsets }
    }

    /// y = the products of the rows at `w` and x, + `bias`, and then + y with `add`.
    ///
    /// # Safety
    /// `inputs` > 0 values at x, and in each of the rows.
    #[inline(always)]
    unsafe fn eight(
        &self,
        x: &[f32],
        w: *const f32,
        bias: *const [f32; 8],
        add: bool,
        y: &mut [f32; 8],
    ) {
        let before = if add {
            &raw const *y
        } else {
            &raw const NOTHING
        };
        // SAFETY: reads x and the rows to their ends, 4 and 1 columns at a time: addresses are raised before they are read from, so they
        // begin 16 bytes before the rows. Then reads eight values at `bias` and `before`, and writes y.
        unsafe {
            mve!(
                "vldrw.u32 q2, [r0]",
                "vldrw.u32 q3, [r0, #16]",
                "vmov.i32 q0, #0",
                "vmov.i32 q1, #0",
                "vadd.i32 q2, q2, r1",
                "vadd.i32 q3, q3, r1",
                "lsr r1, {n}, #2",
                "wls lr, r1, 3f",
                "2:",
                "ldm {x}!, {{r0-r3}}",
                "vldrw.u32 q4, [q2, #16]!",
                "vldrw.u32 q5, [q3, #16]!",
                "vfma.f32 q0, q4, r0",
                "vldrw.u32 q6, [q2, #4]",
                "vfma.f32 q1, q5, r0",
                "vldrw.u32 q7, [q3, #4]",
                "vfma.f32 q0, q6, r1",
                "vldrw.u32 q4, [q2, #8]",
                "vfma.f32 q1, q7, r1",
                "vldrw.u32 q5, [q3, #8]",
                "vfma.f32 q0, q4, r2",
                "vldrw.u32 q6, [q2, #12]",
                "vfma.f32 q1, q5, r2",
                "vldrw.u32 q7, [q3, #12]",
                "vfma.f32 q0, q6, r3",
                "vfma.f32 q1, q7, r3",
                "le lr, 2b",
                "3:",
                "and {n}, {n}, #3",
                "wls lr, {n}, 5f",
                "movs r0, #12",
                "vadd.i32 q2, q2, r0",
                "vadd.i32 q3, q3, r0",
                "4:",
                "ldr r0, [{x}], #4",
                "vldrw.u32 q4, [q2, #4]!",
                "vldrw.u32 q5, [q3, #4]!",
                "vfma.f32 q0, q4, r0",
                "vfma.f32 q1, q5, r0",
                "le lr, 4b",
                "5:",
                "vldmia {bias}, {{s8-s15}}",
                "vldmia {before}, {{s16-s23}}",
                add!(0 += 8, 1 += 9, 2 += 10, 3 += 11, 4 += 12, 5 += 13, 6 += 14, 7 += 15),
                add!(0 += 16, 1 += 17, 2 += 18, 3 += 19, 4 += 20, 5 += 21, 6 += 22, 7 += 23),
                "vstmia {y}, {{s0-s7}}",
                x = inout(reg) x.as_ptr() => _,
                n = inout(reg) self.inputs => _,
                bias = in(reg) bias,
                before = in(reg) before,
                y = in(reg) y.as_mut_ptr(),
                inout("r0") &raw const self.offsets => _,
                inout("r1") w.wrapping_sub(4) => _,
                out("r2") _,
                out("r3") _,
            );
        }
    }
}

/// See [`gemm`](portable::gemm): the rows of x one by one.
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
    for (x, y) in rows(x, inputs).zip(strided_mut(y, 0, stride, outputs)) {
        gemv(inputs, x, w, b, y, false);
    }
}

/// See [`gemv_transposed`](portable::gemv_transposed).
#[inline(never)]
pub fn gemv_transposed(factors: &[f32], w: Matrix<'_>, y: &mut [f32], add: bool) {
    if !w.holds(factors.len(), y.len()) {
        return;
    }
    if !add {
        y.fill(0.0);
    }
    let mut at = w.values.as_ptr();
    let (tiles, last) = y.as_chunks_mut::<16>();
    for y in tiles {
        // SAFETY: `holds` says that there is a row of as many values as y has for each factor; each turn takes sixteen of them.
        unsafe {
            mve!(
                "vldrw.u32 q0, [{y}]",
                "vldrw.u32 q1, [{y}, #16]",
                "vldrw.u32 q2, [{y}, #32]",
                "vldrw.u32 q3, [{y}, #48]",
                "wls lr, {n}, 3f",
                "2:",
                "ldr {f}, [{factors}], #4",
                "vldrw.u32 q4, [{w}]",
                "vldrw.u32 q5, [{w}, #16]",
                "vfma.f32 q0, q4, {f}",
                "vldrw.u32 q6, [{w}, #32]",
                "vfma.f32 q1, q5, {f}",
                "vldrw.u32 q7, [{w}, #48]",
                "vfma.f32 q2, q6, {f}",
                "add {w}, {w}, {stride}",
                "vfma.f32 q3, q7, {f}",
                "le lr, 2b",
                "3:",
                "vstrw.32 q0, [{y}]",
                "vstrw.32 q1, [{y}, #16]",
                "vstrw.32 q2, [{y}, #32]",
                "vstrw.32 q3, [{y}, #48]",
                y = in(reg) y.as_mut_ptr(),
                n = in(reg) factors.len(),
                f = out(reg) _,
                factors = inout(reg) factors.as_ptr() => _,
                w = inout(reg) at => _,
                stride = in(reg) w.stride.wrapping_mul(4),
            );
            at = at.wrapping_add(16);
        }
    }
    for y in last.chunks_mut(4) {
        // SAFETY: as above for as many columns as y has: the predicate keeps the other lanes from memory.
        unsafe {
            mve!(
                "vctp.32 {columns}",
                "vpst",
                "vldrwt.u32 q0, [{y}]",
                "wls lr, {n}, 3f",
                "2:",
                "ldr {f}, [{factors}], #4",
                "vpst",
                "vldrwt.u32 q4, [{w}]",
                "add {w}, {w}, {stride}",
                "vfma.f32 q0, q4, {f}",
                "le lr, 2b",
                "3:",
                "vpst",
                "vstrwt.32 q0, [{y}]",
                columns = in(reg) y.len(),
                y = in(reg) y.as_mut_ptr(),
                n = in(reg) factors.len(),
                f = out(reg) _,
                factors = inout(reg) factors.as_ptr() => _,
                w = inout(reg) at => _,
                stride = in(reg) w.stride.wrapping_mul(4),
            );
            at = at.wrapping_add(4);
        }
    }
}

/// See [`axpy`](portable::axpy).
#[inline(never)]
pub fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    let len = x.len().min(y.len());
    if len == 0 {
        return;
    }
    // SAFETY: reads `len` values of x and of y, and writes those of y; the loop switches the lanes beyond them off.
    unsafe {
        mve!(
            "dlstp.32 lr, {n}",
            "2:",
            "vldrw.u32 q0, [{x}], #16",
            "vldrw.u32 q1, [{y}]",
            "vfma.f32 q1, q0, {a}",
            "vstrw.32 q1, [{y}], #16",
            "letp lr, 2b",
            a = in(reg) a,
            x = inout(reg) x.as_ptr() => _,
            y = inout(reg) y.as_mut_ptr() => _,
            n = in(reg) len,
        );
    }
}

/// See [`dot`](portable::dot): one sum has one lane.
#[inline(never)]
pub fn dot(x: &[f32], w: &[f32], sum: f32) -> f32 {
    let mut sum = sum;
    // SAFETY: reads as many values of x and w as the shorter has. The other lanes take part with what they hold, and nothing reads them.
    unsafe {
        mve!(
            "vmov s0, {sum}",
            "wls lr, {n}, 3f",
            "2:",
            "vldmia {w}!, {{s4}}",
            "ldr {value}, [{x}], #4",
            "vfma.f32 q0, q1, {value}",
            "le lr, 2b",
            "3:",
            "vmov {sum}, s0",
            sum = inout(reg) sum,
            n = in(reg) x.len().min(w.len()),
            w = inout(reg) w.as_ptr() => _,
            x = inout(reg) x.as_ptr() => _,
            value = out(reg) _,
        );
    }
    sum
}

/// See [`outer_sum`](portable::outer_sum).
#[inline(never)]
pub fn outer_sum(outer: Outer<'_>, sum: &mut [f32], stride: usize, width: usize, add: bool) {
    if !outer.fits(sum.len(), stride, width) {
        return;
    }
    let mut delta = outer.delta;
    let mut add = add;
    for (x, rows) in [(outer.x, outer.x_rows), (outer.more, outer.more_rows)] {
        // The second rows go onto what the first ones made.
        if rows > 0 || !add {
            let segment = Segment { delta, x, rows };
            // SAFETY: `fits` says that so many rows of delta hold `outputs` values and those of x `width`, and that the rows of sums lie in
            // `sum`.
            unsafe { segment.all(outer.outputs, sum.as_mut_ptr(), stride, width, add) };
        }
        let behind = rows.wrapping_mul(delta.stride);
        delta.values = delta.values.get(behind..).unwrap_or(&[]);
        add = true;
    }
}

/// Rows of deltas and of inputs that lie evenly.
#[derive(Clone, Copy)]
struct Segment<'a> {
    delta: Matrix<'a>,
    x: Matrix<'a>,
    rows: usize,
}

impl Segment<'_> {
    /// # Safety
    /// `rows` rows of `outputs` values in delta and of `width` in x; `outputs` rows of `width` at `to`.
    unsafe fn all(self, outputs: usize, to: *mut f32, stride: usize, width: usize, add: bool) {
        let mut o = 0;
        while o < outputs {
            let four = outputs - o >= 4;
            let mut k = 0;
            while k < width {
                let delta = self.delta.values.as_ptr().wrapping_add(o);
                let x = self.x.values.as_ptr().wrapping_add(k);
                let to = to.wrapping_add(o.wrapping_mul(stride)).wrapping_add(k);
                // SAFETY: the caller's, from output o and column k on.
                unsafe {
                    if four {
                        self.four_outputs(delta, x, to, stride, width - k, add);
                    } else {
                        self.one_output(delta, x, to, width - k, add);
                    }
                }
                k += 4;
            }
            o += if four { 4 } else { 1 };
        }
    }

    /// Four columns of four outputs; the columns beyond `width` are left alone.
    ///
    /// # Safety
    /// As for [`Self::all`].
    #[inline(always)]
    unsafe fn four_outputs(
        self,
        delta: *const f32,
        x: *const f32,
        to: *mut f32,
        stride: usize,
        width: usize,
        add: bool,
    ) {
        // SAFETY: reads what the caller vouches for, and writes the sums: the predicate keeps the other columns from memory.
        unsafe {
            mve!(
                "vctp.32 r0",
                "vmov.i32 q0, #0",
                "vmov.i32 q1, #0",
                "vmov.i32 q2, #0",
                "vmov.i32 q3, #0",
                "cbz r1, 1f",
                "vpst",
                "vldrwt.u32 q0, [{to}]",
                "add r3, {to}, {stride}",
                "vpst",
                "vldrwt.u32 q1, [r3]",
                "add r3, r3, {stride}",
                "vpst",
                "vldrwt.u32 q2, [r3]",
                "add r3, r3, {stride}",
                "vpst",
                "vldrwt.u32 q3, [r3]",
                "1:",
                "wls lr, r2, 3f",
                "2:",
                "ldm {delta}, {{r0-r3}}",
                "vpst",
                "vldrwt.u32 q4, [{x}]",
                "add {delta}, {delta}, {delta_stride}",
                "vfma.f32 q0, q4, r0",
                "add {x}, {x}, {x_stride}",
                "vfma.f32 q1, q4, r1",
                "vfma.f32 q2, q4, r2",
                "vfma.f32 q3, q4, r3",
                "le lr, 2b",
                "3:",
                "vpst",
                "vstrwt.32 q0, [{to}]",
                "add {to}, {to}, {stride}",
                "vpst",
                "vstrwt.32 q1, [{to}]",
                "add {to}, {to}, {stride}",
                "vpst",
                "vstrwt.32 q2, [{to}]",
                "add {to}, {to}, {stride}",
                "vpst",
                "vstrwt.32 q3, [{to}]",
                to = inout(reg) to => _,
                stride = in(reg) stride.wrapping_mul(4),
                delta = inout(reg) delta => _,
                delta_stride = in(reg) self.delta.stride.wrapping_mul(4),
                x = inout(reg) x => _,
                x_stride = in(reg) self.x.stride.wrapping_mul(4),
                inout("r0") width => _,
                inout("r1") usize::from(add) => _,
                inout("r2") self.rows => _,
                out("r3") _,
            );
        }
    }

    /// Four columns of one output.
    ///
    /// # Safety
    /// As for [`Self::all`].
    #[inline(always)]
    unsafe fn one_output(
        self,
        delta: *const f32,
        x: *const f32,
        to: *mut f32,
        width: usize,
        add: bool,
    ) {
        // SAFETY: as in `four_outputs`.
        unsafe {
            mve!(
                "vctp.32 {width}",
                "vmov.i32 q0, #0",
                "cbz r1, 1f",
                "vpst",
                "vldrwt.u32 q0, [{to}]",
                "1:",
                "wls lr, {n}, 3f",
                "2:",
                "ldr {value}, [{delta}]",
                "vpst",
                "vldrwt.u32 q4, [{x}]",
                "add {delta}, {delta}, {delta_stride}",
                "add {x}, {x}, {x_stride}",
                "vfma.f32 q0, q4, {value}",
                "le lr, 2b",
                "3:",
                "vpst",
                "vstrwt.32 q0, [{to}]",
                width = in(reg) width,
                to = in(reg) to,
                n = in(reg) self.rows,
                value = out(reg) _,
                delta = inout(reg) delta => _,
                delta_stride = in(reg) self.delta.stride.wrapping_mul(4),
                x = inout(reg) x => _,
                x_stride = in(reg) self.x.stride.wrapping_mul(4),
                in("r1") usize::from(add),
            );
        }
    }
}

/// See [`outer_sum_momentum`](portable::outer_sum_momentum).
#[inline(never)]
pub fn outer_sum_momentum(
    rates: Rates,
    outer: Outer<'_>,
    width: usize,
    w: &mut [f32],
    m: &mut [f32],
) -> bool {
    portable::by_tiles(outer, width, w, m, |part, tile, g, w, m| {
        outer_sum(part, g, tile.g_stride, tile.width, false);
        sgd_momentum(rates, tile, w, g, m)
    })
}

/// See [`window3`](portable::window3).
#[inline(never)]
pub fn window3(window: Window3<'_>, y: &mut [f32]) {
    portable::window3_by(window, y, axpy, true);
}
