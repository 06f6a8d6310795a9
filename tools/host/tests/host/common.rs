//! Networks of the tests.

use std::path::{Path, PathBuf};

use tinpail::optim::Sgd;
use tinpail::{Batch, Tensor};
use tinpail_convert::{Kind, Weights};
use tinpail_host::{Bind, HostModule, InitParams, Initializer, Memory, Network};
use tinpail_plan::symbol::{FullyConnected, SoftmaxOutput};
use tinpail_plan::{Error, Net, Symbols};

pub type Module<'m> = HostModule<'m, Sgd>;

pub const SGD: Sgd = Sgd {
    learning_rate: 0.1,
    momentum: 0.9,
    wd: 0.0,
    rescale_grad: None,
    clip_gradient: None,
};

/// A file of tests/golden.
pub fn golden(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("tests/golden").join(path)
}

/// The network of the oracle's contract probes: (N, T, 3), mean over T, fc of 2, softmax.
pub fn sym_gen(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let (data, label) = (s.variable("data"), s.variable("softmax_label"));
    let mean = s.mean("mean", data, &[1], false);
    let fc = s.fully_connected("fc", mean, FullyConnected::new(2));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    let net = s.net([softmax]);
    Ok(net
        .data("data", [0, steps as usize, 3])
        .label("softmax_label", [0]))
}

pub fn network() -> Network {
    Network::new(sym_gen, [2, 4], 4).expect("a network")
}

/// Not bound.
pub fn module(memory: &Memory) -> Module<'_> {
    HostModule::new(memory, network())
}

pub fn bind() -> Bind {
    Bind {
        batch_size: 2,
        ..Bind::default()
    }
}

/// Bound, with parameters and optimizer.
pub fn ready(memory: &Memory) -> Module<'_> {
    let mut module = module(memory);
    module.bind(&bind()).expect("bound");
    init(&mut module, &Initializer::Uniform { scale: 0.5 });
    module.init_optimizer(SGD, false).expect("an optimizer");
    module
}

pub fn init(module: &mut Module<'_>, initializer: &Initializer) {
    let init = InitParams {
        initializer: Some(initializer),
        seed: 3,
        ..InitParams::default()
    };
    module.init_params(&init).expect("parameters");
}

/// A step on numbers that follow from `number`.
pub fn step(module: &mut Module<'_>, number: usize) {
    let key = [4, 2][number % 2];
    let values: Vec<f32> = (0..2 * 3 * key)
        .map(|at| ((at * 7 + number * 5) % 11) as f32 / 5.0 - 1.0)
        .collect();
    let label = [(number % 2) as u16, 1];
    let (data, label) = ([Tensor::F32(&values)], [Tensor::U16(&label)]);
    let batch = module
        .batch(key as u32, &data)
        .expect("a bucket")
        .with_label(&label);
    train(module, batch);
}

pub fn train(module: &mut Module<'_>, batch: Batch<'_>) {
    let core = module.core_mut().expect("initialized");
    core.train_step(&batch).expect("a step");
}

/// A dictionary of parameters.
pub fn dict(entries: &[(&str, &[usize], &[f32])]) -> Weights {
    let mut weights = Weights::new();
    for (name, shape, values) in entries {
        let tensor =
            tinpail_convert::Tensor::new(shape.to_vec(), values.to_vec()).expect("a tensor");
        weights
            .push(Kind::Arg, (*name).into(), tensor)
            .expect("a new name");
    }
    weights
}

pub fn values(module: &Module<'_>, name: &str) -> Vec<f32> {
    let params = module.get_params().expect("parameters");
    params.arg(name).expect(name).data().to_vec()
}
