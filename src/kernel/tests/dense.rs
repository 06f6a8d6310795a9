use super::{PRODUCTS, Values, apply, bits, config, mul_add, update};
use crate::kernel::dense::{Dense, bias_grad, bias_update};
use crate::kernel::rows::Strided;
use crate::optim::{Overflow, Sgd};
use crate::products::Products;
use proptest::prelude::*;
use proptest::sample::select;
use std::vec;
use std::vec::Vec;

fn naive_forward(
    products: Products,
    [r, k, o]: [usize; 3],
    x: &[f32],
    w: &[f32],
    b: &[f32],
) -> Vec<f32> {
    let mut y = vec![0.0; r * o];
    for row in 0..r {
        for out in 0..o {
            let mut sum = 0.0;
            for i in 0..k {
                sum = mul_add(products, x[row * k + i], w[out * k + i], sum);
            }
            y[row * o + out] = if b.is_empty() { sum } else { sum + b[out] };
        }
    }
    y
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn forward_is_one_sum_in_order(products in select(PRODUCTS), r in 1..5usize, k in 1..12usize, o in 1..12usize, biased: bool, seed: u64) {
        let mut v = Values(seed);
        let (x, w, b) = (v.floats(r * k), v.floats(o * k), v.floats(if biased { o } else { 0 }));
        let mut y = vec![9.0; r * o];
        let dense = Dense { products, inputs: k, outputs: o };
        dense.forward(&x, &w, &b, &mut y);
        let expected = naive_forward(products, [r, k, o], &x, &w, &b);
        prop_assert_eq!(bits(&y), bits(&expected));

        // Added: the sum and its bias first, then what was there.
        let before = v.floats(o);
        let mut y = before.clone();
        dense.row(&x[..k], &w, &b, &mut y, true);
        let sums: Vec<f32> = before.iter().zip(&expected).map(|(before, sum)| before + sum).collect();
        prop_assert_eq!(bits(&y), bits(&sums));
    }

    #[test]
    fn backward_data_adds_the_outputs_in_order(
        products in select(PRODUCTS), r in 1..5usize, k in 1..12usize, o in 1..12usize, gap in 0..3usize, first in 0..4usize,
        accumulate: bool, seed: u64,
    ) {
        let mut v = Values(seed);
        let stride = o + gap;
        let (values, w, before) = (v.floats(first + r * stride), v.floats(o * k), v.floats(r * k));
        let mut dx = before.clone();
        let delta = Strided { values: &values, first, stride };
        Dense { products, inputs: k, outputs: o }.backward_data(delta, &w, &mut dx, accumulate);
        let mut expected = if accumulate { before } else { vec![0.0; r * k] };
        for row in 0..r {
            for i in 0..k {
                for out in 0..o {
                    let sum = &mut expected[row * k + i];
                    *sum = mul_add(products, values[first + row * stride + out], w[out * k + i], *sum);
                }
            }
        }
        prop_assert_eq!(bits(&dx), bits(&expected));
    }

    #[test]
    fn grad_adds_the_rows_in_order(
        products in select(PRODUCTS), r0 in 0..3usize, r1 in 1..10usize, k in 1..8usize, o in 1..6usize, gap in 0..3usize,
        first in 0..4usize, seed: u64,
    ) {
        let mut v = Values(seed);
        let (r, stride) = (r0 + r1, o + gap);
        let values = v.floats(first + r * stride);
        let x = v.floats(r * k);
        let (before, db_before) = (v.floats(o * k), v.floats(o));
        let (mut dw, mut db) = (before.clone(), db_before.clone());
        let delta = Strided { values: &values, first, stride };
        let (x0, x1) = x.split_at(r0 * k);
        Dense { products, inputs: k, outputs: o }.grad(delta, x0, x1, &mut dw);
        bias_grad(delta, o, &mut db);
        let (mut expected, mut db_expected) = (before, db_before);
        for row in 0..r {
            for out in 0..o {
                let d = values[first + row * stride + out];
                db_expected[out] += d;
                for i in 0..k {
                    let sum = &mut expected[out * k + i];
                    *sum = mul_add(products, d, x[row * k + i], *sum);
                }
            }
        }
        prop_assert_eq!(bits(&dw), bits(&expected));
        prop_assert_eq!(bits(&db), bits(&db_expected));
    }

    #[test]
    fn update_is_grad_then_apply(
        products in select(PRODUCTS), r0 in 0..2usize, r1 in 0..6usize, k in 1..80usize, o in 1..12usize, state: bool, decay: bool, clip: bool,
        scaled: bool, small: bool, seed: u64,
    ) {
        let mut v = Values(seed);
        let mut values = v.floats((r0 + r1) * o);
        let (mut x0, mut x1) = (v.floats(r0 * k), v.floats(r1 * k));
        let (mut w, mut b) = (v.floats(o * k), v.floats(o));
        let (mut m, mut bm) = if state { (v.floats(o * k), v.floats(o)) } else { (vec![], vec![]) };
        if small {
            // Gradients that are subnormal, and momenta that show them.
            [&mut values, &mut x0, &mut x1].into_iter().flatten().for_each(|value| *value *= 1e-20);
            m.fill(0.0);
        }
        let wd = if decay { 0.01 } else { 0.0 };
        let (clip_gradient, rescale_grad) = (clip.then_some(0.3), Some(if scaled { 0.5 } else { 1.0 }));
        let sgd = Sgd { learning_rate: 0.1, momentum: 0.9, wd, rescale_grad, clip_gradient };
        let delta = Strided::contiguous(&values, o);
        let dense = Dense { products, inputs: k, outputs: o };

        let (mut dw, mut db) = (vec![0.0; o * k], vec![0.0; o]);
        dense.grad(delta, &x0, &x1, &mut dw);
        bias_grad(delta, o, &mut db);
        let (mut w2, mut m2, mut b2, mut bm2) = (w.clone(), m.clone(), b.clone(), bm.clone());
        prop_assert!(apply(sgd, &mut w2, &dw, &mut m2));
        prop_assert!(apply(sgd, &mut b2, &db, &mut bm2));

        prop_assert!(dense.update(delta, &x0, &x1, &mut w, update(sgd, &mut m, o * k)).is_ok());
        prop_assert!(bias_update(delta, o, &mut b, update(sgd, &mut bm, o)).is_ok());
        prop_assert_eq!(bits(&w), bits(&w2));
        prop_assert_eq!(bits(&m), bits(&m2));
        prop_assert_eq!(bits(&b), bits(&b2));
        prop_assert_eq!(bits(&bm), bits(&bm2));
    }
}

#[test]
fn an_infinite_gradient_stops_the_update() {
    let (delta, x) = ([1.0, f32::MAX, f32::MAX, 1.0], [1.0, 1.0, 1.0, 4.0]);
    let mut w = [1.0; 4];
    let update = || update(Sgd::default(), &mut [], 4);
    let delta = Strided::contiguous(&delta, 2);
    let dense = Dense {
        products: Products::default(),
        inputs: 2,
        outputs: 2,
    };
    // Row 0: 1 * (1, 1) + MAX * (1, 4).
    assert_eq!(
        dense.update(delta, &[], &x, &mut w, update()),
        Err(Overflow)
    );
    let mut w = [1.0; 4];
    // Each value is finite, their sum is not.
    let delta = Strided::contiguous(&[f32::MAX, f32::MAX], 1);
    assert_eq!(bias_update(delta, 1, &mut w, update()), Err(Overflow));
    assert_eq!(w, [1.0; 4]);
}
