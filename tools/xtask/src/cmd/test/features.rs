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
    // The workspace's tests have micromath on, because the command asks for it. A plan that this build lacks the
    // functions for can only be tested without it.
    let tested = ui::step("Testing without micromath", || {
        let mut cargo = process::cargo();
        cargo.args([
            "test",
            "--quiet",
            "--package",
            "tinpail",
            "--lib",
            "--test",
            "bad_input",
        ]);
        process::run(cargo.current_dir(&project.root))
    });
    count.test("libm alone", tested);
}
