//! `defmt-text ELF < FRAMES`: defmt's frames, back to text with the help of the firmware that sent them.
//!
//! Apart from xtask because defmt's decoder takes longer to build than all the rest of it, and only a test needs it.

use std::{
    env, fs,
    io::{self, Read, Write},
};

use anyhow::{Context, Result, bail};
use defmt_decoder::{DecodeError, Table};

fn main() -> Result<()> {
    let elf = env::args_os()
        .nth(1)
        .context("usage: defmt-text ELF < FRAMES")?;
    let elf = fs::read(&elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let table = Table::parse(&elf)?.context("this firmware does not log with defmt")?;
    let mut decoder = table.new_stream_decoder();
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut buffer = [0; 4096];
    loop {
        let read = input.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        decoder.received(&buffer[..read]);
        loop {
            match decoder.decode() {
                Ok(frame) => writeln!(output, "{}", frame.display_message())?,
                Err(DecodeError::UnexpectedEof) => break,
                Err(DecodeError::Malformed) => bail!("a frame is malformed"),
            }
        }
    }
}
