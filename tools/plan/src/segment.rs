//! Recurrent layers cut into segments of time steps, with the states passed on: what recomputation then keeps of a segment
//! is the state that it begins with.

use crate::error::Error;
use crate::infer::Shapes;
use crate::symbol::{Hints, Mode, Net, Node, NodeId, Op, Sym};

/// The lengths of segments that are worth a try for `steps` steps, longest first: for each number of segments the most
/// even cut.
pub fn lengths(steps: usize) -> Vec<usize> {
    let mut lengths: Vec<usize> = (2..=steps).map(|count| steps.div_ceil(count)).collect();
    lengths.dedup();
    lengths
}

/// The most time steps of a recurrent layer.
pub fn longest(net: &Net, shapes: &Shapes) -> usize {
    let layers = net.nodes.iter().filter_map(|node| match node.op {
        Op::RnnLayer { .. } => shapes.of(node.inputs[0]).first().copied(),
        _ => None,
    });
    layers.max().unwrap_or(0)
}

/// `net` with every recurrent layer of more than `steps` steps cut into segments of `steps` steps, the last with what is
/// left. The numbers of forward are the same to the last bit.
///
/// # Errors
///
/// [`Error::Invalid`] if a layer has no steps to cut.
pub fn segmented(net: &Net, shapes: &Shapes, steps: usize) -> Result<Net, Error> {
    let mut cut = Cut {
        nodes: Vec::new(),
        now: Vec::new(),
    };
    for node in &net.nodes {
        let inputs: Vec<Sym> = node.inputs.iter().map(|input| cut.find(*input)).collect();
        let outputs = match node.op {
            Op::RnnLayer { mode, hidden } => {
                let of = shapes.of(node.inputs[0]).first().copied();
                let of = of.ok_or_else(|| Error::Invalid(format!("{} has no steps", node.name)))?;
                match of > steps {
                    true => cut.layer(node, &inputs, mode, hidden, of, steps),
                    false => cut.same(node, inputs),
                }
            }
            _ => cut.same(node, inputs),
        };
        cut.now.push(outputs);
    }
    let heads = net.heads.iter().map(|head| cut.find(*head)).collect();
    Ok(Net {
        heads,
        nodes: cut.nodes,
        data: net.data.clone(),
        labels: net.labels.clone(),
    })
}

struct Cut {
    nodes: Vec<Node>,
    /// What the outputs of each old node are now.
    now: Vec<Outputs>,
}

enum Outputs {
    /// Those of one node.
    Of(NodeId),
    /// One by one.
    Each(Vec<Sym>),
}

impl Cut {
    fn find(&self, old: Sym) -> Sym {
        match &self.now[old.node.0 as usize] {
            Outputs::Of(node) => Sym { node: *node, ..old },
            Outputs::Each(syms) => syms[old.output as usize],
        }
    }

    fn push(&mut self, node: Node) -> Sym {
        let index = self.nodes.len() as u32;
        self.nodes.push(node);
        Sym {
            node: NodeId(index),
            output: 0,
        }
    }

    fn add(&mut self, name: String, op: Op, inputs: &[Sym]) -> Sym {
        self.push(Node {
            name,
            op,
            inputs: inputs.to_vec(),
            hints: Hints::default(),
        })
    }

    fn same(&mut self, node: &Node, inputs: Vec<Sym>) -> Outputs {
        let node = self.push(Node {
            inputs,
            ..node.clone()
        });
        Outputs::Of(node.node)
    }

    fn slice(&mut self, node: &Node, data: Sym, begin: usize, end: usize) -> Sym {
        let name = format!("{}.steps{begin}", node.name);
        let op = Op::SliceAxis {
            axis: 0,
            begin: begin as i64,
            end: Some(end as i64),
        };
        self.add(name, op, &[data])
    }

    /// The input of each segment. Equal parts are cut at once: their gradients then join without sums.
    fn inputs(&mut self, node: &Node, data: Sym, of: usize, steps: usize) -> Vec<Sym> {
        let (whole, rest) = (of / steps, of % steps);
        let even = match rest {
            0 => data,
            _ => self.slice(node, data, 0, whole * steps),
        };
        let mut parts = vec![even];
        if whole > 1 {
            let name = format!("{}.steps", node.name);
            let op = Op::SliceChannel {
                num_outputs: whole,
                axis: 0,
                squeeze_axis: false,
            };
            let cut = self.add(name, op, &[even]);
            let outputs = 0..whole as u32;
            parts = outputs.map(|output| Sym { output, ..cut }).collect();
        }
        if rest > 0 {
            parts.push(self.slice(node, data, whole * steps, of));
        }
        parts
    }

    fn layer(
        &mut self,
        node: &Node,
        inputs: &[Sym],
        mode: Mode,
        hidden: usize,
        of: usize,
        steps: usize,
    ) -> Outputs {
        let mut states: Vec<Sym> = inputs[5..].to_vec();
        let mut all: Vec<Sym> = Vec::new();
        let mut last = inputs[0];
        for (at, data) in self
            .inputs(node, inputs[0], of, steps)
            .into_iter()
            .enumerate()
        {
            let mut own = vec![data];
            own.extend(&inputs[1..5]);
            own.extend(&states);
            let name = format!("{}.{at}", node.name);
            last = self.add(name, Op::RnnLayer { mode, hidden }, &own);
            all.push(last);
            states = vec![Sym { output: 1, ..last }];
            if mode == Mode::Lstm {
                states.push(Sym { output: 2, ..last });
            }
        }
        let h = self.add(node.name.clone(), Op::Concat { dim: 0 }, &all);
        let ends = [1, 2].map(|output| Sym { output, ..last });
        Outputs::Each(vec![h, ends[0], ends[1]])
    }
}
