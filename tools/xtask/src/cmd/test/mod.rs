//! `cargo xtask test`: everything that must hold. Goes on after a failure, so that one run shows them all.

mod counter;
mod features;
mod host;
mod probe;
mod snapshot;

use anyhow::{Result, bail};

use crate::{cmd::bench, project::Project};

#[derive(clap::Args)]
pub struct Args {
    /// Write what the firmware tests print to their .out files instead of comparing it
    #[arg(long)]
    overwrite: bool,
    /// Only the firmware tests
    #[arg(long)]
    qemu: bool,
}

/// How many tests passed and failed. A check that is no test, such as the formatting, counts when it fails.
#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Count {
    fn check(&mut self, what: &str, result: Result<()>) {
        if let Err(error) = result {
            self.failed += 1;
            println!("FAILED {what}: {error:#}");
        }
    }

    fn test(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("ok     {name}");
            }
            error => self.check(name, error),
        }
    }
}

pub fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let mut count = Count::default();
    if !args.qemu {
        host::run(&project, &mut count);
        features::run(&project, &mut count);
    }
    let probe = probe::run(&project, &mut count);
    count.check("panic probe", probe);
    let firmware = snapshot::run(&project, args.overwrite, &mut count);
    count.check("firmware tests", firmware);
    let counter = counter::run(&project, &mut count);
    count.check("counts of known code", counter);
    if !args.qemu {
        count.test("bench (cortex-m4f)", bench::check());
    }

    println!("\n{} passed, {} failed", count.passed, count.failed);
    if count.failed > 0 {
        bail!("{} failed", count.failed);
    }
    Ok(())
}
