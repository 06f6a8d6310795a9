//! A planned network, bound and stepped.

use tinpail::optim::Sgd;
use tinpail::{Batch, BucketIndex, BucketingModule, Registry, Tensor};
use tinpail_plan::{PlanFile, Train};

use super::values::{Persistent, Sample};

pub type Module<'a> = BucketingModule<'a, Registry<'a, Sgd>>;

/// The seed of Dropout in every test.
pub const DROPOUT_SEED: u32 = 7;

/// An optimizer in which everything takes part.
pub const SGD: Sgd = Sgd {
    learning_rate: 0.2,
    momentum: 0.9,
    wd: 0.05,
    rescale_grad: Some(0.5),
    clip_gradient: Some(0.15),
};

/// Binds `file` to an arena of NaN, so that whatever is read before it is written shows, and runs `with`.
pub fn bound<T>(
    file: &PlanFile,
    values: &Persistent,
    with: impl FnOnce(&mut Module<'_>) -> T,
) -> T {
    let blob = values.blob(file);
    let mut arena = vec![f32::NAN; file.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(file.plan.plan());
    let mut module = Module::bind_words(model, &mut arena, blob.bytes()).expect("bound");
    module.init_optimizer(SGD).expect("an optimizer");
    module.seed_dropout(DROPOUT_SEED);
    for (index, state) in values.states.iter().enumerate() {
        module.set_states(index, state).expect("a state");
    }
    with(&mut module)
}

/// What a forward or a step gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub outputs: Vec<Vec<f32>>,
    pub input_grads: Vec<Vec<f32>>,
    /// By index of the parameter; none if it is fixed or no gradient is held.
    pub grads: Vec<Option<Vec<f32>>>,
}

impl Step {
    /// Bit for bit, so that NaN and the sign of zero count.
    pub fn bits(&self) -> Vec<Vec<u32>> {
        let lists = self.outputs.iter().chain(&self.input_grads);
        let lists = lists.chain(self.grads.iter().flatten());
        lists.map(|values| bits(values)).collect()
    }
}

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn tensors(inputs: &[super::values::Input]) -> Vec<Tensor<'_>> {
    inputs.iter().map(super::values::Input::tensor).collect()
}

fn outputs(file: &PlanFile, module: &Module<'_>, bucket: usize) -> Vec<Vec<f32>> {
    let heads = file.buckets[bucket].output_shapes.len();
    let output = |head| module.get_outputs(head).expect("an output").to_vec();
    (0..heads).map(output).collect()
}

/// The outputs of an inference.
pub fn infer(file: &PlanFile, module: &mut Module<'_>, sample: &Sample) -> Step {
    let (data, label) = (tensors(&sample.data), tensors(&sample.labels));
    let batch = Batch::new(BucketIndex(sample.bucket as u16), &data).with_label(&label);
    module.forward(&batch).expect("forward");
    Step {
        outputs: outputs(file, module, sample.bucket),
        ..Step::default()
    }
}

/// Forward and backward, and update if `update`: `train_step` where the plan has no other verb. Outputs and input gradients
/// are read at the end.
pub fn train(file: &PlanFile, module: &mut Module<'_>, sample: &Sample, update: bool) -> Step {
    let (data, label) = (tensors(&sample.data), tensors(&sample.labels));
    let grads: Vec<Tensor<'_>> = sample
        .head_grads
        .iter()
        .map(|values| Tensor::F32(values))
        .collect();
    let batch = Batch::new(BucketIndex(sample.bucket as u16), &data).with_label(&label);
    let mut session = module.session();
    if file.plan.train == Train::Step {
        assert!(update, "a plan of whole steps has no backward alone");
        session.train_step_from(&batch, &grads).expect("a step");
    } else {
        session.forward(batch, true).expect("forward");
        session.backward_from(&grads).expect("backward");
        if update {
            session.update().expect("update");
        }
    }
    let bucket = &file.plan.buckets[sample.bucket];
    let train = file.plan.plan().program(bucket.train);
    let input_grads = usize::from(train.input_grads.end - train.input_grads.start);
    let input_grad = |port| session.get_input_grads(port).expect("a gradient").to_vec();
    Step {
        outputs: outputs(file, &session, sample.bucket),
        input_grads: (0..input_grads).map(input_grad).collect(),
        grads: (0..file.params.len())
            .map(|param| session.get_grads(param).ok().map(<[f32]>::to_vec))
            .collect(),
    }
}

/// Parameters, optimizer state and carried states, bit for bit.
pub fn persistent_bits(file: &PlanFile, module: &Module<'_>) -> Vec<(String, Vec<u32>)> {
    let mut all = Vec::new();
    for (index, own) in file.params.iter().enumerate() {
        let values = module.get_params(index).expect("a parameter");
        all.push((own.name.clone(), bits(values)));
        if let Ok(momentum) = module.optimizer_state(index) {
            all.push((format!("{}.momentum", own.name), bits(momentum)));
        }
    }
    for (index, own) in file.states.iter().enumerate() {
        let values = module.get_states(index).expect("a state");
        all.push((own.name.clone(), bits(values)));
    }
    all
}
