//! The product with a matrix of weights: a dense layer, and what recurrent layers are made of.
//!
//! R rows, K inputs, O outputs.
//!
//! Fixed order:
//!
//! - y\[r,o\] = (+0 + x\[r,0\] w\[o,0\] + x\[r,1\] w\[o,1\] + ...) + b\[o\]; without a bias, nothing is added.
//! - dx\[r,k\] = (+0, or the value present) + delta\[r,0\] w\[0,k\] + delta\[r,1\] w\[1,k\] + ...
//! - dw\[o,k\] = (the value present) + delta\[0,o\] x\[0,k\] + delta\[1,o\] x\[1,k\] + ...; over a sequence the rows
//!   are those of step 0, then those of step 1, and so on (t ascending, then the batch).
//! - db\[o\] = (the value present) + delta\[0,o\] + delta\[1,o\] + ...

use super::blas::{self, Matrix, Outer, Tile};
use super::elementwise::add_assign;
use super::finite::all_finite;
use super::rows::{Strided, rows_mut, split};
use crate::optim::{Optimizer, Overflow, Update};
use crate::products::Products;

/// The shape of a matrix of weights, `[outputs, inputs]`, and how products with it join sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    pub products: Products,
    pub inputs: usize,
    pub outputs: usize,
}

impl Dense {
    /// y = x w^T + b, for as many rows as `x` and `y` have.
    #[inline(always)]
    pub fn forward(
        self,
        x: &[f32],     // [R, K]
        w: &[f32],     // [O, K]
        b: &[f32],     // [O] or empty
        y: &mut [f32], // [R, O]
    ) {
        self.forward_strided(x, w, b, y, self.outputs);
    }

    /// As [`Self::forward`], the rows of y `stride` apart.
    #[inline(always)]
    pub fn forward_strided(
        self,
        x: &[f32],     // [R, K]
        w: &[f32],     // [O, K]
        b: &[f32],     // [O] or empty
        y: &mut [f32], // [R, O], strided
        stride: usize,
    ) {
        // One row is not worth the call, and with a length that the compiler knows (none, if the input has another type) gemm need not
        // be linked.
        match y.get_mut(..self.outputs) {
            Some(y) if x.len() == self.inputs => {
                blas::gemv(self.products, self.inputs, x, w, b, y, false);
            }
            _ if x.is_empty() => {}
            _ => {
                let sizes = [self.inputs, self.outputs];
                blas::gemm(self.products, sizes, x, w, b, y, stride);
            }
        }
    }

    /// One row of [`Self::forward`]; with `add`, the product and its bias are summed first and then added to `y`.
    /// An empty `x` is a row of zeros.
    pub fn row(
        self,
        x: &[f32],     // [K] or empty
        w: &[f32],     // [O, K]
        b: &[f32],     // [O] or empty
        y: &mut [f32], // [O]
        add: bool,
    ) {
        if !x.is_empty() {
            return blas::gemv(self.products, self.inputs, x, w, b, y, add);
        }
        row_of_zeros(b, y, add);
    }

    /// [`Self::row`] for two layers whose weights lie one behind the other, the sums of the first, as many as `y`, added and those of
    /// the second stored.
    pub fn row_two(
        self,
        x: &[f32],        // [K] or empty
        w: &[f32],        // [O, K]
        b: &[f32],        // [O] or empty
        y: &mut [f32],    // [P]
        then: &mut [f32], // [O - P]
    ) {
        if !x.is_empty() {
            return blas::gemv_two(self.products, self.inputs, x, w, b, y, then);
        }
        let (b, then_b) = split(b, y.len());
        row_of_zeros(b, y, true);
        row_of_zeros(then_b, then, false);
    }

    /// dx = delta w, or dx += delta w.
    pub fn backward_data(
        self,
        delta: Strided<'_>, // [R, O]
        w: &[f32],          // [O, K]
        dx: &mut [f32],     // [R, K]
        accumulate: bool,
    ) {
        for (delta, dx) in delta.rows(self.outputs).zip(rows_mut(dx, self.inputs)) {
            self.backward_row(delta, w, dx, accumulate);
        }
    }

    /// One row of [`Self::backward_data`].
    pub fn backward_row(
        self,
        delta: &[f32],  // [O]
        w: &[f32],      // [O, K]
        dx: &mut [f32], // [K]
        accumulate: bool,
    ) {
        let Some(dx) = dx.get_mut(..self.inputs) else {
            return;
        };
        let w = Matrix {
            values: w,
            stride: self.inputs,
        };
        blas::gemv_transposed(self.products, delta, w, dx, accumulate);
    }

    /// dw += delta^T x. The rows of x are those of `x0` (the initial state of a recurrent layer), then those of `x1`.
    pub fn grad(
        self,
        delta: Strided<'_>, // [R, O]
        x0: &[f32],         // [R0, K]
        x1: &[f32],         // [R - R0, K]
        dw: &mut [f32],     // [O, K]
    ) {
        if let Some(outer) = self.outer(delta, x0, x1) {
            blas::outer_sum(outer, dw, self.inputs, self.inputs, true);
        }
    }

    /// Each row of the gradient of [`Self::grad`], onto zeros, in turn.
    pub fn grad_rows(
        self,
        delta: Strided<'_>, // [R, O]
        x0: &[f32],         // [R0, K]
        x1: &[f32],         // [R - R0, K]
        tile: &mut [f32],   // [K], overwritten
        mut each: impl FnMut(&[f32]),
    ) {
        let Some(outer) = self.outer(delta, x0, x1) else {
            return;
        };
        let mut o = 0;
        while o < self.outputs && tile.len() >= self.inputs {
            let next = o.saturating_add(1);
            blas::outer_sum(
                outer.part(o..next, 0),
                tile,
                self.inputs,
                self.inputs,
                false,
            );
            each(tile);
            o = next;
        }
    }

    /// The products that a gradient is the sum of.
    #[inline]
    fn outer<'a>(self, delta: Strided<'a>, x0: &'a [f32], x1: &'a [f32]) -> Option<Outer<'a>> {
        let matrix = |values| Matrix {
            values,
            stride: self.inputs,
        };
        Some(Outer {
            products: self.products,
            delta: Matrix {
                values: delta.values.get(delta.first..)?,
                stride: delta.stride,
            },
            outputs: self.outputs,
            x: matrix(x0),
            x_rows: x0.len().checked_div(self.inputs)?,
            more: matrix(x1),
            more_rows: x1.len().checked_div(self.inputs)?,
        })
    }

    /// The gradient of [`Self::grad`], onto zeros, given to the optimizer part by part as it is formed:
    /// the same bits as the two after each other. (But that of one row of x is the product itself, not +0 and the product: where it
    /// is -0, the momentum or the weight was, and nothing decays, it may stay -0.)
    ///
    /// # Errors
    /// A gradient or a new weight is not finite, where all operands were. Some weights are updated already.
    #[inline(always)]
    pub fn update<T: Optimizer>(
        self,
        delta: Strided<'_>, // [R, O]
        x0: &[f32],         // [R0, K]
        x1: &[f32],         // [R - R0, K]
        w: &mut [f32],      // [O, K]
        mut update: Update<'_, T>,
    ) -> Result<(), Overflow> {
        let Some(outer) = self.outer(delta, x0, x1) else {
            return Ok(());
        };
        // No rows, or one: not in one function with the sums, which need not be linked where the compiler knows the lengths. (Of an input
        // it knows that there are no rows if it has another type.)
        if outer.x_rows == 0 && outer.more_rows == 0 {
            return update.row(0, w, &[]);
        }
        if let Some(product) = outer.single(self.inputs)
            && let Some(done) = update.product(w, product)
        {
            return done;
        }
        self.update_sum(delta, x0, x1, w, update)
    }

    /// [`Self::update`] for any number of rows.
    #[inline(never)]
    fn update_sum<T: Optimizer>(
        self,
        delta: Strided<'_>, // [R, O]
        x0: &[f32],         // [R0, K]
        x1: &[f32],         // [R - R0, K]
        w: &mut [f32],      // [O, K]
        mut update: Update<'_, T>,
    ) -> Result<(), Overflow> {
        let Some(outer) = self.outer(delta, x0, x1) else {
            return Ok(());
        };
        if let Some(done) = update.outer(w, outer, self.inputs) {
            return done;
        }
        let mut tile = [0.0; TILE_ROWS * TILE_COLUMNS];
        let mut o = 0;
        while o < self.outputs {
            let mut k = 0;
            while k < self.inputs {
                let part = outer.part(o..o.saturating_add(TILE_ROWS), k);
                let width = self.inputs.saturating_sub(k).min(TILE_COLUMNS);
                blas::outer_sum(part, &mut tile, TILE_COLUMNS, width, false);
                let at = o.saturating_mul(self.inputs).saturating_add(k);
                let Some(w) = w.get_mut(at..) else {
                    return Ok(());
                };
                let of = Tile {
                    rows: part.outputs,
                    width,
                    stride: self.inputs,
                    g_stride: TILE_COLUMNS,
                };
                update.tile(at, of, w, &tile)?;
                k = k.saturating_add(TILE_COLUMNS);
            }
            o = o.saturating_add(TILE_ROWS);
        }
        Ok(())
    }
}

/// What a row of zeros comes to. Apart: it is the first step of a recurrent layer at most.
#[inline(never)]
fn row_of_zeros(b: &[f32], y: &mut [f32], add: bool) {
    let mut b = b.iter();
    for y in y {
        // +0 + b, as after a sum.
        let value = 0.0 + b.next().copied().unwrap_or(0.0);
        *y = if add { *y + value } else { value };
    }
}

/// What is formed of a gradient before the optimizer sees it.
const TILE_ROWS: usize = 4;
const TILE_COLUMNS: usize = 32;

/// db += the sum of the rows of delta.
pub fn bias_grad(
    delta: Strided<'_>, // [R, O]
    outputs: usize,
    db: &mut [f32], // [O]
) {
    if let Some(db) = db.get_mut(..outputs) {
        add_rows(delta, outputs, 0, db);
    }
}

/// sums += the columns of delta's rows from `first` on.
fn add_rows(delta: Strided<'_>, outputs: usize, first: usize, sums: &mut [f32]) {
    let (rows, mut delta) = bias_rows(delta, outputs);
    delta.values = delta.values.get(first..).unwrap_or(&[]);
    // One row is not worth a call.
    if rows == 1 {
        add_assign(sums, delta.row(0, sums.len()));
    } else {
        blas::add_rows(rows, delta, sums);
    }
}

/// How many whole rows delta has, and the matrix of them.
#[inline(always)]
fn bias_rows(delta: Strided<'_>, outputs: usize) -> (usize, Matrix<'_>) {
    let values = delta.values.get(delta.first..).unwrap_or(&[]);
    let rows = match values.len().checked_sub(outputs) {
        // Also where the next row would begin beyond all values.
        Some(0) => 1,
        Some(last) => last
            .checked_div(delta.stride)
            .unwrap_or(0)
            .saturating_add(1),
        None => 0,
    };
    let stride = delta.stride;
    (rows, Matrix { values, stride })
}

/// The gradient of [`bias_grad`], onto zeros, given to the optimizer as it is formed: the same bits. (But that of one row is the row
/// itself, as in [`Dense::update`].)
///
/// # Errors
/// A gradient or a new bias is not finite. Some values before it are updated already.
#[inline(always)]
pub fn bias_update<T: Optimizer>(
    delta: Strided<'_>, // [R, O]
    outputs: usize,
    b: &mut [f32], // [O]
    mut update: Update<'_, T>,
) -> Result<(), Overflow> {
    let (1, row) = bias_rows(delta, outputs) else {
        return bias_update_sum(delta, outputs, b, update);
    };
    let Some(b) = b.get_mut(..outputs) else {
        return Ok(());
    };
    update.tile(0, Tile::row(outputs), b, row.row(0, outputs))
}

/// [`bias_update`] of several rows.
#[inline(never)]
fn bias_update_sum<T: Optimizer>(
    delta: Strided<'_>, // [R, O]
    outputs: usize,
    b: &mut [f32], // [O]
    mut update: Update<'_, T>,
) -> Result<(), Overflow> {
    let mut sums = [0.0; TILE_COLUMNS];
    let mut at = 0;
    while at < outputs {
        let end = at.saturating_add(TILE_COLUMNS).min(outputs);
        let sums = sums.get_mut(..end.saturating_sub(at));
        let (Some(b), Some(sums)) = (b.get_mut(at..end), sums) else {
            return Ok(());
        };
        sums.fill(0.0);
        add_rows(delta, outputs, at, sums);
        if !all_finite(sums) {
            return Err(Overflow);
        }
        update.row(at, b, sums)?;
        at = end;
    }
    Ok(())
}
