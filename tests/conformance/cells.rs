//! The cells of `mx.rnn`, unrolled by MXNet 1.9.1 over three steps (`rnn_cells.json`): each graph is read, its layers are
//! recognised, and it gives MXNet's outputs, states and gradients.

use tinpail_plan::{Op, fuse, json};

use crate::operators::{check, for_every_case, read_cases};

/// How many layers over whole sequences each cell is.
const LAYERS: [(&str, usize); 14] = [
    ("rnn_tanh", 1),
    ("rnn_relu", 1),
    ("lstm", 1),
    ("gru", 1),
    ("sequential", 2),
    ("bidirectional_lstm", 2),
    ("bidirectional_gru", 2),
    ("bidirectional_rnn", 2),
    ("bidirectional_stack", 4),
    ("residual", 1),
    ("fused_bidirectional", 4),
    ("fused_gru", 1),
    ("unfused", 4),
    // Every step chooses between its new and its old states: no layer.
    ("zoneout", 0),
];

/// A cell's name, without how it was unrolled.
fn cell(case: &str) -> &str {
    let at = case.find("_NTC").or_else(|| case.find("_TNC"));
    &case[..at.expect("a layout")]
}

#[test]
fn every_cell_is_recognised_and_has_mxnets_numbers() {
    let cases = read_cases(include_bytes!("../golden/rnn_cells.json"));
    for (name, _) in LAYERS {
        let of_cell = cases.keys().filter(|case| cell(case) == name).count();
        assert_eq!(of_cell, 3, "{name}");
    }
    assert_eq!(cases.len(), 3 * LAYERS.len());
    for_every_case(cases, |name, case| {
        let text = case["symbol"].as_str().expect("a symbol");
        let shape = match name.contains("_NTC") {
            true => [0, 3, 3],
            false => [3, 0, 3],
        };
        let net = json::read(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let net = net.data("data", shape);
        let fused = fuse::fuse(&net, 2).expect(name);
        let count = |is: &dyn Fn(&Op) -> bool| {
            let nodes = fused.nodes.iter();
            nodes.filter(|node| is(&node.op)).count()
        };
        let (_, layers) = LAYERS
            .iter()
            .find(|(own, _)| *own == cell(name))
            .expect(name);
        assert_eq!(
            count(&|op| matches!(op, Op::RnnLayer { .. })),
            *layers,
            "{name}"
        );
        if *layers > 0 {
            assert_eq!(
                count(&|op| matches!(op, Op::FullyConnected(_))),
                0,
                "{name}"
            );
        }
        check(name, &net, case, 2);
    });
}
