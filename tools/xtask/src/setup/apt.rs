//! Debian's packages.

use std::{fs, sync::Once};

use anyhow::{Context, Result, bail};

use crate::{process, ui};

/// Installs the packages, or names the command that would. To make place for them, only packages whose name starts with
/// `replaceable` may go: a machine may hold another version of one's relatives, but nothing else is the price.
pub fn install(packages: &[&str], replaceable: &str) -> Result<()> {
    let by_hand = format!(
        "run `sudo apt-get update && sudo apt-get install {}`",
        packages.join(" ")
    );
    if process::find_in_path("apt-get").is_none() {
        bail!("this is no Debian; there, one would {by_hand}");
    }
    if !is_root()? {
        bail!("only root may install packages: {by_hand}");
    }

    static UPDATE: Once = Once::new();
    let mut updated = Ok(());
    UPDATE.call_once(|| {
        updated = ui::step("Updating the list of packages", || {
            apt_get(&["update"]).map(drop)
        })
    });
    updated?;

    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    let plan =
        apt_get(&[&install[..], &["--simulate"]].concat()).with_context(|| by_hand.clone())?;
    let removed = removals(&plan);
    if let Some(other) = removed.iter().find(|name| !name.starts_with(replaceable)) {
        bail!(
            "{} cannot stand beside {other}: if that may be removed, {by_hand}",
            packages.join(", ")
        );
    }
    let what = match removed.as_slice() {
        [] => format!("Installing {}", packages.join(", ")),
        removed => format!(
            "Installing {} in place of {}",
            packages.join(", "),
            removed.join(", ")
        ),
    };
    ui::step(&what, || apt_get(&install))
        .map(drop)
        .context(by_hand)
}

/// The packages that a simulated run would remove.
fn removals(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter_map(|line| line.strip_prefix("Remv ")?.split_whitespace().next())
        .collect()
}

fn apt_get(args: &[&str]) -> Result<String> {
    process::output(
        process::command("apt-get")
            // Waits for another apt-get instead of failing.
            .args(["-o", "DPkg::Lock::Timeout=300"])
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

fn is_root() -> Result<bool> {
    let status =
        fs::read_to_string("/proc/self/status").context("cannot tell which user this is")?;
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
    Ok(effective == Some("0"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn removals_of_a_simulated_run() {
        let plan = "Reading package lists...\nRemv qemu-utils [1:10.0.2]\nInst qemu-system-arm (1:7.2 Debian:12 [amd64])\n";
        assert_eq!(super::removals(plan), ["qemu-utils"]);
    }
}
