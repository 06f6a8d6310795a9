//! Copy elision: where a value is copied and the original is never read again, both get the same memory,
//! and the copy is no call any more. Lowering writes every in-place operator as copy and call, so this is
//! also what makes operators work in place and concatenations free.

use tinpail::plan::Kernel;

use crate::ir::{BufId, Code, Instr, Storage, View};

/// Where each buffer lies: a place in another one, or a place of its own.
#[derive(Clone, Debug)]
pub struct Aliases {
    within: Vec<Option<(BufId, usize)>>,
}

impl Aliases {
    /// Every buffer has a place of its own: the network as it would run with one buffer per tensor.
    pub fn none(code: &Code) -> Self {
        Aliases {
            within: vec![None; code.bufs.len()],
        }
    }

    /// The view in terms of the buffer that has a place of its own.
    pub fn resolve(&self, mut view: View) -> View {
        while let Some((buf, offset)) = self.within[view.buf.0] {
            view.buf = buf;
            view.offset += offset;
        }
        view
    }

    /// Whether a copy has become a copy of memory onto itself.
    pub fn is_elided(&self, instr: &Instr) -> bool {
        match (instr.kernel, instr.operands.as_slice()) {
            (Kernel::Copy, [Some(from), Some(to)]) => self.resolve(*from) == self.resolve(*to),
            _ => false,
        }
    }
}

/// Elides every copy that can be elided.
pub fn elide(code: &Code) -> Aliases {
    let mut aliases = Aliases::none(code);
    for (at, instr) in code.instrs.iter().enumerate() {
        if instr.kernel != Kernel::Copy {
            continue;
        }
        let [Some(from), Some(to)] = instr.operands.as_slice() else {
            continue;
        };
        let (from, to) = (aliases.resolve(*from), aliases.resolve(*to));
        if can_merge(code, &aliases, at, from, to) {
            aliases.within[from.buf.0] = Some((to.buf, to.offset));
        }
    }
    aliases
}

/// Whether all of `from` may lie where the copy at `at` puts it: it is never used afterwards, and its
/// place in `to` is not used before.
fn can_merge(code: &Code, aliases: &Aliases, at: usize, from: View, to: View) -> bool {
    let transient = |view: View| code.buf(view).storage == Storage::Transient;
    if from.buf == to.buf || !transient(from) || !transient(to) {
        return false;
    }
    if from.offset != 0 || from.len != code.buf(from).len {
        return false;
    }
    let pinned = code
        .pinned()
        .any(|view| aliases.resolve(view).buf == from.buf);
    if pinned {
        return false;
    }
    let uses = |instr: &Instr, hit: &dyn Fn(View) -> bool| {
        instr
            .operands
            .iter()
            .flatten()
            .any(|view| hit(aliases.resolve(*view)))
    };
    let used_after = code.instrs[at + 1..]
        .iter()
        .any(|instr| uses(instr, &|view| view.buf == from.buf));
    let overlaps = |view: View| {
        view.buf == to.buf && view.offset < to.offset + to.len && to.offset < view.offset + view.len
    };
    let used_before = code.instrs[..at].iter().any(|instr| uses(instr, &overlaps));
    !used_after && !used_before
}
