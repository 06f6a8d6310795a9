//! What a picture shows.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::Serialize;
use tinpail::plan::{Home, ParamKind, Plan, Rows, Work};
use tinpail_plan::PlanFile;
use tinpail_plan::flat;
use tinpail_plan::plan_file::{BufferKind, Placed, ProgramReport};

use crate::calls::phases;

/// Bytes of an element of the arena.
const ELEMENT: usize = 4;

/// Which of a bucket's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Infer,
    Train,
}

impl Mode {
    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Mode::Infer => "inference",
            Mode::Train => "training",
        }
    }
}

/// What an area of a picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Activation,
    Saved,
    Delta,
    Gradient,
    Scratch,
    Output,
    InputGradient,
    Parameter,
    AuxiliaryState,
    OptimizerState,
    Residual,
    State,
}

impl Kind {
    /// In the order of a legend.
    pub const ALL: [Kind; 12] = [
        Kind::Activation,
        Kind::Saved,
        Kind::Delta,
        Kind::Gradient,
        Kind::Scratch,
        Kind::Output,
        Kind::InputGradient,
        Kind::Parameter,
        Kind::AuxiliaryState,
        Kind::OptimizerState,
        Kind::Residual,
        Kind::State,
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Activation => "activation",
            Kind::Saved => "saved for backward",
            Kind::Delta => "delta",
            Kind::Gradient => "gradient",
            Kind::Scratch => "scratch",
            Kind::Output => "output",
            Kind::InputGradient => "input gradient",
            Kind::Parameter => "parameter",
            Kind::AuxiliaryState => "auxiliary state",
            Kind::OptimizerState => "optimizer state",
            Kind::Residual => "residual of compression",
            Kind::State => "carried state",
        }
    }
}

impl From<BufferKind> for Kind {
    fn from(kind: BufferKind) -> Self {
        match kind {
            BufferKind::Activation => Kind::Activation,
            BufferKind::Saved => Kind::Saved,
            BufferKind::Delta => Kind::Delta,
            BufferKind::Gradient => Kind::Gradient,
            BufferKind::Scratch => Kind::Scratch,
            BufferKind::Output => Kind::Output,
            BufferKind::InputGradient => Kind::InputGradient,
        }
    }
}

/// What lies in the arena whatever runs.
#[derive(Serialize)]
pub struct Kept {
    pub name: String,
    pub kind: Kind,
    pub shape: Vec<usize>,
    pub dtype: &'static str,
    /// Bytes from the start of the arena on.
    pub offset: usize,
    pub bytes: usize,
}

/// A buffer of a program.
#[derive(Serialize)]
pub struct Buffer {
    pub name: String,
    pub kind: Kind,
    pub shape: Vec<usize>,
    pub dtype: &'static str,
    /// Bytes from the start of the arena on.
    pub offset: usize,
    pub bytes: usize,
    pub first_call: usize,
    /// The last call that uses it; the number of calls if it stays readable after the last.
    pub last_call: usize,
    /// The buffer in whose memory it lies, if that is not its own.
    pub alias: Option<String>,
}

impl Buffer {
    /// Whether it holds something while that call runs.
    pub fn lives_at(&self, call: usize) -> bool {
        (self.first_call..=self.last_call).contains(&call)
    }
}

/// A call as it runs.
#[derive(Serialize)]
pub struct Call {
    pub phase: &'static str,
    pub kernel: &'static str,
    /// Of a call in a loop: that of its first turn.
    pub symbol: String,
    /// Turns of its loop that are over.
    pub turn: u16,
    /// Bytes of all buffers that live then.
    pub live_bytes: usize,
}

/// Calls that are one loop of the plan.
#[derive(Serialize)]
pub struct Repeat {
    pub first_call: usize,
    pub turns: usize,
    pub calls_per_turn: usize,
}

/// One bucket in one mode.
#[derive(Serialize)]
pub struct Program {
    pub bucket: u32,
    pub program: Mode,
    /// Transient bytes that the placement takes, from the end of what is kept on.
    pub peak_bytes: usize,
    pub lower_bound_bytes: usize,
    pub optimal: bool,
    pub nodes: u64,
    /// The first call during which the most bytes live.
    pub peak_call: usize,
    pub calls: Vec<Call>,
    /// Bytes that live after the last call.
    pub end_bytes: usize,
    pub loops: Vec<Repeat>,
    pub buffers: Vec<Buffer>,
}

impl Program {
    /// The moments of the time axis: the calls, and one after the last.
    pub fn moments(&self) -> usize {
        self.calls.len() + 1
    }

    /// Bytes of all buffers that live at a moment.
    pub fn live_bytes(&self, moment: usize) -> usize {
        let call = self.calls.get(moment);
        call.map_or(self.end_bytes, |call| call.live_bytes)
    }

    /// The call at a moment, for people.
    pub fn moment_title(&self, moment: usize) -> String {
        self.calls.get(moment).map_or_else(
            || "after the last call".into(),
            |call| {
                format!(
                    "call {moment}, {}: {} {}",
                    call.phase,
                    call.kernel,
                    call.symbol_and_turn()
                )
            },
        )
    }
}

impl Call {
    /// `cell0` or `cell0, turn 3`.
    pub fn symbol_and_turn(&self) -> String {
        match self.turn {
            0 => self.symbol.clone(),
            turn => format!("{}, turn {turn}", self.symbol),
        }
    }
}

/// Everything.
#[derive(Serialize)]
pub struct Picture {
    pub arena_bytes: usize,
    pub persistent_bytes: usize,
    pub persistent: Vec<Kept>,
    pub programs: Vec<Program>,
}

impl Picture {
    /// What there is to show of a plan.
    ///
    /// # Errors
    ///
    /// If the file's report, which its fingerprint does not cover, does not fit its tables.
    pub fn of(file: &PlanFile) -> Result<Self> {
        let mut programs = Vec::new();
        for (row, report) in file.plan.buckets.iter().zip(&file.report.buckets) {
            let all = [
                (Mode::Infer, row.infer, Some(&report.infer)),
                (Mode::Train, row.train, report.train.as_ref()),
            ];
            for (mode, program, report) in all {
                if let Some(report) = report {
                    let made = make_program(file, (row.key, row.frame), mode, program, report);
                    programs.push(made.context("the report of the plan does not fit its tables")?);
                }
            }
        }
        Ok(Picture {
            arena_bytes: ELEMENT * file.plan.arena_len as usize,
            persistent_bytes: ELEMENT * file.plan.persistent_len as usize,
            persistent: kept(file),
            programs,
        })
    }

    /// The bucket keys, in order.
    pub fn buckets(&self) -> Vec<u32> {
        let mut keys: Vec<u32> = self.programs.iter().map(|own| own.bucket).collect();
        keys.dedup();
        keys
    }
}

fn make_program(
    file: &PlanFile,
    (bucket, frame): (u32, u16),
    mode: Mode,
    row: u16,
    report: &ProgramReport,
) -> Result<Program> {
    let plan = file.plan.plan();
    let (mut calls, mut loops) = (Vec::new(), Vec::new());
    for (phase, rows) in phases(&plan.program(row)) {
        let flat = flat::calls(&plan, frame, rows).context("a row is missing")?;
        loops.extend(repeats(&plan, rows, calls.len())?);
        for call in flat {
            calls.push(Call {
                phase,
                kernel: call.kernel.name(),
                symbol: file.step_names[call.step].clone(),
                turn: call.turn,
                live_bytes: 0,
            });
        }
    }
    ensure!(calls.len() == report.calls, "{} calls", calls.len());
    let moments = calls.len() + 1;
    let end = file.plan.arena_len as usize;
    let buffers: Result<Vec<Buffer>> = report
        .placed
        .iter()
        .map(|placed| buffer(placed, &report.placed, moments, end))
        .collect();
    let buffers = buffers?;
    let mut live = live_bytes(&buffers, moments);
    let most = live.iter().max().copied().unwrap_or(0);
    let peak_call = live.iter().position(|bytes| *bytes == most).unwrap_or(0);
    let end_bytes = live.pop().unwrap_or(0);
    for (call, live) in calls.iter_mut().zip(live) {
        call.live_bytes = live;
    }
    Ok(Program {
        bucket,
        program: mode,
        peak_bytes: report.peak_bytes,
        lower_bound_bytes: report.lower_bound_bytes,
        optimal: report.optimal,
        nodes: report.nodes,
        peak_call,
        calls,
        end_bytes,
        loops,
        buffers,
    })
}

/// The loops among the steps in `rows`, whose first call is number `at`.
fn repeats(plan: &Plan<'_>, rows: Rows, mut at: usize) -> Result<Vec<Repeat>> {
    let mut found = Vec::new();
    for step in rows.of(plan.steps) {
        let Work::Loop(row) = step.work() else {
            at += 1;
            continue;
        };
        let row = plan.loops.get(usize::from(row));
        let row = row.context("a loop is missing")?;
        let repeat = Repeat {
            first_call: at,
            turns: usize::from(row.count),
            calls_per_turn: row.body.of(plan.steps).len(),
        };
        at += repeat.turns * repeat.calls_per_turn;
        found.push(repeat);
    }
    Ok(found)
}

fn buffer(placed: &Placed, all: &[Placed], moments: usize, end: usize) -> Result<Buffer> {
    let (first, after) = placed.calls;
    let top = placed.offset.checked_add(placed.len);
    ensure!(
        first < after && after <= moments && top.is_some_and(|top| top <= end),
        "{} lies elsewhere",
        placed.name
    );
    let alias = match placed.within {
        None => None,
        Some(row) => Some(all.get(row).context("an alias of nothing")?.name.clone()),
    };
    Ok(Buffer {
        name: placed.name.clone(),
        kind: placed.kind.into(),
        shape: placed.shape.clone(),
        dtype: "float32",
        offset: ELEMENT * placed.offset,
        bytes: ELEMENT * placed.len,
        first_call: first,
        last_call: after - 1,
        alias,
    })
}

/// The bytes that live at each moment; what lies in another's memory takes none.
fn live_bytes(buffers: &[Buffer], moments: usize) -> Vec<usize> {
    let mut live = vec![0; moments];
    for buffer in buffers.iter().filter(|buffer| buffer.alias.is_none()) {
        for bytes in &mut live[buffer.first_call..=buffer.last_call] {
            *bytes += buffer.bytes;
        }
    }
    live
}

fn kept(file: &PlanFile) -> Vec<Kept> {
    let plan = &file.plan;
    let mut kept = Vec::new();
    let mut keep = |name: String, kind: Kind, shape: &[usize], offset: usize, len: usize| {
        kept.push(Kept {
            name,
            kind,
            shape: shape.to_vec(),
            dtype: "float32",
            offset: ELEMENT * offset,
            bytes: ELEMENT * len,
        });
    };
    for (named, param) in file.params.iter().zip(&plan.params) {
        let (name, shape, len) = (&named.name, &named.shape, param.len as usize);
        if let Home::Arena(offset) = param.home {
            let kind = match param.kind {
                ParamKind::Argument => Kind::Parameter,
                ParamKind::Auxiliary => Kind::AuxiliaryState,
            };
            keep(name.clone(), kind, shape, offset as usize, len);
        }
        if let Some(range) = param.state_range(plan.optimizer) {
            let title = format!("{name}: optimizer state");
            // Several arrays, or a count behind them: no shape of the parameter's.
            let flat = [range.len()];
            let shape = if range.len() == len { shape } else { &flat[..] };
            keep(title, Kind::OptimizerState, shape, range.start, range.len());
        }
        if let Some(offset) = param.grad {
            let title = format!("{name}: gradient");
            keep(title, Kind::Gradient, shape, offset as usize, len);
        }
        if let Some(range) = param.residual_range() {
            let title = format!("{name}: residual");
            keep(title, Kind::Residual, shape, range.start, range.len());
        }
    }
    for (named, span) in file.states.iter().zip(&plan.states) {
        let range = span.range();
        keep(
            named.name.clone(),
            Kind::State,
            &named.shape,
            range.start,
            range.len(),
        );
    }
    kept.sort_by_key(|kept| kept.offset);
    kept
}
