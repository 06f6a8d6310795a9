//! Metrics by MXNet's names.

/// No metric.
pub const NONE: &str = "none";

/// What makes one, and whether its labels are values instead of classes.
const METRICS: [(&str, &str, bool); 12] = [
    ("accuracy", "Accuracy::new()", false),
    ("top_k_accuracy", "TopK::new(2)?", false),
    ("cross-entropy", "CrossEntropy::default()", false),
    ("nll_loss", "NegativeLogLikelihood::default()", false),
    (
        "perplexity",
        "Perplexity::new(None, Default::default())",
        false,
    ),
    ("mse", "Mse::new()", true),
    ("mae", "Mae::new()", true),
    ("rmse", "Rmse::new(Default::default())", true),
    ("f1", "F1::new(Average::Macro)", false),
    ("mcc", "Mcc::new(Average::Macro, Default::default())", false),
    ("pearsonr", "Pearson::new(Default::default())", true),
    ("loss", "Loss::new()", true),
];

/// Whether there is a metric of this name.
pub fn is_known(name: &str) -> bool {
    name == NONE || METRICS.iter().any(|(known, ..)| *known == name)
}

/// The source of `measure`, which the program calls with labels, values and an output.
pub fn source(name: &str) -> String {
    let found = METRICS.iter().find(|(known, ..)| *known == name);
    let body = match found {
        None => "outputs.first().map(|output| f64::from(*output))".into(),
        Some((_, make, of_values)) => format!(
            "let mut metric = {make};\n    metric.update({}, outputs).ok()?;\n    Some(metric.get())",
            if *of_values { "values" } else { "labels" }
        ),
    };
    format!(
        "#[allow(unused_imports)]\nuse tinpail::metric::*;\n\
         #[allow(unused_variables)]\n\
         pub fn measure(labels: &[u16], values: &[f32], outputs: &[f32]) -> Option<f64> {{\n    {body}\n}}\n"
    )
}
