//! The rows, as a table, as a page and as the committed file that later ones are compared with.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::{process, project::Project, ui};

/// More than this many times the committed figure is a slowdown.
const TIME_LIMIT: f64 = 1.02;
/// More than this many times the committed flash is growth; looser, as what the compiler inlines moves it.
const FLASH_LIMIT: f64 = 1.05;

/// One work, in one mode, on one core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub core: String,
    pub work: String,
    pub mode: String,
    pub by: String,
    /// Executed, exactly.
    pub instructions: u64,
    /// A Cortex-M4's, by the model of tools/cycles.
    pub modelled_cycles: Option<u64>,
    pub macs: u64,
    /// The firmware without weights and inputs.
    pub flash_bytes: u64,
    /// Beyond a firmware that does nothing.
    pub net_flash_bytes: u64,
    /// Statics: the arena, parameters and optimizer state where it trains.
    pub ram_bytes: u64,
    /// The deepest of the whole run.
    pub stack_bytes: u64,
    /// Of the results' bits.
    pub checksum: String,
    /// Where floats are computed in software.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub soft_float: Option<SoftFloat>,
}

/// What the additions and multiplications of floats take alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftFloat {
    pub calls: u64,
    pub instructions: u64,
}

impl Row {
    fn key(&self) -> (&str, &str, &str, &str) {
        (&self.core, &self.work, &self.mode, &self.by)
    }

    fn name(&self) -> String {
        format!(
            "{}, {} ({}) on {}",
            self.work, self.mode, self.by, self.core
        )
    }

    fn per_mac(&self, count: u64) -> String {
        match self.macs {
            0 => String::new(),
            macs => format!("{:.2}", count as f64 / macs as f64),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    pub commit: String,
    pub compiler: String,
    pub rows: Vec<Row>,
}

/// Every core and every implementation computes a work's results to the last bit; embedded-nn sums in another order.
pub fn same_bits(rows: &[Row]) -> Result<()> {
    let mut seen: BTreeMap<(&str, &str), &Row> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.by != "embedded-nn") {
        let first = seen.entry((&row.work, &row.mode)).or_insert(row);
        ensure!(
            first.checksum == row.checksum,
            "{} has results {}, and {} has {}",
            row.name(),
            row.checksum,
            first.name(),
            first.checksum
        );
    }
    Ok(())
}

impl Results {
    pub fn new(project: &Project, rows: Vec<Row>) -> Result<Self> {
        let git = |args: &[&str]| {
            process::output(
                process::command("git")
                    .args(args)
                    .current_dir(&project.root),
            )
        };
        let head = git(&["rev-parse", "--short=10", "HEAD"])?;
        // The results themselves are not what was measured.
        let changed = git(&[
            "status",
            "--porcelain",
            "--",
            "src",
            "tools/plan",
            "boards",
            ":!boards/bench/RESULTS.md",
            ":!boards/bench/results.json",
        ])?;
        let suffix = if changed.trim().is_empty() {
            ""
        } else {
            " with changes"
        };
        Ok(Self {
            commit: format!("{}{suffix}", head.trim()),
            compiler: compiler(project)?,
            rows,
        })
    }

    pub fn print(&self) {
        println!("commit {}, {}", self.commit, self.compiler);
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let cycles = row.modelled_cycles;
                [
                    row.name(),
                    row.instructions.to_string(),
                    row.per_mac(row.instructions),
                    cycles.map_or_else(String::new, |cycles| cycles.to_string()),
                    cycles.map_or_else(String::new, |cycles| row.per_mac(cycles)),
                    row.net_flash_bytes.to_string(),
                    row.ram_bytes.to_string(),
                    row.stack_bytes.to_string(),
                    row.soft_float.map_or_else(String::new, soft_share(row)),
                ]
            })
            .collect();
        ui::table(
            [
                "work",
                "instructions",
                "per MAC",
                "modelled cycles",
                "per MAC",
                "net flash",
                "RAM",
                "stack",
                "of soft float",
            ],
            &rows,
        );
    }

    /// The old rows with the new ones in their places.
    pub fn updated(mut self, new: Results) -> Result<Results> {
        ensure!(
            self.compiler == new.compiler || new.rows.len() >= self.rows.len(),
            "the committed rows are of {}: measure all of them anew",
            self.compiler
        );
        for row in new.rows {
            match self.rows.iter_mut().find(|old| old.key() == row.key()) {
                Some(old) => *old = row,
                None => {
                    // With those of its core, which are one table.
                    let last = self.rows.iter().rposition(|old| old.core == row.core);
                    let at = last.map_or(self.rows.len(), |last| last + 1);
                    self.rows.insert(at, row);
                }
            }
        }
        Ok(Results {
            rows: self.rows,
            commit: new.commit,
            compiler: new.compiler,
        })
    }

    /// Whether none of the rows is slower or larger than the same one of `base`. Another compiler's rows are not compared.
    pub fn compare(&self, base: &Results) -> Result<()> {
        if self.compiler != base.compiler {
            println!(
                "Not compared: the committed rows are of {}, these of {}",
                base.compiler, self.compiler
            );
            return Ok(());
        }
        let mut worse = Vec::new();
        for row in &self.rows {
            let old = base.rows.iter().find(|old| old.key() == row.key());
            let old =
                old.with_context(|| format!("{} is not in the committed rows", row.name()))?;
            let mut see = |what: &str, limit: f64, now: u64, before: u64| {
                if now as f64 > before as f64 * limit {
                    worse.push(format!("{}: {now} {what}, {before} before", row.name()));
                }
            };
            let (now, before) = (row.instructions, old.instructions);
            see("instructions", TIME_LIMIT, now, before);
            if let (Some(now), Some(before)) = (row.modelled_cycles, old.modelled_cycles) {
                see("modelled cycles", TIME_LIMIT, now, before);
            }
            let (now, before) = (row.net_flash_bytes, old.net_flash_bytes);
            see("bytes of flash", FLASH_LIMIT, now, before);
        }
        if !worse.is_empty() {
            bail!(
                "slower than at commit {} by more than 2 %, or larger by more than 5 %:\n{}",
                base.commit,
                worse.join("\n")
            );
        }
        Ok(())
    }

    /// RESULTS.md.
    pub fn page(&self) -> String {
        let mut page = format!(
            "# What the works of boards/bench cost\n\n\
             Written by `cargo xtask bench --write` at commit {}, with {}. [README.md](README.md) says what is measured and how.\n",
            self.commit, self.compiler
        );
        let mut core = "";
        for row in &self.rows {
            if row.core != core {
                core = &row.core;
                let rows: Vec<_> = self.rows.iter().filter(|row| row.core == core).collect();
                core_table(&mut page, core, &rows);
            }
        }
        page
    }
}

fn core_table(page: &mut String, core: &str, rows: &[&Row]) {
    let is_priced = rows.iter().any(|row| row.modelled_cycles.is_some());
    let is_soft = rows.iter().any(|row| row.soft_float.is_some());
    let mut headings = vec!["work", "mode", "by", "instructions", "per MAC"];
    if is_priced {
        headings.extend(["modelled cycles", "per MAC"]);
    }
    if is_soft {
        headings.push("soft-float calls: instructions");
        headings.push("all over those");
    }
    headings.extend(["net flash B", "RAM B", "stack B"]);
    // Writing to a String cannot fail.
    _ = writeln!(page, "\n## {core}\n\n| {} |", headings.join(" | "));
    _ = writeln!(page, "|{}", " --- |".repeat(headings.len()));
    for row in rows {
        let mut cells = vec![
            row.work.clone(),
            row.mode.clone(),
            row.by.clone(),
            row.instructions.to_string(),
            row.per_mac(row.instructions),
        ];
        if is_priced {
            let cycles = row.modelled_cycles.unwrap_or_default();
            cells.extend([cycles.to_string(), row.per_mac(cycles)]);
        }
        if let Some(soft) = row.soft_float {
            cells.push(format!("{}: {}", soft.calls, soft.instructions));
            cells.push(format!(
                "{:.3}",
                row.instructions as f64 / soft.instructions as f64
            ));
        }
        cells.extend(
            [row.net_flash_bytes, row.ram_bytes, row.stack_bytes].map(|bytes| bytes.to_string()),
        );
        _ = writeln!(page, "| {} |", cells.join(" | "));
    }
}

fn soft_share(row: &Row) -> impl Fn(SoftFloat) -> String {
    let instructions = row.instructions;
    move |soft| match soft.instructions {
        0 => String::new(),
        arithmetic => format!("{:.3} x", instructions as f64 / arithmetic as f64),
    }
}

/// The boards' compiler, as it names itself.
fn compiler(project: &Project) -> Result<String> {
    let config = project.boards().join(".cargo/config.toml");
    let rustc = match std::fs::read_to_string(&config) {
        Ok(text) => {
            let config: toml::Table = text.parse()?;
            let rustc = config.get("build").and_then(|build| build.get("rustc"));
            rustc.and_then(toml::Value::as_str).map(str::to_owned)
        }
        Err(_) => None,
    };
    let mut rustc = process::command(rustc.as_deref().unwrap_or("rustc"));
    let version = process::output(rustc.arg("--version").current_dir(&project.root))?;
    Ok(version.trim().to_owned())
}
