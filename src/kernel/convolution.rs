//! Convolution over (N, C, H, W), MXNet's `Convolution`, with the weight as (F, C/G, KH, KW). 1-D has H = KH = 1.
//!
//! N batch, C channels, F filters, G groups (each reads C/G channels and makes F/G filters), OH and OW the outputs:
//! `floor((x + 2 pad - dilate (k - 1) - 1) / stride) + 1` along each axis.
//!
//! Fixed order, in which taps that fall into the padding are left out:
//!
//! - y\[n,f,oh,ow\] = (+0 + the products over the group's channels, then kh, then kw) + b\[f\].
//! - dx\[n,c,h,w\] = +0 + the products over the group's filters, then kh, then kw.
//! - dw\[f,c,kh,kw\] = (the value present) + the products over n, then oh, then ow.
//! - db\[f\] = (the value present) + delta over n, then oh, then ow.
//!
//! For each tap the outputs that it reaches are a rectangle, found once: the inner loops run along its rows and test
//! nothing.

use super::blas::{self, Matrix, Window3, axpy, dot};
use super::finite::{all_finite, finite};
use super::rows::{Column, row, rows, rows_mut, strided_mut};
use super::window::{Axis, Rect};
use crate::optim::{Optimizer, Overflow, Update};
use crate::products::Products;

/// The sizes of a convolution, and how products join sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    pub products: Products,
    /// Channels that one group reads.
    pub channels: usize,
    /// Filters of one group.
    pub filters: usize,
    pub groups: usize,
    pub height: Axis,
    pub width: Axis,
}

/// The inputs and outputs that one tap connects: equal numbers of rows, of which every `step`th input counts.
#[derive(Clone, Copy)]
struct Tap {
    input: Rect,
    output: Rect,
    step: usize,
}

impl Convolution {
    fn input_plane(self) -> usize {
        self.height.input.saturating_mul(self.width.input)
    }

    fn output_plane(self) -> usize {
        self.height.output.saturating_mul(self.width.output)
    }

    /// KH KW
    fn area(self) -> usize {
        self.height.kernel.saturating_mul(self.width.kernel)
    }

    /// The weights of one filter: C/G KH KW.
    fn taps(self) -> usize {
        self.channels.saturating_mul(self.area())
    }

    fn input_group(self) -> usize {
        self.channels.saturating_mul(self.input_plane())
    }

    fn output_group(self) -> usize {
        self.filters.saturating_mul(self.output_plane())
    }

    fn tap(self, kh: usize, kw: usize) -> Tap {
        let (oh, ih) = self.height.outputs_of(kh);
        let (ow, iw) = self.width.outputs_of(kw);
        let step = self.width.stride;
        let reach = ow.len().saturating_sub(1).saturating_mul(step);
        let at = |row: usize, width: usize, column: usize| {
            row.saturating_mul(width).saturating_add(column)
        };
        Tap {
            input: Rect {
                first: at(ih, self.width.input, iw),
                stride: self.height.stride.saturating_mul(self.width.input),
                width: if ow.is_empty() {
                    0
                } else {
                    reach.saturating_add(1)
                },
                rows: oh.len(),
            },
            output: Rect {
                first: at(oh.start, self.width.output, ow.start),
                stride: self.width.output,
                width: ow.len(),
                rows: oh.len(),
            },
            step,
        }
    }

    /// Each tap with its weight, in order.
    fn each_tap<'w>(self, w: &'w [f32]) -> impl Iterator<Item = (Tap, f32)> + 'w {
        let rows = rows(w, self.width.kernel).enumerate();
        rows.flat_map(move |(kh, w)| {
            let taps = w.iter().enumerate();
            taps.map(move |(kw, w)| (self.tap(kh, kw), *w))
        })
    }

    /// y = x * w + b, for as many samples as `x` and `y` have.
    pub fn forward(
        self,
        x: &[f32],     // [N, C, H, W]
        w: &[f32],     // [F, C/G, KH, KW]
        b: &[f32],     // [F] or empty
        y: &mut [f32], // [N, F, OH, OW]
    ) {
        let samples = rows(x, self.groups.saturating_mul(self.input_group()));
        let outputs = rows_mut(y, self.groups.saturating_mul(self.output_group()));
        for (x, y) in samples.zip(outputs) {
            let (mut w, mut b) = (rows(w, self.taps()), b.iter());
            let groups = rows(x, self.input_group()).zip(rows_mut(y, self.output_group()));
            for (x, y) in groups {
                for y in rows_mut(y, self.output_plane()) {
                    let Some(w) = w.next() else { return };
                    if self.is_window3() {
                        self.rows_by_window3(x, w, b.next().copied().unwrap_or(0.0), y);
                        continue;
                    }
                    y.fill(0.0);
                    if self.is_pointwise() {
                        let x = Matrix {
                            values: x,
                            stride: self.input_plane(),
                        };
                        blas::gemv_transposed(self.products, w, x, y, true);
                        add_to_all(y, b.next());
                        continue;
                    }
                    for (x, w) in rows(x, self.input_plane()).zip(rows(w, self.area())) {
                        self.add_plane(x, w, y);
                    }
                    add_to_all(y, b.next());
                }
            }
        }
    }

    /// Whether windows are three wide and slide over all columns, one by one.
    fn is_window3(self) -> bool {
        let Axis {
            input,
            output,
            kernel,
            stride,
            pad,
            dilate,
        } = self.width;
        (kernel, stride, dilate) == (3, 1, 1)
            && pad <= 1
            && output.saturating_add(2) == input.saturating_add(pad).saturating_add(pad)
    }

    /// Whether every output is made of the inputs at its own place.
    fn is_pointwise(self) -> bool {
        let axis = |axis: Axis| (axis.kernel, axis.stride, axis.pad) == (1, 1, 0);
        axis(self.height) && axis(self.width) && self.input_plane() == self.output_plane()
    }

    /// One plane of outputs where [`Self::is_window3`] holds.
    fn rows_by_window3(
        self,
        x: &[f32], // [C/G, H, W]
        w: &[f32], // [C/G, KH, 3]
        bias: f32,
        y: &mut [f32], // [OH, OW]
    ) {
        for (oh, y) in rows_mut(y, self.width.output).enumerate() {
            let (taps, first) = self.height.taps_of(oh);
            let window = Window3 {
                x,
                w,
                channels: self.channels,
                plane: self.input_plane(),
                width: self.width.input,
                height: self.height.kernel,
                taps: (taps.start, taps.len()),
                first,
                dilate: self.height.dilate,
                pad: self.width.pad,
                bias,
            };
            blas::window3(self.products, window, y);
        }
    }

    /// y += x * w, one channel and one filter.
    fn add_plane(
        self,
        x: &[f32],     // [H, W]
        w: &[f32],     // [KH, KW]
        y: &mut [f32], // [OH, OW]
    ) {
        for (tap, w) in self.each_tap(w) {
            for (x, y) in tap.input.of(x).zip(tap.output.of_mut(y)) {
                if tap.step == 1 {
                    axpy(self.products, w, x, y);
                } else {
                    for (y, x) in y.iter_mut().zip(Column::every(x, tap.step)) {
                        *y = self.products.mul_add(w, x, *y);
                    }
                }
            }
        }
    }

    /// dx = what reaches x from delta.
    pub fn backward_data(
        self,
        delta: &[f32],  // [N, F, OH, OW]
        w: &[f32],      // [F, C/G, KH, KW]
        dx: &mut [f32], // [N, C, H, W]
    ) {
        let samples = rows(delta, self.groups.saturating_mul(self.output_group()));
        let inputs = rows_mut(dx, self.groups.saturating_mul(self.input_group()));
        for (delta, dx) in samples.zip(inputs) {
            let mut w = rows(w, self.taps());
            let groups = rows(delta, self.output_group()).zip(rows_mut(dx, self.input_group()));
            for (delta, dx) in groups {
                dx.fill(0.0);
                for delta in rows(delta, self.output_plane()) {
                    let Some(w) = w.next() else { return };
                    for (dx, w) in rows_mut(dx, self.input_plane()).zip(rows(w, self.area())) {
                        self.add_plane_backward(delta, w, dx);
                    }
                }
            }
        }
    }

    /// dx += what reaches one channel from one filter.
    fn add_plane_backward(
        self,
        delta: &[f32],  // [OH, OW]
        w: &[f32],      // [KH, KW]
        dx: &mut [f32], // [H, W]
    ) {
        for (tap, w) in self.each_tap(w) {
            for (delta, dx) in tap.output.of(delta).zip(tap.input.of_mut(dx)) {
                if tap.step == 1 {
                    axpy(self.products, w, delta, dx);
                } else {
                    for (dx, delta) in strided_mut(dx, 0, tap.step, 1).flatten().zip(delta) {
                        *dx = self.products.mul_add(w, *delta, *dx);
                    }
                }
            }
        }
    }

    /// dw += what delta and x say, for every filter.
    pub fn grad(
        self,
        delta: &[f32],  // [N, F, OH, OW]
        x: &[f32],      // [N, C, H, W]
        dw: &mut [f32], // [F, C/G, KH, KW]
    ) {
        for (f, (group, dw)) in self.with_groups(rows_mut(dw, self.taps())).enumerate() {
            self.grad_filter(delta, x, f, group, dw);
        }
    }

    /// Filter after filter, each with the number of its group.
    fn with_groups<T>(self, filters: impl Iterator<Item = T>) -> impl Iterator<Item = (usize, T)> {
        let per_group = self.filters;
        let (mut group, mut seen) = (0usize, 0usize);
        filters.map(move |filter| {
            if seen == per_group {
                (group, seen) = (group.saturating_add(1), 0);
            }
            seen = seen.saturating_add(1);
            (group, filter)
        })
    }

    /// Filter `f`, of `group`, of [`Self::grad`].
    fn grad_filter(self, delta: &[f32], x: &[f32], f: usize, group: usize, dw: &mut [f32]) {
        let (input, output) = (self.input_group(), self.output_plane());
        let samples = rows(x, self.groups.saturating_mul(input));
        let deltas = rows(delta, self.groups.saturating_mul(self.output_group()));
        for (x, delta) in samples.zip(deltas) {
            let (Some(x), Some(delta)) = (row(x, group, input), row(delta, f, output)) else {
                return;
            };
            let channels = rows(x, self.input_plane()).zip(rows_mut(dw, self.area()));
            for (x, dw) in channels {
                for (kh, dw) in rows_mut(dw, self.width.kernel).enumerate() {
                    for (kw, dw) in dw.iter_mut().enumerate() {
                        *dw = self.tap(kh, kw).product(self.products, x, delta, *dw);
                    }
                }
            }
        }
    }

    /// The gradient of [`Self::grad`], onto zeros, given to the optimizer filter by filter as it is formed:
    /// the same bits as the two after each other.
    ///
    /// # Errors
    /// A gradient or a new weight is not finite. The filters before it are updated already.
    pub fn update<T: Optimizer>(
        self,
        delta: &[f32],    // [N, F, OH, OW]
        x: &[f32],        // [N, C, H, W]
        w: &mut [f32],    // [F, C/G, KH, KW]
        tile: &mut [f32], // [C/G, KH, KW], overwritten
        mut update: Update<'_, T>,
    ) -> Result<(), Overflow> {
        let mut at = 0;
        for (f, (group, w)) in self.with_groups(rows_mut(w, self.taps())).enumerate() {
            tile.fill(0.0);
            self.grad_filter(delta, x, f, group, tile);
            if !all_finite(tile) {
                return Err(Overflow);
            }
            update.row(at, w, tile)?;
            at += w.len();
        }
        Ok(())
    }
}

fn add_to_all(y: &mut [f32], b: Option<&f32>) {
    if let Some(b) = b {
        y.iter_mut().for_each(|y| *y += b);
    }
}

impl Tap {
    /// `sum` + the products of inputs and deltas that the tap connects.
    fn product(self, products: Products, x: &[f32], delta: &[f32], sum: f32) -> f32 {
        let rows = self.input.of(x).zip(self.output.of(delta));
        rows.fold(sum, |sum, (x, delta)| {
            if self.step == 1 {
                dot(products, x, delta, sum)
            } else {
                let pairs = Column::every(x, self.step).zip(delta);
                pairs.fold(sum, |sum, (x, delta)| products.mul_add(x, *delta, sum))
            }
        })
    }
}

/// The sums of delta over samples and positions, channel by channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelSums {
    pub channels: usize,
    /// Positions of one channel of one sample.
    pub inner: usize,
}

impl ChannelSums {
    /// `sum` + delta of channel `c`.
    fn sum(self, delta: &[f32], c: usize, sum: f32) -> f32 {
        let samples = rows(delta, self.channels.saturating_mul(self.inner));
        let channel = samples.filter_map(|sample| row(sample, c, self.inner));
        channel.flatten().fold(sum, |sum, delta| sum + delta)
    }

    /// db += the sums.
    pub fn grad(
        self,
        delta: &[f32],  // [N, C, I]
        db: &mut [f32], // [C]
    ) {
        for (c, db) in db.iter_mut().take(self.channels).enumerate() {
            *db = self.sum(delta, c, *db);
        }
    }

    /// The gradient of [`Self::grad`], onto zeros, given to the optimizer value by value: the same bits.
    ///
    /// # Errors
    /// A gradient or a new bias is not finite. The values before it are updated already.
    pub fn update<T: Optimizer>(
        self,
        delta: &[f32], // [N, C, I]
        b: &mut [f32], // [C]
        mut update: Update<'_, T>,
    ) -> Result<(), Overflow> {
        for (c, b) in b.iter_mut().take(self.channels).enumerate() {
            let g = self.sum(delta, c, 0.0);
            if !finite(g) {
                return Err(Overflow);
            }
            update.row(c, core::slice::from_mut(b), &[g])?;
        }
        Ok(())
    }
}
