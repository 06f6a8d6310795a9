//! Reads the `symbol.json` that MXNet writes, of any age, and writes it: a list of nodes, which of them are arguments, and the heads.
//!
//! ```text
//! {"nodes": [{"op": "null", "name": "data", "inputs": []},
//!            {"op": "Activation", "name": "act", "attrs": {"act_type": "tanh"}, "inputs": [[0, 0, 0]]}],
//!  "arg_nodes": [0], "heads": [[1, 0, 0]]}
//! ```
//!
//! An input is [node, output] or [node, output, version]. Attributes are strings; before 1.0 they were called
//! `attr` or `param`. `ops` turns a node into an [`Op`], `attrs` reads one attribute; [`write`](fn@write) is the way back.

mod attrs;
mod norm;
mod ops;
mod window;
mod write;

pub use write::write;

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::symbol::{Hints, Node, NodeId, topo};
use crate::{Error, Net, Op, Sym};
use attrs::Attrs;

#[derive(Deserialize)]
struct Graph {
    nodes: Vec<JsonNode>,
    #[serde(default)]
    arg_nodes: Vec<usize>,
    heads: Vec<Vec<usize>>,
}

#[derive(Deserialize)]
struct JsonNode {
    op: String,
    name: String,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
    #[serde(default)]
    attr: BTreeMap<String, String>,
    #[serde(default)]
    param: BTreeMap<String, String>,
    #[serde(default)]
    inputs: Vec<Vec<usize>>,
}

impl JsonNode {
    /// All attributes; where a key comes twice, the later one counts.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let merged = [&self.param, &self.attr, &self.attrs].into_iter().flatten();
        merged.map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// The network in `text`. Data and labels are not in the file: declare them with [`Net::data`] and [`Net::label`].
///
/// # Errors
/// Text that is not a symbol file; an operator that tinpail does not have; an attribute that it does not
/// know, that is malformed, or that asks for something it does not do.
pub fn read(text: &str) -> Result<Net, Error> {
    let mut graph: Graph =
        serde_json::from_str(text).map_err(|error| Error::Json(error.to_string()))?;
    add_auxiliary(&mut graph);
    let order = order(&graph)?;
    let mut place = vec![0u32; order.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new as u32;
    }
    let entries = |entries: &[Vec<usize>]| -> Vec<Sym> {
        // `order` has checked their lengths and indices.
        let sym = |entry: &Vec<usize>| Sym {
            node: NodeId(place[entry[0]]),
            output: u32::try_from(entry[1]).unwrap_or(u32::MAX),
        };
        entries.iter().map(sym).collect()
    };
    let mut nodes: Vec<Node> = Vec::with_capacity(order.len());
    for &old in &order {
        let node = &graph.nodes[old];
        let mut attrs = Attrs::new(&node.name, node.pairs());
        for (input, key, of_rate) in multipliers(node, &graph) {
            let value = attrs.optional_float(key)?;
            let hints = &mut nodes[place[input] as usize].hints;
            let slot = match of_rate {
                true => &mut hints.lr_mult,
                false => &mut hints.wd_mult,
            };
            *slot = slot.or(value);
        }
        nodes.push(self::node(node, attrs, entries(&node.inputs))?);
    }
    check_arguments(&graph)?;
    let net = Net {
        nodes,
        heads: entries(&graph.heads),
        data: Vec::new(),
        labels: Vec::new(),
    };
    if net.heads.is_empty() {
        return Err(Error::Json("no heads".into()));
    }
    net.check()?;
    Ok(net)
}

/// Before 0.9 files did not mention auxiliary states: a BatchNorm without them reads `NAME_moving_mean` and
/// `NAME_moving_var`.
fn add_auxiliary(graph: &mut Graph) {
    for at in 0..graph.nodes.len() {
        let node = &graph.nodes[at];
        if node.op != "BatchNorm" || node.inputs.len() != 3 {
            continue;
        }
        for (what, init) in [("mean", "zero"), ("var", "one")] {
            let variable = JsonNode {
                op: "null".into(),
                name: format!("{}_moving_{what}", graph.nodes[at].name),
                attrs: BTreeMap::from([("__init__".into(), format!("[\"{init}\", {{}}]"))]),
                attr: BTreeMap::new(),
                param: BTreeMap::new(),
                inputs: Vec::new(),
            };
            let index = graph.nodes.len();
            graph.nodes.push(variable);
            graph.nodes[at].inputs.push(vec![index, 0]);
        }
    }
}

/// The order in which nodes come after their inputs: the file's own, unless somebody has shuffled it.
fn order(graph: &Graph) -> Result<Vec<usize>, Error> {
    let count = graph.nodes.len();
    let check = |owner: &str, entry: &Vec<usize>| match entry.as_slice() {
        [node, _] | [node, _, _] if *node < count => Ok(*node),
        [_, _] | [_, _, _] => {
            let what = format!("{owner}: {entry:?} points beyond the {count} nodes");
            Err(Error::Json(what))
        }
        _ => {
            let what =
                format!("{owner}: {entry:?} is not [node, output] or [node, output, version]");
            Err(Error::Json(what))
        }
    };
    for head in &graph.heads {
        check("heads", head)?;
    }
    let mut inputs = Vec::with_capacity(count);
    for node in &graph.nodes {
        let of_node = node.inputs.iter().map(|entry| check(&node.name, entry));
        inputs.push(of_node.collect::<Result<Vec<usize>, Error>>()?);
    }
    let priority: Vec<usize> = (0..count).collect();
    topo::order(&inputs, &priority).ok_or_else(|| Error::Json("the nodes form a cycle".into()))
}

/// `arg_nodes` lists variables only, and no two variables share a name.
fn check_arguments(graph: &Graph) -> Result<(), Error> {
    let is_variable = |&index: &usize| graph.nodes.get(index).is_some_and(|node| node.op == "null");
    if let Some(index) = graph.arg_nodes.iter().find(|index| !is_variable(index)) {
        return Err(Error::Json(format!(
            "arg_nodes: node {index} is not an argument"
        )));
    }
    let mut names = HashSet::new();
    let mut variables = graph.nodes.iter().filter(|node| node.op == "null");
    match variables.find(|node| !names.insert(&node.name)) {
        Some(node) => Err(Error::Json(format!(
            "two arguments are named {}",
            node.name
        ))),
        None => Ok(()),
    }
}

fn node(node: &JsonNode, mut attrs: Attrs, inputs: Vec<Sym>) -> Result<Node, Error> {
    let (op, hints) = if node.op == "null" {
        (Op::Variable, hints(&mut attrs)?)
    } else {
        let op = ops::op(&node.op, &mut attrs)?;
        attrs.finish(&node.op)?;
        (op, Hints::default())
    };
    Ok(Node {
        name: node.name.clone(),
        op,
        inputs,
        hints,
    })
}

/// What an operator says of its variables: which input, under which key, and whether it is the learning rate's. Before 0.9
/// `weight_lr_mult` on `fc` was what `__lr_mult__` on `fc_weight` is now.
fn multipliers<'g>(
    node: &'g JsonNode,
    graph: &'g Graph,
) -> impl Iterator<Item = (usize, &'g str, bool)> {
    node.pairs().filter_map(|(key, _)| {
        let of_rate = key.strip_suffix("_lr_mult");
        let argument = of_rate.or_else(|| key.strip_suffix("_wd_mult"))?;
        let name = format!("{}_{argument}", node.name);
        let mut inputs = node.inputs.iter().map(|entry| entry[0]);
        let input = inputs.find(|&input| graph.nodes[input].name == name)?;
        Some((input, key, of_rate.is_some()))
    })
}

/// A variable's own attributes. Others on it are copies of its reader's, and are skipped.
fn hints(attrs: &mut Attrs) -> Result<Hints, Error> {
    // Before 0.9 the multipliers were written without underscores.
    let multiplier = |attrs: &mut Attrs, key: &str| -> Result<Option<f32>, Error> {
        let old = attrs.optional_float(key)?;
        Ok(attrs.optional_float(&format!("__{key}__"))?.or(old))
    };
    Ok(Hints {
        shape: attrs.optional_dims("__shape__")?,
        init: attrs.optional_text("__init__")?,
        lr_mult: multiplier(attrs, "lr_mult")?,
        wd_mult: multiplier(attrs, "wd_mult")?,
    })
}
