//! That `cargo xtask bench` counts right: code of known length and cost, on the first core of each architecture.

use anyhow::{Result, ensure};
use tinpail_cycles::Model;

use super::Count;
use crate::{
    cmd::bench::{Plugin, windows},
    project::Project,
    setup, ui,
};

/// Cycles of the call that closes a window, with its refill.
const CLOSING_CYCLES: u64 = 3;
/// The windows of boards/bench/src/bin/known.rs: instructions and cycles, by hand from the TRM's tables.
const KNOWN: [(u64, u64); 4] = [
    (0, 0),
    (1000, 1000),
    (1 + 2 * 200, 1 + 2 * 200 + 2 * 199),
    // Two loads 2 + 1, VLDM of four 5, VMUL 1, VADD 1 + 1 for its operand, VFMA 3, VDIV 14 + 1, VSTR 2 + 1, SUBS 1, BNE 1;
    // around the loop three of 1.
    (3 + 10 * 100, 3 + 34 * 100 + 2 * 99),
];

pub fn run(project: &Project, count: &mut Count) -> Result<()> {
    setup::cross(
        project,
        &["thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf"],
    )?;
    setup::qemu()?;
    let plugin = ui::step("Building the counting plugin", || Plugin::build(project))?;
    for core in ["cortex-m4f", "riscv32imac"] {
        count.test(
            &format!("counts of known code ({core})"),
            check(project, core, &plugin),
        );
    }
    Ok(())
}

fn check(project: &Project, core: &str, plugin: &Plugin) -> Result<()> {
    let is_arm = core == "cortex-m4f";
    let (windows, _) = windows(project, core, "known", plugin)?;
    let known = &KNOWN[..if is_arm { 4 } else { 3 }];
    ensure!(windows.len() == known.len(), "{} windows", windows.len());
    // The call that closes a window is one instruction; on RISC-V two, where the linker does not shorten it.
    let closing = windows[0].instructions();
    ensure!(
        closing == 1 || (closing == 2 && !is_arm),
        "the empty window has {closing} instructions"
    );
    for (at, (window, (instructions, cycles))) in windows.iter().zip(known).enumerate() {
        let counted = window.instructions();
        ensure!(
            counted == instructions + closing,
            "window {at} has {counted} instructions, not {instructions} + {closing}"
        );
        if is_arm {
            let modelled = Model::default().cycles(window)?;
            ensure!(
                modelled == cycles + CLOSING_CYCLES,
                "window {at} has {modelled} cycles, not {cycles} + {CLOSING_CYCLES}"
            );
        }
    }
    Ok(())
}
