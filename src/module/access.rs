//! Reading and writing what a module holds: outputs, gradients, parameters, states.

use super::{BucketingModule, Stage};
use crate::arena::lent;
use crate::error::AccessError;
use crate::model::Model;
use crate::optim::Optimizer;
use crate::plan::{Home, Param, ParamKind, Plan, Rows, Space, Span, Train};

impl<M: Model> BucketingModule<'_, M> {
    /// Output `index` (a head of the symbol) of the current bucket's last forward, batch first.
    /// It lies in the arena: the next forward overwrites it.
    ///
    /// # Errors
    ///
    /// [`AccessError::NotComputed`] without a forward of the current bucket; [`AccessError::NotPlanned`] after a training
    /// step whose build gives its outputs up; [`AccessError::Index`].
    pub fn get_outputs(&self, index: usize) -> Result<&[f32], AccessError> {
        let program = self.standing().ok_or(AccessError::NotComputed)?;
        if program.outputs.is_empty() {
            return Err(AccessError::NotPlanned);
        }
        self.lend(self.operand(program.outputs, index)?)
    }

    /// The gradient with respect to data input `index`, after a backward of the current bucket.
    ///
    /// # Errors
    ///
    /// [`AccessError::NotPlanned`] unless the build asked for `inputs_need_grad`;
    /// [`AccessError::NotComputed`] without a backward.
    pub fn get_input_grads(&self, index: usize) -> Result<&[f32], AccessError> {
        let plan = self.model.plan();
        let bucket = plan.bucket(self.current).ok_or(AccessError::NotComputed)?;
        let grads = plan.program(bucket.train).input_grads;
        if grads.is_empty() {
            return Err(AccessError::NotPlanned);
        }
        if !matches!(self.stage, Stage::Backwarded(index) | Stage::Updated(index) if index == self.current)
        {
            return Err(AccessError::NotComputed);
        }
        self.lend(self.operand(grads, index)?)
    }

    /// Where the current bucket's operand `index` of `rows` lies.
    fn operand(&self, rows: Rows, index: usize) -> Result<Span, AccessError> {
        let plan = self.model.plan();
        let operands = rows.of(plan.operands);
        let operand = operands.get(index).ok_or(AccessError::Index {
            index,
            count: operands.len(),
        })?;
        let bucket = plan.bucket(self.current);
        let span = bucket.and_then(|bucket| plan.span(bucket.frame, *operand));
        span.ok_or(AccessError::NotComputed)
    }

    fn lend(&self, span: Span) -> Result<&[f32], AccessError> {
        lent(self.arena, self.flash, span).ok_or(AccessError::NotComputed)
    }

    /// The value of parameter `index`, wherever it lies.
    ///
    /// # Errors
    ///
    /// [`AccessError::Index`].
    pub fn get_params(&self, index: usize) -> Result<&[f32], AccessError> {
        let plan = self.model.plan();
        let param = param(&plan, index)?;
        let span = match param.home {
            Home::Flash => Span::new(Space::Flash, param.flash, param.len),
            Home::Arena(home) => Span::new(Space::Arena, home, param.len),
        };
        lent(self.arena, self.flash, span).ok_or(AccessError::NotComputed)
    }

    /// Sets parameter `index`. Does not touch the optimizer's state, and does not repair a poisoned module:
    /// that takes [`set_all_params`](Self::set_all_params).
    ///
    /// # Errors
    ///
    /// [`AccessError::Frozen`] for a parameter in flash, [`AccessError::Len`], [`AccessError::NotFinite`];
    /// nothing is changed then.
    pub fn set_params(&mut self, index: usize, values: &[f32]) -> Result<(), AccessError> {
        let words = self.check_param(index, values)?;
        write(self.arena, words, values)
    }

    /// Sets all parameters of the arena (the trainable ones, and the auxiliary states of a plan that trains), in the
    /// order of their indices, or none. Clears poison, and then the optimizer's state as well: it overflowed with them.
    ///
    /// # Errors
    ///
    /// As [`set_params`](Self::set_params); [`AccessError::Count`] if `values` are not as many as those
    /// parameters.
    pub fn set_all_params(&mut self, values: &[&[f32]]) -> Result<(), AccessError> {
        let count = self.in_arena().count();
        if values.len() != count {
            return Err(AccessError::Count {
                needed: count,
                found: values.len(),
            });
        }
        for (index, values) in self.in_arena().zip(values) {
            self.check_param(index, values)?;
        }
        let plan = self.model.plan();
        let mut values = values.iter();
        for param in plan.params {
            if let Home::Arena(home) = param.home
                && let Some(values) = values.next()
            {
                write(self.arena, Span::new(Space::Arena, home, param.len), values)?;
            }
        }
        self.repair();
        Ok(())
    }

    /// All parameters are good again. If they were not, neither is the optimizer's state.
    pub(super) fn repair(&mut self) {
        if core::mem::take(&mut self.poisoned) {
            self.zero_optimizer_state();
        }
    }

    pub(super) fn zero_optimizer_state(&mut self) {
        let plan = self.model.plan();
        for param in plan.params {
            if let Some(range) = param.state_range(plan.optimizer)
                && let Some(words) = self.arena.get_mut(range)
            {
                words.fill(0.0);
            }
            if let Some(range) = param.residual_range()
                && let Some(words) = self.arena.get_mut(range)
            {
                words.fill(0.0);
            }
        }
        if let Some(optimizer) = &mut self.optimizer {
            optimizer.set_memory(1.0);
        }
    }

    /// The indices of the trainable parameters.
    pub fn trainable(&self) -> impl Iterator<Item = usize> + '_ {
        let params = self.model.plan().params;
        self.in_arena().filter(|index| {
            let param = params.get(*index);
            param.is_some_and(|param| param.kind == ParamKind::Argument)
        })
    }

    /// The indices of the parameters that can be set: the trainable ones, and auxiliary states that backward moves.
    pub fn in_arena(&self) -> impl Iterator<Item = usize> + '_ {
        let params = self.model.plan().params.iter().enumerate();
        params.filter_map(|(index, param)| (param.home != Home::Flash).then_some(index))
    }

    pub(super) fn check_param(&self, index: usize, values: &[f32]) -> Result<Span, AccessError> {
        if let Stage::Forwarded(_) = self.stage {
            return Err(AccessError::StepPending);
        }
        let plan = self.model.plan();
        let param = param(&plan, index)?;
        let Home::Arena(home) = param.home else {
            return Err(AccessError::Frozen { index });
        };
        check_values(param.len as usize, values)?;
        Ok(Span::new(Space::Arena, home, param.len))
    }

    /// The held gradient of parameter `index`, after a backward.
    ///
    /// # Errors
    ///
    /// [`AccessError::NotPlanned`] unless the build asked for `Train::Held` and the parameter is trainable.
    pub fn get_grads(&self, index: usize) -> Result<&[f32], AccessError> {
        let plan = self.model.plan();
        let param = param(&plan, index)?;
        let grad = param.grad.ok_or(AccessError::NotPlanned)?;
        let span = Span::new(Space::Arena, grad, param.len);
        lent(self.arena, self.flash, span).ok_or(AccessError::NotComputed)
    }

    /// Sets all held gradients to zero: what `grad_req = add` accumulates onto.
    pub fn zero_grads(&mut self) {
        let plan = self.model.plan();
        for param in plan.params {
            if let Some(grad) = param.grad {
                let span = Span::new(Space::Arena, grad, param.len);
                if let Some(words) = self.arena.get_mut(span.range()) {
                    words.fill(0.0);
                }
            }
        }
    }

    /// The optimizer's state of parameter `index`: its arrays in the order of MXNet's states, one after the other,
    /// each as long as the parameter.
    ///
    /// # Errors
    ///
    /// [`AccessError::NotPlanned`] if the optimizer keeps none for it.
    pub fn optimizer_state(&self, index: usize) -> Result<&[f32], AccessError> {
        let plan = self.model.plan();
        let param = param(&plan, index)?;
        let state = param.state.ok_or(AccessError::NotPlanned)?;
        let len = plan.optimizer.arrays().saturating_mul(param.len);
        let span = Span::new(Space::Arena, state, len);
        lent(self.arena, self.flash, span).ok_or(AccessError::NotComputed)
    }

    /// How many updates parameter `index` has had, counted from
    /// [`begin_num_update`](BucketingModule::begin_num_update).
    ///
    /// # Errors
    ///
    /// [`AccessError::NotPlanned`] if the optimizer does not count them.
    pub fn update_count(&self, index: usize) -> Result<u32, AccessError> {
        let plan = self.model.plan();
        let word = param(&plan, index)?.count(plan.optimizer);
        let word = self.arena.get(word.ok_or(AccessError::NotPlanned)?);
        let count = word.ok_or(AccessError::NotComputed)?.to_bits();
        Ok(count.saturating_add(self.begin_num_update))
    }

    /// State `index`, in the order of `state_names`. States are the same memory for every bucket; they
    /// start at zero, and only the methods below change them.
    ///
    /// # Errors
    ///
    /// [`AccessError::Index`].
    pub fn get_states(&self, index: usize) -> Result<&[f32], AccessError> {
        self.lend(self.state(index)?)
    }

    /// Sets state `index`.
    ///
    /// # Errors
    ///
    /// [`AccessError`]; nothing is changed then.
    pub fn set_states(&mut self, index: usize, values: &[f32]) -> Result<(), AccessError> {
        self.check_states_free()?;
        let span = self.state(index)?;
        check_values(span.len as usize, values)?;
        write(self.arena, span, values)
    }

    /// Sets every element of every state: MXNet's `set_states(value=..)`.
    ///
    /// # Errors
    ///
    /// [`AccessError::NotFinite`]; nothing is changed then.
    pub fn fill_states(&mut self, value: f32) -> Result<(), AccessError> {
        self.check_states_free()?;
        check_values(1, &[value])?;
        let plan = self.model.plan();
        for span in plan.states {
            if let Some(words) = self.arena.get_mut(span.range()) {
                words.fill(value);
            }
        }
        Ok(())
    }

    /// Copies output `output` of the last forward into state `state`: how h and c are carried from one
    /// chunk of a stream to the next, whatever the bucket.
    ///
    /// # Errors
    ///
    /// [`AccessError`]; nothing is changed then.
    pub fn carry_state(&mut self, output: usize, state: usize) -> Result<(), AccessError> {
        self.check_states_free()?;
        let to = self.state(state)?;
        check_values(to.len as usize, self.get_outputs(output)?)?;
        let program = self.standing().ok_or(AccessError::NotComputed)?;
        let from = self.operand(program.outputs, output)?;
        if from.space() != Space::Arena {
            return Err(AccessError::NotComputed);
        }
        match self.arena.get_disjoint_mut([from.range(), to.range()]) {
            Ok([from, to]) => {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                Ok(())
            }
            Err(_) => Err(AccessError::NotComputed),
        }
    }

    /// Backward reads the initial states again, and without held gradients so does update.
    fn check_states_free(&self) -> Result<(), AccessError> {
        match self.stage {
            Stage::Forwarded(_) => Err(AccessError::StepPending),
            Stage::Backwarded(_) if self.model.plan().train != Train::Held => {
                Err(AccessError::StepPending)
            }
            _ => Ok(()),
        }
    }

    fn state(&self, index: usize) -> Result<Span, AccessError> {
        let states = self.model.plan().states;
        states.get(index).copied().ok_or(AccessError::Index {
            index,
            count: states.len(),
        })
    }

    /// Output `index`, copied into memory of its own.
    ///
    /// # Errors
    ///
    /// As [`get_outputs`](Self::get_outputs).
    #[cfg(feature = "alloc")]
    pub fn get_outputs_owned(&self, index: usize) -> Result<alloc::vec::Vec<f32>, AccessError> {
        self.get_outputs(index).map(<[f32]>::to_vec)
    }
}

fn param<'p>(plan: &Plan<'p>, index: usize) -> Result<&'p Param, AccessError> {
    plan.params.get(index).ok_or(AccessError::Index {
        index,
        count: plan.params.len(),
    })
}

fn check_values(needed: usize, values: &[f32]) -> Result<(), AccessError> {
    if values.len() != needed {
        return Err(AccessError::Len {
            needed,
            found: values.len(),
        });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(AccessError::NotFinite { at }),
        None => Ok(()),
    }
}

pub(super) fn write(arena: &mut [f32], span: Span, values: &[f32]) -> Result<(), AccessError> {
    let words = arena
        .get_mut(span.range())
        .ok_or(AccessError::NotComputed)?;
    words
        .iter_mut()
        .zip(values)
        .for_each(|(word, value)| *word = *value);
    Ok(())
}
