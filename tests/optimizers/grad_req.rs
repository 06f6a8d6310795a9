//! MXNet's `grad_req` as a default and by name.

use tinpail::error::AccessError;
use tinpail::plan::Home;
use tinpail_plan::{Compression, Error, GradReq, Optimizer as Planned, PlanFile, Train};

use crate::common::run::SGD;
use crate::every::{bound, with_batch};
use crate::net::{self, LONG};

#[test]
fn null_is_a_fixed_parameter_and_add_accumulates() {
    let bucketing = net::bucketing(Train::Held)
        .optimizer(Planned::Sgd { momentum: true })
        .grad_req_of("embed_weight", GradReq::Null)
        .grad_req_of("fc_bias", GradReq::Add);
    let file = bucketing.plan().expect("a plan");
    let [embed, bias, weight] =
        ["embed_weight", "fc_bias", "fc_weight"].map(|name| net::param(&file, name));
    assert_eq!(file.plan.params[embed].home, Home::Flash);
    assert_eq!(file.plan.params[embed].state, None);
    bound(&file, SGD, |module| {
        assert_eq!(module.get_grads(embed), Err(AccessError::NotPlanned));
        let mut twice = Vec::new();
        for _ in 0..2 {
            with_batch(&file, LONG, |batch| {
                module.session().forward_backward(batch).expect("a step");
            });
            let grad = |index| module.get_grads(index).expect("a gradient").to_vec();
            twice.push((grad(bias), grad(weight)));
        }
        for (once, twice) in twice[0].0.iter().zip(&twice[1].0) {
            // The same values, summed in another order.
            let off = (twice - 2.0 * once).abs();
            assert!(
                *once != 0.0 && off <= 1e-6 * once.abs(),
                "{twice}: {once} added"
            );
        }
        assert_eq!(twice[1].1, twice[0].1, "written");
    });
}

#[test]
fn null_by_default_and_write_by_name() {
    let bucketing = net::bucketing(Train::Fused)
        .grad_req(GradReq::Null)
        .grad_req_of("fc_weight", GradReq::Write);
    let file = bucketing.plan().expect("a plan");
    let trainable = |home: Home| home != Home::Flash;
    let moved: Vec<&str> = (file.plan.params.iter().zip(&file.params))
        .filter(|(param, _)| trainable(param.home))
        .map(|(_, named)| named.name.as_str())
        .collect();
    assert_eq!(moved, ["fc_weight"]);
    // A fixed parameter stays fixed.
    let bucketing = net::bucketing(Train::Fused).grad_req_of("frozen_weight", GradReq::Write);
    let file = bucketing.plan().expect("a plan");
    let frozen = net::param(&file, "frozen_weight");
    assert_eq!(file.plan.params[frozen].home, Home::Flash);
}

#[test]
fn multipliers_by_name_come_before_the_rule_by_name() {
    let bucketing = net::bucketing(Train::Fused)
        .lr_mult_of("fc_weight", 0.5)
        .wd_mult_of("fc_bias", 2.0)
        .wd_mult_of("fc_weight", 0.0);
    let file = bucketing.plan().expect("a plan");
    let mults = |name| {
        let param = file.plan.params[net::param(&file, name)];
        (param.lr_mult, param.wd_mult)
    };
    assert_eq!(mults("fc_weight"), (0.5, 0.0));
    assert_eq!(mults("fc_bias"), (1.0, 2.0));
    assert_eq!(mults("embed_weight"), (1.0, 1.0));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let error = |outcome: Result<PlanFile, Error>| outcome.expect_err("refused").to_string();
    let fused = net::bucketing(Train::Fused);
    let add = fused.clone().grad_req_of("fc_weight", GradReq::Add);
    assert!(error(add.plan()).contains("Train::Held"));
    let unknown = fused.clone().grad_req_of("nobody", GradReq::Null);
    assert!(error(unknown.plan()).contains("nobody"));
    let unknown = fused.clone().lr_mult_of("nobody", 1.0);
    assert!(error(unknown.plan()).contains("nobody"));
    for mult in [-1.0, f32::NAN, f32::INFINITY] {
        let bad = fused.clone().wd_mult_of("fc_weight", mult);
        assert!(error(bad.plan()).contains("fc_weight"), "{mult}");
    }
    let compression = Compression::TwoBit { threshold: 0.5 };
    let compressed = fused.compression_params(compression);
    assert!(error(compressed.plan()).contains("Train::Held"));
    for threshold in [0.0, -0.5, f32::NAN, f32::INFINITY] {
        let compression = Compression::TwoBit { threshold };
        let compressed = net::bucketing(Train::Held).compression_params(compression);
        assert!(
            error(compressed.plan()).contains("threshold"),
            "{threshold}"
        );
    }
}
