//! Windows that slide along an axis: what convolution and pooling share. 1-D is 2-D with a height of 1.

use core::ops::Range;

use super::rows::{Strided, StridedRows, StridedRowsMut, strided_mut};

/// One axis of a sliding window: tap k of output o reads the input at `o stride + k dilate - pad`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    pub input: usize,
    pub output: usize,
    pub kernel: usize,
    pub stride: usize,
    pub pad: usize,
    pub dilate: usize,
}

/// What a window covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// The inputs in it.
    pub inputs: Range<usize>,
    /// Its length, the padding counted, but not what lies beyond the padding.
    pub padded: usize,
}

impl Axis {
    /// The outputs of which tap `k` lies in the input, and the input that it reads for the first of them.
    pub(super) fn outputs_of(self, k: usize) -> (Range<usize>, usize) {
        let at = k.saturating_mul(self.dilate);
        let per_stride = |len: usize| len.checked_div(self.stride).unwrap_or(0);
        let first = per_stride(
            self.pad
                .saturating_sub(at)
                .saturating_add(self.stride.saturating_sub(1)),
        );
        // The inputs from tap k of output 0 on, its padding included.
        let reach = self.input.saturating_add(self.pad).saturating_sub(at);
        let end = match reach {
            0 => 0,
            _ => per_stride(reach.saturating_sub(1)).saturating_add(1),
        };
        let input = first
            .saturating_mul(self.stride)
            .saturating_add(at)
            .saturating_sub(self.pad);
        (first..end.min(self.output), input)
    }

    /// The taps of output `o` that lie in the input, and the input under the first of them. Sizes beyond an address space wrap around,
    /// and whoever reads there checks.
    pub(super) fn taps_of(self, o: usize) -> (Range<usize>, usize) {
        // Counted from the start of the padding, as all places here.
        let start = o.wrapping_mul(self.stride);
        // How many taps come before a place.
        let before = |place: usize| {
            let distance = place.saturating_sub(start);
            match self.dilate {
                1 => distance,
                dilate => {
                    let up = distance.wrapping_add(dilate).wrapping_sub(1);
                    up.checked_div(dilate).unwrap_or(0)
                }
            }
        };
        let first = before(self.pad);
        let after = before(self.pad.wrapping_add(self.input)).min(self.kernel);
        if first >= after {
            return (0..0, 0);
        }
        let input = start.wrapping_add(first.wrapping_mul(self.dilate));
        (first..after, input.wrapping_sub(self.pad))
    }

    /// What the window of output `o` covers.
    pub(super) fn cover(self, o: usize) -> Cover {
        // Counted from the start of the padding.
        let start = o.saturating_mul(self.stride);
        let padded = self.input.saturating_add(self.pad);
        let end = start
            .saturating_add(self.kernel)
            .min(padded.saturating_add(self.pad));
        let input = |at: usize| at.min(padded).saturating_sub(self.pad);
        Cover {
            inputs: input(start)..input(end),
            padded: end.saturating_sub(start),
        }
    }
}

/// A rectangle of a plane: rows of `width` values, `stride` apart, the first at `first`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rect {
    pub first: usize,
    pub stride: usize,
    pub width: usize,
    pub rows: usize,
}

impl Rect {
    /// Where two windows cover a plane of rows of `width`.
    pub fn covered(height: &Cover, across: &Cover, width: usize) -> Self {
        Rect {
            first: height
                .inputs
                .start
                .saturating_mul(width)
                .saturating_add(across.inputs.start),
            stride: width,
            width: across.inputs.len(),
            rows: height.inputs.len(),
        }
    }

    pub fn of(self, plane: &[f32]) -> core::iter::Take<StridedRows<'_, f32>> {
        let strided = Strided {
            values: plane,
            first: self.first,
            stride: self.stride,
        };
        strided.rows(self.width).take(self.rows)
    }

    pub fn of_mut(self, plane: &mut [f32]) -> core::iter::Take<StridedRowsMut<'_, f32>> {
        strided_mut(plane, self.first, self.stride, self.width).take(self.rows)
    }
}
