//! The cross targets: an installed one if there is one, else rustup's, else built from Debian's packages.

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

use super::sysroot::{self, Sysroot};
use crate::{process, project::Project, ui};

/// Makes plain `cargo build` in the boards' folders work for all of these targets.
pub fn cross(project: &Project, targets: &[&str]) -> Result<()> {
    let installed = process::output(
        process::command("rustc")
            .args(["--print", "sysroot"])
            .current_dir(&project.root),
    )
    .context("Rust is needed")?;
    let installed = Path::new(installed.trim());
    let missing: Vec<&str> = targets
        .iter()
        .copied()
        .filter(|target| !sysroot::has(installed, target))
        .collect();

    if missing.is_empty() || rustup_adds(project, &missing) {
        return use_default_compiler(project);
    }
    let by_hand = || format!("run `rustup target add {}`, or", missing.join(" "));
    // All of them from one compiler, since a board's folder has one.
    let sysroot = Sysroot::from_debian(project, installed).with_context(by_hand)?;
    for target in targets {
        sysroot
            .add(target)
            .with_context(|| format!("cannot build Rust's core library for {target}"))?;
    }
    use_compiler(project, &sysroot)
}

/// Whether rustup could add them. `RUSTUP_AUTO_INSTALL=0` says that nothing may be downloaded that way.
fn rustup_adds(project: &Project, targets: &[&str]) -> bool {
    if env::var_os("RUSTUP_AUTO_INSTALL").is_some_and(|value| value == "0")
        || process::find_in_path("rustup").is_none()
    {
        return false;
    }
    ui::step(
        &format!("Adding {} with rustup", targets.join(", ")),
        || {
            let mut rustup = process::command("rustup");
            process::run_quietly(
                rustup
                    .args(["target", "add"])
                    .args(targets)
                    .current_dir(&project.root),
            )
        },
    )
    .is_ok()
}

/// The git-ignored configuration that all boards share.
fn config(project: &Project) -> std::path::PathBuf {
    project.boards().join(".cargo/config.toml")
}

fn use_compiler(project: &Project, sysroot: &Sysroot) -> Result<()> {
    let config = config(project);
    let rustc = toml::Value::from(
        sysroot
            .rustc()
            .to_str()
            .context("the project's path is not UTF-8")?,
    );
    let text = format!(
        "# Written by `cargo xtask`: a compiler that has the boards' targets.\n[build]\nrustc = {rustc}\n"
    );
    if fs::read_to_string(&config).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let folder = config.parent().context("the configuration has no folder")?;
    fs::create_dir_all(folder)?;
    fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))
}

fn use_default_compiler(project: &Project) -> Result<()> {
    let config = config(project);
    match fs::remove_file(&config) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", config.display()))
        }
        _ => Ok(()),
    }
}
