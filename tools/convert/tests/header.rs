//! A blob's header read without its plan: what the writer wrote, and what became of it.

use tinpail::blob::{BlobError, Entry, write};
use tinpail_convert::header::{Header, Problem, Row};

const SCHEMA: u64 = 0x0123_4567_89ab_cdef;

/// Two tensors: (2, 3) and (5,), the second with index 3.
fn blob() -> Vec<u8> {
    let first = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5];
    let second = [-1.0, -2.0, -3.0, -4.0, -5.0];
    let entries = [
        Entry {
            index: 0,
            dims: &[2, 3],
            values: &first,
        },
        Entry {
            index: 3,
            dims: &[5],
            values: &second,
        },
    ];
    let mut bytes = Vec::new();
    write(&mut bytes, SCHEMA, 7, entries.into_iter()).expect("a Vec takes everything");
    bytes
}

fn errors(bytes: &[u8]) -> Vec<BlobError> {
    let problems = Header::read(bytes).problems;
    problems.iter().map(|problem| problem.error).collect()
}

#[test]
fn what_the_writer_wrote() {
    let bytes = blob();
    let header = Header::read(&bytes);
    assert!(header.is_sound(), "{:?}", header.problems);
    assert_eq!(header.version, Some(1));
    assert_eq!(header.schema, Some(SCHEMA));
    assert_eq!(header.sequence, Some(7));
    assert!(header.crc.expect("a check sum").is_right());
    let table: Vec<(u16, &[u32], u32)> = header
        .tensors
        .iter()
        .map(|row| (row.index, row.dims.as_slice(), row.offset))
        .collect();
    assert_eq!(table, [(0, &[2, 3][..], 0), (3, &[5][..], 32)]);
    let payload = header.payload.clone().expect("a payload");
    assert_eq!((payload.start % 16, payload.len()), (0, 64));
    assert_eq!(payload.end + 4, bytes.len());
    let values = |row: &Row| -> Vec<f32> { header.values(&bytes, row).unwrap().collect() };
    assert_eq!(values(&header.tensors[0]), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
    assert_eq!(values(&header.tensors[1]), [-1.0, -2.0, -3.0, -4.0, -5.0]);
}

#[test]
fn a_changed_weight_is_a_wrong_check_sum() {
    let mut bytes = blob();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    let header = Header::read(&bytes);
    assert_eq!(header.tensors.len(), 2);
    let crc = header.crc.expect("a check sum");
    let [problem] = header.problems[..] else {
        panic!("{:?}", header.problems);
    };
    assert_eq!(
        problem,
        Problem {
            at: bytes.len() - 4,
            error: BlobError::Crc {
                expected: crc.stored,
                found: crc.computed
            }
        }
    );
    assert!(problem.to_string().ends_with("a byte was changed"));
}

#[test]
fn a_nan_is_named_with_its_byte() {
    let mut bytes = blob();
    let at = Header::read(&bytes).payload.expect("a payload").start + 32 + 8;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(errors(&bytes).contains(&BlobError::NotFinite { at }));
}

#[test]
fn a_cut_blob_still_shows_its_table() {
    let bytes = blob();
    let header = Header::read(&bytes[..bytes.len() - 20]);
    assert_eq!(header.tensors.len(), 2);
    assert_eq!(header.crc, None);
    let needed = bytes.len();
    assert_eq!(
        errors(&bytes[..needed - 20]),
        [BlobError::Truncated { needed }]
    );
    // The first tensor is still whole, the second is not.
    assert!(
        header
            .values(&bytes[..needed - 20], &header.tensors[0])
            .is_some()
    );
    assert!(
        header
            .values(&bytes[..needed - 20], &header.tensors[1])
            .is_none()
    );
}

#[test]
fn other_kinds_of_damage() {
    let bytes = blob();
    let mut magic = bytes.clone();
    magic[0] = b'X';
    assert_eq!(errors(&magic)[0], BlobError::Magic);
    // The rest is read all the same.
    assert_eq!(Header::read(&magic).tensors.len(), 2);

    let mut version = bytes.clone();
    version[4] = 9;
    assert_eq!(errors(&version)[0], BlobError::Version { found: 9 });

    let mut long = bytes.clone();
    long.extend([0xff; 3]);
    assert_eq!(errors(&long), [BlobError::Trailing { bytes: 3 }]);

    let row = Header::read(&bytes).tensors[1].at;
    let mut dtype = bytes.clone();
    dtype[row + 1] = 4;
    assert_eq!(errors(&dtype)[0], BlobError::Dtype { index: 3, found: 4 });
    let mut order = bytes.clone();
    order[row] = 0;
    assert_eq!(errors(&order)[0], BlobError::Index { found: 0 });
    let mut hole = bytes.clone();
    hole[row + 4] = 48;
    assert_eq!(errors(&hole)[0], BlobError::Hole { index: 3 });
    let mut overlap = bytes.clone();
    overlap[row + 4] = 16;
    assert_eq!(errors(&overlap)[0], BlobError::Overlap { index: 3 });

    assert_eq!(errors(&[]), [BlobError::Truncated { needed: 1 }]);
}

#[test]
fn every_cut_and_every_flipped_bit_is_noticed() {
    let whole = blob();
    for len in 0..whole.len() {
        assert!(!errors(&whole[..len]).is_empty(), "cut to {len}");
    }
    for bit in 0..8 * whole.len() {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(!errors(&damaged).is_empty(), "bit {bit}");
    }
}
