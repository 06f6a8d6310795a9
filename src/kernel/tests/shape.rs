use super::{Values, bits, config};
use crate::kernel::layout::{Blocks, SwapAxes};
use crate::kernel::reduce::Mean;
use crate::kernel::rows::{Strided, row, row_mut, rows, rows_mut, split, strided_mut};
use crate::kernel::sequence::Sequence;
use crate::kernel::{elementwise, finite};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

#[test]
fn rows_of_every_kind() {
    let values = [0, 1, 2, 3, 4, 5, 6];
    let all: Vec<&[i32]> = rows(&values, 3).collect();
    assert_eq!(all, [&[0, 1, 2], &[3, 4, 5]]);
    let back: Vec<&[i32]> = rows(&values[..6], 3).rev().collect();
    assert_eq!(back, [&[3, 4, 5], &[0, 1, 2]]);
    assert_eq!(rows(&values, 0).count(), 0);
    assert_eq!(rows(&values, 0).rev().count(), 0);
    assert_eq!(rows(&values, 8).count(), 0);
    assert_eq!(rows(&values[..6], 2).last_left(), Some(&values[4..6]));

    let mut four = rows(&values, 1);
    assert_eq!(four.next_four(), Some([&[0][..], &[1], &[2], &[3]]));
    assert_eq!(four.next_four(), None);
    assert_eq!(four.next(), Some(&[4][..]));

    let strided = Strided {
        values: &values,
        first: 1,
        stride: 3,
    };
    let some: Vec<&[i32]> = strided.rows(2).collect();
    assert_eq!(some, [&[1, 2], &[4, 5]]);
    assert_eq!(strided.column(0).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(strided.column(2).collect::<Vec<_>>(), [3, 6]);
    assert_eq!(
        Strided {
            stride: 0,
            ..strided
        }
        .rows(2)
        .count(),
        1
    );
    assert_eq!(
        Strided {
            first: 9,
            ..strided
        }
        .rows(2)
        .count(),
        0
    );

    let mut marked = [0; 7];
    rows_mut(&mut marked[..6], 2)
        .rev()
        .zip(1..)
        .for_each(|(row, i)| row.fill(i));
    assert_eq!(marked, [3, 3, 2, 2, 1, 1, 0]);
    strided_mut(&mut marked, 1, 3, 1).for_each(|row| row.fill(9));
    assert_eq!(marked, [3, 9, 2, 2, 9, 1, 0]);
    strided_mut(&mut marked, 2, 4, 3).for_each(|row| row.fill(5));
    assert_eq!(marked, [3, 9, 5, 5, 5, 1, 0]);

    assert_eq!(row(&values, 1, 3), Some(&values[3..6]));
    assert_eq!(row(&values, 2, 3), None);
    assert_eq!(row(&values, usize::MAX, 3), None);
    assert_eq!(row_mut(&mut marked, 3, 2), None);
    assert_eq!(split(&values, 2), values.split_at(2));
    assert_eq!(split(&values, 9), (&values[..], &[][..]));
}

#[test]
fn finite_by_bits() {
    let numbers = [0.0, -0.0, f32::MIN_POSITIVE / 2.0, f32::MAX, -f32::MAX];
    assert!(finite::all_finite(&numbers) && finite::all_finite(&[]));
    for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(!finite::all_finite(&[1.0, bad, 1.0]));
    }
}

#[test]
fn elementwise_arithmetic() {
    type Two = fn(&mut [f32], &[f32]);
    let pairs: [(Two, f32); 4] = [
        (elementwise::assign, 3.0),
        (elementwise::add_assign, 5.0),
        (elementwise::sub_assign, -1.0),
        (elementwise::mul_assign, 6.0),
    ];
    for (f, expected) in pairs {
        let mut y = [2.0];
        f(&mut y, &[3.0]);
        assert_eq!(y, [expected]);
    }
    type Scalar = fn(&mut [f32], f32);
    let scalars: [(Scalar, f32); 6] = [
        (elementwise::plus_scalar, 10.0),
        (elementwise::minus_scalar, -6.0),
        (elementwise::rminus_scalar, 6.0),
        (elementwise::mul_scalar, 16.0),
        (elementwise::div_scalar, 0.25),
        (elementwise::fill, 8.0),
    ];
    for (f, expected) in scalars {
        let mut y = [2.0];
        f(&mut y, 8.0);
        assert_eq!(y, [expected]);
    }
    let mut y = [2.0];
    elementwise::mul(&mut y, &[3.0], &[5.0]);
    elementwise::mul_add_assign(&mut y, &[2.0], &[2.0]);
    elementwise::negate(&mut y);
    assert_eq!(y, [-19.0]);
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn sequences_end_where_their_lengths_say(
        t in 1..6usize, n in 1..5usize, c in 1..4usize, batch_major: bool, all: bool, accumulate: bool, seed: u64,
    ) {
        let mut v = Values(seed);
        let x = v.floats(t * n * c);
        let lengths: Vec<u16> =
            if all { vec![] } else { v.ints(n, t).iter().map(|len| len + 1).collect() };
        let len = |i: usize| if all { t } else { usize::from(lengths[i]) };
        let at = |step: usize, i: usize| if batch_major { (i * t + step) * c } else { (step * n + i) * c };
        let shape = Sequence { steps: t, batch: n, channels: c, batch_major };

        let mut y = vec![9.0; n * c];
        shape.last_forward(&x, &lengths, &mut y);
        let dy = v.floats(n * c);
        let mut dx = x.clone();
        shape.last_backward(&dy, &lengths, &mut dx, accumulate);
        let mut masked = x.clone();
        shape.mask(&mut masked, &lengths, 0.5);
        for i in 0..n {
            for step in 0..t {
                for j in 0..c {
                    let here = at(step, i) + j;
                    let last = step + 1 == len(i);
                    if last {
                        prop_assert_eq!(y[i * c + j], x[here]);
                    }
                    let expected = match (accumulate, last) {
                        (false, true) => dy[i * c + j],
                        (false, false) => 0.0,
                        (true, true) => x[here] + dy[i * c + j],
                        (true, false) => x[here],
                    };
                    prop_assert_eq!(dx[here], expected);
                    prop_assert_eq!(masked[here], if step < len(i) { x[here] } else { 0.5 });
                }
            }
        }
    }

    #[test]
    fn means(m in 1..4usize, a in 1..6usize, i in 1..5usize, accumulate: bool, seed: u64) {
        let mut v = Values(seed);
        let (x, dy, before) = (v.floats(m * a * i), v.floats(m * i), v.floats(m * a * i));
        let mean = Mean { axis: a, inner: i };
        let mut y = vec![9.0; m * i];
        mean.forward(&x, &mut y);
        let mut dx = before.clone();
        mean.backward(&dy, &mut dx, accumulate);
        for outer in 0..m {
            for inner in 0..i {
                let mut sum = 0.0;
                for step in 0..a {
                    let at = (outer * a + step) * i + inner;
                    sum += x[at];
                    let share = dy[outer * i + inner] / a as f32;
                    let expected = if accumulate { before[at] + share } else { share };
                    prop_assert_eq!(dx[at].to_bits(), expected.to_bits());
                }
                prop_assert_eq!(y[outer * i + inner].to_bits(), (sum / a as f32).to_bits());
            }
        }
    }

    #[test]
    fn blocks_go_where_they_belong(
        count in 1..4usize, width in 1..5usize, src_first in 0..3usize, src_gap in 0..3usize, dst_first in 0..3usize,
        dst_gap in 0..3usize, seed: u64,
    ) {
        let mut v = Values(seed);
        let (src_stride, dst_stride) = (width + src_gap, width + dst_gap);
        let src = v.floats(src_first + (count + 1) * src_stride);
        let before = v.floats(dst_first + (count + 1) * dst_stride);
        let blocks = Blocks { count, width, src_first, src_stride, dst_first, dst_stride };
        let (mut copied, mut added) = (before.clone(), before.clone());
        blocks.copy(&mut copied, &src);
        blocks.add(&mut added, &src);
        let (mut copied2, mut added2) = (before.clone(), before);
        for block in 0..count {
            for j in 0..width {
                let value = src[src_first + block * src_stride + j];
                copied2[dst_first + block * dst_stride + j] = value;
                added2[dst_first + block * dst_stride + j] += value;
            }
        }
        prop_assert_eq!(bits(&copied), bits(&copied2));
        prop_assert_eq!(bits(&added), bits(&added2));
    }

    #[test]
    fn axes_swap_and_swap_back(
        p in 1..4usize, a in 1..4usize, m in 1..4usize, b in 1..4usize, q in 1..4usize, seed: u64,
    ) {
        let mut v = Values(seed);
        let x = v.floats(p * a * m * b * q);
        let swap = SwapAxes { p, a, m, b, q };
        let mut y = vec![9.0; x.len()];
        swap.swap(&mut y, &x, false);
        for (p_, a_, m_, b_, q_) in (0..p).flat_map(|p_| (0..a).flat_map(move |a_| (0..m).flat_map(move |m_| {
            (0..b).flat_map(move |b_| (0..q).map(move |q_| (p_, a_, m_, b_, q_)))
        }))) {
            let from = (((p_ * a + a_) * m + m_) * b + b_) * q + q_;
            let to = (((p_ * b + b_) * m + m_) * a + a_) * q + q_;
            prop_assert_eq!(y[to], x[from]);
        }
        let mut back = x.clone();
        swap.back().swap(&mut back, &y, true);
        let twice: Vec<f32> = x.iter().map(|x| x + x).collect();
        prop_assert_eq!(back, twice);
    }
}
