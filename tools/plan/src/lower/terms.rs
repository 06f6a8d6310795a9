//! Gradients of parameters, and the update.
//!
//! Backward collects terms: sums of outer products of deltas and inputs that are not formed yet. Under
//! `Train::Held` each is accumulated into the parameter's gradient at once; under `Train::Fused` it waits
//! for the update, which forms it row by row and applies the row to the weight; under `Train::Step` only until its deltas
//! stand (see [`super::commit`]). All add the same products in the same order.

use tinpail::kernel::half::dense::STRIP;
use tinpail::plan::{Kernel, Train};

use super::window::Geometry;
use super::{Lowering, Role};
use crate::bucketing::Compression;
use crate::ir::{Phase, Storage, View};
use crate::symbol::{Op, Sym};

/// Rows of deltas: `rows` rows that begin at `first` and are `stride` elements apart, of which
/// the first `outputs` elements count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delta {
    pub values: View,
    pub first: usize,
    pub stride: usize,
    pub outputs: usize,
}

/// A contribution to a gradient.
#[derive(Clone, Copy, Debug)]
pub(super) enum Term {
    /// dW[o, k] = sum over r of delta[r, o] x[r, k], the rows of x being those of x0 and then x1.
    Outer {
        delta: Delta,
        x0: Option<View>,
        x1: Option<View>,
        inputs: usize,
    },
    /// The same of an x1 that is stored as f16; `rows` of x0 and x1 together.
    OuterF16 {
        delta: Delta,
        x0: Option<View>,
        x1: View,
        inputs: usize,
        rows: usize,
    },
    /// db[o] = sum over r of delta[r, o].
    Column(Delta),
    /// dW[f, c, k] = sum over samples and outputs of delta[n, f, o] x[n, c, the input of tap k of output o].
    Convolution {
        delta: View,
        x: View,
        geometry: Geometry,
    },
    /// db[c] = sum over samples and positions of delta[n, c, i].
    Channels {
        delta: View,
        channels: usize,
        inner: usize,
    },
    /// dW[token[r]] = sum of dy[r].
    Scatter { tokens: View, dy: View, dim: usize },
    /// The gradient itself.
    Dense(View),
}

impl Term {
    /// What the term multiplies its deltas by, or takes as it is.
    pub(super) fn inputs(self) -> impl Iterator<Item = View> {
        let [first, second] = match self {
            Term::Outer { x0, x1, .. } => [x0, x1],
            Term::OuterF16 { x0, x1, .. } => [x0, Some(x1)],
            Term::Convolution { x, .. } => [Some(x), None],
            Term::Dense(values) => [Some(values), None],
            Term::Column(_) | Term::Channels { .. } | Term::Scatter { .. } => [None, None],
        };
        first.into_iter().chain(second)
    }

    /// All that the term is made of.
    pub(super) fn operands(self) -> impl Iterator<Item = View> {
        std::iter::once(self.delta()).chain(self.inputs())
    }

    /// What the term sums.
    pub(super) fn delta(self) -> View {
        match self {
            Term::Outer { delta, .. } | Term::OuterF16 { delta, .. } | Term::Column(delta) => {
                delta.values
            }
            Term::Convolution { delta, .. } | Term::Channels { delta, .. } => delta,
            Term::Scatter { dy, .. } => dy,
            Term::Dense(values) => values,
        }
    }
}

/// A contribution to part of a parameter's gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct GradTerm {
    pub param: usize,
    pub offset: usize,
    pub len: usize,
    pub term: Term,
}

impl Lowering<'_> {
    /// The trainable parameter that `sym` is (a part of), and the part's offset.
    fn trainable_part(&self, sym: Sym) -> Option<(usize, usize)> {
        let node = self.net.node(sym);
        match &node.op {
            Op::Variable => match self.setting.roles.get(&node.name) {
                Some(Role::Param(index)) if self.setting.trainable[*index] => Some((*index, 0)),
                _ => None,
            },
            Op::ParamSlice { offset, .. } => {
                let (param, base) = self.trainable_part(node.inputs[0])?;
                Some((param, base + offset))
            }
            _ => None,
        }
    }

    /// Whether the gradient of `sym` goes into terms (a parameter), or nowhere.
    pub(super) fn is_parameter(&self, sym: Sym) -> bool {
        let node = self.net.node(sym);
        match &node.op {
            Op::Variable => matches!(self.setting.roles.get(&node.name), Some(Role::Param(_))),
            Op::ParamSlice { .. } => true,
            _ => false,
        }
    }

    /// Adds a term to the gradient of `len` elements of `sym` from `offset` on. Where `sym` is computed
    /// (a weight that is itself a network's value) the term is formed at once.
    pub(super) fn add_term(&mut self, sym: Sym, offset: usize, len: usize, term: Term) {
        if !self.wants(sym) {
            return;
        }
        let Some((param, base)) = self.trainable_part(sym) else {
            self.form_into_value_grad(sym, offset, len, term);
            return;
        };
        let term = GradTerm {
            param,
            offset: base + offset,
            len,
            term,
        };
        if self.setting.train == Train::Held {
            let grad = self.held_grad(param);
            self.accumulate(term, grad.part(term.offset, len));
        }
        self.terms.push(term);
    }

    /// The gradient of a computed weight: a buffer of its own.
    fn form_into_value_grad(&mut self, sym: Sym, offset: usize, len: usize, term: Term) {
        let whole = self.len(sym);
        let grad = self.fill("dw", whole, 0.0);
        let term = GradTerm {
            param: usize::MAX,
            offset,
            len,
            term,
        };
        self.accumulate(term, grad.part(offset, len));
        self.add_grad(sym, grad);
    }

    /// The gradient of a parameter that arrived as a value.
    pub(super) fn parameter_backward(&mut self, sym: Sym, dy: View) {
        if self.is_parameter(sym) {
            self.add_term(sym, 0, dy.len, Term::Dense(dy));
        }
    }

    pub(super) fn held_grad(&mut self, param: usize) -> View {
        let len = self.setting.param_lens[param];
        self.stored(Storage::Grad(param), &format!("grad{param}"), len)
    }

    /// The parameters of this bucket that update moves.
    fn moved(&self) -> Vec<usize> {
        let mut moved: Vec<usize> = self
            .net
            .nodes
            .iter()
            .filter(|node| node.op == Op::Variable)
            .filter_map(|node| match self.setting.roles.get(&node.name) {
                Some(Role::Param(index)) if self.setting.trainable[*index] => Some(*index),
                _ => None,
            })
            .collect();
        moved.sort_unstable();
        moved
    }

    /// `grad_req = write`: backward starts from zero.
    pub(super) fn zero_held_grads(&mut self) {
        if self.setting.train != Train::Held {
            return;
        }
        self.node = "zero_grads".into();
        let mut written = self.moved();
        written.retain(|param| !self.setting.grad_add[*param]);
        for param in written {
            let grad = self.held_grad(param);
            self.call(Kernel::Fill, &[Some(grad)], &[0]);
        }
    }

    /// Adds a term onto `grad`.
    pub(super) fn accumulate(&mut self, term: GradTerm, grad: View) {
        match term.term {
            Term::Outer {
                delta,
                x0,
                x1,
                inputs,
            } => self.call(
                Kernel::DenseGrad,
                &[Some(delta.values), x0, x1, Some(grad)],
                &[
                    inputs as u32,
                    delta.outputs as u32,
                    delta.first as u32,
                    delta.stride as u32,
                ],
            ),
            Term::OuterF16 {
                delta,
                x0,
                x1,
                inputs,
                ..
            } => {
                let row = self.temp("row", inputs);
                self.call(
                    Kernel::DenseGradF16,
                    &[Some(delta.values), x0, Some(x1), Some(grad), Some(row)],
                    &[
                        inputs as u32,
                        delta.outputs as u32,
                        delta.first as u32,
                        delta.stride as u32,
                    ],
                );
            }
            Term::Column(delta) => self.call(
                Kernel::BiasGrad,
                &[Some(delta.values), Some(grad)],
                &[
                    delta.outputs as u32,
                    delta.first as u32,
                    delta.stride as u32,
                ],
            ),
            Term::Convolution { delta, x, geometry } => self.call(
                Kernel::ConvolutionGrad,
                &[Some(delta), Some(x), Some(grad)],
                &geometry.ints(),
            ),
            Term::Channels {
                delta,
                channels,
                inner,
            } => self.call(
                Kernel::ChannelGrad,
                &[Some(delta), Some(grad)],
                &[channels as u32, inner as u32],
            ),
            Term::Scatter { tokens, dy, dim } => self.call(
                Kernel::EmbeddingGrad,
                &[Some(tokens), Some(dy), Some(grad)],
                &[dim as u32],
            ),
            Term::Dense(values) => {
                self.call(Kernel::AddAssign, &[Some(values), Some(grad)], &[]);
            }
        }
    }

    /// Checks, then the update of every parameter of the bucket.
    pub(super) fn update(&mut self) {
        let terms = std::mem::take(&mut self.terms);
        let moved = self.moved();
        match self.setting.train {
            Train::Step => return self.commit(moved, &terms),
            Train::Fused if self.setting.sums => return self.update_by_sums(moved, &terms),
            Train::None | Train::Fused | Train::Held => {}
        }
        self.phase = Phase::Check;
        self.check_terms(&terms);
        let norm = self.global_norm(&moved, &terms);
        self.phase = Phase::Update;
        self.clip(norm);
        match self.setting.train {
            Train::None | Train::Step => {}
            Train::Held => {
                for param in moved {
                    self.node = self.param_name(param);
                    let grad = self.held_grad(param);
                    self.apply_held(param, grad);
                }
            }
            Train::Fused => self.update_fused(moved, &terms),
        }
    }

    /// Updates each parameter when no update that is still to come reads it: a parameter can be the input of
    /// a layer whose weight is another. Parameters that read each other in a circle have their gradients
    /// formed in buffers before the first of them moves.
    fn update_fused(&mut self, mut left: Vec<usize>, terms: &[GradTerm]) {
        let reads = |this: &Self, param: usize, other: usize| {
            let own = terms.iter().filter(|term| term.param == param);
            own.flat_map(|term| term.term.inputs())
                .any(|view| this.code.buf(view).storage == Storage::Param(other))
        };
        while !left.is_empty() {
            let free = left
                .iter()
                .position(|param| !left.iter().any(|other| reads(self, *other, *param)));
            if let Some(free) = free {
                let param = left.remove(free);
                self.node = self.param_name(param);
                let mut own: Vec<GradTerm> = terms
                    .iter()
                    .filter(|term| term.param == param)
                    .copied()
                    .collect();
                if sorted_disjoint(&mut own) {
                    self.update_by_rows(param, &own);
                } else {
                    let grad = self.form(param, terms);
                    self.apply(param, 0, grad.len, Some(grad), 0);
                }
                continue;
            }
            let formed: Vec<(usize, View)> = std::mem::take(&mut left)
                .into_iter()
                .map(|param| (param, self.form(param, terms)))
                .collect();
            for (param, grad) in formed {
                self.node = self.param_name(param);
                self.apply(param, 0, grad.len, Some(grad), 0);
            }
        }
    }

    pub(super) fn param_name(&self, param: usize) -> String {
        let name = self.setting.roles.iter();
        let name = name.filter(|(_, role)| **role == Role::Param(param));
        name.map(|(name, _)| name.clone())
            .next()
            .unwrap_or_default()
    }

    /// Everything that an update is made of must be finite before the first weight changes.
    fn check_terms(&mut self, terms: &[GradTerm]) {
        self.node = "check".into();
        let mut checked: Vec<View> = Vec::new();
        let stored: Vec<View> = terms
            .iter()
            .filter_map(|term| match term.term {
                Term::OuterF16 { x1, .. } => Some(x1),
                _ => None,
            })
            .collect();
        if self.setting.train == Train::Held {
            for param in self.moved() {
                checked.push(self.held_grad(param));
            }
        } else {
            // An input counts as well: infinite times a delta of zero is no number.
            for view in terms.iter().flat_map(|term| term.term.operands()) {
                if !checked.contains(&view) {
                    checked.push(view);
                }
            }
        }
        for values in checked {
            let kernel = match stored.contains(&values) {
                true => Kernel::CheckFiniteF16,
                false => Kernel::CheckFinite,
            };
            self.call(kernel, &[Some(values)], &[]);
        }
    }

    /// The gradient is formed part by part and applied; parts without a term have gradient zero.
    pub(super) fn update_by_rows(&mut self, param: usize, terms: &[GradTerm]) {
        let mut done = 0;
        let mut parts = 0..;
        let mut part = || parts.next().unwrap_or_default();
        for term in terms {
            if term.offset > done {
                self.apply(param, done, term.offset - done, None, part());
            }
            self.update_term(*term, part());
            done = term.offset + term.len;
        }
        let whole = self.setting.param_lens[param];
        if whole > done {
            self.apply(param, done, whole - done, None, part());
        }
    }

    /// The gradient of a parameter, summed from its terms in a buffer.
    pub(super) fn form(&mut self, param: usize, terms: &[GradTerm]) -> View {
        self.node = self.param_name(param);
        let grad = self.fill("grad", self.setting.param_lens[param], 0.0);
        for term in terms.iter().filter(|term| term.param == param) {
            self.accumulate(*term, grad.part(term.offset, term.len));
        }
        grad
    }

    /// `part` counts the calls that update one parameter.
    fn update_term(&mut self, term: GradTerm, part: u32) {
        let param = term.param as u32;
        let (w, m) = self.weight_and_state(term.param, term.offset, term.len);
        match term.term {
            Term::Outer {
                delta,
                x0,
                x1,
                inputs,
            } => self.call(
                Kernel::DenseUpdate,
                &[Some(delta.values), x0, x1, Some(w), m],
                &[
                    inputs as u32,
                    delta.outputs as u32,
                    delta.first as u32,
                    delta.stride as u32,
                    param,
                    part,
                ],
            ),
            Term::OuterF16 {
                delta,
                x0,
                x1,
                inputs,
                rows,
            } => {
                let strip = self.temp("strip", rows * STRIP);
                self.call(
                    Kernel::DenseUpdateF16,
                    &[Some(delta.values), x0, Some(x1), Some(w), m, Some(strip)],
                    &[
                        inputs as u32,
                        delta.outputs as u32,
                        delta.first as u32,
                        delta.stride as u32,
                        param,
                        part,
                    ],
                );
            }
            Term::Column(delta) => self.call(
                Kernel::BiasUpdate,
                &[Some(delta.values), Some(w), m],
                &[
                    delta.outputs as u32,
                    delta.first as u32,
                    delta.stride as u32,
                    param,
                    part,
                ],
            ),
            Term::Convolution { delta, x, geometry } => {
                let tile = self.temp("tile", geometry.taps());
                let mut ints = geometry.ints();
                ints.extend([param, part]);
                self.call(
                    Kernel::ConvolutionUpdate,
                    &[Some(delta), Some(x), Some(w), m, Some(tile)],
                    &ints,
                );
            }
            Term::Channels {
                delta,
                channels,
                inner,
            } => self.call(
                Kernel::ChannelUpdate,
                &[Some(delta), Some(w), m],
                &[channels as u32, inner as u32, param, part],
            ),
            Term::Scatter { tokens, dy, dim } => {
                let tile = self.temp("tile", dim);
                self.call(
                    Kernel::EmbeddingUpdate,
                    &[Some(tokens), Some(dy), Some(w), m, Some(tile)],
                    &[dim as u32, param, part],
                );
            }
            Term::Dense(values) => {
                self.apply(term.param, term.offset, term.len, Some(values), part);
            }
        }
    }

    /// The update of a whole parameter by its held gradient.
    fn apply_held(&mut self, param: usize, grad: View) {
        let whole = self.setting.param_lens[param];
        let Some(Compression::TwoBit { threshold }) = self.setting.compression else {
            self.apply(param, 0, whole, Some(grad), 0);
            return;
        };
        let (w, m) = self.weight_and_state(param, 0, whole);
        let name = format!("residual{param}");
        let residual = self.stored(Storage::Residual(param), &name, whole);
        self.call(
            Kernel::ApplyCompressed,
            &[Some(grad), Some(residual), Some(w), m],
            &[param as u32, 0, threshold.to_bits()],
        );
    }

    pub(super) fn apply(
        &mut self,
        param: usize,
        offset: usize,
        len: usize,
        grad: Option<View>,
        part: u32,
    ) {
        let (w, m) = self.weight_and_state(param, offset, len);
        self.call(Kernel::Apply, &[grad, Some(w), m], &[param as u32, part]);
    }

    /// The weights from `offset` on, and their states: from the first weight's in the first array to the last weight's
    /// in the last array.
    pub(super) fn weight_and_state(
        &mut self,
        param: usize,
        offset: usize,
        len: usize,
    ) -> (View, Option<View>) {
        let whole = self.setting.param_lens[param];
        let name = self.param_name(param);
        let w = self.stored(Storage::Param(param), &name, whole);
        let m = self.setting.state_arrays.checked_sub(1).map(|before_last| {
            let len = before_last * whole + len;
            let name = format!("{name}.optimizer");
            self.stored(Storage::OptState(param), &name, (before_last + 1) * whole)
                .part(offset, len)
        });
        (w.part(offset, len), m)
    }
}

/// Sorts the terms by offset; whether no two overlap.
pub(super) fn sorted_disjoint(terms: &mut [GradTerm]) -> bool {
    terms.sort_by_key(|term| term.offset);
    terms
        .windows(2)
        .all(|pair| pair[0].offset + pair[0].len <= pair[1].offset)
}
