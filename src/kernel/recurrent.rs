//! What the recurrent layers share: their sizes, their weights, and where their states are kept.
//!
//! T steps, N batch, D inputs, H hidden, G gates; a layer is time-major: x is `[T, N, D]`, h is `[T, N, H]`.
//!
//! Fixed order: the product with the input and the product with the state are two sums, each with its bias added,
//! and then the two are added. T is what `x` is long enough for.

use super::blas;
use super::dense::Dense;
use super::rows::split;
use crate::products::Products;

/// The sizes of one layer, how products join sums, and what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    pub products: Products,
    /// N
    pub batch: usize,
    /// D
    pub inputs: usize,
    /// H
    pub hidden: usize,
    pub keep: Keep,
}

impl Dims {
    /// Products of `inputs` values with a matrix for `outputs`.
    pub(super) fn dense(self, inputs: usize, outputs: usize) -> Dense {
        Dense {
            products: self.products,
            inputs,
            outputs,
        }
    }
}

/// What a layer keeps of its steps. Of R >= 1 rows of gates that are not kept, so many products with the input are formed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// For training: gates `[T, N, S]`, c `[T, N, H]`, h `[T, N, H]`.
    All,
    /// Every output: gates `[R, S]`, c `[N, H]`, h `[T, N, H]`.
    Outputs,
    /// The last output: gates `[R, S]`, c `[N, H]`, h `[N, H]`.
    Last,
}

/// The weights of one layer; a bias may be empty.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// `[G H, D]`
    pub wi: &'a [f32],
    /// `[G H]`
    pub bi: &'a [f32],
    /// `[G H, H]`
    pub wh: &'a [f32],
    /// `[G H]`
    pub bh: &'a [f32],
}

/// A state that changes from step to step, each step in rows of its own or all in the same.
pub(crate) struct Running<'a> {
    values: &'a mut [f32],
    initial: &'a [f32],
    len: usize,
    every_step: bool,
    at: usize,
    begun: bool,
}

impl<'a> Running<'a> {
    /// `len` values for each step; an empty `initial` is zeros.
    pub fn new(values: &'a mut [f32], initial: &'a [f32], len: usize, every_step: bool) -> Self {
        Self {
            values,
            initial,
            len,
            every_step,
            at: 0,
            begun: false,
        }
    }

    /// The next step's place, holding the state before it, and whether that state is more than the lack of one.
    pub fn step(&mut self) -> Option<(&mut [f32], bool)> {
        let (past, future) = self.values.split_at_mut_checked(self.at)?;
        let now = future.get_mut(..self.len)?;
        let known = self.begun || !self.initial.is_empty();
        if !known {
            now.fill(0.0);
        } else if !self.begun {
            blas::copy(self.initial, now);
        } else if self.every_step {
            blas::copy(past.get(past.len().saturating_sub(self.len)..)?, now);
        }
        self.begun = true;
        if self.every_step {
            self.at = self.at.saturating_add(self.len);
        }
        Some((now, known))
    }
}

/// The sums of the products with the input: a row for every step and sequence, or as many rows as there is room for, formed anew
/// when they are used up. All rows of a time are one product of matrices.
pub(crate) struct InputSums<'a> {
    input: Dense,
    /// `[T, N, D]`: what is not yet in a sum
    x: &'a [f32],
    weights: Weights<'a>,
    /// Rows of `stride` values, of which the product's are the first.
    sums: &'a mut [f32],
    stride: usize,
    /// Where the next row begins.
    at: usize,
    /// Rows that are formed and not used.
    left: usize,
}

impl<'a> InputSums<'a> {
    pub fn new(
        input: Dense,
        x: &'a [f32],
        weights: Weights<'a>,
        sums: &'a mut [f32],
        stride: usize,
    ) -> Self {
        Self {
            input,
            x,
            weights,
            sums,
            stride,
            at: 0,
            left: 0,
        }
    }

    /// The next row.
    #[inline]
    pub fn row(&mut self) -> Option<&mut [f32]> {
        if self.left == 0 {
            self.form();
        }
        let from = self.at;
        self.at = from.saturating_add(self.stride);
        self.left = self.left.saturating_sub(1);
        self.sums.get_mut(from..self.at)
    }

    #[inline(never)]
    fn form(&mut self) {
        let Weights { wi, bi, .. } = self.weights;
        let rows = self.sums.len().checked_div(self.stride).unwrap_or(0);
        let (now, later) = split(self.x, rows.saturating_mul(self.input.inputs));
        (self.x, self.at, self.left) = (later, 0, rows);
        // With room for one row gemm need not be linked.
        match self.sums.get_mut(..self.input.outputs) {
            Some(sums) if rows == 1 => self.input.row(now, wi, bi, sums, false),
            _ => (self.input).forward_strided(now, wi, bi, self.sums, self.stride),
        }
    }
}
