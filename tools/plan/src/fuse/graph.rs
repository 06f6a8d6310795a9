//! A network under rewriting: nodes are added and outputs replaced, then what is left is put in order.

use std::collections::{HashMap, HashSet};

use crate::symbol::{Hints, Node, NodeId, topo};
use crate::{Error, Net, Op, Sym};

pub(super) struct Graph {
    nodes: Vec<Node>,
    /// Where in the old order a node belongs; nodes added at the same place keep their order.
    places: Vec<(usize, usize)>,
    replaced: HashMap<Sym, Sym>,
    names: HashSet<String>,
}

impl Graph {
    pub fn new(net: &Net) -> Self {
        Graph {
            nodes: net.nodes.clone(),
            places: (0..net.nodes.len()).map(|place| (place, 0)).collect(),
            replaced: HashMap::new(),
            names: net.nodes.iter().map(|node| node.name.clone()).collect(),
        }
    }

    /// The node of a symbol.
    pub fn node(&self, sym: Sym) -> &Node {
        &self.nodes[sym.node.0 as usize]
    }

    /// What a variable is known to be.
    pub fn hints(&mut self, sym: Sym) -> &mut Hints {
        &mut self.nodes[sym.node.0 as usize].hints
    }

    /// Adds a node where the old node `place` is, called `name`, or `name_2`.. if there is one of that name.
    pub fn add(&mut self, place: usize, name: &str, op: Op, inputs: &[Sym]) -> Sym {
        let mut unique = name.to_owned();
        let mut count = 1;
        while !self.names.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}_{count}");
        }
        self.add_named(place, unique, op, inputs)
    }

    /// Adds a node that takes over the place and the name of `old`, which it is to replace.
    pub fn add_for(&mut self, old: Sym, op: Op, inputs: &[Sym]) -> Sym {
        let name = self.node(old).name.clone();
        self.add_named(old.node.0 as usize, name, op, inputs)
    }

    fn add_named(&mut self, place: usize, name: String, op: Op, inputs: &[Sym]) -> Sym {
        let index = self.nodes.len();
        self.nodes.push(Node {
            name,
            op,
            inputs: inputs.to_vec(),
            hints: Hints::default(),
        });
        self.places.push((place, index));
        Sym {
            node: NodeId(index as u32),
            output: 0,
        }
    }

    /// All readers of `old` are to read `new`.
    pub fn replace(&mut self, old: Sym, new: Sym) {
        self.replaced.insert(old, new);
    }

    /// What stands for `sym` now.
    pub fn resolve(&self, mut sym: Sym) -> Sym {
        while let Some(&new) = self.replaced.get(&sym) {
            sym = new;
        }
        sym
    }

    /// The network as rewritten; `old` is what it was made of.
    pub fn into_net(mut self, old: &Net) -> Result<Net, Error> {
        // A symbol that is a head twice gets one name.
        let mut named: Vec<(Sym, Sym)> = Vec::new();
        let mut heads = Vec::with_capacity(old.heads.len());
        for &head in &old.heads {
            let known = named.iter().find(|(old, _)| *old == head);
            let new = match known {
                Some(&(_, new)) => new,
                None => self.head(head, &old.output_name(head)),
            };
            named.push((head, new));
            heads.push(new);
        }
        let replaced = std::mem::take(&mut self.nodes);
        self.nodes = replaced
            .into_iter()
            .map(|mut node| {
                for input in &mut node.inputs {
                    *input = self.resolve(*input);
                }
                node
            })
            .collect();
        let declared = |node: &Node| {
            let mut descs = old.data.iter().chain(&old.labels);
            node.op == Op::Variable && descs.any(|desc| desc.name == node.name)
        };
        let declared: Vec<usize> = (0..self.nodes.len())
            .filter(|&index| declared(&self.nodes[index]))
            .collect();
        let roots = heads.iter().map(|head| head.node.0 as usize);
        let live = self.live(roots.chain(declared));
        self.ordered(&live, heads, old)
    }

    /// What stands for a head, under the name that its output had.
    fn head(&mut self, head: Sym, name: &str) -> Sym {
        let new = self.resolve(head);
        if new == head {
            return head;
        }
        let node = self.node(new);
        let keeps_name = node.op.outputs() == 1 && format!("{}_output", node.name) == name;
        match name.strip_suffix("_output") {
            Some(base) if !keeps_name => {
                let identity = Op::Reshape {
                    shape: vec![-2],
                    reverse: false,
                };
                self.add_named(head.node.0 as usize, base.into(), identity, &[new])
            }
            _ => new,
        }
    }

    /// Which nodes the roots need.
    fn live(&self, roots: impl Iterator<Item = usize>) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        let mut open: Vec<usize> = roots.collect();
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut live[index], true) {
                open.extend(
                    self.nodes[index]
                        .inputs
                        .iter()
                        .map(|input| input.node.0 as usize),
                );
            }
        }
        live
    }

    fn ordered(self, live: &[bool], heads: Vec<Sym>, old: &Net) -> Result<Net, Error> {
        let kept: Vec<usize> = (0..live.len()).filter(|&index| live[index]).collect();
        let mut compact = vec![0; live.len()];
        for (new, &index) in kept.iter().enumerate() {
            compact[index] = new;
        }
        let inputs_of = |&index: &usize| {
            let inputs = self.nodes[index].inputs.iter();
            inputs.map(|input| compact[input.node.0 as usize]).collect()
        };
        let inputs: Vec<Vec<usize>> = kept.iter().map(inputs_of).collect();
        let places: Vec<(usize, usize)> = kept.iter().map(|&index| self.places[index]).collect();
        let order = topo::order(&inputs, &places);
        let order = order.ok_or_else(|| Error::Invalid("fusion made a cycle".into()))?;
        let mut moved = vec![0u32; live.len()];
        for (new, &position) in order.iter().enumerate() {
            moved[kept[position]] = new as u32;
        }
        let move_sym = |sym: Sym| Sym {
            node: NodeId(moved[sym.node.0 as usize]),
            ..sym
        };
        let mut taken: Vec<Option<Node>> = self.nodes.into_iter().map(Some).collect();
        let in_order = order
            .iter()
            .filter_map(|&position| taken[kept[position]].take());
        let nodes = in_order.map(|mut node| {
            node.inputs
                .iter_mut()
                .for_each(|input| *input = move_sym(*input));
            node
        });
        Ok(Net {
            nodes: nodes.collect(),
            heads: heads.into_iter().map(move_sym).collect(),
            data: old.data.clone(),
            labels: old.labels.clone(),
        })
    }
}
