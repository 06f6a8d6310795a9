//! The two fingerprints: that of the parameters, which outlives the planner, and that of the plan.

use tinpail_plan::symbol::{FullyConnected, Mode, Rnn, SoftmaxOutput};
use tinpail_plan::{Bucketing, Error, Net, Optimizer, PlanFile, Symbols, Train};

/// A recurrent classifier with `hidden` units, whose last layer is called `name`.
fn sym_gen(hidden: usize, name: &'static str) -> impl Fn(u32) -> Result<Net, Error> + Clone {
    move |steps| {
        let mut s = Symbols::new();
        let (x, label) = (s.variable("data"), s.variable("label"));
        let y = s.rnn("rnn", x, Rnn::new(Mode::Gru, hidden), &[]);
        let y = s.sequence_last("last", y, None, 0);
        let y = s.fully_connected(name, y, FullyConnected::new(3));
        let head = s.softmax_output("softmax", y, label, SoftmaxOutput::default());
        Ok(s.net([head])
            .data("data", [steps as usize, 0, 2])
            .label("label", [0]))
    }
}

fn planned<F: Fn(u32) -> Result<Net, Error>>(bucketing: Bucketing<F>) -> PlanFile {
    bucketing.plan().expect("a plan")
}

#[test]
fn the_schema_is_that_of_the_parameters_alone() {
    let base = Bucketing::new(sym_gen(4, "fc")).bucket_keys([2, 3]);
    let reference = planned(base.clone());
    let others = [
        base.clone().bucket_keys([3]),
        base.clone().bucket_keys([1, 5, 9]),
        base.clone().default_bucket_key(2),
        base.clone().batch_size(4),
        base.clone().train(Train::None),
        base.clone().train(Train::Held),
        base.clone().optimizer(Optimizer::Sgd { momentum: false }),
        base.clone().inputs_need_grad(true),
        base.clone().share_memory(false),
        base.clone().fixed_param_names(["rnn_parameters"]),
    ];
    for (index, other) in others.into_iter().enumerate() {
        let other = planned(other);
        assert_eq!(other.plan.schema, reference.plan.schema, "change {index}");
        assert_ne!(
            other.plan.fingerprint, reference.plan.fingerprint,
            "change {index}"
        );
        // Where a parameter lies in a blob is part of what the schema stands for.
        for (ours, theirs) in other.plan.params.iter().zip(&reference.plan.params) {
            assert_eq!((ours.len, ours.flash), (theirs.len, theirs.flash));
        }
    }
    assert_eq!(planned(base).plan, reference.plan, "the same plan again");
}

#[test]
fn other_parameters_are_another_schema() {
    let schema = |hidden, name| {
        planned(Bucketing::new(sym_gen(hidden, name)).bucket_keys([2]))
            .plan
            .schema
    };
    let reference = schema(4, "fc");
    assert_ne!(schema(5, "fc"), reference);
    assert_ne!(schema(4, "pred"), reference);
    assert_eq!(schema(4, "fc"), reference);
}
