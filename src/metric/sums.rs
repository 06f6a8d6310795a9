//! What metrics add to.

/// A sum and the number of things in it: MXNet's `sum_metric` and `num_inst`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    pub sum: f64,
    pub count: u64,
}

impl Sum {
    /// sum / count; NaN if nothing was counted.
    pub fn mean(self) -> f64 {
        if self.count == 0 {
            f64::NAN
        } else {
            self.sum / self.count as f64
        }
    }

    fn add(&mut self, sum: f64, count: u64) {
        self.sum += sum;
        self.count = self.count.saturating_add(count);
    }
}

/// Since `reset_local`, and since `reset`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    pub local: Sum,
    pub global: Sum,
}

impl Sums {
    /// Adds to both.
    pub fn add(&mut self, sum: f64, count: u64) {
        self.local.add(sum, count);
        self.global.add(sum, count);
    }
}
