//! `.safetensors` files that the Python package wrote.

use std::path::{Path, PathBuf};

use tinpail_convert::{Entry, read_file, safetensors};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden/formats")
        .join(name)
}

#[test]
fn every_dtype() {
    for name in ["float16", "bfloat16", "float32", "float64"] {
        println!("{name}");
        let w = read_file(golden(name).with_extension("safetensors")).unwrap();
        assert_eq!(
            w.iter().map(Entry::full_name).collect::<Vec<_>>(),
            ["arg:w", "aux:m"]
        );
        assert_eq!(w.arg("w").unwrap().shape(), [2, 3]);
        assert_eq!(w.arg("w").unwrap().data(), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
        assert_eq!(w.aux("m").unwrap().data(), [-1.0, 0.25]);
    }
}

#[test]
fn integers_are_refused_by_name() {
    let bytes = std::fs::read(golden("int32.safetensors")).unwrap();
    let said = safetensors::read(&bytes).unwrap_err().to_string();
    assert_eq!(said, "`arg:w` is I32; only F32, F16, BF16 and F64 are read");
}

#[test]
fn damage_is_an_error_or_other_weights_but_no_panic() {
    let whole = std::fs::read(golden("float64.safetensors")).unwrap();
    for len in 0..whole.len() {
        assert!(safetensors::read(&whole[..len]).is_err(), "cut to {len}");
    }
    for at in 0..whole.len() {
        for value in [0x00, 0x20, 0x39, 0x7f, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            let _ = safetensors::read(&damaged);
        }
    }
}
