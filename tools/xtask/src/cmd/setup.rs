//! `cargo xtask setup`

use anyhow::Result;

use crate::{boards, project::Project, setup};

#[derive(clap::Args)]
pub struct Args {
    /// Only these cross targets, no QEMU and no browser
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    if args.targets.is_empty() {
        setup::cross(&project, &boards::targets())?;
        setup::qemu()?;
        setup::chromium()?;
    } else {
        let targets: Vec<&str> = args.targets.iter().map(String::as_str).collect();
        setup::cross(&project, &targets)?;
    }
    eprintln!("Ready: `cargo run` works in each folder boards/qemu-*.");
    Ok(())
}
