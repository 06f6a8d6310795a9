//! Scenarios l and g: the batches of MXNet's `BucketSentenceIter`.
//!
//! MXNet shuffles at once, so that three things depend on its random streams, and are not held to: the order of the
//! batches, the order of the rows of a bucket, and which sequences of a bucket its incomplete batch drops. Everything
//! else is: given each bucket's sequences in the order that MXNet drew, ours are MXNet's batches, value for value,
//! and as many of each bucket. And `encode_sentences`; the initializers of scenario l have a file of their own.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tinpail::data::{
    BucketSentenceIter, Encode, EncodeError, Filled, Layout, Rules, Sentences, Vocab,
};

use crate::oracle::{self, Tensor};

#[derive(Deserialize)]
struct ScenarioL {
    iters: BTreeMap<String, Iter>,
}

#[derive(Deserialize)]
struct Iter {
    sentences: Vec<Vec<u16>>,
    buckets: Vec<usize>,
    default_bucket_key: usize,
    layout: String,
    batches: Vec<Batch>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Batch {
    #[serde(alias = "bucket_key")]
    key: usize,
    data: Values,
    label: Values,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(from = "Tensor")]
struct Values {
    shape: Vec<usize>,
    ids: Vec<u16>,
}

impl From<Tensor> for Values {
    fn from(tensor: Tensor) -> Self {
        Values {
            ids: tensor.ids(),
            shape: tensor.shape,
        }
    }
}

impl Batch {
    /// The size of a batch in MXNet's layout.
    fn rows(&self, layout: Layout) -> usize {
        match layout {
            Layout::Nt => self.data.shape[0],
            Layout::Tn => self.data.shape[1],
        }
    }

    /// The sequences of its rows: no sequence of the oracle holds the padding, 0.
    fn sentences(&self, layout: Layout) -> Vec<Vec<u16>> {
        let (rows, ids) = (self.rows(layout), &self.data.ids);
        let value = |row: usize, step: usize| match layout {
            Layout::Nt => ids[row * self.key + step],
            Layout::Tn => ids[step * rows + row],
        };
        let sentence = |row| (0..self.key).map(move |step| value(row, step));
        (0..rows)
            .map(|row| sentence(row).take_while(|id| *id != 0).collect())
            .collect()
    }
}

fn all<S: Sentences<Value = u16>>(
    batches: &mut BucketSentenceIter<'_, S>,
) -> Vec<(Filled, Vec<u16>, Vec<u16>)>
where
    S::Error: std::fmt::Debug,
{
    let (mut data, mut label) = ([7; 128], [7; 128]);
    let mut all = Vec::new();
    while let Some(filled) = batches.next_batch(&mut data, &mut label).expect("a batch") {
        all.push((
            filled,
            data[..filled.len].to_vec(),
            label[..filled.len].to_vec(),
        ));
    }
    all
}

/// One epoch of MXNet's, ours on sequences in the order that MXNet drew. `part`: MXNet's was not read to its end.
fn check(
    what: &str,
    sentences: &[Vec<u16>],
    keys: &[usize],
    theirs: &[Batch],
    layout: Layout,
    part: bool,
) {
    let batch_size = theirs[0].rows(layout);
    let mut left = sentences.to_vec();
    let mut drawn = Vec::new();
    for batch in theirs {
        for sentence in batch.sentences(layout) {
            let at = left.iter().position(|other| *other == sentence);
            drawn.push(left.swap_remove(at.unwrap_or_else(|| panic!("{what}: {sentence:?}"))));
        }
    }
    drawn.extend(left);
    let slices: Vec<&[u16]> = drawn.iter().map(Vec::as_slice).collect();
    let rules = Rules {
        layout,
        ..Rules::new(keys, batch_size, 0)
    };
    let mut batches = BucketSentenceIter::new(&slices[..], rules).expect("an iterator");
    let longest = keys.iter().max().copied().expect("a key");
    let too_long = sentences.iter().filter(|own| own.len() > longest).count();
    assert_eq!(batches.discarded(), too_long, "{what}");
    let ours = all(&mut batches);
    for (bucket, key) in keys.iter().enumerate() {
        let theirs: Vec<_> = theirs.iter().filter(|batch| batch.key == *key).collect();
        let ours: Vec<_> = ours.iter().filter(|(own, ..)| own.key == *key).collect();
        assert!(
            if part {
                ours.len() >= theirs.len()
            } else {
                ours.len() == theirs.len()
            },
            "{what}, {key}"
        );
        for (theirs, (own, data, label)) in theirs.iter().zip(ours) {
            assert_eq!((usize::from(own.bucket.0), own.pad), (bucket, 0), "{what}");
            assert_eq!(data, &theirs.data.ids, "{what}");
            assert_eq!(label, &theirs.label.ids, "{what}");
        }
    }
}

#[test]
fn scenario_l() {
    let scenario: ScenarioL =
        serde_json::from_slice(&oracle::read("l_init_iter.json")).expect("l_init_iter.json");
    assert_eq!(scenario.iters.len(), 3);
    for (name, iter) in &scenario.iters {
        let layout = match iter.layout.as_str() {
            "NT" => Layout::Nt,
            "TN" => Layout::Tn,
            other => panic!("{other}"),
        };
        check(
            name,
            &iter.sentences,
            &iter.buckets,
            &iter.batches,
            layout,
            false,
        );
        let slices: Vec<&[u16]> = iter.sentences.iter().map(Vec::as_slice).collect();
        let rules = Rules::new(&iter.buckets, 1, 0);
        let batches = BucketSentenceIter::new(&slices[..], rules).expect("an iterator");
        let (_, key) = batches.default_bucket().expect("a bucket");
        assert_eq!(key, iter.default_bucket_key, "{name}");
    }
    // MXNet was given no buckets: every length of at least one batch's sequences.
    let auto = &scenario.iters["auto"];
    let slices: Vec<&[u16]> = auto.sentences.iter().map(Vec::as_slice).collect();
    let mut keys = [0; 8];
    let found = tinpail::data::keys_of_lengths(&mut &slices[..], 1, &mut keys).expect("keys");
    assert_eq!(keys[..found], auto.buckets);
}

#[test]
fn scenario_g() {
    let scenario: Value = serde_json::from_slice(&oracle::read("g_fit.json")).expect("g_fit.json");
    let config = &scenario["config"];
    let sentences: Vec<Vec<u16>> =
        Deserialize::deserialize(&config["sentences"]).expect("sentences");
    let keys: Vec<usize> = Deserialize::deserialize(&config["buckets"]).expect("keys");
    let mut epochs = 0;
    // The validation set is the first 14 sequences; `iter_predict` stopped early.
    for (log, sentences, part) in [
        ("train_batches", &sentences[..], false),
        ("val_batches", &sentences[..14], false),
        ("score_batches", &sentences[..14], false),
        ("iter_predict_batches", &sentences[..14], true),
    ] {
        let events = scenario[log].as_array().expect("a list");
        for epoch in events.split(|event| event == "reset") {
            let batch = |event| Batch::deserialize(event).expect("a batch");
            let batches: Vec<Batch> = epoch.iter().map(batch).collect();
            if !batches.is_empty() {
                check(log, sentences, &keys, &batches, Layout::Nt, part);
                epochs += 1;
            }
        }
    }
    assert!(epochs >= 6, "{epochs}");
}

/// Ids and vocabulary as MXNet printed them; -1 is 0xFFFF.
fn encoded(value: &Value) -> (Vec<Vec<u16>>, Vocab) {
    let (ids, vocab): (Vec<Vec<i32>>, BTreeMap<String, i32>) =
        Deserialize::deserialize(value).expect("ids and a vocabulary");
    let ids = ids
        .into_iter()
        .map(|ids| ids.into_iter().map(|id| id as u16).collect());
    let vocab = vocab.into_iter().map(|(word, id)| (word, id as u16));
    (ids.collect(), vocab.collect())
}

#[test]
fn scenario_l_encodes_words() {
    let scenario: Value =
        serde_json::from_slice(&oracle::read("l_init_iter.json")).expect("l_init_iter.json");
    let sentences: [&[&str]; 4] = [
        &["a", "b", "c"],
        &["b"],
        &["c", "d", "a", "e"],
        &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
    ];
    let default = Encode::default();
    let ours = default.sentences(&sentences, None).expect("encoded");
    assert_eq!(ours, encoded(&scenario["encode_default"]));
    let rules = Encode {
        invalid_label: 1,
        ..default
    };
    let ours = rules.sentences(&sentences, None).expect("encoded");
    assert_eq!(ours, encoded(&scenario["encode_invalid1_start0"]));

    let vocab = Vocab::from([("a".to_owned(), 1)]);
    let error = default.sentences(&[["zz"]], Some(vocab.clone()));
    assert_eq!(error, Err(EncodeError::Unknown("zz".into())));
    assert_eq!(
        scenario["encode_unknown"],
        "AssertionError: Unknown token zz"
    );

    // A difference on purpose: MXNet gives the unknown token another id each time, the second of them that of "a".
    let rules = Encode {
        unknown_token: Some("<u>"),
        ..default
    };
    let (ids, ours) = rules
        .sentences(&[["zz", "a", "yy"]], Some(vocab))
        .expect("encoded");
    let (theirs, their_vocab) = encoded(&scenario["encode_unknown_token"]);
    assert_eq!((&theirs[0][..], their_vocab["<u>"]), (&[0, 1, 1][..], 1));
    assert_eq!((&ids[0][..], ours["<u>"]), (&[0, 1, 0][..], 0));
}
