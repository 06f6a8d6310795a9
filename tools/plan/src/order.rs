//! The order of a program's calls, searched for the smallest peak.
//!
//! Lowering emits calls as the symbols were written down. Where a network branches, other orders keep less alive: one branch
//! is finished, and its large values are gone, before the next begins. Calls move within forward and within backward; checks
//! and updates stay where they are. A call stays behind all that made what it reads or writes over, before all that reads
//! what it writes over, and behind every earlier call if it writes what outlives the step, so that a call that fails has left
//! nothing half done. Every sum is therefore formed in the order in which it was written.
//!
//! The search looks at a number of orders, never at a clock, so that builds repeat.

use std::collections::BTreeSet;
use std::ops::Range;

use tinpail::plan::Access;

use crate::alias;
use crate::ir::{Code, Instr, Phase, Storage};
use crate::live::{lives, profile};

/// Orders that are looked at for a program, and calls of all of them together.
const ORDERS: usize = 300;
const CALLS: usize = 60_000;

/// `code` with its calls in the order of the smallest peak found; `None` where that is not below the peak of the order that it
/// has.
pub fn order(code: &Code) -> Option<Code> {
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
            left: ORDERS.min(CALLS / count.max(1)),
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

    /// Call by call the one that makes the least live: what it is the first to use, less what it is the last to use.
    fn greedy(&mut self, calls: &Range<usize>) {
        let own = self.list(calls, &self.deps.before, &self.deps.after, |at| at);
        let order = self.with(calls, own);
        self.look(order);
    }

    /// As [`Self::greedy`], from the last call to the first.
    fn greedy_from_the_end(&mut self, calls: &Range<usize>) {
        let last = |at: usize| usize::MAX - at;
        let mut own = self.list(calls, &self.deps.after, &self.deps.before, last);
        own.reverse();
        let order = self.with(calls, own);
        self.look(order);
    }

    fn list(
        &self,
        calls: &Range<usize>,
        before: &[BTreeSet<usize>],
        after: &[BTreeSet<usize>],
        tie: impl Fn(usize) -> usize,
    ) -> Vec<usize> {
        let used = |at: usize| {
            let views = self.code.instrs[at].operands.iter().flatten();
            let own = views.filter(|view| self.code.buf(**view).storage == Storage::Transient);
            own.map(|view| view.buf.0).collect::<BTreeSet<usize>>()
        };
        let mut uses = vec![0usize; self.code.bufs.len()];
        for buf in calls.clone().flat_map(&used) {
            uses[buf] += 1;
        }
        let elsewhere: BTreeSet<usize> = (0..self.code.instrs.len())
            .filter(|at| !calls.contains(at))
            .flat_map(&used)
            .chain(self.code.pinned().map(|view| view.buf.0))
            .collect();
        let mut alive: BTreeSet<usize> = BTreeSet::new();
        let mut waiting: Vec<usize> = vec![0; self.code.instrs.len()];
        for at in calls.clone() {
            waiting[at] = before[at].len();
        }
        let mut ready: BTreeSet<usize> = calls.clone().filter(|at| waiting[*at] == 0).collect();
        let mut own = Vec::new();
        while !ready.is_empty() {
            let gain = |at: &usize| {
                let mut more = 0i64;
                for buf in used(*at) {
                    let len = self.code.bufs[buf].len as i64;
                    if !alive.contains(&buf) {
                        more += len;
                    }
                    if uses[buf] == 1 && !elsewhere.contains(&buf) {
                        more -= len;
                    }
                }
                (more, tie(*at))
            };
            let Some(at) = ready.iter().copied().min_by_key(gain) else {
                break;
            };
            ready.remove(&at);
            for buf in used(at) {
                uses[buf] -= 1;
                alive.insert(buf);
            }
            for next in &after[at] {
                waiting[*next] -= 1;
                if waiting[*next] == 0 {
                    ready.insert(*next);
                }
            }
            own.push(at);
        }
        own
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
