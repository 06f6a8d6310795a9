//! The buffers of a program for the report: where each lies, how long it lives and what it is for.

use std::collections::BTreeMap;

use crate::alias::Aliases;
use crate::ir::{BufId, Code, Phase, Storage, View};
use crate::place::Item;
use crate::plan_file::{BufferKind, Placed};

/// How a buffer is used by the calls that name it, before copies are elided.
#[derive(Clone, Copy)]
struct Use {
    lower: usize,
    upper: usize,
    first: Phase,
    last: Phase,
    calls: usize,
}

/// Every transient buffer, those with memory of their own first. `lives` says which those are; `offsets` where each lies.
pub fn placed(
    code: &Code,
    aliases: &Aliases,
    lives: &BTreeMap<usize, Item>,
    offsets: &[Option<usize>],
) -> Vec<Placed> {
    let ran = ran_before(code, aliases);
    let uses = uses(code);
    let row = |buf: usize, (lower, upper): (usize, usize), within: Option<usize>| {
        let own = &code.bufs[buf];
        let shape = code.shapes.get(&buf).cloned();
        Some(Placed {
            name: own.name.clone(),
            shape: shape.unwrap_or_else(|| vec![own.len]),
            kind: kind(code, buf, uses.get(&buf)),
            offset: offsets[buf]?,
            len: own.len,
            calls: (ran[lower], ran[upper]),
            within,
        })
    };
    let mut rows: Vec<Placed> = Vec::new();
    let mut rows_of: BTreeMap<usize, usize> = BTreeMap::new();
    for (buf, item) in lives {
        if let Some(own) = row(*buf, (item.lower, item.upper), None) {
            rows_of.insert(*buf, rows.len());
            rows.push(own);
        }
    }
    for (buf, used) in &uses {
        let whole = View {
            buf: BufId(*buf),
            offset: 0,
            len: code.bufs[*buf].len,
        };
        let Some(within) = rows_of.get(&aliases.resolve(whole).buf.0) else {
            continue;
        };
        // A value that is copied before a call has read it has no time of its own.
        let calls = (used.lower, used.upper);
        if !rows_of.contains_key(buf) && ran[calls.0] < ran[calls.1] {
            rows.extend(row(*buf, calls, Some(*within)));
        }
    }
    rows
}

/// How many calls have run before each instruction, elided copies being none; at the end, what outlives the last call.
fn ran_before(code: &Code, aliases: &Aliases) -> Vec<usize> {
    let mut ran = vec![0];
    let mut calls = 0;
    for instr in &code.instrs {
        calls += usize::from(!aliases.is_elided(instr));
        ran.push(calls);
    }
    ran.push(calls + 1);
    ran
}

fn uses(code: &Code) -> BTreeMap<usize, Use> {
    let mut uses: BTreeMap<usize, Use> = BTreeMap::new();
    let mut touch = |view: View, at: usize, phase: Phase| {
        if code.buf(view).storage != Storage::Transient {
            return;
        }
        let own = uses.entry(view.buf.0).or_insert(Use {
            lower: at,
            upper: at,
            first: phase,
            last: phase,
            calls: 0,
        });
        own.calls += usize::from(own.upper != at + 1);
        (own.upper, own.last) = (at + 1, phase);
    };
    for (at, instr) in code.instrs.iter().enumerate() {
        for view in instr.operands.iter().flatten() {
            touch(*view, at, instr.phase);
        }
    }
    for view in code.pinned() {
        touch(view, code.instrs.len(), Phase::Update);
    }
    uses
}

fn kind(code: &Code, buf: usize, used: Option<&Use>) -> BufferKind {
    let holds = |views: &[View]| views.iter().any(|view| view.buf.0 == buf);
    match used {
        _ if holds(&code.outputs) => BufferKind::Output,
        _ if holds(&code.input_grads) => BufferKind::InputGradient,
        Some(used) if used.calls > 1 => match (used.first, used.last) {
            (Phase::Forward, Phase::Forward) => BufferKind::Activation,
            (Phase::Forward, _) => BufferKind::Saved,
            (Phase::Backward, _) => BufferKind::Delta,
            (Phase::Check | Phase::Update, _) => BufferKind::Gradient,
        },
        _ => BufferKind::Scratch,
    }
}
