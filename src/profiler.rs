//! Counting what each call of the plan takes: cycles, instructions, microseconds, whatever the caller's clock counts.
//!
//! A profiler is part of the model's type ([`install_profiler`](crate::BucketingModule::install_profiler)), so that a firmware
//! without one has nothing of it. It watches one bucket, whose calls it adds up in an array that the caller provides: one
//! [`Tally`] for each row of [`Plan::steps`], which the emitted module calls `PROFILE_ROWS`. All turns of a loop add up in the
//! rows of its body. Calls of other buckets are not counted.
//!
//! ```
//! use core::cell::RefCell;
//! use tinpail::error::ProfilerError;
//! use tinpail::profiler::{Clock, Profiler, Tally};
//! # use tinpail::{Batch, BucketingModule, Model};
//! # struct Dwt;
//! # impl Dwt { fn cycle_count() -> u32 { 0 } }
//!
//! struct Cycles;
//!
//! impl Clock for Cycles {
//!     const UNIT: &'static str = "cycles";
//!
//!     fn now(&mut self) -> u32 {
//!         Dwt::cycle_count()
//!     }
//! }
//!
//! # fn f<M: Model>(module: BucketingModule<'_, M>, batch: &Batch<'_>) -> Result<(), ProfilerError> {
//! let mut rows = [Tally::ZERO; 64]; // gesture::PROFILE_ROWS
//! let profiler = Profiler::new(&module.plan(), batch.bucket, Cycles, &mut rows)?;
//! let profiler = RefCell::new(profiler);
//! let mut module = module.install_profiler(&profiler);
//! let done = module.train_step(batch);
//! let module = module.uninstall_profiler();
//! // println!("{}", profiler.borrow());  // and on the host `tinpail profile`
//! # Ok(())
//! # }
//! ```
//!
//! # What is counted
//!
//! | where | what |
//! | --- | --- |
//! | [`Profiler::rows`] | each call: from before its operands are found until its kernel has returned |
//! | [`Profiler::phase`] | the whole of forward, backward, the checks before an update, and update, with all that is not in a call: batches that are checked, operands of loops, the rest of the profiler |
//! | [`Profiler::own`] | what the profiler itself takes between calls to add up |
//!
//! What a phase has beyond its rows and the profiler's own is *dispatch*. Rows of a forward for inference and of one for training may
//! be the same: profile one after the other, with [`Profiler::clear`] in between.
//!
//! # The lines
//!
//! [`Display`](core::fmt::Display) writes what `tinpail profile` reads: text, so that any console carries it. The host ignores what
//! stands before the first line and after the last one.
//!
//! ```text
//! tinpail-profile 1 plan 0x8a1c6de2f0934b17 bucket 29 unit cycles
//! phase forward 1 266503        the phase, how often it ran, the sum of its counts
//! phase backward 1 181250
//! own 12 744                    the profiler's own: for how many calls, their sum
//! row 0 1 1204                  a row of the plan's steps, how often it was called, the sum of its counts
//! row 1 1 262034
//! end 2                         how many rows stand above it: those that were called
//! ```

use core::cell::RefCell;
use core::fmt;

use crate::error::{NoBucket, ProfilerError};
use crate::exec::{Args, Fault};
use crate::model::Model;
use crate::monitor::Phase;
use crate::plan::{BucketIndex, Kernel, Plan, Step};

/// Something that counts. Every `FnMut() -> u32` is one that counts upwards and wraps at 2^32.
///
/// `DWT::CYCCNT` on a Cortex-M3 or larger, `mcycle` or `minstret` on RISC-V. A counter of fewer bits, or one that counts down, says in
/// [`between`](Clock::between) what lies between two readings; of SysTick `before.wrapping_sub(after) & 0xff_ffff`.
///
/// A call that takes as much as the counter holds is counted wrong.
pub trait Clock {
    /// What is counted, in one word.
    const UNIT: &'static str = "counts";

    /// Reads the counter.
    fn now(&mut self) -> u32;

    /// What was counted between two readings.
    fn between(&self, before: u32, after: u32) -> u32 {
        after.wrapping_sub(before)
    }
}

impl<F: FnMut() -> u32> Clock for F {
    fn now(&mut self) -> u32 {
        self()
    }
}

/// How often something ran, and the sum of what was counted. Both stay at their largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tally {
    pub visits: u32,
    pub count: u64,
}

impl Tally {
    /// Nothing.
    pub const ZERO: Tally = Tally {
        visits: 0,
        count: 0,
    };

    fn add(&mut self, count: u32) {
        self.visits = self.visits.saturating_add(1);
        self.count = self.count.saturating_add(u64::from(count));
    }
}

/// Adds up what the calls of one bucket take.
#[derive(Debug)]
pub struct Profiler<'r, C> {
    clock: C,
    /// By row of the plan's steps.
    rows: &'r mut [Tally],
    /// In the order of [`Phase::ALL`].
    phases: [Tally; Phase::ALL.len()],
    own: Tally,
    fingerprint: u64,
    bucket: BucketIndex,
    key: u32,
    /// The phase that runs, if it is the bucket's, and the reading before it.
    running: Option<(Phase, u32)>,
}

impl<'r, C: Clock> Profiler<'r, C> {
    /// A profiler of a bucket of `plan`. `rows` are set to zero; those beyond the plan's steps are left alone.
    ///
    /// # Errors
    ///
    /// [`ProfilerError`]: no such bucket, or fewer rows than the plan has steps. Nothing is changed.
    pub fn new(
        plan: &Plan<'_>,
        bucket: impl Into<BucketIndex>,
        clock: C,
        rows: &'r mut [Tally],
    ) -> Result<Self, ProfilerError> {
        let bucket = bucket.into();
        let own = plan.bucket(bucket).ok_or(ProfilerError::Bucket(NoBucket {
            index: bucket,
            buckets: plan.buckets.len(),
        }))?;
        let (needed, found) = (plan.steps.len(), rows.len());
        let rows = rows
            .get_mut(..needed)
            .ok_or(ProfilerError::Rows { needed, found })?;
        let mut profiler = Profiler {
            clock,
            rows,
            phases: [Tally::ZERO; Phase::ALL.len()],
            own: Tally::ZERO,
            fingerprint: plan.fingerprint,
            bucket,
            key: own.key,
            running: None,
        };
        profiler.clear();
        Ok(profiler)
    }

    /// Forgets everything that was counted.
    pub fn clear(&mut self) {
        self.rows.fill(Tally::ZERO);
        self.phases = [Tally::ZERO; Phase::ALL.len()];
        self.own = Tally::ZERO;
    }

    fn enter(&mut self, fingerprint: u64, phase: Phase, bucket: BucketIndex) {
        self.running = None;
        if fingerprint == self.fingerprint && bucket == self.bucket {
            self.running = Some((phase, self.clock.now()));
        }
    }

    fn leave(&mut self) {
        let after = self.clock.now();
        if let Some((phase, before)) = self.running.take()
            && let Some(tally) = self.phases.get_mut(phase as usize)
        {
            tally.add(self.clock.between(before, after));
        }
    }

    fn called(&mut self, row: usize, before: u32) {
        let after = self.clock.now();
        if self.running.is_none() {
            return;
        }
        let count = self.clock.between(before, after);
        if let Some(tally) = self.rows.get_mut(row) {
            tally.add(count);
        }
        let done = self.clock.now();
        self.own.add(self.clock.between(after, done));
    }
}

impl<C> Profiler<'_, C> {
    /// The calls, by row of [`Plan::steps`].
    pub fn rows(&self) -> &[Tally] {
        self.rows
    }

    /// A whole phase.
    pub fn phase(&self, phase: Phase) -> Tally {
        self.phases.get(phase as usize).copied().unwrap_or_default()
    }

    /// What the profiler itself took between calls.
    pub fn own(&self) -> Tally {
        self.own
    }

    /// What all phases took together beyond their calls and the profiler's own.
    pub fn dispatch(&self) -> u64 {
        let whole = self.phases.iter().map(|tally| tally.count);
        let rows = self.rows.iter().map(|tally| tally.count);
        let sum = |all: u64, one: u64| all.saturating_add(one);
        let calls = rows.fold(self.own.count, sum);
        whole.fold(0, sum).saturating_sub(calls)
    }
}

impl<C: Clock> fmt::Display for Profiler<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, key, unit) = (self.fingerprint, self.key, C::UNIT);
        writeln!(
            f,
            "tinpail-profile 1 plan {plan:#018x} bucket {key} unit {unit}"
        )?;
        let called = |tally: &Tally| tally.visits > 0;
        let phases = Phase::ALL.into_iter().zip(&self.phases);
        for (phase, Tally { visits, count }) in phases.filter(|(_, tally)| called(tally)) {
            writeln!(f, "phase {} {visits} {count}", phase.name())?;
        }
        writeln!(f, "own {} {}", self.own.visits, self.own.count)?;
        let mut called_rows = 0;
        for (row, tally) in self.rows.iter().enumerate() {
            if called(tally) {
                writeln!(f, "row {row} {} {}", tally.visits, tally.count)?;
                called_rows += 1;
            }
        }
        write!(f, "end {called_rows}")
    }
}

/// A model whose calls a profiler counts.
#[derive(Debug)]
pub struct Profiled<'w, 'r, M, C> {
    pub(crate) model: M,
    pub(crate) profiler: &'w RefCell<Profiler<'r, C>>,
}

impl<M: Model, C: Clock> Model for Profiled<'_, '_, M, C> {
    type Optimizer = M::Optimizer;

    fn plan(&self) -> Plan<'_> {
        self.model.plan()
    }

    fn call(&self, args: &mut Args<'_, '_, M::Optimizer>) -> Result<(), Fault> {
        // A profiler that the caller has borrowed counts nothing.
        let Ok(mut profiler) = self.profiler.try_borrow_mut() else {
            return self.model.call(args);
        };
        let row = row_of(args.source.plan, args.source.step);
        let before = profiler.clock.now();
        let done = self.model.call(args);
        profiler.called(row, before);
        done
    }

    fn links(&self, kernel: Kernel) -> bool {
        self.model.links(kernel)
    }

    fn enter(&self, phase: Phase, bucket: BucketIndex) {
        self.model.enter(phase, bucket);
        if let Ok(mut profiler) = self.profiler.try_borrow_mut() {
            profiler.enter(self.model.plan().fingerprint, phase, bucket);
        }
    }

    fn leave(&self) {
        if let Ok(mut profiler) = self.profiler.try_borrow_mut() {
            profiler.leave();
        }
        self.model.leave();
    }
}

/// The row of a step: how far it lies behind the first. A search would take longer than many a kernel.
fn row_of(plan: &Plan<'_>, step: &Step) -> usize {
    let first = plan.steps.as_ptr().addr();
    let bytes = core::ptr::from_ref(step).addr().wrapping_sub(first);
    bytes / size_of::<Step>()
}
