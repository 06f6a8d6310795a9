//! A profile as tables.

use std::cmp::Reverse;
use std::io::{Result, Write};

use super::Sort;
use super::measured::{Call, Layer, Profile};
use crate::picture::{grouped, percentage_of};
use crate::text::{Align, table};

pub fn print(profile: &Profile, sort: Sort, out: &mut impl Write) -> Result<()> {
    let Profile {
        bucket,
        program,
        unit,
        ..
    } = profile;
    writeln!(out, "bucket {bucket}, {}, in {unit}", program.title())?;
    calls(profile, sort, out)?;
    writeln!(out)?;
    layers(profile, sort, out)?;
    writeln!(out)?;
    let phases = profile.phases.iter().map(|phase| {
        let (name, count) = (phase.phase, grouped(phase.count));
        match phase.visits {
            1 => format!("{name} {count}"),
            visits => format!("{name} {count} in {visits} runs"),
        }
    });
    let phases: Vec<String> = phases.collect();
    writeln!(
        out,
        "whole phases: {}; {} of it is the profiler's own and in no share",
        phases.join(", "),
        grouped(profile.profiler)
    )
}

fn calls(profile: &Profile, sort: Sort, out: &mut impl Write) -> Result<()> {
    let columns = [
        ("row", Align::Right),
        ("phase", Align::Left),
        ("symbol", Align::Left),
        ("kernel", Align::Left),
        ("visits", Align::Right),
        (profile.unit.as_str(), Align::Right),
        ("share", Align::Right),
        ("MACs", Align::Right),
        ("per MAC", Align::Right),
    ];
    let mut calls: Vec<&Call> = profile.calls.iter().collect();
    if sort == Sort::Count {
        calls.sort_by_key(|call| Reverse(call.count));
    }
    let row = |call: &&Call| {
        vec![
            call.row.to_string(),
            call.phase.to_owned(),
            call.symbol.clone(),
            call.kernel.to_owned(),
            grouped(call.visits),
            grouped(call.count),
            percentage(profile, call.count),
            call.macs.map_or_else(none, grouped),
            per_mac(call.count, call.macs),
        ]
    };
    let mut rows: Vec<Vec<String>> = calls.iter().map(row).collect();
    let mut more = |title: &str, count: u64| {
        let mut cells = vec![String::new(); columns.len()];
        cells[3] = title.to_owned();
        cells[5] = grouped(count);
        cells[6] = percentage(profile, count);
        rows.push(cells);
    };
    more("(dispatch)", profile.dispatch);
    more("(all)", profile.total);
    table(out, &columns, &rows)
}

fn layers(profile: &Profile, sort: Sort, out: &mut impl Write) -> Result<()> {
    let columns = [
        ("layer", Align::Left),
        (profile.unit.as_str(), Align::Right),
        ("share", Align::Right),
        ("MACs", Align::Right),
        ("per MAC", Align::Right),
    ];
    let mut layers: Vec<&Layer> = profile.layers.iter().collect();
    if sort == Sort::Count {
        layers.sort_by_key(|layer| Reverse(layer.count));
    }
    let row = |layer: &&Layer| {
        vec![
            layer.layer.clone(),
            grouped(layer.count),
            percentage(profile, layer.count),
            layer.macs.map_or_else(none, grouped),
            per_mac(layer.count, layer.macs),
        ]
    };
    let rows: Vec<Vec<String>> = layers.iter().map(row).collect();
    table(out, &columns, &rows)
}

fn none() -> String {
    "-".into()
}

fn percentage(profile: &Profile, count: u64) -> String {
    percentage_of(count, profile.total)
}

fn per_mac(count: u64, macs: Option<u64>) -> String {
    match macs {
        Some(macs) if macs > 0 => format!("{:.2}", count as f64 / macs as f64),
        _ => none(),
    }
}
