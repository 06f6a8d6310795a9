//! Laws of the codec, over random tensors of 0 to 70 values, and all it refuses.

use proptest::collection::vec;
use proptest::prelude::*;
use tinpail::codec::{CodecError, FACTOR, adaptive_threshold, dequantise, quantise, words_len};

use crate::common::cases;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn pairs() -> impl Strategy<Value = Vec<(f32, f32)>> {
    vec((-2.0f32..2.0, -1.0f32..1.0), 0..70)
}

/// Words by the description alone: a byte at a time, values in its bits 7-6, 5-4, 3-2, 1-0.
fn naive_words(signs: &[i8]) -> Vec<u32> {
    let mut bytes: Vec<u8> = signs
        .chunks(4)
        .map(|four| {
            let code = |at: usize| match four.get(at) {
                Some(1) => 3,
                Some(-1) => 2,
                _ => 0,
            };
            (code(0) << 6) + (code(1) << 4) + (code(2) << 2) + code(3)
        })
        .collect();
    bytes.resize(bytes.len().div_ceil(4) * 4, 0);
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four"));
    bytes.chunks(4).map(word).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(512)))]

    /// Codes to values and back: the same words, and nothing left over.
    #[test]
    fn round_trip_is_exact(signs in vec(-1i8..=1, 0..70), t in 1e-30f32..1e30) {
        let words = naive_words(&signs);
        prop_assert_eq!(words.len(), words_len(signs.len()));
        let values: Vec<f32> = signs.iter().map(|sign| f32::from(*sign) * t).collect();
        let mut out = vec![f32::NAN; signs.len()];
        dequantise(&words, t, &mut out, false).expect("decoded");
        prop_assert_eq!(&out, &values);
        let (mut residual, mut again) = (vec![0.0; out.len()], vec![!0; words.len()]);
        quantise(&out, &mut residual, t, &mut again).expect("encoded");
        prop_assert_eq!(again, words);
        prop_assert!(residual.iter().all(|r| *r == 0.0));
    }

    /// What is sent follows the rule for each value alone, and what is not sent is the residual, to the last bit.
    #[test]
    fn follows_the_rule(pairs in pairs(), t in 0.01f32..3.0, adapt in any::<bool>()) {
        let (gradient, before): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
        let t = if adapt { adaptive_threshold(&gradient, &before, FACTOR).expect("a threshold") } else { t };
        let (mut residual, mut words) = (before.clone(), vec![!0; words_len(gradient.len())]);
        quantise(&gradient, &mut residual, t, &mut words).expect("encoded");
        let mut sent = vec![1.0; gradient.len()];
        dequantise(&words, t, &mut sent, true).expect("decoded");
        for (at, (g, r)) in gradient.iter().zip(&before).enumerate() {
            let sum = r + g;
            let (value, left) = if sum >= t { (t, sum - t) } else if sum <= -t { (-t, sum + t) } else { (0.0, sum) };
            prop_assert_eq!(sent[at], 1.0 + value);
            prop_assert_eq!(residual[at].to_bits(), left.to_bits());
        }
    }

    /// Any words: decoded, or refused with nothing changed.
    #[test]
    fn any_words(words in vec(any::<u32>(), 0..5), len in 0usize..80, t in any::<f32>()) {
        let mut out = vec![7.0; len];
        if dequantise(&words, t, &mut out, false).is_err() {
            prop_assert!(out.iter().all(|value| *value == 7.0));
        }
    }

    /// Any gradient and residual: encoded, or refused with nothing changed; never a residual that is not finite.
    #[test]
    fn any_values(g in vec(any::<f32>(), 0..40), r in vec(any::<f32>(), 0..40), n in 0usize..4, t in any::<f32>()) {
        for r in [r, vec![0.0; g.len()]] {
            let (mut residual, mut words) = (r.clone(), vec![9; n]);
            match quantise(&g, &mut residual, t, &mut words) {
                Ok(()) => prop_assert!(residual.iter().all(|value| value.is_finite())),
                Err(_) => {
                    prop_assert_eq!(bits(&residual), bits(&r));
                    prop_assert!(words.iter().all(|word| *word == 9));
                }
            }
            if let Ok(t) = adaptive_threshold(&g, &r, FACTOR) {
                prop_assert!(t > 0.0 && t.is_finite());
            }
        }
    }
}

#[test]
fn refuses() {
    let mut two = [0.0; 2];
    for t in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY] {
        let refused = Err(CodecError::Threshold);
        assert_eq!(quantise(&[1.0; 2], &mut two, t, &mut [0]), refused);
        assert_eq!(dequantise(&[0], t, &mut two, false), refused);
        assert_eq!(
            adaptive_threshold(&[1.0; 2], &two, t),
            Err(CodecError::Threshold)
        );
    }
    let words = |needed, found| Err(CodecError::Words { needed, found });
    let mut many = [0.0; 17];
    assert_eq!(quantise(&[0.0; 17], &mut many, 1.0, &mut [0]), words(2, 1));
    assert_eq!(quantise(&[0.0; 2], &mut two, 1.0, &mut [0; 2]), words(1, 2));
    assert_eq!(dequantise(&[], 1.0, &mut two, false), words(1, 0));
    assert_eq!(
        quantise(&[0.0; 3], &mut two, 1.0, &mut [0]),
        Err(CodecError::Residual {
            needed: 3,
            found: 2
        })
    );
    for (g, r) in [(f32::NAN, 0.0), (f32::INFINITY, 0.0), (f32::MAX, f32::MAX)] {
        let mut residual = [0.0, r];
        assert_eq!(
            quantise(&[2.0, g], &mut residual, 1.0, &mut [0]),
            Err(CodecError::NotFinite { at: 1 })
        );
        assert_eq!(residual, [0.0, r]);
    }
    // Value 17 is in bits 5-4 of the second word's lowest byte, value 18 in bits 3-2.
    let code = |second: u32| dequantise(&[0, second], 1.0, &mut [0.0; 18], false);
    assert_eq!(code(0b01 << 4), Err(CodecError::Code { at: 17 }));
    assert_eq!(code(0b11 << 2), Err(CodecError::Padding));
    assert_eq!(code(0b11 << 4), Ok(()));
}

/// The layout in the module's doc, written out once.
#[test]
fn wire_order() {
    let mut words = [0; 2];
    let mut gradient = [0.0; 18];
    for (at, value) in [(0, 1.0), (3, -1.0), (4, -1.0), (15, 1.0), (16, -1.0)] {
        gradient[at] = value;
    }
    quantise(&gradient, &mut [0.0; 18], 1.0, &mut words).expect("encoded");
    let bytes = words.map(u32::to_le_bytes);
    assert_eq!(bytes[0], [0b1100_0010, 0b1000_0000, 0, 0b0000_0011]);
    assert_eq!(bytes[1], [0b1000_0000, 0, 0, 0]);
}

/// Thresholds by hand; zeros are sent as zeros.
#[test]
fn thresholds() {
    let t = adaptive_threshold(&[1.0, -2.0], &[0.5, 0.0], 2.0);
    assert_eq!(t, Ok(3.5));
    let t = adaptive_threshold(&[0.0; 3], &[0.0; 3], FACTOR).expect("a threshold");
    let mut words = [!0];
    quantise(&[0.0; 3], &mut [0.0; 3], t, &mut words).expect("encoded");
    assert_eq!(words, [0]);
    assert!(adaptive_threshold(&[], &[], FACTOR).is_ok());
    assert_eq!(
        adaptive_threshold(&[f32::MAX; 2], &[0.0; 2], 1.0),
        Err(CodecError::Threshold)
    );
}
