//! That no panic is reachable: boards/probe links only then.

use anyhow::{Result, ensure};

use super::Count;
use crate::{boards, process, project::Project, setup, ui};

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
    for opt_level in OPT_LEVELS {
        let what = format!("Linking the probe at opt-level {opt_level}");
        let linked = ui::step(&what, || link(project, &TARGETS, opt_level, false));
        for target in TARGETS {
            // Where one of them fails, each is linked again alone, to tell which.
            let alone = match linked {
                Ok(()) => Ok(()),
                Err(_) => link(project, &[target], opt_level, false),
            };
            count.test(
                &format!("no panic is linked ({target}, opt-level {opt_level})"),
                alone,
            );
        }
    }
    let sabotaged = ui::step(
        "Linking the probe with a panic in it (an error follows)",
        || {
            let linked = link(project, &[TARGETS[1]], OPT_LEVELS[0], true);
            ensure!(linked.is_err(), "a reachable panic was linked");
            Ok(())
        },
    );
    count.test("a panic does not link", sabotaged);
    Ok(())
}

/// Builds the probe for the targets side by side: each is one long compilation on one core.
fn link(project: &Project, targets: &[&str], opt_level: &str, sabotage: bool) -> Result<()> {
    let mut cargo = process::cargo();
    // A profile of its own would build every build script anew.
    let setting = format!("profile.release.opt-level={opt_level}");
    cargo.args(["--config", &setting, "--config", "profile.release.debug=0"]);
    cargo.args(["build", "--bins", "--release", "--keep-going"]);
    for target in targets {
        cargo.args(["--target", target]);
    }
    if sabotage {
        cargo.args(["--features", "sabotage"]);
    }
    cargo.arg("--target-dir").arg(&project.boards_target);
    boards::messages(cargo.current_dir(project.boards().join("probe"))).map(drop)
}
