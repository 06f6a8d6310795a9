//! f16 against the crate `half`; the kernels over stored f16 against those over f32, given the rounded values.

use super::recurrent::{Case, Cell, Operands, cases};
use super::{PRODUCTS, Values, bits, config, update};
use crate::kernel::dense::Dense;
use crate::kernel::half::{self, all_finite, halves, halves_mut, narrow, widen, words};
use crate::kernel::recurrent::{Keep, Weights};
use crate::kernel::rnn;
use crate::kernel::rows::Strided;
use crate::math::Math;
use crate::optim::Sgd;
use crate::products::Products;
use ::half::f16;
use proptest::prelude::*;
use proptest::sample::select;
use std::vec;
use std::vec::Vec;

#[test]
fn every_f16_is_widened() {
    for pattern in 0..=u16::MAX {
        let expected = f16::from_bits(pattern).to_f32();
        assert_eq!(widen(pattern).to_bits(), expected.to_bits(), "{pattern:#x}");
        if !expected.is_nan() {
            assert_eq!(narrow(expected), pattern, "{pattern:#x}");
        }
    }
}

/// The crate's result but for finite values, which stay finite.
fn assert_narrow(value: f32) {
    let crates = f16::from_f32(value);
    let expected = match crates.is_infinite() && value.is_finite() {
        true => f16::MAX.to_bits() | crates.to_bits() & 0x8000,
        false => crates.to_bits(),
    };
    assert_eq!(narrow(value), expected, "{value:e}, {:#x}", value.to_bits());
}

/// Every exponent, with the mantissas around each place where rounding decides.
#[test]
fn f32_is_rounded_to_nearest_even() {
    for high in 0..=0x1ff_u32 {
        for place in 0..23 {
            for around in -2_i32..=2 {
                for above in [0_u32, 1, 2, 3] {
                    let mantissa = (above << place << 1) + (1 << place);
                    let mantissa = mantissa.wrapping_add_signed(around) & 0x007f_ffff;
                    assert_narrow(f32::from_bits(high << 23 | mantissa));
                }
            }
        }
    }
    let mut v = Values(5);
    for _ in 0..1 << 21 {
        assert_narrow(f32::from_bits(v.next() as u32));
    }
    for bits in
        f16::MIN_POSITIVE.to_f32().to_bits() - 5000..f16::MIN_POSITIVE.to_f32().to_bits() + 5000
    {
        assert_narrow(f32::from_bits(bits));
    }
}

#[test]
fn beyond_the_range_values_stay_finite_and_what_is_not_stays_so() {
    assert_eq!(widen(narrow(65519.0)), 65504.0);
    assert_eq!(widen(narrow(65520.0)), 65504.0);
    assert_eq!(widen(narrow(-f32::MAX)), -65504.0);
    assert_eq!(widen(narrow(f32::NEG_INFINITY)), f32::NEG_INFINITY);
    assert!(widen(narrow(f32::NAN)).is_nan());
    assert!(all_finite(&[narrow(1e9), 0x8000, 1]));
    assert!(!all_finite(&[narrow(f32::INFINITY)]));
    assert!(!all_finite(&[0, narrow(f32::NAN)]));
}

/// The error that the module promises, of random values of every size.
#[test]
fn the_error_is_bounded() {
    let mut v = Values(6);
    for _ in 0..1 << 20 {
        let value = f32::from_bits(v.next() as u32);
        if !value.is_finite() || value.abs() >= 65520.0 {
            continue;
        }
        let error = (f64::from(widen(narrow(value))) - f64::from(value)).abs();
        let bound = (f64::from(value).abs() * 2f64.powi(-11)).max(2f64.powi(-25));
        assert!(error <= bound, "{value:e}");
    }
}

fn rounded(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| widen(narrow(*value))).collect()
}

impl Case {
    /// What forward stores (gates with c, h), the last c, and h.
    fn forward_f16(self, keep: Keep, [x, wi, bi, wh, bh, h0, c0]: &Operands<f32>) -> [Vec<f32>; 4] {
        let state = self.n * self.h;
        let mut gates = vec![9.0; self.t * 4 * state];
        let mut stored = vec![9.0; words(self.t * state)];
        let mut c = vec![9.0; state];
        let mut h = vec![
            9.0;
            if keep == Keep::Last {
                state
            } else {
                self.t * state
            }
        ];
        let weights = Weights { wi, bi, wh, bh };
        let (dims, math) = (self.dims(keep), Math::default());
        match self.cell {
            Cell::Lstm => {
                let io = half::lstm::Forward {
                    x,
                    weights,
                    h0,
                    c0,
                    gates: &mut gates,
                    stored: halves_mut(&mut stored),
                    c: &mut c,
                    h: &mut h,
                };
                half::lstm::forward(dims, math, io);
            }
            Cell::Gru => {
                let io = half::gru::Forward {
                    x,
                    weights,
                    h0,
                    gates: &mut gates,
                    stored: halves_mut(&mut stored),
                    h: &mut h,
                };
                half::gru::forward(dims, math, io);
            }
            Cell::Relu | Cell::Tanh => {
                [_, _, h] = self.forward(keep, &[x, wi, bi, wh, bh, h0, c0].map(Clone::clone));
                if keep != Keep::Last {
                    half::narrow_all(halves_mut(&mut stored), &h);
                }
            }
        }
        [gates, stored, c, h]
    }

    /// As [`Case::deltas`], over what [`Case::forward_f16`] stored.
    fn deltas_f16(
        self,
        [_, _, _, wh, _, h0, c0]: &Operands<f32>,
        [gates, stored]: [&[f32]; 2],
        dh_all: &[f32],
        dh: &[f32],
        dc: &[f32],
    ) -> [Vec<f32>; 3] {
        let (mut dh, mut dc) = (dh.to_vec(), dc.to_vec());
        let mut deltas = gates.to_vec();
        let stored = halves(stored);
        let (dims, math) = (self.dims(Keep::All), Math::default());
        match self.cell {
            Cell::Lstm => {
                let io = half::lstm::Backward {
                    wh,
                    c0,
                    gates: &mut deltas,
                    dh_all,
                    dh: &mut dh,
                    dc: &mut dc,
                };
                half::lstm::backward(dims, math, io);
            }
            Cell::Gru => {
                let io = half::gru::Backward {
                    wh,
                    h0,
                    stored,
                    gates: &mut deltas,
                    dh_all,
                    dh: &mut dh,
                };
                half::gru::backward(dims, io);
            }
            Cell::Relu | Cell::Tanh => {
                let mode = match self.cell {
                    Cell::Relu => rnn::Mode::Relu,
                    _ => rnn::Mode::Tanh,
                };
                deltas = vec![9.0; self.t * self.n * self.h];
                let io = half::rnn::Backward {
                    wh,
                    stored,
                    delta: &mut deltas,
                    dh_all,
                    dh: &mut dh,
                };
                half::rnn::backward(dims, mode, io);
            }
        }
        [deltas, dh, dc]
    }
}

proptest! {
    #![proptest_config(config(400))]

    /// Rounding what is stored is the only difference to the f32 layer: the same outputs, and the same deltas as over
    /// rounded values.
    #[test]
    fn a_layer_that_stores_f16(case in cases(6, 7), every_step: bool, seed: u64) {
        let mut v = Values(seed);
        let operands = case.operands(&mut v);
        let kept = case.forward(Keep::All, &operands);
        let [gates, stored, c, h] = case.forward_f16(Keep::Outputs, &operands);
        let state = case.n * case.h;
        prop_assert_eq!(bits(&h), bits(&kept[2]));
        if case.cell == Cell::Lstm {
            prop_assert_eq!(bits(&c), bits(&kept[1][(case.t - 1) * state..]));
        }
        let [gates_of_last, stored_of_last, _, last] = case.forward_f16(Keep::Last, &operands);
        prop_assert_eq!(bits(&last), bits(&h[(case.t - 1) * state..]));
        if case.cell.kept() > 1 {
            let of_last = [gates_of_last, stored_of_last];
            prop_assert_eq!(of_last.map(|kept| bits(&kept)), [&gates, &stored].map(|kept| bits(kept)));
        }
        let wide: Vec<f32> = halves(&stored).iter().map(|half| widen(*half)).collect();
        prop_assert_eq!(bits(&wide[..h.len()]), bits(&rounded(&h)));
        prop_assert!(wide[h.len()..].iter().all(|padding| *padding == 0.0));

        let dh_all = v.floats(if every_step { case.t * state } else { 0 });
        let (dh, dc) = (v.floats(state), v.floats(state));
        let rounded = kept.map(|values| rounded(&values));
        let expected = case.deltas(&operands, &rounded, &dh_all, &dh, &dc);
        let ours = case.deltas_f16(&operands, [&gates, &stored], &dh_all, &dh, &dc);
        prop_assert_eq!(ours.map(|values| bits(&values)), expected.map(|values| bits(&values)));
    }

    /// The gradient over stored inputs is that over the rounded inputs, formed or given to the optimizer.
    #[test]
    fn a_gradient_over_f16(products in select(PRODUCTS), r0 in 0..3usize, r1 in 0..6usize, k in 1..11usize, o in 1..6usize, seed: u64) {
        let mut v = Values(seed);
        let stride = o + 1;
        let (delta, x0, x1) = (v.floats((r0 + r1) * stride), v.floats(r0 * k), v.floats(r1 * k));
        let delta = Strided { values: &delta, first: 0, stride };
        let mut stored = vec![9.0; words(x1.len())];
        half::narrow_all(halves_mut(&mut stored), &x1);
        let dense = Dense { products, inputs: k, outputs: o };
        let x1 = rounded(&x1);

        let mut expected = v.floats(o * k);
        let mut dw = expected.clone();
        dense.grad(delta, &x0, &x1, &mut expected);
        half::dense::grad(dense, delta, &x0, halves(&stored), &mut dw, &mut vec![9.0; k]);
        prop_assert_eq!(bits(&dw), bits(&expected));

        let sgd = Sgd { learning_rate: 0.1, momentum: 0.9, wd: 0.01, ..Sgd::default() };
        let (w, m) = (v.floats(o * k), v.floats(o * k));
        let (mut ours, mut our_m) = (w.clone(), m.clone());
        let (mut theirs, mut their_m) = (w, m);
        let done = dense.update(delta, &x0, &x1, &mut theirs, update(sgd, &mut their_m, o * k));
        prop_assert!(done.is_ok());
        let mut strip = vec![9.0; (r0 + r1) * half::dense::STRIP];
        let done = half::dense::update(
            dense, delta, &x0, halves(&stored), &mut ours, &mut strip, update(sgd, &mut our_m, o * k),
        );
        prop_assert!(done.is_ok());
        prop_assert_eq!([ours, our_m].map(|values| bits(&values)), [theirs, their_m].map(|values| bits(&values)));
    }
}

#[test]
fn an_infinite_gradient_over_f16_is_refused() {
    let dense = Dense {
        products: Products::default(),
        inputs: 1,
        outputs: 1,
    };
    let delta = Strided::contiguous(&[f32::MAX, f32::MAX], 1);
    let mut w = [1.0];
    let sgd = Sgd::default();
    let (mut m, mut strip) = ([0.0], [0.0; 8]);
    let one = narrow(1.0);
    let update = update(sgd, &mut m, 1);
    let done = half::dense::update(dense, delta, &[], &[one, one], &mut w, &mut strip, update);
    assert!(done.is_err());
    assert_eq!(w, [1.0]);
}
