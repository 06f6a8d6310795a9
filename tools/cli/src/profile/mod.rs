//! `tinpail profile`: what a device's profiler counted, by the names of the plan.

mod measured;
mod print;
mod read;

pub use measured::Profile;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Error, Result};
use clap::{Args, ValueEnum};

use crate::args::NetworkArgs;
use crate::files;
use crate::hint::Hint;
use crate::network::Network;
use crate::picture::{self, Picture};
use read::ProfileError;

#[derive(Args)]
pub struct ProfileArgs {
    /// What the device printed: `tinpail::profiler` writes it, and other lines around it do no harm
    #[arg(value_name = "PROFILE.txt")]
    profile: PathBuf,
    /// Only the profiles of one bucket
    #[arg(long, value_name = "KEY")]
    bucket: Option<u32>,
    /// The order of calls and layers
    #[arg(long, value_name = "ORDER", default_value = "plan")]
    sort: Sort,
    /// Print the profiles as JSON, in the order of the plan
    #[arg(long, conflicts_with = "sort")]
    json: bool,
    /// Write the plan's page with a picture of each profile
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
}

/// In which order rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// As they run
    Plan,
    /// The largest first
    Count,
}

pub fn profile(args: &ProfileArgs, out: &mut impl Write) -> Result<()> {
    let file = Network::load(&args.network, None)?.file;
    let path = args.profile.display();
    let bytes = std::fs::read(&args.profile).with_context(|| format!("cannot read {path}"))?;
    // A console may have printed other things as well, in whatever encoding.
    let lines = read::read(&String::from_utf8_lossy(&bytes));
    let lines = lines.or_else(|error| refused(error, &path.to_string()))?;
    let wanted = |bucket: u32| args.bucket.is_none_or(|key| key == bucket);
    let lines = lines.iter().filter(|lines| wanted(lines.bucket));
    let profiles: Result<Vec<Profile>, ProfileError> =
        lines.map(|lines| Profile::of(&file, lines)).collect();
    let profiles = profiles.or_else(|error| refused(error, &path.to_string()))?;
    if let (Some(key), true) = (args.bucket, profiles.is_empty()) {
        anyhow::bail!("{path} has no profile of bucket {key}");
    }
    if let Some(path) = &args.html {
        let network = args.network.name();
        let page = picture::page(&Picture::of(&file)?, &file, &network, &profiles);
        files::write(path, page.as_bytes())?;
    }
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &profiles)?;
        writeln!(out)?;
        return Ok(());
    }
    for (at, profile) in profiles.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        print::print(profile, args.sort, out)?;
    }
    if let Some(path) = &args.html {
        writeln!(out, "written to {}", path.display())?;
    }
    Ok(())
}

/// The error with what to do about it.
fn refused<T>(error: ProfileError, path: &str) -> Result<T> {
    let hint = match &error {
        ProfileError::None => {
            "print `profiler.borrow()` on the device and keep its console's output"
        }
        ProfileError::Version { .. } => "the firmware was built with another version of tinpail",
        ProfileError::Plan { .. } => {
            "give the NAME.plan.postcard of the build that made the firmware which was profiled"
        }
        ProfileError::Line { .. } | ProfileError::Truncated { .. } | ProfileError::Rows { .. } => {
            "nothing else may print between the first line of a profile and its last"
        }
        ProfileError::Bucket { .. } | ProfileError::Row { .. } => "the file is damaged",
    };
    Err(Error::new(error).context(path.to_owned())).hint(hint)
}
