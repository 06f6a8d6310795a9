//! Networks of the field through symbols: DS-CNN and ResNet-8 of MLPerf Tiny, with BatchNorm as they are trained. Every
//! plan passes the validator; a step of each gives the same bits fused and held.

use tinpail_plan::symbol::{
    Act, BatchNorm, Convolution, FullyConnected, PoolType, Pooling, SoftmaxOutput,
};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Sym, Symbols, Train};

use crate::common::rng::Rng;
use crate::common::run;
use crate::common::values::{Persistent, Sample};

struct Conv {
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 2],
    filters: usize,
    groups: usize,
}

/// Convolution and BatchNorm.
fn conv_bn(s: &mut Symbols, name: &str, x: Sym, conv: Conv) -> Sym {
    let attrs = Convolution {
        stride: conv.stride.into(),
        pad: conv.pad.into(),
        num_group: conv.groups,
        no_bias: true,
        ..Convolution::new(conv.kernel, conv.filters)
    };
    let y = s.convolution(name, x, attrs);
    let free = BatchNorm {
        fix_gamma: false,
        ..BatchNorm::default()
    };
    s.batch_norm(&format!("{name}_bn"), y, free)
}

fn relu(s: &mut Symbols, name: &str, x: Sym) -> Sym {
    s.activation(&format!("{name}_relu"), x, Act::Relu)
}

fn head(s: &mut Symbols, x: Sym, classes: usize, shape: [usize; 4]) -> Net {
    let label = s.variable("softmax_label");
    let y = s.pooling("mean", x, Pooling::global(PoolType::Avg));
    let y = s.fully_connected("fc", y, FullyConnected::new(classes));
    let softmax = s.softmax_output("softmax", y, label, SoftmaxOutput::default());
    let net = std::mem::take(s).net([softmax]);
    net.data("data", shape).label("softmax_label", [0])
}

/// Keyword spotting: 49 frames of 10 coefficients, 12 words.
fn ds_cnn(_: u32) -> Result<Net, Error> {
    let s = &mut Symbols::new();
    let x = s.variable("data");
    let first = Conv {
        kernel: [10, 4],
        stride: [2, 2],
        pad: [5, 1],
        filters: 64,
        groups: 1,
    };
    let y = conv_bn(s, "conv", x, first);
    let mut y = relu(s, "conv", y);
    for block in 1..=4 {
        let (depthwise, pointwise) = (format!("depthwise{block}"), format!("pointwise{block}"));
        let attrs = Conv {
            kernel: [3, 3],
            stride: [1, 1],
            pad: [1, 1],
            filters: 64,
            groups: 64,
        };
        y = conv_bn(s, &depthwise, y, attrs);
        y = relu(s, &depthwise, y);
        let attrs = Conv {
            kernel: [1, 1],
            stride: [1, 1],
            pad: [0, 0],
            filters: 64,
            groups: 1,
        };
        y = conv_bn(s, &pointwise, y, attrs);
        y = relu(s, &pointwise, y);
    }
    Ok(head(s, y, 12, [0, 1, 49, 10]))
}

/// Image classification: three stacks with residual sums.
fn resnet8(_: u32) -> Result<Net, Error> {
    let s = &mut Symbols::new();
    let x = s.variable("data");
    let conv = |kernel, stride, filters| Conv {
        kernel: [kernel; 2],
        stride: [stride; 2],
        pad: [kernel / 2; 2],
        filters,
        groups: 1,
    };
    let y = conv_bn(s, "conv", x, conv(3, 1, 16));
    let mut y = relu(s, "conv", y);
    for (stack, filters) in [16, 32, 64].into_iter().enumerate() {
        let stride = if stack == 0 { 1 } else { 2 };
        let name = |what: &str| format!("stack{stack}_{what}");
        let z = conv_bn(s, &name("conv1"), y, conv(3, stride, filters));
        let z = relu(s, &name("conv1"), z);
        let z = conv_bn(s, &name("conv2"), z, conv(3, 1, filters));
        if stride == 2 {
            y = conv_bn(s, &name("shortcut"), y, conv(1, 2, filters));
        }
        let sum = s.elemwise_add(&name("sum"), y, z);
        y = relu(s, &name("sum"), sum);
    }
    Ok(head(s, y, 10, [0, 3, 32, 32]))
}

fn plan(sym_gen: fn(u32) -> Result<Net, Error>, train: Train) -> PlanFile {
    // The plan is validated where it is made.
    let bucketing = Bucketing::new(sym_gen).bucket_keys([1]).train(train);
    bucketing.plan().expect("a plan")
}

/// Weights, gammas and betas; and the moving statistics.
fn check(name: &str, sym_gen: fn(u32) -> Result<Net, Error>, params: usize, aux: usize) {
    let inference = plan(sym_gen, Train::None);
    let (mut elements, mut auxiliary) = (0, 0);
    for (own, placed) in inference.params.iter().zip(&inference.plan.params) {
        assert_eq!(
            placed.home,
            tinpail::plan::Home::Flash,
            "{name}: {}",
            own.name
        );
        match placed.kind {
            tinpail::plan::ParamKind::Argument => elements += own.len(),
            tinpail::plan::ParamKind::Auxiliary => auxiliary += own.len(),
        }
    }
    assert_eq!((elements, auxiliary), (params, aux), "{name}");

    let [fused, held] = [Train::Fused, Train::Held].map(|train| plan(sym_gen, train));
    let transient = |file: &PlanFile| {
        let bucket = &file.report.buckets[0];
        bucket
            .train
            .as_ref()
            .map_or(bucket.infer.peak_bytes, |train| train.peak_bytes)
    };
    println!(
        "{name}: transients of inference {} B, training fused {} B, held {} B; bound {} B",
        transient(&inference),
        transient(&fused),
        transient(&held),
        fused.report.buckets[0]
            .train
            .as_ref()
            .expect("training")
            .lower_bound_bytes,
    );
    let mut rng = Rng::named(name, 1);
    let values = Persistent::random(&fused, &mut rng);
    let sample = Sample::random(&fused, 0, &mut rng);
    let [of_fused, of_held] = [&fused, &held].map(|file| {
        run::bound(file, &values, |module| {
            run::train(file, module, &sample, true);
            let outputs = run::infer(file, module, &sample).bits();
            (outputs, run::persistent_bits(file, module))
        })
    });
    assert_eq!(of_fused, of_held, "{name}");
}

#[test]
fn ds_cnn_is_planned_and_steps() {
    // 10 x 4 x 64 + 4 (9 x 64 + 64 x 64) + 9 x 2 x 64 + 12 x 65
    check("DS-CNN", ds_cnn, 2560 + 18688 + 1152 + 780, 1152);
}

#[test]
fn resnet8_is_planned_and_steps() {
    let convolutions = 432 + 2 * 2304 + (4608 + 9216 + 512) + (18432 + 36864 + 2048);
    let channels = 3 * 16 + 3 * 32 + 3 * 64;
    check(
        "ResNet-8",
        resnet8,
        convolutions + 2 * channels + 650,
        2 * channels,
    );
}
