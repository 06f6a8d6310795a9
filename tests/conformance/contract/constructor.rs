//! The constructor, and the attributes of a module that is not bound.

use serde_json::json;
use tinpail_host::{Memory, Network, TooEarly};
use tinpail_plan::{Error, Net};

use super::net::{Module, sym_gen, unbound};
use super::{Absent, Differs, Recorded, Same, Table};

pub const PROBES: Table = &[
    (
        "ctor_no_default_key",
        Absent("default_bucket_key is no optional argument of Network::new"),
    ),
    ("ctor_bad_state_name", Same(bad_state_name)),
    ("ctor_bad_fixed_name", Same(bad_fixed_name)),
    ("ctor_bad_data_name", Same(bad_data_name)),
    (
        "ctor_bad_label_name_only_warns",
        Differs(
            "a label that the symbol does not have could never be given to it: an error",
            bad_label_name,
        ),
    ),
    ("names_before_bind", Same(names_before_bind)),
    (
        "unbound_data_shapes",
        Same(|mxnet| unbound_is_refused(mxnet, |module| module.data_shapes().err())),
    ),
    (
        "unbound_label_shapes",
        Same(|mxnet| unbound_is_refused(mxnet, |module| module.label_shapes().err())),
    ),
    (
        "unbound_output_shapes",
        Same(|mxnet| unbound_is_refused(mxnet, |module| module.output_shapes().err())),
    ),
    (
        "unbound_symbol",
        Same(|mxnet| unbound_is_refused(mxnet, |module| module.symbol().err())),
    ),
];

fn network() -> Network {
    Network::new(sym_gen, [2, 4], 4).expect("a network")
}

fn bad_state_name(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "ValueError");
    mxnet.message_names("'nope'");
    let error = network().state_names(["nope"]).expect_err("an error");
    assert!(matches!(error, Error::UnknownName { name, .. } if name == "nope"));
}

fn bad_fixed_name(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "ValueError");
    mxnet.message_names("'nope'");
    let error = network().fixed_param_names(["nope"]).expect_err("an error");
    assert!(matches!(error, Error::UnknownName { name, .. } if name == "nope"));
}

/// The network of the probes, declared under other names.
fn declared_as(data: &str, label: &str) -> Result<Network, Error> {
    let sym_gen = |key: u32| -> Result<Net, Error> {
        let mut net = sym_gen(key)?;
        net.data[0].name = data.into();
        net.labels[0].name = label.into();
        Ok(net)
    };
    Network::new(sym_gen, [4], 4)
}

fn bad_data_name(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "ValueError");
    mxnet.message_names("'dta'");
    let error = declared_as("dta", "softmax_label").expect_err("an error");
    assert!(matches!(error, Error::UnknownName { name, .. } if name == "dta"));
}

fn bad_label_name(_: &Recorded) {
    let error = declared_as("data", "lbl").expect_err("an error");
    assert!(matches!(error, Error::UnknownName { name, .. } if name == "lbl"));
}

fn names_before_bind(mxnet: &Recorded) {
    let memory = Memory::new();
    let module = unbound(&memory);
    assert_eq!(
        json!([module.data_names(), module.output_names()]),
        *mxnet.result()
    );
}

fn unbound_is_refused(mxnet: &Recorded, attribute: fn(&Module<'_>) -> Option<TooEarly>) {
    assert_eq!(mxnet.raises(), "AssertionError");
    let memory = Memory::new();
    assert_eq!(attribute(&unbound(&memory)), Some(TooEarly::NotBound));
}
