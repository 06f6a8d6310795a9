//! What is done with the network that is loaded, on the host and on the board.

use tinpail::optim::Sgd;
use tinpail::{Batch, BucketIndex, BucketingModule, Model, Tensor};

/// An inference and two training steps in every bucket, of batch 2 and 3 channels; how many values came out, and
/// FNV-1a over the bits of all of them and of the parameters at the end.
///
/// # Errors
///
/// What the module refuses, as a text.
pub fn run<M: Model<Optimizer = Sgd>>(
    module: &mut BucketingModule<'_, M>,
) -> Result<(usize, u32), &'static str> {
    let mut count = 0;
    let mut bits = 0x811c_9dc5u32;
    let mut see = |values: &[f32]| {
        count += values.len();
        for value in values {
            bits = (bits ^ value.to_bits()).wrapping_mul(0x0100_0193);
        }
    };
    let optimizer = Sgd {
        learning_rate: 0.1,
        ..Sgd::default()
    };
    module.init_optimizer(optimizer).map_err(|_| "optimizer")?;
    let keys: [usize; 2] = [2, 5];
    for (index, key) in keys.into_iter().enumerate() {
        let mut values = [0.0; 30];
        let values = values.get_mut(..6 * key).ok_or("data")?;
        for (at, value) in values.iter_mut().enumerate() {
            *value = (at as f32 - 7.0) / 8.0;
        }
        let (data, label) = ([Tensor::F32(values)], [Tensor::U16(&[0, 2])]);
        let batch = Batch::new(BucketIndex(index as u16), &data).with_label(&label);
        module.forward(&batch).map_err(|_| "forward")?;
        see(module.get_outputs(0).map_err(|_| "outputs")?);
        for _ in 0..2 {
            module.train_step(&batch).map_err(|_| "train_step")?;
            see(module.get_outputs(0).map_err(|_| "outputs")?);
        }
    }
    for index in module.trainable() {
        see(module.get_params(index).map_err(|_| "parameter")?);
    }
    Ok((count, bits))
}
