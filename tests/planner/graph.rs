//! Random networks: a graph grows operator by operator over a pool of values of known shapes.

use tinpail_plan::symbol::{
    Act, Embedding, FullyConnected, Mode, Normalization, Op, Rnn, ScalarOp, SoftmaxOutput, Sym,
};
use tinpail_plan::{Net, Symbols};

use crate::common::rng::Rng;

/// Larger values are not made: a case is to be quick.
const MOST: usize = 200;

/// A value and its shape.
#[derive(Clone, Debug)]
struct Value {
    sym: Sym,
    shape: Vec<usize>,
}

impl Value {
    fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A graph under construction.
pub struct Growing<'r> {
    rng: &'r mut Rng,
    s: Symbols,
    pool: Vec<Value>,
    params: Vec<Value>,
    data: Vec<(String, Vec<usize>)>,
    labels: Vec<(String, Vec<usize>)>,
    batch: usize,
    steps: usize,
}

/// A network with `nodes` operators.
pub fn grow(rng: &mut Rng, nodes: usize, batch: usize) -> Net {
    let steps = 1 + rng.below(4);
    let mut growing = Growing {
        rng,
        s: Symbols::new(),
        pool: Vec::new(),
        params: Vec::new(),
        data: Vec::new(),
        labels: Vec::new(),
        batch,
        steps,
    };
    growing.begin();
    for _ in 0..nodes {
        // Some operators find no input that they can take.
        for _ in 0..20 {
            if growing.operator().is_some() {
                break;
            }
        }
    }
    growing.end()
}

const ACTS: [Act; 5] = [
    Act::Relu,
    Act::Sigmoid,
    Act::Tanh,
    Act::SoftRelu,
    Act::SoftSign,
];

impl Growing<'_> {
    fn name(&self, what: &str) -> String {
        format!("{what}{}", self.s.nodes.len())
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.below(end)
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.rng.once_in(n)
    }

    fn add(&mut self, sym: Sym, shape: Vec<usize>) -> Option<()> {
        let value = Value { sym, shape };
        if value.len() <= MOST {
            self.pool.push(value);
        }
        Some(())
    }

    fn begin(&mut self) {
        let inputs = 1 + self.below(2);
        for index in 0..inputs {
            let width = 1 + self.below(4);
            let shape = match self.below(3) {
                0 => vec![self.batch, width],
                1 => vec![self.batch, self.steps, width],
                _ => vec![self.steps, self.batch, width],
            };
            let name = format!("data{index}");
            let sym = self.s.variable(&name);
            self.data.push((name, shape.clone()));
            self.pool.push(Value { sym, shape });
        }
    }

    /// One of the pool, later ones more often.
    fn any(&mut self) -> Value {
        let len = self.pool.len();
        let back = self.below(len).min(self.below(len));
        self.pool[len - 1 - back].clone()
    }

    fn of_rank(&mut self, ranks: std::ops::RangeInclusive<usize>) -> Option<Value> {
        let value = self.any();
        ranks.contains(&value.shape.len()).then_some(value)
    }

    /// A parameter of this shape: a new one, or one that is there.
    fn param(&mut self, what: &str, shape: &[usize]) -> Sym {
        let known = self.params.iter().find(|param| param.shape == shape);
        let known = known.map(|param| param.sym);
        match known {
            Some(sym) if self.once_in(3) => sym,
            _ => {
                let name = self.name(what);
                let sym = self.s.variable(&name);
                self.s.nodes[sym.node.0 as usize].hints.shape = Some(shape.to_vec());
                let shape = shape.to_vec();
                self.params.push(Value { sym, shape });
                sym
            }
        }
    }

    fn label(&mut self, what: &str, shape: Vec<usize>) -> Sym {
        let known = self
            .labels
            .iter()
            .find(|(name, known)| name.starts_with(what) && *known == shape);
        match known {
            Some((name, _)) => {
                let name = name.clone();
                self.s.variable(&name)
            }
            None => {
                let name = self.name(what);
                self.labels.push((name.clone(), shape));
                self.s.variable(&name)
            }
        }
    }

    fn operator(&mut self) -> Option<()> {
        match self.below(17) {
            0 | 1 => self.fully_connected(),
            2 => self.activation(),
            3 | 4 => self.binary(),
            5 => self.scalar(),
            6 => self.dropout(),
            7 => self.block_grad(),
            8 => self.mean(),
            9 => self.reshape(),
            10 => self.swap(),
            11 | 12 => self.concat(),
            13 => self.slice(),
            14 => self.rnn(),
            15 => self.sequence(),
            _ => self.embedding(),
        }
    }

    fn fully_connected(&mut self) -> Option<()> {
        let x = self.of_rank(2..=4)?;
        let flatten = self.once_in(2);
        let kept = if flatten { 1 } else { x.shape.len() - 1 };
        let inputs: usize = x.shape[kept..].iter().product();
        let num_hidden = 1 + self.below(5);
        let fits = |value: &&Value| value.shape == [num_hidden, inputs];
        let computed = self.pool.iter().find(fits).map(|value| value.sym);
        let weight = match computed {
            Some(computed) => computed,
            None => self.param("w_weight", &[num_hidden, inputs]),
        };
        let no_bias = self.once_in(3);
        let mut operands = vec![x.sym, weight];
        if !no_bias {
            operands.push(self.param("bias", &[num_hidden]));
        }
        let attrs = FullyConnected {
            num_hidden,
            no_bias,
            flatten,
        };
        let name = self.name("fc");
        let y = self.s.push(&name, Op::FullyConnected(attrs), &operands);
        self.add(y, [&x.shape[..kept], &[num_hidden]].concat())
    }

    fn activation(&mut self) -> Option<()> {
        let x = self.any();
        let act = self.rng.pick(&ACTS);
        let name = self.name("act");
        let y = self.s.activation(&name, x.sym, act);
        self.add(y, x.shape)
    }

    fn binary(&mut self) -> Option<()> {
        let x = self.any();
        let same: Vec<Sym> = self
            .pool
            .iter()
            .filter(|other| other.shape == x.shape)
            .map(|other| other.sym)
            .collect();
        let other = match self.below(4) {
            0 => self.param("p", &x.shape),
            _ => self.rng.pick(&same),
        };
        let op = match self.below(3) {
            0 => Op::ElemwiseAdd,
            1 => Op::ElemwiseSub,
            _ => Op::ElemwiseMul,
        };
        let operands = match self.once_in(2) {
            true => [x.sym, other],
            false => [other, x.sym],
        };
        let name = self.name("binary");
        let y = self.s.push(&name, op, &operands);
        self.add(y, x.shape)
    }

    fn scalar(&mut self) -> Option<()> {
        let x = self.any();
        let op = self.rng.pick(&[
            ScalarOp::Plus,
            ScalarOp::Minus,
            ScalarOp::RMinus,
            ScalarOp::Mul,
            ScalarOp::Div,
        ]);
        let scalar = self.rng.pick(&[0.5, -1.25, 2.0]);
        let name = self.name("scalar");
        let y = self.s.scalar(&name, x.sym, op, scalar);
        self.add(y, x.shape)
    }

    fn dropout(&mut self) -> Option<()> {
        let x = self.any();
        let p = self.rng.pick(&[0.0, 0.25, 0.5]);
        let name = self.name("dropout");
        let y = self.s.dropout(&name, x.sym, p);
        self.add(y, x.shape)
    }

    fn block_grad(&mut self) -> Option<()> {
        if !self.once_in(2) {
            return None;
        }
        let x = self.any();
        let name = self.name("block");
        let y = self.s.block_grad(&name, x.sym);
        self.add(y, x.shape)
    }

    fn mean(&mut self) -> Option<()> {
        let x = self.of_rank(2..=4)?;
        let mut reduced: Vec<bool> = Vec::new();
        for _ in &x.shape {
            reduced.push(self.once_in(2));
        }
        // A scalar would be of no use to the others.
        if reduced.iter().all(|reduced| *reduced) || !reduced.contains(&true) {
            return None;
        }
        let axes: Vec<i64> = (0..x.shape.len())
            .filter(|axis| reduced[*axis])
            .map(|axis| axis as i64)
            .collect();
        let keepdims = self.once_in(2);
        let name = self.name("mean");
        let y = self.s.mean(&name, x.sym, &axes, keepdims);
        let dims = x.shape.iter().zip(&reduced);
        let shape = dims.filter_map(|(dim, reduced)| match (reduced, keepdims) {
            (false, _) => Some(*dim),
            (true, true) => Some(1),
            (true, false) => None,
        });
        self.add(y, shape.collect())
    }

    fn reshape(&mut self) -> Option<()> {
        let x = self.any();
        let (rank, name) = (x.shape.len(), self.name("reshape"));
        if self.once_in(3) && rank < 4 {
            let axis = self.below(rank + 1);
            let y = self.s.expand_dims(&name, x.sym, axis as i64);
            let mut shape = x.shape;
            shape.insert(axis, 1);
            return self.add(y, shape);
        }
        match self.below(3) {
            0 if rank >= 2 => {
                let y = self.s.reshape(&name, x.sym, &[-3, -2]);
                let shape = [&[x.shape[0] * x.shape[1]], &x.shape[2..]].concat();
                self.add(y, shape)
            }
            1 => {
                let y = self.s.reshape(&name, x.sym, &[0, -1]);
                let rest = x.shape[1..].iter().product();
                self.add(y, vec![x.shape[0], rest])
            }
            _ => {
                let y = self.s.reshape(&name, x.sym, &[-1]);
                let len = x.len();
                self.add(y, vec![len])
            }
        }
    }

    fn swap(&mut self) -> Option<()> {
        let x = self.of_rank(2..=4)?;
        let (a, b) = (self.below(x.shape.len()), self.below(x.shape.len()));
        let name = self.name("swap");
        let y = self.s.swap_axis(&name, x.sym, a, b);
        let mut shape = x.shape;
        shape.swap(a, b);
        self.add(y, shape)
    }

    fn concat(&mut self) -> Option<()> {
        let x = self.any();
        let dim = self.below(x.shape.len());
        let fits = |other: &&Value| {
            other.shape.len() == x.shape.len()
                && (0..x.shape.len()).all(|axis| axis == dim || other.shape[axis] == x.shape[axis])
        };
        let fitting: Vec<Value> = self.pool.iter().filter(fits).cloned().collect();
        let mut parts = vec![x.clone()];
        for _ in 0..1 + self.below(3) {
            let part = self.below(fitting.len());
            parts.push(fitting[part].clone());
        }
        let mut shape = x.shape;
        shape[dim] = parts.iter().map(|part| part.shape[dim]).sum();
        let parts: Vec<Sym> = parts.iter().map(|part| part.sym).collect();
        let name = self.name("concat");
        let y = self.s.concat(&name, &parts, dim as i64);
        self.add(y, shape)
    }

    fn slice(&mut self) -> Option<()> {
        let x = self.any();
        let axis = self.below(x.shape.len());
        let parts: Vec<usize> = (2..=4)
            .filter(|parts| x.shape[axis].is_multiple_of(*parts))
            .collect();
        if parts.is_empty() {
            return None;
        }
        let parts = self.rng.pick(&parts);
        let squeeze = x.shape[axis] == parts && x.shape.len() > 1 && self.once_in(2);
        let name = self.name("slice");
        let outputs = self
            .s
            .slice_channel(&name, x.sym, parts, axis as i64, squeeze);
        let mut shape = x.shape;
        shape[axis] /= parts;
        if squeeze {
            shape.remove(axis);
        }
        for output in outputs {
            self.add(output, shape.clone());
        }
        Some(())
    }

    fn rnn(&mut self) -> Option<()> {
        let x = self.of_rank(3..=3)?;
        let mode = self
            .rng
            .pick(&[Mode::RnnRelu, Mode::RnnTanh, Mode::Lstm, Mode::Gru]);
        let attrs = Rnn {
            mode,
            state_size: 1 + self.below(3),
            num_layers: 1 + self.below(2),
            bidirectional: self.once_in(3),
            p: 0.0,
            state_outputs: self.once_in(2),
        };
        let (steps, batch) = (x.shape[0], x.shape[1]);
        let directions = attrs.directions();
        let begin = [attrs.num_layers * directions, batch, attrs.state_size];
        let mut operands = vec![x.sym];
        let parameters = [attrs.parameter_len(x.shape[2])];
        operands.push(self.param("parameters", &parameters));
        let states = if mode == Mode::Lstm { 2 } else { 1 };
        for _ in 0..states {
            let fits = |value: &&Value| value.shape == begin;
            let fitting = self.pool.iter().rev().find(fits).map(|value| value.sym);
            let state = match (self.below(3), fitting) {
                (0, Some(value)) => value,
                (1, _) => self.param("begin", &begin),
                _ => {
                    let name = self.name("zeros");
                    self.s.zeros(&name, begin)
                }
            };
            operands.push(state);
        }
        let name = self.name("rnn");
        let y = self.s.push(&name, Op::Rnn(attrs), &operands);
        self.add(y, vec![steps, batch, directions * attrs.state_size]);
        if attrs.state_outputs {
            for output in 1..=states {
                self.add(Sym { output, ..y }, begin.to_vec());
            }
        }
        Some(())
    }

    fn sequence(&mut self) -> Option<()> {
        let x = self.of_rank(2..=4)?;
        let axis = self.below(2);
        let given = self.once_in(2);
        let lengths = given.then(|| self.label("lengths", vec![x.shape[1 - axis]]));
        if self.once_in(2) {
            let name = self.name("mask");
            let value = self.rng.pick(&[0.0, 0.75]);
            let y = self.s.sequence_mask(&name, x.sym, lengths, value, axis);
            self.add(y, x.shape)
        } else {
            let name = self.name("last");
            let y = self.s.sequence_last(&name, x.sym, lengths, axis);
            let mut shape = x.shape;
            shape.remove(axis);
            self.add(y, shape)
        }
    }

    fn embedding(&mut self) -> Option<()> {
        let attrs = Embedding {
            input_dim: 2 + self.below(4),
            output_dim: 1 + self.below(3),
        };
        // Tokens are labels here, so that all data are numbers and have gradients.
        let shape = vec![self.batch, self.steps];
        let tokens = self.label("tokens", shape);
        let weight = self.param("table_weight", &[attrs.input_dim, attrs.output_dim]);
        let name = self.name("embedding");
        let y = self.s.push(&name, Op::Embedding(attrs), &[tokens, weight]);
        self.add(y, vec![self.batch, self.steps, attrs.output_dim])
    }

    /// A loss over a value, as a head.
    fn loss(&mut self) -> Option<Sym> {
        let x = self.of_rank(2..=3)?;
        let name = self.name("loss");
        if self.once_in(3) {
            let label = self.label("target", x.shape.clone());
            return Some(self.s.linear_regression_output(&name, x.sym, label, 0.5));
        }
        let normalization = self.rng.pick(&[
            Normalization::Null,
            Normalization::Batch,
            Normalization::Valid,
        ]);
        let rank = x.shape.len();
        let multi_output = rank == 3 && self.once_in(2);
        let mut label = x.shape.clone();
        label.remove(if multi_output { 1 } else { rank - 1 });
        let label = self.label("classes", label);
        let attrs = SoftmaxOutput {
            grad_scale: 0.5,
            use_ignore: self.once_in(2),
            multi_output,
            preserve_shape: !multi_output,
            normalization,
            ..SoftmaxOutput::default()
        };
        Some(self.s.softmax_output(&name, x.sym, label, attrs))
    }

    fn end(mut self) -> Net {
        let last = self.pool.last().cloned();
        let mut heads: Vec<Sym> = last.into_iter().map(|value| value.sym).collect();
        for _ in 0..self.below(3) {
            let value = self.any();
            heads.push(value.sym);
        }
        if self.once_in(2) {
            heads.extend(self.loss());
        }
        // A label that was made for a loss or a length stays declared, read or not.
        let net = self.s.net(heads);
        let net = self
            .data
            .iter()
            .fold(net, |net, (name, shape)| net.data(name, shape.clone()));
        self.labels
            .iter()
            .fold(net, |net, (name, shape)| net.label(name, shape.clone()))
    }
}
