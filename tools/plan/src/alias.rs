//! Copy elision: where a value is copied and the original is never read again, both get the same memory,
//! and the copy is no call any more. Lowering writes every in-place operator as copy and call, so this is
//! also what makes operators work in place and concatenations free.

use std::collections::BTreeSet;

use tinpail::plan::Kernel;

use crate::ir::{BufId, Code, Instr, Storage, View};
use crate::live::{lives, profile};

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
    elide_but(code, &BTreeSet::new())
}

/// Elides the copies that can be elided, but for those that would raise the peak: a value that becomes part of a larger
/// buffer has it live from then on.
pub fn elide_where_free(code: &Code) -> Aliases {
    let peak = |aliases: &Aliases| {
        let profile = profile(&lives(code, aliases));
        profile.into_iter().max().unwrap_or(0)
    };
    let mut best = elide(code);
    let mut least = peak(&best);
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    let into_part = |(at, instr): (usize, &Instr)| match instr.operands.as_slice() {
        [Some(_), Some(to)] if best.is_elided(instr) => (to.len < code.buf(*to).len).then_some(at),
        _ => None,
    };
    let parts: Vec<usize> = code
        .instrs
        .iter()
        .enumerate()
        .filter_map(into_part)
        .collect();
    for at in parts.into_iter().take(MOST_TRIED) {
        kept.insert(at);
        let other = elide_but(code, &kept);
        let its = peak(&other);
        if its < least {
            (best, least) = (other, its);
        } else {
            kept.remove(&at);
        }
    }
    best
}

/// Copies that are tried to be left as they are.
const MOST_TRIED: usize = 64;

fn elide_but(code: &Code, kept: &BTreeSet<usize>) -> Aliases {
    let mut aliases = Aliases::none(code);
    for (at, instr) in code.instrs.iter().enumerate() {
        if instr.kernel != Kernel::Copy || kept.contains(&at) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Buf, Phase};

    /// A code whose transient buffers have these lengths; the last is the output.
    fn code(lens: &[usize], instrs: &[(Kernel, &[View])]) -> Code {
        let bufs = lens.iter().map(|len| Buf {
            name: String::new(),
            len: *len,
            storage: Storage::Transient,
        });
        let instrs = instrs.iter().map(|(kernel, operands)| Instr {
            kernel: *kernel,
            operands: operands.iter().copied().map(Some).collect(),
            ints: Vec::new(),
            phase: Phase::Forward,
            node: String::new(),
        });
        let last = lens.len() - 1;
        Code {
            bufs: bufs.collect(),
            instrs: instrs.collect(),
            outputs: vec![part(last, 0, lens[last])],
            ..Code::default()
        }
    }

    fn part(buf: usize, offset: usize, len: usize) -> View {
        View {
            buf: BufId(buf),
            offset,
            len,
        }
    }

    fn all(buf: usize) -> View {
        part(buf, 0, 4)
    }

    /// Whether the copy that is call `at` is elided.
    fn elided(code: &Code, at: usize) -> bool {
        elide(code).is_elided(&code.instrs[at])
    }

    #[test]
    fn a_copy_of_what_is_read_no_more() {
        use Kernel::{Copy, Fill, Scalar};
        let chain = code(
            &[4, 4, 4],
            &[
                (Fill, &[all(0)]),
                (Copy, &[all(0), all(1)]),
                (Scalar, &[all(1)]),
                (Copy, &[all(1), all(2)]),
                (Scalar, &[all(2)]),
            ],
        );
        assert!(elided(&chain, 1) && elided(&chain, 3));
        let aliases = elide(&chain);
        assert_eq!(aliases.resolve(part(0, 1, 2)), part(2, 1, 2));
        let none = Aliases::none(&chain);
        assert!(!none.is_elided(&chain.instrs[1]));
    }

    #[test]
    fn parts_of_a_concatenation() {
        use Kernel::{Copy, Fill, Scalar};
        let concat = code(
            &[4, 4, 8],
            &[
                (Fill, &[all(0)]),
                (Fill, &[all(1)]),
                (Copy, &[all(0), part(2, 0, 4)]),
                (Copy, &[all(1), part(2, 4, 4)]),
                (Scalar, &[part(2, 0, 8)]),
            ],
        );
        assert!(elided(&concat, 2) && elided(&concat, 3));
        assert_eq!(elide(&concat).resolve(all(1)), part(2, 4, 4));
        // The same part twice: it can lie in one place only.
        let twice = code(
            &[4, 8],
            &[
                (Fill, &[all(0)]),
                (Copy, &[all(0), part(1, 0, 4)]),
                (Copy, &[all(0), part(1, 4, 4)]),
            ],
        );
        assert!(!elided(&twice, 1) && elided(&twice, 2));
    }

    /// A small value that is made early, a large one that is gone before the small one becomes part of another.
    #[test]
    fn a_part_that_would_raise_the_peak() {
        use Kernel::{Copy, Fill, Scalar};
        let early = |large: usize| {
            code(
                &[4, large, 12],
                &[
                    (Fill, &[all(0)]),
                    (Fill, &[part(1, 0, large)]),
                    (Scalar, &[part(1, 0, large)]),
                    (Copy, &[all(0), part(2, 0, 4)]),
                    (Fill, &[part(2, 4, 8)]),
                ],
            )
        };
        let elided = |large: usize| {
            let code = early(large);
            elide_where_free(&code).is_elided(&code.instrs[3])
        };
        assert!(!elided(20) && elided(2));
        assert!(elide(&early(20)).is_elided(&early(20).instrs[3]));
    }

    #[test]
    fn what_must_stay_a_copy() {
        use Kernel::{AddAssign, Copy, Fill, Scalar};
        let read_later = code(
            &[4, 4],
            &[
                (Fill, &[all(0)]),
                (Copy, &[all(0), all(1)]),
                (Scalar, &[all(1)]),
                (AddAssign, &[all(0), all(1)]),
            ],
        );
        assert!(!elided(&read_later, 1));
        let used_before = code(
            &[4, 4],
            &[
                (Fill, &[all(1)]),
                (Fill, &[all(0)]),
                (Copy, &[all(0), all(1)]),
            ],
        );
        assert!(!elided(&used_before, 2));
        // Another part of the place may be in use.
        let beside = code(
            &[4, 8],
            &[
                (Fill, &[part(1, 4, 4)]),
                (Fill, &[all(0)]),
                (Copy, &[all(0), part(1, 0, 4)]),
            ],
        );
        assert!(elided(&beside, 2));
        let a_part = code(
            &[8, 4],
            &[(Fill, &[part(0, 0, 8)]), (Copy, &[part(0, 4, 4), all(1)])],
        );
        assert!(!elided(&a_part, 1));
        let mut pinned = code(&[4, 4], &[(Fill, &[all(0)]), (Copy, &[all(0), all(1)])]);
        assert!(elided(&pinned, 1));
        pinned.input_grads.push(all(0));
        assert!(!elided(&pinned, 1));
        for storage in [Storage::Data(0), Storage::Param(0), Storage::State(0)] {
            let mut persistent = code(&[4, 4], &[(Copy, &[all(0), all(1)])]);
            persistent.bufs[0].storage = storage;
            assert!(!elided(&persistent, 0));
            persistent.bufs.swap(0, 1);
            assert!(!elided(&persistent, 0));
        }
    }
}
