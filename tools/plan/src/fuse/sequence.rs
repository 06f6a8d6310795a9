//! A layer in the place of its steps. Letters: T steps, N batch, I inputs, H hidden.

use std::collections::HashMap;

use super::cell::{self, Readers};
use super::chain::{self, Chain};
use super::expand::REVERSE;
use super::graph::Graph;
use super::pattern::output_of;
use crate::infer::{Shapes, axis_index};
use crate::{Net, Op, Sym};

const SWAP_TIME_AND_BATCH: Op = Op::SwapAxis { dim1: 0, dim2: 1 };

/// Whether `op` is [`SWAP_TIME_AND_BATCH`], either way round.
pub(super) fn swaps_time_and_batch(op: &Op) -> bool {
    matches!(
        op,
        Op::SwapAxis { dim1: 0, dim2: 1 } | Op::SwapAxis { dim1: 1, dim2: 0 }
    )
}

/// Replaces every unrolled layer whose inputs are all the steps of one tensor.
pub(super) fn fuse_cells(graph: &mut Graph, net: &Net, shapes: &Shapes) {
    let readers = Readers::new(net);
    let cells = cell::find(net, shapes, &readers);
    let mut fuser = Fuser {
        graph,
        net,
        shapes,
        readers: &readers,
        steps: HashMap::new(),
        swapped: HashMap::new(),
        made: HashMap::new(),
    };
    for chain in chain::link(cells, &readers) {
        fuser.fuse(&chain);
    }
}

/// How a sequence is made of others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Making {
    Reversed,
    SideBySide,
}

struct Fuser<'a> {
    graph: &'a mut Graph,
    net: &'a Net,
    shapes: &'a Shapes,
    readers: &'a Readers,
    /// Of every h of a layer made so far: all h of that layer (T, N, H), which step it is, and T.
    steps: HashMap<Sym, (Sym, usize, usize)>,
    /// Tensors with time and batch exchanged, so that two layers on one tensor share it.
    swapped: HashMap<Sym, Sym>,
    /// Sequences (T, N, C) made of others: one in reverse, several side by side.
    made: HashMap<(Making, Vec<Sym>), Sym>,
}

impl Fuser<'_> {
    fn fuse(&mut self, chain: &Chain) {
        let name = layer_name(self.net, chain);
        let (first, last) = (chain.first(), chain.last());
        let inputs: Vec<Sym> = chain.cells.iter().map(|cell| cell.x).collect();
        let reads_only =
            |reader: usize| chain.cells.iter().any(|cell| cell.inner.contains(&reader));
        let place = first.h.node.0 as usize;
        let Some(data) = self.sequence_of(&inputs, &name, place, &reads_only) else {
            return;
        };
        let begin = [Some(first.prev_h), first.prev_c];
        let operands: Vec<Sym> = [data]
            .into_iter()
            .chain(first.params)
            .chain(begin.into_iter().flatten())
            .collect();
        let op = Op::RnnLayer {
            mode: first.mode,
            hidden: first.hidden,
        };
        let layer = self.graph.add(place, &name, op, &operands);
        let steps = chain.cells.len();
        for (t, cell) in chain.cells.iter().enumerate() {
            self.steps.insert(cell.h, (layer, t, steps));
        }
        for index in 0..self.net.nodes.len() {
            if matches!(self.net.nodes[index].op, Op::Concat { .. }) {
                self.collect(index);
            }
        }
        if steps > 1 {
            let op = Op::SliceChannel {
                num_outputs: steps,
                axis: 0,
                squeeze_axis: true,
            };
            let slices = self
                .graph
                .add(place, &format!("{name}_steps"), op, &[layer]);
            for (t, cell) in chain.cells[..steps - 1].iter().enumerate() {
                let output = t as u32;
                self.graph.replace(cell.h, Sym { output, ..slices });
            }
        }
        self.graph.replace(last.h, Sym { output: 1, ..layer });
        if let Some(c) = last.c {
            self.graph.replace(c, Sym { output: 2, ..layer });
        }
    }

    /// The (T, N, I) tensor of which `inputs` are the steps, in order and all of them.
    fn sequence_of(
        &mut self,
        inputs: &[Sym],
        name: &str,
        place: usize,
        reads_only: &dyn Fn(usize) -> bool,
    ) -> Option<Sym> {
        let source = inputs[0];
        let is_step = |sym: &Sym, t: usize| sym.node == source.node && sym.output as usize == t;
        let count = inputs.len();
        let in_order = (0..count).all(|t| is_step(&inputs[t], t));
        let reversed = (0..count).all(|t| is_step(&inputs[t], count - 1 - t));
        match self.net.node(source).op {
            _ if self.steps.contains_key(&source) => self.sequence_of_steps(inputs, place),
            Op::Concat { .. } => self.sequence_of_steps(inputs, place),
            Op::SliceChannel {
                num_outputs,
                axis,
                squeeze_axis: true,
            } if num_outputs == count && (in_order || reversed) => {
                let data = self.net.node(source).inputs[0];
                let rank = self.shapes.of(data).len();
                let data = match (rank, axis_index(axis, rank)?) {
                    (3, 0) => self.graph.resolve(data),
                    (3, 1) => self.swap(data, name, place),
                    _ => return None,
                };
                Some(match in_order {
                    true => data,
                    false => self.make(Making::Reversed, &[data], name, place),
                })
            }
            Op::Dropout { p } => {
                // One dropout of each step is one dropout of all steps, if nobody else sees its choices.
                let below = inputs.iter().map(|&sym| {
                    let node = self.net.node(sym);
                    let alone = node.op == Op::Dropout { p } && self.readers.only(sym, reads_only);
                    alone.then(|| node.inputs[0])
                });
                let below: Vec<Sym> = below.collect::<Option<_>>()?;
                let of_dropouts = |reader: usize| inputs.contains(&output_of(reader));
                let data = self.sequence_of(&below, name, place, &of_dropouts)?;
                let dropout = Op::Dropout { p };
                Some(
                    self.graph
                        .add(place, &format!("{name}_dropout"), dropout, &[data]),
                )
            }
            _ => None,
        }
    }

    /// The (T, N, C) tensor of which `syms` are all steps in order, if they are steps of layers: all h of one, as they
    /// are or in reverse, or such sequences side by side (what a BidirectionalCell makes of each step).
    fn sequence_of_steps(&mut self, syms: &[Sym], place: usize) -> Option<Sym> {
        let first = *syms.first()?;
        if let Some(&(layer, _, steps)) = self.steps.get(&first) {
            let is_step = |sym: &Sym, t: usize| self.steps.get(sym) == Some(&(layer, t, steps));
            let count = syms.len();
            if steps == count && (0..count).all(|t| is_step(&syms[t], t)) {
                return Some(layer);
            }
            if steps == count && (0..count).all(|t| is_step(&syms[t], count - 1 - t)) {
                let name = self.graph.node(layer).name.clone();
                return Some(self.make(Making::Reversed, &[layer], &name, place));
            }
            return None;
        }
        let sides = self.net.node(first).inputs.len();
        let side_by_side = |sym: &Sym| {
            let node = self.net.node(*sym);
            matches!(node.op, Op::Concat { dim: 1 | -1 }) && node.inputs.len() == sides
        };
        if sides < 2 || !syms.iter().all(side_by_side) {
            return None;
        }
        let mut sequences = Vec::with_capacity(sides);
        for side in 0..sides {
            let steps: Vec<Sym> = syms
                .iter()
                .map(|sym| self.net.node(*sym).inputs[side])
                .collect();
            // Sides are steps of layers, not of sides again: what the graph nests this does not.
            self.steps.get(&steps[0])?;
            sequences.push(self.sequence_of_steps(&steps, place)?);
        }
        let name = self.net.node(first).name.clone();
        Some(self.make(Making::SideBySide, &sequences, &name, place))
    }

    /// A sequence made of others, once for all who read it.
    fn make(&mut self, making: Making, of: &[Sym], name: &str, place: usize) -> Sym {
        if let Some(&made) = self.made.get(&(making, of.to_vec())) {
            return made;
        }
        let place = place.min(
            of.iter()
                .map(|sym| sym.node.0 as usize + 1)
                .max()
                .unwrap_or(place),
        );
        let (suffix, op) = match making {
            Making::Reversed => ("reversed", REVERSE),
            Making::SideBySide => ("both", Op::Concat { dim: 2 }),
        };
        let made = self.graph.add(place, &format!("{name}_{suffix}"), op, of);
        self.made.insert((making, of.to_vec()), made);
        made
    }

    /// `sym` with time and batch exchanged.
    fn swap(&mut self, sym: Sym, name: &str, place: usize) -> Sym {
        let sym = self.graph.resolve(sym);
        let node = self.graph.node(sym);
        if swaps_time_and_batch(&node.op) {
            return self.graph.resolve(node.inputs[0]);
        }
        if let Some(&swapped) = self.swapped.get(&sym) {
            return swapped;
        }
        let place = place.min(sym.node.0 as usize + 1);
        let swapped = self
            .graph
            .add(place, &format!("{name}_tnc"), SWAP_TIME_AND_BATCH, &[sym]);
        self.swapped.insert(sym, swapped);
        swapped
    }

    /// Replaces the Concat `index` if what it joins are all steps of a sequence in order: steps with a new time axis
    /// become (T, N, H) or (N, T, H), plain ones (T N, H) or (N, T H).
    fn collect(&mut self, index: usize) {
        let old = output_of(index);
        let Op::Concat { dim } = self.net.nodes[index].op else {
            return;
        };
        let parts = &self.net.nodes[index].inputs;
        let expanded = |part: &Sym| match self.net.node(*part).op {
            Op::ExpandDims { axis } => Some((self.net.node(*part).inputs[0], axis_index(axis, 3)?)),
            _ => None,
        };
        let all: Option<Vec<(Sym, usize)>> = parts.iter().map(expanded).collect();
        let (steps, time) = match all {
            Some(all) if all.iter().all(|&(_, axis)| axis == all[0].1) => {
                (all.iter().map(|&(sym, _)| sym).collect(), Some(all[0].1))
            }
            _ => (parts.clone(), None),
        };
        let rank = 2 + time.is_some() as usize;
        let along = axis_index(dim, rank);
        if self.graph.resolve(old) != old
            || !matches!(
                (time, along),
                (None, Some(0 | 1)) | (Some(0), Some(0)) | (Some(1), Some(1))
            )
        {
            return;
        }
        let Some(layer) = self.sequence_of_steps(&steps, index) else {
            return;
        };
        let new = match (time, along) {
            (Some(0), Some(0)) => layer,
            (Some(1), Some(1)) => self.graph.add_for(old, SWAP_TIME_AND_BATCH, &[layer]),
            (None, Some(0)) => self.graph.add_for(old, merge(&[-3, 0]), &[layer]),
            (None, Some(1)) => {
                let name = format!("{}_ntc", self.net.nodes[index].name);
                let swapped = self.graph.add(index, &name, SWAP_TIME_AND_BATCH, &[layer]);
                self.graph.add_for(old, merge(&[0, -3]), &[swapped])
            }
            _ => return,
        };
        self.graph.replace(old, new);
    }
}

fn merge(codes: &[i64]) -> Op {
    Op::Reshape {
        shape: codes.to_vec(),
        reverse: false,
    }
}

/// What the names of a layer's parameters have in common, without a last underscore: `lstm_l0`.
fn layer_name(net: &Net, chain: &Chain) -> String {
    let names = chain
        .first()
        .params
        .map(|param| net.node(param).name.as_str());
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let shortest = names.iter().map(|name| common(names[0], name)).min();
    // A prefix may end within a character; then there is no name in it.
    let prefix = shortest
        .and_then(|len| names[0].get(..len))
        .unwrap_or_default();
    match prefix.trim_end_matches('_') {
        "" => net.node(chain.first().h).name.clone(),
        prefix => prefix.to_owned(),
    }
}
