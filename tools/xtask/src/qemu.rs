//! Runs firmware in QEMU, with the command that the board's own cargo configuration names as its runner.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{ChildStderr, ChildStdout, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{boards::Firmware, process, project::Project};

/// Far more than any firmware of the project takes.
pub const TIMEOUT: Duration = Duration::from_secs(300);

pub struct Run {
    /// What the firmware printed: text, or defmt frames.
    pub stdout: Vec<u8>,
    /// The messages of a panic or a fault, and QEMU's own.
    pub stderr: String,
    pub status: ExitStatus,
}

/// Boots the firmware and waits until it ends. It finds its files in `folder`, and leaves those that it writes there.
/// `progress` sees its output as it comes.
pub fn run(
    project: &Project,
    firmware: &Firmware,
    folder: &Path,
    timeout: Duration,
    mut progress: impl FnMut(&[u8]),
) -> Result<Run> {
    let runner = runner(project, firmware)?;
    let (program, args) = runner.split_first().context("the runner is empty")?;
    let mut child = process::command(program)
        .args(args)
        .arg(&firmware.elf)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}: `cargo xtask setup` installs it"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (sender, receiver) = channel();
    let stdout = thread::spawn(move || forward(stdout, |chunk| _ = sender.send(chunk.to_vec())));
    let stderr = thread::spawn(move || read_all(stderr));

    let deadline = Instant::now() + timeout;
    let mut printed = Vec::new();
    let in_time = loop {
        // The channel closes when the firmware ends, since its stdout does.
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(chunk) => {
                progress(&chunk);
                printed.extend(chunk);
            }
            Err(RecvTimeoutError::Disconnected) => break true,
            Err(RecvTimeoutError::Timeout) => break false,
        }
    };
    if !in_time {
        child.kill().context("cannot stop QEMU")?;
    }
    let status = child.wait()?;
    _ = stdout.join();
    let stderr = stderr.join().unwrap_or_default();
    if !in_time {
        bail!(
            "{} still ran after {} s; it printed\n{}{stderr}",
            firmware.name,
            timeout.as_secs(),
            String::from_utf8_lossy(&printed)
        );
    }
    Ok(Run {
        stdout: printed,
        stderr,
        status,
    })
}

fn forward(stdout: Option<ChildStdout>, mut send: impl FnMut(&[u8])) {
    let Some(mut stdout) = stdout else { return };
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stdout.read(&mut buffer) {
        send(&buffer[..read]);
    }
}

fn read_all(stderr: Option<ChildStderr>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stderr) = stderr {
        // What came before an error is still worth showing.
        _ = stderr.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The `runner` of the board's `.cargo/config.toml`, so that `cargo run` and xtask start the same machine.
fn runner(project: &Project, firmware: &Firmware) -> Result<Vec<String>> {
    let path = firmware.board.folder(project).join(".cargo/config.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let config: toml::Table = text
        .parse()
        .with_context(|| format!("cannot read {}", path.display()))?;
    let runner = config
        .get("target")
        .and_then(toml::Value::as_table)
        .and_then(|targets| {
            let runner = targets.values().find_map(|target| target.get("runner"))?;
            runner.clone().try_into().ok()
        });
    runner.with_context(|| format!("{} names no runner", path.display()))
}
