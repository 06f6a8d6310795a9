//! Fine-tuning on the device: which examples, in which order, with which optimizer. Everything here was
//! chosen by choose.py on training utterances and microphones 101 to 110, never on the test set.

use tinpail::optim::Sgd;
use tinpail::{Batch, BucketingModule, Model, Tensor};

use crate::Error;
use crate::data;
use crate::hearing::{Hearing, INPUT_LEN};

/// Training steps: twelve passes over the 45 utterances.
pub const STEPS: usize = 540;

/// Training all layers: plain stochastic gradient descent with momentum, one utterance at a time.
pub const ALL_LAYERS: Sgd = sgd(0.02, 0.5);

/// Training the last layer alone.
pub const LAST_LAYER: Sgd = sgd(0.01, 0.9);

const fn sgd(learning_rate: f32, momentum: f32) -> Sgd {
    Sgd {
        learning_rate,
        momentum,
        wd: 0.0,
        rescale_grad: Some(1.0),
        clip_gradient: None,
    }
}

/// Trains `module` on the 45 utterances as `hearing` makes them.
pub fn fine_tune<M: Model<Optimizer = Sgd>>(
    module: &mut BucketingModule<'_, M>,
    optimizer: Sgd,
    hearing: Hearing,
) -> Result<(), Error> {
    module.init_optimizer(optimizer)?;
    let adapt = data::adapt()?;
    let mut input = [0.0; INPUT_LEN];
    let mut step = 0;
    while step < STEPS {
        for utterance in adapt.iter() {
            let utterance = utterance?;
            let (bucket, values) = hearing.input(&utterance, &mut input)?;
            let label = [utterance.label];
            let (data, label) = ([Tensor::F32(values)], [Tensor::U16(&label)]);
            let batch = Batch::new(bucket, &data).with_label(&label);
            module.train_step(&batch)?;
            step += 1;
        }
    }
    Ok(())
}
