//! `cargo xtask bench`: what the works of boards/bench cost on each emulated core.

mod measure;
mod results;
mod works;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{project::Project, setup, ui};
pub use measure::{Plugin, windows};
use results::{Results, Row};
use works::{CORES, Core, Kind, WORKS, Work};

#[derive(clap::Args, Default)]
pub struct Args {
    /// Print the rows as JSON
    #[arg(long)]
    json: bool,
    /// Only this core, as often as given
    #[arg(long = "core", value_name = "NAME")]
    cores: Vec<String>,
    /// Only works whose binary's name contains this, as often as given
    #[arg(long = "work", value_name = "NAME")]
    works: Vec<String>,
    /// Fail if a row of tinpail is more than 2 % slower or 5 % larger than the committed one, under the same compiler
    #[arg(long)]
    check: bool,
    /// Write the measured rows into boards/bench/results.json and RESULTS.md; the others stay
    #[arg(long)]
    write: bool,
    /// Also print the functions that take the most, of each row
    #[arg(long)]
    functions: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let cores = chosen(&CORES, &args.cores, |core, name| core.name == name)?;
    let works: Vec<&Work> = chosen(&WORKS, &args.works, |work, name| work.binary.contains(name))?
        .into_iter()
        .filter(|work| !args.check || work.is_ours())
        .collect();
    let rows = measure_all(&project, &cores, &works, args.functions)?;
    results::same_bits(&rows)?;

    let measured = Results::new(&project, rows)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    } else {
        measured.print();
    }
    let files = Files::of(&project);
    if args.write {
        let merged = match files.read() {
            Ok(old) => old.updated(measured.clone())?,
            Err(_) => measured.clone(),
        };
        fs::write(&files.json, serde_json::to_string_pretty(&merged)? + "\n")?;
        fs::write(&files.page, merged.page())?;
    }
    if args.check {
        measured.compare(&files.read()?)?;
    }
    Ok(())
}

/// The part of [`run`] that every `cargo xtask test` does: the rows of the Cortex-M4F against the committed ones.
pub fn check() -> Result<()> {
    run(&Args {
        cores: vec!["cortex-m4f".into()],
        check: true,
        ..Args::default()
    })
}

struct Files {
    json: PathBuf,
    page: PathBuf,
}

impl Files {
    fn of(project: &Project) -> Self {
        let folder = project.boards().join("bench");
        Self {
            json: folder.join("results.json"),
            page: folder.join("RESULTS.md"),
        }
    }

    fn read(&self) -> Result<Results> {
        let text = fs::read_to_string(&self.json).with_context(|| {
            format!(
                "cannot read {} (`cargo xtask bench --write` writes it)",
                self.json.display()
            )
        })?;
        serde_json::from_str(&text).with_context(|| format!("cannot read {}", self.json.display()))
    }
}

/// All, or those that one of the names means; every name must mean one.
fn chosen<'a, T>(
    all: &'a [T],
    names: &[String],
    is: impl Fn(&T, &str) -> bool,
) -> Result<Vec<&'a T>> {
    for name in names {
        ensure!(
            all.iter().any(|item| is(item, name)),
            "nothing is called {name}"
        );
    }
    let chosen = all
        .iter()
        .filter(|item| names.is_empty() || names.iter().any(|name| is(item, name)));
    Ok(chosen.collect())
}

fn measure_all(
    project: &Project,
    cores: &[&Core],
    works: &[&Work],
    functions: bool,
) -> Result<Vec<Row>> {
    let targets: Vec<&str> = cores.iter().map(|core| core.target).collect();
    setup::cross(project, &targets)?;
    setup::qemu()?;
    let plugin = ui::step("Building the counting plugin", || Plugin::build(project))?;
    let mut rows = Vec::new();
    for core in cores {
        let of_core = works.iter().filter(|work| work.is_for(core));
        let mut works: Vec<&Work> = of_core.copied().collect();
        works.retain(|work| work.kind != Kind::Empty);
        // What the others are compared with.
        let empty = WORKS.iter().filter(|work| work.kind == Kind::Empty);
        let empty = empty.filter(|empty| works.iter().any(|work| work.profile == empty.profile));
        works.extend(empty.collect::<Vec<_>>());
        let built = ui::step(
            &format!("Building {} binaries for {}", works.len(), core.name),
            || measure::build(project, core, &works),
        )?;
        rows.extend(ui::step(&format!("Running them on {}", core.name), || {
            measure::rows(project, core, &works, &built, &plugin, functions)
        })?);
    }
    Ok(rows)
}
