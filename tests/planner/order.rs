//! The order of calls: what a network takes does not depend on the order in which its symbols were written.

use tinpail_plan::symbol::{Convolution, PoolType, Pooling, SoftmaxOutput};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Symbols, Train};

use crate::common::rng::Rng;
use crate::common::run;
use crate::common::values::{Persistent, Sample};

const BRANCHES: usize = 4;

/// Branches of a wide convolution and its means, joined: written branch by branch, or all convolutions first.
fn branches(in_depth: bool) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let mut wide = Vec::new();
    let mut means = Vec::new();
    let mean = |s: &mut Symbols, at: usize, wide| {
        let all = Pooling::global(PoolType::Avg);
        s.pooling(&format!("mean{at}"), wide, all)
    };
    let written = if in_depth { BRANCHES } else { 0 };
    for at in 0..BRANCHES {
        let attrs = Convolution::new([2 * at + 1], 8);
        wide.push(s.convolution(&format!("conv{at}"), data, attrs));
        if in_depth {
            means.push(mean(&mut s, at, wide[at]));
        }
    }
    for (at, wide) in wide.iter().enumerate().skip(written) {
        means.push(mean(&mut s, at, *wide));
    }
    let joined = s.concat("joined", &means, 1);
    let label = s.variable("label");
    let flat = s.reshape("flat", joined, &[0, -1]);
    let softmax = s.softmax_output("softmax", flat, label, SoftmaxOutput::default());
    let net = s.net([softmax]);
    Ok(net.data("data", [0, 3, 40]).label("label", [0]))
}

fn plan(in_depth: bool, share_memory: bool) -> PlanFile {
    let bucketing = Bucketing::new(|_| branches(in_depth)).bucket_keys([40]);
    let bucketing = bucketing.train(Train::Fused).share_memory(share_memory);
    bucketing.plan().expect("a plan")
}

#[test]
fn branches_written_in_breadth_take_what_they_take_in_depth() {
    let peaks = |file: &PlanFile| {
        let bucket = &file.report.buckets[0];
        let train = bucket.train.as_ref().expect("a program");
        (bucket.infer.peak_bytes, train.peak_bytes)
    };
    let (depth, breadth) = (plan(true, true), plan(false, true));
    assert_eq!(peaks(&depth), peaks(&breadth));
    // One convolution's outputs at a time. The widest, 8 channels over 40, has its own means beside it and no other's.
    assert_eq!(peaks(&depth).0, 4 * (8 * 40 + 8));

    let apart = plan(false, false);
    let mut rng = Rng::new(40);
    let values = Persistent::random(&apart, &mut rng);
    let sample = Sample::random(&apart, 0, &mut rng);
    let bits = |file: &PlanFile| {
        run::bound(file, &values, |module| {
            let mut step = run::train(file, module, &sample, true);
            step.grads.clear();
            (step.bits(), run::persistent_bits(file, module))
        })
    };
    assert_eq!(bits(&breadth), bits(&apart));
}
