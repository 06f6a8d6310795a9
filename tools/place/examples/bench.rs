//! The figures of the planner: `cargo run --release -p tinpail-place --example bench -- FOLDER...`.
//!
//! A folder holds problems as CSV files. For each it prints the peak, the lower bound, the nodes and the CPU time of
//! this thread (the wall clock where the system does not tell it); with `--capacity N` each problem is only to
//! fit. `--nodes N` bounds the search, `--best FILE` compares with `instance,..,best_peak,..` rows.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tinpail_place::{Table, check, largest_live_sum, minimise, within};

struct Options {
    folders: Vec<PathBuf>,
    nodes: u64,
    capacity: Option<u64>,
    best: HashMap<String, u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    println!(
        "| problem | buffers | live sum | lower bound | peak | best known | optimal | nodes | CPU ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut times = Vec::new();
    let (mut optimal, mut above, mut beyond) = (0, 0, 0);
    for path in problems(&options.folders)? {
        let name = name(&path);
        let table = Table::read(fs::File::open(&path)?)?;
        let solve = || match options.capacity {
            Some(capacity) => within(&table.problem, capacity, options.nodes),
            None => minimise(&table.problem, options.nodes),
        };
        let solution = solve();
        let time = time_of(|| {
            std::hint::black_box(solve());
        });
        let peak = check(&table.problem, &solution.offsets)?;
        let best = options.best.get(&name).copied();
        println!(
            "| {name} | {} | {} | {} | {peak} | {} | {} | {} | {:.3} |",
            table.ids.len(),
            largest_live_sum(&table.problem),
            solution.lower_bound,
            best.map_or("-".into(), |best| best.to_string()),
            solution.optimal(),
            solution.nodes,
            1e3 * time.as_secs_f64(),
        );
        optimal += u32::from(solution.optimal());
        above += u32::from(best.is_some_and(|best| peak > best));
        beyond += u32::from(options.capacity.is_some_and(|capacity| peak > capacity));
        times.push(time);
    }
    times.sort_unstable();
    let total: Duration = times.iter().sum();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    println!();
    println!(
        "{} problems: {optimal} proven optimal, {above} above the best known peak, {beyond} beyond the capacity; \
         median {:.3} ms, together {:.3} s",
        times.len(),
        1e3 * median.as_secs_f64(),
        total.as_secs_f64()
    );
    Ok(())
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        folders: Vec::new(),
        nodes: 300_000,
        capacity: None,
        best: HashMap::new(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--nodes" => options.nodes = value()?.parse()?,
            "--capacity" => options.capacity = Some(value()?.parse()?),
            "--best" => options.best = best(&fs::read_to_string(value()?)?)?,
            _ => options.folders.push(arg.into()),
        }
    }
    if options.folders.is_empty() {
        return Err("a folder of CSV files is needed".into());
    }
    Ok(options)
}

/// `instance,buffers,lower_bound,best_peak,proven_optimal`.
fn best(text: &str) -> Result<HashMap<String, u64>, Box<dyn Error>> {
    let rows = text.lines().skip(1).map(|row| {
        let fields: Vec<&str> = row.split(',').collect();
        let [instance, _, _, peak, ..] = fields.as_slice() else {
            return Err(format!("{row:?} has no best_peak").into());
        };
        Ok(((*instance).to_owned(), peak.parse()?))
    });
    rows.collect()
}

fn problems(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for folder in folders {
        if folder.is_file() {
            found.push(folder.clone());
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "csv") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folder's name and the file's without `.csv`.
fn name(path: &Path) -> String {
    let text =
        |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let folder = text(path.parent().and_then(Path::file_name));
    let file = text(path.file_stem()).unwrap_or_default();
    folder.map_or(file.clone(), |folder| format!("{folder}/{file}"))
}

/// The time that this thread has run.
struct Watch {
    cpu: Option<Duration>,
    wall: Instant,
}

/// The time of one run, of as many as the clock's coarse ticks need.
fn time_of(run: impl Fn()) -> Duration {
    let mut runs = 0;
    let watch = Watch::start();
    loop {
        run();
        runs += 1;
        let elapsed = watch.elapsed();
        if elapsed >= Duration::from_millis(40) {
            return elapsed / runs;
        }
    }
}

/// Linux's first field of schedstat: nanoseconds on a CPU.
fn cpu() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

impl Watch {
    fn start() -> Self {
        Watch {
            cpu: cpu(),
            wall: Instant::now(),
        }
    }

    fn elapsed(&self) -> Duration {
        match (self.cpu, cpu()) {
            (Some(start), Some(end)) => end - start,
            _ => self.wall.elapsed(),
        }
    }
}
