//! Where bound modules live.

use tinpail_convert::AlignedBlob;
use tinpail_plan::PlanFile;
use typed_arena::Arena;

/// Owns what modules borrow: plans, arenas, parameters in flash. Each bind takes new memory; all of it is freed with this
/// value, so it outlives its modules.
#[derive(Default)]
pub struct Memory {
    plans: Arena<PlanFile>,
    arenas: Arena<Vec<f32>>,
    blobs: Arena<AlignedBlob>,
}

impl Memory {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn plan(&self, file: PlanFile) -> &PlanFile {
        self.plans.alloc(file)
    }

    /// `len` elements of arena.
    pub(crate) fn arena(&self, len: usize) -> &mut [f32] {
        self.arenas.alloc(vec![0.0; len])
    }

    pub(crate) fn blob(&self, bytes: &[u8]) -> &[u8] {
        self.blobs.alloc(AlignedBlob::new(bytes)).bytes()
    }
}
