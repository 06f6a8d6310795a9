//! A profile beside the plan that it was measured of.

use std::collections::BTreeMap;

use serde::Serialize;
use tinpail::monitor::Phase;
use tinpail::profiler::Tally;
use tinpail_plan::{PlanFile, flat, macs};

use super::read::{Lines, ProfileError};
use crate::calls::phases;
use crate::picture::Mode;

/// One bucket, measured.
#[derive(Debug, Serialize)]
pub struct Profile {
    pub bucket: u32,
    /// Training, if calls ran that inference has not.
    pub program: Mode,
    /// What the counts count.
    pub unit: String,
    pub phases: Vec<Whole>,
    /// In the order in which they first run.
    pub calls: Vec<Call>,
    /// In the order of their first calls.
    pub layers: Vec<Layer>,
    /// Of the phases, what is neither in a call nor the profiler's.
    pub dispatch: u64,
    /// Calls and dispatch: what the shares are of.
    pub total: u64,
    /// What the profiler itself took besides.
    pub profiler: u64,
}

/// A whole phase.
#[derive(Debug, Serialize)]
pub struct Whole {
    pub phase: &'static str,
    pub visits: u32,
    /// The profiler's share included.
    pub count: u64,
}

/// A call of the plan, all its visits together.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The row of the plan's steps.
    pub row: usize,
    pub phase: &'static str,
    /// What it was made for: a symbol, or the parameter that it updates.
    pub symbol: String,
    pub layer: String,
    pub kernel: &'static str,
    pub visits: u32,
    pub count: u64,
    /// Multiply-and-adds of all visits; none where only products would count.
    pub macs: Option<u64>,
}

/// All calls of one layer: those of its symbol, and the updates of the parameters that are named after it.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    pub layer: String,
    pub count: u64,
    pub macs: Option<u64>,
}

impl Profile {
    /// What was measured, by the names of the plan.
    pub fn of(file: &PlanFile, lines: &Lines) -> Result<Self, ProfileError> {
        let Lines {
            fingerprint,
            bucket,
            ..
        } = *lines;
        let needed = file.plan.fingerprint;
        if fingerprint != needed {
            return Err(ProfileError::Plan {
                needed,
                found: fingerprint,
            });
        }
        let known = known_rows(file, bucket).ok_or(ProfileError::Bucket { bucket })?;
        let mut calls = Vec::new();
        let mut program = Mode::Infer;
        for (row, tally) in &lines.rows {
            let own = known.get(row);
            let own = own.ok_or(ProfileError::Row { bucket, row: *row })?;
            if own.program == Mode::Train {
                program = Mode::Train;
            }
            calls.push((own.order, own.call(*row, *tally)));
        }
        calls.sort_by_key(|(order, _)| *order);
        let calls: Vec<Call> = calls.into_iter().map(|(_, call)| call).collect();
        let whole = Phase::ALL.iter().zip(&lines.phases);
        let phases: Vec<Whole> = whole
            .filter(|(_, tally)| tally.visits > 0)
            .map(|(phase, tally)| Whole {
                phase: phase.name(),
                visits: tally.visits,
                count: tally.count,
            })
            .collect();
        let in_calls = sum(calls.iter().map(|call| call.count));
        let whole = sum(phases.iter().map(|phase| phase.count));
        let dispatch = whole
            .saturating_sub(in_calls)
            .saturating_sub(lines.own.count);
        Ok(Profile {
            bucket,
            program,
            unit: lines.unit.clone(),
            layers: layers(&calls),
            dispatch,
            total: in_calls.saturating_add(dispatch),
            profiler: lines.own.count,
            phases,
            calls,
        })
    }
}

/// Counts come from a file: as on the device, they stay at their largest value.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

fn layers(calls: &[Call]) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for call in calls {
        let at = layers.iter().position(|layer| layer.layer == call.layer);
        let Some(layer) = at.and_then(|at| layers.get_mut(at)) else {
            layers.push(Layer {
                layer: call.layer.clone(),
                count: call.count,
                macs: call.macs,
            });
            continue;
        };
        layer.count = layer.count.saturating_add(call.count);
        layer.macs = match (layer.macs, call.macs) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
    }
    layers
}

/// The layer of a symbol. A parameter's is the symbol that it is named after, as MXNet names them: `fc` of `fc_weight`.
fn layer<'f>(file: &'f PlanFile, symbol: &'f str) -> &'f str {
    let is_param = |name: &str| file.params.iter().any(|param| param.name == name);
    if !is_param(symbol) {
        return symbol;
    }
    let names_it = |name: &&str| {
        let rest = symbol.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('_')) && !is_param(name)
    };
    let symbols = file.step_names.iter().map(String::as_str);
    let layer = symbols.filter(names_it).max_by_key(|name| name.len());
    layer.unwrap_or(symbol)
}

/// What the plan says of a row of a bucket.
struct KnownRow {
    /// Where among all calls it runs first.
    order: usize,
    program: Mode,
    phase: &'static str,
    symbol: String,
    layer: String,
    kernel: &'static str,
    /// Of all turns of one run.
    macs: u64,
    turns: u64,
}

impl KnownRow {
    fn call(&self, row: usize, Tally { visits, count }: Tally) -> Call {
        // Turns of a loop may differ, whole runs do not.
        let macs = u128::from(self.macs) * u128::from(visits) / u128::from(self.turns.max(1));
        let macs = u64::try_from(macs).unwrap_or(u64::MAX);
        Call {
            row,
            phase: self.phase,
            symbol: self.symbol.clone(),
            layer: self.layer.clone(),
            kernel: self.kernel,
            visits,
            count,
            macs: (macs > 0).then_some(macs),
        }
    }
}

/// The rows that a bucket's programs call. `None` if there is no such bucket, or a row of it is missing.
fn known_rows(file: &PlanFile, key: u32) -> Option<BTreeMap<usize, KnownRow>> {
    let plan = file.plan.plan();
    let bucket = plan.buckets.iter().find(|bucket| bucket.key == key)?;
    let symbol = |step: usize| file.step_names.get(step).map_or("", String::as_str);
    let mut rows: BTreeMap<usize, KnownRow> = BTreeMap::new();
    let mut before = 0;
    for (mode, program) in [(Mode::Infer, bucket.infer), (Mode::Train, bucket.train)] {
        for (phase, range) in phases(&plan.program(program)) {
            let mut own: BTreeMap<usize, KnownRow> = BTreeMap::new();
            for call in flat::calls(&plan, bucket.frame, range)? {
                before += 1;
                let row = own.entry(call.step).or_insert_with(|| KnownRow {
                    order: before,
                    program: mode,
                    phase,
                    symbol: symbol(call.step).to_owned(),
                    layer: layer(file, symbol(call.step)).to_owned(),
                    kernel: call.kernel.name(),
                    macs: 0,
                    turns: 0,
                });
                row.macs += macs::of_call(&call);
                row.turns += 1;
            }
            // What both programs run is inference's.
            for (row, own) in own {
                rows.entry(row).or_insert(own);
            }
        }
    }
    Some(rows)
}
