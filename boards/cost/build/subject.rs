//! What a build has more than the base.

use tinpail_plan::Optimizer;

use crate::{metric, operator, optimizer};

/// What is measured, and what it is measured in: a program that predicts, or one that trains.
pub struct Subject<'s> {
    /// None: the program only predicts.
    pub optimizer: Option<Optimizer>,
    pub operator: &'s str,
    pub metric: &'s str,
}

impl<'s> Subject<'s> {
    /// The subject called `kind/name`.
    pub fn of(name: &'s str) -> Option<Self> {
        let (kind, name) = name.split_once('/')?;
        let base = Subject {
            optimizer: None,
            operator: operator::NONE,
            metric: metric::NONE,
        };
        let sgd = Some(optimizer::named("sgd")?);
        let subject = match (kind, name) {
            ("base", "inference") => base,
            ("base", "training") => Subject {
                optimizer: sgd,
                ..base
            },
            ("optimizer", _) => Subject {
                optimizer: Some(optimizer::named(name)?),
                ..base
            },
            ("metric", _) => Subject {
                metric: name,
                ..base
            },
            ("inference", _) => Subject {
                operator: name,
                ..base
            },
            ("training", _) => Subject {
                operator: name,
                optimizer: sgd,
                ..base
            },
            _ => return None,
        };
        let known = operator::is_known(subject.operator) && metric::is_known(subject.metric);
        known.then_some(subject)
    }
}
