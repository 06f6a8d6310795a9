//! The emulated boards and how their firmware is built.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{process, project::Project};

pub struct Board {
    /// The folder's name in boards/, and the package's.
    pub name: &'static str,
    pub machine: &'static str,
    /// The first is what `cargo run` in the folder builds for.
    pub targets: &'static [&'static str],
    pub defmt: bool,
}

pub const BOARDS: [Board; 2] = [
    Board {
        name: "qemu-cortex-m4f",
        machine: "mps2-an386",
        targets: &["thumbv7em-none-eabihf"],
        defmt: true,
    },
    Board {
        name: "qemu-riscv32",
        machine: "virt",
        targets: &[
            "riscv32imac-unknown-none-elf",
            "riscv32imafc-unknown-none-elf",
        ],
        defmt: false,
    },
];

/// Code without an FPU for the smallest Arm cores. It has the firmware tests that are about arithmetic alone.
pub const CORTEX_M0: Board = Board {
    name: "qemu-cortex-m0",
    machine: "mps2-an385",
    targets: &["thumbv6m-none-eabi"],
    defmt: false,
};

/// The vector unit of a Cortex-M55. It has the firmware tests that are about products.
pub const CORTEX_M55: Board = Board {
    name: "qemu-cortex-m55",
    machine: "mps3-an547",
    targets: &["thumbv8m.main-none-eabihf"],
    defmt: false,
};

/// Every target that a board is built for.
pub fn targets() -> Vec<&'static str> {
    BOARDS
        .iter()
        .chain([&CORTEX_M0, &CORTEX_M55])
        .flat_map(|board| board.targets)
        .copied()
        .collect()
}

pub struct Firmware {
    pub board: &'static Board,
    /// The binary's name.
    pub name: String,
    pub elf: PathBuf,
}

#[derive(Default)]
pub struct Built {
    pub firmware: Vec<Firmware>,
    pub warnings: usize,
}

impl Board {
    pub fn folder(&self, project: &Project) -> PathBuf {
        project.boards().join(self.name)
    }

    /// Builds all of the board's binaries in the release profile. The files are replaced when the same target is built
    /// with other features. The cross targets must have been set up.
    pub fn build(
        &'static self,
        project: &Project,
        target: &str,
        features: &[&str],
    ) -> Result<Built> {
        self.build_package(project, self.name, target, features)
    }

    /// [`Self::build`] for the binaries of another package in boards/.
    pub fn build_package(
        &'static self,
        project: &Project,
        package: &str,
        target: &str,
        features: &[&str],
    ) -> Result<Built> {
        let mut cargo = process::cargo();
        cargo
            .args(["build", "--bins", "--release"])
            .args(["--target", target, "--features", &features.join(",")])
            .arg("--target-dir")
            .arg(&project.boards_target)
            .current_dir(project.boards().join(package));
        let messages = messages(&mut cargo)
            .with_context(|| format!("{package} does not build for {target}"))?;
        let firmware = messages.executables.into_iter();
        let built = Built {
            firmware: firmware
                .map(|(name, elf)| Firmware {
                    board: self,
                    name,
                    elf,
                })
                .collect(),
            warnings: messages.warnings,
        };
        if built.firmware.is_empty() {
            bail!("{package} has no binaries");
        }
        Ok(built)
    }
}

/// What cargo made.
#[derive(Default)]
pub struct Messages {
    /// Binaries, by name.
    pub executables: Vec<(String, PathBuf)>,
    /// All files, libraries among them.
    pub files: Vec<PathBuf>,
    pub warnings: usize,
}

/// Runs a cargo command that compiles, with its diagnostics on the terminal.
pub fn messages(cargo: &mut Command) -> Result<Messages> {
    let output = cargo
        .args(["--message-format=json", "--quiet"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let text =
        String::from_utf8(output.stdout).context("cargo printed bytes that are not UTF-8")?;
    let mut messages = Messages::default();
    for line in text.lines() {
        let message: Value =
            serde_json::from_str(line).with_context(|| format!("cargo printed {line}"))?;
        match message["reason"].as_str() {
            Some("compiler-message") => {
                eprint!(
                    "{}",
                    message["message"]["rendered"].as_str().unwrap_or_default()
                );
                messages.warnings += usize::from(message["message"]["level"] == "warning");
            }
            Some("compiler-artifact") => {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                let executable = text(&message["target"]["name"]).zip(text(&message["executable"]));
                let executable = executable.map(|(name, path)| (name, path.into()));
                messages.executables.extend(executable);
                let files = message["filenames"].as_array().into_iter().flatten();
                messages
                    .files
                    .extend(files.filter_map(text).map(PathBuf::from));
            }
            _ => {}
        }
    }
    ensure!(
        output.status.success(),
        "cargo ended with {}",
        output.status
    );
    Ok(messages)
}
