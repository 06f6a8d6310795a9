//! What the network hears: an utterance through a microphone, left-padded into its bucket.

use crate::Error;
use crate::all_layers::Bucket;
use crate::data::{self, CHANNELS, Microphone, Utterance};

/// Elements of the longest input.
pub const INPUT_LEN: usize = 29 * CHANNELS;

/// How utterances reach the network.
#[derive(Clone, Copy, Debug)]
pub enum Hearing {
    /// As recorded.
    Clean,
    /// Through a microphone.
    Through(Microphone),
    /// Through a microphone, then each channel shifted and scaled.
    Renormalised(Microphone, Renormalisation),
}

/// x'' = x' * scale + shift, by channel.
#[derive(Clone, Copy, Debug)]
pub struct Renormalisation {
    scale: [f32; CHANNELS],
    shift: [f32; CHANNELS],
}

impl Hearing {
    /// One step, `[12]`, as the network hears it: sums in the order of the channels.
    fn step(&self, step: &[f32], out: &mut [f32; CHANNELS]) {
        let microphone = match self {
            Hearing::Clean => {
                out.iter_mut().zip(step).for_each(|(out, x)| *out = *x);
                return;
            }
            Hearing::Through(microphone) | Hearing::Renormalised(microphone, _) => microphone,
        };
        *out = [0.0; CHANNELS];
        for (x, row) in step.iter().zip(microphone.chunks_exact(CHANNELS)) {
            for (out, m) in out.iter_mut().zip(row) {
                *out += x * m;
            }
        }
        if let Hearing::Renormalised(_, by) = self {
            let channels = by.scale.iter().zip(&by.shift);
            for (out, (scale, shift)) in out.iter_mut().zip(channels) {
                *out = *out * scale + shift;
            }
        }
    }

    /// The utterance in the smallest bucket that holds it, zeros in front.
    pub fn input<'i>(
        &self,
        utterance: &Utterance,
        input: &'i mut [f32; INPUT_LEN],
    ) -> Result<(Bucket, &'i [f32]), Error> {
        let bucket = Bucket::fitting(utterance.len()).ok_or(Error::TooLong)?;
        let values = self.input_for(bucket, utterance, input)?;
        Ok((bucket, values))
    }

    /// The utterance in a bucket that holds it.
    pub fn input_for<'i>(
        &self,
        bucket: Bucket,
        utterance: &Utterance,
        input: &'i mut [f32; INPUT_LEN],
    ) -> Result<&'i [f32], Error> {
        let len = bucket.key() * CHANNELS;
        let input = input.get_mut(..len).ok_or(Error::TooLong)?;
        let pad = len
            .checked_sub(utterance.steps.len())
            .ok_or(Error::TooLong)?;
        let (padding, rest) = input.split_at_mut_checked(pad).ok_or(Error::TooLong)?;
        padding.fill(0.0);
        let (steps, _) = rest.as_chunks_mut::<CHANNELS>();
        for (out, step) in steps.iter_mut().zip(utterance.steps.chunks_exact(CHANNELS)) {
            self.step(step, out);
        }
        Ok(input)
    }
}

/// Mean and standard deviation of each channel, over the steps of many utterances.
#[derive(Clone, Copy)]
struct Moments {
    mean: [f32; CHANNELS],
    deviation: [f32; CHANNELS],
}

impl Moments {
    fn of(utterances: data::Utterances, hearing: Hearing) -> Result<Self, Error> {
        let mut sum = [0.0; CHANNELS];
        let mut count = 0.0;
        let mut heard = [0.0; CHANNELS];
        for utterance in utterances.iter() {
            for step in utterance?.steps.chunks_exact(CHANNELS) {
                hearing.step(step, &mut heard);
                sum.iter_mut().zip(heard).for_each(|(sum, x)| *sum += x);
                count += 1.0;
            }
        }
        let mean = sum.map(|sum| sum / count);
        let mut squares = [0.0; CHANNELS];
        for utterance in utterances.iter() {
            for step in utterance?.steps.chunks_exact(CHANNELS) {
                hearing.step(step, &mut heard);
                for ((squares, x), mean) in squares.iter_mut().zip(heard).zip(mean) {
                    *squares += (x - mean) * (x - mean);
                }
            }
        }
        let math = tinpail::math::Math::default();
        Ok(Moments {
            mean,
            deviation: squares.map(|squares| math.sqrt(squares / count)),
        })
    }
}

/// The renormalisation that gives the 45 utterances, heard through `microphone`, the moments of the training
/// set. It needs no labels.
pub fn renormalisation(microphone: Microphone) -> Result<Renormalisation, Error> {
    let clean = Moments::of(data::train()?, Hearing::Clean)?;
    let heard = Moments::of(data::adapt()?, Hearing::Through(microphone))?;
    let mut by = Renormalisation {
        scale: [1.0; CHANNELS],
        shift: [0.0; CHANNELS],
    };
    let channels = by.scale.iter_mut().zip(&mut by.shift);
    for (channel, (scale, shift)) in channels.enumerate() {
        let at = |values: &[f32; CHANNELS]| values.get(channel).copied().unwrap_or(0.0);
        *scale = at(&clean.deviation) / at(&heard.deviation);
        *shift = at(&clean.mean) - at(&heard.mean) * *scale;
    }
    Ok(by)
}
