//! Fine-tuning on the device: which examples, in which order, with which optimizer. Everything here was
//! chosen by choose.py on training utterances and microphones 101 to 110, never on the test set.

use tinpail::error::StepError;
use tinpail::optim::Sgd;
use tinpail::{Batch, BucketingModule, Model, Tensor};

use crate::Error;
use crate::data;
use crate::hearing::{Hearing, INPUT_LEN};

/// Training steps: twelve passes over the 45 utterances.
pub const STEPS: usize = 540;

/// What the optimizer is for a plan.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    pub learning_rate: f32,
    pub momentum: f32,
    pub clip_gradient: Option<f32>,
}

/// Training all layers.
pub const ALL_LAYERS: Recipe = Recipe {
    learning_rate: 0.01,
    momentum: 0.9,
    clip_gradient: None,
};

/// Training the last layer alone.
pub const LAST_LAYER: Recipe = Recipe {
    learning_rate: 0.03,
    momentum: 0.9,
    clip_gradient: None,
};

/// The learning rate of a step: falls linearly to zero.
fn learning_rate(recipe: Recipe, step: usize) -> f32 {
    recipe.learning_rate * (1.0 - step as f32 / STEPS as f32)
}

/// Trains `module` on the 45 utterances as `hearing` makes them.
pub fn fine_tune<M: Model<Optimizer = Sgd>>(
    module: &mut BucketingModule<'_, M>,
    recipe: Recipe,
    hearing: Hearing,
) -> Result<(), Error> {
    let adapt = data::adapt()?;
    let mut input = [0.0; INPUT_LEN];
    let mut step = 0;
    while step < STEPS {
        for utterance in adapt.iter() {
            let utterance = utterance?;
            module.init_optimizer(Sgd {
                learning_rate: learning_rate(recipe, step),
                momentum: recipe.momentum,
                clip_gradient: recipe.clip_gradient,
                ..Sgd::default()
            });
            let (bucket, values) = hearing.input(&utterance, &mut input)?;
            let label = [utterance.label];
            let (data, label) = ([Tensor::F32(values)], [Tensor::U16(&label)]);
            let batch = Batch::new(bucket, &data).with_label(&label);
            module
                .train_step(&batch)
                .map_err(|error: StepError| error)?;
            step += 1;
        }
    }
    Ok(())
}
