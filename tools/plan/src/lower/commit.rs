//! `Train::Step`: backward, checks and updates in one program. A layer's weights move as soon as their deltas stand and no
//! call that is still to come reads their old values, so that neither deltas nor inputs outlive their layer.
//!
//! | a parameter's gradient | how it is updated |
//! | --- | --- |
//! | terms of parts that do not overlap | row by row, from deltas and inputs, as under `Train::Fused` |
//! | terms that overlap: a weight that several layers share | each is added to a sum as it stands, and the sum is applied |
//! | terms that read a weight, or operands that something overwrites before the update | as a sum |
//! | none | with a gradient of zero |
//!
//! Parameters whose deltas stand at the same time (a layer's weight and bias) move together: all are checked, then all are
//! updated.
//!
//! `Train::Fused` has a form of its own in which all are summed, for plans whose deltas would take more memory than the
//! parameters.

use std::collections::BTreeMap;

use tinpail::plan::{Access, Kernel};

use super::Lowering;
use super::terms::{GradTerm, sorted_disjoint};
use crate::ir::{Instr, Phase, Storage, View};

/// The update of one parameter. Positions are before the call of that number in backward as it was lowered.
struct Commit {
    param: usize,
    terms: Vec<GradTerm>,
    /// Where each term can be formed.
    stands: Vec<usize>,
    /// Where the update can be.
    at: usize,
    /// Whether the gradient is summed in a buffer.
    summed: bool,
}

impl Lowering<'_> {
    /// Weaves the updates into backward.
    pub(super) fn commit(&mut self, moved: Vec<usize>, terms: &[GradTerm]) {
        let first = self.code.instrs.iter();
        let first = first.filter(|i| i.phase == Phase::Forward).count();
        let end = self.code.instrs.len();
        let commits = moved.into_iter().map(|param| {
            let own = terms.iter().filter(|term| term.param == param);
            self.plan_commit(param, own.copied().collect(), first)
        });
        let mut commits: Vec<Commit> = commits.collect();
        self.after_readers(&mut commits);
        together(&mut commits, end);
        for commit in &mut commits {
            commit.summed |= !commit.terms.is_empty() && self.is_overwritten(commit);
        }

        let backward = self.code.instrs.split_off(first);
        self.phase = Phase::Update;
        let mut sums: BTreeMap<usize, View> = BTreeMap::new();
        let mut backward = backward.into_iter();
        for at in first..=end {
            for commit in commits.iter().filter(|commit| commit.summed) {
                self.add_standing(commit, at, &mut sums);
            }
            let due: Vec<&Commit> = commits.iter().filter(|commit| commit.at == at).collect();
            self.check_due(&due, &sums);
            for commit in due {
                self.node = self.param_name(commit.param);
                match sums.get(&commit.param) {
                    Some(sum) => self.apply(commit.param, 0, sum.len, Some(*sum), 0),
                    None => self.update_by_rows(commit.param, &commit.terms),
                }
            }
            if let Some(instr) = backward.next() {
                self.code.instrs.push(Instr {
                    phase: Phase::Update,
                    ..instr
                });
            }
        }
    }

    /// `Train::Fused` with sums: each term is added to its parameter's sum as it stands, and update applies the sums.
    pub(super) fn update_by_sums(&mut self, moved: Vec<usize>, terms: &[GradTerm]) {
        let first = self.code.instrs.iter();
        let first = first.filter(|i| i.phase == Phase::Forward).count();
        let commits = moved.into_iter().map(|param| {
            let own = terms.iter().filter(|term| term.param == param);
            self.plan_commit(param, own.copied().collect(), first)
        });
        let commits: Vec<Commit> = commits.collect();
        let backward = self.code.instrs.split_off(first);
        self.phase = Phase::Backward;
        let mut sums: BTreeMap<usize, View> = BTreeMap::new();
        let mut backward = backward.into_iter();
        for at in first.. {
            for commit in &commits {
                self.add_standing(commit, at, &mut sums);
            }
            match backward.next() {
                Some(instr) => self.code.instrs.push(instr),
                None => break,
            }
        }
        self.phase = Phase::Check;
        self.check_due(&commits.iter().collect::<Vec<_>>(), &sums);
        self.phase = Phase::Update;
        for Commit { param, .. } in commits {
            self.node = self.param_name(param);
            let whole = self.setting.param_lens[param];
            self.apply(param, 0, whole, sums.get(&param).copied(), 0);
        }
    }

    fn plan_commit(&self, param: usize, mut terms: Vec<GradTerm>, first: usize) -> Commit {
        let instrs = &self.code.instrs;
        let touches = |instr: &Instr, wanted: &dyn Fn(View, Access) -> bool| {
            let operands = instr.operands.iter().zip(instr.kernel.accesses());
            operands
                .filter_map(|(view, access)| Some(((*view)?, *access)))
                .any(|(view, access)| wanted(view, access))
        };
        let after = |wanted: &dyn Fn(View, Access) -> bool| {
            let last = instrs.iter().rposition(|instr| touches(instr, wanted));
            last.map_or(first, |last| first.max(last + 1))
        };
        let read = after(&|view, access| {
            access == Access::Read && self.code.buf(view).storage == Storage::Param(param)
        });
        let reads_weights = terms
            .iter()
            .any(|term| self.weights_read(term).next().is_some());
        let summed = reads_weights || !sorted_disjoint(&mut terms.clone());
        if !summed {
            sorted_disjoint(&mut terms);
        }
        let mut stands: Vec<usize> = Vec::new();
        for term in &terms {
            let operands: Vec<View> = term.term.operands().collect();
            let written = after(&|view, access| {
                access != Access::Read && operands.iter().any(|own| own.buf == view.buf)
            });
            // Sums are in the order of the terms.
            let before = stands.last().copied().filter(|_| summed);
            stands.push(written.max(before.unwrap_or(first)));
        }
        let stood = stands.iter().copied().max();
        Commit {
            param,
            at: stood.map_or(instrs.len(), |stood| stood.max(read)),
            terms,
            stands,
            summed,
        }
    }

    /// The parameters that a term reads as inputs.
    fn weights_read(&self, term: &GradTerm) -> impl Iterator<Item = usize> {
        let storages = term.term.inputs().map(|view| self.code.buf(view).storage);
        storages.filter_map(|storage| match storage {
            Storage::Param(index) => Some(index),
            _ => None,
        })
    }

    /// A parameter that is an input of another's gradient moves when that has been formed.
    fn after_readers(&self, commits: &mut [Commit]) {
        let mut read: BTreeMap<usize, usize> = BTreeMap::new();
        for commit in commits.iter() {
            for (term, stands) in commit.terms.iter().zip(&commit.stands) {
                for param in self.weights_read(term) {
                    let last = read.entry(param).or_default();
                    *last = stands.max(last).to_owned();
                }
            }
        }
        for commit in commits {
            let last = read.get(&commit.param).copied();
            commit.at = commit.at.max(last.unwrap_or_default());
        }
    }

    /// Whether something changes an operand between its term's standing and the update.
    fn is_overwritten(&self, commit: &Commit) -> bool {
        commit.terms.iter().zip(&commit.stands).any(|(term, from)| {
            let between = &self.code.instrs[*from..commit.at];
            between.iter().any(|instr| {
                let operands = instr.operands.iter().flatten();
                let mut written = operands
                    .zip(instr.kernel.accesses())
                    .filter(|(_, access)| **access != Access::Read);
                written.any(|(view, _)| term.term.operands().any(|own| own.buf == view.buf))
            })
        })
    }

    /// Adds the terms that stand at `at` to their parameter's sum.
    fn add_standing(&mut self, commit: &Commit, at: usize, sums: &mut BTreeMap<usize, View>) {
        for (term, stands) in commit.terms.iter().zip(&commit.stands) {
            if *stands != at {
                continue;
            }
            self.node = self.param_name(commit.param);
            let len = self.setting.param_lens[commit.param];
            let sum = match sums.get(&commit.param) {
                Some(sum) => *sum,
                None => self.fill("grad", len, 0.0),
            };
            sums.insert(commit.param, sum);
            self.accumulate(*term, sum.part(term.offset, term.len));
        }
    }

    /// All that the due updates are made of is finite before the first of them.
    fn check_due(&mut self, due: &[&Commit], sums: &BTreeMap<usize, View>) {
        self.node = "check".into();
        let mut checked: Vec<View> = Vec::new();
        for commit in due {
            let values: Vec<View> = match sums.get(&commit.param) {
                Some(sum) => vec![*sum],
                None => {
                    let terms = commit.terms.iter();
                    terms.flat_map(|term| term.term.operands()).collect()
                }
            };
            for view in values {
                if !checked.contains(&view) {
                    checked.push(view);
                    self.call(Kernel::CheckFinite, &[Some(view)], &[]);
                }
            }
        }
    }
}

/// Parameters whose last term stands at the same place move at the same place; those without terms at the end.
fn together(commits: &mut [Commit], end: usize) {
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    let stood = |commit: &Commit| commit.stands.iter().copied().max().unwrap_or(end);
    for commit in commits.iter() {
        let place = places.entry(stood(commit)).or_default();
        *place = commit.at.max(*place);
    }
    for commit in commits {
        commit.at = places[&stood(commit)];
    }
}
