//! Writing symbol.json: MXNet's bytes, and nothing lost on the way back.

mod common;

use common::{cases, repository};
use tinpail_plan::symbol::{FullyConnected, Hints};
use tinpail_plan::{Error, Symbols, fuse, json};

/// One node of each operator. MXNet reads what it wrote itself, so it reads ours.
#[test]
fn mxnets_bytes() {
    for file in ["operators", "windows"] {
        let text = repository(&format!("tools/plan/tests/golden/{file}-symbol.json"));
        let net = json::read(&text).expect("a network");
        let ours = json::write(&net).expect("written");
        for (line, (ours, mxnets)) in ours.lines().zip(text.lines()).enumerate() {
            assert_eq!(ours, mxnets, "{file}, line {line}");
        }
        assert_eq!(ours, text, "{file}");
    }
}

#[test]
fn what_is_written_reads_back_as_the_same_network() {
    let scenarios = [
        "tests/golden/a_lstm_lm/model-10",
        "tests/golden/b_stateful_lstm/model-6",
        "tests/golden/c_gru_fixed/model-5",
        "tests/golden/d_conv_bn/model-8",
        "boards/speaker/model/speaker-29",
    ];
    let files = scenarios.map(|path| repository(&format!("{path}-symbol.json")));
    let cells = cases();
    let cells = cells["cells"].as_object().expect("an object");
    let cells = cells.values().map(|case| case["symbol"].to_string());
    for text in files.into_iter().chain(cells) {
        let net = json::read(&text).expect("a network");
        let written = json::write(&net).expect("written");
        assert_eq!(json::read(&written).expect("read back"), net);
    }
}

/// Every operator case of MXNet: the symbol as read, written, and read again.
#[test]
fn every_operator_reads_back_as_it_was() {
    for file in ["more_ops.json", "rnn_cells.json"] {
        let text = repository(&format!("tests/golden/{file}"));
        let file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for (name, case) in file["cases"].as_object().expect("cases") {
            let net = json::read(case["symbol"].as_str().expect("a symbol")).expect(name);
            let written = json::write(&net).expect(name);
            assert_eq!(json::read(&written).expect(name), net, "{name}");
        }
    }
}

#[test]
fn names_and_initializers_are_escaped() {
    let mut s = Symbols::new();
    let data = s.variable("a \"name\"\\");
    let fc = s.fully_connected("fc", data, FullyConnected::new(2));
    let mut net = s.net([fc]);
    net.nodes[1].hints = Hints {
        init: Some(r#"["lstmbias", {"forget_bias": 1.0}]"#.into()),
        ..Hints::default()
    };
    let written = json::write(&net).expect("written");
    assert!(written.contains(r#""__init__": "[\"lstmbias\", {\"forget_bias\": 1.0}]""#));
    assert_eq!(json::read(&written).expect("read back"), net);
}

/// MXNet has no operator for a node that fusion made.
#[test]
fn a_fused_network_is_refused_with_its_node() {
    let text = repository("tests/golden/c_gru_fixed/model-3-symbol.json");
    let net = json::read(&text)
        .expect("a network")
        .data("data", [0, 3, 3]);
    let fused = fuse::fuse(&net, 1).expect("fused");
    match json::write(&fused) {
        Err(Error::Symbol { symbol, .. }) => {
            assert!(fused.nodes.iter().any(|node| node.name == symbol))
        }
        other => panic!("{other:?}"),
    }
}
