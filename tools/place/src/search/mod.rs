//! The exact search at one capacity: depth first over states, within a number of steps. The crate's front page explains
//! the rules by which branches are chosen and left out.

mod memo;
mod state;

use crate::greedy::Found;
use crate::model::{Model, Run};
use crate::style::{Pick, Style};
use memo::{Key, Memo};
use state::State;

/// How a search within a number of nodes ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Solved(Found),
    Infeasible,
    /// The nodes ran out.
    Open,
}

/// One step from a state.
#[derive(Clone, Copy, Debug)]
enum Branch {
    /// The buffer goes to its head.
    Place(u32),
    /// No open buffer stands on the floor of this section.
    Raise(u32),
    /// The buffer lies at this offset or above.
    Lift(u32, u64),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// One of the branches must succeed.
    Any { mark: usize, key: Key },
    /// Each of the components must be solved.
    All,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: Kind,
    first: usize,
    next: usize,
    end: usize,
    run: Run,
}

pub struct Search<'m> {
    model: &'m Model,
    neighbours: Vec<Vec<u32>>,
    /// Buffers that can stand for each other have one class.
    classes: Vec<u32>,
    memo: Memo,
}

impl<'m> Search<'m> {
    pub fn new(model: &'m Model) -> Self {
        let mut known = std::collections::HashMap::new();
        let classes = (0..model.len()).map(|buffer| {
            let shape = (
                &model.runs[buffer],
                model.sizes[buffer],
                model.alignments[buffer],
            );
            *known.entry(shape).or_insert(buffer as u32)
        });
        Search {
            classes: classes.collect(),
            neighbours: model.neighbours(),
            memo: Memo::new(20),
            model,
        }
    }

    /// Looks for offsets below `capacity`, in units, with at most `nodes` steps; and how many it took.
    pub fn decide(&mut self, capacity: u64, nodes: u64, style: &Style) -> (Outcome, u64) {
        let mut run = Descent {
            state: State::new(self.model, &self.neighbours, capacity),
            classes: &self.classes,
            memo: &mut self.memo,
            style,
            frames: Vec::new(),
            branches: Vec::new(),
            runs: Vec::new(),
            lifts: Vec::new(),
            left: nodes,
        };
        if !run.state.fits() {
            return (Outcome::Infeasible, 0);
        }
        let outcome = match run.run() {
            Some(true) => Outcome::Solved(run.state.found()),
            Some(false) => Outcome::Infeasible,
            None => Outcome::Open,
        };
        (outcome, nodes - run.left)
    }
}

struct Descent<'s, 'm> {
    state: State<'m>,
    classes: &'s [u32],
    memo: &'s mut Memo,
    style: &'s Style,
    frames: Vec<Frame>,
    branches: Vec<Branch>,
    runs: Vec<Run>,
    lifts: Vec<(u32, u64)>,
    left: u64,
}

impl Descent<'_, '_> {
    fn run(&mut self) -> Option<bool> {
        self.open_all(Run {
            first: 0,
            end: self.state.model.members.len() as u32,
        });
        let mut solved = true;
        let mut fresh = true;
        while let Some(frame) = self.frames.last().copied() {
            match frame.kind {
                Kind::All => {
                    if !fresh && !solved || frame.next == frame.end {
                        self.runs.truncate(frame.first);
                        self.frames.pop();
                        if frame.next == frame.end && (fresh || solved) {
                            solved = true;
                        }
                        fresh = false;
                        continue;
                    }
                    let run = self.runs[frame.next];
                    self.bump();
                    // A component that is known to fail fails at once.
                    solved = self.open_any(run);
                    fresh = solved;
                }
                Kind::Any { mark, key } => {
                    if !fresh && solved {
                        self.branches.truncate(frame.first);
                        self.frames.pop();
                        continue;
                    }
                    self.state.undo(mark);
                    if frame.next == frame.end {
                        self.memo.insert(key);
                        self.branches.truncate(frame.first);
                        self.frames.pop();
                        solved = false;
                        fresh = false;
                        continue;
                    }
                    if self.left == 0 {
                        return None;
                    }
                    self.left -= 1;
                    let branch = self.branches[frame.next];
                    self.bump();
                    fresh = self.step(branch);
                    solved = fresh;
                    if fresh {
                        self.open_all(frame.run);
                    }
                }
            }
        }
        Some(solved)
    }

    fn bump(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.next += 1;
        }
    }

    fn step(&mut self, branch: Branch) -> bool {
        match branch {
            Branch::Place(buffer) => self.state.place(buffer),
            Branch::Raise(section) => {
                self.raises(section as usize);
                self.state.raise(&self.lifts)
            }
            Branch::Lift(buffer, offset) => self.state.raise(&[(buffer, offset)]),
        }
    }

    /// The heads that the open buffers of a section have when none of them stands on its floor: each stands on
    /// another, or on its own head if that is higher.
    fn raises(&mut self, section: usize) {
        self.lifts.clear();
        let state = &self.state;
        let floor = state.floor(section);
        let lifts = state.open(section).map(|buffer| {
            if state.head(buffer) > floor {
                return (buffer, state.head(buffer));
            }
            let tops = state.open_neighbours(buffer).map(|other| {
                let head = state.head(other).max(floor);
                let above = state.model.sizes[other as usize];
                head + above
            });
            (buffer, tops.min().unwrap_or(u64::MAX))
        });
        self.lifts.extend(lifts);
    }

    /// Opens a frame of the components of what is open in `run`.
    fn open_all(&mut self, run: Run) {
        let first = self.runs.len();
        let mut from = run.first;
        for section in run.sections() {
            let last = section as u32 + 1 == run.end;
            if last || !self.state.crosses(section) {
                let part = Run {
                    first: from,
                    end: section as u32 + 1,
                };
                from = part.end;
                if part
                    .sections()
                    .any(|section| self.state.open_len(section) > 0)
                {
                    self.runs.push(part);
                }
            }
        }
        let state = &self.state;
        self.runs[first..].sort_by_cached_key(|run| {
            let open = run.sections().filter(|s| state.open_len(*s) > 0);
            open.map(|section| state.slack(section)).min()
        });
        let end = self.runs.len();
        self.frames.push(Frame {
            kind: Kind::All,
            first,
            next: first,
            end,
            run,
        });
    }

    /// Opens a frame of the branches of a component; false if it is known to fail.
    fn open_any(&mut self, run: Run) -> bool {
        let mut key: Key = memo::of_capacity(self.state.capacity);
        for section in run.sections() {
            for buffer in self.state.starting(section) {
                key ^= memo::part(buffer, self.state.head(buffer));
            }
        }
        if self.memo.contains(key) {
            return false;
        }
        let first = self.branches.len();
        self.branch(run);
        let end = self.branches.len();
        self.frames.push(Frame {
            kind: Kind::Any {
                mark: self.state.mark(),
                key,
            },
            first,
            next: first,
            end,
            run,
        });
        true
    }

    fn branch(&mut self, run: Run) {
        let state = &self.state;
        let lowest = run.sections().map(|section| state.floor(section)).min();
        let lowest = lowest.unwrap_or(0);
        let mut best: Option<((u64, u64, u64), usize)> = None;
        let mut from = run.first as usize;
        let simple = !state.model.has_gaps && !state.model.has_alignment;
        while from < run.end as usize {
            let floor = state.floor(from);
            let mut to = from + 1;
            while to < run.end as usize && state.floor(to) == floor {
                to += 1;
            }
            let left = (from > run.first as usize).then(|| state.floor(from - 1));
            let right = (to < run.end as usize).then(|| state.floor(to));
            let wall = left.unwrap_or(u64::MAX).min(right.unwrap_or(u64::MAX));
            let valley = from..to;
            let start = from;
            from = to;
            if wall <= floor || state.model.has_gaps && floor != lowest || floor == u64::MAX {
                continue;
            }
            if simple {
                let spanning = state.open(start).filter(|buffer| {
                    let run = state.model.runs[*buffer as usize][0];
                    state.head(*buffer) == floor
                        && run.first as usize == valley.start
                        && run.end as usize == valley.end
                        && (wall == u64::MAX || floor + state.model.sizes[*buffer as usize] <= wall)
                });
                if let Some(buffer) = spanning.min_by_key(|b| self.style.ranks[*b as usize]) {
                    self.branches.push(Branch::Place(buffer));
                    if wall != u64::MAX {
                        self.branches.push(Branch::Lift(buffer, wall + 1));
                    }
                    return;
                }
            }
            for section in valley {
                let candidates = state
                    .open(section)
                    .filter(|b| state.head(*b) == floor)
                    .count() as u64;
                let slack = state.slack(section);
                let count = candidates + u64::from(slack > 0);
                let score = match self.style.pick {
                    Pick::Branches => (count, slack, floor),
                    Pick::Floor => (floor, count, slack),
                    Pick::Slack => (slack, count, floor),
                };
                if best.is_none_or(|(best, _)| score < best) {
                    best = Some((score, section));
                }
            }
        }
        let Some((_, section)) = best else { return };
        let floor = state.floor(section);
        let first = self.branches.len();
        let candidates = state.open(section).filter(|b| state.head(*b) == floor);
        let candidates = candidates.map(Branch::Place);
        self.branches.extend(candidates);
        let rank = |branch: &Branch| match branch {
            Branch::Place(buffer) => (
                self.classes[*buffer as usize],
                self.style.ranks[*buffer as usize],
            ),
            _ => (0, 0),
        };
        // One of each class.
        self.branches[first..].sort_by_key(rank);
        let mut kept = first;
        for at in first..self.branches.len() {
            if at == first || rank(&self.branches[at]).0 != rank(&self.branches[at - 1]).0 {
                self.branches[kept] = self.branches[at];
                kept += 1;
            }
        }
        self.branches.truncate(kept);
        self.branches[first..].sort_by_key(|branch| rank(branch).1);
        if state.slack(section) > 0 {
            self.branches.push(Branch::Raise(section as u32));
        }
    }
}
