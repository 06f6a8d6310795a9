//! Where unsafe code is.

use std::fs;
use std::path::{Path, PathBuf};
use std::vec::Vec;

/// Every file of the crate that may have it.
const FILES: [&str; 19] = [
    "kernel/arm/axpy.rs",
    "kernel/arm/cells.rs",
    "kernel/arm/copy.rs",
    "kernel/arm/exceptions.rs",
    "kernel/arm/finite.rs",
    "kernel/arm/fma.rs",
    "kernel/arm/gates.rs",
    "kernel/arm/gemm.rs",
    "kernel/arm/gemv.rs",
    "kernel/arm/gemv_transposed.rs",
    "kernel/arm/mve.rs",
    "kernel/arm/outer.rs",
    "kernel/arm/outer_sum.rs",
    "kernel/arm/relu.rs",
    "kernel/arm/rows.rs",
    "kernel/arm/sgd.rs",
    "kernel/arm/soft.rs",
    "kernel/arm/window.rs",
    "kernel/riscv/fma.rs",
];

fn with_unsafe(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            with_unsafe(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // The compiler refuses everything else that is unsafe, and lets these in.
            let unsafes = ["unsafe {", "unsafe fn ", "#[unsafe("];
            if unsafes.iter().any(|unsafes| text.contains(unsafes)) {
                found.push(path);
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_the_assembly_alone() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    with_unsafe(&source, &mut found);
    let this = source.join("kernel/tests/unsafe_code.rs");
    found.retain(|path| *path != this);
    found.sort();
    let expected: Vec<PathBuf> = FILES.iter().map(|file| source.join(file)).collect();
    assert_eq!(found, expected);
    // Nothing else may let it in.
    let allows = |path: &Path| {
        fs::read_to_string(path)
            .unwrap()
            .matches("unsafe_code")
            .count()
    };
    assert_eq!(allows(&source.join("lib.rs")), 1);
    assert_eq!(allows(&source.join("kernel/mod.rs")), 3);
}
