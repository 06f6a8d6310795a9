//! One naive layer for the three cells, in f32 (same bits) and in f64 (finite differences).

use super::{PRODUCTS, Values, assert_close, bits, config, gradient};
use crate::kernel::dense::{Dense, bias_grad};
use crate::kernel::recurrent::{Dims, Keep, Weights};
use crate::kernel::rows::Strided;
use crate::kernel::{gru, lstm, rnn};
use crate::math::Math;
use crate::products::Products;
use proptest::prelude::*;
use proptest::sample::select;
use std::ops::{Add, Mul, Sub};
use std::vec;
use std::vec::Vec;

trait Num: Copy + PartialOrd + Add<Output = Self> + Mul<Output = Self> + Sub<Output = Self> {
    fn of(value: f32) -> Self;
    fn mul_add(products: Products, a: Self, b: Self, sum: Self) -> Self;
    fn tanh(self) -> Self;
    fn sigmoid(self) -> Self;
}

impl Num for f32 {
    fn of(value: f32) -> Self {
        value
    }
    fn mul_add(products: Products, a: Self, b: Self, sum: Self) -> Self {
        super::mul_add(products, a, b, sum)
    }
    fn tanh(self) -> Self {
        Math::default().tanh(self)
    }
    fn sigmoid(self) -> Self {
        Math::default().sigmoid(self)
    }
}

impl Num for f64 {
    fn of(value: f32) -> Self {
        value.into()
    }
    fn mul_add(_: Products, a: Self, b: Self, sum: Self) -> Self {
        sum + a * b
    }
    fn tanh(self) -> Self {
        f64::tanh(self)
    }
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    Relu,
    Tanh,
    Lstm,
    Gru,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Cell::Relu | Cell::Tanh => 1,
            Cell::Lstm => 4,
            Cell::Gru => 3,
        }
    }

    /// Gate values kept for each hidden unit.
    pub fn kept(self) -> usize {
        match self {
            Cell::Relu | Cell::Tanh => 1,
            Cell::Lstm | Cell::Gru => 4,
        }
    }
}

/// x, wi, bi, wh, bh, h0, c0
pub(super) type Operands<T> = [Vec<T>; 7];

#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub products: Products,
    pub cell: Cell,
    pub t: usize,
    pub n: usize,
    pub d: usize,
    pub h: usize,
    pub initial: bool,
}

impl Case {
    pub fn operands(self, v: &mut Values) -> Operands<f32> {
        let Self { t, n, d, h, .. } = self;
        let g = self.cell.gates() * h;
        let state = if self.initial { n * h } else { 0 };
        [t * n * d, g * d, g, g * h, g, state, state].map(|len| v.floats(len))
    }

    /// h `[T, N, H]` and the last c `[N, H]`.
    fn naive<T: Num>(self, [x, wi, bi, wh, bh, h0, c0]: &Operands<T>) -> (Vec<T>, Vec<T>) {
        let Self {
            cell,
            t,
            n,
            d,
            h: hidden,
            ..
        } = self;
        let zero = T::of(0.0);
        let one = T::of(1.0);
        let mut all = vec![zero; t * n * hidden];
        let mut h = if h0.is_empty() {
            vec![zero; n * hidden]
        } else {
            h0.clone()
        };
        let mut c = if c0.is_empty() {
            vec![zero; n * hidden]
        } else {
            c0.clone()
        };
        let product = |w: &[T], b: &[T], row: usize, x: &[T]| {
            let mut sum = zero;
            for k in 0..x.len() {
                sum = T::mul_add(self.products, x[k], w[row * x.len() + k], sum);
            }
            sum + b[row]
        };
        for step in 0..t {
            for b in 0..n {
                let x = &x[(step * n + b) * d..][..d];
                let before = h[b * hidden..][..hidden].to_vec();
                let from_x = |row| product(wi, bi, row, x);
                let from_h = |row| product(wh, bh, row, &before);
                let both = |row| from_x(row) + from_h(row);
                for (j, before) in before.iter().enumerate() {
                    let at = b * hidden + j;
                    h[at] = match cell {
                        Cell::Relu => {
                            let sum = both(j);
                            if sum > zero { sum } else { zero }
                        }
                        Cell::Tanh => both(j).tanh(),
                        Cell::Lstm => {
                            let i = both(j).sigmoid();
                            let f = both(hidden + j).sigmoid();
                            let g = both(2 * hidden + j).tanh();
                            let o = both(3 * hidden + j).sigmoid();
                            c[at] = f * c[at] + i * g;
                            o * c[at].tanh()
                        }
                        Cell::Gru => {
                            let r = both(j).sigmoid();
                            let z = both(hidden + j).sigmoid();
                            let n = (from_x(2 * hidden + j) + r * from_h(2 * hidden + j)).tanh();
                            (one - z) * n + z * *before
                        }
                    };
                    all[step * n * hidden + at] = h[at];
                }
            }
        }
        (all, c)
    }

    pub fn dims(self, keep: Keep) -> Dims {
        Dims {
            products: self.products,
            batch: self.n,
            inputs: self.d,
            hidden: self.h,
            keep,
        }
    }

    /// gates, c and h after the kernel's forward.
    pub fn forward(self, keep: Keep, operands: &Operands<f32>) -> [Vec<f32>; 3] {
        self.forward_ahead(keep, 1, operands)
    }

    /// [`Self::forward`] with so many rows of gates, unless all are kept.
    fn forward_ahead(
        self,
        keep: Keep,
        rows: usize,
        [x, wi, bi, wh, bh, h0, c0]: &Operands<f32>,
    ) -> [Vec<f32>; 3] {
        let Self {
            cell,
            t,
            n,
            h: hidden,
            ..
        } = self;
        let (state, steps) = (n * hidden, t * n * hidden);
        let gates = cell.kept()
            * if keep == Keep::All && cell.kept() > 1 {
                steps
            } else {
                rows * hidden
            };
        let mut gates = vec![9.0; gates];
        let mut c = vec![9.0; if keep == Keep::All { steps } else { state }];
        let mut h = vec![9.0; if keep == Keep::Last { state } else { steps }];
        let weights = Weights { wi, bi, wh, bh };
        let (dims, math) = (self.dims(keep), Math::default());
        match cell {
            Cell::Relu | Cell::Tanh => {
                let mode = if cell == Cell::Relu {
                    rnn::Mode::Relu
                } else {
                    rnn::Mode::Tanh
                };
                rnn::forward(
                    dims,
                    mode,
                    math,
                    rnn::Forward {
                        x,
                        weights,
                        h0,
                        sums: &mut gates,
                        h: &mut h,
                    },
                );
            }
            Cell::Lstm => {
                let io = lstm::Forward {
                    x,
                    weights,
                    h0,
                    c0,
                    gates: &mut gates,
                    c: &mut c,
                    h: &mut h,
                };
                lstm::forward(dims, math, io);
            }
            Cell::Gru => gru::forward(
                dims,
                math,
                gru::Forward {
                    x,
                    weights,
                    h0,
                    gates: &mut gates,
                    h: &mut h,
                },
            ),
        }
        [gates, c, h]
    }

    /// The deltas, dh0 and dc0 by the kernels.
    pub fn deltas(
        self,
        operands: &Operands<f32>,
        [gates, c, h]: &[Vec<f32>; 3],
        dh_all: &[f32],
        dh: &[f32],
        dc: &[f32],
    ) -> [Vec<f32>; 3] {
        let Self {
            cell,
            t,
            n,
            h: hidden,
            ..
        } = self;
        let [_, _, _, wh, _, h0, c0] = operands;
        let (mut dh, mut dc) = (dh.to_vec(), dc.to_vec());
        let mut deltas = gates.clone();
        let (dims, math) = (self.dims(Keep::All), Math::default());
        match cell {
            Cell::Relu | Cell::Tanh => {
                let mode = if cell == Cell::Relu {
                    rnn::Mode::Relu
                } else {
                    rnn::Mode::Tanh
                };
                deltas = vec![9.0; t * n * hidden];
                rnn::backward(
                    dims,
                    mode,
                    rnn::Backward {
                        wh,
                        h,
                        delta: &mut deltas,
                        dh_all,
                        dh: &mut dh,
                    },
                );
            }
            Cell::Lstm => {
                let io = lstm::Backward {
                    wh,
                    c0,
                    c,
                    gates: &mut deltas,
                    dh_all,
                    dh: &mut dh,
                    dc: &mut dc,
                };
                lstm::backward(dims, math, io);
            }
            Cell::Gru => gru::backward(
                dims,
                gru::Backward {
                    wh,
                    h0,
                    h,
                    gates: &mut deltas,
                    dh_all,
                    dh: &mut dh,
                },
            ),
        }

        [deltas, dh, dc]
    }

    /// The gradients of all operands, by the kernels, put together as the planner does.
    fn backward(
        self,
        operands: &Operands<f32>,
        kept: &[Vec<f32>; 3],
        dh_all: &[f32],
        dh: &[f32],
        dc: &[f32],
    ) -> Operands<f32> {
        let Self {
            cell,
            t,
            n,
            d,
            h: hidden,
            ..
        } = self;
        let [x, wi, _, _, _, h0, _] = operands;
        let [deltas, dh, dc] = self.deltas(operands, kept, dh_all, dh, dc);
        let [_, _, h] = kept;
        let stride = cell.kept() * hidden;
        let g = cell.gates() * hidden;
        let columns = |first| Strided {
            values: &deltas,
            first,
            stride,
        };
        let input = Dense {
            products: self.products,
            inputs: d,
            outputs: g,
        };
        let (mut dx, mut dwi, mut dbi) = (vec![9.0; t * n * d], vec![0.0; g * d], vec![0.0; g]);
        input.backward_data(columns(0), wi, &mut dx, false);
        input.grad(columns(0), &[], x, &mut dwi);
        bias_grad(columns(0), g, &mut dbi);

        // Without h0 the first N rows of deltas have no row of states.
        let skip = if h0.is_empty() { n * stride } else { 0 };
        let before = &h[..(t - 1) * n * hidden];
        let (mut dwh, mut dbh) = (vec![0.0; g * hidden], vec![0.0; g]);
        // The columns of deltas that belong to the rows of wh: all in order, but for the last of the GRU.
        let parts: &[(usize, usize, usize)] = match cell {
            Cell::Gru => &[(0, 2, 0), (2, 3, 3)],
            _ => &[(0, cell.gates(), 0)],
        };
        for (from, to, column) in parts {
            let (from, to, column) = (from * hidden, to * hidden, column * hidden);
            let state = Dense {
                products: self.products,
                inputs: hidden,
                outputs: to - from,
            };
            state.grad(
                columns(skip + column),
                h0,
                before,
                &mut dwh[from * hidden..to * hidden],
            );
            bias_grad(columns(column), to - from, &mut dbh[from..to]);
        }
        [dx, dwi, dbi, dwh, dbh, dh, dc]
    }
}

pub(super) fn cases(t: usize, size: usize) -> impl Strategy<Value = Case> {
    let cell = prop_oneof![
        Just(Cell::Relu),
        Just(Cell::Tanh),
        Just(Cell::Lstm),
        Just(Cell::Gru)
    ];
    let products = select(PRODUCTS);
    (
        products,
        cell,
        1..=t,
        1..4usize,
        1..=size,
        1..=size,
        any::<bool>(),
    )
        .prop_map(|(products, cell, t, n, d, h, initial)| Case {
            products,
            cell,
            t,
            n,
            d,
            h,
            initial,
        })
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn forward_gives_the_naive_bits_however_much_is_kept(case in cases(5, 7), rows in 1..20usize, seed: u64) {
        let operands = case.operands(&mut Values(seed));
        let (h, c) = case.naive(&operands);
        let state = case.n * case.h;
        let last = h.len() - state;
        for keep in [Keep::All, Keep::Outputs, Keep::Last] {
            let [_, our_c, our_h] = case.forward_ahead(keep, rows, &operands);
            prop_assert_eq!(bits(&our_h), bits(if keep == Keep::Last { &h[last..] } else { &h }));
            if case.cell == Cell::Lstm {
                prop_assert_eq!(bits(&our_c[our_c.len() - state..]), bits(&c));
            }
        }
    }

    #[test]
    fn no_initial_state_is_zeros(case in cases(4, 5), seed: u64) {
        let mut v = Values(seed);
        let none = case_with(case, false);
        let mut operands = none.operands(&mut v);
        let kept = none.forward(Keep::All, &operands);
        let (dh_all, dh) = (v.floats(case.t * case.n * case.h), v.floats(case.n * case.h));
        let ours = none.backward(&operands, &kept, &dh_all, &dh, &dh);
        let zeros = case_with(case, true);
        operands[5] = vec![0.0; case.n * case.h];
        operands[6] = operands[5].clone();
        let kept2 = zeros.forward(Keep::All, &operands);
        prop_assert_eq!(kept.map(|kept| bits(&kept)), kept2.clone().map(|kept| bits(&kept)));
        // A zero's sign may differ in a delta; no sum shows it.
        prop_assert_eq!(ours, zeros.backward(&operands, &kept2, &dh_all, &dh, &dh));
    }
}

fn case_with(case: Case, initial: bool) -> Case {
    Case { initial, ..case }
}

proptest! {
    #![proptest_config(config(120))]

    #[test]
    fn backward_is_the_derivative(case in cases(4, 4), every_step: bool, seed: u64) {
        let mut v = Values(seed);
        let operands = case.operands(&mut v);
        let state = case.n * case.h;
        let dh_all = v.floats(if every_step { case.t * state } else { 0 });
        let (dh, mut dc) = (v.floats(state), v.floats(state));
        if case.cell != Cell::Lstm {
            dc.fill(0.0);
        }
        let kept = case.forward(Keep::All, &operands);
        let ours = case.backward(&operands, &kept, &dh_all, &dh, &dc);

        let wide: Operands<f64> = operands.clone().map(|operand| super::wide(&operand));
        // micromath's functions are not quite those whose derivatives these are.
        let tolerance = if cfg!(feature = "libm") { 2e-5 } else { 2e-2 };
        let names = ["dx", "dwi", "dbi", "dwh", "dbh", "dh0", "dc0"];
        for (i, name) in names.into_iter().enumerate() {
            if operands[i].is_empty() || (i == 6 && case.cell != Cell::Lstm) {
                continue;
            }
            let loss = |values: &[f64]| {
                let mut operands = wide.clone();
                operands[i] = values.to_vec();
                let (h, c) = case.naive(&operands);
                let weighted = |values: &[f64], weights: &[f32]| -> f64 {
                    values.iter().zip(weights).map(|(value, weight)| value * f64::from(*weight)).sum()
                };
                weighted(&h, &dh_all) + weighted(&h[h.len() - state..], &dh) + weighted(&c, &dc)
            };
            assert_close(&ours[i], &gradient(&operands[i], loss), tolerance, name);
        }
    }
}
