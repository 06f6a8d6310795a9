use super::{Values, apply, bits, config, update};
use crate::kernel::embedding;
use crate::optim::{Overflow, Sgd};
use proptest::prelude::*;
use std::vec;

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn rows_are_gathered_scattered_and_updated(
        r in 1..9usize, rows in 1..7usize, d in 1..6usize, state: bool, decay: bool, seed: u64,
    ) {
        let mut v = Values(seed);
        let tokens = v.ints(r, rows);
        let (mut w, dy) = (v.floats(rows * d), v.floats(r * d));
        let mut m = v.floats(if state { rows * d } else { 0 });
        let mut y = vec![9.0; r * d];
        embedding::forward(&tokens, &w, &mut y, d);
        let before = v.floats(rows * d);
        let mut dw = before.clone();
        embedding::grad(&tokens, &dy, &mut dw, d);
        let mut expected = before;
        for i in 0..r {
            for j in 0..d {
                let at = usize::from(tokens[i]) * d + j;
                prop_assert_eq!(y[i * d + j], w[at]);
                expected[at] += dy[i * d + j];
            }
        }
        prop_assert_eq!(bits(&dw), bits(&expected));

        let wd = if decay { 0.01 } else { 0.0 };
        let sgd = Sgd { momentum: 0.9, learning_rate: 0.1, wd, ..Sgd::default() };
        let mut dw = vec![0.0; rows * d];
        embedding::grad(&tokens, &dy, &mut dw, d);
        let (mut w2, mut m2) = (w.clone(), m.clone());
        prop_assert!(apply(sgd, &mut w2, &dw, &mut m2));
        let mut tile = vec![7.0; d];
        prop_assert!(embedding::update(&tokens, &dy, &mut w, &mut tile, d, update(sgd, &mut m, rows * d)).is_ok());
        prop_assert_eq!(bits(&w), bits(&w2));
        prop_assert_eq!(bits(&m), bits(&m2));
    }
}

#[test]
fn an_infinite_gradient_stops_the_update_at_its_row() {
    let (mut w, mut tile) = ([1.0; 3], [0.0]);
    let dy = [1.0, f32::MAX, f32::MAX];
    let sgd = Sgd {
        learning_rate: 0.5,
        ..Sgd::default()
    };
    let update = update(sgd, &mut [], 3);
    let result = embedding::update(&[0, 1, 1], &dy, &mut w, &mut tile, 1, update);
    assert_eq!(result, Err(Overflow));
    assert_eq!(w, [0.5, 1.0, 1.0]);
}
