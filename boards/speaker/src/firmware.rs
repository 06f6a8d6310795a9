//! The demo on an emulated board: files over semihosting, parameters in a flash that is a file.
//!
//! Where the host has a file `seeds`, its first byte is how many microphones are learned, and all values are
//! recorded beside it, for the host to compare; without it (plain `cargo run`) one is learned. Where the
//! file of the flash is there already, this is the boot after a reset.

use core::ffi::CStr;

use board::flash::FileFlash;
use board::fs::File;
use board::io::{self, Read, Seek, SeekFrom, Write};
use board::println;
use static_cell::ConstStaticCell;

use crate::demo::{self, FLASH_BYTES};
use crate::{Arena, Error, Host};

static ARENA: ConstStaticCell<Arena> = ConstStaticCell::new(Arena::new());

/// The board as the application sees it.
struct Board {
    flash: FileFlash<FLASH_BYTES>,
    records: bool,
}

impl Host for Board {
    type Flash = FileFlash<FLASH_BYTES>;

    fn line(&mut self, line: core::fmt::Arguments<'_>) {
        println!("{}", line);
    }

    fn values(&mut self, file: &'static CStr, values: &[f32]) -> Result<(), Error> {
        if !self.records {
            return Ok(());
        }
        let written = append(file, bytemuck::cast_slice(values));
        written.map_err(|_| Error::Record)
    }

    fn instructions<R>(&mut self, work: impl FnOnce() -> R) -> (R, Option<u32>) {
        let (result, instructions) = board::instructions(work);
        (result, Some(instructions))
    }

    fn flash(&mut self) -> &mut Self::Flash {
        &mut self.flash
    }
}

/// Writes at the end of a file, which is created. (QEMU 7.2 opens a file for appending at its start.)
fn append(path: &CStr, bytes: &[u8]) -> io::Result<()> {
    let open = File::options().read(true).write(true).open(path);
    let mut file = open.or_else(|_| File::create(path))?;
    let end = file.metadata()?.len();
    file.seek(SeekFrom::Start(end))?;
    file.write_all(bytes)
}

/// The number in the file `seeds`, if there is one.
fn seeds() -> Option<usize> {
    let mut seeds = [0];
    File::open(c"seeds").ok()?.read_exact(&mut seeds).ok()?;
    Some(usize::from(seeds[0]))
}

/// The application: the first boot, or the one after the reset.
pub fn run() -> Result<(), Error> {
    let arena = ARENA.take();
    let (flash, is_reset) = FileFlash::open(c"speaker.flash").map_err(|_| Error::Load)?;
    let requested = seeds();
    let mut board = Board {
        flash,
        records: requested.is_some(),
    };
    let seeds = requested.unwrap_or(1);
    if is_reset {
        demo::second_boot(&mut board, arena, seeds)?;
    } else {
        demo::first_boot(&mut board, arena, seeds)?;
    }
    let stack = board::stack::usage();
    println!("stack {} of {}", stack.used, stack.available);
    Ok(())
}
