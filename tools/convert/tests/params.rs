//! `.params` files: MXNet's own, hand-written ones of the older formats, and every way to damage one.

use std::path::{Path, PathBuf};

use tinpail_convert::params::{self, Dtype, ReadError, WriteError};
use tinpail_convert::{Entry, FileError, Kind, Tensor, Weights, read_file};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(golden(name)).unwrap()
}

/// What every file of `formats/` holds.
fn assert_sample(w: &Weights) {
    assert_eq!(
        w.iter().map(Entry::full_name).collect::<Vec<_>>(),
        ["arg:w", "aux:m"]
    );
    assert_eq!(w.arg("w").unwrap().shape(), [2, 3]);
    assert_eq!(w.arg("w").unwrap().data(), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
    assert_eq!(w.aux("m").unwrap().shape(), [2]);
    assert_eq!(w.aux("m").unwrap().data(), [-1.0, 0.25]);
}

const READABLE: [&str; 6] = [
    "formats/v0.params",
    "formats/v1.params",
    "formats/v3.params",
    "formats/mxnet-float32.params",
    "formats/mxnet-float16.params",
    "formats/mxnet-float64.params",
];

#[test]
fn every_format_and_dtype() {
    for name in READABLE {
        println!("{name}");
        assert_sample(&read_file(golden(name)).unwrap());
    }
}

#[test]
fn what_is_refused_is_named() {
    let refused = |name: &str| params::read(&bytes(name)).unwrap_err();
    let dtype = ReadError::Dtype {
        name: "arg:w".into(),
        dtype: Dtype::I32,
    };
    assert_eq!(
        dtype.to_string(),
        "`arg:w` is i32; only f32, f16, bf16 and f64 are read"
    );
    assert_eq!(refused("formats/mxnet-int32.params"), dtype);
    let sparse = |name: &str, storage| ReadError::Sparse {
        name: name.into(),
        storage,
    };
    assert_eq!(
        refused("formats/mxnet-row_sparse.params"),
        sparse("arg:w", "row_sparse")
    );
    assert_eq!(refused("formats/mxnet-csr.params"), sparse("aux:m", "csr"));
    assert_eq!(
        refused("formats/mxnet-unnamed.params"),
        ReadError::Unnamed { count: 1 }
    );
}

/// The oracle's parameters: after its last step they equal what the JSON file beside them says, to the last bit.
#[test]
fn the_oracles_parameters() {
    for scenario in ["a_lstm_lm", "b_stateful_lstm", "c_gru_fixed"] {
        let w = read_file(golden(scenario).join("model-0001.params")).unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&bytes(&format!("{scenario}.json"))).unwrap();
        let steps = json["steps"].as_array().unwrap();
        let last = steps
            .iter()
            .rev()
            .find_map(|s| s["params_after_update"].as_object())
            .unwrap();
        assert_eq!(w.len(), last.len());
        for entry in &w {
            assert_eq!(entry.kind, Kind::Arg);
            let expected = &last[&entry.name];
            let data: Vec<f32> = serde_json::from_value(expected["data"].clone()).unwrap();
            let shape: Vec<usize> = serde_json::from_value(expected["shape"].clone()).unwrap();
            assert_eq!(entry.tensor.shape(), shape, "{scenario} {}", entry.name);
            assert_eq!(entry.tensor.data(), data, "{scenario} {}", entry.name);
        }
    }
}

/// Ours is MXNet's own file, byte for byte, so MXNet reads what we write.
#[test]
fn written_as_mxnet_writes() {
    for name in [
        "a_lstm_lm/model-0001.params",
        "b_stateful_lstm/model-0001.params",
        "formats/mxnet-float32.params",
    ] {
        let original = bytes(name);
        assert!(
            params::write(&params::read(&original).unwrap()).unwrap() == original,
            "{name}"
        );
    }
}

#[test]
fn arguments_are_written_before_auxiliary_values() {
    let mut w = Weights::new();
    let one = || Tensor::new(vec![1], vec![1.0]).unwrap();
    w.push(Kind::Aux, "x".into(), one()).unwrap();
    w.push(Kind::Arg, "y".into(), one()).unwrap();
    let again = params::read(&params::write(&w).unwrap()).unwrap();
    assert_eq!(
        again.iter().map(Entry::full_name).collect::<Vec<_>>(),
        ["arg:y", "aux:x"]
    );
    w.push(
        Kind::Arg,
        "s".into(),
        Tensor::new(vec![], vec![1.0]).unwrap(),
    )
    .unwrap();
    assert_eq!(
        params::write(&w),
        Err(WriteError::Scalar {
            full_name: "arg:s".into()
        })
    );
}

/// A file cut anywhere is an error, never a panic.
#[test]
fn truncated_at_every_byte() {
    let refused = [
        "formats/mxnet-row_sparse.params",
        "formats/mxnet-csr.params",
        "formats/mxnet-int32.params",
    ];
    for name in READABLE
        .into_iter()
        .chain(refused)
        .chain(["c_gru_fixed/model-0001.params"])
    {
        let whole = bytes(name);
        for len in 0..whole.len() {
            let error = params::read(&whole[..len]).unwrap_err();
            let expected = matches!(error, ReadError::Truncated { .. } | ReadError::Count { .. });
            assert!(expected, "{name} cut to {len}: {error}");
        }
        assert!(
            params::read(&[whole, vec![0]].concat()).is_err(),
            "{name} with a byte too much"
        );
    }
}

/// Every byte set to extreme values: an error or other weights, but no panic and no huge allocation.
#[test]
fn damaged_at_every_byte() {
    for name in READABLE.into_iter().chain([
        "formats/mxnet-csr.params",
        "formats/mxnet-row_sparse.params",
    ]) {
        let whole = bytes(name);
        for at in 0..whole.len() {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff, whole[at] ^ 0x10] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = params::read(&damaged);
            }
            // A whole word of ones, and the largest positive one: ranks, dimensions, counts, lengths.
            for word in [u64::MAX, i64::MAX as u64, u32::MAX as u64, 1 << 62] {
                let mut damaged = whole.clone();
                let end = (at + 8).min(whole.len());
                damaged[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
                let _ = params::read(&damaged);
            }
        }
    }
}

/// A file in parts, to build one that MXNet would never write.
fn file(arrays: &[Vec<u8>], names: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0x112, 0, arrays.len() as u64] {
        out.extend(word.to_le_bytes());
    }
    arrays.iter().for_each(|a| out.extend(a));
    out.extend((names.len() as u64).to_le_bytes());
    for name in names {
        out.extend((name.len() as u64).to_le_bytes());
        out.extend(name.as_bytes());
    }
    out
}

/// A V2 or V3 array: mark, storage, rank and dimensions, device, dtype, values.
fn array(mark: u32, shape: &[i64], dtype: i32, values: &[u8]) -> Vec<u8> {
    let mut out = mark.to_le_bytes().to_vec();
    out.extend(0i32.to_le_bytes());
    out.extend((shape.len() as i32).to_le_bytes());
    shape.iter().for_each(|d| out.extend(d.to_le_bytes()));
    [1, 0, dtype]
        .iter()
        .for_each(|w: &i32| out.extend(w.to_le_bytes()));
    out.extend(values);
    out
}

const V2: u32 = 0xF993_FAC9;
const V3: u32 = 0xF993_FACA;

#[test]
fn names() {
    let a = || array(V2, &[1], 0, &1f32.to_le_bytes());
    let gluon = params::read(&file(&[a()], &["dense0.weight"])).unwrap();
    assert!(gluon.arg("dense0.weight").is_some());
    assert_eq!(
        params::read(&file(&[a()], &["foo:w"])),
        Err(ReadError::Prefix {
            name: "foo:w".into()
        })
    );
    assert!(matches!(
        params::read(&file(&[a(), a()], &["arg:w", "w"])),
        Err(ReadError::Duplicate(_))
    ));
    assert_eq!(
        params::read(&file(&[a(), a()], &["arg:w"])),
        Err(ReadError::NameCount {
            arrays: 2,
            names: 1
        })
    );
    let mut not_utf8 = file(&[a()], &["arg:w"]);
    *not_utf8.last_mut().unwrap() = 0xff;
    assert_eq!(
        params::read(&not_utf8),
        Err(ReadError::NameUtf8 { index: 0 })
    );
    assert!(params::read(&file(&[], &[])).unwrap().is_empty());
}

#[test]
fn odd_arrays() {
    let one = 1f32.to_le_bytes();
    let read = |a: Vec<u8>| params::read(&file(&[a], &["arg:w"]));
    assert_eq!(
        read(array(V3, &[], 0, &one))
            .unwrap()
            .arg("w")
            .unwrap()
            .shape(),
        [0usize; 0]
    );
    // In V2, rank 0 is "none" and ends the array there.
    let none = [V2.to_le_bytes(), [0; 4], [0; 4]].concat();
    assert_eq!(
        read(none),
        Err(ReadError::None {
            name: "arg:w".into()
        })
    );
    let none = [V3.to_le_bytes(), [0; 4], (-1i32).to_le_bytes()].concat();
    assert_eq!(
        read(none),
        Err(ReadError::None {
            name: "arg:w".into()
        })
    );
    assert_eq!(
        read(array(V2, &[-1], 0, &one)),
        Err(ReadError::Shape { index: 0 })
    );
    assert_eq!(
        read(array(V2, &[i64::MAX, i64::MAX], 0, &one)),
        Err(ReadError::Shape { index: 0 })
    );
    assert_eq!(
        read(array(V2, &[i64::MAX, 0], 0, &[]))
            .unwrap()
            .arg("w")
            .unwrap()
            .data(),
        [0f32; 0]
    );
    assert!(matches!(
        read(array(V2, &[1 << 40], 0, &one)),
        Err(ReadError::Truncated { .. })
    ));
    assert_eq!(
        read(array(V2, &[1], 13, &one)),
        Err(ReadError::DtypeCode { index: 0, code: 13 })
    );
    assert_eq!(
        read(array(V2, &[1], 12, &[0xc0, 0x3f]))
            .unwrap()
            .arg("w")
            .unwrap()
            .data(),
        [1.5]
    );
    let overflow = read(array(V2, &[1], 1, &1e300f64.to_le_bytes())).unwrap_err();
    assert_eq!(
        overflow.to_string(),
        "`arg:w`: element 0 is 1e300, more than f32 holds"
    );
    let mut storage = array(V2, &[1], 0, &one);
    storage[4] = 3;
    assert_eq!(
        read(storage),
        Err(ReadError::StorageCode { index: 0, code: 3 })
    );
    let magic = ReadError::ArrayMagic {
        index: 0,
        found: 33,
    };
    assert_eq!(read(33u32.to_le_bytes().to_vec()), Err(magic));
    assert_eq!(
        params::read(&[0; 64]),
        Err(ReadError::FileMagic { found: 0 })
    );
}

#[test]
fn files_by_extension() {
    assert!(matches!(
        read_file("x.bin"),
        Err(FileError::Extension { .. })
    ));
    assert!(matches!(
        read_file("no/such.params"),
        Err(FileError::Io { .. })
    ));
}
