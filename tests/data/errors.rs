//! All that the iterator refuses, and a source that fails.

use tinpail::data::{BucketSentenceIter, DataError, LastBatch, Rules, Sentences};

const SENTENCES: [&[u16]; 3] = [&[1, 2], &[3], &[4, 5, 6]];

fn new(keys: &[usize], batch_size: usize) -> Option<DataError<core::convert::Infallible>> {
    BucketSentenceIter::new(&SENTENCES[..], Rules::new(keys, batch_size, 0)).err()
}

#[test]
fn rules() {
    assert_eq!(new(&[], 1), Some(DataError::NoKeys));
    assert_eq!(new(&[2, 0], 1), Some(DataError::Key { at: 1 }));
    assert_eq!(new(&[2], 0), Some(DataError::BatchSize));
    assert_eq!(new(&[2], usize::MAX), Some(DataError::BatchSize));
    assert_eq!(
        new(&[1; 65_537], 1),
        Some(DataError::Keys {
            max: 65_536,
            found: 65_537
        })
    );
}

#[test]
fn order() {
    let rules = Rules::new(&[2], 1, 0);
    let (needed, found) = (2, 1);
    assert_eq!(
        BucketSentenceIter::shuffled(&SENTENCES[..], rules, &mut [0], 1).err(),
        Some(DataError::Order { needed, found })
    );
    let mut batches = BucketSentenceIter::new(&SENTENCES[..], rules).expect("an iterator");
    assert_eq!(batches.shuffle(1), Err(DataError::NoOrder));
    let many = [&[][..]; 65_537];
    let mut order = [0u16; 65_537];
    assert_eq!(
        BucketSentenceIter::shuffled(&many[..], rules, &mut order, 1).err(),
        Some(DataError::Count {
            max: 65_536,
            found: 65_537
        })
    );
}

#[test]
fn buffers() {
    let mut batches =
        BucketSentenceIter::new(&SENTENCES[..], Rules::new(&[3], 3, 0)).expect("an iterator");
    let (needed, found) = (9, 8);
    let (mut data, mut label) = ([7; 9], [7; 9]);
    assert_eq!(
        batches.next_batch(&mut data[..8], &mut label),
        Err(DataError::Data { needed, found })
    );
    assert_eq!(
        batches.next_batch(&mut data, &mut label[..8]),
        Err(DataError::Label { needed, found })
    );
    assert_eq!((data, label), ([7; 9], [7; 9]));
    assert!(batches.next_batch(&mut data, &mut label).is_ok());
    assert_eq!(data, [1, 2, 0, 3, 0, 0, 4, 5, 6]);
    assert_eq!(label, [2, 0, 0, 0, 0, 0, 5, 6, 0]);
}

/// What a read of bytes could not do.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Broken(usize);

/// Records in bytes, as in a flash: a length, then so many values. Some reads fail, and lengths may lie.
struct Records {
    bytes: &'static [u8],
    broken: Option<usize>,
    short: usize,
    longer: usize,
}

impl Records {
    fn record(&self, index: usize) -> &'static [u8] {
        let mut rest = self.bytes;
        for _ in 0..index {
            rest = &rest[1 + usize::from(rest[0])..];
        }
        &rest[1..1 + usize::from(rest[0])]
    }
}

impl Sentences for Records {
    type Value = f32;
    type Error = Broken;

    fn count(&self) -> usize {
        3
    }

    fn len(&mut self, index: usize) -> Result<usize, Broken> {
        Ok(self.record(index).len() + self.longer)
    }

    fn read(&mut self, index: usize, put: impl FnMut(f32)) -> Result<(), Broken> {
        // Once.
        if self.broken.take_if(|broken| *broken == index).is_some() {
            return Err(Broken(index));
        }
        let values = self.record(index).iter().skip(self.short);
        values.map(|value| f32::from(*value)).for_each(put);
        Ok(())
    }
}

fn records() -> Records {
    Records {
        bytes: &[1, 10, 2, 20, 21, 1, 30],
        broken: None,
        short: 0,
        longer: 0,
    }
}

#[test]
fn a_read_that_fails_can_be_tried_again() {
    let source = Records {
        broken: Some(2),
        ..records()
    };
    for order in [None, Some([0; 3])] {
        let rules = Rules {
            last: LastBatch::Pad,
            ..Rules::new(&[2], 3, -1.0)
        };
        let source = Records { ..source };
        let mut places = order.unwrap_or_default();
        let batches = match order {
            None => BucketSentenceIter::new(source, rules),
            Some(_) => BucketSentenceIter::shuffled(source, rules, &mut places, 4),
        };
        let mut batches = batches.expect("an iterator");
        let (mut data, mut label) = ([0.0; 6], [0.0; 6]);
        assert_eq!(
            batches.next_batch(&mut data, &mut label),
            Err(DataError::Source(Broken(2)))
        );
        let filled = batches.next_batch(&mut data, &mut label);
        assert!(filled.expect("a batch").is_some());
        data.sort_by(f32::total_cmp);
        assert_eq!(data, [-1.0, -1.0, 10.0, 20.0, 21.0, 30.0]);
        assert_eq!(batches.next_batch(&mut data, &mut label), Ok(None));
    }
}

#[test]
fn lengths_that_lie() {
    let mut buffers = [[0.0; 6]; 2];
    let [data, label] = &mut buffers;
    let source = Records {
        short: 1,
        ..records()
    };
    let rules = Rules::new(&[2], 3, -1.0);
    let mut batches = BucketSentenceIter::new(source, rules).expect("an iterator");
    assert_eq!(
        batches.next_batch(data, label),
        Err(DataError::Len {
            index: 0,
            needed: 1,
            found: 0
        })
    );
}
