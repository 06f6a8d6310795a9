//! An update by what 2-bit compression sends of a gradient, see [`codec`](crate::codec).
//!
//! Fixed order: value by value; each is sent, then its weight moves.

use crate::codec::{VALUES_PER_WORD, dequantise, quantise};
use crate::kernel::rows::{groups, groups_mut};
use crate::optim::{Optimizer, Overflow, Update};

/// r += g; what is sent of it is taken from r and given to the optimizer in the place of g.
///
/// # Errors
/// A sum or a new weight is not finite, or the threshold is not one. The weights before it are updated already.
pub fn update<T: Optimizer>(
    g: &[f32],            // [N]
    residual: &mut [f32], // [N]
    w: &mut [f32],        // [N]
    threshold: f32,
    mut update: Update<'_, T>,
) -> Result<(), Overflow> {
    let mut at = 0;
    let pairs = groups(g, VALUES_PER_WORD).zip(groups_mut(residual, VALUES_PER_WORD));
    for ((g, residual), w) in pairs.zip(groups_mut(w, VALUES_PER_WORD)) {
        let (mut word, mut sent) = ([0], [0.0; VALUES_PER_WORD]);
        let sent = sent.get_mut(..g.len()).unwrap_or(&mut []);
        quantise(g, residual, threshold, &mut word).map_err(|_| Overflow)?;
        dequantise(&word, threshold, sent, false).map_err(|_| Overflow)?;
        update.row(at, w, sent)?;
        at += w.len();
    }
    Ok(())
}
