//! Tells the kernels whether a RISC-V has an FPU: the compiler knows the feature `f` of its targets and shows it to nobody. And whether
//! they are for the vector unit of a Cortex-M55 (MVE): where the recipe `ftz` is compiled for Armv8-M with an FPU.

use std::env;

/// Whether the letters of `riscv32imafc-unknown-none-elf`, or of any other target, name F, or G, which has it.
fn has_f(target: &str) -> bool {
    let arch = target.split('-').next().unwrap_or_default();
    let letters = arch
        .strip_prefix("riscv32")
        .or_else(|| arch.strip_prefix("riscv64"));
    letters.is_some_and(|letters| letters.contains(['f', 'g']))
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(riscv_f)");
    println!("cargo::rustc-check-cfg=cfg(mve)");
    let target = env::var("TARGET").unwrap_or_default();
    if has_f(&target) {
        println!("cargo::rustc-cfg=riscv_f");
    }
    if target == "thumbv8m.main-none-eabihf" && env::var_os("CARGO_FEATURE_FTZ").is_some() {
        println!("cargo::rustc-cfg=mve");
    }
}
