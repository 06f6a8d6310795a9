//! Kernels as one would write them: loops and indices, no tiles, gradients in buffers of their own. The order of every sum is tinpail's,
//! so the bits are too.

/// y = x w^T + b
#[inline(never)]
pub fn dense(x: &[f32], w: &[f32], b: &[f32], y: &mut [f32]) {
    for o in 0..y.len() {
        let mut sum = 0.0;
        for k in 0..x.len() {
            sum += x[k] * w[o * x.len() + k];
        }
        y[o] = sum + b[o];
    }
}

/// y = x w^T: rows x inputs, outputs x inputs.
#[inline(never)]
pub fn product(rows: usize, inputs: usize, outputs: usize, x: &[f32], w: &[f32], y: &mut [f32]) {
    for r in 0..rows {
        for o in 0..outputs {
            let mut sum = 0.0;
            for k in 0..inputs {
                sum += x[r * inputs + k] * w[o * inputs + k];
            }
            y[r * outputs + o] = sum;
        }
    }
}

#[inline(never)]
pub fn relu(y: &mut [f32]) {
    for value in y {
        if *value <= 0.0 {
            *value = 0.0;
        }
    }
}

#[inline(never)]
pub fn softmax(y: &mut [f32]) {
    let mut max = f32::NEG_INFINITY;
    for &value in y.iter() {
        if value > max {
            max = value;
        }
    }
    let mut sum = 0.0;
    for value in y.iter_mut() {
        *value = libm::expf(*value - max);
        sum += *value;
    }
    for value in y {
        *value /= sum;
    }
}

/// dx = delta w
#[inline(never)]
pub fn dense_backward(delta: &[f32], w: &[f32], dx: &mut [f32]) {
    for k in 0..dx.len() {
        let mut sum = 0.0;
        for o in 0..delta.len() {
            sum += delta[o] * w[o * dx.len() + k];
        }
        dx[k] = sum;
    }
}

/// dw = delta x^T
#[inline(never)]
pub fn dense_grad(delta: &[f32], x: &[f32], dw: &mut [f32]) {
    for o in 0..delta.len() {
        for k in 0..x.len() {
            dw[o * x.len() + k] = delta[o] * x[k];
        }
    }
}

/// m = momentum m - rate g, w += m
#[inline(never)]
pub fn momentum_update(rate: f32, momentum: f32, w: &mut [f32], g: &[f32], m: &mut [f32]) {
    for i in 0..w.len() {
        m[i] = momentum * m[i] - rate * g[i];
        w[i] += m[i];
    }
}

/// w -= rate g
#[inline(never)]
pub fn update(rate: f32, w: &mut [f32], g: &[f32]) {
    for i in 0..w.len() {
        w[i] -= rate * g[i];
    }
}

/// MLP 64-32-10 with ReLU and softmax: weights, gradients, momentum, activations.
pub struct Mlp<M> {
    pub w1: [f32; 32 * 64],
    pub b1: [f32; 32],
    pub w2: [f32; 10 * 32],
    pub b2: [f32; 10],
    dw1: [f32; 32 * 64],
    dw2: [f32; 10 * 32],
    m: M,
    hidden: [f32; 32],
    output: [f32; 10],
    dhidden: [f32; 32],
}

/// An array for each of the parameters.
pub struct Momentum {
    w1: [f32; 32 * 64],
    b1: [f32; 32],
    w2: [f32; 10 * 32],
    b2: [f32; 10],
}

impl Momentum {
    pub const fn new() -> Self {
        Self {
            w1: [0.0; 32 * 64],
            b1: [0.0; 32],
            w2: [0.0; 10 * 32],
            b2: [0.0; 10],
        }
    }
}

impl Default for Momentum {
    fn default() -> Self {
        Self::new()
    }
}

/// How the four parameters, in their order, are updated.
pub trait Rule {
    fn update(&mut self, rate: f32, momentum: f32, w: [&mut [f32]; 4], g: [&[f32]; 4]);
}

impl Rule for Momentum {
    fn update(&mut self, rate: f32, momentum: f32, w: [&mut [f32]; 4], g: [&[f32]; 4]) {
        let [w1, b1, w2, b2] = w;
        let [dw1, db1, dw2, db2] = g;
        momentum_update(rate, momentum, w1, dw1, &mut self.w1);
        momentum_update(rate, momentum, b1, db1, &mut self.b1);
        momentum_update(rate, momentum, w2, dw2, &mut self.w2);
        momentum_update(rate, momentum, b2, db2, &mut self.b2);
    }
}

/// Plain SGD.
pub struct Plain;

impl Rule for Plain {
    fn update(&mut self, rate: f32, _: f32, w: [&mut [f32]; 4], g: [&[f32]; 4]) {
        for (w, g) in w.into_iter().zip(g) {
            update(rate, w, g);
        }
    }
}

impl<M: Rule> Mlp<M> {
    pub const fn new(m: M) -> Self {
        Self {
            w1: [0.0; 32 * 64],
            b1: [0.0; 32],
            w2: [0.0; 10 * 32],
            b2: [0.0; 10],
            dw1: [0.0; 32 * 64],
            dw2: [0.0; 10 * 32],
            m,
            hidden: [0.0; 32],
            output: [0.0; 10],
            dhidden: [0.0; 32],
        }
    }

    /// From w1, b1, w2 and b2 one after the other.
    pub fn load(&mut self, weights: &[f32]) {
        let (w1, rest) = weights.split_at(self.w1.len());
        let (b1, rest) = rest.split_at(self.b1.len());
        let (w2, b2) = rest.split_at(self.w2.len());
        self.w1.copy_from_slice(w1);
        self.b1.copy_from_slice(b1);
        self.w2.copy_from_slice(w2);
        self.b2.copy_from_slice(b2);
    }

    /// One example: forward, backward, update.
    #[inline(never)]
    pub fn train_step(&mut self, x: &[f32], label: usize, rate: f32, momentum: f32) {
        dense(x, &self.w1, &self.b1, &mut self.hidden);
        relu(&mut self.hidden);
        dense(&self.hidden, &self.w2, &self.b2, &mut self.output);
        softmax(&mut self.output);
        self.output[label] -= 1.0;
        dense_backward(&self.output, &self.w2, &mut self.dhidden);
        for i in 0..self.dhidden.len() {
            if self.hidden[i] <= 0.0 {
                self.dhidden[i] = 0.0;
            }
        }
        dense_grad(&self.output, &self.hidden, &mut self.dw2);
        dense_grad(&self.dhidden, x, &mut self.dw1);
        let Self {
            w1,
            b1,
            w2,
            b2,
            dw1,
            dw2,
            ..
        } = self;
        let gradients = [&dw1[..], &self.dhidden, dw2, &self.output];
        self.m.update(rate, momentum, [w1, b1, w2, b2], gradients);
    }
}

/// Windows of 3 x 3 over squares, padded by one.
pub struct Convolution {
    /// Channels and filters of a group.
    pub channels: usize,
    pub filters: usize,
    pub groups: usize,
    pub side: usize,
}

impl Convolution {
    /// x is groups x channels x side x side, w filters x channels x 3 x 3 for each group.
    #[inline(never)]
    pub fn forward(&self, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32]) {
        let side = self.side;
        for f in 0..self.groups * self.filters {
            let first = f / self.filters * self.channels;
            for row in 0..side {
                for column in 0..side {
                    let mut sum = 0.0;
                    for c in 0..self.channels {
                        for i in 0..3 {
                            for j in 0..3 {
                                let (r, k) = (row + i, column + j);
                                if r == 0 || r > side || k == 0 || k > side {
                                    continue;
                                }
                                let at = ((first + c) * side + r - 1) * side + k - 1;
                                sum += x[at] * w[((f * self.channels + c) * 3 + i) * 3 + j];
                            }
                        }
                    }
                    y[(f * side + row) * side + column] = sum + b[f];
                }
            }
        }
    }
}
