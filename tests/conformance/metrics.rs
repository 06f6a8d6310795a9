//! Scenario h: every metric, over two updates and a reset.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tinpail::math::Math;
use tinpail::metric::{
    Accuracy, Average, CrossEntropy, F1, Loss, Mae, Mcc, Metric, Mse, NegativeLogLikelihood,
    Pearson, Perplexity, Rmse, TopK,
};

use super::oracle::{self, Tensor};

#[derive(Deserialize)]
struct Scenario {
    metrics: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
struct Case {
    updates: Vec<Update>,
    after_reset_local: [Value; 2],
}

#[derive(Deserialize)]
struct Update {
    label: Tensor,
    pred: Tensor,
    get: (String, Value),
    global: Value,
    sum_metric: Value,
    num_inst: u64,
}

/// A number, or "nan".
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| {
        assert_eq!(value, "nan");
        f64::NAN
    })
}

/// The bound of every scenario; the difference, in bounds.
#[track_caller]
fn close(what: &str, ours: f64, mxnet: &Value) -> f64 {
    let theirs = number(mxnet);
    if theirs.is_nan() {
        assert!(ours.is_nan(), "{what}: {ours} against MXNet's NaN");
        return 0.0;
    }
    let bound = 2e-5 + 1e-5 * theirs.abs();
    let share = (ours - theirs).abs() / bound;
    assert!(
        share <= 1.0,
        "{what}: {ours} against MXNet's {theirs}, bound {bound:e}"
    );
    share
}

/// Replays a case; the largest difference, in bounds.
fn replay<M: Metric>(
    name: &str,
    case: &Case,
    mut metric: M,
    labels: impl Fn(&Tensor) -> Vec<M::Label>,
) -> f64 {
    assert_eq!(case.updates.len(), 2, "{name}");
    assert!(metric.get().is_nan() && metric.get_global().is_nan());
    let mut worst = 0.0f64;
    // A second time after `reset`: nothing is left of the first.
    for _ in 0..2 {
        for (at, update) in case.updates.iter().enumerate() {
            let what = |value: &str| format!("{name}, update {at}, {value}");
            metric
                .update(&labels(&update.label), &update.pred.data)
                .unwrap();
            let local = metric.sums().local;
            assert_eq!(local.count, update.num_inst, "{}", what("num_inst"));
            for share in [
                close(&what("sum_metric"), local.sum, &update.sum_metric),
                close(&what("get"), metric.get(), &update.get.1),
                close(&what("get_global"), metric.get_global(), &update.global),
            ] {
                worst = worst.max(share);
            }
        }
        metric.reset_local();
        let [local, global] = &case.after_reset_local;
        close(&format!("{name}, local after reset"), metric.get(), local);
        close(
            &format!("{name}, global after reset"),
            metric.get_global(),
            global,
        );
        metric.reset();
        assert!(metric.get().is_nan() && metric.get_global().is_nan());
    }
    worst
}

#[test]
fn every_metric_of_scenario_h_is_mxnets() {
    let scenario: Scenario = serde_json::from_slice(&oracle::read("h_metrics.json")).unwrap();
    let ids = Tensor::ids;
    let values = |tensor: &Tensor| tensor.data.clone();
    let math = Math::default();
    assert_eq!(scenario.metrics.len(), 15);
    for (name, case) in &scenario.metrics {
        let n = name.as_str();
        let worst = match n {
            "acc" => replay(n, case, Accuracy::new(), ids),
            "top_k_2" => replay(n, case, TopK::new(2).unwrap(), ids),
            "ce" => replay(n, case, CrossEntropy::default(), ids),
            "nll" => replay(n, case, NegativeLogLikelihood::default(), ids),
            "perplexity_none" => replay(n, case, Perplexity::new(None, math), ids),
            "perplexity_ignore0" => replay(n, case, Perplexity::new(Some(0), math), ids),
            "f1_macro" => replay(n, case, F1::new(Average::Macro), ids),
            "f1_micro" => replay(n, case, F1::new(Average::Micro), ids),
            "mcc_macro" => replay(n, case, Mcc::new(Average::Macro, math), ids),
            "mcc_micro" => replay(n, case, Mcc::new(Average::Micro, math), ids),
            "mse" => replay(n, case, Mse::new(), values),
            "mae" => replay(n, case, Mae::new(), values),
            "rmse" => replay(n, case, Rmse::new(math), values),
            "loss" => replay(n, case, Loss::new(), values),
            "pearsonr" => replay(n, case, Pearson::new(math), values),
            _ => panic!("{n}: not a metric of ours"),
        };
        println!("{n}: {worst:.4} of the bound");
    }
}
