//! Labels and predictions at the borders, and what is refused.

use tinpail::Tensor;
use tinpail::math::Math;
use tinpail::metric::{
    Accuracy, Average, CrossEntropy, F1, Loss, Mcc, Metric, MetricError, Mse, Pearson, Perplexity,
    Rmse, TopK,
};

const PADDING: u16 = 0xFFFF;

/// The value after one update.
fn one<M: Metric>(mut metric: M, labels: &[M::Label], predictions: &[f32]) -> f64 {
    metric.update(labels, predictions).unwrap();
    metric.get()
}

/// The error of an update that leaves a metric as it was.
fn refused<M: Metric>(mut metric: M, labels: &[M::Label], predictions: &[f32]) -> MetricError {
    let before = *metric.sums();
    let error = metric.update(labels, predictions).unwrap_err();
    assert_eq!(*metric.sums(), before);
    error
}

#[test]
fn accuracy_takes_the_first_of_the_largest() {
    assert_eq!(one(Accuracy::new(), &[1], &[1.0, 3.0, 3.0]), 1.0);
    // As MXNet's and numpy's argmax.
    assert_eq!(one(Accuracy::new(), &[1], &[1.0, f32::NAN, 3.0]), 1.0);
    assert_eq!(one(Accuracy::new(), &[0], &[f32::NEG_INFINITY; 3]), 1.0);
}

#[test]
fn labels_without_a_prediction_are_missed() {
    assert_eq!(
        one(Accuracy::new(), &[PADDING, 0], &[1.0, 0.0, 1.0, 0.0]),
        0.5
    );
    let top = TopK::new(2).unwrap();
    assert_eq!(one(top, &[9, PADDING, 0], &[1.0; 6]), 1.0 / 3.0);
}

#[test]
fn one_prediction_for_each_label_is_the_class() {
    let predictions = [2.0, 3.9, -1.0, f32::NAN, 1e30];
    assert_eq!(
        one(Accuracy::new(), &[2, 3, PADDING, 0, 7], &predictions),
        0.6
    );
}

#[test]
fn top_k_gives_ties_to_the_lower_class() {
    let top = || TopK::new(2).unwrap();
    assert_eq!(one(top(), &[0, 1], &[0.3; 6]), 1.0);
    assert_eq!(one(top(), &[2], &[0.3; 3]), 0.0);
    assert_eq!(one(top(), &[2], &[f32::NAN; 3]), 0.0);
    assert!(TopK::new(0).is_none() && TopK::new(1).is_none());
    let error = MetricError::Classes {
        needed: 3,
        found: 2,
    };
    assert_eq!(refused(TopK::new(3).unwrap(), &[0], &[0.5, 0.5]), error);
}

#[test]
fn a_probability_of_zero_is_finite() {
    let close = |ours: f64, exact: f64| assert!((ours - exact).abs() <= 1e-5 * exact, "{ours}");
    close(
        one(CrossEntropy::default(), &[0], &[0.0, 1.0]),
        -(1e-12f64.ln()),
    );
    close(
        one(Perplexity::default(), &[0], &[0.0, 1.0]),
        1e10 * (1.0 + 1e-6),
    );
    assert!(one(Perplexity::default(), &[0], &[f32::NAN, 1.0]).is_nan());
}

#[test]
fn perplexity_skips_padding_whatever_its_row_holds() {
    let mut perplexity = Perplexity::new(Some(PADDING), Math::default());
    perplexity.update(&[PADDING], &[f32::NAN, 0.0]).unwrap();
    assert!(perplexity.get().is_nan());
    perplexity
        .update(&[PADDING, 1], &[f32::NAN, 0.0, 0.5, 0.5])
        .unwrap();
    assert!((perplexity.get() - 2.0).abs() < 1e-6);
    assert_eq!(perplexity.sums().global.count, 1);
}

#[test]
fn binary_scores_without_a_positive() {
    for average in [Average::Macro, Average::Micro] {
        // All negative, and rightly so.
        assert_eq!(one(F1::new(average), &[0, 0], &[1.0, 0.0, 1.0, 0.0]), 0.0);
        let mcc = Mcc::new(average, Math::default());
        assert_eq!(one(mcc, &[0, 0], &[1.0, 0.0, 1.0, 0.0]), 0.0);
        let perfect = Mcc::new(average, Math::default());
        let value = one(perfect, &[0, 1], &[1.0, 0.0, 0.0, 1.0]);
        assert!((value - 1.0).abs() < 1e-6, "{value}");
    }
    let error = MetricError::NotBinary { at: 3, label: 7 };
    assert_eq!(refused(F1::default(), &[0, 5, 0, 7], &[0.5; 8]), error);
    assert_eq!(refused(Mcc::default(), &[0, 5, 0, 7], &[0.5; 8]), error);
}

#[test]
fn lengths_that_do_not_go_together_are_refused() {
    let error = |labels, predictions| MetricError::Len {
        labels,
        predictions,
    };
    assert_eq!(refused(Accuracy::new(), &[0, 0], &[0.5; 3]), error(2, 3));
    assert_eq!(refused(Accuracy::new(), &[0, 0], &[]), error(2, 0));
    assert_eq!(refused(Accuracy::new(), &[], &[]), MetricError::Empty);
    assert_eq!(refused(F1::default(), &[0, 0, 0], &[0.5; 2]), error(3, 2));
    assert_eq!(refused(Mse::new(), &[0.0; 2], &[0.5; 4]), error(2, 4));
    assert_eq!(refused(Rmse::default(), &[], &[0.5]), MetricError::Empty);
    assert_eq!(refused(Pearson::default(), &[1.0], &[]), error(1, 0));
    assert_eq!(refused(Loss::new(), &[], &[]), MetricError::Empty);
}

#[test]
fn a_label_beyond_the_classes_is_refused_by_likelihoods() {
    let error = |at, label| MetricError::Range {
        at,
        label,
        classes: 2,
    };
    let mut entropy = CrossEntropy::default();
    entropy.update(&[0], &[0.5, 0.5]).unwrap();
    assert_eq!(refused(entropy, &[0, 2], &[0.5; 4]), error(1, 2));
    let other = Perplexity::new(Some(0), Math::default());
    assert_eq!(refused(other, &[PADDING], &[0.5; 2]), error(0, PADDING));
}

#[test]
fn labels_of_a_batch() {
    let (ids, values) = (Tensor::U16(&[1]), Tensor::F32(&[1.0]));
    let mut accuracy = Accuracy::new();
    accuracy.update_tensor(ids, &[0.0, 1.0]).unwrap();
    assert_eq!(accuracy.get(), 1.0);
    let error = accuracy.update_tensor(values, &[0.0, 1.0]);
    assert_eq!(error, Err(MetricError::Kind));
    let mut mse = Mse::new();
    mse.update_tensor(values, &[0.5]).unwrap();
    assert_eq!(mse.get(), 0.25);
    assert_eq!(mse.update_tensor(ids, &[0.5]), Err(MetricError::Kind));
    let mut loss = Loss::new();
    for labels in [ids, values] {
        loss.update_tensor(labels, &[1.0, 2.0]).unwrap();
    }
    assert_eq!(loss.get(), 1.5);
}
