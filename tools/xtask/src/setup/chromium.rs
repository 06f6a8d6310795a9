//! The browser.

use anyhow::{Context, Result};

use super::apt;
use crate::process;

const PROGRAMS: [&str; 2] = ["chromium", "chromedriver"];

/// With a font, for machines that have none: Debian's Chromium only recommends one.
const PACKAGES: [&str; 3] = ["chromium", "chromium-driver", "fonts-dejavu-core"];

pub fn chromium() -> Result<()> {
    let missing = PROGRAMS
        .iter()
        .any(|program| process::find_in_path(program).is_none());
    if !missing {
        return Ok(());
    }
    // All of them, since a driver goes with one version of the browser.
    apt::install(&PACKAGES, "chromium").context("Chromium is needed to test the pages")
}
