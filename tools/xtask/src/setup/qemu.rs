//! The emulators.

use anyhow::{Context, Result};

use super::apt;
use crate::process;

/// Program and Debian package.
const EMULATORS: [(&str, &str); 2] = [
    ("qemu-system-arm", "qemu-system-arm"),
    ("qemu-system-riscv32", "qemu-system-misc"),
];

pub fn qemu() -> Result<()> {
    let missing: Vec<_> = EMULATORS
        .iter()
        .filter(|(program, _)| process::find_in_path(program).is_none())
        .map(|&(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    apt::install(&missing, "qemu-").context("QEMU is needed to run the firmware")
}
