//! The browser.

use anyhow::{Context, Result};

use super::apt;
use crate::process;

/// Program and Debian package.
const PROGRAMS: [(&str, &str); 2] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
];

pub fn chromium() -> Result<()> {
    let missing = PROGRAMS
        .iter()
        .any(|(program, _)| process::find_in_path(program).is_none());
    if !missing {
        return Ok(());
    }
    // Both, since a driver goes with one version of the browser.
    let packages = PROGRAMS.map(|(_, package)| package);
    apt::install(&packages, "chromium").context("Chromium is needed to test the pages")
}
