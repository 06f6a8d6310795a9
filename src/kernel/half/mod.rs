//! What backward needs of forward, stored as f16 (IEEE 754 binary16), two to a word of the arena.
//!
//! [`narrow`] rounds to the nearest value, ties to even; [`widen`] is exact. Both are integer arithmetic, so that every
//! target stores and reads the same bits. A finite value is stored as a finite one: beyond 65504, f16's largest, as
//! +-65504 (a cell state can be that large; gates and tanh cannot). Infinities and NaN stay what they are, so that the
//! checks before an update find them.
//!
//! The relative error of a stored value is at most 2^-11, of one below 2^-14 the absolute error at most 2^-25.
//!
//! [`lstm`], [`gru`] and [`rnn`] are the recurrent layers over such values, [`dense`] the gradient of weights. They use the
//! formulas and the order of sums of the f32 kernels: over values that f16 holds exactly they give the same bits.

pub mod dense;
pub mod gru;
pub mod lstm;
pub mod rnn;

use super::finite::finite;

/// The largest finite f16, 65504.
const LARGEST: u16 = 0x7bff;

/// The f16 nearest to `value`, ties to even; see the module on what lies beyond its range.
#[inline]
pub const fn narrow(value: f32) -> u16 {
    let bits = value.to_bits();
    let magnitude = bits & 0x7fff_ffff;
    let half = if magnitude >= 0x3880_0000 {
        if magnitude > 0x7f80_0000 {
            0x7e00 | (magnitude >> 13) as u16 & 0x03ff
        } else if magnitude == 0x7f80_0000 {
            0x7c00
        } else if magnitude >= 0x477f_f000 {
            LARGEST
        } else {
            // From 2^-14 on: another bias, and 13 bits less.
            let odd = magnitude >> 13 & 1;
            ((magnitude - (112 << 23) + 0x0fff + odd) >> 13) as u16
        }
    } else if magnitude < 102 << 23 {
        0
    } else {
        // A multiple of 2^-24.
        let shift = 126 - (magnitude >> 23);
        let mantissa = magnitude & 0x007f_ffff | 0x0080_0000;
        let (kept, lost) = (mantissa >> shift, mantissa & ((1 << shift) - 1));
        let tie = 1 << (shift - 1);
        let up = lost > tie || lost == tie && kept & 1 == 1;
        kept as u16 + up as u16
    };
    (bits >> 16) as u16 & 0x8000 | half
}

/// The value of an f16.
#[inline]
pub const fn widen(half: u16) -> f32 {
    let magnitude = (half & 0x7fff) as u32;
    let bits = if magnitude >= 0x7c00 {
        let quiet = if magnitude > 0x7c00 { 0x0040_0000 } else { 0 };
        0x7f80_0000 | quiet | magnitude << 13
    } else if magnitude >= 0x0400 {
        (magnitude << 13) + (112 << 23)
    } else if magnitude == 0 {
        0
    } else {
        let shift = magnitude.leading_zeros() - 21;
        (113 - shift) << 23 | (magnitude << shift & 0x03ff) << 13
    };
    f32::from_bits(((half & 0x8000) as u32) << 16 | bits)
}

/// How many words hold `len` f16.
pub const fn words(len: usize) -> usize {
    len.div_ceil(2)
}

/// Words as f16.
pub fn halves(words: &[f32]) -> &[u16] {
    bytemuck::try_cast_slice(words).unwrap_or(&[])
}

/// Words as f16, for writing.
pub fn halves_mut(words: &mut [f32]) -> &mut [u16] {
    bytemuck::try_cast_slice_mut(words).unwrap_or(&mut [])
}

/// dst = src, rounded; where `dst` is longer (by half a word), 0.
pub fn narrow_all(dst: &mut [u16], src: &[f32]) {
    let mut src = src.iter();
    for dst in dst {
        *dst = src.next().map_or(0, |src| narrow(*src));
    }
}

/// dst = src.
pub fn widen_all(dst: &mut [f32], src: &[u16]) {
    for (dst, src) in dst.iter_mut().zip(src) {
        *dst = widen(*src);
    }
}

/// Whether every value is finite; true for none.
pub fn all_finite(values: &[u16]) -> bool {
    values
        .iter()
        .fold(true, |so_far, value| so_far & finite(widen(*value)))
}

/// The words `from..from + 2 pairs` as f16 in the words from `to` on, which is not behind `from`: ascending, so that
/// none is overwritten before it is read.
fn narrow_within(words: &mut [f32], from: usize, to: usize, pairs: usize) {
    for pair in 0..pairs {
        let at = from.saturating_add(pair.saturating_mul(2));
        let Some([low, high]) = words.get(at..).and_then(|rest| rest.first_chunk()) else {
            return;
        };
        let both = u32::from(narrow(*low)) | u32::from(narrow(*high)) << 16;
        if let Some(word) = words.get_mut(to.saturating_add(pair)) {
            *word = f32::from_bits(both);
        }
    }
}

/// `len` f16, the first in the low half of word `from`, as the words from `to` on, which is not before `from`:
/// descending, so that none is overwritten before it is read.
fn widen_within(words: &mut [f32], from: usize, to: usize, len: usize) {
    for at in (0..len).rev() {
        let Some(word) = words.get(from.saturating_add(at >> 1)) else {
            return;
        };
        let half = (word.to_bits() >> (16 * (at & 1))) as u16;
        if let Some(word) = words.get_mut(to.saturating_add(at)) {
            *word = widen(half);
        }
    }
}
