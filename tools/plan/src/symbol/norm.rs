//! BatchNorm, LayerNorm and LRN: attributes with MXNet's names and defaults, and the builder's methods.

use super::{Op, Sym, Symbols};

/// Attributes of BatchNorm: y = (x - mean) gamma / sqrt(var + eps) + beta for each index of `axis`.
///
/// In training, mean and (biased) variance are the batch's, and backward moves the auxiliary states towards them:
/// moving = momentum moving + (1 - momentum) batch. In inference they are the moving ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    pub eps: f32,
    pub momentum: f32,
    /// gamma is taken as 1 and has no gradient.
    pub fix_gamma: bool,
    /// The moving mean and variance in training too; they do not move.
    pub use_global_stats: bool,
    pub axis: i64,
}

impl Default for BatchNorm {
    /// MXNet's defaults; `fix_gamma` is among them.
    fn default() -> Self {
        BatchNorm {
            eps: 1e-3,
            momentum: 0.9,
            fix_gamma: true,
            use_global_stats: false,
            axis: 1,
        }
    }
}

/// Attributes of LayerNorm: y = (x - mean) / sqrt(var + eps) gamma + beta, mean and variance along `axis`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    pub axis: i64,
    pub eps: f32,
}

impl Default for LayerNorm {
    fn default() -> Self {
        LayerNorm {
            axis: -1,
            eps: 1e-5,
        }
    }
}

/// Attributes of LRN over (N, C, ..): y = x (knorm + alpha / nsize * sum of x^2 over `nsize` channels around)^-beta.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lrn {
    pub nsize: usize,
    pub alpha: f32,
    pub beta: f32,
    pub knorm: f32,
}

impl Lrn {
    /// MXNet's defaults.
    pub fn new(nsize: usize) -> Self {
        Lrn {
            nsize,
            alpha: 1e-4,
            beta: 0.75,
            knorm: 2.0,
        }
    }
}

impl Symbols {
    /// Batch normalisation with the parameters `NAME_gamma` and `NAME_beta` and the auxiliary states
    /// `NAME_moving_mean` and `NAME_moving_var`.
    pub fn batch_norm(&mut self, name: &str, data: Sym, attrs: BatchNorm) -> Sym {
        let mut inputs = vec![data];
        inputs.extend(["gamma", "beta"].map(|what| self.variable(&format!("{name}_{what}"))));
        for (what, init) in [("mean", "zero"), ("var", "one")] {
            let moving = self.variable(&format!("{name}_moving_{what}"));
            self.nodes[moving.node.0 as usize].hints.init = Some(format!("[\"{init}\", {{}}]"));
            inputs.push(moving);
        }
        self.push(name, Op::BatchNorm(attrs), &inputs)
    }

    /// Layer normalisation with the parameters `NAME_gamma` and `NAME_beta`.
    pub fn layer_norm(&mut self, name: &str, data: Sym, attrs: LayerNorm) -> Sym {
        let [gamma, beta] = ["gamma", "beta"].map(|what| self.variable(&format!("{name}_{what}")));
        self.push(name, Op::LayerNorm(attrs), &[data, gamma, beta])
    }

    /// Local response normalisation across channels.
    pub fn lrn(&mut self, name: &str, data: Sym, attrs: Lrn) -> Sym {
        self.push(name, Op::Lrn(attrs), &[data])
    }
}
