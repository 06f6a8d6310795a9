//! That no panic is reachable: boards/probe links only then.

use anyhow::{Result, ensure};

use super::Count;
use crate::{boards::BOARDS, project::Project, setup, ui};

const TARGETS: [&str; 4] = [
    "thumbv6m-none-eabi",
    "thumbv7em-none-eabihf",
    "riscv32imac-unknown-none-elf",
    "riscv32imafc-unknown-none-elf",
];
/// As TOML values.
const OPT_LEVELS: [&str; 2] = ["3", "\"s\""];

pub fn run(project: &Project, count: &mut Count) -> Result<()> {
    setup::cross(project, &TARGETS)?;
    for target in TARGETS {
        for opt_level in OPT_LEVELS {
            let built = ui::step(
                &format!("Linking the probe for {target} at opt-level {opt_level}"),
                || {
                    // Any board will do: the probe is no board's.
                    BOARDS[0].build_package(project, "probe", target, &[], Some(opt_level))
                },
            );
            count.test(
                &format!("no panic is linked ({target}, opt-level {opt_level})"),
                built.map(|_| ()),
            );
        }
    }
    let sabotaged = ui::step(
        "Linking the probe with a panic in it (an error follows)",
        || {
            let built = BOARDS[0].build_package(project, "probe", TARGETS[1], &["sabotage"], None);
            ensure!(built.is_err(), "a reachable panic was linked");
            Ok(())
        },
    );
    count.test("a panic does not link", sabotaged);
    Ok(())
}
