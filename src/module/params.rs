//! Initialising parameters, and setting some of them.

use super::access::write;
use super::{BucketingModule, Stage};
use crate::error::AccessError;
use crate::init::{InitError, Initializer, One, ParamShape, Pcg32, Role, Zero};
use crate::model::Model;
use crate::plan::Home;

/// What [`BucketingModule::set_params_from`] lets pass: MXNet's arguments of the same names. `force_init` is always true: the
/// values are set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetParams {
    /// A parameter of the arena without values keeps what it has.
    pub allow_missing: bool,
    /// Values for a parameter that is frozen, or is not there, are passed over.
    pub allow_extra: bool,
}

impl<M: Model> BucketingModule<'_, M> {
    /// Sets parameters, each given as its index and its values, or none of them: MXNet's `set_params`. If all of the arena's
    /// are set, poison is cleared as by [`set_all_params`](Self::set_all_params).
    ///
    /// # Errors
    ///
    /// [`AccessError::Missing`] for a parameter of the arena without values, unless `allow_missing`; [`AccessError::Frozen`] and
    /// [`AccessError::Index`], unless `allow_extra`; those of [`set_params`](Self::set_params). Nothing is changed then.
    pub fn set_params_from(
        &mut self,
        values: &[(usize, &[f32])],
        options: SetParams,
    ) -> Result<(), AccessError> {
        let is_given = |index: usize| values.iter().any(|(given, _)| *given == index);
        let missing = self.in_arena().find(|index| !is_given(*index));
        if let Some(index) = missing
            && !options.allow_missing
        {
            return Err(AccessError::Missing { index });
        }
        for (index, values) in values {
            match self.check_param(*index, values) {
                Err(AccessError::Frozen { .. } | AccessError::Index { .. })
                    if options.allow_extra => {}
                checked => {
                    checked?;
                }
            }
        }
        for (index, values) in values {
            if let Ok(span) = self.check_param(*index, values) {
                write(self.arena, span, values)?;
            }
        }
        if missing.is_none() {
            self.repair();
        }
        Ok(())
    }

    /// Gives all parameters of the arena initial values: weights those of `initializer`, the others MXNet's for their names. `shapes`
    /// is the generated `shapes::PARAMS`. Clears poison, and the optimizer's state with it.
    ///
    /// MXNet's arguments `arg_params` and `allow_missing` are [`set_params_from`](Self::set_params_from) afterwards; one
    /// parameter of a rule of its own is [`init_param`](Self::init_param) afterwards.
    ///
    /// # Errors
    ///
    /// [`InitError`]; nothing is changed then. [`InitError::Role`] for a name about which MXNet knows nothing either.
    pub fn init_params(
        &mut self,
        shapes: &[ParamShape<'_>],
        initializer: &dyn Initializer,
        rng: &mut Pcg32,
    ) -> Result<(), InitError> {
        let params = self.model.plan().params;
        if shapes.len() != params.len() {
            return Err(InitError::Count {
                needed: params.len(),
                found: shapes.len(),
            });
        }
        for index in self.in_arena() {
            if let Some(own) = shapes.get(index) {
                let rule = rule(own.role, initializer).ok_or(InitError::Role { index })?;
                self.check_init(index, own.shape, rule)?;
            }
        }
        for (index, own) in shapes.iter().enumerate() {
            if let Some(rule) = rule(own.role, initializer) {
                self.draw(index, own.shape, rule, rng);
            }
        }
        self.repair();
        Ok(())
    }

    /// Gives parameter `index`, which lies in the arena, the initial values of `initializer`.
    ///
    /// # Errors
    ///
    /// [`InitError`]; nothing is changed then.
    pub fn init_param(
        &mut self,
        index: usize,
        shape: &[u32],
        initializer: &dyn Initializer,
        rng: &mut Pcg32,
    ) -> Result<(), InitError> {
        self.check_init(index, shape, initializer)?;
        self.draw(index, shape, initializer, rng);
        Ok(())
    }

    fn check_init(
        &self,
        index: usize,
        shape: &[u32],
        initializer: &dyn Initializer,
    ) -> Result<(), InitError> {
        if let Stage::Forwarded(_) = self.stage {
            return Err(InitError::StepPending);
        }
        let plan = self.model.plan();
        let param = plan
            .params
            .get(index)
            .filter(|param| param.home != Home::Flash);
        let needed = crate::init::elements(shape);
        let found = param.ok_or(InitError::Index { index })?.len as usize;
        if needed != found {
            return Err(InitError::Len { needed, found });
        }
        initializer.check(shape)
    }

    fn draw(
        &mut self,
        index: usize,
        shape: &[u32],
        initializer: &dyn Initializer,
        rng: &mut Pcg32,
    ) {
        let plan = self.model.plan();
        let Some(param) = plan.params.get(index) else {
            return;
        };
        let Home::Arena(home) = param.home else {
            return;
        };
        let home = home as usize;
        if let Some(values) = self
            .arena
            .get_mut(home..home.saturating_add(param.len as usize))
        {
            initializer.draw(shape, rng, values);
        }
    }
}

/// The rule for a parameter of this role.
fn rule(role: Role, initializer: &dyn Initializer) -> Option<&dyn Initializer> {
    match role {
        Role::Weight => Some(initializer),
        Role::Zero => Some(&Zero),
        Role::One => Some(&One),
        Role::Unknown => None,
    }
}
