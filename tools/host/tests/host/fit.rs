//! fit, score and predict by names, against scenario g's own values: MXNet's log, metrics and order of events are held by
//! the device's tests; here the host's lines, files and names.

use std::sync::Mutex;

use tinpail::data::{DataBatch, SliceIter};
use tinpail::{BucketIndex, Tensor};
use tinpail_host::callback::{LogTrainMetric, Speedometer};
use tinpail_host::{Checkpoint, FitArgs, FitError, Memory, Metrics, TooEarly};

use super::common::{bind, init, module, ready, values};

/// Every line that was logged, in order.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let target = record.target();
        if target.starts_with("tinpail_host") && record.level() == log::Level::Info {
            LINES.lock().expect("lines").push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

const DATA: [f32; 24] = [
    0.5, -1.0, 0.25, 1.0, 0.5, -0.5, 0.75, -0.25, 1.0, 0.0, 0.5, 1.0, -0.5, 1.0, -1.0, 0.25, 0.5,
    0.75, -0.75, 0.25, 1.0, 0.5, -0.5, 0.0,
];

fn batches() -> [DataBatch<'static>; 3] {
    let batch = |bucket: u16, data: &'static [f32], label: &'static [u16]| {
        DataBatch::new(BucketIndex(bucket), [Tensor::F32(data)]).with_label([Tensor::U16(label)])
    };
    [
        batch(1, &DATA, &[0, 1]),
        batch(0, &DATA[..12], &[1, 0]),
        batch(0, &DATA[12..], &[1, 1]).with_pad(1),
    ]
}

#[test]
fn the_loop_logs_saves_and_goes_on() {
    log::set_logger(&Lines).expect("the only logger");
    log::set_max_level(log::LevelFilter::Info);
    let memory = Memory::new();
    let mut module = ready(&memory);
    let batches = batches();
    let mut metric = Metrics::create(["acc", "ce"]).expect("known");
    let names = metric.names();
    assert_eq!(names, ["accuracy", "cross-entropy"]);
    let dir = tempfile::tempdir().expect("a folder");
    let prefix = dir.path().join("model");
    let checkpoints = module.checkpoints(&prefix, 2, true).expect("bound");
    let mut callbacks = (
        checkpoints,
        LogTrainMetric::new(names.clone(), 2, false),
        Speedometer::new(names, 2, 2, true),
    );
    let fitted = module
        .fit(FitArgs {
            train_data: &mut SliceIter::new(&batches),
            eval_data: Some(&mut SliceIter::new(&batches[..1])),
            eval_metric: &mut metric,
            validation_metric: Some(&mut Metrics::create(["acc"]).expect("known")),
            callback: Some(&mut callbacks),
            begin_epoch: 0,
            num_epoch: 2,
        })
        .expect("fitted");
    assert_eq!(fitted.epoch, 2);
    assert_eq!(callbacks.0.result().expect("saved"), Some(2));
    let saved = Checkpoint::read(&prefix, 2).expect("a checkpoint");
    assert_eq!(
        saved.params.arg("fc_weight").expect("there").data(),
        values(&module, "fc_weight")
    );
    assert!(dir.path().join("model-0002.states").exists());

    // Numbers and times differ from run to run; the shape of the lines does not.
    let lines = LINES.lock().expect("lines").clone();
    let shape = |line: &String| -> String {
        let mut shape = String::new();
        let mut digits = false;
        for c in line
            .replace(&dir.path().display().to_string(), "DIR")
            .chars()
        {
            let own = c.is_ascii_digit() || (digits && c == '.');
            if own && !digits {
                shape.push('#');
            }
            if !own {
                shape.push(c);
            }
            digits = own;
        }
        shape
    };
    let epoch = [
        "Iter[#] Batch[#] Train-accuracy=#",
        "Iter[#] Batch[#] Train-cross-entropy=#",
        "Iter[#] Batch[#] Train-accuracy=#",
        "Iter[#] Batch[#] Train-cross-entropy=#",
        "Epoch[#] Batch [#-#]\tSpeed: # samples/sec\taccuracy=#\tcross-entropy=#",
        "Epoch[#] Train-accuracy=#",
        "Epoch[#] Train-cross-entropy=#",
        "Epoch[#] Time cost=#",
    ];
    let mut expected = epoch.to_vec();
    expected.push("Epoch[#] Validation-accuracy=#");
    expected.extend(epoch);
    expected.push("Saved checkpoint to \"DIR/model-#params\"");
    expected.push("Epoch[#] Validation-accuracy=#");
    assert_eq!(lines.iter().map(shape).collect::<Vec<_>>(), expected);
    assert!(lines[0].starts_with("Iter[0] Batch[0] "), "{}", lines[0]);
    assert!(
        lines[4].starts_with("Epoch[0] Batch [0-2]\t"),
        "{}",
        lines[4]
    );

    let mut accuracy = Metrics::create(["acc"]).expect("known");
    let scored = module
        .score(&mut SliceIter::new(&batches), &mut accuracy, Some(2))
        .expect("scored");
    assert_eq!(scored.batches, 2);
    let (name, value) = &accuracy.get_name_value()[0];
    assert_eq!(name, "accuracy");
    let predicted = module
        .predict(&mut SliceIter::new(&batches))
        .expect("predicted");
    let [(name, rows)] = &predicted[..] else {
        panic!("{predicted:?}");
    };
    assert_eq!(
        (name.as_str(), rows.len()),
        ("softmax_output", 2 * (2 + 2 + 1)),
        "the row of padding is left out"
    );
    let right = rows
        .chunks(2)
        .zip([0, 1, 1, 0])
        .filter(|(row, label)| (row[1] > row[0]) == (*label == 1));
    assert_eq!(*value, right.count() as f64 / 4.0);
}

#[test]
fn what_comes_too_early_and_what_is_unknown() {
    let memory = Memory::new();
    let mut unbound = module(&memory);
    let batches = batches();
    let mut metric = Metrics::new();
    let mut fit = |module: &mut super::common::Module<'_>| {
        let fitted = module.fit(FitArgs {
            train_data: &mut SliceIter::new(&batches),
            eval_data: None,
            eval_metric: &mut metric,
            validation_metric: None,
            callback: None,
            begin_epoch: 0,
            num_epoch: 1,
        });
        fitted.map(|fitted| fitted.epoch)
    };
    assert!(matches!(
        fit(&mut unbound),
        Err(FitError::TooEarly(TooEarly::NotBound))
    ));
    unbound.bind(&bind()).expect("bound");
    assert!(matches!(
        fit(&mut unbound),
        Err(FitError::TooEarly(TooEarly::NoParams))
    ));
    init(&mut unbound, &tinpail_host::Initializer::Zero);
    assert!(matches!(
        fit(&mut unbound),
        Err(FitError::TooEarly(TooEarly::NoOptimizer))
    ));
    let unknown = Metrics::create(["acc", "nope"])
        .err()
        .expect("an error")
        .to_string();
    assert!(
        unknown.starts_with("there is no metric nope; those with names are acc, "),
        "{unknown}"
    );
    assert!(
        Metrics::create(["top_k_accuracy:1"]).is_err(),
        "as in MXNet, k is above 1"
    );
}
