//! Scenario k: 107 probes of what BucketingModule refuses, ignores and shares (tests/golden/k_contract.json; what each does stands
//! in oracle.py under its name). Each is a test of the same outcome here, or a difference on purpose with its reason; a probe that
//! is neither fails.

mod buckets;
mod checkpoints;
mod constructor;
mod devices;
mod life;
mod loops;
mod net;
mod params;
mod states;
mod training;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::oracle;

/// What MXNet did, and how tinpail is held to it.
pub enum Probe {
    /// The same: the function is given what MXNet did.
    Same(fn(&Recorded)),
    /// Something else, on purpose: why, and what it is.
    Differs(&'static str, fn(&Recorded)),
    /// Something that cannot be said in Rust, or that tinpail has no form of: why.
    Absent(&'static str),
}

use Probe::{Absent, Differs, Same};

/// What MXNet did: a result, or what it raised.
pub struct Recorded(Value);

impl Recorded {
    #[track_caller]
    pub fn result(&self) -> &Value {
        self.0.get("result").expect("MXNet gave a result")
    }

    #[track_caller]
    pub fn raises(&self) -> &str {
        self.0["raises"].as_str().expect("MXNet raised something")
    }

    /// Whether MXNet's message names this.
    #[track_caller]
    pub fn message_names(&self, what: &str) {
        let message = self.0["message"].as_str().expect("a message");
        assert!(message.contains(what), "{message}");
    }
}

type Table = &'static [(&'static str, Probe)];

const TABLES: [Table; 9] = [
    constructor::PROBES,
    life::PROBES,
    params::PROBES,
    buckets::PROBES,
    training::PROBES,
    states::PROBES,
    loops::PROBES,
    checkpoints::PROBES,
    devices::PROBES,
];

fn recorded() -> BTreeMap<String, Value> {
    let file: Value = serde_json::from_slice(&oracle::read("k_contract.json")).expect("JSON");
    serde_json::from_value(file["probes"].clone()).expect("an object")
}

#[test]
fn every_probe_is_a_test_or_a_difference_with_a_reason() {
    let recorded: BTreeSet<String> = recorded().into_keys().collect();
    let mut held = BTreeSet::new();
    for (name, probe) in TABLES.into_iter().flatten() {
        assert!(held.insert((*name).to_owned()), "{name} stands there twice");
        if let Differs(why, _) | Absent(why) = probe {
            assert!(why.contains(' '), "{name}: {why:?} is no reason");
        }
    }
    assert_eq!(held, recorded);
    assert_eq!(recorded.len(), 107);
}

#[test]
fn the_same_outcomes_as_mxnet() {
    let recorded = recorded();
    for (name, probe) in TABLES.into_iter().flatten() {
        if let Same(test) = probe {
            println!("{name}");
            test(&Recorded(recorded[*name].clone()));
        }
    }
}

#[test]
fn differences_on_purpose() {
    let recorded = recorded();
    for (name, probe) in TABLES.into_iter().flatten() {
        if let Differs(_, test) = probe {
            println!("{name}");
            test(&Recorded(recorded[*name].clone()));
        }
    }
}
