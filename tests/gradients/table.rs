//! That the table is whole: every operator of the symbols has a row.

use std::collections::BTreeSet;

use tinpail_plan::{Net, fuse};

use crate::rows::rows;

/// The operators, as they stand in the source of [`tinpail_plan::Op`].
const SOURCE: &str = include_str!("../../tools/plan/src/symbol/op.rs");

/// Operators without a row, and why.
const WITHOUT: [(&str, &str); 0] = [];

/// The variants of `pub enum Op`.
fn operators() -> BTreeSet<String> {
    let body = SOURCE.split_once("\npub enum Op {\n").expect("the enum").1;
    let body = body.split_once("\n}\n").expect("its end").0;
    let variants = body.lines().filter_map(|line| line.strip_prefix("    "));
    let variants = variants.filter(|line| line.starts_with(|first: char| first.is_uppercase()));
    variants.map(|line| name(line).to_owned()).collect()
}

/// What stands before the attributes.
fn name(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_alphanumeric());
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn every_operator_has_a_row() {
    let mut used = BTreeSet::new();
    let mut see = |net: &Net| {
        let operators = net.nodes.iter().map(|node| format!("{:?}", node.op));
        used.extend(operators.map(|text| name(&text).to_owned()));
    };
    for row in rows() {
        let net = row.net(4);
        see(&net);
        see(&fuse::fuse(&net, 1).expect("fused"));
    }
    let operators = operators();
    assert!(
        operators.len() > 40 && operators.is_superset(&used),
        "{operators:?}"
    );
    for (without, why) in WITHOUT {
        assert!(!used.contains(without), "{without} has a row: {why}");
        used.insert(without.into());
    }
    let missing: Vec<&String> = operators.difference(&used).collect();
    assert!(missing.is_empty(), "no row has {missing:?}");
}
