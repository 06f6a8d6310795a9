//! Where the project's files are.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

pub struct Project {
    pub root: PathBuf,
    /// Cargo's target folder on the host.
    pub target: PathBuf,
    /// The boards' target folder: the one that plain `cargo run` in a board's folder uses too, unless the user chose one.
    pub boards_target: PathBuf,
}

impl Project {
    pub fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&manifest)
            .ancestors()
            .nth(2)
            .context("tools/xtask is not where it was")?
            .to_owned();
        Ok(match env::var_os("CARGO_TARGET_DIR") {
            // Relative to where cargo was called, as it is for cargo.
            Some(target) => {
                let target = std::path::absolute(target)?;
                Self {
                    root,
                    boards_target: target.join("boards"),
                    target,
                }
            }
            None => Self {
                target: root.join("target"),
                boards_target: root.join("boards/target"),
                root,
            },
        })
    }

    pub fn boards(&self) -> PathBuf {
        self.root.join("boards")
    }

    pub fn qemu_tests(&self) -> PathBuf {
        self.root.join("tests/qemu")
    }
}
