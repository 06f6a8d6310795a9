//! Rows of matrices without a path to a panic: where a slice is too short there are fewer rows.
//!
//! core's `chunks_exact`, `split_at` and `step_by` assert their arguments, and `chunks` in a `zip` divides by its own; these do not.

use core::iter::{self, FusedIterator};
use core::mem::take;

/// The rows of a contiguous matrix, each of `width` values; none if `width` is 0.
pub fn rows<T>(values: &[T], width: usize) -> Rows<'_, T> {
    Rows {
        rest: values,
        width,
    }
}

/// As [`rows`], for writing.
pub fn rows_mut<T>(values: &mut [T], width: usize) -> RowsMut<'_, T> {
    RowsMut {
        rest: values,
        width,
    }
}

/// The values `width` at a time, the last ones too where they are fewer; none if `width` is 0.
pub fn groups<T>(mut values: &[T], width: usize) -> impl Iterator<Item = &[T]> {
    iter::from_fn(move || {
        let width = width.min(values.len());
        values.split_off(..width).filter(|group| !group.is_empty())
    })
}

/// As [`groups`], for writing.
pub fn groups_mut<T>(mut values: &mut [T], width: usize) -> impl Iterator<Item = &mut [T]> {
    iter::from_fn(move || {
        let width = width.min(values.len());
        values
            .split_off_mut(..width)
            .filter(|group| !group.is_empty())
    })
}

/// Row `index` of a contiguous matrix.
#[inline]
pub fn row<T>(values: &[T], index: usize, width: usize) -> Option<&[T]> {
    let from = index.saturating_mul(width);
    values.get(from..from.saturating_add(width))
}

/// As [`row`], for writing.
#[inline]
pub fn row_mut<T>(values: &mut [T], index: usize, width: usize) -> Option<&mut [T]> {
    let from = index.saturating_mul(width);
    values.get_mut(from..from.saturating_add(width))
}

/// The values before and from `at`; all and none if there are fewer.
#[inline]
pub fn split<T>(values: &[T], at: usize) -> (&[T], &[T]) {
    values.split_at_checked(at).unwrap_or((values, &[]))
}

/// A row cut into four parts of `width`: the gates of a cell.
#[inline]
pub fn four_mut<T>(values: &mut [T], width: usize) -> Option<[&mut [T]; 4]> {
    let (a, rest) = values.split_at_mut_checked(width)?;
    let (b, rest) = rest.split_at_mut_checked(width)?;
    let (c, rest) = rest.split_at_mut_checked(width)?;
    let (d, _) = rest.split_at_mut_checked(width)?;
    Some([a, b, c, d])
}

/// See [`rows`].
#[derive(Debug)]
pub struct Rows<'a, T> {
    rest: &'a [T],
    width: usize,
}

impl<'a, T> Rows<'a, T> {
    /// The next four rows, if there are four.
    #[inline]
    pub fn next_four(&mut self) -> Option<[&'a [T]; 4]> {
        if self.width == 0 {
            return None;
        }
        let (a, rest) = self.rest.split_at_checked(self.width)?;
        let (b, rest) = rest.split_at_checked(self.width)?;
        let (c, rest) = rest.split_at_checked(self.width)?;
        let (d, rest) = rest.split_at_checked(self.width)?;
        self.rest = rest;
        Some([a, b, c, d])
    }

    /// The last row of those left.
    #[inline]
    pub fn last_left(&self) -> Option<&'a [T]> {
        rows(self.rest, self.width).next_back()
    }
}

impl<'a, T> Iterator for Rows<'a, T> {
    type Item = &'a [T];

    #[inline]
    fn next(&mut self) -> Option<&'a [T]> {
        if self.width == 0 {
            return None;
        }
        let (row, rest) = self.rest.split_at_checked(self.width)?;
        self.rest = rest;
        Some(row)
    }
}

impl<'a, T> DoubleEndedIterator for Rows<'a, T> {
    #[inline]
    fn next_back(&mut self) -> Option<&'a [T]> {
        if self.width == 0 {
            return None;
        }
        let at = self.rest.len().checked_sub(self.width)?;
        let (rest, row) = self.rest.split_at_checked(at)?;
        self.rest = rest;
        Some(row)
    }
}

impl<T> FusedIterator for Rows<'_, T> {}

/// See [`rows_mut`].
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    rest: &'a mut [T],
    width: usize,
}

impl<'a, T> Iterator for RowsMut<'a, T> {
    type Item = &'a mut [T];

    #[inline]
    fn next(&mut self) -> Option<&'a mut [T]> {
        if self.width == 0 {
            return None;
        }
        let (row, rest) = take(&mut self.rest).split_at_mut_checked(self.width)?;
        self.rest = rest;
        Some(row)
    }
}

impl<'a, T> DoubleEndedIterator for RowsMut<'a, T> {
    #[inline]
    fn next_back(&mut self) -> Option<&'a mut [T]> {
        if self.width == 0 {
            return None;
        }
        let at = self.rest.len().checked_sub(self.width)?;
        let (rest, row) = take(&mut self.rest).split_at_mut_checked(at)?;
        self.rest = rest;
        Some(row)
    }
}

impl<T> FusedIterator for RowsMut<'_, T> {}

/// A matrix whose rows lie `stride` values apart, the first at `first`: some columns of a wider matrix.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a, T = f32> {
    pub values: &'a [T],
    pub first: usize,
    pub stride: usize,
}

impl<'a, T> Strided<'a, T> {
    /// Rows that lie one after the other.
    pub fn contiguous(values: &'a [T], width: usize) -> Self {
        Self {
            values,
            first: 0,
            stride: width,
        }
    }

    /// The rows, each of `width` values; none if `width` is 0, one at most if the stride is 0.
    #[inline]
    pub fn rows(self, width: usize) -> StridedRows<'a, T> {
        let rest = if width == 0 {
            &[]
        } else {
            self.values.get(self.first..).unwrap_or(&[])
        };
        StridedRows {
            rest,
            width,
            stride: self.stride,
        }
    }

    /// One value of each row: the column `at`.
    #[inline]
    pub fn column(self, at: usize) -> Column<'a, T> {
        let from = self.first.saturating_add(at);
        Column {
            rest: self.values.get(from..).unwrap_or(&[]),
            stride: self.stride,
        }
    }
}

/// See [`Strided::rows`].
#[derive(Clone, Debug)]
pub struct StridedRows<'a, T> {
    rest: &'a [T],
    width: usize,
    stride: usize,
}

impl<'a, T> Iterator for StridedRows<'a, T> {
    type Item = &'a [T];

    #[inline]
    fn next(&mut self) -> Option<&'a [T]> {
        if self.rest.is_empty() {
            return None;
        }
        let row = self.rest.get(..self.width)?;
        self.rest = after(self.rest, self.stride);
        Some(row)
    }
}

impl<T> FusedIterator for StridedRows<'_, T> {}

/// See [`Strided::column`].
#[derive(Clone, Debug)]
pub struct Column<'a, T> {
    rest: &'a [T],
    stride: usize,
}

impl<'a, T> Column<'a, T> {
    /// Values that lie one after the other.
    pub fn of(values: &'a [T]) -> Self {
        Self {
            rest: values,
            stride: 1,
        }
    }

    /// The first value and every `stride`th after it.
    pub fn every(values: &'a [T], stride: usize) -> Self {
        Self {
            rest: values,
            stride,
        }
    }
}

impl<'a, T: Copy> Iterator for Column<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        let value = *self.rest.first()?;
        self.rest = after(self.rest, self.stride);
        Some(value)
    }
}

impl<T: Copy> FusedIterator for Column<'_, T> {}

#[inline]
fn after<T>(values: &[T], stride: usize) -> &[T] {
    match stride {
        0 => &[],
        _ => values.get(stride..).unwrap_or(&[]),
    }
}

/// The rows of [`Strided`], for writing.
#[derive(Debug)]
pub struct StridedRowsMut<'a, T> {
    rest: &'a mut [T],
    width: usize,
    gap: usize,
}

/// Rows of `width` values, `stride` apart, the first at `first`; a stride below the width counts as the width.
pub fn strided_mut<T>(
    values: &mut [T],
    first: usize,
    stride: usize,
    width: usize,
) -> StridedRowsMut<'_, T> {
    StridedRowsMut {
        rest: values.get_mut(first..).unwrap_or(&mut []),
        width,
        gap: stride.saturating_sub(width),
    }
}

impl<'a, T> Iterator for StridedRowsMut<'a, T> {
    type Item = &'a mut [T];

    #[inline]
    fn next(&mut self) -> Option<&'a mut [T]> {
        if self.width == 0 {
            return None;
        }
        let (row, rest) = take(&mut self.rest).split_at_mut_checked(self.width)?;
        self.rest = rest.get_mut(self.gap..).unwrap_or(&mut []);
        Some(row)
    }
}

impl<T> FusedIterator for StridedRowsMut<'_, T> {}
