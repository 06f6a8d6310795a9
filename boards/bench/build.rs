//! Plans each work, makes its weights and inputs from their names, and hands the linker the machine's memory.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use tinpail_convert::{Kind, Tensor, Weights};
use tinpail_plan::symbol::{Act, Convolution, FullyConnected, Mode, Rnn, SoftmaxOutput};
use tinpail_plan::{
    Ahead, Bucketing, Net, Optimizer, PlanFile, ProductsKind, Saved, Symbols, Train, json,
};

type Made<T> = Result<T, tinpail_plan::Error>;

/// 64-32-10; with the softmax and its label, or without.
fn mlp(softmax: bool) -> Net {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let fc1 = s.fully_connected("fc1", data, FullyConnected::new(32));
    let relu = s.activation("relu", fc1, Act::Relu);
    let fc2 = s.fully_connected("fc2", relu, FullyConnected::new(10));
    if !softmax {
        return s.net([fc2]).data("data", [0, 64]);
    }
    let label = s.variable("softmax_label");
    let softmax = s.softmax_output("softmax", fc2, label, SoftmaxOutput::default());
    s.net([softmax])
        .data("data", [0, 64])
        .label("softmax_label", [0])
}

/// 16 inputs, 32 hidden, dense 10 on the last step.
fn lstm(steps: usize) -> Net {
    let mut s = Symbols::new();
    let (data, label) = (s.variable("data"), s.variable("softmax_label"));
    let lstm = s.rnn("lstm", data, Rnn::new(Mode::Lstm, 32), &[]);
    let last = s.sequence_last("last", lstm, None, 0);
    let fc = s.fully_connected("fc", last, FullyConnected::new(10));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    s.net([softmax])
        .data("data", [steps, 0, 16])
        .label("softmax_label", [0])
}

/// One dense layer without bias over `rows` rows: a product of matrices.
fn product(rows: usize, inputs: usize, outputs: usize) -> Net {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let attrs = FullyConnected {
        no_bias: true,
        flatten: false,
        ..FullyConnected::new(outputs)
    };
    let fc = s.fully_connected("fc", data, attrs);
    s.net([fc]).data("data", [0, rows, inputs])
}

/// 16 channels of 16 x 16, windows of 3 x 3, padded by one: to 32 channels, or each channel to itself.
fn convolution(depthwise: bool) -> Net {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let attrs = Convolution {
        pad: vec![1, 1],
        num_group: if depthwise { 16 } else { 1 },
        ..Convolution::new([3, 3], if depthwise { 16 } else { 32 })
    };
    let conv = s.convolution("conv", data, attrs);
    s.net([conv]).data("data", [0, 16, 16, 16])
}

/// The demo's network, as MXNet wrote it.
fn gru(steps: u32) -> Made<Net> {
    let path = format!("../speaker/model/speaker-{steps}-symbol.json");
    let text =
        fs::read_to_string(&path).map_err(|source| tinpail_plan::Error::Io { path, source })?;
    Ok(json::read(&text)?
        .data("data", [0, steps as usize, 12])
        .label("softmax_label", [0]))
}

/// SplitMix64, seeded by a name: FNV-1a of its bytes.
struct Named(u64);

impl Named {
    fn new(name: &str) -> Self {
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// In -1 .. 1.
    fn value(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn values(name: &str, len: usize, scale: f32, shift: f32) -> Vec<f32> {
        let mut named = Self::new(name);
        (0..len).map(|_| scale * named.value() + shift).collect()
    }
}

/// A matrix's values lie in +- 1 / sqrt(columns); so do biases of the same layer, in +- 0.1, but for `fc1_bias`: in 1.9 .. 2.1, so that no
/// unit of the MLP's ReLU is off and every delta of its training counts.
fn parameter(name: &str, shape: &[usize]) -> Vec<f32> {
    let len = shape.iter().product();
    match shape {
        [_] if name == "fc1_bias" => Named::values(name, len, 0.1, 2.0),
        [_] => Named::values(name, len, 0.1, 0.0),
        [_, rest @ ..] => {
            let columns = rest.iter().product::<usize>() as f32;
            Named::values(name, len, 1.0 / columns.sqrt(), 0.0)
        }
        [] => Vec::new(),
    }
}

struct Files(PathBuf);

impl Files {
    fn floats(&self, name: &str, values: &[f32]) -> std::io::Result<()> {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        fs::write(self.0.join(name), bytes)
    }

    /// A work run by the plan's tables, and as `NAME_specialised` by code.
    fn both<F>(
        &self,
        name: &str,
        bucketing: impl Fn() -> Bucketing<F>,
        known: Option<Weights>,
    ) -> Result<(), Box<dyn Error>>
    where
        F: Fn(u32) -> Made<Net>,
    {
        self.work(name, bucketing(), known.clone())?;
        let name = format!("{name}_specialised");
        self.emit(&name, bucketing().specialise(true), known)
    }

    /// A work run by the plan's tables.
    fn work<F>(
        &self,
        name: &str,
        bucketing: Bucketing<F>,
        known: Option<Weights>,
    ) -> Result<(), Box<dyn Error>>
    where
        F: Fn(u32) -> Made<Net>,
    {
        self.emit(name, bucketing.specialise(false), known)
    }

    /// `NAME.rs`, `NAME.blob`, `NAME.input`, and `NAME.weights` for kernels that know no blobs.
    fn emit<F>(
        &self,
        name: &str,
        bucketing: Bucketing<F>,
        known: Option<Weights>,
    ) -> Result<(), Box<dyn Error>>
    where
        F: Fn(u32) -> Made<Net>,
    {
        bucketing.emit(name)?;
        let plan: PlanFile = bucketing.plan()?;
        let mut all = Vec::new();
        let weights = match known {
            Some(weights) => weights,
            None => {
                let mut weights = Weights::new();
                for param in &plan.params {
                    let values = parameter(&param.name, &param.shape);
                    all.extend_from_slice(&values);
                    let tensor = Tensor::new(param.shape.clone(), values)?;
                    weights.push(Kind::Arg, param.name.clone(), tensor)?;
                }
                weights
            }
        };
        fs::write(
            self.0.join(format!("{name}.blob")),
            tinpail_convert::blob(&plan, &weights)?,
        )?;
        self.floats(&format!("{name}.weights"), &all)?;
        let default = usize::from(plan.plan.default_bucket);
        let data = &plan.buckets[default].data_shapes[0];
        let input = Named::values(&data.name, data.len(), 1.0, 0.0);
        self.floats(&format!("{name}.input"), &input)?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    link(&out)?;
    let files = Files(out);
    let momentum = Optimizer::Sgd { momentum: true };
    let plain = Optimizer::Sgd { momentum: false };

    let mlp_training = || {
        Bucketing::new(|_| Ok(mlp(true)))
            .bucket_keys([1])
            .train(Train::Fused)
    };
    files.both("mlp_momentum", || mlp_training().optimizer(momentum), None)?;
    files.both("mlp_sgd", || mlp_training().optimizer(plain), None)?;
    let inference = |net: fn() -> Net| {
        Bucketing::new(move |_| Ok(net()))
            .bucket_keys([1])
            .train(Train::None)
    };
    files.both("mlp", || inference(|| mlp(false)), None)?;
    let fc = || inference(|| product(1, 640, 128));
    files.work("fc", fc(), None)?;
    files.work("fc_fma", fc().products(ProductsKind::Fused), None)?;
    files.work("fc_ftz", fc().products(ProductsKind::Flushed), None)?;
    files.work("product", inference(|| product(16, 640, 16)), None)?;
    files.work("conv", inference(|| convolution(false)), None)?;
    files.work("depthwise", inference(|| convolution(true)), None)?;
    let lstm = || {
        Bucketing::new(|steps| Ok(lstm(steps as usize)))
            .bucket_keys([20])
            .optimizer(momentum)
            .train(Train::Fused)
    };
    files.both("lstm", lstm, None)?;
    files.work("lstm_fma", lstm().products(ProductsKind::Fused), None)?;
    files.work("lstm_ftz", lstm().products(ProductsKind::Flushed), None)?;
    files.work("lstm_f16", lstm().saved_activations(Saved::F16), None)?;

    println!("cargo::rerun-if-changed=../speaker/model");
    let trained = || tinpail_convert::read_file(Path::new("../speaker/model/speaker-0060.params"));
    let switch = Bucketing::new(gru).bucket_keys([12, 16, 20, 29]);
    files.work("switch", switch.train(Train::Fused), Some(trained()?))?;
    let gru = || Bucketing::new(gru).bucket_keys([29]);
    // A tile of products with the input is five steps on Arm; where the device trains there is room for all.
    let ahead = Ahead::Steps(10);
    files.both(
        "gru",
        || gru().train(Train::None).steps_ahead(ahead),
        Some(trained()?),
    )?;
    files.both(
        "gru_training",
        || gru().optimizer(momentum).train(Train::Fused),
        Some(trained()?),
    )?;
    Ok(())
}

/// `TINPAIL_BENCH_MEMORY` names the file in memory/.
fn link(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=TINPAIL_BENCH_MEMORY");
    let is_arm = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "arm");
    let usual = if is_arm { "mps2" } else { "virt" };
    let machine = env::var("TINPAIL_BENCH_MEMORY").unwrap_or_else(|_| usual.into());
    let memory = format!("memory/{machine}.x");
    fs::copy(&memory, out.join("memory.x"))?;
    println!("cargo::rerun-if-changed={memory}");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=--nmagic");
    if !is_arm {
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    Ok(())
}
