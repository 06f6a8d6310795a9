//! Recomputation: forward's values that are not kept are made again where backward needs them first.
//!
//! The pass runs over a lowered program. The calls that made a dropped buffer are repeated, into new buffers, right before
//! the first call behind forward that reads it; what those calls read is kept, made already, or made again in turn. From
//! there on the new buffer stands for the dropped one, so that a chain of layers is made once more segment by segment,
//! from the nearest kept values. A repeated call has the same operands and integers, and so gives the same bits: also
//! Dropout, whose masks follow from the step's seed. Nothing but transient buffers is written: what outlives the step
//! (BatchNorm's moving statistics) moves in backward alone.
//!
//! Where other calls read a small part of a dropped buffer (the last state of a segment of time steps), the part is kept.

use std::collections::{BTreeMap, BTreeSet};

use tinpail::plan::{Access, Kernel};

use crate::ir::{Buf, BufId, Code, Instr, Phase, Storage, View};

/// The transient buffers that forward makes and something behind it reads, in forward's order: what can be dropped.
pub fn saved(code: &Code) -> Vec<usize> {
    let mut made: Vec<usize> = Vec::new();
    let mut saved: BTreeSet<usize> = BTreeSet::new();
    for instr in &code.instrs {
        for (view, access) in operands(instr) {
            let buf = view.buf.0;
            let forward = instr.phase == Phase::Forward;
            if forward && access != Access::Read && !made.contains(&buf) {
                made.push(buf);
            }
            if !forward && made.contains(&buf) {
                saved.insert(buf);
            }
        }
    }
    let pinned: BTreeSet<usize> = code.pinned().map(|view| view.buf.0).collect();
    made.retain(|buf| {
        let transient = code.bufs[*buf].storage == Storage::Transient;
        transient && saved.contains(buf) && !pinned.contains(buf)
    });
    made
}

/// `code` without the buffers of `dropped` kept from forward to backward; `None` where one of them cannot be made again,
/// because a weight that it is made of has moved by then.
pub fn recompute(code: &Code, dropped: &BTreeSet<usize>) -> Option<Code> {
    let mut pass = Pass::new(code, dropped);
    pass.forward();
    let behind = code.instrs.iter().filter(|i| i.phase != Phase::Forward);
    for instr in behind {
        pass.remake(instr)?;
        pass.push(instr);
    }
    let Pass { out, .. } = pass;
    Some(out)
}

fn operands(instr: &Instr) -> impl Iterator<Item = (View, Access)> {
    let operands = instr.operands.iter().zip(instr.kernel.accesses());
    operands.filter_map(|(view, access)| Some(((*view)?, *access)))
}

struct Pass<'c> {
    code: &'c Code,
    out: Code,
    /// The calls of forward that write each transient buffer.
    writers: BTreeMap<usize, Vec<usize>>,
    /// Where the value of each such buffer is; none if it must be made again.
    standing: BTreeMap<usize, usize>,
    /// Parts of dropped buffers that are kept, and where.
    parts: Vec<(View, View)>,
    /// What something behind forward has written.
    changed: BTreeSet<usize>,
}

impl<'c> Pass<'c> {
    fn new(code: &'c Code, dropped: &BTreeSet<usize>) -> Self {
        let mut writers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, instr) in code.instrs.iter().enumerate() {
            if instr.phase != Phase::Forward {
                break;
            }
            for (view, access) in operands(instr) {
                let transient = code.buf(view).storage == Storage::Transient;
                if access != Access::Read && transient {
                    let calls = writers.entry(view.buf.0).or_default();
                    if calls.last() != Some(&at) {
                        calls.push(at);
                    }
                }
            }
        }
        let pinned = code.pinned().map(|view| view.buf.0);
        let kept = saved(code).into_iter().chain(pinned);
        let kept = kept.filter(|buf| !dropped.contains(buf));
        let mut out = code.clone();
        out.instrs.clear();
        let mut pass = Pass {
            code,
            out,
            writers,
            standing: kept.map(|buf| (buf, buf)).collect(),
            parts: Vec::new(),
            changed: BTreeSet::new(),
        };
        for buf in dropped {
            pass.keep_parts(*buf);
        }
        pass
    }

    /// Gives each part of `buf` that is read alone, and is at most half of it, a buffer of its own.
    fn keep_parts(&mut self, buf: usize) {
        let mut wanted: BTreeSet<(usize, usize)> = BTreeSet::new();
        for instr in &self.code.instrs {
            for (view, access) in operands(instr) {
                let part = view.buf.0 == buf && 2 * view.len <= self.code.bufs[buf].len;
                if part && access == Access::Read {
                    wanted.insert((view.offset, view.len));
                }
            }
        }
        for (offset, len) in wanted {
            let part = View {
                buf: BufId(buf),
                offset,
                len,
            };
            let kept = self.buffer(buf, ".kept", len);
            self.parts.push((part, kept));
        }
    }

    fn buffer(&mut self, of: usize, suffix: &str, len: usize) -> View {
        let buf = BufId(self.out.bufs.len());
        self.out.bufs.push(Buf {
            name: format!("{}{suffix}", self.code.bufs[of].name),
            len,
            storage: Storage::Transient,
        });
        View {
            buf,
            offset: 0,
            len,
        }
    }

    /// The calls of forward, and behind the last that writes a dropped buffer the copies of its kept parts.
    fn forward(&mut self) {
        let instrs = self.code.instrs.iter().enumerate();
        for (at, instr) in instrs.take_while(|(_, instr)| instr.phase == Phase::Forward) {
            let mapped = instr.operands.iter().zip(instr.kernel.accesses());
            let mapped = mapped.map(|(view, access)| match access {
                Access::Read => self.kept_part(*view),
                _ => *view,
            });
            let mapped = Instr {
                operands: mapped.collect(),
                ..instr.clone()
            };
            self.out.instrs.push(mapped);
            for (part, kept) in &self.parts {
                if self.writers[&part.buf.0].last() == Some(&at) {
                    self.out.instrs.push(Instr {
                        kernel: Kernel::Copy,
                        operands: vec![Some(*part), Some(*kept)],
                        ints: Vec::new(),
                        phase: Phase::Forward,
                        node: instr.node.clone(),
                    });
                }
            }
        }
    }

    /// The view itself, or the kept part that it is.
    fn kept_part(&self, view: Option<View>) -> Option<View> {
        let view = view?;
        let part = self.parts.iter().find(|(part, _)| *part == view);
        Some(part.map_or(view, |(_, kept)| *kept))
    }

    /// Makes again what `instr` reads and what no longer stands.
    fn remake(&mut self, instr: &Instr) -> Option<()> {
        let needed = operands(instr).filter(|(view, _)| {
            let buf = view.buf.0;
            let made = self.writers.contains_key(&buf) && !self.standing.contains_key(&buf);
            made && self.kept_part(Some(*view)) == Some(*view)
        });
        let mut open: Vec<usize> = needed.map(|(view, _)| view.buf.0).collect();
        let mut again: BTreeSet<usize> = BTreeSet::new();
        let mut made: BTreeSet<usize> = BTreeSet::new();
        while let Some(buf) = open.pop() {
            if !made.insert(buf) {
                continue;
            }
            for call in &self.writers[&buf] {
                if !again.insert(*call) {
                    continue;
                }
                for (view, access) in operands(&self.code.instrs[*call]) {
                    let own = self.writers.contains_key(&view.buf.0);
                    if !own {
                        if self.changed.contains(&view.buf.0) {
                            return None;
                        }
                    } else if access != Access::Read || !self.stands(view) {
                        open.push(view.buf.0);
                    }
                }
            }
        }
        let mut fresh: BTreeMap<usize, usize> = BTreeMap::new();
        for buf in made {
            let len = self.code.bufs[buf].len;
            let again = self.buffer(buf, ".again", len).buf.0;
            if let Some(shape) = self.code.shapes.get(&buf) {
                self.out.shapes.insert(again, shape.clone());
            }
            fresh.insert(buf, again);
        }
        for call in again {
            let of = &self.code.instrs[call];
            let mapped = of.operands.iter().zip(of.kernel.accesses());
            let mapped = mapped.map(|(view, access)| {
                let view = (*view)?;
                // What is made again reads what is made again with it; a kept part is as good and may live already.
                let kept = self.kept_part(Some(view)).filter(|kept| *kept != view);
                let buf = match (access, kept) {
                    (Access::Read, Some(kept)) => return Some(kept),
                    _ => fresh.get(&view.buf.0).copied(),
                };
                Some(buf.map_or_else(|| self.now(view), |buf| moved(view, buf)))
            });
            let mapped = Instr {
                operands: mapped.collect(),
                phase: instr.phase,
                ..of.clone()
            };
            self.out.instrs.push(mapped);
        }
        // From here on what was made again is read, so that what was kept ends; but not where that has become a delta.
        for (buf, again) in fresh {
            let now = self.standing.get(&buf);
            if !now.is_some_and(|now| self.changed.contains(now)) {
                self.standing.insert(buf, again);
            }
        }
        Some(())
    }

    /// Whether the value of a view is where it was made, or made again: unchanged.
    fn stands(&self, view: View) -> bool {
        let kept = self.kept_part(Some(view)) != Some(view);
        let now = self.standing.get(&view.buf.0);
        kept || now.is_some_and(|buf| !self.changed.contains(buf))
    }

    /// The view where its value is now.
    fn now(&self, view: View) -> View {
        match self.standing.get(&view.buf.0) {
            Some(buf) => moved(view, *buf),
            None => view,
        }
    }

    fn push(&mut self, instr: &Instr) {
        let mapped = instr.operands.iter().zip(instr.kernel.accesses());
        let mapped = mapped.map(|(view, access)| {
            let view = (*view)?;
            // What has been written over since is no longer what the part was kept of.
            let now = self.standing.get(&view.buf.0);
            let changed = now.is_some_and(|buf| self.changed.contains(buf));
            let kept = self.kept_part(Some(view)).filter(|kept| *kept != view);
            match kept {
                Some(kept) if *access == Access::Read && !changed => Some(kept),
                _ => Some(self.now(view)),
            }
        });
        let mapped = Instr {
            operands: mapped.collect(),
            ..instr.clone()
        };
        let written = operands(&mapped).filter(|(_, access)| *access != Access::Read);
        self.changed.extend(written.map(|(view, _)| view.buf.0));
        self.out.instrs.push(mapped);
    }
}

fn moved(view: View, buf: usize) -> View {
    View {
        buf: BufId(buf),
        ..view
    }
}
