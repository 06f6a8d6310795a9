//! The two boots of the demo.

use tinpail::optim::Sgd;
use tinpail::{Batch, BucketingModule, Model, Slots, Tensor};

use crate::all_layers::{self, Bucket};
use crate::data::{self, CLASSES};
use crate::hearing::{Hearing, INPUT_LEN, renormalisation};
use crate::{Arena, Error, Host, blob, last_layer, tune};

/// The two places in flash where parameters are saved.
pub const SLOTS: Slots = Slots {
    first: 0,
    second: 8192,
    len: 8192,
};
/// Bytes of flash for both.
pub const FLASH_BYTES: usize = 16384;

/// Outputs of the network on the test set, as recorded.
pub const PREDICTIONS: &core::ffi::CStr = c"predictions.bin";
/// All parameters after each fine-tuning of all layers.
pub const WEIGHTS: &core::ffi::CStr = c"weights.bin";
/// Parameters of the last layer after each fine-tuning of it.
pub const LAST_LAYER_WEIGHTS: &core::ffi::CStr = c"last_layer.bin";
/// Outputs under the last microphone before saving, and after the reset.
pub const BEFORE_RESET: &core::ffi::CStr = c"before_reset.bin";
/// See [`BEFORE_RESET`].
pub const AFTER_RESET: &core::ffi::CStr = c"after_reset.bin";

/// The class with the largest output.
fn argmax(outputs: &[f32]) -> u16 {
    let mut best = (0, f32::NEG_INFINITY);
    for (class, value) in (0u16..).zip(outputs) {
        if *value > best.1 {
            best = (class, *value);
        }
    }
    best.0
}

/// Predicts the whole test set and counts what is right; `each` sees every output.
fn test<M: Model>(
    module: &mut BucketingModule<'_, M>,
    hearing: Hearing,
    mut each: impl FnMut(&[f32]) -> Result<(), Error>,
) -> Result<usize, Error> {
    let mut input = [0.0; INPUT_LEN];
    let mut right = 0;
    for utterance in data::test()?.iter() {
        let utterance = utterance?;
        let (bucket, values) = hearing.input(&utterance, &mut input)?;
        let data = [Tensor::F32(values)];
        module.forward(&Batch::new(bucket, &data))?;
        let outputs = module.get_outputs(0)?;
        each(outputs)?;
        right += usize::from(argmax(outputs) == utterance.label);
    }
    Ok(right)
}

/// Predicts, learns the microphones of seeds 1 to `seeds`, and saves what it learned last.
pub fn first_boot<H: Host>(host: &mut H, arena: &mut Arena, seeds: usize) -> Result<(), Error> {
    let utterances = data::test()?.len();
    let mut module = all_layers::Module::bind(arena, blob())?;
    let right = test(&mut module, Hearing::Clean, |outputs| {
        host.values(PREDICTIONS, outputs)
    })?;
    host.line(format_args!("predict {right} of {utterances}"));
    drop(module);
    count_instructions(host, arena)?;

    for seed in 1..=seeds {
        let microphone = data::microphone(seed)?;
        let through = Hearing::Through(microphone);
        let mut module = all_layers::Module::bind(arena, blob())?;
        let changed = test(&mut module, through, |_| Ok(()))?;
        let by = renormalisation(microphone)?;
        let renormalised = test(&mut module, Hearing::Renormalised(microphone, by), |_| {
            Ok(())
        })?;
        drop(module);

        let mut module = last_layer::Module::bind(arena, blob())?;
        tune::fine_tune(&mut module, tune::LAST_LAYER, through)?;
        let last = test(&mut module, through, |_| Ok(()))?;
        save_values(host, &module, LAST_LAYER_WEIGHTS)?;
        drop(module);

        let mut module = all_layers::Module::bind(arena, blob())?;
        tune::fine_tune(&mut module, tune::ALL_LAYERS, through)?;
        let is_last = seed == seeds;
        let all = test(&mut module, through, |outputs| {
            if is_last {
                host.values(BEFORE_RESET, outputs)?;
            }
            Ok(())
        })?;
        save_values(host, &module, WEIGHTS)?;
        host.line(format_args!(
            "microphone {seed} changed {changed} renormalised {renormalised} last {last} all {all}"
        ));
        if is_last {
            module
                .save_params(host.flash(), SLOTS)
                .map_err(|_| Error::Save)?;
            host.line(format_args!("saved"));
        }
    }
    Ok(())
}

/// Loads what the first boot saved and predicts again.
pub fn second_boot<H: Host>(host: &mut H, arena: &mut Arena, seeds: usize) -> Result<(), Error> {
    let mut module = all_layers::Module::bind(arena, blob())?;
    module
        .load_params(host.flash(), SLOTS)
        .map_err(|_| Error::Load)?;
    let through = Hearing::Through(data::microphone(seeds)?);
    let right = test(&mut module, through, |outputs| {
        host.values(AFTER_RESET, outputs)
    })?;
    host.line(format_args!("loaded {right} of {}", data::test()?.len()));
    Ok(())
}

fn save_values<H: Host, M: Model>(
    host: &mut H,
    module: &BucketingModule<'_, M>,
    file: &'static core::ffi::CStr,
) -> Result<(), Error> {
    for index in module.trainable() {
        host.values(file, module.get_params(index)?)?;
    }
    Ok(())
}

/// Counts an inference and a training step of each bucket, where instructions can be counted.
fn count_instructions<H: Host>(host: &mut H, arena: &mut Arena) -> Result<(), Error> {
    let mut input = [0.0; INPUT_LEN];
    let shortest = data::adapt()?
        .iter()
        .filter_map(Result::ok)
        .min_by_key(|utterance| utterance.len())
        .ok_or(Error::Data)?;
    let mut module = all_layers::Module::bind(arena, blob())?;
    module.init_optimizer(Sgd {
        learning_rate: 0.0,
        momentum: 0.9,
        ..Sgd::default()
    })?;
    for bucket in Bucket::ALL {
        let values = Hearing::Clean.input_for(*bucket, &shortest, &mut input)?;
        let label = [shortest.label.min(CLASSES as u16 - 1)];
        let (data, label) = ([Tensor::F32(values)], [Tensor::U16(&label)]);
        let batch = Batch::new(*bucket, &data).with_label(&label);
        let (done, inference) = host.instructions(|| module.forward(&batch));
        done?;
        let (done, training) = host.instructions(|| module.train_step(&batch));
        done?;
        if let (Some(inference), Some(training)) = (inference, training) {
            host.line(format_args!(
                "instructions {} inference {inference} training {training}",
                bucket.key()
            ));
        }
    }
    Ok(())
}
