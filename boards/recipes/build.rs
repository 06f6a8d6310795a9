//! Hands the linker the memory of the board that the target belongs to.

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let is_arm = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "arm");
    let board = if is_arm {
        "qemu-cortex-m4f"
    } else {
        "qemu-riscv32"
    };
    let memory = format!("../{board}/memory.x");
    // Three recipes at once, which no user's firmware has: they may take twice the flash.
    let text = fs::read_to_string(&memory)?.replace("LENGTH = 128K", "LENGTH = 256K");
    fs::write(out.join("memory.x"), text)?;
    println!("cargo::rerun-if-changed={memory}");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=--nmagic");
    if !is_arm {
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    Ok(())
}
