//! The host's simulation of the demo: the same application over the same plans, in this process.

use std::collections::BTreeMap;
use std::ffi::CStr;

use anyhow::{Result, anyhow};
use embedded_storage_inmemory::MemFlash;
use speaker::demo::FLASH_BYTES;
use speaker::{Arena, Host};

/// What a run of the demo leaves behind: on the host, or in QEMU.
#[derive(Default)]
pub struct Outcome {
    /// The lines that both must print alike.
    pub lines: Vec<String>,
    /// Every value, bit for bit, by file name.
    pub files: BTreeMap<String, Vec<u8>>,
}

struct Twin {
    outcome: Outcome,
    flash: MemFlash<FLASH_BYTES, 4096, 4>,
}

impl Host for Twin {
    type Flash = MemFlash<FLASH_BYTES, 4096, 4>;

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.outcome.lines.push(line.to_string());
    }

    fn values(&mut self, file: &'static CStr, values: &[f32]) -> Result<(), speaker::Error> {
        let name = file.to_string_lossy().into_owned();
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.outcome.files.entry(name).or_default().extend(bytes);
        Ok(())
    }

    fn instructions<R>(&mut self, work: impl FnOnce() -> R) -> (R, Option<u32>) {
        (work(), None)
    }

    fn flash(&mut self) -> &mut Self::Flash {
        &mut self.flash
    }
}

/// Both boots, on the host.
pub fn run(seeds: usize) -> Result<Outcome> {
    let mut twin = Twin {
        outcome: Outcome::default(),
        flash: MemFlash::new(0xff),
    };
    let mut arena = Box::new(Arena::new());
    let failed = |error| anyhow!("the host's simulation failed: {error:?}");
    speaker::demo::first_boot(&mut twin, &mut arena, seeds).map_err(failed)?;
    let mut arena = Box::new(Arena::new());
    speaker::demo::second_boot(&mut twin, &mut arena, seeds).map_err(failed)?;
    Ok(twin.outcome)
}
