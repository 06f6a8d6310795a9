//! That no panic is reachable: boards/probe links only then.

use anyhow::Result;

use super::Count;
use crate::{boards::BOARDS, project::Project, setup, ui};

const TARGETS: [&str; 4] = [
    "thumbv6m-none-eabi",
    "thumbv7em-none-eabihf",
    "riscv32imac-unknown-none-elf",
    "riscv32imafc-unknown-none-elf",
];
/// opt-level 3 and s.
const PROFILES: [&str; 2] = ["release", "size"];

pub fn run(project: &Project, count: &mut Count) -> Result<()> {
    setup::cross(project, &TARGETS)?;
    for target in TARGETS {
        for profile in PROFILES {
            let built = ui::step(
                &format!("Linking the probe for {target} ({profile})"),
                || {
                    // Any board will do: the probe is no board's.
                    BOARDS[0].build_package(project, "probe", profile, target, &[])
                },
            );
            count.test(
                &format!("no panic is linked ({target}, {profile})"),
                built.map(|_| ()),
            );
        }
    }
    Ok(())
}
