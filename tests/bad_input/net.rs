//! The network of these tests, and how a refusal is held to its promise.

use std::fmt::Debug;

use tinpail::BucketIndex;
use tinpail_plan::symbol::{Act, Embedding, FullyConnected, Mode, Rnn, SoftmaxOutput, Sym};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Symbols, Train};

use crate::common::rng::Rng;
use crate::common::run::{self, Module, bits};
use crate::common::values::{Input, Persistent, Sample};

/// Tokens of an embedding.
pub const VOCABULARY: usize = 5;
pub const CLASSES: usize = 4;
pub const BATCH: usize = 2;
/// The bucket keys: time steps.
pub const KEYS: [u32; 2] = [2, 3];
pub const SHORT: BucketIndex = BucketIndex(0);
pub const LONG: BucketIndex = BucketIndex(1);

/// Ports of data and labels.
pub const TOKENS: usize = 0;
pub const LEVEL: usize = 1;
pub const LENGTHS: usize = 2;

/// Tokens -> Embedding -> GRU with a carried state -> the step of each sample's length, beside a plain input
/// -> a frozen layer -> a loss that may ignore its label.
pub fn sym_gen(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let (tokens, level) = (s.variable("tokens"), s.variable("level"));
    let (lengths, h0) = (s.variable("lengths"), s.variable("h0"));
    let attrs = Embedding {
        input_dim: VOCABULARY,
        output_dim: 2,
    };
    let x = s.embedding("embed", tokens, attrs);
    let x = s.swap_axis("steps", x, 0, 1);
    let attrs = Rnn {
        state_outputs: true,
        ..Rnn::new(Mode::Gru, 3)
    };
    let h = s.rnn("gru", x, attrs, &[h0]);
    let carried = s.block_grad("carried", Sym { output: 1, ..h });
    let last = s.sequence_last("last", h, Some(lengths), 0);
    let y = s.concat("joined", &[last, level], 1);
    let y = s.fully_connected("frozen", y, FullyConnected::new(6));
    let y = s.activation("tanh", y, Act::Tanh);
    let y = s.fully_connected("fc", y, FullyConnected::new(CLASSES));
    let label = s.variable("label");
    let attrs = SoftmaxOutput {
        use_ignore: true,
        ..SoftmaxOutput::default()
    };
    let loss = s.softmax_output("softmax", y, label, attrs);
    Ok(s.net([loss, carried])
        .data("tokens", [0, steps as usize])
        .data("level", [0, 2])
        .data("lengths", [0])
        .label("label", [0]))
}

pub fn plan(train: Train) -> PlanFile {
    plan_of(&KEYS, train)
}

pub fn plan_of(keys: &[u32], train: Train) -> PlanFile {
    let keys = keys.iter().copied();
    bucketing(train).bucket_keys(keys).plan().expect("a plan")
}

pub fn bucketing(train: Train) -> Bucketing<fn(u32) -> Result<Net, Error>> {
    Bucketing::new(sym_gen as fn(u32) -> Result<Net, Error>)
        .bucket_keys(KEYS)
        .batch_size(BATCH)
        .state_names(["h0"])
        .fixed_param_names(["frozen_weight", "frozen_bias"])
        .train(train)
}

/// The index of a parameter.
pub fn param(file: &PlanFile, name: &str) -> usize {
    let named = file.params.iter().position(|own| own.name == name);
    named.expect("a parameter of this name")
}

pub fn values(file: &PlanFile) -> Persistent {
    Persistent::random(file, &mut Rng::new(1))
}

/// A good batch.
pub fn sample(file: &PlanFile, bucket: BucketIndex) -> Sample {
    let seed = 2 + u64::from(bucket.0);
    let mut sample = Sample::random(file, bucket.0.into(), &mut Rng::new(seed));
    // No label is ignored.
    sample.labels = vec![Input::U16(vec![1, 3])];
    sample
}

/// The whole arena after `run`, from one of NaN.
pub fn arena_after(file: &PlanFile, run: impl FnOnce(&mut Module<'_>)) -> Vec<u32> {
    let blob = values(file).blob(file);
    let mut arena = vec![f32::NAN; file.plan.arena_len as usize];
    let model = tinpail::Registry::new(file.plan.plan());
    {
        let mut module = Module::bind_words(model, &mut arena, blob.bytes()).expect("bound");
        module.init_optimizer(run::SGD).expect("an optimizer");
        run(&mut module);
    }
    bits(&arena)
}

/// Asserts that `attempt`, after `before`, fails with `error` and leaves the whole arena, parameters,
/// states and momenta included, as it was.
#[track_caller]
pub fn refused<E: Debug + PartialEq>(
    file: &PlanFile,
    before: impl Fn(&mut Module<'_>),
    attempt: impl FnOnce(&mut Module<'_>) -> Result<(), E>,
    error: E,
) {
    let untouched = arena_after(file, &before);
    let mut outcome = Ok(());
    let arena = arena_after(file, |module| {
        before(module);
        let bucket = module.current_bucket();
        outcome = attempt(module);
        assert_eq!(module.current_bucket(), bucket, "another bucket is current");
    });
    assert_eq!(outcome, Err(error));
    assert_eq!(arena, untouched, "the arena was changed");
}

/// A step of training in the long bucket, so that all of the arena holds something.
pub fn trained(file: &PlanFile) -> impl Fn(&mut Module<'_>) {
    move |module| {
        run::train(file, module, &sample(file, LONG), true);
    }
}

/// Nothing before the attempt.
pub fn fresh(_: &mut Module<'_>) {}
