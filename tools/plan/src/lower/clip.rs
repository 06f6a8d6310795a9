//! Clipping by the global norm: what adds up the squares of all gradients before the first update.
//!
//! | gradient | its squares |
//! | --- | --- |
//! | held, or summed in a buffer | read there |
//! | deltas times inputs over R rows | by pairs of rows where R (R+1) / 2 (O + K) < R O K, else formed row by row |
//! | every other | formed row by row, as the update will |

use tinpail::kernel::half::dense::STRIP;
use tinpail::plan::{Kernel, Train};

use super::Lowering;
use super::terms::{Delta, GradTerm, Term, sorted_disjoint};
use crate::ir::{Code, Instr, View};
use crate::plan_file::{NormBy, NormReport};

/// Multiplications of a norm by pairs of rows, and by a second pass.
fn norm_costs(rows: usize, inputs: usize, outputs: usize) -> [usize; 2] {
    let pairs = rows * (rows + 1) / 2 * (inputs + outputs);
    [pairs, rows * inputs * outputs]
}

/// How the norm of a program is made.
pub(crate) fn norms(code: &Code) -> Vec<NormReport> {
    let report = |instr: &Instr| {
        let rows = |[x0, x1]: [Option<View>; 2], inputs: u32| {
            let values = [x0, x1].into_iter().flatten().map(|x| x.len);
            values.sum::<usize>() / inputs as usize
        };
        let by = match instr.kernel {
            Kernel::SquareNorm => NormBy::Buffer,
            Kernel::PairsNorm => NormBy::Pairs,
            Kernel::DenseNorm
            | Kernel::DenseNormF16
            | Kernel::BiasNorm
            | Kernel::ConvolutionNorm
            | Kernel::ChannelNorm
            | Kernel::EmbeddingNorm => NormBy::SecondPass,
            _ => return None,
        };
        let multiplications = match (instr.kernel, instr.ints.as_slice()) {
            (Kernel::PairsNorm | Kernel::DenseNorm, [inputs, outputs, ..]) => {
                let rows = rows([instr.operands[1], instr.operands[2]], *inputs);
                Some(norm_costs(rows, *inputs as usize, *outputs as usize))
            }
            _ => None,
        };
        Some(NormReport {
            param: instr.node.clone(),
            by,
            multiplications,
        })
    };
    code.instrs.iter().filter_map(report).collect()
}

impl Lowering<'_> {
    /// The squares of all gradients, added up and checked; none if nothing is clipped.
    pub(super) fn global_norm(&mut self, moved: &[usize], terms: &[GradTerm]) -> Option<View> {
        self.setting.clip_global_norm?;
        self.node = "clip_global_norm".into();
        let norm = self.fill("norm", 1, 0.0);
        for param in moved.iter().copied() {
            self.node = self.param_name(param);
            let mut own: Vec<GradTerm> = terms
                .iter()
                .filter(|term| term.param == param)
                .copied()
                .collect();
            if self.setting.train == Train::Held {
                let grad = self.held_grad(param);
                self.call(Kernel::SquareNorm, &[Some(grad), Some(norm)], &[]);
            } else if sorted_disjoint(&mut own) {
                for term in own {
                    self.norm_of(term, norm);
                }
            } else {
                let grad = self.form(param, terms);
                self.call(Kernel::SquareNorm, &[Some(grad), Some(norm)], &[]);
            }
        }
        self.node = "clip_global_norm".into();
        self.call(Kernel::CheckFinite, &[Some(norm)], &[]);
        Some(norm)
    }

    /// Scales the gradients of the update that follows.
    pub(super) fn clip(&mut self, norm: Option<View>) {
        if let (Some(max_norm), Some(norm)) = (self.setting.clip_global_norm, norm) {
            self.node = "clip_global_norm".into();
            let max_norm = max_norm.to_bits();
            self.call(Kernel::ClipGlobalNorm, &[Some(norm)], &[max_norm]);
        }
    }

    fn norm_of(&mut self, term: GradTerm, norm: View) {
        let (w, _) = self.weight_and_state(term.param, term.offset, term.len);
        let (w, norm) = (Some(w), Some(norm));
        let ints = |inputs: usize, delta: Delta| {
            [inputs, delta.outputs, delta.first, delta.stride].map(|int| int as u32)
        };
        match term.term {
            Term::Outer {
                delta,
                x0,
                x1,
                inputs,
            } => {
                let values = [x0, x1].into_iter().flatten().map(|x| x.len);
                let rows = values.sum::<usize>() / inputs;
                let [pairs, pass] = norm_costs(rows, inputs, delta.outputs);
                if pairs < pass {
                    let operands = [Some(delta.values), x0, x1, norm];
                    self.call(Kernel::PairsNorm, &operands, &ints(inputs, delta));
                } else {
                    let tile = Some(self.temp("tile", inputs));
                    let operands = [Some(delta.values), x0, x1, w, norm, tile];
                    self.call(Kernel::DenseNorm, &operands, &ints(inputs, delta));
                }
            }
            Term::OuterF16 {
                delta,
                x0,
                x1,
                inputs,
                rows,
            } => {
                let strip = Some(self.temp("strip", rows * STRIP));
                let operands = [Some(delta.values), x0, Some(x1), w, norm, strip];
                self.call(Kernel::DenseNormF16, &operands, &ints(inputs, delta));
            }
            Term::Column(delta) => {
                let [_, outputs, first, stride] = ints(0, delta);
                let operands = [Some(delta.values), w, norm];
                self.call(Kernel::BiasNorm, &operands, &[outputs, first, stride]);
            }
            Term::Convolution { delta, x, geometry } => {
                let tile = Some(self.temp("tile", geometry.taps()));
                let operands = [Some(delta), Some(x), w, norm, tile];
                self.call(Kernel::ConvolutionNorm, &operands, &geometry.ints());
            }
            Term::Channels {
                delta,
                channels,
                inner,
            } => {
                let ints = [channels as u32, inner as u32];
                self.call(Kernel::ChannelNorm, &[Some(delta), w, norm], &ints);
            }
            Term::Scatter { tokens, dy, dim } => {
                let tile = Some(self.temp("tile", dim));
                let operands = [Some(tokens), Some(dy), w, norm, tile];
                self.call(Kernel::EmbeddingNorm, &operands, &[dim as u32]);
            }
            Term::Dense(values) => {
                self.call(Kernel::SquareNorm, &[Some(values), norm], &[]);
            }
        }
    }
}
