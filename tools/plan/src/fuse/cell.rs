//! One step of an unrolled recurrent layer. Letters: N batch, I inputs, H hidden, G gates.

use std::collections::{HashMap, HashSet};

use super::pattern::{self, Match, Pattern, Slot, output_of};
use crate::infer::Shapes;
use crate::symbol::{Act, Mode, NodeId};
use crate::{Net, Op, Sym};

/// Who reads what.
pub(super) struct Readers {
    of: HashMap<Sym, Vec<usize>>,
    heads: HashSet<Sym>,
}

impl Readers {
    pub fn new(net: &Net) -> Self {
        let mut of: HashMap<Sym, Vec<usize>> = HashMap::new();
        for (index, node) in net.nodes.iter().enumerate() {
            for &input in &node.inputs {
                of.entry(input).or_default().push(index);
            }
        }
        Readers {
            of,
            heads: net.heads.iter().copied().collect(),
        }
    }

    /// The nodes that read `sym`.
    pub fn of(&self, sym: Sym) -> &[usize] {
        self.of.get(&sym).map_or(&[], Vec::as_slice)
    }

    /// Whether nothing reads `sym`, and it is no head.
    pub fn is_unread(&self, sym: Sym) -> bool {
        self.only(sym, |_| false)
    }

    /// Whether `sym` is no head, and only nodes for which `among` holds read it.
    pub fn only(&self, sym: Sym, among: impl Fn(usize) -> bool) -> bool {
        !self.heads.contains(&sym) && self.of(sym).iter().all(|&reader| among(reader))
    }
}

/// A step. Nothing but its h (and c) is read from outside.
pub(super) struct Cell {
    pub mode: Mode,
    pub hidden: usize,
    /// (N, I)
    pub x: Sym,
    /// (N, H)
    pub prev_h: Sym,
    /// (N, H), lstm only.
    pub prev_c: Option<Sym>,
    /// i2h_weight (GH, I), i2h_bias (GH), h2h_weight (GH, H), h2h_bias (GH)
    pub params: [Sym; 4],
    pub h: Sym,
    pub c: Option<Sym>,
    /// The nodes that compute it, but for those of h and c.
    pub inner: HashSet<usize>,
}

/// A match of which it may still be open which of its two layers reads x and which h.
struct Candidate {
    mode: Mode,
    h: Sym,
    c: Option<Sym>,
    prev_c: Option<Sym>,
    /// The FullyConnected outputs, i2h first if that is known.
    layers: [Sym; 2],
    inner: Vec<usize>,
}

/// All steps in the network, in its order.
pub(super) fn find(net: &Net, shapes: &Shapes, readers: &Readers) -> Vec<Cell> {
    let candidates: Vec<Candidate> = (0..net.nodes.len())
        .filter_map(|index| candidate(net, index))
        .collect();
    let recurrent = recurrent_weights(net, &candidates);
    let finish = |candidate| finish(net, shapes, readers, &recurrent, candidate);
    candidates.into_iter().filter_map(finish).collect()
}

fn candidate(net: &Net, index: usize) -> Option<Candidate> {
    let of = |mode: Mode, pattern: &Pattern| {
        let found = pattern::matches(net, pattern, output_of(index), &Match::default())?;
        self::layers(net, mode, output_of(index), found)
    };
    match net.nodes[index].op {
        Op::ElemwiseMul => of(Mode::Lstm, &pattern::LSTM),
        Op::ElemwiseAdd => of(Mode::Gru, &pattern::GRU),
        Op::Activation(Act::Tanh) => of(Mode::RnnTanh, &pattern::RNN_TANH),
        Op::Activation(Act::Relu) => of(Mode::RnnRelu, &pattern::RNN_RELU),
        _ => None,
    }
}

/// Finds the two FullyConnected below the arithmetic.
fn layers(net: &Net, mode: Mode, h: Sym, found: Match) -> Option<Candidate> {
    let mut inner = found.inner.clone();
    let layers = match found.get(Slot::Sum) {
        Some(sum) => {
            let node = net.node(sum);
            inner.push(sum.node.0 as usize);
            (node.op == Op::ElemwiseAdd).then(|| [node.inputs[0], node.inputs[1]])?
        }
        None => [found.get(Slot::I2h)?, found.get(Slot::H2h)?],
    };
    let width = |layer: Sym| match &net.node(layer).op {
        Op::FullyConnected(fc) if !fc.no_bias => Some(fc.num_hidden),
        _ => None,
    };
    if layers[0].node == layers[1].node || width(layers[0])? != width(layers[1])? {
        return None;
    }
    // A GRU's blend with h' says which layer is h2h.
    let prev_h = found.get(Slot::PrevHidden);
    if prev_h.is_some_and(|prev_h| net.node(layers[1]).inputs[0] != prev_h) {
        return None;
    }
    inner.extend(layers.map(|layer| layer.node.0 as usize));
    let c = found.get(Slot::Cell);
    inner.retain(|&index| {
        index != h.node.0 as usize && c.is_none_or(|c| c.node.0 as usize != index)
    });
    Some(Candidate {
        mode,
        h,
        c,
        prev_c: found.get(Slot::PrevCell),
        layers,
        inner,
    })
}

/// Pairs of weights of which one is known to be h2h's, because it is applied to the h of a step with the same pair.
fn recurrent_weights(net: &Net, candidates: &[Candidate]) -> HashMap<[Sym; 2], Sym> {
    let steps: HashMap<Sym, [Sym; 2]> = candidates
        .iter()
        .map(|step| (step.h, weights(net, step)))
        .collect();
    let mut recurrent = HashMap::new();
    for step in candidates {
        let pair = weights(net, step);
        for layer in step.layers.map(|layer| net.node(layer)) {
            if steps.get(&layer.inputs[0]) == Some(&pair) {
                recurrent.insert(pair, layer.inputs[1]);
            }
        }
    }
    recurrent
}

/// The weights of the two layers, in an order that does not depend on which comes first.
fn weights(net: &Net, step: &Candidate) -> [Sym; 2] {
    let mut pair = step.layers.map(|layer| net.node(layer).inputs[1]);
    pair.sort();
    pair
}

/// Decides which layer is which, and checks shapes and readers.
fn finish(
    net: &Net,
    shapes: &Shapes,
    readers: &Readers,
    recurrent: &HashMap<[Sym; 2], Sym>,
    step: Candidate,
) -> Option<Cell> {
    let h2h_weight = recurrent.get(&weights(net, &step));
    let [mut i2h, mut h2h] = step.layers.map(|layer| net.node(layer));
    let known = step.mode == Mode::Gru || i2h.inputs[1] == h2h.inputs[1];
    if !known && h2h_weight == Some(&i2h.inputs[1]) {
        std::mem::swap(&mut i2h, &mut h2h);
    }
    let [batch, hidden] = *shapes.of(step.h) else {
        return None;
    };
    let states = [Some(h2h.inputs[0]), step.prev_c];
    let mut states = states.iter().flatten();
    let fits = states.all(|&state| shapes.of(state) == [batch, hidden])
        && matches!(*shapes.of(i2h.inputs[0]), [rows, _] if rows == batch);
    if !fits {
        return None;
    }
    let inner: HashSet<usize> = step.inner.into_iter().collect();
    let of_cell = |node: NodeId| inner.contains(&(node.0 as usize));
    let own = [Some(step.h), step.c].into_iter().flatten();
    let own: Vec<usize> = own.map(|sym| sym.node.0 as usize).collect();
    let closed = inner.iter().all(|&index| {
        (0..net.nodes[index].op.outputs() as u32).all(|output| {
            let sym = Sym {
                output,
                ..output_of(index)
            };
            readers.only(sym, |reader| {
                of_cell(NodeId(reader as u32)) || own.contains(&reader)
            })
        })
    });
    closed.then(|| Cell {
        mode: step.mode,
        hidden,
        x: i2h.inputs[0],
        prev_h: h2h.inputs[0],
        prev_c: step.prev_c,
        params: [i2h.inputs[1], i2h.inputs[2], h2h.inputs[1], h2h.inputs[2]],
        h: step.h,
        c: step.c,
        inner,
    })
}
