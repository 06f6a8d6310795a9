//! Laws of the iterator, over random sequences and rules, against a second iterator made with a heap.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use tinpail::data::{
    BucketSentenceIter, Filled, Indexed, LastBatch, Layout, PadSide, Rules, Sentences,
};

use crate::common::cases;

type Written = (Filled, Vec<u16>, Vec<u16>);

const PADDING: u16 = 0;
const INVALID: u16 = 0xFFFF;

fn all<S: Sentences<Value = u16>>(batches: &mut BucketSentenceIter<'_, S>) -> Vec<Written>
where
    S::Error: std::fmt::Debug + PartialEq,
{
    let (mut data, mut label) = ([7; 200], [7; 200]);
    let mut all = Vec::new();
    while let Some(own) = batches.next_batch(&mut data, &mut label).expect("a batch") {
        assert!(data[own.len..].iter().all(|value| *value == 7), "beyond");
        all.push((own, data[..own.len].to_vec(), label[..own.len].to_vec()));
        data.fill(7);
    }
    assert_eq!(batches.next_batch(&mut data, &mut label), Ok(None));
    all
}

/// A row of data and its label, by the description: pad, then shift; the label has `INVALID` for padding.
fn naive_row(sentence: &[u16], key: usize, side: PadSide) -> (Vec<u16>, Vec<u16>) {
    let pad = vec![None; key - sentence.len()];
    let values = sentence.iter().copied().map(Some);
    let row: Vec<Option<u16>> = match side {
        PadSide::Right => values.chain(pad).collect(),
        PadSide::Left => pad.into_iter().chain(values).collect(),
    };
    let shifted = row.iter().skip(1).copied().chain([None]);
    let label = shifted.map(|value| value.unwrap_or(INVALID)).collect();
    (
        row.iter().map(|value| value.unwrap_or(PADDING)).collect(),
        label,
    )
}

fn fitting(keys: &[usize], len: usize) -> Option<usize> {
    let key = keys.iter().filter(|key| **key >= len).min()?;
    keys.iter().position(|other| other == key)
}

/// All batches in the source's order.
fn naive(
    sentences: &[Vec<u16>],
    rules: &Rules<'_, u16>,
) -> Vec<(usize, usize, Vec<u16>, Vec<u16>)> {
    let mut batches = Vec::new();
    for (bucket, key) in rules.keys.iter().enumerate() {
        let own: Vec<_> = sentences
            .iter()
            .filter(|own| fitting(rules.keys, own.len()) == Some(bucket))
            .collect();
        for rows in own.chunks(rules.batch_size) {
            let pad = rules.batch_size - rows.len();
            if pad > 0 && rules.last == LastBatch::Drop {
                continue;
            }
            let (mut data, mut label) = (Vec::new(), Vec::new());
            let empty = (vec![PADDING; *key], vec![INVALID; *key]);
            let rows = rows.iter().map(|own| naive_row(own, *key, rules.pad_side));
            for (d, l) in rows.chain(vec![empty; pad]) {
                data.extend(d);
                label.extend(l);
            }
            if rules.layout == Layout::Tn {
                data = transposed(&data, *key);
                label = transposed(&label, *key);
            }
            batches.push((bucket, pad, data, label));
        }
    }
    batches
}

fn transposed(values: &[u16], width: usize) -> Vec<u16> {
    let column = |at: usize| values.iter().skip(at).step_by(width).copied();
    (0..width).flat_map(column).collect()
}

fn keys() -> impl Strategy<Value = Vec<usize>> {
    let set = proptest::collection::btree_set(1usize..20, 1..5);
    set.prop_map(|keys: BTreeSet<usize>| keys.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

/// Sequences whose first value is their number, so that each can be told from the others.
fn sentences() -> impl Strategy<Value = Vec<Vec<u16>>> {
    vec(vec(1u16..50, 0..24), 0..40).prop_map(|mut all| {
        for (at, own) in all.iter_mut().enumerate() {
            if let Some(first) = own.first_mut() {
                *first = 100 + at as u16;
            }
        }
        all
    })
}

fn rules(keys: &[usize], batch_size: usize, bits: u8) -> Rules<'_, u16> {
    Rules {
        pad_side: if bits & 1 == 0 {
            PadSide::Right
        } else {
            PadSide::Left
        },
        last: if bits & 2 == 0 {
            LastBatch::Drop
        } else {
            LastBatch::Pad
        },
        layout: if bits & 4 == 0 {
            Layout::Nt
        } else {
            Layout::Tn
        },
        ..Rules::new(keys, batch_size, PADDING).invalid_label(INVALID)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(512)))]

    #[test]
    fn in_the_sources_order(sentences in sentences(), keys in keys(), batch_size in 1usize..6, bits in 0u8..8) {
        let rules = rules(&keys, batch_size, bits);
        let slices: Vec<&[u16]> = sentences.iter().map(Vec::as_slice).collect();
        let mut batches = BucketSentenceIter::new(&slices[..], rules).expect("an iterator");
        let too_long = sentences.iter().filter(|own| fitting(&keys, own.len()).is_none()).count();
        prop_assert_eq!(batches.discarded(), too_long);
        let ours = all(&mut batches);
        let plain: Vec<_> = ours.iter().map(|(own, d, l)| (usize::from(own.bucket.0), own.pad, d.clone(), l.clone())).collect();
        prop_assert_eq!(plain, naive(&sentences, &rules));
        batches.reset();
        prop_assert_eq!(&all(&mut batches), &ours);
        let indexed = Indexed { count: slices.len(), get: |at: usize| slices[at] };
        let mut batches = BucketSentenceIter::new(indexed, rules).expect("an iterator");
        prop_assert_eq!(&all(&mut batches), &ours);
    }

    /// As many batches of each bucket as in order, of the right rows, none twice, the incomplete ones last; what is
    /// after the order's needed part is not touched, and the seed alone decides.
    #[test]
    fn shuffled(sentences in sentences(), keys in keys(), batch_size in 1usize..6, bits in 0u8..4, seed in any::<u64>()) {
        let rules = rules(&keys, batch_size, bits);
        let slices: Vec<&[u16]> = sentences.iter().map(Vec::as_slice).collect();
        let kept = sentences.iter().filter(|own| fitting(&keys, own.len()).is_some()).count();
        let mut order = vec![9; kept + 2];
        let mut batches = BucketSentenceIter::shuffled(&slices[..], rules, &mut order, seed).expect("an iterator");
        let ours = all(&mut batches);
        batches.reset();
        prop_assert_eq!(&all(&mut batches), &ours);
        batches.shuffle(seed.wrapping_add(1)).expect("shuffled");
        all(&mut batches);
        batches.shuffle(seed).expect("shuffled");
        prop_assert_eq!(&all(&mut batches), &ours);
        prop_assert_eq!(&order[kept..], &[9, 9]);

        let expected = naive(&sentences, &rules);
        for bucket in 0..keys.len() {
            let pads = |pads: Vec<usize>| { let mut pads = pads; pads.sort(); pads };
            let a = ours.iter().filter(|(own, ..)| usize::from(own.bucket.0) == bucket).map(|(own, ..)| own.pad).collect();
            let b = expected.iter().filter(|own| own.0 == bucket).map(|own| own.1).collect();
            prop_assert_eq!(pads(a), pads(b));
        }
        let incomplete: Vec<_> = ours.iter().skip_while(|(own, ..)| own.pad == 0).map(|(own, ..)| own).collect();
        prop_assert!(incomplete.iter().all(|own| own.pad > 0));
        prop_assert!(incomplete.is_sorted_by_key(|own| own.bucket.0));
        let mut seen = BTreeSet::new();
        for (own, data, label) in &ours {
            let rows = data.chunks(own.key).zip(label.chunks(own.key));
            for (data, label) in rows.take(batch_size - own.pad) {
                let first = data.iter().copied().find(|value| *value != PADDING);
                let sentence = first.map_or(&[][..], |first| &sentences[usize::from(first) - 100]);
                prop_assert_eq!(fitting(&keys, sentence.len()), Some(usize::from(own.bucket.0)));
                prop_assert_eq!((data.to_vec(), label.to_vec()), naive_row(sentence, own.key, rules.pad_side));
                prop_assert!(first.is_none_or(|first| seen.insert(first)));
            }
        }
    }

    /// Keys from lengths: MXNet's `[i for i, n in enumerate(bincount(lengths)) if n >= batch_size]`, without 0.
    #[test]
    fn keys_of_lengths(sentences in sentences(), batch_size in 1usize..6, room in 0usize..24) {
        let slices: Vec<&[u16]> = sentences.iter().map(Vec::as_slice).collect();
        let count = |len: &usize| sentences.iter().filter(|own| own.len() == *len).count();
        let expected: Vec<usize> = (1..24).filter(|len| count(len) >= batch_size).collect();
        let mut keys = vec![0; room];
        match tinpail::data::keys_of_lengths(&mut &slices[..], batch_size, &mut keys) {
            Ok(found) => prop_assert_eq!(&keys[..found], &expected[..]),
            Err(error) => {
                prop_assert!(room < expected.len());
                let (needed, found) = (expected.len(), room);
                prop_assert_eq!(error, tinpail::data::DataError::KeysRoom { needed, found });
            }
        }
    }
}

/// Every order of five sequences, and of five batches, comes up about equally often: chi-squared with 119 degrees of
/// freedom is below 173 with probability 0.999.
#[test]
fn every_order_is_as_likely() {
    let sentences: Vec<[u16; 1]> = (1..=5).map(|value| [value]).collect();
    let slices: Vec<&[u16]> = sentences.iter().map(|own| &own[..]).collect();
    for batch_size in [1, 5] {
        let rules = Rules::new(&[1], batch_size, 0);
        let mut order = [0; 5];
        let mut counts = std::collections::BTreeMap::new();
        let mut batches =
            BucketSentenceIter::shuffled(&slices[..], rules, &mut order, 0).expect("an iterator");
        for seed in 0..12_000 {
            batches.shuffle(seed).expect("shuffled");
            let drawn: Vec<u16> = all(&mut batches)
                .into_iter()
                .flat_map(|(_, data, _)| data)
                .collect();
            *counts.entry(drawn).or_insert(0.0) += 1.0;
        }
        assert_eq!(counts.len(), 120);
        let chi: f64 = counts
            .values()
            .map(|n: &f64| (n - 100.0).powi(2) / 100.0)
            .sum();
        assert!(chi < 173.0, "{chi}");
    }
}
