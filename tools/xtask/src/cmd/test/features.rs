//! Each feature of the runtime, built and tested alone and together.

use super::Count;
use crate::{process, project::Project, ui};

/// Every set has functions from somewhere: libm or micromath.
const SETS: [&str; 8] = [
    "libm",
    "micromath",
    "libm,micromath",
    "libm,defmt",
    "libm,alloc",
    "libm,std",
    "micromath,defmt,alloc",
    "libm,micromath,defmt,alloc,std",
];

pub fn run(project: &Project, count: &mut Count) {
    for set in SETS {
        let built = ui::step(&format!("Building with {set}"), || {
            let mut cargo = process::cargo();
            cargo.args([
                "clippy",
                "--quiet",
                "--package",
                "tinpail",
                "--lib",
                "--no-default-features",
                "--features",
                set,
                "--",
                "--deny",
                "warnings",
            ]);
            process::run(cargo.current_dir(&project.root))
        });
        count.test(&format!("features {set}"), built);
    }
    let tested = ui::step("Testing the kernels with both math crates", || {
        let mut cargo = process::cargo();
        cargo.args([
            "test",
            "--quiet",
            "--package",
            "tinpail",
            "--lib",
            "--features",
            "micromath",
        ]);
        process::run(cargo.current_dir(&project.root))
    });
    count.test("kernels with libm and micromath", tested);
}
