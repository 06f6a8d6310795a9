//! Installing a profiler: the module of a model whose calls are counted.

use core::cell::RefCell;

use super::BucketingModule;
use crate::model::Model;
use crate::profiler::{Clock, Profiled, Profiler};

impl<'a, M: Model> BucketingModule<'a, M> {
    /// Has what every call of the plan takes added up by `profiler` from now on. The module is the same, with its parameters, states
    /// and optimizer, but of another type: one without a profiler costs nothing. A profiler of another plan counts nothing.
    ///
    /// [`profiler`](crate::profiler) has an example.
    pub fn install_profiler<'w, 'r, C: Clock>(
        self,
        profiler: &'w RefCell<Profiler<'r, C>>,
    ) -> BucketingModule<'a, Profiled<'w, 'r, M, C>> {
        self.with_model(|model| Profiled { model, profiler })
    }
}

impl<'a, M: Model, C: Clock> BucketingModule<'a, Profiled<'_, '_, M, C>> {
    /// The module without its profiler.
    pub fn uninstall_profiler(self) -> BucketingModule<'a, M> {
        self.with_model(|profiled| profiled.model)
    }
}
