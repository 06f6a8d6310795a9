//! The checks and tests that need nothing but the host.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};

use super::Count;
use crate::{process, project::Project, setup, ui};

/// The tests of pages too, which plain `cargo test` leaves out.
const BROWSER: [&str; 2] = ["--features", "tinpail-pages/browser"];

pub fn run(project: &Project, count: &mut Count) {
    // In boards/, `--all` would take in the host's workspace, on which the boards depend.
    let workspaces = [
        (&project.root, &["fmt", "--all", "--check"][..]),
        (&project.boards(), &["fmt", "--check"]),
    ];
    for (folder, args) in workspaces {
        let format = process::run(process::cargo().args(args).current_dir(folder));
        count.check(&format!("formatting of {}", folder.display()), format);
    }
    let clippy = ui::step("Checking with clippy", || {
        let mut cargo = process::cargo();
        let clippy = [
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            BROWSER[0],
            BROWSER[1],
            "--",
            "--deny",
            "warnings",
        ];
        process::run(cargo.args(clippy).current_dir(&project.root))
    });
    count.check("clippy", clippy);
    count.check("set-up of a browser", setup::chromium());
    let tests = cargo_test(project, count);
    count.check("cargo test", tests);
}

/// Runs `cargo test`, shows what it prints and adds up its closing lines.
fn cargo_test(project: &Project, count: &mut Count) -> Result<()> {
    let mut child = process::cargo()
        .args(["test", "--quiet", "--workspace", "--no-fail-fast"])
        .args(BROWSER)
        .current_dir(&project.root)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let stdout = child.stdout.take().context("cargo has no stdout")?;
    let failed_before = count.failed;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        if let Some((passed, failed)) = closing_line(&line) {
            count.passed += passed;
            count.failed += failed;
        }
    }
    let status = child.wait()?;
    ensure!(
        status.success() || count.failed > failed_before,
        "ended with {status}"
    );
    Ok(())
}

/// `test result: ok. 3 passed; 0 failed; ...`
fn closing_line(line: &str) -> Option<(usize, usize)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    let passed = counts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = counts.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

#[cfg(test)]
mod tests {
    use super::closing_line;

    #[test]
    fn closing_lines_of_cargo_test() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(closing_line(line), Some((12, 3)));
        assert_eq!(closing_line("running 2 tests"), None);
    }
}
