//! Random parameters and batches of the kinds and ranges that a plan asks for.

use tinpail::Tensor;
use tinpail::plan::{ParamKind, Port, PortKind};
use tinpail_convert::{AlignedBlob, Kind, Weights};
use tinpail_plan::PlanFile;

use super::rng::Rng;

/// One data or label input, owned.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    F32(Vec<f32>),
    U16(Vec<u16>),
}

impl Input {
    pub fn tensor(&self) -> Tensor<'_> {
        match self {
            Input::F32(values) => Tensor::F32(values),
            Input::U16(values) => Tensor::U16(values),
        }
    }

    /// The values as MXNet has them: all floats, an ignored label as -1.
    pub fn floats(&self) -> Vec<f64> {
        match self {
            Input::F32(values) => values.iter().copied().map(f64::from).collect(),
            Input::U16(values) => {
                let float = |&value: &u16| {
                    if value == u16::MAX {
                        -1.0
                    } else {
                        value.into()
                    }
                };
                values.iter().map(float).collect()
            }
        }
    }
}

/// What a batch of a bucket holds, with the gradients of its heads.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub bucket: usize,
    pub data: Vec<Input>,
    pub labels: Vec<Input>,
    /// One for each head that takes one.
    pub head_grads: Vec<Vec<f32>>,
}

impl Sample {
    /// Random values in the plan's ranges: f32 in -1 .. 1; every fourth label that may be ignored is.
    pub fn random(file: &PlanFile, bucket: usize, rng: &mut Rng) -> Self {
        let plan = file.plan.plan();
        let rows = &plan.buckets[bucket];
        let mut inputs =
            |ports: &[Port]| -> Vec<Input> { ports.iter().map(|port| input(port, rng)).collect() };
        let data = inputs(rows.data.of(plan.ports));
        let labels = inputs(rows.labels.of(plan.ports));
        let heads = plan.program(rows.train).head_grads.of(plan.ports);
        let grad = |port: &Port| rng.values(port.len as usize, 1.0);
        Sample {
            bucket,
            data,
            labels,
            head_grads: heads.iter().map(grad).collect(),
        }
    }
}

fn input(port: &Port, rng: &mut Rng) -> Input {
    let len = port.len as usize;
    match port.kind {
        PortKind::F32 => Input::F32(rng.values(len, 1.0)),
        PortKind::U16 { min, max, ignore } => {
            let value = |_| match ignore {
                Some(ignore) if rng.once_in(4) => ignore,
                _ => min + rng.below(usize::from(max - min) + 1) as u16,
            };
            Input::U16((0..len).map(value).collect())
        }
    }
}

/// What outlives a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Persistent {
    /// By index of the parameter.
    pub params: Vec<Vec<f32>>,
    /// By index of the state.
    pub states: Vec<Vec<f32>>,
}

impl Persistent {
    pub fn random(file: &PlanFile, rng: &mut Rng) -> Self {
        let placed = file.params.iter().zip(&file.plan.params);
        let params = placed.map(|(own, placed)| match placed.kind {
            ParamKind::Argument => rng.values(own.len(), 0.8),
            // A variance is not negative.
            ParamKind::Auxiliary => (0..own.len()).map(|_| 0.5 + rng.value().abs()).collect(),
        });
        let params = params.collect();
        let states = file.states.iter().map(|own| rng.values(own.len(), 0.8));
        Persistent {
            params,
            states: states.collect(),
        }
    }

    /// The parameters as a blob.
    pub fn blob(&self, file: &PlanFile) -> AlignedBlob {
        let mut weights = Weights::new();
        let placed = file.params.iter().zip(&file.plan.params);
        for ((own, placed), values) in placed.zip(&self.params) {
            let kind = match placed.kind {
                ParamKind::Argument => Kind::Arg,
                ParamKind::Auxiliary => Kind::Aux,
            };
            let tensor = tinpail_convert::Tensor::new(own.shape.clone(), values.clone());
            let tensor = tensor.expect("as many values as the shape says");
            let pushed = weights.push(kind, own.name.clone(), tensor);
            pushed.expect("names differ");
        }
        AlignedBlob::new(&tinpail_convert::blob(file, &weights).expect("a blob"))
    }
}
