//! Placement: offsets for buffers of known sizes and lifetimes, by [`tinpail_place`].

use tinpail_place::{Buffer, Problem, minimise};

use crate::error::Error;

/// A buffer: `size` elements, alive over the half-open `lower..upper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub lower: usize,
    pub upper: usize,
    pub size: usize,
}

/// Offsets, one for each item, and what they cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub offsets: Vec<usize>,
    /// One past the highest element used.
    pub peak: usize,
    /// No placement has a smaller peak.
    pub lower_bound: usize,
    /// Steps of the exact search; 0 if a greedy order met the bound.
    pub nodes: u64,
}

fn problem(items: &[Item]) -> Result<Problem, Error> {
    let buffers = items
        .iter()
        .map(|item| Buffer::new(item.lower as u64, item.upper as u64, item.size as u64));
    Problem::new(buffers.collect()).map_err(|error| Error::Invalid(error.to_string()))
}

/// The largest sum of sizes alive at one time.
///
/// # Errors
///
/// [`Error::Invalid`] for an item that never lives.
pub fn largest_live_sum(items: &[Item]) -> Result<usize, Error> {
    Ok(tinpail_place::largest_live_sum(&problem(items)?) as usize)
}

/// Places `items` with at most `nodes` steps of search. The same items and nodes give the same offsets.
///
/// # Errors
///
/// [`Error::Invalid`] for an item that never lives.
pub fn place(items: &[Item], nodes: u64) -> Result<Placement, Error> {
    let solution = minimise(&problem(items)?, nodes);
    let offsets = solution.offsets.iter().map(|offset| *offset as usize);
    Ok(Placement {
        offsets: offsets.collect(),
        peak: solution.peak as usize,
        lower_bound: solution.lower_bound as usize,
        nodes: solution.nodes,
    })
}
