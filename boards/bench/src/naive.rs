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
pub struct Mlp {
    pub w1: [f32; 32 * 64],
    pub b1: [f32; 32],
    pub w2: [f32; 10 * 32],
    pub b2: [f32; 10],
    dw1: [f32; 32 * 64],
    dw2: [f32; 10 * 32],
    m: Option<Momentum>,
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

impl Mlp {
    pub const fn new(m: Option<Momentum>) -> Self {
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
        match &mut self.m {
            Some(m) => {
                momentum_update(rate, momentum, &mut self.w1, &self.dw1, &mut m.w1);
                momentum_update(rate, momentum, &mut self.b1, &self.dhidden, &mut m.b1);
                momentum_update(rate, momentum, &mut self.w2, &self.dw2, &mut m.w2);
                momentum_update(rate, momentum, &mut self.b2, &self.output, &mut m.b2);
            }
            None => {
                update(rate, &mut self.w1, &self.dw1);
                update(rate, &mut self.b1, &self.dhidden);
                update(rate, &mut self.w2, &self.dw2);
                update(rate, &mut self.b2, &self.output);
            }
        }
    }
}
