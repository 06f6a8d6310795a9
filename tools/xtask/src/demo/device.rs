//! The demo on an emulated board: two runs of QEMU, the second being the reset.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::twin::Outcome;
use crate::boards::Firmware;
use crate::project::Project;
use crate::qemu;

/// Instructions of one bucket.
#[derive(Clone, Copy, Debug)]
pub struct Instructions {
    pub bucket: u32,
    pub inference: u64,
    pub training: u64,
}

/// What the device did and what it took.
pub struct Device {
    pub outcome: Outcome,
    pub instructions: Vec<Instructions>,
    /// The deepest that the stack was, and how much of it there is, in bytes.
    pub stack: (u64, u64),
}

/// Boots the firmware, lets it learn `seeds` microphones, and boots it again.
pub fn run(
    project: &Project,
    firmware: &Firmware,
    seeds: usize,
    timeout: Duration,
    mut progress: impl FnMut(&str),
) -> Result<Device> {
    let folder = tempfile::tempdir()?;
    let count = u8::try_from(seeds).context("at most 255 microphones")?;
    fs::write(folder.path().join("seeds"), [count])?;
    let mut device = Device {
        outcome: Outcome::default(),
        instructions: Vec::new(),
        stack: (0, 0),
    };
    for boot in ["the first boot", "the boot after the reset"] {
        let run = qemu::run(project, firmware, folder.path(), timeout, |chunk| {
            progress(String::from_utf8_lossy(chunk).trim());
        })?;
        ensure!(
            run.status.success(),
            "{boot} ended with {}\n{}{}",
            run.status,
            String::from_utf8_lossy(&run.stdout),
            run.stderr
        );
        let text = String::from_utf8(run.stdout).context("the firmware printed no text")?;
        for line in text.lines() {
            device.line(line)?;
        }
    }
    device.outcome.files = read_values(folder.path())?;
    Ok(device)
}

impl Device {
    /// Measurements are the device's own; every other line must be the host's as well.
    fn line(&mut self, line: &str) -> Result<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| -> Result<u64> {
            word.parse().with_context(|| format!("no number in {line}"))
        };
        match words.as_slice() {
            [
                "instructions",
                bucket,
                "inference",
                inference,
                "training",
                training,
            ] => {
                self.instructions.push(Instructions {
                    bucket: bucket.parse()?,
                    inference: number(inference)?,
                    training: number(training)?,
                });
            }
            ["stack", used, "of", available] => {
                self.stack = (self.stack.0.max(number(used)?), number(available)?);
            }
            _ => self.outcome.lines.push(line.to_owned()),
        }
        Ok(())
    }
}

fn read_values(folder: &Path) -> Result<std::collections::BTreeMap<String, Vec<u8>>> {
    let mut files = std::collections::BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "bin")
            && let Some(name) = path.file_name()
        {
            files.insert(name.to_string_lossy().into_owned(), fs::read(&path)?);
        }
    }
    Ok(files)
}
