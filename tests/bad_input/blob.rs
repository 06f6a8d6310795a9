//! Bytes that are no blob of this model.

use proptest::prelude::*;
use tinpail::Blob;
use tinpail::blob::BlobError;
use tinpail_convert::AlignedBlob;
use tinpail_plan::{PlanFile, Train};

use crate::net;
use crate::raw::{Raw, sealed};

fn read(file: &PlanFile, bytes: &[u8]) -> Result<Vec<f32>, BlobError> {
    let aligned = AlignedBlob::new(bytes);
    let blob = Blob::from_bytes(aligned.bytes(), &file.plan.plan());
    blob.map(|blob| blob.payload.to_vec())
}

fn good() -> (PlanFile, Raw) {
    let file = net::plan(Train::Fused);
    let raw = Raw::of(&file, &net::values(&file));
    (file, raw)
}

/// Asserts that the blob, changed by `change`, is refused with `error`.
#[track_caller]
fn refused(change: impl FnOnce(&mut Raw), error: BlobError) {
    let (file, mut raw) = good();
    change(&mut raw);
    assert_eq!(read(&file, &raw.bytes()), Err(error));
}

#[test]
fn the_blob_of_these_tests_is_that_of_the_converter() {
    let (file, raw) = good();
    let values = net::values(&file);
    let converted = values.blob(&file);
    assert_eq!(raw.bytes(), converted.bytes());
    let payload = read(&file, &raw.bytes()).expect("a good blob");
    for (param, values) in file.plan.params.iter().zip(&values.params) {
        let start = param.flash as usize;
        assert_eq!(payload[start..start + values.len()], *values);
    }
}

#[test]
fn every_truncation_is_refused() {
    let (file, raw) = good();
    let bytes = raw.bytes();
    for len in 0..bytes.len() {
        match read(&file, &bytes[..len]) {
            Err(BlobError::Truncated { needed }) => {
                assert!(needed > len && needed <= bytes.len(), "{len}: {needed}");
            }
            other => panic!("{len} of {} bytes: {other:?}", bytes.len()),
        }
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let (file, raw) = good();
    let mut bytes = raw.bytes();
    let payload_at = bytes.len() - 4 - raw.payload.len();
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = read(&file, &bytes).expect_err("a flipped bit");
        if bit / 8 >= payload_at {
            assert!(matches!(error, BlobError::Crc { .. }), "{bit}: {error:?}");
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(read(&file, &bytes).is_ok(), "all bits are back");
}

#[test]
fn what_is_no_blob_of_this_layout_is_refused() {
    refused(|raw| raw.magic = *b"TPB2", BlobError::Magic);
    refused(|raw| raw.version = 2, BlobError::Version { found: 2 });
    let (file, _) = good();
    let schema = BlobError::Schema {
        expected: file.plan.schema,
        found: 5,
    };
    refused(|raw| raw.schema = 5, schema);
}

#[test]
fn a_header_that_does_not_match_the_parameters_is_refused() {
    let (file, raw) = good();
    let last = raw.tensors.len() - 1;
    let expected = |index: usize| file.plan.params[index].len;

    refused(
        |raw| raw.tensors[1].dtype = 2,
        BlobError::Dtype { index: 1, found: 2 },
    );
    let shape = |index: usize| BlobError::Shape {
        index: index as u16,
        expected: expected(index),
    };
    refused(|raw| raw.tensors[1].dims[0] += 1, shape(1));
    refused(|raw| raw.tensors[1].dims.push(0), shape(1));
    refused(|raw| raw.tensors[0].dims = vec![1 << 31, 1 << 31], shape(0));
    let rank = BlobError::Shape {
        index: 0,
        expected: 0,
    };
    refused(|raw| raw.tensors[0].dims = vec![1; 9], rank);

    refused(
        |raw| raw.tensors[2].offset -= 16,
        BlobError::Overlap { index: 2 },
    );
    refused(
        |raw| raw.tensors[2].offset -= 1,
        BlobError::Overlap { index: 2 },
    );
    refused(
        |raw| raw.tensors[2].offset += 16,
        BlobError::Hole { index: 2 },
    );
    refused(
        |raw| raw.tensors[0].offset = u32::MAX,
        BlobError::Hole { index: 0 },
    );

    let missing = |index: usize| BlobError::Missing {
        index: index as u16,
    };
    refused(|raw| drop(raw.tensors.remove(1)), missing(1));
    refused(|raw| drop(raw.tensors.pop()), missing(last));
    refused(|raw| raw.tensors.clear(), missing(0));
    refused(|raw| raw.tensors.swap(0, 1), missing(0));
    refused(|raw| raw.tensors[1].index = 0, missing(1));
    let more = |raw: &mut Raw| {
        let mut tensor = raw.tensors[last].clone();
        tensor.index += 1;
        raw.tensors.push(tensor);
    };
    let unknown = BlobError::Index {
        found: last as u16 + 1,
    };
    refused(more, unknown);
    // An index that is no u16 cannot be read.
    let at = 4 + 1 + varint_len(file.plan.schema) + 1 + 1;
    refused(
        |raw| raw.tensors[0].index = 1 << 16,
        BlobError::Header { at },
    );
}

fn varint_len(value: u64) -> usize {
    (70 - value.leading_zeros() as usize) / 7
}

#[test]
fn a_payload_of_another_length_or_place_is_refused() {
    let (_, raw) = good();
    let len = raw.payload.len();
    let length = |found: usize| BlobError::Length {
        expected: len,
        found,
    };
    refused(
        |raw| raw.payload_len = Some(len as u32 - 4),
        length(len - 4),
    );
    refused(
        |raw| raw.payload_len = Some(u32::MAX),
        length(u32::MAX as usize),
    );
    refused(|raw| raw.payload_len = Some(0), length(0));
    refused(|raw| raw.more_pad = 1, BlobError::Misaligned);
    refused(|raw| raw.more_pad = 8, BlobError::Misaligned);
    let bytes = raw.bytes();
    let truncated = BlobError::Truncated {
        needed: bytes.len(),
    };
    refused(|raw| raw.payload.truncate(16), {
        // The header still asks for all of it.
        BlobError::Length {
            expected: len,
            found: 16,
        }
    });
    refused(
        |raw| {
            raw.payload_len = Some(len as u32);
            raw.payload.truncate(len - 16);
        },
        truncated,
    );
}

#[test]
fn bytes_behind_the_blob_are_refused() {
    let (file, raw) = good();
    for more in [1, 4, 100] {
        let mut bytes = raw.bytes();
        bytes.resize(bytes.len() + more, 0);
        assert_eq!(
            read(&file, &bytes),
            Err(BlobError::Trailing { bytes: more })
        );
    }
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let (file, raw) = good();
    let payload_at = raw.bytes().len() - 4 - raw.payload.len();
    for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for param in &file.plan.params {
            for at in [param.flash, param.flash + param.len - 1] {
                let at = 4 * at as usize;
                let change = |raw: &mut Raw| {
                    raw.payload[at..at + 4].copy_from_slice(&value.to_le_bytes());
                };
                let at = payload_at + at;
                refused(change, BlobError::NotFinite { at });
            }
        }
    }
}

#[test]
fn a_wrong_crc_is_told_with_both() {
    let (file, raw) = good();
    let mut bytes = raw.bytes();
    let at = bytes.len() - 4;
    let found = u32::from_le_bytes(bytes[at..].try_into().expect("four bytes"));
    bytes[at] ^= 0xff;
    let error = BlobError::Crc {
        expected: found ^ 0xff,
        found,
    };
    assert_eq!(read(&file, &bytes), Err(error));
}

#[test]
fn misaligned_memory_is_refused() {
    let (file, raw) = good();
    let bytes = raw.bytes();
    for shift in [1, 2, 3] {
        let mut shifted = vec![0; shift];
        shifted.extend(&bytes);
        let aligned = AlignedBlob::new(&shifted);
        let blob = Blob::from_bytes(&aligned.bytes()[shift..], &file.plan.plan());
        assert_eq!(blob.map(|_| ()), Err(BlobError::Misaligned), "{shift}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::common::cases(2000)))]

    #[test]
    fn any_bytes_are_taken_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (file, _) = cached();
        prop_assert!(read(file, &bytes).is_err());
    }

    /// From a good blob, so that what comes after the magic is reached: some bytes changed, some cut off or
    /// added, the CRC right.
    #[test]
    fn damaged_blobs_are_taken_without_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        len in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let (file, raw) = cached();
        let good = raw.bytes();
        let mut bytes = good[..good.len() - 4].to_vec();
        // Most of the bytes are weights: look at the header more often.
        let header = bytes.len() - raw.payload.len();
        for (at, value) in &changes {
            let at = if at.index(2) == 0 { at.index(header) } else { at.index(bytes.len()) };
            bytes[at] = *value;
        }
        if cut {
            bytes.truncate(len.index(bytes.len()));
        }
        let bytes = sealed(bytes);
        // Changed weights are as good as any; nothing else may pass.
        if let Ok(payload) = read(file, &bytes) {
            prop_assert!(payload.iter().all(|value| value.is_finite()));
            prop_assert_eq!(payload.len(), file.plan.flash_len as usize);
        }
    }
}

/// Planned once for all cases.
fn cached() -> &'static (PlanFile, Raw) {
    static GOOD: std::sync::OnceLock<(PlanFile, Raw)> = std::sync::OnceLock::new();
    GOOD.get_or_init(good)
}
