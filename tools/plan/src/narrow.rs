//! Values that backward needs of forward, stored as f16 between the two: a call that narrows them where forward has read
//! them last, and one that widens them into a buffer of its own before each call of backward that reads them. A dense
//! layer's gradient reads them as they are.
//!
//! Recurrent layers store their gates and states in kernels of their own, see [`crate::lower`]. What is rounded here must
//! make a gradient no worse than by the rounding: BatchNorm's input, whose mean is subtracted again, is not rounded,
//! nor is that of a maximum, which would choose another value among those that became equal.

use std::collections::BTreeSet;

use tinpail::kernel::half::dense::STRIP;
use tinpail::kernel::half::words;
use tinpail::plan::{Access, Kernel};

use crate::ir::{Buf, BufId, Code, Instr, Phase, Storage, View};

/// Fewer elements are not worth a call.
const FEWEST: usize = 32;

/// Whether the operand number `at` may be the value as rounded.
fn may_be_rounded(kernel: Kernel, at: usize) -> bool {
    use Kernel::*;
    match kernel {
        DenseGrad | DenseUpdate | DenseNorm | PairsNorm => at == 1 || at == 2,
        DenseGradF16 | DenseUpdateF16 | DenseNormF16 => at == 1,
        ConvolutionGrad | ConvolutionUpdate | ConvolutionNorm => at == 1,
        ActivationBackward | LeakyBackward | EluBackward | MulAssign | CheckFinite => at == 0,
        _ => false,
    }
}

/// The buffers that can be stored as f16: written by forward alone, read later, and no output.
pub fn candidates(code: &Code) -> BTreeSet<BufId> {
    let (mut out, mut kept) = (BTreeSet::new(), BTreeSet::new());
    out.extend(code.pinned().map(|view| view.buf));
    for instr in code
        .instrs
        .iter()
        .filter(|instr| instr.phase != Phase::Forward)
    {
        let operands = instr.operands.iter().zip(instr.kernel.accesses());
        for (at, (view, access)) in operands.enumerate() {
            let Some(view) = view else { continue };
            match *access == Access::Read && may_be_rounded(instr.kernel, at) {
                true => kept.insert(view.buf),
                false => out.insert(view.buf),
            };
        }
    }
    let written: BTreeSet<BufId> = code
        .instrs
        .iter()
        .filter(|instr| instr.phase == Phase::Forward)
        .flat_map(|instr| instr.operands.iter().flatten().map(|view| view.buf))
        .collect();
    kept.into_iter()
        .filter(|buf| {
            let Buf { len, storage, .. } = &code.bufs[buf.0];
            *storage == Storage::Transient && *len >= FEWEST
        })
        .filter(|buf| written.contains(buf) && !out.contains(buf))
        .collect()
}

/// `code` with the buffers `which`, all of them [`candidates`], stored as f16.
pub fn narrow(code: &Code, which: &BTreeSet<BufId>) -> Code {
    let mut narrowing = Narrowing {
        code: Code {
            instrs: Vec::new(),
            ..code.clone()
        },
        stored: vec![None; code.bufs.len()],
    };
    for (buf, stored) in code.stored.iter().filter(|(buf, _)| which.contains(buf)) {
        narrowing.stored[buf.0] = Some(*stored);
    }
    let new: Vec<BufId> = which
        .iter()
        .filter(|buf| narrowing.stored[buf.0].is_none())
        .copied()
        .collect();
    for buf in &new {
        let Buf { name, len, .. } = &code.bufs[buf.0];
        let (name, len) = (format!("{name}.f16"), words(*len));
        narrowing.stored[buf.0] = Some(narrowing.temp(name, len));
    }
    for (at, instr) in code.instrs.iter().enumerate() {
        if instr.phase != Phase::Forward {
            let instr = narrowing.reader(instr);
            narrowing.code.instrs.push(instr);
            continue;
        }
        let read_last: Vec<BufId> = new
            .iter()
            .filter(|buf| last_forward(code, **buf) == Some(at))
            .copied()
            .collect();
        // Before a copy of it: the copy can then take its place.
        let is_copy = instr.kernel == Kernel::Copy;
        if !is_copy {
            narrowing.code.instrs.push(instr.clone());
        }
        for buf in read_last {
            narrowing.store(buf, instr);
        }
        if is_copy {
            narrowing.code.instrs.push(instr.clone());
        }
    }
    narrowing.code
}

/// The last call of forward that uses a buffer.
fn last_forward(code: &Code, buf: BufId) -> Option<usize> {
    code.instrs.iter().rposition(|instr| {
        let mut operands = instr.operands.iter().flatten();
        instr.phase == Phase::Forward && operands.any(|view| view.buf == buf)
    })
}

struct Narrowing {
    code: Code,
    /// Where each buffer is stored as f16.
    stored: Vec<Option<View>>,
}

impl Narrowing {
    fn temp(&mut self, name: String, len: usize) -> View {
        let buf = BufId(self.code.bufs.len());
        self.code.bufs.push(Buf {
            name,
            len,
            storage: Storage::Transient,
        });
        View {
            buf,
            offset: 0,
            len,
        }
    }

    fn stored(&self, view: View) -> Option<View> {
        self.stored.get(view.buf.0).copied().flatten()
    }

    /// Stores `buf`, for the symbol of `like`.
    fn store(&mut self, buf: BufId, like: &Instr) {
        let whole = View {
            buf,
            offset: 0,
            len: self.code.bufs[buf.0].len,
        };
        self.code.instrs.push(Instr {
            kernel: Kernel::ToF16,
            operands: vec![Some(whole), self.stored(whole)],
            ints: Vec::new(),
            ..like.clone()
        });
    }

    /// The call with what it reads of f16.
    fn reader(&mut self, instr: &Instr) -> Instr {
        let mut own = instr.clone();
        for (at, view) in instr.operands.iter().enumerate() {
            let Some((view, stored)) = view.and_then(|view| Some((view, self.stored(view)?)))
            else {
                continue;
            };
            // The words of a part that begins in the middle of one cannot be named.
            let words = view
                .offset
                .is_multiple_of(2)
                .then(|| stored.part(view.offset / 2, words(view.len)));
            match (instr.kernel, at, words) {
                (Kernel::DenseGrad, 2, Some(words)) => {
                    own.kernel = Kernel::DenseGradF16;
                    own.operands[at] = Some(words);
                    let row = self.temp(format!("{}.row", instr.node), instr.ints[0] as usize);
                    own.operands.push(Some(row));
                }
                (Kernel::DenseUpdate, 2, Some(words)) => {
                    own.kernel = Kernel::DenseUpdateF16;
                    own.operands[at] = Some(words);
                    let inputs = instr.ints[0] as usize;
                    let x0 = instr.operands[1].map_or(0, |x0| x0.len);
                    let rows = (x0 + view.len) / inputs;
                    let strip = self.temp(format!("{}.strip", instr.node), rows * STRIP);
                    own.operands.push(Some(strip));
                }
                (Kernel::CheckFinite, _, _) => {
                    own.kernel = Kernel::CheckFiniteF16;
                    own.operands[at] = Some(stored);
                }
                _ => own.operands[at] = Some(self.widened(view, stored, instr)),
            }
        }
        own
    }

    /// The part `view` of a buffer as f32 again, for the call `like`.
    fn widened(&mut self, view: View, stored: View, like: &Instr) -> View {
        let name = self.code.buf(view).name.clone();
        let wide = self.temp(name, view.len);
        self.code.instrs.push(Instr {
            kernel: Kernel::FromF16,
            operands: vec![Some(stored), Some(wide)],
            ints: vec![view.offset as u32],
            ..like.clone()
        });
        wide
    }
}
