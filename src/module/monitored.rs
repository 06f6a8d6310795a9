//! Installing a monitor: the module of a model that is watched.

use core::cell::RefCell;

use super::BucketingModule;
use crate::model::Model;
use crate::monitor::{Monitor, Monitored};

impl<'a, M: Model> BucketingModule<'a, M> {
    /// Has every call of the plan reported to `monitor` from now on: MXNet's `install_monitor`. The module is the same, with
    /// its parameters, states and optimizer, but of another type: one without a monitor costs nothing.
    ///
    /// ```
    /// use core::cell::RefCell;
    /// use tinpail::monitor::{Phase, Seen, norm};
    /// # use tinpail::{BucketingModule, Model, math::Math};
    /// # fn f<M: Model>(module: BucketingModule<'_, M>) {
    ///
    /// let mut worst = (0, 0.0f32);
    /// let monitor = RefCell::new(|seen: Seen<'_>| {
    ///     let size = norm(seen.output, Math::default());
    ///     if seen.phase == Phase::Forward && size > worst.1 {
    ///         worst = (seen.step, size);
    ///     }
    /// });
    /// let mut module = module.install_monitor(&monitor);
    /// // forward, fit, score ...
    /// let module = module.uninstall_monitor();
    /// # }
    /// ```
    pub fn install_monitor<'w, W: Monitor>(
        self,
        monitor: &'w RefCell<W>,
    ) -> BucketingModule<'a, Monitored<'w, M, W>> {
        self.with_model(|model| Monitored { model, monitor })
    }
}

impl<'a, M: Model, W: Monitor> BucketingModule<'a, Monitored<'_, M, W>> {
    /// The module without its monitor.
    pub fn uninstall_monitor(self) -> BucketingModule<'a, M> {
        self.with_model(|monitored| monitored.model)
    }
}
