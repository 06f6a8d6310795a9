//! Rolled plans: loops in place of repeated calls, the same bits, and tables whose size does not grow with the number
//! of steps.

use std::cell::RefCell;

use tinpail::optim::Sgd;
use tinpail::plan::PlanRows;
use tinpail::profiler::{Profiler, Tally};
use tinpail::{Batch, BucketIndex, BucketingModule, Loaded, Registry};
use tinpail_plan::symbol::{Act, FullyConnected, Op, ScalarOp, SoftmaxOutput, Sym};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Roll, Symbols, Train, flat};

use crate::common::rng::Rng;
use crate::common::run;
use crate::common::values::{Input, Persistent, Sample};

const BATCH: usize = 2;
const INPUTS: usize = 3;
const HIDDEN: usize = 5;

/// A cell that is none of MXNet's, so that nothing fuses it: h = tanh(W x + U h) * sigmoid(V x) + h / 2, unrolled.
fn unrolled(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let (data, label) = (s.variable("data"), s.variable("softmax_label"));
    let weights = ["w", "u", "v"].map(|name| {
        let weight = s.variable(&format!("{name}_weight"));
        (weight, s.variable(&format!("{name}_bias")))
    });
    let parts = s.slice_channel("slice", data, steps as usize, 0, true);
    let fc = |s: &mut Symbols, name: String, x: Sym, at: usize| {
        let (weight, bias) = weights[at];
        let op = Op::FullyConnected(FullyConnected::new(HIDDEN));
        s.push(&name, op, &[x, weight, bias])
    };
    let mut h: Option<Sym> = None;
    for (t, x) in parts.into_iter().enumerate() {
        let wx = fc(&mut s, format!("t{t}_w"), x, 0);
        let sum = match h {
            Some(h) => {
                let uh = fc(&mut s, format!("t{t}_u"), h, 1);
                s.elemwise_add(&format!("t{t}_sum"), wx, uh)
            }
            None => wx,
        };
        let candidate = s.activation(&format!("t{t}_tanh"), sum, Act::Tanh);
        let vx = fc(&mut s, format!("t{t}_v"), x, 2);
        let gate = s.activation(&format!("t{t}_gate"), vx, Act::Sigmoid);
        let gated = s.elemwise_mul(&format!("t{t}_gated"), candidate, gate);
        h = Some(match h {
            Some(h) => {
                let half = s.scalar(&format!("t{t}_half"), h, ScalarOp::Mul, 0.5);
                s.elemwise_add(&format!("t{t}_h"), gated, half)
            }
            None => gated,
        });
    }
    let fc = s.fully_connected("fc", h.expect("a step"), FullyConnected::new(4));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    Ok(s.net([softmax])
        .data("data", [steps as usize, 0, INPUTS])
        .label("softmax_label", [0]))
}

fn plan(steps: u32, train: Train, roll: Roll) -> PlanFile {
    let bucketing = Bucketing::new(unrolled)
        .bucket_keys([steps])
        .batch_size(BATCH)
        .train(train)
        .roll(roll);
    bucketing.plan().expect("a plan")
}

/// What two steps and an inference leave, in bits.
fn bits(file: &PlanFile) -> Vec<Vec<u32>> {
    let mut rng = Rng::new(5);
    let values = Persistent::random(file, &mut rng);
    let sample = Sample::random(file, 0, &mut rng);
    run::bound(file, &values, |module| {
        let mut all = Vec::new();
        if file.plan.train != Train::None {
            for _ in 0..2 {
                all.extend(run::train(file, module, &sample, true).bits());
            }
            let persistent = run::persistent_bits(file, module).into_iter();
            all.extend(persistent.map(|(_, bits)| bits));
        }
        all.extend(run::infer(file, module, &sample).bits());
        all
    })
}

#[test]
fn plan_bytes_do_not_grow_with_the_steps() {
    for train in [Train::None, Train::Fused, Train::Held] {
        let mut sizes = Vec::new();
        for steps in [8, 16, 32] {
            let flat = plan(steps, train, Roll::Off);
            let free = plan(steps, train, Roll::Free);
            let fully = plan(steps, train, Roll::Fully);
            assert!(flat.plan.loops.is_empty());
            for rolled in [&free, &fully] {
                assert_eq!(bits(rolled), bits(&flat), "{train:?}, {steps} steps");
            }
            let bytes = |file: &PlanFile| (file.report.plan_bytes, file.report.arena_bytes);
            let [(flat, flat_ram), (free, free_ram), (fully, fully_ram)] =
                [&flat, &free, &fully].map(bytes);
            println!(
                "{train:?} {steps}: {flat} B, arena {flat_ram}; {free}; {fully}, arena {fully_ram}"
            );
            assert_eq!(free_ram, flat_ram, "{train:?}, {steps} steps");
            assert!(free <= flat);
            // Evenly spaced buffers take up to a quarter more.
            assert!(4 * fully_ram <= 5 * flat_ram, "{train:?}, {steps} steps");
            sizes.push(fully);
        }
        assert_eq!(sizes, [sizes[0]; 3], "{train:?}");
    }
}

/// Of every training mode, and over a loaded plan: a row is visited as often as the tables, read back, call it.
#[test]
fn a_profiler_adds_up_the_turns_of_a_loop() {
    for train in [Train::Fused, Train::Held, Train::Step] {
        let file = plan(8, train, Roll::Fully);
        let tables = file.plan.plan();
        assert!(!tables.loops.is_empty());
        let program = tables.program(tables.buckets[0].train);
        let mut expected = vec![Tally::ZERO; tables.steps.len()];
        let phases = [
            program.forward,
            program.backward,
            program.check,
            program.update,
        ];
        for rows in phases {
            let calls = flat::calls(&tables, tables.buckets[0].frame, rows).expect("calls");
            for call in calls {
                expected[call.step].visits += 1;
            }
        }
        assert!(expected.iter().any(|tally| tally.visits >= 6), "a loop");

        let mut rng = Rng::new(5);
        let blob = Persistent::random(&file, &mut rng).blob(&file);
        let sample = Sample::random(&file, 0, &mut rng);
        let mut rows = vec![Tally::ZERO; tables.steps.len()];
        let profiler = Profiler::new(&tables, BucketIndex(0), || 0, &mut rows);
        let profiler = RefCell::new(profiler.expect("a profiler"));
        let bytes = file.blob().expect("a blob");
        let mut storage = PlanRows::<64, 1024>::new();
        let kernels = Registry::<Sgd>::new(tables);
        let model = Loaded::from_bytes(kernels, &bytes, storage.storage()).expect("loaded");
        let mut arena = vec![0.0; file.plan.arena_len as usize];
        let module = BucketingModule::bind_words(model, &mut arena, blob.bytes());
        let mut module = module.expect("bound").install_profiler(&profiler);
        module.init_optimizer(Sgd::default()).expect("an optimizer");
        let data: Vec<_> = sample.data.iter().map(Input::tensor).collect();
        let label: Vec<_> = sample.labels.iter().map(Input::tensor).collect();
        let batch = Batch::new(BucketIndex(0), &data).with_label(&label);
        module.train_step(&batch).expect("a step");
        assert_eq!(profiler.borrow().rows(), expected, "{train:?}");
    }
}
