//! Optimizers by MXNet's names.

use tinpail_plan::Optimizer;

/// The optimizer of this name.
pub fn named(name: &str) -> Option<Optimizer> {
    Some(match name {
        "sgd" => Optimizer::Sgd { momentum: false },
        "sgd with momentum" => Optimizer::Sgd { momentum: true },
        "nag" => Optimizer::Nag { momentum: true },
        "adam" => Optimizer::Adam,
        "adagrad" => Optimizer::AdaGrad,
        "adadelta" => Optimizer::AdaDelta,
        "rmsprop" => Optimizer::RmsProp { centered: false },
        "rmsprop centered" => Optimizer::RmsProp { centered: true },
        "ftrl" => Optimizer::Ftrl,
        "adamax" => Optimizer::Adamax,
        "nadam" => Optimizer::Nadam,
        "signum" => Optimizer::Signum { momentum: true },
        _ => return None,
    })
}
