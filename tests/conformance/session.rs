//! A scenario's network, planned from MXNet's symbol.json and bound on the host.

use tinpail::optim::Sgd;
use tinpail::plan::ParamKind;
use tinpail::{BucketingModule, Registry};
use tinpail_convert::{AlignedBlob, Kind, Weights};
use tinpail_plan::symbol::Net;
use tinpail_plan::{Bucketing, Error, PlanFile, json};

use super::oracle::{self, Scenario, Tensor, Tensors, assert_close};

pub type Module<'a> = BucketingModule<'a, Registry<'a, Sgd>>;

/// `sym_gen` that reads the scenario's symbol.json of each bucket.
pub fn sym_gen(
    scenario: &Scenario,
    declare: impl Fn(Net, usize) -> Net,
) -> impl Fn(u32) -> Result<Net, Error> {
    move |key| {
        let file = &scenario.files.symbols[&key.to_string()];
        let text = String::from_utf8(oracle::read(file)).expect("symbol.json is text");
        Ok(declare(json::read(&text)?, key as usize))
    }
}

/// The scenario's bucketing with its keys set.
pub fn bucketing<F: Fn(u32) -> Result<Net, Error>>(
    scenario: &Scenario,
    sym_gen: F,
) -> Bucketing<F> {
    let keys = scenario.files.symbols.keys();
    let keys: Vec<u32> = keys.map(|key| key.parse().expect("a number")).collect();
    Bucketing::new(sym_gen).bucket_keys(keys)
}

/// The blob of the scenario's initial parameters.
pub fn blob(plan: &PlanFile, params: &Tensors) -> AlignedBlob {
    blob_with_aux(plan, params, &Tensors::new())
}

/// The same with its auxiliary states.
pub fn blob_with_aux(plan: &PlanFile, params: &Tensors, aux: &Tensors) -> AlignedBlob {
    let mut weights = Weights::new();
    let params = params.iter().map(|param| (Kind::Arg, param));
    let aux = aux.iter().map(|aux| (Kind::Aux, aux));
    for (kind, (name, tensor)) in params.chain(aux) {
        let tensor = tinpail_convert::Tensor::new(tensor.shape.clone(), tensor.data.clone());
        let tensor = tensor.expect("shape and data agree");
        weights
            .push(kind, name.clone(), tensor)
            .expect("names differ");
    }
    AlignedBlob::new(&tinpail_convert::blob(plan, &weights).expect("a blob"))
}

/// Asserts that every parameter is MXNet's.
#[track_caller]
pub fn assert_params(what: &str, module: &Module<'_>, plan: &PlanFile, mxnet: &Tensors) {
    assert_kind(what, module, plan, mxnet, ParamKind::Argument);
}

/// Asserts that every parameter of a kind is MXNet's.
#[track_caller]
pub fn assert_kind(
    what: &str,
    module: &Module<'_>,
    plan: &PlanFile,
    mxnet: &Tensors,
    kind: ParamKind,
) {
    let params = plan.params.iter().zip(&plan.plan.params).enumerate();
    for (index, (param, _)) in params.filter(|(_, (_, placed))| placed.kind == kind) {
        let ours = module.get_params(index).expect("a parameter");
        assert_close(&format!("{what} {}", param.name), ours, &mxnet[&param.name]);
    }
}

/// Asserts that the parameters at the end are those of the `.params` file that MXNet saved.
#[track_caller]
pub fn assert_params_file(scenario: &Scenario, module: &Module<'_>, plan: &PlanFile) {
    let bytes = oracle::read(&scenario.files.params);
    let saved = tinpail_convert::params::read(&bytes).expect("MXNet's .params");
    for (index, (param, placed)) in plan.params.iter().zip(&plan.plan.params).enumerate() {
        let ours = module.get_params(index).expect("a parameter");
        let tensor = match placed.kind {
            ParamKind::Argument => saved.arg(&param.name),
            ParamKind::Auxiliary => saved.aux(&param.name),
        };
        let tensor = tensor.expect("a saved parameter");
        let mxnet = Tensor {
            shape: tensor.shape().to_vec(),
            data: tensor.data().to_vec(),
        };
        assert_close(&format!("saved {}", param.name), ours, &mxnet);
    }
}

/// The bucket of a key.
pub fn bucket(plan: &PlanFile, key: u32) -> tinpail::BucketIndex {
    let position = plan.buckets.iter().position(|bucket| bucket.key == key);
    tinpail::BucketIndex(position.expect("a bucket of this key") as u16)
}
