//! Each feature of the runtime, built and tested alone and together.

use super::Count;
use crate::{process, project::Project, ui};

/// Every set has functions from somewhere, libm or micromath, and a way of adding products, exact, fma or ftz.
const SETS: [&str; 11] = [
    "exact,libm",
    "fma,libm",
    "exact,fma,libm",
    "ftz,libm",
    "exact,micromath",
    "exact,libm,micromath",
    "exact,libm,defmt",
    "exact,libm,alloc",
    "exact,libm,std",
    "fma,micromath,defmt,alloc",
    "exact,fma,ftz,libm,micromath,defmt,alloc,std",
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
    // The workspace's tests have micromath, fma and ftz on, because the command asks for them. A plan that this build lacks the
    // functions or the products for can only be tested without them.
    let tested = ui::step("Testing without micromath, fma and ftz", || {
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
    count.test("exact and libm alone", tested);
}
