//! `tinpail profile`, over what the device's own profiler writes.

use std::cell::RefCell;

use serde::Deserialize;
use tinpail::monitor::Phase;
use tinpail::optim::Sgd;
use tinpail::profiler::{Profiler, Tally};
use tinpail::{Batch, BucketingModule, Registry, Tensor};
use tinpail_convert::{AlignedBlob, Kind, Weights};
use tinpail_plan::PlanFile;

use crate::command::{Scratch, assert_says, golden, tinpail};

/// Rows of a batch, channels, and the bucket.
const BATCH: usize = 3;
const CHANNELS: usize = 3;
const KEY: usize = 5;

#[derive(Debug, Deserialize)]
struct Profile {
    bucket: usize,
    program: String,
    unit: String,
    phases: Vec<Whole>,
    calls: Vec<Call>,
    layers: Vec<Layer>,
    dispatch: u64,
    total: u64,
    profiler: u64,
}

#[derive(Debug, Deserialize)]
struct Whole {
    phase: String,
    visits: u32,
    count: u64,
}

#[derive(Debug, Deserialize)]
struct Call {
    row: usize,
    phase: String,
    symbol: String,
    layer: String,
    kernel: String,
    visits: u32,
    count: u64,
    macs: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Layer {
    layer: String,
    count: u64,
}

/// A network, and what a device printed of an inference of it and of two steps.
struct Measured {
    scratch: Scratch,
    file: PlanFile,
    plan: String,
    /// Of the inference, then of the steps.
    lines: [String; 2],
    /// Of the steps.
    rows: Vec<Tally>,
    phases: [Tally; 4],
}

fn measured() -> Measured {
    let scratch = Scratch::new();
    let plan = scratch.name("gru.plan.postcard");
    let symbols = golden("c_gru_fixed");
    tinpail(
        &["plan", "--symbols", &symbols, "-o", &plan]
            .into_iter()
            .chain("--data data=B,K,3 --label softmax_label=B --batch-size 3".split(' '))
            .collect::<Vec<_>>(),
    )
    .ok();
    let file = PlanFile::from_bytes(&std::fs::read(&plan).unwrap()).unwrap();
    let tables = file.plan.plan();
    let bucket = tables.fitting(KEY).unwrap();

    let mut weights = Weights::new();
    for param in &file.params {
        let values = (0..param.len()).map(|at| (at % 7) as f32 / 9.0 - 0.3);
        let tensor = tinpail_convert::Tensor::new(param.shape.clone(), values.collect());
        weights
            .push(Kind::Arg, param.name.clone(), tensor.unwrap())
            .unwrap();
    }
    let blob = AlignedBlob::new(&tinpail_convert::blob(&file, &weights).unwrap());
    let mut arena = vec![0.0; tables.arena_len as usize];
    let model = Registry::<Sgd>::new(tables);
    let module = BucketingModule::bind_words(model, &mut arena, blob.bytes()).unwrap();

    // Each reading is further from the last one than that was: all counts differ.
    let (mut now, mut step) = (0u32, 0u32);
    let clock = || {
        step += 1;
        now += step;
        now
    };
    let mut rows = vec![Tally::ZERO; tables.steps.len()];
    let profiler = Profiler::new(&tables, bucket, clock, &mut rows).unwrap();
    let profiler = RefCell::new(profiler);
    let mut module = module.install_profiler(&profiler);
    module.init_optimizer(Sgd::default()).unwrap();
    let values = [0.25; BATCH * KEY * CHANNELS];
    let (data, label) = ([Tensor::F32(&values)], [Tensor::U16(&[0, 1, 1])]);
    let batch = Batch::new(bucket, &data).with_label(&label);
    module.forward(&batch).unwrap();
    let inference = profiler.borrow().to_string();
    profiler.borrow_mut().clear();
    for _ in 0..2 {
        module.train_step(&batch).unwrap();
    }
    let profiler = profiler.borrow();
    let lines = [inference, profiler.to_string()];
    let (counted, phases) = (
        profiler.rows().to_vec(),
        Phase::ALL.map(|phase| profiler.phase(phase)),
    );
    Measured {
        scratch,
        plan,
        lines,
        rows: counted,
        phases,
        file: file.clone(),
    }
}

impl Measured {
    fn write(&self, text: &str) -> String {
        self.scratch.write("profile.txt", text)
    }
}

#[test]
fn rows_layers_and_phases() {
    let measured = measured();
    let console = format!("boot\n{}\nmore\n{}\n", measured.lines[0], measured.lines[1]);
    let path = measured.write(&console);
    let args = ["profile", &path, "--plan", &measured.plan];
    let json = tinpail(&[&args[..], &["--json"]].concat()).ok();
    let all: Vec<Profile> = serde_json::from_str(&json).expect("JSON");
    let [inference, steps] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!((inference.bucket, &*inference.program), (KEY, "infer"));
    assert_eq!((steps.bucket, &*steps.program), (KEY, "train"));
    assert_eq!(steps.unit, "counts");

    // What the device counted.
    let called = measured.rows.iter().filter(|tally| tally.visits > 0);
    assert_eq!(steps.calls.len(), called.count());
    for call in &steps.calls {
        let Tally { visits, count } = measured.rows[call.row];
        assert_eq!((call.visits, call.count), (visits, count), "{call:?}");
        assert_eq!(visits, 2);
        assert_eq!(call.symbol, measured.file.step_names[call.row]);
    }
    for (whole, (phase, tally)) in steps
        .phases
        .iter()
        .zip(Phase::ALL.iter().zip(measured.phases))
    {
        assert_eq!(whole.phase, phase.name());
        assert_eq!((whole.visits, whole.count), (tally.visits, tally.count));
    }
    // In the order in which they run.
    let order = |phase: &str| Phase::ALL.iter().position(|own| own.name() == phase);
    assert!(steps.calls.is_sorted_by_key(|call| order(&call.phase)));
    assert_eq!(steps.calls.last().unwrap().phase, "update");
    // Nothing is lost.
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.sum::<u64>();
    let of_calls = sum(&mut steps.calls.iter().map(|call| call.count));
    assert_eq!(
        of_calls,
        sum(&mut steps.layers.iter().map(|layer| layer.count))
    );
    assert_eq!(steps.total, of_calls + steps.dispatch);
    let phases = sum(&mut steps.phases.iter().map(|phase| phase.count));
    assert_eq!(phases, steps.total + steps.profiler);
    // Updates count with the layer that their parameter is named after.
    let layers: Vec<&str> = steps.layers.iter().map(|own| own.layer.as_str()).collect();
    let symbols = measured.file.params.iter().map(|param| param.name.as_str());
    assert!(
        symbols.into_iter().all(|name| !layers.contains(&name)),
        "{layers:?}"
    );
    let of_gru = steps.calls.iter().filter(|call| call.layer == "gru");
    let mut updated = of_gru.filter(|call| call.phase == "update");
    assert!(updated.any(|call| call.symbol == "gru_h2h_weight"));
}

/// Of a GRU: N T 3H (D + H) forward, N T 3H H backward, and what its two weights' gradients take.
#[test]
fn products_are_the_textbook_s() {
    let measured = measured();
    let path = measured.write(&measured.lines[1]);
    let json = tinpail(&["profile", &path, "--plan", &measured.plan, "--json"]).ok();
    let all: Vec<Profile> = serde_json::from_str(&json).expect("JSON");
    let shape = |name: &str| {
        let params = &measured.file.params;
        let param = params.iter().find(|param| param.name == name);
        param
            .unwrap_or_else(|| panic!("{name} in {params:?}"))
            .shape
            .clone()
    };
    let (input, hidden) = (shape("gru_i2h_weight"), shape("gru_h2h_weight"));
    let [rows, d] = input[..] else {
        panic!("{input:?}")
    };
    assert_eq!(hidden, [rows, rows / 3]);
    let macs = |kernel: &str| -> u64 {
        let calls = all[0].calls.iter();
        let own = calls.filter(|call| call.kernel == kernel);
        own.map(|call| call.macs.expect("a product")).sum()
    };
    let per = (2 * BATCH * KEY * rows) as u64;
    assert_eq!(macs("GruForward"), per * (d + rows / 3) as u64);
    assert_eq!(macs("GruBackward"), per * (rows / 3) as u64);
    let others = all[0].calls.iter();
    let mut others = others.filter(|call| call.kernel == "SoftmaxForward");
    assert_eq!(others.next().expect("a softmax").macs, None);
}

#[test]
fn the_table_in_both_orders() {
    let measured = measured();
    let path = measured.write(&measured.lines[1]);
    let args = ["profile", &path, "--plan", &measured.plan];
    let text = tinpail(&args).ok();
    assert_says(
        &text,
        &[
            "bucket 5, training, in counts",
            "GruForward",
            "(dispatch)",
            "100.0 %",
            "per MAC",
            "whole phases: forward ",
            " in 2 runs",
        ],
    );
    let counts = |text: &str| -> Vec<u64> {
        let rows = text.lines().skip(2);
        let rows = rows.take_while(|line| !line.contains("(dispatch)"));
        let cell = |line: &str| line.split_whitespace().nth(5).map(str::to_owned);
        let cells = rows.map(|line| cell(line).expect("a count").replace(',', ""));
        cells.map(|cell| cell.parse().expect("a number")).collect()
    };
    let plan = counts(&text);
    let sorted = tinpail(&[&args[..], &["--sort", "count"]].concat()).ok();
    let mut largest_first = plan.clone();
    largest_first.sort_by_key(|count| std::cmp::Reverse(*count));
    assert_ne!(plan, largest_first);
    assert_eq!(counts(&sorted), largest_first);
}

#[test]
fn the_page_draws_every_call_once() {
    let measured = measured();
    let path = measured.write(&measured.lines[1]);
    let page = measured.scratch.name("page.html");
    let args = ["profile", &path, "--plan", &measured.plan, "--html", &page];
    assert_says(&tinpail(&args).ok(), &["written to"]);
    let page = std::fs::read_to_string(&page).unwrap();
    let section = page
        .split("<section")
        .find(|section| section.contains("class=\"picture flame\""));
    let section = section.expect("a section with a picture");
    assert_says(section, &["data-bucket=\"5\"", "data-program=\"training\""]);
    assert_eq!(page.matches("class=\"picture flame\"").count(), 1);
    let calls = measured.rows.iter().filter(|tally| tally.visits > 0);
    assert_eq!(page.matches("data-row=\"2\"").count(), calls.count());
    let mut counts: Vec<u64> = Vec::new();
    for slice in section.split("data-row=\"2\" data-count=\"").skip(1) {
        counts.push(slice.split('"').next().unwrap().parse().unwrap());
    }
    let all: u64 = measured.rows.iter().map(|tally| tally.count).sum();
    assert_eq!(counts.iter().sum::<u64>(), all);
}

#[test]
fn what_cannot_be_right_is_refused() {
    let measured = measured();
    let good = &measured.lines[1];
    let refused = |text: &str, more: &[&str]| {
        let path = measured.write(text);
        let args = ["profile", &path, "--plan", &measured.plan];
        let said = tinpail(&[&args[..], more].concat()).failed();
        assert_says(&said, &["profile.txt"]);
        said
    };
    assert_says(
        &refused("nothing\n", &[]),
        &["this is no profile", "hint: "],
    );
    // The console was closed before the end.
    let cut = good.rsplit_once('\n').unwrap().0;
    assert_says(&refused(cut, &[]), &["its last lines are missing"]);
    let row = good.lines().find(|line| line.starts_with("row")).unwrap();
    let lost = good.replace(&format!("{row}\n"), "");
    assert_says(&refused(&lost, &[]), &["lines are missing"]);
    let garbled = good.replace(row, "row 1 twice");
    assert_says(&refused(&garbled, &[]), &["\"row 1 twice\""]);
    // Another plan.
    let own = format!("{:#018x}", measured.file.plan.fingerprint);
    let other = good.replace(&own, "0x00000000000000ff");
    assert_says(
        &refused(&other, &[]),
        &["is of plan 0x00000000000000ff", &own, "hint: "],
    );
    assert_says(
        &refused(&good.replace("bucket 5", "bucket 7"), &[]),
        &["no bucket 7"],
    );
    let beyond = good.replace(row, "row 999 1 1");
    assert_says(&refused(&beyond, &[]), &["no call in row 999"]);
    assert_says(
        &refused(good, &["--bucket", "3"]),
        &["no profile of bucket 3"],
    );
}
