//! The plan file: `NAME.plan.postcard`.

use proptest::prelude::*;
use tinpail_plan::symbol::FullyConnected;
use tinpail_plan::{Bucketing, Net, PlanFile, Symbols};

fn file() -> PlanFile {
    let sym_gen = |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.fully_connected("fc", x, FullyConnected::new(3));
        Ok::<Net, _>(s.net([y]).data("data", [0, 2]))
    };
    Bucketing::new(sym_gen)
        .bucket_keys([1])
        .plan()
        .expect("a plan")
}

#[test]
fn what_is_written_is_read_again() {
    let file = file();
    let bytes = file.to_bytes().expect("bytes");
    assert_eq!(PlanFile::from_bytes(&bytes).expect("the file"), file);
}

#[test]
fn truncated_files_are_refused() {
    let bytes = file().to_bytes().expect("bytes");
    for len in 0..bytes.len() {
        PlanFile::from_bytes(&bytes[..len]).expect_err("a part of a file");
    }
}

/// A flipped bit in the plan is found by its fingerprint; in a name it changes the name.
#[test]
fn a_damaged_plan_is_refused() {
    let whole = file();
    let mut bytes = whole.to_bytes().expect("bytes");
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = PlanFile::from_bytes(&bytes) {
            assert_eq!(read.plan, whole.plan, "bit {bit}");
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut named = b"tinplan1".to_vec();
        named.extend(&bytes);
        prop_assert!(PlanFile::from_bytes(&bytes).is_err());
        prop_assert!(PlanFile::from_bytes(&named).is_err());
    }
}
