//! A second opinion on placements. It shares nothing with the solver but the problem's definition: every pair of
//! buffers is compared, over every stretch of time between their gaps.

use crate::error::Fault;
use crate::problem::{Buffer, Problem};

/// The peak of a placement, if it keeps every rule.
///
/// # Errors
///
/// The first rule that is broken: an offset too few or too many, a wrong alignment, an overlap.
pub fn check(problem: &Problem, offsets: &[u64]) -> Result<u64, Fault> {
    let buffers = problem.buffers();
    if offsets.len() != buffers.len() {
        return Err(Fault::Count {
            offsets: offsets.len(),
            buffers: buffers.len(),
        });
    }
    let mut peak = 0;
    for (index, (buffer, offset)) in buffers.iter().zip(offsets).enumerate() {
        let (offset, alignment) = (*offset, buffer.alignment);
        if offset % alignment != 0 {
            return Err(Fault::Misaligned {
                index,
                offset,
                alignment,
            });
        }
        let end = offset.checked_add(buffer.size);
        peak = peak.max(end.ok_or(Fault::Beyond { index, offset })?);
    }
    for (second, (right, right_at)) in buffers.iter().zip(offsets).enumerate() {
        for (first, (left, left_at)) in buffers.iter().zip(offsets).take(second).enumerate() {
            let address = *left_at.max(right_at);
            let end = (left_at + left.size).min(right_at + right.size);
            if address >= end {
                continue;
            }
            if let Some(time) = first_time_of_both(left, right) {
                return Err(Fault::Overlap {
                    first,
                    second,
                    time,
                    address,
                });
            }
        }
    }
    Ok(peak)
}

/// The first time at which both buffers hold their memory: where a life or a gap starts or ends, or never.
fn first_time_of_both(left: &Buffer, right: &Buffer) -> Option<u64> {
    let holds = |buffer: &Buffer, time: u64| {
        let alive = buffer.lower <= time && time < buffer.upper;
        let mut gaps = buffer.gaps.iter();
        alive && !gaps.any(|gap| gap.lower <= time && time < gap.upper)
    };
    let after_gaps = left.gaps.iter().chain(&right.gaps).map(|gap| gap.upper);
    let starts = [left.lower, right.lower].into_iter().chain(after_gaps);
    starts
        .filter(|time| holds(left, *time) && holds(right, *time))
        .min()
}
