//! `cargo xtask demo`

use anyhow::{Context, Result, ensure};

use crate::{
    boards::{self, BOARDS},
    elf, memory,
    project::Project,
    qemu, setup, ui,
};

pub fn run() -> Result<()> {
    let project = Project::find()?;
    setup::cross(&project, &boards::targets())?;
    setup::qemu()?;

    let mut rows = Vec::new();
    for board in &BOARDS {
        let regions = memory::read(&board.folder(&project).join("memory.x"))?;
        for &target in board.targets {
            let built = ui::step(&format!("Building the firmware for {target}"), || {
                board.build(&project, target, &[])
            })?;
            let firmware = built
                .firmware
                .iter()
                .find(|firmware| firmware.name == board.name);
            let firmware =
                firmware.with_context(|| format!("{} has no main firmware", board.name))?;
            let folder = tempfile::tempdir()?;
            let run = ui::step(&format!("Booting it in QEMU ({})", board.machine), || {
                qemu::run(&project, firmware, folder.path(), qemu::TIMEOUT, |_| ())
            })?;
            ensure!(
                run.status.success(),
                "the firmware ended with {}\n{}",
                run.status,
                run.stderr
            );
            let used = elf::sizes(&firmware.elf, &regions)?;
            let bytes = |name: &str| {
                let region = regions
                    .iter()
                    .zip(&used)
                    .find(|(region, _)| region.name == name);
                region.map_or(String::new(), |(_, used)| used.to_string())
            };
            rows.push([
                format!("{} ({target})", board.name),
                bytes("FLASH"),
                bytes("RAM"),
                String::from_utf8_lossy(&run.stdout).trim().to_owned(),
            ]);
        }
    }
    println!();
    ui::table(["board", "flash bytes", "static RAM bytes", "says"], &rows);
    Ok(())
}
