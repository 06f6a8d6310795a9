//! Every optimizer, with numbers in which everything takes part.

use tinpail::optim::{
    AdaDelta, AdaGrad, Adam, Adamax, Ftrl, Nadam, Nag, Optimizer, RmsProp, RmsPropCentered,
    Scheduled, Sgd, Signum,
};
use tinpail::schedule::{Cosine, Factor, MultiFactor, Poly, Start};
use tinpail::{BucketIndex, BucketingModule, Registry, Tensor};
use tinpail_plan::{Optimizer as Planned, PlanFile, Train};

use crate::common::run::bits;
use crate::common::values::{Input, Sample};
use crate::net;

pub type Module<'a, O> = BucketingModule<'a, Registry<'a, O>>;

/// What a test does with one optimizer.
pub trait Each {
    fn one<O: Optimizer + Clone>(&self, planned: Planned, optimizer: O);
}

/// Gives `each` all optimizers, one under each schedule, and those without their state.
pub fn for_each(each: &impl Each) {
    let momentum = 0.9;
    let sgd = Sgd {
        momentum,
        ..Sgd::default()
    };
    let nag = Nag {
        momentum,
        ..Nag::default()
    };
    each.one(Planned::Sgd { momentum: true }, tuned(sgd));
    each.one(Planned::Sgd { momentum: false }, tuned(Sgd::default()));
    each.one(Planned::Nag { momentum: true }, tuned(nag));
    each.one(Planned::Nag { momentum: false }, tuned(Nag::default()));
    each.one(Planned::Adam, tuned(Adam::default()));
    each.one(Planned::AdaGrad, tuned(AdaGrad::default()));
    each.one(Planned::AdaDelta, tuned(AdaDelta::default()));
    let rmsprop = RmsProp {
        clip_weights: Some(0.7),
        ..RmsProp::default()
    };
    each.one(Planned::RmsProp { centered: false }, tuned(rmsprop));
    let rmsprop = RmsPropCentered {
        clip_weights: Some(0.7),
        ..RmsPropCentered::default()
    };
    each.one(Planned::RmsProp { centered: true }, tuned(rmsprop));
    each.one(Planned::Ftrl, tuned(Ftrl::default()));
    each.one(Planned::Adamax, tuned(Adamax::default()));
    each.one(Planned::Nadam, tuned(Nadam::default()));
    let signum = Signum {
        wd_lh: 0.01,
        ..Signum::default()
    };
    each.one(Planned::Signum { momentum: true }, tuned(signum));
    let signum = Signum {
        momentum: 0.0,
        ..Signum::default()
    };
    each.one(Planned::Signum { momentum: false }, tuned(signum));

    let start = Start {
        warmup_steps: 2,
        warmup_begin_lr: 0.001,
        ..Start::default()
    };
    let factor = Factor::new(1, 0.5, start).expect("a schedule");
    each.one(
        Planned::Adam,
        Scheduled::new(tuned(Adam::default()), factor),
    );
    let steps = MultiFactor::new(&[1, 3], 0.5, start).expect("a schedule");
    each.one(
        Planned::Nadam,
        Scheduled::new(tuned(Nadam::default()), steps),
    );
    let poly = Poly::new(4, 2, 0.01, start).expect("a schedule");
    each.one(Planned::Ftrl, Scheduled::new(tuned(Ftrl::default()), poly));
    let cosine = Cosine::new(4, 0.0, start).expect("a schedule");
    let planned = Planned::Sgd { momentum: true };
    each.one(planned, Scheduled::with_base_lr(tuned(sgd), cosine));
}

fn tuned<O: Optimizer>(mut optimizer: O) -> O {
    let mut common = optimizer.common();
    common.learning_rate = 0.05;
    common.wd = 0.05;
    common.rescale_grad = Some(0.5);
    common.clip_gradient = Some(0.15);
    optimizer.set_common(common);
    optimizer
}

/// The network of `tests/bad_input` (tokens, embedding, a GRU whose parameters are one vector, dense layers) for one
/// optimizer.
pub fn plan(planned: Planned, train: Train) -> PlanFile {
    let bucketing = net::bucketing(train).optimizer(planned);
    bucketing.plan().expect("a plan")
}

/// Binds `file` and gives it the optimizer.
pub fn bound<O: Optimizer, T>(
    file: &PlanFile,
    optimizer: O,
    with: impl FnOnce(&mut Module<'_, O>) -> T,
) -> T {
    let values = net::values(file);
    let blob = values.blob(file);
    let mut arena = vec![f32::NAN; file.plan.arena_len as usize];
    let model = Registry::<O>::new(file.plan.plan());
    let bound = BucketingModule::bind_words(model, &mut arena, blob.bytes());
    let mut module = bound.expect("bound");
    module.init_optimizer(optimizer).expect("an optimizer");
    for (index, state) in values.states.iter().enumerate() {
        module.set_states(index, state).expect("a state");
    }
    with(&mut module)
}

/// A batch of the bucket, and what it lends.
pub fn with_batch<T>(
    file: &PlanFile,
    bucket: BucketIndex,
    with: impl FnOnce(tinpail::Batch<'_>) -> T,
) -> T {
    let sample: Sample = net::sample(file, bucket);
    let data: Vec<Tensor<'_>> = sample.data.iter().map(Input::tensor).collect();
    let label: Vec<Tensor<'_>> = sample.labels.iter().map(Input::tensor).collect();
    with(tinpail::Batch::new(bucket, &data).with_label(&label))
}

/// All that an update changes, bit for bit.
pub fn remembered<O: Optimizer>(file: &PlanFile, module: &Module<'_, O>) -> Vec<Vec<u32>> {
    let mut all = vec![vec![module.num_update()]];
    for index in 0..file.params.len() {
        all.push(bits(module.get_params(index).expect("a parameter")));
        all.extend(module.optimizer_state(index).map(bits));
        all.extend(module.update_count(index).map(|count| vec![count]));
    }
    all
}
