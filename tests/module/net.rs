//! The network of these tests: a dense layer, tanh, and a softmax over two classes, in two buckets.

use tinpail::optim::Sgd;
use tinpail::{BucketIndex, BucketingModule, Registry};
use tinpail_plan::symbol::{Act, FullyConnected, SoftmaxOutput};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Symbols, Train};

use crate::common::rng::Rng;
use crate::common::values::Persistent;

pub type Module<'a> = BucketingModule<'a, Registry<'a, Sgd>>;

pub const BATCH: usize = 2;
pub const INPUTS: usize = 3;
pub const BUCKET: BucketIndex = BucketIndex(0);

fn sym_gen(_: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let (data, label) = (s.variable("data"), s.variable("softmax_label"));
    let y = s.fully_connected("fc1", data, FullyConnected::new(4));
    let y = s.activation("tanh", y, Act::Tanh);
    let y = s.fully_connected("fc2", y, FullyConnected::new(2));
    let y = s.softmax_output("softmax", y, label, SoftmaxOutput::default());
    let net = s.net([y]).data("data", [0, INPUTS]);
    Ok(net.label("softmax_label", [0]))
}

pub fn bucketing(train: Train) -> Bucketing<fn(u32) -> Result<Net, Error>> {
    Bucketing::new(sym_gen as fn(u32) -> Result<Net, Error>)
        .bucket_keys([1, 2])
        .batch_size(BATCH)
        .train(train)
}

pub fn plan() -> PlanFile {
    bucketing(Train::Fused).plan().expect("a plan")
}

/// Binds random parameters, with an optimizer.
pub fn bound<T>(file: &PlanFile, with: impl FnOnce(Module<'_>) -> T) -> T {
    let blob = Persistent::random(file, &mut Rng::new(3)).blob(file);
    let mut arena = vec![0.0; file.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(file.plan.plan());
    let mut module = Module::bind_words(model, &mut arena, blob.bytes()).expect("bound");
    module
        .init_optimizer(Sgd {
            learning_rate: 0.5,
            ..Sgd::default()
        })
        .expect("an optimizer");
    with(module)
}

/// All parameters, one after the other.
pub fn params<M: tinpail::Model>(module: &BucketingModule<'_, M>) -> Vec<f32> {
    let count = module.plan().params.len();
    let values = (0..count).map(|index| module.get_params(index).expect("a parameter"));
    values.flatten().copied().collect()
}
