//! The firmware tests: each `tests/qemu/NAME.rs` runs in QEMU on every board and must print what `NAME.out` holds.
//!
//! A status other than 0 stands in the .out file as a last line `[status N]`.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    io::{Seek, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::Count;
use crate::{
    boards::{self, BOARDS, Board, Built, CORTEX_M0, CORTEX_M55, Firmware},
    demo::{
        device,
        judge::{self, Mxnet},
        twin,
    },
    process,
    project::Project,
    qemu, setup, ui,
};

pub fn run(project: &Project, overwrite: bool, count: &mut Count) -> Result<()> {
    setup::cross(project, &boards::targets())?;
    setup::qemu()?;
    let tests = names(project)?;
    for board in &BOARDS {
        for &target in board.targets {
            count_board(project, board, target, &[], &tests, overwrite, count);
            for (package, tests) in PACKAGES {
                count_package(project, board, target, package, tests, overwrite, count);
            }
        }
        if board.defmt {
            // The same text must arrive through defmt, so this never writes the files.
            count_board(
                project,
                board,
                board.targets[0],
                &["defmt"],
                &tests,
                false,
                count,
            );
        }
    }
    let some: [(&Board, &[&str]); 2] = [
        (&CORTEX_M0, &["scenario_c", "soft", "speaker_fit"]),
        (&CORTEX_M55, &["blas", "ftz"]),
    ];
    for (board, tests) in some {
        build_and_check(
            project,
            board,
            board.targets[0],
            &[],
            &tests.iter().map(|test| (*test).to_owned()).collect(),
            overwrite,
            count,
        );
    }
    Ok(())
}

/// Packages with features of their own, and their tests: an allocator, the recipes `fma` and `ftz`.
const PACKAGES: [(&str, &[&str]); 2] = [("heap", &["heap"]), ("recipes", &["blas", "fma", "ftz"])];

/// The names of the firmware tests that every board has.
fn names(project: &Project) -> Result<BTreeSet<String>> {
    let folder = project.qemu_tests();
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            && !PACKAGES.iter().any(|(_, tests)| tests.contains(&name))
        {
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

/// The firmware tests, and the demo.
fn count_board(
    project: &Project,
    board: &'static Board,
    target: &str,
    features: &[&str],
    tests: &BTreeSet<String>,
    overwrite: bool,
    count: &mut Count,
) {
    let built = build_and_check(project, board, target, features, tests, overwrite, count);
    if let Some(built) = built
        && features.is_empty()
    {
        let what = format!("Running the demo on {target}");
        let result = ui::step(&what, || demo(project, board, &built));
        count.test(&format!("demo ({target})"), result);
    }
}

/// Builds a board's firmware and runs the tests among it.
fn build_and_check(
    project: &Project,
    board: &'static Board,
    target: &str,
    features: &[&str],
    tests: &BTreeSet<String>,
    overwrite: bool,
    count: &mut Count,
) -> Option<Built> {
    let variant = [&[target], features].concat().join(" + ");
    let built = ui::step(&format!("Building the firmware for {variant}"), || {
        board.build(project, target, features)
    });
    let built = match built {
        Ok(built) => built,
        Err(error) => {
            count.check(&variant, Err(error));
            return None;
        }
    };
    if built.warnings > 0 {
        count.check(
            &variant,
            Err(anyhow::anyhow!("{} compiler warnings", built.warnings)),
        );
    }
    for test in tests {
        let firmware = built
            .firmware
            .iter()
            .find(|firmware| firmware.name == *test);
        let result = firmware
            .with_context(|| format!("{} has no binary for it", board.name))
            .and_then(|firmware| check(project, firmware, features, overwrite));
        count.test(&format!("{test} ({variant})"), result);
    }
    Some(built)
}

/// The demo with one microphone: the host's bits, MXNet's classes, and the same after the reset.
fn demo(project: &Project, board: &Board, built: &Built) -> Result<()> {
    const SEEDS: usize = 1;
    let firmware = built
        .firmware
        .iter()
        .find(|firmware| firmware.name == board.name)
        .with_context(|| format!("{} has no main firmware", board.name))?;
    let device = device::run(project, firmware, SEEDS, qemu::TIMEOUT, |_| ())?;
    judge::same_as_host(&device.outcome, &twin::run(SEEDS)?)?;
    judge::same_as_mxnet(&device.outcome, &Mxnet::read(project)?)?;
    judge::same_after_reset(&device.outcome)
}

/// Firmware tests of a package of their own.
fn count_package(
    project: &Project,
    board: &'static Board,
    target: &str,
    package: &str,
    tests: &[&str],
    overwrite: bool,
    count: &mut Count,
) {
    let built = ui::step(&format!("Building {package} for {target}"), || {
        board.build_package(project, package, target, &[])
    });
    let built = match built {
        Ok(built) => built,
        Err(error) => return count.check(&format!("{package} ({target})"), Err(error)),
    };
    for test in tests {
        let firmware = built
            .firmware
            .iter()
            .find(|firmware| firmware.name == *test);
        let result = firmware
            .with_context(|| format!("{package} has no binary for it"))
            .and_then(|firmware| check(project, firmware, &[], overwrite));
        count.test(&format!("{test} ({target})"), result);
    }
}

fn check(project: &Project, firmware: &Firmware, features: &[&str], overwrite: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = qemu::run(project, firmware, folder.path(), qemu::TIMEOUT, |_| ())?;
    let mut printed = match features.contains(&"defmt") {
        true => defmt_text(project, &firmware.elf, &run.stdout)?,
        false => String::from_utf8(run.stdout).context("it printed bytes that are not UTF-8")?,
    };
    if !run.status.success() {
        let status = run.status.code().context("QEMU was killed")?;
        writeln!(printed, "[status {status}]")?;
    }
    compare(&snapshot(project, &firmware.name), &printed, overwrite)
        .with_context(|| format!("its stderr: {:?}", run.stderr))
}

/// What the frames say, told by tools/defmt-text.
fn defmt_text(project: &Project, elf: &Path, frames: &[u8]) -> Result<String> {
    let mut file = tempfile::tempfile()?;
    file.write_all(frames)?;
    file.rewind()?;
    let mut tool = process::cargo();
    tool.args(["run", "--quiet", "--package", "defmt-text", "--"])
        .arg(elf);
    process::output(tool.current_dir(&project.root).stdin(file))
}

fn snapshot(project: &Project, test: &str) -> PathBuf {
    project.qemu_tests().join(test).with_extension("out")
}

fn compare(path: &Path, printed: &str, overwrite: bool) -> Result<()> {
    if overwrite {
        return fs::write(path, printed)
            .with_context(|| format!("cannot write {}", path.display()));
    }
    let expected = fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read {} (`cargo xtask test --overwrite` writes it)",
            path.display()
        )
    })?;
    ensure!(
        printed == expected,
        "it printed\n{printed}where {} has\n{expected}",
        path.display()
    );
    Ok(())
}
