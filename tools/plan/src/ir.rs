//! Kernel calls over buffers: what symbols are lowered to, and what is placed in the arena.
//!
//! Every value that a kernel writes has a buffer of its own, and an operator that could work in place is a
//! [`Kernel::Copy`] followed by the call on the copy. Sharing memory is left to [`crate::alias`], which
//! elides copies, and to [`crate::place`].

use std::collections::BTreeMap;

use tinpail::plan::Kernel;

/// Index of a buffer in [`Code::bufs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BufId(pub usize);

/// What a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// A parameter, by its index.
    Param(usize),
    /// The optimizer's state of a parameter.
    OptState(usize),
    /// The held gradient of a parameter.
    Grad(usize),
    /// What compression has not sent of a parameter's gradient.
    Residual(usize),
    /// A carried state, by its index.
    State(usize),
    /// Data, a label, or a head gradient, by port.
    Data(usize),
    Label(usize),
    HeadGrad(usize),
    /// Lives from its first write to its last read.
    Transient,
}

/// A run of elements.
#[derive(Clone, Debug)]
pub struct Buf {
    /// For people: `gru.gates`.
    pub name: String,
    pub len: usize,
    pub storage: Storage,
}

/// Part of a buffer, as an operand sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    pub buf: BufId,
    pub offset: usize,
    pub len: usize,
}

impl View {
    /// `len` elements from `offset` on, counted within this view.
    pub fn part(self, offset: usize, len: usize) -> View {
        debug_assert!(offset + len <= self.len);
        View {
            offset: self.offset + offset,
            len,
            ..self
        }
    }
}

/// When a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Forward,
    Backward,
    /// Checks before the first commit.
    Check,
    Update,
}

/// One kernel call.
#[derive(Clone, Debug)]
pub struct Instr {
    pub kernel: Kernel,
    /// One for each of the kernel's operands; `None` is left out.
    pub operands: Vec<Option<View>>,
    pub ints: Vec<u32>,
    pub phase: Phase,
    /// The symbol it was made for.
    pub node: String,
}

/// One bucket in one mode, lowered.
#[derive(Clone, Debug, Default)]
pub struct Code {
    pub bufs: Vec<Buf>,
    /// In the order of execution; phases do not interleave.
    pub instrs: Vec<Instr>,
    /// One for each head; they stay readable to the end.
    pub outputs: Vec<View>,
    /// One for each data input if asked for; they stay readable to the end.
    pub input_grads: Vec<View>,
    /// Elements of each head gradient that backward takes.
    pub head_grads: Vec<usize>,
    /// For people: the shapes of transient buffers that have one.
    pub shapes: BTreeMap<usize, Vec<usize>>,
    /// Buffers that a call of forward stores as f16 as well, and where.
    pub stored: Vec<(BufId, View)>,
}

impl Code {
    /// The buffer of a view.
    pub fn buf(&self, view: View) -> &Buf {
        &self.bufs[view.buf.0]
    }

    /// Views that must stay valid after the last call.
    pub fn pinned(&self) -> impl Iterator<Item = View> + '_ {
        self.outputs.iter().chain(&self.input_grads).copied()
    }
}
