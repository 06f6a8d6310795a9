//! The loops that dense, recurrent and convolution layers spend their time in, under BLAS's names: products of a matrix and a
//! vector, of matrices, sums of rows and of outer products, ReLU, and the updates of plain SGD; and, named after their cells, what recurrent
//! layers do besides products.
//!
//! Every function exists up to four times: [`portable`], in Rust; [`soft`], for cores without an FPU, and [`unrolled`], for RISC-V with one, in
//! Rust as well; and on Arm cores with an FPU `kernel::arm`, in assembly. All compute the same bits (NaN payloads aside), which tests/qemu/blas.rs checks on the device; the
//! functions here are those of the target. Sums of products exist once for each way in which [`Products`] join sums; those of the recipe
//! `ftz` are `kernel::arm::mve` on a Cortex-M55, in assembly, and [`portable`] everywhere else.
//!
//! K inputs, O outputs, R rows. A matrix is given with the distance of its rows where that is not its width. As all kernels they are
//! total: with slices that are too short they do nothing, or less.

use core::ops::Range;

pub mod portable;
pub mod soft;
pub mod unrolled;

#[cfg(all(target_arch = "arm", target_abi = "eabihf", target_os = "none"))]
use super::arm as chosen;
// `riscv_f` is build.rs's: the compiler does not say whether a RISC-V has an FPU.
#[cfg(not(any(all(target_arch = "arm", target_os = "none"), target_arch = "riscv32")))]
use portable as chosen;
#[cfg(any(
    all(target_arch = "arm", target_abi = "eabi", target_os = "none"),
    all(target_arch = "riscv32", not(riscv_f))
))]
use soft as chosen;
#[cfg(riscv_f)]
use unrolled as chosen;

pub use chosen::{
    add_rows, all_finite, copy, lstm_deltas, lstm_state, outer_momentum, outer_plain, relu,
    relu_backward, sgd_momentum, sgd_plain,
};

use super::finite::finite;
use super::rows::four_mut;
use crate::math::Math;
#[cfg(all(feature = "ftz", not(mve)))]
use crate::products::Flushed;
#[cfg(feature = "fma")]
use crate::products::Fused;
use crate::products::Products;
#[cfg(feature = "exact")]
use crate::products::Separate;

/// The target's version of a function for the products: the vector unit of a Cortex-M55 and its simulation are for flushed ones alone.
macro_rules! version {
    ($products:expr, $name:ident($($argument:expr),*)) => {
        match $products {
            #[cfg(feature = "exact")]
            Products::Separate => chosen::$name::<Separate>($($argument),*),
            #[cfg(feature = "fma")]
            Products::Fused => chosen::$name::<Fused>($($argument),*),
            #[cfg(mve)]
            Products::Flushed => super::arm::mve::$name($($argument),*),
            #[cfg(all(feature = "ftz", not(mve)))]
            Products::Flushed => portable::$name::<Flushed>($($argument),*),
        }
    };
}

/// See [`portable::gemv`].
#[inline(always)]
pub fn gemv(
    products: Products,
    inputs: usize,
    x: &[f32],     // [K]
    w: &[f32],     // [O, K]
    b: &[f32],     // [O] or empty
    y: &mut [f32], // [O]
    add: bool,
) {
    version!(products, gemv(inputs, x, w, b, y, add));
}

/// See [`portable::gemv_two`].
#[inline(always)]
pub fn gemv_two(
    products: Products,
    inputs: usize,
    x: &[f32],        // [K]
    w: &[f32],        // [O + P, K]
    b: &[f32],        // [O + P] or empty
    y: &mut [f32],    // [O]
    then: &mut [f32], // [P]
) {
    version!(products, gemv_two(inputs, x, w, b, y, then));
}

/// See [`portable::gemm`].
#[inline(always)]
pub fn gemm(
    products: Products,
    [inputs, outputs]: [usize; 2],
    x: &[f32],     // [R, K]
    w: &[f32],     // [O, K]
    b: &[f32],     // [O] or empty
    y: &mut [f32], // [R, O], strided
    stride: usize,
) {
    version!(products, gemm(inputs, outputs, x, w, b, y, stride));
}

/// See [`portable::gemv_transposed`].
#[inline(always)]
pub fn gemv_transposed(
    products: Products,
    factors: &[f32], // [R]
    w: Matrix<'_>,   // [R, K]
    y: &mut [f32],   // [K]
    add: bool,
) {
    version!(products, gemv_transposed(factors, w, y, add));
}

/// See [`portable::axpy`].
#[inline(always)]
pub fn axpy(products: Products, a: f32, x: &[f32], y: &mut [f32]) {
    version!(products, axpy(a, x, y));
}

/// See [`portable::dot`].
#[inline(always)]
pub fn dot(products: Products, x: &[f32], w: &[f32], sum: f32) -> f32 {
    version!(products, dot(x, w, sum))
}

/// See [`portable::outer_sum`].
#[inline(always)]
pub fn outer_sum(outer: Outer<'_>, sum: &mut [f32], stride: usize, width: usize, add: bool) {
    version!(outer.products, outer_sum(outer, sum, stride, width, add));
}

/// See [`portable::outer_sum_momentum`].
#[inline(always)]
pub fn outer_sum_momentum(
    rates: Rates,
    outer: Outer<'_>,
    width: usize,
    w: &mut [f32], // [O, K]
    m: &mut [f32], // [O, K]
) -> bool {
    version!(
        outer.products,
        outer_sum_momentum(rates, outer, width, w, m)
    )
}

/// See [`portable::window3`].
#[inline(always)]
pub fn window3(products: Products, window: Window3<'_>, y: &mut [f32]) {
    version!(products, window3(window, y));
}

/// A GRU's cell behind its products: r and z become their sigmoid, n = tanh(n + r q), and then h = (1 - z) n + z h.
pub fn gru_cell(
    math: Math,
    gates: &mut [f32], // [4H]: r, z, n, q
    h: &mut [f32],     // [H]
) {
    #[cfg(all(
        feature = "libm",
        target_arch = "arm",
        target_abi = "eabihf",
        target_os = "none"
    ))]
    if math == Math::Libm {
        return super::arm::gru_cell(gates, h);
    }
    let hidden = h.len();
    if let Some(r_z) = gates.get_mut(..hidden.saturating_mul(2)) {
        math.sigmoid_all(r_z);
    }
    let Some([r, z, n, q]) = four_mut(gates, hidden) else {
        return;
    };
    chosen::gru_new(n, r, q);
    math.tanh_all(n);
    chosen::gru_state(h, z, n);
}

/// Rows of a matrix, `stride` elements apart.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    pub values: &'a [f32],
    pub stride: usize,
}

impl<'a> Matrix<'a> {
    /// Whether `rows` rows of `width` values lie in it.
    #[inline]
    pub fn holds(self, rows: usize, width: usize) -> bool {
        holds(self.values.len(), self.stride, rows, width)
    }

    /// Row `at`, `width` values of it.
    #[inline(always)]
    pub fn row(self, at: usize, width: usize) -> &'a [f32] {
        let from = at.saturating_mul(self.stride);
        let row = self.values.get(from..from.saturating_add(width));
        row.unwrap_or(&[])
    }
}

/// Whether `rows` rows of `width` values, `stride` apart, lie in `len` values.
#[inline]
pub(super) fn holds(len: usize, stride: usize, rows: usize, width: usize) -> bool {
    let Some(last) = rows.checked_sub(1) else {
        return true;
    };
    let end = last
        .checked_mul(stride)
        .and_then(|at| at.checked_add(width));
    end.is_some_and(|end| end <= len)
}

/// What a sum of outer products is made of: delta\[0\] x\[0\]^T + delta\[1\] x\[1\]^T + ..., where the rows of x are `x_rows` of `x`
/// and then `more_rows` of `more`.
#[derive(Clone, Copy, Debug)]
pub struct Outer<'a> {
    pub products: Products,
    /// `[R, O]`
    pub delta: Matrix<'a>,
    /// O
    pub outputs: usize,
    pub x: Matrix<'a>,
    pub x_rows: usize,
    pub more: Matrix<'a>,
    pub more_rows: usize,
}

impl Outer<'_> {
    /// The sum's rows in `outputs`, from column `first` on.
    #[inline]
    pub fn part(&self, outputs: Range<usize>, first: usize) -> Self {
        let columns = |x: &mut Matrix<'_>| x.values = x.values.get(first..).unwrap_or(&[]);
        let mut part = *self;
        columns(&mut part.x);
        columns(&mut part.more);
        part.delta.values = self.delta.values.get(outputs.start..).unwrap_or(&[]);
        part.outputs = outputs.end.min(self.outputs).saturating_sub(outputs.start);
        part
    }

    /// The product that the sum is of inputs of `width` values, where delta and x have one row each, and it is as the FPU rounds it. (The
    /// vector unit's may be zero where the FPU's is subnormal.)
    #[inline(always)]
    pub fn single(&self, width: usize) -> Option<Product<'_>> {
        #[cfg(feature = "ftz")]
        if self.products == Products::Flushed {
            return None;
        }
        let x = match (self.x_rows, self.more_rows) {
            (1, 0) => self.x,
            (0, 1) => self.more,
            _ => return None,
        };
        Some(Product {
            products: self.products,
            delta: self.delta.row(0, self.outputs),
            x: x.row(0, width),
        })
    }

    /// Whether all rows are there, with inputs of `width` values, and a sum of as many columns in `len` values.
    #[inline]
    pub fn fits(&self, len: usize, stride: usize, width: usize) -> bool {
        let rows = self.x_rows.saturating_add(self.more_rows);
        self.delta.holds(rows, self.outputs)
            && self.x.holds(self.x_rows, width)
            && self.more.holds(self.more_rows, width)
            && stride >= width
            && holds(len, stride, self.outputs, width)
    }
}

/// The outer product of two vectors: what a gradient is where there is one row.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    pub products: Products,
    /// `[O]`
    pub delta: &'a [f32],
    /// `[K]`
    pub x: &'a [f32],
}

/// How far SGD moves a weight, where a gradient is neither cut nor decayed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Rates {
    pub lr: f32,
    pub momentum: f32,
    /// What the gradient is multiplied by first.
    pub scale: f32,
}

impl Rates {
    /// A learning rate and its multiplier may be too large together.
    #[inline]
    pub fn are_finite(self) -> bool {
        finite(self.lr) && finite(self.momentum) && finite(self.scale)
    }
}

/// Some of a parameter's weights: `rows` times `width` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    pub rows: usize,
    pub width: usize,
    /// From a row of weights (and states) to the next.
    pub stride: usize,
    /// From a row of the gradient to the next.
    pub g_stride: usize,
}

impl Tile {
    /// `len` weights one after the other.
    pub fn row(len: usize) -> Self {
        Tile {
            rows: 1,
            width: len,
            stride: len,
            g_stride: len,
        }
    }

    /// Whether all rows lie in so many weights and gradients.
    #[inline]
    pub fn fits(self, w_len: usize, g_len: usize) -> bool {
        let fits = |len, stride| stride >= self.width && holds(len, stride, self.rows, self.width);
        fits(w_len, self.stride) && fits(g_len, self.g_stride)
    }
}

/// One row of outputs of a convolution whose windows are three wide, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Window3<'a> {
    /// Channel after channel, each a plane of rows: `[C, H, W]`.
    pub x: &'a [f32],
    /// `[C, KH, 3]`
    pub w: &'a [f32],
    /// C
    pub channels: usize,
    /// Elements of a plane: H W.
    pub plane: usize,
    /// W
    pub width: usize,
    /// KH
    pub height: usize,
    /// The rows of the kernel that lie in the input: how many come before them, and their number.
    pub taps: (usize, usize),
    /// The row of the input under the first of them.
    pub first: usize,
    /// Rows of the input from one row of the kernel to the next.
    pub dilate: usize,
    /// What the rows of the input are padded by: 0 or 1.
    pub pad: usize,
    /// What is added to each sum.
    pub bias: f32,
}

impl Window3<'_> {
    /// Whether rows of `outputs` are what comes out, and all that is read lies in x and w.
    #[inline]
    pub fn fits(&self, outputs: usize) -> bool {
        self.checked(outputs).unwrap_or(false)
    }

    /// `None` where a number is beyond what a `usize` holds.
    #[inline]
    fn checked(&self, outputs: usize) -> Option<bool> {
        let (skipped, rows) = self.taps;
        let weights = self.height.checked_mul(3)?.checked_mul(self.channels)?;
        let last = rows.saturating_sub(1).checked_mul(self.dilate)?;
        let end = last.checked_add(self.first)?.checked_add(1)?;
        Some(
            self.pad <= 1
                && outputs.checked_add(2)? == self.width.checked_add(2 * self.pad)?
                && skipped.checked_add(rows)? <= self.height
                && end.checked_mul(self.width)? <= self.plane
                && weights <= self.w.len()
                && self.channels.checked_mul(self.plane)? <= self.x.len(),
        )
    }
}
