//! The network of the probes: (N, T, 3), mean over T, fully connected to 2, softmax. Batches of 2.

use tinpail::optim::Sgd;
use tinpail::{Batch, Tensor};
use tinpail_convert::{Kind, Weights};
use tinpail_host::{Bind, HostModule, InitParams, Initializer, Memory, Network};
use tinpail_plan::symbol::{FullyConnected, SoftmaxOutput};
use tinpail_plan::{Error, Net, Symbols};

pub const B: usize = 2;
pub const D: usize = 3;

pub type Module<'m> = HostModule<'m, Sgd>;

pub fn declared(net: Net, steps: u32) -> Net {
    net.data("data", [0, steps as usize, D])
        .label("softmax_label", [0])
}

pub fn sym_gen(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let mean = s.mean("mean0", data, &[1], false);
    let fc = s.fully_connected("fc", mean, FullyConnected::new(2));
    let label = s.variable("softmax_label");
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    Ok(declared(s.net([softmax]), steps))
}

pub fn bind() -> Bind {
    Bind {
        batch_size: B,
        ..Bind::default()
    }
}

/// The probes' `mk(bind=False)`.
pub fn unbound(memory: &Memory) -> Module<'_> {
    of(memory, sym_gen)
}

/// Not bound, of another network with the same keys.
pub fn of(memory: &Memory, sym_gen: fn(u32) -> Result<Net, Error>) -> Module<'_> {
    HostModule::new(memory, Network::new(sym_gen, [2, 4], 4).expect("a network"))
}

/// `mk(init=False)`.
pub fn bound(memory: &Memory) -> Module<'_> {
    let mut module = unbound(memory);
    module.bind(&bind()).expect("bound");
    module
}

/// `mk()`.
pub fn initialized(memory: &Memory) -> Module<'_> {
    let mut module = bound(memory);
    init(&mut module);
    module
}

/// `mk(opt=True)`.
pub fn ready(memory: &Memory) -> Module<'_> {
    let mut module = initialized(memory);
    module
        .init_optimizer(Sgd::default(), false)
        .expect("an optimizer");
    module
}

/// Bound as `bind` says, with parameters and optimizer.
pub fn ready_as<'m>(memory: &'m Memory, bind: &Bind) -> Module<'m> {
    let mut module = unbound(memory);
    module.bind(bind).expect("bound");
    init(&mut module);
    module
        .init_optimizer(Sgd::default(), false)
        .expect("an optimizer");
    module
}

pub fn init(module: &mut Module<'_>) {
    let uniform = Initializer::Uniform { scale: 0.5 };
    let init = InitParams {
        initializer: Some(&uniform),
        seed: 1,
        ..InitParams::default()
    };
    module.init_params(&init).expect("parameters");
}

pub const LABEL: [u16; B] = [0, 1];

/// Data of a batch of the bucket `key`.
pub fn data(key: u32) -> Vec<f32> {
    let value = |at: usize| ((at * 7 + key as usize) % 11) as f32 / 5.0 - 1.0;
    (0..B * D * key as usize).map(value).collect()
}

/// Runs `with` on a batch of the bucket `key`.
pub fn on_batch<T>(
    module: &mut Module<'_>,
    key: u32,
    with: impl FnOnce(&mut Module<'_>, Batch<'_>) -> T,
) -> T {
    let values = data(key);
    let (data, label) = ([Tensor::F32(&values)], [Tensor::U16(&LABEL)]);
    let batch = module
        .batch(key, &data)
        .expect("a bucket")
        .with_label(&label);
    with(module, batch)
}

/// A forward for inference.
pub fn forward(module: &mut Module<'_>, key: u32) {
    on_batch(module, key, |module, batch| {
        module
            .core_mut()
            .expect("initialized")
            .forward(&batch)
            .expect("forward");
    });
}

/// forward_backward and update.
pub fn step(module: &mut Module<'_>, key: u32) {
    on_batch(module, key, |module, batch| {
        module
            .core_mut()
            .expect("initialized")
            .train_step(&batch)
            .expect("a step");
    });
}

pub fn values(module: &Module<'_>, name: &str) -> Vec<f32> {
    let params = module.get_params().expect("parameters");
    params.arg(name).expect(name).data().to_vec()
}

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
