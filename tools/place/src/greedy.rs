//! Greedy placements: each order in turn puts every buffer at the lowest offset at which it touches no placed
//! buffer that lives at the same time.

use std::cmp::Reverse;

use crate::model::Model;

/// Offsets in units, one for each buffer of the model, and one past the highest unit used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub offsets: Vec<u64>,
    pub peak: u64,
}

/// The first-fit placements of several orders, until one has a peak of at most `enough`: the best.
pub fn best(model: &Model, enough: u64) -> Found {
    let mut best: Option<Found> = None;
    for order in orders(model) {
        let found = first_fit(model, &order);
        if best.as_ref().is_none_or(|best| found.peak < best.peak) {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|best| best.peak <= enough) {
            break;
        }
    }
    best.unwrap_or(Found {
        offsets: Vec::new(),
        peak: 0,
    })
}

/// The orders, one at a time, since the first is often enough.
fn orders(model: &Model) -> impl Iterator<Item = Vec<u32>> + '_ {
    let size = |buffer: usize| model.sizes[buffer];
    let span = |buffer: usize| model.spans[buffer];
    let first = |buffer: usize| model.runs[buffer].first().map_or(0, |run| run.first);
    let end = |buffer: usize| model.runs[buffer].last().map_or(0, |run| run.end);
    let load = |buffer: usize| {
        let loads = model.sections(buffer).map(|section| model.loads[section]);
        loads.max().unwrap_or(0)
    };
    type Key<'k> = Box<dyn Fn(usize) -> (u64, u64) + 'k>;
    let keys: [Key; 7] = [
        Box::new(move |buffer| (size(buffer), span(buffer))),
        Box::new(move |buffer| (span(buffer), size(buffer))),
        Box::new(move |buffer| (size(buffer).saturating_mul(span(buffer)), size(buffer))),
        Box::new(move |buffer| (load(buffer), size(buffer))),
        Box::new(move |buffer| (load(buffer), span(buffer))),
        Box::new(move |buffer| (u64::MAX - u64::from(first(buffer)), size(buffer))),
        Box::new(move |buffer| (u64::from(end(buffer)), size(buffer))),
    ];
    keys.into_iter().map(move |key| {
        let mut order: Vec<u32> = (0..model.len() as u32).collect();
        order.sort_by_cached_key(|buffer| (Reverse(key(*buffer as usize)), *buffer));
        order
    })
}

/// A placed buffer, as the next ones see it.
#[derive(Clone, Copy)]
struct Placed {
    offset: u64,
    end: u64,
    buffer: u32,
}

/// Each buffer in `order` at the lowest offset that is free over its whole life.
pub fn first_fit(model: &Model, order: &[u32]) -> Found {
    let mut offsets = vec![0; model.len()];
    // By offset.
    let mut placed: Vec<Placed> = Vec::with_capacity(order.len());
    let mut peak = 0;
    for buffer in order.iter().copied() {
        let own = buffer as usize;
        let mut offset = 0;
        for other in &placed {
            if other.offset >= offset + model.sizes[own] {
                break;
            }
            if other.end > offset && model.meet(own, other.buffer as usize) {
                offset = model.align(own, other.end);
            }
        }
        let end = offset + model.sizes[own];
        offsets[own] = offset;
        peak = peak.max(end);
        let at = placed.partition_point(|other| other.offset <= offset);
        placed.insert(
            at,
            Placed {
                offset,
                end,
                buffer,
            },
        );
    }
    Found { offsets, peak }
}
