//! MXNet's 2-bit gradient compression: what devices that learn together send instead of gradients, a sixteenth of
//! the bytes. What a step does not send stays in a residual and is sent later.
//!
//! For each value, with g the gradient of the whole batch (before `rescale_grad`, clipping and weight decay), r its
//! residual, zero at first, and t the threshold:
//!
//! ```text
//! r += g;   r >= t: send +t, r -= t;   r <= -t: send -t, r += t;   else: send 0
//! ```
//!
//! Whoever updates the weights adds what all devices sent and gives the sum to the optimizer in place of the gradient.
//! Each device keeps a residual for each parameter (as MXNet 1.9.1 does it on a kvstore of type `device`; the rule and the
//! wire order from the project's study of it, held to the numbers of scenario f).
//!
//! A plan made with `compression_params` has its update take what would be sent ([`kernel::compressed`](crate::kernel::compressed)),
//! as MXNet does on one device with a KVStore object; a loop over several devices calls the functions below.
//!
//! # On the wire
//!
//! n values are ceil(n / 16) words of 32 bits. Byte k of a word, counted from its lowest, holds the values 4k to 4k + 3,
//! the first of them in its highest bits; what is left of the last word is 00.
//!
//! ```text
//! bits of a word  31 30 29 28 27 26 25 24 | 23 .. 16 | 15 .. 8 | 7 6  5 4  3 2  1 0
//! value            12    13    14    15   | 8 ..  11 | 4 ..  7 |  0    1    2    3      11 = +t, 10 = -t, 00 = 0
//! ```
//!
//! In memory and on the wire words are little endian (`u32::to_le_bytes`).
//!
//! # The threshold
//!
//! MXNet has one t for all tensors and all steps. No step can send more than t, so that too small a t sends a large
//! gradient over many steps, late; too large a t answers a small gradient with a large step, also late.
//! [`adaptive_threshold`] gives each tensor a t for each step instead:
//!
//! ```text
//! t = factor * mean |g + r|
//! ```
//!
//! The t that loses least in one step minimises E (x - q(x))^2 = E x^2 - 2 t E[|x|; |x| >= t] + t^2 P(|x| >= t) over
//! x = g + r. In units of mean |x| that is 1 where x is uniform, 1.09 where it is normal and sqrt 2 where it is Laplace's:
//! [`FACTOR`] lies between. It costs a second pass over the tensor and one f32 on the wire: the receiver needs t.
//!
//! Below 2 it has to stay: residuals spread evenly over -t to t have a mean of t / 2, so that with 2 the threshold would
//! grow by itself.
//!
//! Four devices learn a network of 56 parameters in two tensors together, each from 8 samples a step
//! (`tests/codec/learning.rs` prints and asserts this; means of 20 seeds): steps until the loss is a tenth of the first, and
//! what part of it is left after 200. Inputs in another unit (U's `lr_mult` made good) change nothing for whole gradients,
//! nor for an adaptive threshold; each fixed one fits some unit, or none:
//!
//! | sent | unit 1: steps, loss | unit 0.02 | unit 10 |
//! | --- | --- | --- | --- |
//! | whole gradients | 55, 0.052 | 55, 0.052 | 55, 0.052 |
//! | **adaptive, 1.2** | **56, 0.052** | **56, 0.052** | **56, 0.052** |
//! | t = 0.02 | 200, 0.625 | 148, 0.095 | 200, 0.836 |
//! | t = 0.1 | 183, 0.181 | 102, 0.066 | 200, 0.396 |
//! | t = 0.5, MXNet's default | 72, 0.051 | 96, 0.074 | 156, 0.127 |
//! | t = 2 | 58, 0.054 | 125, 0.106 | 73, 0.056 |
//! | t = 8 | 67, 0.063 | 158, 0.126 | 59, 0.053 |
//! | t = 32 | 88, 0.083 | 171, 0.140 | 67, 0.059 |
//!
//! ```
//! use tinpail::codec::{FACTOR, adaptive_threshold, dequantise, quantise, words_len};
//!
//! # fn main() -> Result<(), tinpail::codec::CodecError> {
//! let gradient = [0.9, -0.1, -0.8];
//! let (mut residual, mut words) = ([0.0; 3], [0; words_len(3)]);
//! let t = adaptive_threshold(&gradient, &residual, FACTOR)?;
//! quantise(&gradient, &mut residual, t, &mut words)?;
//! // The other side:
//! let mut sum = [0.0; 3];
//! dequantise(&words, t, &mut sum, true)?;
//! assert_eq!(sum, [t, 0.0, -t]);
//! # Ok(())
//! # }
//! ```

use crate::kernel::finite::finite;
use crate::kernel::rows::{groups, groups_mut};

/// Values in a word.
pub const VALUES_PER_WORD: usize = 16;

/// How many times the mean absolute value [`adaptive_threshold`] takes, unless told otherwise.
pub const FACTOR: f32 = 1.2;

const PLUS: u32 = 0b11;
const MINUS: u32 = 0b10;
const ZERO: u32 = 0b00;

/// What cannot be compressed or expanded. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CodecError {
    /// The threshold is zero, negative, infinite or NaN.
    #[error("the threshold is not positive and finite")]
    Threshold,
    /// The residual has another number of values than the gradient.
    #[error("the residual needs {needed} values, it has {found}")]
    Residual { needed: usize, found: usize },
    /// Another number of words than the values take.
    #[error("the values take {needed} words, there are {found}")]
    Words { needed: usize, found: usize },
    /// A gradient, or its sum with the residual, is infinite or NaN: it would stay in the residual for ever.
    #[error("gradient {at}, or its sum with the residual, is not finite")]
    NotFinite { at: usize },
    /// Value `at` has the code 01.
    #[error("value {at} has the code 01")]
    Code { at: usize },
    /// The rest of the last word is not 00.
    #[error("the rest of the last word is not 0")]
    Padding,
}

/// Words that `values` values take.
pub const fn words_len(values: usize) -> usize {
    values.div_ceil(VALUES_PER_WORD)
}

/// Adds `gradient` to `residual`, writes what is to be sent into `words`, and takes it from `residual`.
///
/// `residual` is as long as `gradient`, `words` has [`words_len`] of that.
pub fn quantise(
    gradient: &[f32],
    residual: &mut [f32],
    threshold: f32,
    words: &mut [u32],
) -> Result<(), CodecError> {
    check_threshold(threshold)?;
    check_words(gradient.len(), words)?;
    check_sums(gradient, residual)?;
    let pairs = groups(gradient, VALUES_PER_WORD).zip(groups_mut(residual, VALUES_PER_WORD));
    for (word, (gradient, residual)) in words.iter_mut().zip(pairs) {
        *word = 0;
        for ((g, r), shift) in gradient.iter().zip(residual).zip(shifts()) {
            *r += g;
            let code = if *r >= threshold {
                *r -= threshold;
                PLUS
            } else if *r <= -threshold {
                *r += threshold;
                MINUS
            } else {
                ZERO
            };
            *word |= code.wrapping_shl(shift);
        }
    }
    Ok(())
}

/// Writes what `words` say into `out`, or adds it to `out` (`accumulate`): the sum over the devices.
///
/// `words` has [`words_len`] of `out`'s length; every word is checked before `out` is changed.
pub fn dequantise(
    words: &[u32],
    threshold: f32,
    out: &mut [f32],
    accumulate: bool,
) -> Result<(), CodecError> {
    check_threshold(threshold)?;
    check_words(out.len(), words)?;
    check_codes(words, out.len())?;
    for (word, out) in words.iter().zip(groups_mut(out, VALUES_PER_WORD)) {
        for (out, code) in out.iter_mut().zip(codes(*word)) {
            let value = match code {
                PLUS => threshold,
                MINUS => -threshold,
                _ => 0.0,
            };
            *out = if accumulate { *out + value } else { value };
        }
    }
    Ok(())
}

/// A threshold for this step of this tensor: `factor` times the mean of |gradient + residual|.
///
/// It is always one that [`quantise`] takes: for a tensor of zeros the smallest normal number, with which only zeros
/// are sent. A factor that is not positive and finite is refused, as is a sum that overflows.
pub fn adaptive_threshold(
    gradient: &[f32],
    residual: &[f32],
    factor: f32,
) -> Result<f32, CodecError> {
    check_threshold(factor)?;
    check_sums(gradient, residual)?;
    let sums = gradient.iter().zip(residual);
    let sum = sums.fold(0.0, |sum: f32, (g, r)| sum + (g + r).abs());
    // No value: 0 / 1.
    let mean = sum / gradient.len().max(1) as f32;
    let threshold = (factor * mean).max(f32::MIN_POSITIVE);
    check_threshold(threshold)?;
    Ok(threshold)
}

fn check_threshold(threshold: f32) -> Result<(), CodecError> {
    if threshold > 0.0 && finite(threshold) {
        Ok(())
    } else {
        Err(CodecError::Threshold)
    }
}

fn check_words(values: usize, words: &[u32]) -> Result<(), CodecError> {
    let (needed, found) = (words_len(values), words.len());
    if needed == found {
        Ok(())
    } else {
        Err(CodecError::Words { needed, found })
    }
}

fn check_sums(gradient: &[f32], residual: &[f32]) -> Result<(), CodecError> {
    let (needed, found) = (gradient.len(), residual.len());
    if needed != found {
        return Err(CodecError::Residual { needed, found });
    }
    let mut sums = gradient.iter().zip(residual);
    match sums.position(|(g, r)| !finite(g + r)) {
        Some(at) => Err(CodecError::NotFinite { at }),
        None => Ok(()),
    }
}

/// Refuses 01 in the first `len` values of `words`, and all but 00 after them.
fn check_codes(words: &[u32], len: usize) -> Result<(), CodecError> {
    for (at, code) in words.iter().flat_map(|word| codes(*word)).enumerate() {
        match code {
            ZERO => {}
            _ if at >= len => return Err(CodecError::Padding),
            PLUS | MINUS => {}
            _ => return Err(CodecError::Code { at }),
        }
    }
    Ok(())
}

/// The codes of a word, in the order of the values.
fn codes(word: u32) -> impl Iterator<Item = u32> {
    shifts().map(move |shift| word.wrapping_shr(shift) & 0b11)
}

/// Where a word holds its values, in their order: 6, 4, 2, 0, 14, 12, ..., 24.
fn shifts() -> impl Iterator<Item = u32> {
    (0..VALUES_PER_WORD as u32).map(|value| (2 * value) ^ 6)
}
