//! Plans scenario c from MXNet's symbol.json and turns its steps into statics; and plans another network, which the
//! boards load over the kernels of the first, one that saves its activations in f16, and one each by the recipes `fma` and `ftz`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;
use tinpail::optim::Sgd;
use tinpail::plan::Counts;
use tinpail::{BucketingModule, Registry};
use tinpail_convert::{AlignedBlob, Kind, Weights};
use tinpail_plan::symbol::{FullyConnected, Mode, Rnn, SoftmaxOutput};
use tinpail_plan::{
    Bucketing, Net, Optimizer, PlanFile, ProductsKind, Saved, Symbols, Train, json,
};

const GOLDEN: &str = "../../tests/golden";

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

type Tensors = BTreeMap<String, Tensor>;

#[derive(Deserialize)]
struct Step {
    bucket_key: u32,
    data: Tensors,
    label: Tensors,
    is_train: bool,
    outputs: Tensors,
    #[serde(default)]
    input_grads: Vec<Tensor>,
    #[serde(default)]
    params_after_update: Tensors,
}

#[derive(Deserialize)]
struct Scenario {
    params_init: Tensors,
    steps: Vec<Step>,
}

fn sym_gen(steps: u32) -> Result<Net, tinpail_plan::Error> {
    let path = format!("{GOLDEN}/c_gru_fixed/model-{steps}-symbol.json");
    let text =
        fs::read_to_string(&path).map_err(|source| tinpail_plan::Error::Io { path, source })?;
    Ok(json::read(&text)?
        .data("data", [0, steps as usize, 3])
        .label("softmax_label", [0]))
}

#[path = "src/second.rs"]
mod second;

/// The same network with six units instead of four.
fn wider(steps: u32) -> Result<Net, tinpail_plan::Error> {
    let path = format!("{GOLDEN}/c_gru_fixed/model-{steps}-symbol.json");
    let text =
        fs::read_to_string(&path).map_err(|source| tinpail_plan::Error::Io { path, source })?;
    let text = text.replace("\"12\"", "\"18\"").replace("(0, 4)", "(0, 6)");
    Ok(json::read(&text)?
        .data("data", [0, steps as usize, 3])
        .label("softmax_label", [0]))
}

/// A layer of each mode, one over the other, for a build that saves its activations in f16 and for those by the recipes `fma` and `ftz`.
fn layers(steps: u32) -> Result<Net, tinpail_plan::Error> {
    let mut s = Symbols::new();
    let (mut y, label) = (s.variable("data"), s.variable("softmax_label"));
    for (name, mode) in [
        ("lstm", Mode::Lstm),
        ("gru", Mode::Gru),
        ("rnn", Mode::RnnTanh),
    ] {
        // An odd number: some words hold one value.
        y = s.rnn(name, y, Rnn::new(mode, 5), &[]);
    }
    let last = s.sequence_last("last", y, None, 0);
    let fc = s.fully_connected("fc", last, FullyConnected::new(3));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    Ok(s.net([softmax])
        .data("data", [steps as usize, 0, 3])
        .label("softmax_label", [0]))
}

/// Plans the network above as a module, with what the host computes with it.
fn write_layers<F>(out: &Path, name: &str, bucketing: Bucketing<F>) -> Result<(), Box<dyn Error>>
where
    F: Fn(u32) -> Result<Net, tinpail_plan::Error>,
{
    let bucketing = bucketing
        .bucket_keys([2, 5])
        .batch_size(2)
        .optimizer(Optimizer::Sgd { momentum: true })
        .train(Train::Fused);
    bucketing.emit(name)?;
    let plan = bucketing.plan()?;
    let (values, bits) = run_on_host(&plan, &out.join(format!("{name}.blob")))?;
    let source = format!(
        "/// What the host computed.\npub const EXPECTED: (usize, u32) = ({values}, {bits:#x});\n"
    );
    fs::write(out.join(format!("{name}_expected.rs")), source)?;
    Ok(())
}

/// Writes parameters to `path`, and what the host computes from them.
fn run_on_host(plan: &PlanFile, path: &Path) -> Result<(usize, u32), Box<dyn Error>> {
    let mut weights = Weights::new();
    for (index, param) in plan.params.iter().enumerate() {
        let len = param.len();
        // Any values will do that are no multiples of each other.
        let values = (0..len).map(|at| ((7 * at + 5 * index) % 23) as f32 / 29.0 - 0.3);
        let tensor = tinpail_convert::Tensor::new(param.shape.clone(), values.collect())?;
        weights.push(Kind::Arg, param.name.clone(), tensor)?;
    }
    let blob = tinpail_convert::blob(plan, &weights)?;
    fs::write(path, &blob)?;

    let aligned = AlignedBlob::new(&blob);
    let mut arena = vec![0.0; plan.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(plan.plan.plan());
    let module = BucketingModule::bind_words(model, &mut arena, aligned.bytes());
    let mut module = module.map_err(|error| format!("{error:?}"))?;
    Ok(second::run(&mut module)?)
}

/// Writes the plan and the parameters of a second network, with what the host computes with them.
fn write_second(out: &Path) -> Result<(), Box<dyn Error>> {
    let bucketing = Bucketing::new(wider)
        .bucket_keys([2, 5])
        .batch_size(2)
        .optimizer(Optimizer::Sgd { momentum: false })
        .train(Train::Fused);
    let plan = bucketing.plan()?;
    fs::write(out.join("second.plan.blob"), plan.blob()?)?;
    let (values, bits) = run_on_host(&plan, &out.join("second.blob"))?;
    let counts = Counts::of(&plan.plan.plan());
    let few = [
        counts.params,
        counts.buckets,
        counts.programs,
        counts.ports,
        counts.loops,
    ];
    let many = [
        counts.steps,
        counts.calls,
        counts.operands,
        counts.strides,
        counts.spans,
        counts.ints,
    ];
    let source = format!(
        "/// What the host computed.\npub const EXPECTED: (usize, u32) = ({values}, {bits:#x});\n\
         /// Elements of the arena.\npub const ARENA_WORDS: usize = {};\n\
         /// Rows of the small tables, and of the others.\npub const FEW: usize = {};\npub const ROWS: usize = {};\n",
        plan.plan.arena_len,
        few.into_iter().max().unwrap_or_default(),
        many.into_iter().max().unwrap_or_default(),
    );
    fs::write(out.join("second.rs"), source)?;
    Ok(())
}

fn floats(values: &[f32]) -> String {
    let bits = values.iter().map(|value| value.to_bits().to_string());
    let bits = bits.collect::<Vec<_>>().join(", ");
    format!("&[{bits}]")
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={GOLDEN}/c_gru_fixed");
    println!("cargo::rerun-if-changed={GOLDEN}/c_gru_fixed.json");
    let bucketing = Bucketing::new(sym_gen)
        .bucket_keys([2, 3, 5])
        .batch_size(3)
        .fixed_param_names(["proj_weight", "proj_bias"])
        .inputs_need_grad(true)
        .optimizer(Optimizer::Sgd { momentum: false })
        .train(Train::Fused);
    bucketing.emit("network")?;
    let plan = bucketing.plan()?;

    let text = fs::read(format!("{GOLDEN}/c_gru_fixed.json"))?;
    let scenario: Scenario = serde_json::from_slice(&text)?;
    let mut weights = Weights::new();
    for (name, tensor) in scenario.params_init {
        let tensor = tinpail_convert::Tensor::new(tensor.shape, tensor.data)?;
        weights.push(Kind::Arg, name, tensor)?;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(
        out.join("network.blob"),
        tinpail_convert::blob(&plan, &weights)?,
    )?;

    let mut source = format!("pub static STEPS: [Step; {}] = [\n", scenario.steps.len());
    for step in &scenario.steps {
        let labels = step.label["softmax_label"].data.iter();
        let labels: Vec<u16> = labels.map(|label| *label as u16).collect();
        let params = plan.params.iter();
        let params: Vec<String> = params
            .map(|param| {
                let after = step.params_after_update.get(&param.name);
                floats(after.map_or(&[], |tensor| &tensor.data))
            })
            .collect();
        let input_grad = step.input_grads.first();
        writeln!(
            source,
            "    Step {{ bucket: crate::network::Bucket::K{}, data: {}, label: &{labels:?}, is_train: {}, \
             outputs: {}, input_grad: {}, params: &[{}] }},",
            step.bucket_key,
            floats(&step.data["data"].data),
            step.is_train,
            floats(&step.outputs["softmax_output"].data),
            floats(input_grad.map_or(&[], |tensor| &tensor.data)),
            params.join(", "),
        )?;
    }
    source.push_str("];\n");
    fs::write(out.join("steps.rs"), source)?;
    write_second(&out)?;
    write_layers(
        &out,
        "saved",
        Bucketing::new(layers).saved_activations(Saved::F16),
    )?;
    write_layers(
        &out,
        "fused",
        Bucketing::new(layers).products(ProductsKind::Fused),
    )?;
    write_layers(
        &out,
        "flushed",
        Bucketing::new(layers).products(ProductsKind::Flushed),
    )?;
    Ok(())
}
