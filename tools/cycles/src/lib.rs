//! What a stretch of executed code costs on a Cortex-M4F, modelled: the counts of the plugin `qemu-count`, priced by the
//! tables of Arm's Cortex-M4 TRM r0p1 (DDI 0439D; tables 3-1 and 7-1, section 3.3.2).
//!
//! This is a model and no measurement. It assumes:
//!
//! 1. Memory without wait states, no interrupts, no stalls of fetching or of the bus.
//! 2. A taken branch refills the pipeline in [`Model::refill`] cycles (the TRM: 1 to 3) beyond its own one; TBB and TBH take two.
//! 3. A load takes 2 cycles; right behind another single load whose result is not part of its address, 1. The TRM says so of
//!    LDR and is silent on VLDR, which is taken to be alike.
//! 4. STR takes 1 with an immediate offset; with a register offset 2, or 1 right behind a single load. VSTR takes 2, or 1 right behind a
//!    single load. Nothing is cheaper for coming after a store.
//! 5. Loads and stores of N words (LDM, STM, PUSH, POP, VLDM, VSTM, LDRD, STRD, VLDR of a double) take 1 + N, whatever is around them.
//! 6. An address that the data-processing instruction right before made costs one more.
//! 7. VFMA and VMLA take [`Model::fused`] cycles (3), VDIV and VSQRT 14 without overlap, moves between core and FPU 2, all else on the
//!    FPU 1. The result of FPU arithmetic in the very next instruction costs one more, unless it is what a multiply-add adds to.
//! 8. SDIV and UDIV take [`Model::divide`] cycles (the TRM: 2 to 12). Everything else takes 1.
//! 9. IT takes 0 behind a 16-bit instruction, else 1. What it skips is priced as if it ran: the counts do not tell.
//! 10. An unaligned load takes one cycle for each further transfer.
//! 11. Rules 3, 4, 6, 7 and 9 look at the instruction before within a translation block of QEMU; a block's first pays in full.
//!
//! QEMU emulates the instructions, not this pipeline. Flash with wait states makes a chip slower than the model.

mod counts;
mod decode;
mod price;
mod vfp;

pub use counts::{Block, CountsError, Window, read};
pub use price::{Model, Unpriced};
