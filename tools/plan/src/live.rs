//! When transient buffers live: from the first call that uses them to the last.

use std::collections::BTreeMap;

use crate::alias::Aliases;
use crate::ir::{Code, Storage, View};
use crate::place::Item;

/// The life of every transient buffer that has a place of its own and is used, by buffer.
pub fn lives(code: &Code, aliases: &Aliases) -> BTreeMap<usize, Item> {
    let mut lives = BTreeMap::new();
    let end = code.instrs.len() + 1;
    let mut touch = |view: View, from: usize, to: usize| {
        let root = aliases.resolve(view).buf.0;
        let buf = &code.bufs[root];
        if buf.storage != Storage::Transient {
            return;
        }
        let item = lives.entry(root).or_insert(Item {
            lower: from,
            upper: to,
            size: buf.len,
        });
        item.lower = item.lower.min(from);
        item.upper = item.upper.max(to);
    };
    for (at, instr) in code.instrs.iter().enumerate() {
        for view in instr.operands.iter().flatten() {
            touch(*view, at, at + 1);
        }
    }
    for view in code.pinned() {
        touch(view, end - 1, end);
    }
    lives
}

/// Elements alive during each call.
pub fn profile(lives: &BTreeMap<usize, Item>) -> Vec<usize> {
    let end = lives.values().map(|item| item.upper).max().unwrap_or(0);
    let mut steps = vec![(0, 0); end + 1];
    for item in lives.values() {
        steps[item.lower].0 += item.size;
        steps[item.upper].1 += item.size;
    }
    let mut alive = 0;
    let alive = steps.into_iter().map(|(born, dead)| {
        alive = alive + born - dead;
        alive
    });
    alive.collect()
}
