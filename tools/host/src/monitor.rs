//! Watching what a module computes, by name: MXNet's `Monitor`.

use std::cell::RefCell;

use regex::Regex;
use tinpail::math::Math;
use tinpail::monitor::{Monitored, Phase, Seen, norm};
use tinpail::optim::Optimizer;
use tinpail::{BucketingModule, Registry};

use crate::error::TooEarly;
use crate::module::HostModule;

/// A statistic of a tensor.
pub type StatFunc = Box<dyn Fn(&[f32]) -> f32>;

/// A value that was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Stat {
    /// The number of the batch, from 1 on.
    pub step: u64,
    /// `fc_output`, and with `monitor_all` `fc_backward`; a symbol of several calls comes several times.
    pub name: String,
    pub value: f32,
}

/// Statistics of what the calls of a plan compute, every `interval` batches: [`tic`](Self::tic) before a batch,
/// [`toc`](Self::toc) after it. Shown are the plan's calls, see [`tinpail::monitor`].
pub struct Monitor {
    interval: u64,
    stat_func: StatFunc,
    pattern: Regex,
    sort: bool,
    monitor_all: bool,
    step: u64,
    activated: bool,
    queue: Vec<Stat>,
}

impl Monitor {
    /// Of all outputs, every `interval` batches, MXNet's default statistic: the norm over the root of the number of values.
    pub fn new(interval: u64) -> Self {
        // Every name matches.
        let pattern = Regex::new("").unwrap_or_else(|error| unreachable!("{error}"));
        Monitor {
            interval: interval.max(1),
            stat_func: Box::new(|values| norm(values, Math::default())),
            pattern,
            sort: false,
            monitor_all: false,
            step: 0,
            activated: false,
            queue: Vec::new(),
        }
    }

    /// Another statistic.
    pub fn stat_func(self, stat_func: impl Fn(&[f32]) -> f32 + 'static) -> Self {
        Monitor {
            stat_func: Box::new(stat_func),
            ..self
        }
    }

    /// Only names that the pattern matches from their start on, as Python's `re.match`.
    pub fn pattern(self, pattern: Regex) -> Self {
        Monitor { pattern, ..self }
    }

    /// Sorted by name, rather than in the order of the calls.
    pub fn sort(self, sort: bool) -> Self {
        Monitor { sort, ..self }
    }

    /// Calls of backward and update as well.
    pub fn monitor_all(self, monitor_all: bool) -> Self {
        Monitor {
            monitor_all,
            ..self
        }
    }

    /// Before a batch: starts to look, if its turn has come.
    pub fn tic(&mut self) {
        if self.step.is_multiple_of(self.interval) {
            self.queue.clear();
            self.activated = true;
        }
        self.step += 1;
    }

    /// After a batch: what was seen.
    pub fn toc(&mut self) -> Vec<Stat> {
        self.activated = false;
        let mut stats = std::mem::take(&mut self.queue);
        if self.sort {
            stats.sort_by(|a, b| a.name.cmp(&b.name));
        }
        stats
    }

    fn see(&mut self, symbol: &str, seen: &Seen<'_>) {
        let what = match seen.phase {
            Phase::Forward => "output",
            Phase::Backward => "backward",
            Phase::Check => "check",
            Phase::Update => "update",
        };
        if !self.activated || (seen.phase != Phase::Forward && !self.monitor_all) {
            return;
        }
        let name = format!("{symbol}_{what}");
        if self
            .pattern
            .find(&name)
            .is_some_and(|found| found.start() == 0)
        {
            let value = (self.stat_func)(seen.output);
            self.queue.push(Stat {
                step: self.step,
                name,
                value,
            });
        }
    }
}

/// What the device's module is watched by.
pub type Watch<'w> = Box<dyn FnMut(Seen<'_>) + 'w>;

impl<'m, O: Optimizer + Clone> HostModule<'m, O> {
    /// Runs `with` on the module of the device, watched by `monitor`: MXNet's `install_monitor`, for as long as it takes.
    ///
    /// # Errors
    ///
    /// [`TooEarly`].
    pub fn with_monitor<T>(
        &mut self,
        monitor: &RefCell<Monitor>,
        with: impl FnOnce(&mut BucketingModule<'m, Monitored<'_, Registry<'m, O>, Watch<'_>>>) -> T,
    ) -> Result<T, TooEarly> {
        let file = self.plan_file()?;
        let core = self.core.take().ok_or(TooEarly::NoParams)?;
        let watch: Watch<'_> = Box::new(|seen| {
            if let Some(symbol) = file.step_names.get(seen.step) {
                monitor.borrow_mut().see(symbol, &seen);
            }
        });
        let watch = RefCell::new(watch);
        let mut watched = core.install_monitor(&watch);
        let result = with(&mut watched);
        self.core = Some(watched.uninstall_monitor());
        Ok(result)
    }
}
