//! Text, host files and constants in the region for test data reach the firmware and come back.
#![no_std]
#![no_main]

use board::{fs, io, io::Read, println};

#[unsafe(link_section = ".testdata")]
static PRIMES: [u16; 6] = [2, 3, 5, 7, 11, 13];

board::entry!(run);

fn run() -> io::Result<()> {
    println!("hello from tinpail");
    println!("{}", 0.1f32 + 0.2f32);
    println!("{:?}", core::hint::black_box(&PRIMES));

    fs::write(c"out.bin", b"written by the firmware")?;
    let mut buffer = [0; 32];
    let read = fs::File::open(c"out.bin")?.read(&mut buffer)?;
    println!("{:?}", core::str::from_utf8(&buffer[..read]));
    println!(
        "a file that does not exist: {}",
        fs::File::open(c"missing.bin").is_err()
    );
    Ok(())
}
