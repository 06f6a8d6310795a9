//! What the user sees: one line a step, with a spinner on a terminal, and tables.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Runs `work`, shown as one step.
pub fn step<T, E>(what: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let spinner = std::io::stderr().is_terminal().then(|| spinner(what));
    if spinner.is_none() {
        eprintln!("{what} ...");
    }
    let start = Instant::now();
    let result = work();
    let mark = if result.is_ok() { "ok" } else { "FAILED" };
    let seconds = start.elapsed().as_secs_f32();
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
        eprintln!("{what} ... {mark} ({seconds:.1} s)");
    } else {
        eprintln!("    {mark} ({seconds:.1} s)");
    }
    result
}

fn spinner(what: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Prints rows under headings: the first column to the left, the others to the right.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) {
    let width: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.fold(headings[column].chars().count(), usize::max)
    });
    let print = |cells: [&str; N]| {
        let line: Vec<String> = (0..N)
            .map(|column| match column {
                0 => format!("{:<1$}", cells[column], width[column]),
                _ => format!("{:>1$}", cells[column], width[column]),
            })
            .collect();
        println!("{}", line.join("  ").trim_end());
    };
    print(headings);
    print(
        width
            .map(|width| "-".repeat(width))
            .each_ref()
            .map(String::as_str),
    );
    for row in rows {
        print(row.each_ref().map(String::as_str));
    }
}
