//! Builds a core's binaries and runs them under the counting plugin.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSymbol, SymbolKind};
use tinpail_cycles::{Model, Window};

use super::{
    results::{Row, SoftFloat},
    works::{Core, Kind, Work},
};
use crate::{boards, elf, memory, process, project::Project};

/// tools/qemu-count, built.
pub struct Plugin(PathBuf);

impl Plugin {
    pub fn build(project: &Project) -> Result<Self> {
        let mut cargo = process::cargo();
        cargo
            .args(["build", "--release", "--package", "qemu-count"])
            .arg("--target-dir")
            .arg(&project.target)
            .current_dir(&project.root);
        let built = boards::messages(&mut cargo)?;
        let library = built.files.into_iter().find(|file| {
            file.extension()
                .is_some_and(|extension| extension == "so" || extension == "dylib")
        });
        Ok(Self(library.context("qemu-count has no library")?))
    }
}

/// The executables by profile and name.
pub type Built = HashMap<(&'static str, String), PathBuf>;

pub fn build(project: &Project, core: &Core, works: &[&Work]) -> Result<Built> {
    let mut built = Built::new();
    let ways: BTreeSet<_> = works.iter().map(|work| work.way()).collect();
    for way in ways {
        let (profile, recipe) = way;
        let mut cargo = process::cargo();
        cargo.args(["build", "--profile", profile, "--target", core.target]);
        cargo.args(["--no-default-features", "--features", recipe]);
        for work in works.iter().filter(|work| work.way() == way) {
            cargo.args(["--bin", work.binary]);
        }
        let binaries = binaries(project, core, &mut cargo)?;
        built.extend(binaries.map(|(name, path)| ((profile, name), path)));
    }
    Ok(built)
}

/// Binaries for a core, with their names.
fn binaries(
    project: &Project,
    core: &Core,
    cargo: &mut Command,
) -> Result<impl Iterator<Item = (String, PathBuf)>> {
    if !core.flag.is_empty() {
        // Not RUSTFLAGS, which a user may have set.
        let setting = format!(
            "target.{}.rustflags=[\"-C\", \"{}\"]",
            core.target, core.flag
        );
        cargo.args(["--config", &setting]);
    }
    cargo
        .arg("--target-dir")
        .arg(&project.boards_target)
        .env("TINPAIL_BENCH_MEMORY", core.memory)
        .current_dir(project.boards().join("bench"));
    Ok(boards::messages(cargo)?.executables.into_iter())
}

/// What ran in each window of one binary of boards/bench, and what it printed.
pub fn windows(
    project: &Project,
    core: &str,
    binary: &str,
    plugin: &Plugin,
) -> Result<(Vec<Window>, String)> {
    let core = super::CORES
        .iter()
        .find(|known| known.name == core)
        .context("no such core")?;
    let mut cargo = process::cargo();
    cargo.args([
        "build",
        "--release",
        "--target",
        core.target,
        "--bin",
        binary,
    ]);
    let mut built = binaries(project, core, &mut cargo)?;
    let (_, elf) = built
        .find(|(name, _)| name == binary)
        .context("it was not built")?;
    count(core, &Symbols::read(&elf)?, &elf, plugin)
}

pub fn rows(
    project: &Project,
    core: &Core,
    works: &[&Work],
    built: &Built,
    plugin: &Plugin,
    functions: bool,
) -> Result<Vec<Row>> {
    let memory = project
        .boards()
        .join(format!("bench/memory/{}.x", core.memory));
    let regions = memory::read(&memory)?;
    let sizes = |work: &Work| -> Result<[u64; 2]> {
        let sizes = elf::sizes(executable(built, work)?, &regions)?;
        let [flash, ram, ..] = sizes[..] else {
            bail!("{} names no FLASH and RAM", memory.display());
        };
        Ok([flash, ram])
    };
    let mut rows = Vec::new();
    for work in works.iter().filter(|work| work.kind != Kind::Empty) {
        let elf = executable(built, work)?;
        let [flash_bytes, ram_bytes] = sizes(work)?;
        let empty = works
            .iter()
            .find(|other| other.kind == Kind::Empty && other.profile == work.profile);
        let [empty_flash, _] = sizes(empty.context("there is no empty binary")?)?;
        let symbols = Symbols::read(elf)?;
        let (windows, printed) = count(core, &symbols, elf, plugin)
            .with_context(|| format!("{} on {}", work.name(), core.name))?;
        let [window] = &windows[..] else {
            bail!("{} has {} windows", work.name(), windows.len());
        };
        let said = |what: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(what));
            line.map(str::trim)
                .with_context(|| format!("{} printed {printed:?}", work.name()))
        };
        if functions {
            print_functions(core, work, &symbols, window)?;
        }
        rows.push(Row {
            core: core.name.into(),
            work: work.work.into(),
            mode: work.mode.into(),
            by: work.by.into(),
            instructions: window.instructions(),
            modelled_cycles: match core.is_priced {
                true => Some(Model::default().cycles(window)?),
                false => None,
            },
            macs: work.macs,
            flash_bytes,
            net_flash_bytes: flash_bytes.saturating_sub(empty_flash),
            ram_bytes,
            stack_bytes: said("stack ")?.parse()?,
            checksum: said("checksum ")?.into(),
            soft_float: core.is_soft.then(|| soft_float(&symbols, window)),
        });
    }
    Ok(rows)
}

fn executable<'a>(built: &'a Built, work: &Work) -> Result<&'a Path> {
    let elf = built.get(&(work.profile, work.binary.to_owned()));
    elf.map(PathBuf::as_path)
        .with_context(|| format!("{} was not built", work.name()))
}

/// Runs a binary under the plugin.
fn count(
    core: &Core,
    symbols: &Symbols,
    elf: &Path,
    plugin: &Plugin,
) -> Result<(Vec<Window>, String)> {
    let folder = tempfile::tempdir()?;
    let counts = folder.path().join("counts");
    let plugin = format!(
        "{},out={},start={:x},stop={:x}",
        plugin.0.display(),
        counts.display(),
        symbols.address("bench_start")?,
        symbols.address("bench_stop")?
    );
    let mut qemu = process::command(core.qemu);
    qemu.args(["-machine", core.machine])
        .args(["-display", "none", "-serial", "none", "-monitor", "none"])
        .args(["-semihosting-config", "enable=on,target=native"])
        .args(["-plugin", &plugin]);
    if core.qemu.ends_with("riscv32") {
        qemu.args(["-bios", "none"]);
    }
    let printed = process::output(qemu.arg("-kernel").arg(elf).current_dir(folder.path()))?;
    let counts = fs::read_to_string(&counts).context("the plugin wrote nothing")?;
    ensure!(!printed.contains("failed"), "it printed {printed}");
    Ok((tinpail_cycles::read(&counts)?, printed))
}

/// The functions of an executable.
struct Symbols(Vec<(String, Range<u64>)>);

impl Symbols {
    fn read(elf: &Path) -> Result<Self> {
        let data = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
        let file = object::File::parse(&data[..])?;
        let functions = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text);
        let mut functions: Vec<_> = functions
            .filter_map(|symbol| {
                // Thumb functions have odd addresses.
                let start = symbol.address() & !1;
                Some((symbol.name().ok()?.to_owned(), start..start + symbol.size()))
            })
            .collect();
        functions.sort_by_key(|(_, range)| (range.start, range.end));
        functions.dedup_by_key(|(_, range)| range.clone());
        Ok(Self(functions))
    }

    fn address(&self, name: &str) -> Result<u64> {
        let found = self.0.iter().find(|(known, _)| known == name);
        let (_, range) = found.with_context(|| format!("there is no function {name}"))?;
        Ok(range.start)
    }
}

/// What of the window is the addition and multiplication of floats in software: tinpail's functions, and the compiler's with what they
/// call.
fn soft_float(symbols: &Symbols, window: &Window) -> SoftFloat {
    let entries = [
        "__aeabi_fadd",
        "__aeabi_fsub",
        "__aeabi_fmul",
        "__addsf3",
        "__subsf3",
        "__mulsf3",
    ];
    // Beyond what is called by name: the functions' bodies, a 64-bit product, leading zeros.
    let inner = [
        "float3add",
        "float3mul",
        "float3sub",
        "__aeabi_lmul",
        "__muldi3",
        "__clzsi2",
    ];
    // src/math/soft.rs and src/kernel/arm/soft.rs, as symbols are mangled.
    let ours = ["tinpail4math4soft", "kernel3arm3add", "kernel3arm3mul"];
    let our_entries = [
        "4soft3add",
        "4soft3mul",
        "4soft15add_product_now",
        "kernel3arm3add",
        "kernel3arm3mul",
    ];
    let mut sum = SoftFloat::default();
    for (name, range) in &symbols.0 {
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        let is_entry = entries.contains(&name.as_str()) || has(&our_entries);
        if is_entry || has(&inner) || has(&ours) {
            sum.instructions += window.instructions_in(range);
        }
        if is_entry {
            sum.calls += window.executions_of(range.start);
        }
    }
    sum
}

fn print_functions(core: &Core, work: &Work, symbols: &Symbols, window: &Window) -> Result<()> {
    let mut functions = Vec::new();
    for (name, range) in &symbols.0 {
        let instructions = window.instructions_in(range);
        if instructions > 0 {
            let cycles = match core.is_priced {
                true => Model::default().cycles_in(window, range)?,
                false => 0,
            };
            functions.push((cycles, instructions, name));
        }
    }
    functions.sort_by(|left, right| right.cmp(left));
    eprintln!("{} on {}: cycles, instructions", work.name(), core.name);
    for (cycles, instructions, name) in functions.into_iter().take(12) {
        eprintln!("{cycles:>12} {instructions:>12}  {name}");
    }
    Ok(())
}
