//! Watching what each call of the plan computes: MXNet's `Monitor`.
//!
//! A monitor is shown the outputs of every kernel call, after it ran. It is part of the model's type
//! ([`install_monitor`](crate::BucketingModule::install_monitor)), so that a firmware without one has nothing of it.
//!
//! | MXNet | here |
//! | --- | --- |
//! | `interval`, `tic`, `toc` | the monitor's own: it sees every call, and knows what it counts |
//! | `stat_func` | what the monitor computes of [`Seen::output`]; MXNet's default is [`norm`] |
//! | `pattern`, names | [`Seen::step`], a row of the plan's steps; on the host `PlanFile::step_names` has the symbol of each row |
//! | `monitor_all` | [`Seen::phase`]: calls of backward and update are shown as well |
//!
//! What is shown are the plan's calls, not the symbol's nodes: an activation in place is a call that changes its operand,
//! a view is no call, and an unrolled cell is one call over all steps.

use core::cell::RefCell;

use crate::exec::{Args, Fault};
use crate::math::Math;
use crate::model::Model;
use crate::plan::{Access, BucketIndex, Kernel, Plan, Rows, Space, Step};

/// Something that is shown what calls compute. Every `FnMut(Seen)` is one.
pub trait Monitor {
    fn see(&mut self, seen: Seen<'_>);
}

impl<F: FnMut(Seen<'_>)> Monitor for F {
    fn see(&mut self, seen: Seen<'_>) {
        self(seen);
    }
}

/// One operand that a call wrote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<'x> {
    /// The row of [`Plan::steps`] that names the call; in a loop the same every turn.
    pub step: usize,
    pub kernel: Kernel,
    pub phase: Phase,
    /// The operand's position among the kernel's.
    pub operand: usize,
    pub output: &'x [f32],
}

/// What a call is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Phase {
    Forward,
    Backward,
    /// The checks before an update.
    Check,
    Update,
}

impl Phase {
    /// Every phase, in the order in which they run.
    pub const ALL: [Phase; 4] = [Phase::Forward, Phase::Backward, Phase::Check, Phase::Update];

    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Forward => "forward",
            Phase::Backward => "backward",
            Phase::Check => "check",
            Phase::Update => "update",
        }
    }

    /// Of a program's step, row `top`. Rows belong to one phase of their programs.
    fn of(plan: &Plan<'_>, top: usize) -> Option<Phase> {
        let holds = |rows: Rows| (usize::from(rows.start)..usize::from(rows.end)).contains(&top);
        plan.programs.iter().find_map(|program| {
            let phases = [
                (program.forward, Phase::Forward),
                (program.backward, Phase::Backward),
                (program.check, Phase::Check),
                (program.update, Phase::Update),
            ];
            let own = phases.iter().find(|(rows, _)| holds(*rows));
            own.map(|(_, phase)| *phase)
        })
    }
}

/// MXNet's default statistic: the Euclidean norm over the root of the number of values.
pub fn norm(values: &[f32], math: Math) -> f32 {
    let squares = values.iter().map(|value| value * value).sum::<f32>();
    math.sqrt(squares) / math.sqrt(values.len() as f32)
}

/// A model whose calls a monitor is shown.
#[derive(Debug)]
pub struct Monitored<'w, M, W> {
    pub(crate) model: M,
    pub(crate) monitor: &'w RefCell<W>,
}

impl<M: Model, W: Monitor> Model for Monitored<'_, M, W> {
    type Optimizer = M::Optimizer;

    fn plan(&self) -> Plan<'_> {
        self.model.plan()
    }

    fn call(&self, args: &mut Args<'_, '_, M::Optimizer>) -> Result<(), Fault> {
        self.model.call(args)?;
        // A monitor that is borrowed, by itself or by the caller, sees nothing.
        if let Ok(mut monitor) = self.monitor.try_borrow_mut() {
            show(&mut *monitor, args);
        }
        Ok(())
    }

    fn links(&self, kernel: Kernel) -> bool {
        self.model.links(kernel)
    }

    fn enter(&self, phase: Phase, bucket: BucketIndex) {
        self.model.enter(phase, bucket);
    }

    fn leave(&self) {
        self.model.leave();
    }
}

fn show<O>(monitor: &mut impl Monitor, args: &Args<'_, '_, O>) {
    let call = &args.source;
    let plan = call.plan;
    let row = |step: &Step| plan.steps.iter().position(|own| core::ptr::eq(own, step));
    let (Some(top), Some(step)) = (row(call.top), row(call.step)) else {
        return;
    };
    let Some(phase) = Phase::of(plan, top) else {
        return;
    };
    let operands = call.call.operands_of(plan.operands);
    let accesses = args.kernel().accesses();
    for (operand, (own, access)) in operands.iter().zip(accesses).enumerate() {
        let Some(span) = call.span(args.context.frame, operand, *own) else {
            continue;
        };
        let written = *access != Access::Read && span.len > 0 && span.space() == Space::Arena;
        if written && let Some(output) = args.memory.arena.get(span.range()) {
            monitor.see(Seen {
                step,
                kernel: args.kernel(),
                phase,
                operand,
                output,
            });
        }
    }
}
