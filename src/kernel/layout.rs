//! Values moved without being changed: copies, blocks of a wider array (concat, slice), axes swapped.

use super::elementwise::{add_assign, assign};
use super::rows::{Strided, rows_mut, strided_mut};

/// dst = src
pub fn copy(dst: &mut [f32], src: &[f32]) {
    assign(dst, src);
}

/// Where blocks of `width` values lie on both sides; block number i is at `first + i * stride`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// How many there are.
    pub count: usize,
    /// The values of each.
    pub width: usize,
    pub src_first: usize,
    pub src_stride: usize,
    pub dst_first: usize,
    pub dst_stride: usize,
}

impl Blocks {
    /// dst's blocks = src's blocks
    pub fn copy(self, dst: &mut [f32], src: &[f32]) {
        self.each(dst, src, false);
    }

    /// dst's blocks += src's blocks
    pub fn add(self, dst: &mut [f32], src: &[f32]) {
        self.each(dst, src, true);
    }

    fn each(self, dst: &mut [f32], src: &[f32], add: bool) {
        let src = Strided {
            values: src,
            first: self.src_first,
            stride: self.src_stride,
        };
        let dst = strided_mut(dst, self.dst_first, self.dst_stride, self.width);
        for (dst, src) in dst.zip(src.rows(self.width)).take(self.count) {
            if add {
                add_assign(dst, src);
            } else {
                assign(dst, src);
            }
        }
    }
}

/// The axes of an array `[P, A, M, B, Q]` of which A and B change places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapAxes {
    pub p: usize,
    pub a: usize,
    pub m: usize,
    pub b: usize,
    pub q: usize,
}

impl SwapAxes {
    /// dst = src with the axes swapped, or dst += that. The way back is [`Self::back`].
    pub fn swap(
        self,
        dst: &mut [f32], // [P, B, M, A, Q]
        src: &[f32],     // [P, A, M, B, Q]
        accumulate: bool,
    ) {
        let Self { p, a, m, b, q } = self;
        let src_stride = m.saturating_mul(b).saturating_mul(q);
        let (mut p_now, mut b_now, mut m_now) = (0_usize, 0, 0);
        let count = p.saturating_mul(b).saturating_mul(m);
        for dst in rows_mut(dst, a.saturating_mul(q)).take(count) {
            // (((p A + 0) M + m) B + b) Q
            let src_first = p_now
                .saturating_mul(a)
                .saturating_mul(m)
                .saturating_add(m_now)
                .saturating_mul(b)
                .saturating_add(b_now)
                .saturating_mul(q);
            let blocks = Blocks {
                count: a,
                width: q,
                src_first,
                src_stride,
                dst_first: 0,
                dst_stride: q,
            };
            blocks.each(dst, src, accumulate);
            m_now += 1;
            if m_now >= m {
                (b_now, m_now) = (b_now + 1, 0);
            }
            if b_now >= b {
                (p_now, b_now) = (p_now + 1, 0);
            }
        }
    }

    /// The swap that undoes this one.
    pub fn back(self) -> Self {
        Self {
            a: self.b,
            b: self.a,
            ..self
        }
    }
}
