//! The order of a program's calls, searched for the smallest peak.
//!
//! Lowering emits calls as the symbols were written down. Where a network branches, other orders keep less alive: one branch
//! is finished, and its large values are gone, before the next begins. Calls move within forward and within backward; checks
//! and updates stay where they are. A call stays behind all that made what it reads or writes over, before all that reads
//! what it writes over, and behind every earlier call if it writes what outlives the step, so that a call that fails has left
//! nothing half done. Every sum is therefore formed in the order in which it was written.
//!
//! The search looks at a number of orders, never at a clock, so that builds repeat.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tinpail::plan::Access;

use crate::alias;
use crate::ir::{Code, Instr, Phase, Storage};
use crate::live::{lives, profile};

/// Orders that are looked at for a program; with many calls fewer, because looking takes the square of their number.
const ORDERS: usize = 300;
const PAIRS: usize = 4_000_000;

/// `code` with its calls in the order of the smallest peak found; `None` where that is not below the peak of the order that it
/// has.
pub fn order(code: &Code) -> Option<Code> {
    if budget(code) < 3 {
        return None;
    }
    let mut search = Search::new(code);
    for phase in [Phase::Forward, Phase::Backward] {
        let calls = search.range(phase);
        if search.deps.is_chain(&calls) {
            continue;
        }
        search.greedy(&calls);
        search.greedy_from_the_end(&calls);
        search.move_calls(&calls);
    }
    if search.best.order.is_sorted() {
        return None;
    }
    let found = search.code(&search.best.order);
    (peak(&found) < peak(code)).then_some(found)
}

fn budget(code: &Code) -> usize {
    let calls = code.instrs.len();
    ORDERS.min(PAIRS / (calls * calls).max(1))
}

fn peak(code: &Code) -> usize {
    let profile = profile(&lives(code, &alias::elide_where_free(code)));
    profile.into_iter().max().unwrap_or(0)
}

/// Which calls must stay before which.
struct Deps {
    before: Vec<BTreeSet<usize>>,
    after: Vec<BTreeSet<usize>>,
}

impl Deps {
    fn new(code: &Code) -> Self {
        let count = code.instrs.len();
        let mut deps = Deps {
            before: vec![BTreeSet::new(); count],
            after: vec![BTreeSet::new(); count],
        };
        for (second, instr) in code.instrs.iter().enumerate() {
            for (first, earlier) in code.instrs[..second].iter().enumerate() {
                let same_phase = earlier.phase == instr.phase;
                if same_phase && (outlives(code, instr) || conflict(earlier, instr)) {
                    deps.before[second].insert(first);
                    deps.after[first].insert(second);
                }
            }
        }
        deps
    }

    /// Whether each call depends on the one before it: there is no other order.
    fn is_chain(&self, calls: &Range<usize>) -> bool {
        let mut pairs = calls.clone().skip(1);
        pairs.all(|at| self.before[at].contains(&(at - 1)))
    }
}

/// Whether a call writes what is still there after the step.
fn outlives(code: &Code, instr: &Instr) -> bool {
    let mut operands = instr.operands.iter().zip(instr.kernel.accesses());
    operands.any(|(view, access)| {
        let kept = view.is_some_and(|view| code.buf(view).storage != Storage::Transient);
        kept && *access != Access::Read
    })
}

/// Whether one of the two writes what the other uses.
fn conflict(first: &Instr, second: &Instr) -> bool {
    let uses = |instr: &Instr| {
        let operands = instr.operands.iter().zip(instr.kernel.accesses());
        operands
            .filter_map(|(view, access)| Some(((*view)?, *access != Access::Read)))
            .collect::<Vec<_>>()
    };
    let second = uses(second);
    uses(first).iter().any(|(a, writes_a)| {
        second.iter().any(|(b, writes_b)| {
            let overlap =
                a.buf == b.buf && a.offset < b.offset + b.len && b.offset < a.offset + a.len;
            overlap && (*writes_a || *writes_b)
        })
    })
}

/// An order and what is alive in it: the most, and the sum over all calls.
#[derive(Clone)]
struct Ranked {
    order: Vec<usize>,
    rank: (usize, usize),
}

struct Search<'c> {
    code: &'c Code,
    deps: Deps,
    best: Ranked,
    /// Orders that may still be looked at.
    left: usize,
}

impl<'c> Search<'c> {
    fn new(code: &'c Code) -> Self {
        let count = code.instrs.len();
        let mut search = Search {
            code,
            deps: Deps::new(code),
            best: Ranked {
                order: (0..count).collect(),
                rank: (usize::MAX, usize::MAX),
            },
            left: budget(code),
        };
        search.look((0..count).collect());
        search
    }

    /// The calls of a phase, which lie next to each other.
    fn range(&self, phase: Phase) -> Range<usize> {
        let phases = || self.code.instrs.iter().map(|instr| instr.phase);
        let first = phases().take_while(|own| *own < phase).count();
        first..phases().take_while(|own| *own <= phase).count()
    }

    fn code(&self, order: &[usize]) -> Code {
        let instrs = order.iter().map(|at| self.code.instrs[*at].clone());
        Code {
            instrs: instrs.collect(),
            ..self.code.clone()
        }
    }

    /// Takes an order for the best if it is; whether it is.
    fn look(&mut self, order: Vec<usize>) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        let code = self.code(&order);
        let alive = profile(&lives(&code, &alias::elide(&code)));
        let most = alive.iter().copied().max().unwrap_or(0);
        let rank = (most, alive.iter().sum());
        let better = rank < self.best.rank;
        if better {
            self.best = Ranked { order, rank };
        }
        better
    }

    /// The best order so far with the calls of a phase in another one.
    fn with(&self, calls: &Range<usize>, own: Vec<usize>) -> Vec<usize> {
        let mut order = self.best.order.clone();
        order.splice(calls.clone(), own);
        order
    }

    /// Segment by segment, see [`List`].
    fn greedy(&mut self, calls: &Range<usize>) {
        let own = List::new(self.code, calls, &self.deps.before, &self.deps.after).order();
        let order = self.with(calls, own);
        self.look(order);
    }

    /// As [`Self::greedy`], from the last call to the first.
    fn greedy_from_the_end(&mut self, calls: &Range<usize>) {
        let mut own = List::new(self.code, calls, &self.deps.after, &self.deps.before).order();
        own.reverse();
        let order = self.with(calls, own);
        self.look(order);
    }

    /// One call at a time as early or as late as it can be, as long as that makes less live.
    fn move_calls(&mut self, calls: &Range<usize>) {
        let mut moved = true;
        while moved && self.left > 0 {
            moved = false;
            for call in calls.clone() {
                for late in [false, true] {
                    let mut own: Vec<usize> = self.best.order[calls.clone()].to_vec();
                    let Some(from) = own.iter().position(|at| *at == call) else {
                        continue;
                    };
                    let to = match late {
                        false => {
                            let behind = own
                                .iter()
                                .rposition(|at| self.deps.before[call].contains(at));
                            behind.map_or(0, |at| at + 1)
                        }
                        true => {
                            let next = own.iter().position(|at| self.deps.after[call].contains(at));
                            next.unwrap_or(own.len()) - 1
                        }
                    };
                    if to == from {
                        continue;
                    }
                    own.remove(from);
                    own.insert(to, call);
                    let order = self.with(calls, own);
                    moved |= self.look(order);
                }
            }
        }
    }
}

/// Calls of a segment that is looked at.
const SEGMENT: usize = 24;

/// List scheduling by segments. A segment is a ready call and those that become ready by it, up to where it leaves the least
/// alive. Those that leave no more than they found come first, the one that needs the least beside it before the others; then
/// the one that needs most beyond what it leaves: the rule of J. W. H. Liu, "An application of generalized tree pebbling to sparse
/// matrix factorization", 1987, which is optimal for trees.
struct List<'a> {
    code: &'a Code,
    after: &'a [BTreeSet<usize>],
    /// The transient buffers of each call.
    used: BTreeMap<usize, BTreeSet<usize>>,
    /// Buffers that something else uses as well.
    elsewhere: BTreeSet<usize>,
    ready: BTreeSet<usize>,
    /// Calls to come that use a buffer.
    uses: BTreeMap<usize, usize>,
    alive: BTreeSet<usize>,
    /// Calls that a call waits for.
    waiting: BTreeMap<usize, usize>,
}

/// What a segment needs at most and leaves, in elements beyond what was alive.
struct Segment {
    calls: Vec<usize>,
    most: i64,
    left: i64,
}

impl<'a> List<'a> {
    fn new(
        code: &'a Code,
        calls: &Range<usize>,
        before: &[BTreeSet<usize>],
        after: &'a [BTreeSet<usize>],
    ) -> Self {
        let used = |at: usize| -> BTreeSet<usize> {
            let views = code.instrs[at].operands.iter().flatten();
            let own = views.filter(|view| code.buf(**view).storage == Storage::Transient);
            own.map(|view| view.buf.0).collect()
        };
        let mut uses: BTreeMap<usize, usize> = BTreeMap::new();
        for buf in calls.clone().flat_map(used) {
            *uses.entry(buf).or_default() += 1;
        }
        let others = (0..code.instrs.len()).filter(|at| !calls.contains(at));
        let pinned = code.pinned().map(|view| view.buf.0);
        let waiting: BTreeMap<usize, usize> =
            calls.clone().map(|at| (at, before[at].len())).collect();
        let ready = waiting.iter().filter(|(_, count)| **count == 0);
        List {
            code,
            after,
            used: calls.clone().map(|at| (at, used(at))).collect(),
            elsewhere: others.flat_map(used).chain(pinned).collect(),
            ready: ready.map(|(at, _)| *at).collect(),
            uses,
            alive: BTreeSet::new(),
            waiting,
        }
    }

    fn order(mut self) -> Vec<usize> {
        let mut order = Vec::new();
        loop {
            let segments = self.ready.iter().map(|at| self.segment(*at));
            let rank = |segment: &Segment| match segment.left <= 0 {
                true => (false, segment.most),
                false => (true, segment.left - segment.most),
            };
            let Some(best) = segments.min_by_key(rank) else {
                return order;
            };
            for at in best.calls {
                self.run(at);
                order.push(at);
            }
        }
    }

    fn segment(&self, first: usize) -> Segment {
        let (mut alive, mut most) = (0i64, 0i64);
        // How often the segment has used a buffer, and run what a call waits for.
        let mut used_here: BTreeMap<usize, usize> = BTreeMap::new();
        let mut ran_here: BTreeMap<usize, usize> = BTreeMap::new();
        let mut segment = Segment {
            calls: Vec::new(),
            most: 0,
            left: i64::MAX,
        };
        let mut calls = Vec::new();
        let mut next = Some(first);
        while let Some(at) = next {
            let len = |buf: usize| self.code.bufs[buf].len as i64;
            let mut ended = 0;
            for buf in &self.used[&at] {
                let count = used_here.entry(*buf).or_default();
                if *count == 0 && !self.alive.contains(buf) {
                    alive += len(*buf);
                }
                *count += 1;
                if *count == self.uses[buf] && !self.elsewhere.contains(buf) {
                    ended += len(*buf);
                }
            }
            most = most.max(alive);
            alive -= ended;
            calls.push(at);
            if alive < segment.left {
                segment = Segment {
                    calls: calls.clone(),
                    most,
                    left: alive,
                };
            }
            next = None;
            for after in &self.after[at] {
                let ran = ran_here.entry(*after).or_default();
                *ran += 1;
                if Some(&*ran) == self.waiting.get(after) && next.is_none() {
                    next = Some(*after);
                }
            }
            if calls.len() == SEGMENT {
                next = None;
            }
        }
        segment
    }

    fn run(&mut self, at: usize) {
        self.ready.remove(&at);
        for buf in &self.used[&at] {
            self.alive.insert(*buf);
            if let Some(uses) = self.uses.get_mut(buf) {
                *uses -= 1;
            }
        }
        for after in &self.after[at] {
            if let Some(waiting) = self.waiting.get_mut(after) {
                *waiting -= 1;
                if *waiting == 0 {
                    self.ready.insert(*after);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Buf, BufId, View};
    use tinpail::plan::Kernel;

    /// Transient buffers of these lengths; the last is the output.
    fn code(lens: &[usize], instrs: &[(Kernel, &[usize])]) -> Code {
        let view = |buf: usize| View {
            buf: BufId(buf),
            offset: 0,
            len: lens[buf],
        };
        let bufs = lens.iter().enumerate();
        let instrs = instrs.iter().map(|(kernel, bufs)| Instr {
            kernel: *kernel,
            operands: bufs.iter().map(|buf| Some(view(*buf))).collect(),
            ints: Vec::new(),
            phase: Phase::Forward,
            node: String::new(),
        });
        Code {
            bufs: bufs
                .map(|(at, len)| Buf {
                    name: at.to_string(),
                    len: *len,
                    storage: Storage::Transient,
                })
                .collect(),
            instrs: instrs.collect(),
            outputs: vec![view(lens.len() - 1)],
            ..Code::default()
        }
    }

    /// Three branches, each a large value and its small sum: written in breadth, they are best in depth.
    #[test]
    fn branches_one_after_the_other() {
        let lens = [10, 10, 10, 1, 1, 1, 1];
        let fill: &[(Kernel, &[usize])] = &[
            (Kernel::Fill, &[0]),
            (Kernel::Fill, &[1]),
            (Kernel::Fill, &[2]),
            (Kernel::Sum, &[0, 3]),
            (Kernel::Sum, &[1, 4]),
            (Kernel::Sum, &[2, 5]),
            (Kernel::AddAssign, &[3, 4]),
            (Kernel::AddAssign, &[5, 4]),
            (Kernel::Copy, &[4, 6]),
        ];
        let code = code(&lens, fill);
        let ordered = order(&code).expect("a smaller peak");
        assert_eq!((peak(&code), peak(&ordered)), (31, 12));
        crate::validate::same(&code, &ordered).expect("the same values");
    }

    #[test]
    fn a_chain_has_one_order() {
        let lens = [10, 1, 1];
        let code = code(
            &lens,
            &[
                (Kernel::Fill, &[0]),
                (Kernel::Sum, &[0, 1]),
                (Kernel::Copy, &[1, 2]),
            ],
        );
        assert!(order(&code).is_none());
    }
}
