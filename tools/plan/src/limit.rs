//! Training within a RAM limit: which values of forward are not kept but made again, and into how many segments of time
//! steps recurrent layers are cut, so that a step fits at the smallest cost.
//!
//! The search is bounded by a number of programs that it looks at, never by a clock, and meets them in the same order in
//! every build.

use std::collections::{BTreeMap, BTreeSet};

use crate::alias;
use crate::ir::Code;
use crate::live::{lives, profile};
use crate::macs::macs;
use crate::recompute::{recompute, saved};

/// A way to lower the network.
#[derive(Clone)]
pub struct Variant {
    /// Steps of a segment; none: recurrent layers are whole.
    pub steps: Option<usize>,
    pub code: Code,
}

/// A program that keeps less.
#[derive(Clone)]
pub struct Choice {
    pub steps: Option<usize>,
    /// Buffers that are made again.
    pub dropped: usize,
    pub code: Code,
    /// The program that keeps them.
    pub keeping: Code,
    /// Multiply-and-adds of a step, and what the plain program takes.
    pub macs: u64,
    pub plain_macs: u64,
    /// The largest live sum, in elements.
    pub live: usize,
}

/// Programs that the search looks at.
const BUDGET: usize = 3_000;

/// Variants that are searched in full, the best of a first look.
const FINALISTS: usize = 3;

/// The cheapest programs found whose live sum is at most `limit` elements, the cheapest first; if there are none, one that
/// has the smallest.
pub fn choices(variants: Vec<Variant>, limit: usize) -> Vec<Choice> {
    let Some(first) = variants.first() else {
        return Vec::new();
    };
    let plain_macs = total_macs(&first.code);
    let mut searches: Vec<Search> = variants
        .into_iter()
        .map(|variant| Search::new(variant, limit))
        .collect();
    let mut budget = BUDGET;
    for search in &mut searches {
        search.look(&mut budget);
    }
    searches.sort_by_key(|search| search.best().map(|best| best.rank(limit)));
    searches.truncate(FINALISTS);
    let left = budget / searches.len().max(1);
    for search in &mut searches {
        let mut budget = left;
        search.climb(&mut budget);
        search.relax(&mut budget);
    }
    let fits = |search: &Search| search.best().is_some_and(|best| best.live <= limit);
    if !searches.iter().any(fits) {
        for search in &mut searches {
            let mut budget = left;
            search.sink(&mut budget);
        }
    }
    let mut found: Vec<Choice> = searches
        .into_iter()
        .filter_map(|search| {
            let best = search.best?;
            Some(Choice {
                steps: search.variant.steps,
                dropped: best.dropped.len(),
                code: recompute(&search.variant.code, &best.dropped)?,
                keeping: search.variant.code,
                macs: best.macs,
                plain_macs,
                live: best.live,
            })
        })
        .collect();
    found.sort_by_key(|choice| (choice.live.max(limit), choice.macs, choice.live));
    let fits = found.first().is_some_and(|best| best.live <= limit);
    found.truncate(if fits { FINALISTS } else { 1 });
    found
}

fn total_macs(code: &Code) -> u64 {
    code.instrs.iter().map(macs).sum()
}

/// A set of dropped buffers, and what comes of it.
#[derive(Clone)]
struct Point {
    dropped: BTreeSet<usize>,
    live: usize,
    /// Elements alive during each call.
    profile: Vec<usize>,
    macs: u64,
}

impl Point {
    /// Smaller is better: what fits, by its cost; else by what it is above the limit.
    fn rank(&self, limit: usize) -> (usize, u64, usize, usize) {
        let cost = match self.live <= limit {
            true => self.macs,
            false => self.excess(limit),
        };
        (self.live.max(limit), cost, self.profile.len(), self.live)
    }

    /// Elements above the limit, summed over all calls.
    fn excess(&self, limit: usize) -> u64 {
        let above = self.profile.iter().map(|alive| alive.saturating_sub(limit));
        above.sum::<usize>() as u64
    }
}

struct Search {
    variant: Variant,
    limit: usize,
    /// What can be dropped, in forward's order, and its elements.
    saved: Vec<(usize, usize)>,
    seen: BTreeMap<BTreeSet<usize>, Option<Point>>,
    best: Option<Point>,
}

impl Search {
    fn new(variant: Variant, limit: usize) -> Self {
        let saved = saved(&variant.code).into_iter();
        let lens = &variant.code.bufs;
        Search {
            saved: saved.map(|buf| (buf, lens[buf].len)).collect(),
            variant,
            limit,
            seen: BTreeMap::new(),
            best: None,
        }
    }

    fn best(&self) -> Option<&Point> {
        self.best.as_ref()
    }

    fn point(&mut self, dropped: BTreeSet<usize>, budget: &mut usize) -> Option<Point> {
        if let Some(known) = self.seen.get(&dropped) {
            return known.clone();
        }
        *budget = budget.checked_sub(1)?;
        let point = recompute(&self.variant.code, &dropped).map(|code| {
            let profile = profile(&lives(&code, &alias::elide(&code)));
            Point {
                dropped: dropped.clone(),
                live: profile.iter().copied().max().unwrap_or(0),
                profile,
                macs: total_macs(&code),
            }
        });
        if let Some(point) = &point {
            let limit = self.limit;
            let better = |best: &Point| point.rank(limit) < best.rank(limit);
            if self.best().is_none_or(better) {
                self.best = Some(point.clone());
            }
        }
        self.seen.insert(dropped, point.clone());
        point
    }

    /// Of the buffers of at least some size, every n-th is kept.
    fn look(&mut self, budget: &mut usize) {
        self.point(BTreeSet::new(), budget);
        let mut sizes: Vec<usize> = self.saved.iter().map(|(_, len)| *len).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let few = sizes.len().div_ceil(4).max(1);
        for size in sizes.iter().step_by(few) {
            let large = self.saved.iter().filter(|(_, len)| len >= size);
            let large: Vec<usize> = large.map(|(buf, _)| *buf).collect();
            let most = 2 + large.len().isqrt();
            for every in 1..=most {
                let kept = |at: usize| every > 1 && at % every == every - 1;
                let dropped = large.iter().enumerate().filter(|(at, _)| !kept(*at));
                self.point(dropped.map(|(_, buf)| *buf).collect(), budget);
            }
        }
    }

    /// From nothing dropped, and from the best so far: one buffer more, or one less, whichever gains most for its cost.
    fn climb(&mut self, budget: &mut usize) {
        let starts = [self.point(BTreeSet::new(), budget), self.best.clone()];
        for start in starts.into_iter().flatten() {
            let mut now = start;
            while now.live > self.limit && *budget > 0 {
                let mut next: Option<Point> = None;
                for (buf, _) in self.saved.clone() {
                    let mut dropped = now.dropped.clone();
                    if !dropped.remove(&buf) {
                        dropped.insert(buf);
                    }
                    let Some(point) = self.point(dropped, budget) else {
                        continue;
                    };
                    let limit = self.limit;
                    let better = |next: &Point| gains(limit, &now, &point, next);
                    if point.excess(limit) < now.excess(limit) && next.as_ref().is_none_or(better) {
                        next = Some(point);
                    }
                }
                let Some(next) = next else { break };
                now = next;
            }
        }
    }

    /// From the best: keeps what need not be dropped.
    fn relax(&mut self, budget: &mut usize) {
        let Some(mut now) = self.best.clone() else {
            return;
        };
        loop {
            let before = now.rank(self.limit);
            for buf in now.dropped.clone() {
                let mut dropped = now.dropped.clone();
                dropped.remove(&buf);
                if let Some(point) = self.point(dropped, budget)
                    && point.rank(self.limit) < now.rank(self.limit)
                {
                    now = point;
                }
            }
            if now.rank(self.limit) == before {
                return;
            }
        }
    }

    /// From the best, which does not fit: below its own live sum as long as that goes.
    fn sink(&mut self, budget: &mut usize) {
        while let Some(best) = self.best() {
            let live = best.live;
            self.limit = live.saturating_sub(1);
            self.climb(budget);
            if self.best().is_none_or(|best| best.live >= live) {
                return;
            }
        }
    }
}

/// Whether going from `now` to `point` gains more for its products than to `other`.
fn gains(limit: usize, now: &Point, point: &Point, other: &Point) -> bool {
    let excess = now.excess(limit);
    let gain = |to: &Point| u128::from(excess.saturating_sub(to.excess(limit)));
    let cost = |to: &Point| u128::from(to.macs.saturating_sub(now.macs)) + 1;
    gain(point) * cost(other) > gain(other) * cost(point)
}
