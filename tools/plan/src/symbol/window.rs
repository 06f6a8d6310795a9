//! Convolution and Pooling: attributes with MXNet's names and defaults, and the builder's methods.
//!
//! `kernel`, `stride`, `pad` and `dilate` have one number for (N, C, W) and two for (N, C, H, W); left empty, stride and
//! dilate are 1 and pad is 0.

use super::{Op, Sym, Symbols};

/// Attributes of Convolution over (N, C, ..): weight (num_filter, C / num_group, kernel..), bias (num_filter).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convolution {
    pub kernel: Vec<usize>,
    pub num_filter: usize,
    pub stride: Vec<usize>,
    pub pad: Vec<usize>,
    pub dilate: Vec<usize>,
    /// Groups of channels that do not see each other; as many as channels: depthwise.
    pub num_group: usize,
    pub no_bias: bool,
}

impl Convolution {
    /// Stride 1, no padding, one group, with bias: MXNet's defaults.
    pub fn new(kernel: impl Into<Vec<usize>>, num_filter: usize) -> Self {
        Convolution {
            kernel: kernel.into(),
            num_filter,
            stride: Vec::new(),
            pad: Vec::new(),
            dilate: Vec::new(),
            num_group: 1,
            no_bias: false,
        }
    }

    /// floor((x + 2 pad - dilate (k - 1) - 1) / stride) + 1 along axis `axis` of the window; nothing where the
    /// window is longer than the padded input, or an attribute cannot be.
    pub fn output_len(&self, axis: usize, input: usize) -> Option<usize> {
        let dilate = self.dilate.get(axis).copied().unwrap_or(1);
        let kernel = self.kernel.get(axis)?.checked_sub(1)?;
        let reach = kernel.checked_mul(dilate)?.checked_add(1)?;
        let pad = self.pad.get(axis).copied().unwrap_or(0);
        let room = padded(input, pad)?.checked_sub(reach)?;
        let stride = self.stride.get(axis).copied().unwrap_or(1);
        Some(room.checked_div(stride)? + 1)
    }
}

fn padded(input: usize, pad: usize) -> Option<usize> {
    input.checked_add(pad.checked_mul(2)?)
}

/// `pool_type` of Pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolType {
    Max,
    Avg,
    Sum,
    /// (the sum of x^p)^(1/p), without absolute values; `p_value` is 1, 2 or 3.
    Lp(u32),
}

/// `pooling_convention` of Pooling: how many outputs an axis of length x has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolingConvention {
    /// floor((x + 2 pad - kernel) / stride) + 1
    #[default]
    Valid,
    /// ceil((x + 2 pad - kernel) / stride) + 1: the last windows reach beyond the padding, and are cut there.
    Full,
    /// ceil(x / stride), one axis and no padding. MXNet 1.9.1 has the formula but reads three paddings of one axis
    /// and so refuses every such symbol.
    Same,
}

/// Attributes of Pooling over (N, C, ..).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pooling {
    pub pool_type: PoolType,
    pub kernel: Vec<usize>,
    pub stride: Vec<usize>,
    pub pad: Vec<usize>,
    /// One window over everything; kernel, stride and pad do not count.
    pub global_pool: bool,
    pub pooling_convention: PoolingConvention,
    /// Whether an average divides by the window cut to the padded input, or by the inputs in it.
    pub count_include_pad: bool,
}

impl Pooling {
    /// Stride 1, no padding: MXNet's defaults.
    pub fn new(pool_type: PoolType, kernel: impl Into<Vec<usize>>) -> Self {
        Pooling {
            pool_type,
            kernel: kernel.into(),
            stride: Vec::new(),
            pad: Vec::new(),
            global_pool: false,
            pooling_convention: PoolingConvention::Valid,
            count_include_pad: true,
        }
    }

    /// One window over everything.
    pub fn global(pool_type: PoolType) -> Self {
        Pooling {
            global_pool: true,
            ..Pooling::new(pool_type, [])
        }
    }

    /// (kernel, stride, pad) along axis `axis` of the window over `input` values.
    pub fn window(&self, axis: usize, input: usize) -> Option<(usize, usize, usize)> {
        if self.global_pool {
            return Some((input, 1, 0));
        }
        let stride = self.stride.get(axis).copied().unwrap_or(1);
        let pad = self.pad.get(axis).copied().unwrap_or(0);
        Some((*self.kernel.get(axis)?, stride, pad))
    }

    /// Outputs along axis `axis`; nothing where the window is longer than the padded input, or an attribute cannot
    /// be.
    pub fn output_len(&self, axis: usize, input: usize) -> Option<usize> {
        let (kernel, stride, pad) = self.window(axis, input)?;
        let room = padded(input, pad)?.checked_sub(kernel)?;
        if kernel == 0 || stride == 0 {
            return None;
        }
        Some(match self.pooling_convention {
            _ if self.global_pool => 1,
            PoolingConvention::Valid => room / stride + 1,
            PoolingConvention::Full => room.div_ceil(stride) + 1,
            PoolingConvention::Same => input.div_ceil(stride),
        })
    }
}

impl Symbols {
    /// A convolution with the parameters `NAME_weight` and `NAME_bias`.
    pub fn convolution(&mut self, name: &str, data: Sym, attrs: Convolution) -> Sym {
        let mut inputs = vec![data, self.variable(&format!("{name}_weight"))];
        if !attrs.no_bias {
            inputs.push(self.variable(&format!("{name}_bias")));
        }
        self.push(name, Op::Convolution(attrs), &inputs)
    }

    /// The largest, mean, sum or norm of each window.
    pub fn pooling(&mut self, name: &str, data: Sym, attrs: Pooling) -> Sym {
        self.push(name, Op::Pooling(attrs), &[data])
    }
}
