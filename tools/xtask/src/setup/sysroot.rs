//! A sysroot with `core` and `alloc` for the cross targets, built from Debian's packages.
//!
//! ```text
//! target/cross/<rustc version>/
//!   bin/rustc                           Debian's rustc with --sysroot
//!   lib/rustlib/<host>/lib              -> Debian's standard library, for build scripts
//!   lib/rustlib/<host>/bin/rust-lld     -> the installed toolchain's linker, which Debian's packages lack
//!   lib/rustlib/<target>/lib/*.rlib     built here, once
//!   lib/rustlib/<target>/stamp          which compiler built them
//! ```

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use super::apt;
use crate::{process, project::Project, ui};

const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const CORE_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/core/src/lib.rs";
/// The project's `rust-version`.
const OLDEST_MINOR: u32 = 95;

/// Whether this sysroot has the target's core library.
pub fn has(sysroot: &Path, target: &str) -> bool {
    let Ok(entries) = fs::read_dir(target_folder(sysroot, target).join("lib")) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn target_folder(sysroot: &Path, target: &str) -> PathBuf {
    sysroot.join("lib/rustlib").join(target)
}

pub struct Sysroot {
    root: PathBuf,
    /// What `rustc -vV` says.
    version: String,
}

impl Sysroot {
    /// Lays out the sysroot, without targets. The linker comes from the `installed` one.
    pub fn from_debian(project: &Project, installed: &Path) -> Result<Self> {
        if ![RUSTC, CARGO, CORE_SOURCE]
            .iter()
            .all(|path| Path::new(path).exists())
        {
            apt::install(&PACKAGES, "rust-web-")?;
        }
        let version = process::output(process::command(RUSTC).arg("-vV"))?;
        let field = |name: &str| {
            let found = version
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.with_context(|| format!("`rustc -vV` does not tell its {name}"))
        };
        let (release, host) = (field("release")?, field("host")?);
        let minor = release
            .split('.')
            .nth(1)
            .and_then(|minor| minor.parse::<u32>().ok());
        ensure!(
            minor >= Some(OLDEST_MINOR),
            "Debian's Rust is {release}, and 1.{OLDEST_MINOR} is needed"
        );

        let root = project.target.join("cross").join(release);
        let host_libraries =
            process::output(process::command(RUSTC).args(["--print", "target-libdir"]))?;
        let linker = target_folder(installed, host).join("bin/rust-lld");
        ensure!(
            linker.exists(),
            "there is no rust-lld in {}",
            installed.display()
        );
        link(
            Path::new(host_libraries.trim()),
            &target_folder(&root, host).join("lib"),
        )?;
        link(&linker, &target_folder(&root, host).join("bin/rust-lld"))?;

        let sysroot = Self { root, version };
        write_if_new(&sysroot.rustc(), &sysroot.wrapper()?)?;
        fs::set_permissions(sysroot.rustc(), fs::Permissions::from_mode(0o755))?;
        Ok(sysroot)
    }

    pub fn rustc(&self) -> PathBuf {
        self.root.join("bin/rustc")
    }

    fn wrapper(&self) -> Result<String> {
        let root = self
            .root
            .to_str()
            .context("the target folder's path is not UTF-8")?;
        if root.contains('\'') {
            bail!("the target folder's path contains a quote: {root}");
        }
        // cargo's library path is for the toolchain it belongs to.
        Ok(format!(
            "#!/bin/sh\nunset LD_LIBRARY_PATH\nexec {RUSTC} --sysroot '{root}' \"$@\"\n"
        ))
    }

    /// Builds the target's libraries unless this compiler built them before.
    pub fn add(&self, target: &str) -> Result<()> {
        let folder = target_folder(&self.root, target);
        let stamp = folder.join("stamp");
        if fs::read_to_string(&stamp).is_ok_and(|old| old == self.version) {
            return Ok(());
        }
        ui::step(
            &format!("Building Rust's core library for {target} (once)"),
            || {
                let build = tempfile::tempdir_in(&self.root)?;
                let libraries = self.build(target, build.path())?;
                if folder.exists() {
                    fs::remove_dir_all(&folder)?;
                }
                fs::create_dir_all(folder.join("lib"))?;
                for library in libraries {
                    let name = library.file_name().context("a library without a name")?;
                    fs::copy(&library, folder.join("lib").join(name))?;
                }
                // Last, so that an interrupted copy is done again.
                fs::write(stamp, &self.version).context("cannot write the stamp")
            },
        )
    }

    /// The target's `core`, `alloc` and what they need, as an empty crate in the folder `build` pulls them in.
    fn build(&self, target: &str, build: &Path) -> Result<Vec<PathBuf>> {
        write_if_new(&build.join("Cargo.toml"), EMPTY_CRATE)?;
        write_if_new(&build.join("src/lib.rs"), "#![no_std]\n")?;
        let mut cargo: Command = process::command(CARGO);
        cargo
            .args([
                "build",
                "--release",
                "-Zbuild-std=core,alloc",
                "--target",
                target,
            ])
            .current_dir(build)
            .env("RUSTC", RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            // Bitcode, for link-time optimisation.
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env("CARGO_TARGET_DIR", build.join("target"))
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTC_WRAPPER");
        process::run_quietly(&mut cargo)?;

        let mut libraries = Vec::new();
        let output = build.join("target").join(target).join("release/deps");
        for entry in fs::read_dir(output)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".rlib") && !name.starts_with("libempty-") {
                libraries.push(path);
            }
        }
        Ok(libraries)
    }
}

const EMPTY_CRATE: &str = r#"[package]
name = "empty"
version = "0.0.0"
edition = "2024"

[workspace]

[profile.release]
panic = "abort"
"#;

fn write_if_new(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    create_parent(path)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn link(to: &Path, from: &Path) -> Result<()> {
    if fs::read_link(from).is_ok_and(|old| old == to) {
        return Ok(());
    }
    create_parent(from)?;
    if from.symlink_metadata().is_ok() {
        fs::remove_file(from)?;
    }
    symlink(to, from).with_context(|| format!("cannot link {} to {}", from.display(), to.display()))
}

fn create_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display())),
        None => Ok(()),
    }
}
