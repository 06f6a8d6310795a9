//! Outputs, gradients and states by name.

use tinpail::error::AccessError;
use tinpail::optim::Optimizer;
use tinpail_convert::Tensor;
use tinpail_plan::plan_file::Named;

use crate::error::TooEarly;
use crate::module::HostModule;

/// Values by name, in the order of the names.
pub type Values = Vec<(String, Tensor)>;

/// What states are set to: MXNet's `states` or its `value`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum States<'s> {
    /// One list of values for each state, in the order of `state_names`.
    List(&'s [&'s [f32]]),
    /// The same number for every element of every state.
    Value(f32),
}

/// Values are not there, or do not fit; nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    #[error(transparent)]
    TooEarly(#[from] TooEarly),
    /// `set_states` with another number of states than the network has.
    #[error("{found} states are given, the network has {needed}")]
    Count { needed: usize, found: usize },
    /// A value that the module of the device refuses, with its name.
    #[error("{name}: {error:?}")]
    Access { name: String, error: AccessError },
}

impl<'m, O: Optimizer + Clone> HostModule<'m, O> {
    /// The outputs of the current bucket's last forward.
    ///
    /// # Errors
    ///
    /// [`ValueError`]: without a forward there are none.
    pub fn get_outputs(&self) -> Result<Values, ValueError> {
        let core = self.core()?;
        values(self.output_shapes()?, |index| core.get_outputs(index))
    }

    /// The gradients of the current bucket's data, after a backward.
    ///
    /// # Errors
    ///
    /// [`ValueError`]: `bind` must have asked for them.
    pub fn get_input_grads(&self) -> Result<Values, ValueError> {
        let core = self.core()?;
        values(self.data_shapes()?, |index| core.get_input_grads(index))
    }

    /// The states, in the order of `state_names`. (MXNet's default arguments refuse.)
    ///
    /// # Errors
    ///
    /// [`ValueError`].
    pub fn get_states(&self) -> Result<Values, ValueError> {
        let core = self.core()?;
        values(&self.plan_file()?.states, |index| core.get_states(index))
    }

    /// Sets all states.
    ///
    /// # Errors
    ///
    /// [`ValueError`].
    pub fn set_states(&mut self, states: States<'_>) -> Result<(), ValueError> {
        let named = &self.plan_file()?.states;
        let core = self.core_mut()?;
        match states {
            States::Value(value) => core.fill_states(value).map_err(|error| ValueError::Access {
                name: "states".into(),
                error,
            }),
            States::List(list) => {
                if list.len() != named.len() {
                    return Err(ValueError::Count {
                        needed: named.len(),
                        found: list.len(),
                    });
                }
                for (own, values) in named.iter().zip(list) {
                    let (needed, found) = (own.len(), values.len());
                    if needed != found {
                        return Err(refused(own, AccessError::Len { needed, found }));
                    }
                    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                        return Err(refused(own, AccessError::NotFinite { at }));
                    }
                }
                for (index, (own, values)) in named.iter().zip(list).enumerate() {
                    let set = core.set_states(index, values);
                    set.map_err(|error| refused(own, error))?;
                }
                Ok(())
            }
        }
    }
}

fn refused(own: &Named, error: AccessError) -> ValueError {
    ValueError::Access {
        name: own.name.clone(),
        error,
    }
}

fn values<'v>(
    named: &[Named],
    get: impl Fn(usize) -> Result<&'v [f32], AccessError>,
) -> Result<Values, ValueError> {
    let each = named.iter().enumerate().map(|(index, own)| {
        let values = get(index).map_err(|error| refused(own, error))?;
        let len = AccessError::Len {
            needed: own.len(),
            found: values.len(),
        };
        let tensor = Tensor::new(own.shape.clone(), values.to_vec());
        Ok((own.name.clone(), tensor.map_err(|_| refused(own, len))?))
    });
    each.collect()
}
