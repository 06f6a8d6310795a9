//! How the parts work together: greedy orders, then the search at one capacity after another.

use crate::greedy::{self, Found};
use crate::model::Model;
use crate::problem::Problem;
use crate::search::{Outcome, Search};
use crate::style::Style;

/// A placement and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// One for each buffer of the problem.
    pub offsets: Vec<u64>,
    /// One past the highest offset used.
    pub peak: u64,
    /// No placement has a smaller peak.
    pub lower_bound: u64,
    /// Steps that the search took; 0 if a greedy order was enough.
    pub nodes: u64,
}

impl Solution {
    /// Whether the peak is proven to be the smallest.
    pub fn optimal(&self) -> bool {
        self.peak == self.lower_bound
    }
}

/// Offsets with as small a peak as at most `nodes` steps of search find. The same problem and number give the
/// same offsets.
pub fn minimise(problem: &Problem, nodes: u64) -> Solution {
    solve(problem, None, nodes)
}

/// Offsets with a peak of at most `capacity`, if at most `nodes` steps find some; else the best that were found,
/// and in `lower_bound` whether there can be any.
pub fn within(problem: &Problem, capacity: u64, nodes: u64) -> Solution {
    solve(problem, Some(capacity), nodes)
}

/// The largest sum of sizes alive at one time: no placement has a smaller peak.
pub fn largest_live_sum(problem: &Problem) -> u64 {
    let model = Model::of(problem);
    model.largest_load() * model.unit
}

fn solve(problem: &Problem, capacity: Option<u64>, nodes: u64) -> Solution {
    let model = Model::of(problem);
    let lower_bound = model.largest_load();
    let enough = capacity.map_or(lower_bound, |capacity| capacity / model.unit);
    let best = greedy::best(&model, enough);
    let mut solver = Solver {
        model: &model,
        lower_bound,
        best,
        nodes,
        search: None,
    };
    match capacity {
        Some(_) => solver.reach(enough),
        None => solver.descend(),
    }
    let spent = nodes - solver.nodes;
    let Solver {
        lower_bound, best, ..
    } = solver;
    let mut offsets = vec![0; problem.buffers().len()];
    for (origin, offset) in model.origin.iter().zip(&best.offsets) {
        offsets[*origin as usize] = offset * model.unit;
    }
    Solution {
        offsets,
        peak: best.peak * model.unit,
        lower_bound: lower_bound * model.unit,
        nodes: spent,
    }
}

/// How many styles try one capacity before the next is tried.
const STYLES: usize = 4;

struct Solver<'m> {
    model: &'m Model,
    /// In units, as the peak.
    lower_bound: u64,
    best: Found,
    /// What is left.
    nodes: u64,
    search: Option<Search<'m>>,
}

impl Solver<'_> {
    /// Looks for a peak of at most `capacity`, with ever more nodes for each style.
    fn reach(&mut self, capacity: u64) {
        let mut slice = self.first_slice();
        let mut round = 0;
        while self.best.peak > capacity && self.lower_bound <= capacity && self.nodes > 0 {
            self.attempt(capacity, round, slice);
            round += 1;
            slice = slice.saturating_mul(2);
        }
    }

    /// Lowers the peak and raises the bound until they meet: first at the bound itself, which most problems
    /// reach, then halving the distance, with ever more nodes.
    fn descend(&mut self) {
        let mut slice = self.first_slice();
        let mut round = 0;
        while self.best.peak > self.lower_bound && self.nodes > 0 {
            self.attempt(self.lower_bound, round, slice);
            // No placement was found at it in this round, which proves nothing.
            let mut failed = self.lower_bound.max(1) - 1;
            while self.best.peak > failed.max(self.lower_bound) + 1 && self.nodes > 0 {
                let failed_before = failed.max(self.lower_bound);
                let middle = failed_before + (self.best.peak - failed_before) / 2;
                if !self.attempt(middle, round, slice) {
                    failed = middle;
                }
            }
            round += 1;
            slice = slice.saturating_mul(2);
        }
    }

    fn first_slice(&self) -> u64 {
        4 * self.model.len() as u64 + 64
    }

    /// Tries each style of a round at `capacity`, `slice` nodes each. True if a placement was found.
    fn attempt(&mut self, capacity: u64, round: usize, slice: u64) -> bool {
        for number in round * STYLES..(round + 1) * STYLES {
            let slice = slice.min(self.nodes);
            if slice == 0 {
                return false;
            }
            let model = self.model;
            let search = self.search.get_or_insert_with(|| Search::new(model));
            let style = Style::of(model, number);
            let (outcome, spent) = search.decide(capacity, slice, &style);
            self.nodes -= spent;
            match outcome {
                Outcome::Solved(found) => {
                    if found.peak < self.best.peak {
                        self.best = found;
                    }
                    return true;
                }
                Outcome::Infeasible => {
                    self.lower_bound = self.lower_bound.max(capacity + 1);
                    return false;
                }
                Outcome::Open => {}
            }
        }
        false
    }
}
