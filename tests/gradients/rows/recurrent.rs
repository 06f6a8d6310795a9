//! The fused RNN symbol: four modes, one to three layers, begin states of every origin, state outputs.

use tinpail_plan::symbol::{Act, FullyConnected, Mode, Rnn, SoftmaxOutput, Sym};
use tinpail_plan::{Net, Symbols};

use super::layers::shaped;
use crate::row::Row;

const H: usize = 3;

/// Where the begin states come from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Begin {
    Zeros,
    States,
    Params,
    Data,
    Computed,
}

/// What of the layer is a head.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Heads {
    /// All steps.
    Steps,
    /// All steps and the final states.
    All,
    /// The final states alone.
    Finals,
    /// The last step through a layer and a loss.
    Loss,
}

#[derive(Clone, Copy)]
struct Case {
    rnn: Rnn,
    begin: Begin,
    heads: Heads,
}

fn begin_states(s: &mut Symbols, case: Case) -> Vec<Sym> {
    let names: &[&str] = match case.rnn.mode {
        Mode::Lstm => &["h0", "c0"],
        _ => &["h0"],
    };
    let shape = [case.rnn.num_layers * case.rnn.directions(), 0, H];
    let mut states = Vec::new();
    for name in names {
        states.push(match case.begin {
            Begin::Zeros => continue,
            Begin::States | Begin::Data => s.variable(name),
            Begin::Params => shaped(s, name, &shape),
            Begin::Computed => {
                let own = shaped(s, name, &shape);
                s.activation(&format!("{name}_tanh"), own, Act::Tanh)
            }
        });
    }
    states
}

fn net(case: Case) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let states = begin_states(&mut s, case);
        let out = s.rnn("rnn", x, case.rnn, &states);
        let output = |output| Sym { output, ..out };
        let finals = case.rnn.mode.gates() / 4 + 1;
        let finals: Vec<Sym> = (1..=finals as u32).map(output).collect();
        let mut heads = match case.heads {
            Heads::Steps => vec![out],
            Heads::All => [&[out][..], &finals].concat(),
            Heads::Finals => finals,
            Heads::Loss => {
                let last = s.sequence_last("last", out, None, 0);
                let fc = s.fully_connected("fc", last, FullyConnected::new(4));
                let label = s.variable("label");
                vec![s.softmax_output("softmax", fc, label, SoftmaxOutput::default())]
            }
        };
        if case.begin == Begin::States && case.rnn.state_outputs {
            // As a stateful network carries them.
            let carried = s.block_grad("carried", output(1));
            heads.push(carried);
        }
        let mut net = s.net(heads).data("data", [steps, 0, 2]);
        if case.begin == Begin::Data {
            let shape = [case.rnn.num_layers * case.rnn.directions(), 0, H];
            net = net.data("h0", shape);
            if case.rnn.mode == Mode::Lstm {
                net = net.data("c0", shape);
            }
        }
        if case.heads == Heads::Loss {
            net = net.label("label", [0]);
        }
        net
    }
}

fn row(case: Case) -> Row {
    let Case { rnn, begin, heads } = case;
    let name = format!(
        "rnn {:?}, {} layers{}, p {}, begin {begin:?}, heads {heads:?}",
        rnn.mode,
        rnn.num_layers,
        if rnn.bidirectional { " both ways" } else { "" },
        rnn.p
    );
    let row = Row::new(name, net(case));
    match (begin, rnn.mode) {
        (Begin::States, Mode::Lstm) => row.states(&["h0", "c0"]),
        (Begin::States, _) => row.states(&["h0"]),
        _ => row,
    }
}

/// (N, T, I) data, swapped on the way in and out, and two layers of different modes.
fn batch_major(steps: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let x = s.swap_axis("in", x, 0, 1);
    let y = s.rnn("gru", x, Rnn::new(Mode::Gru, H), &[]);
    let y = s.rnn("lstm", y, Rnn::new(Mode::Lstm, 2), &[]);
    let y = s.swap_axis("out", y, 0, 1);
    s.net([y]).data("data", [0, steps, 2])
}

/// Two layers with the same parameters.
fn shared_parameters(steps: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let y = s.rnn("rnn", x, Rnn::new(Mode::Gru, H), &[]);
    let parameters = s.variable("rnn_parameters");
    let zeros = s.zeros("zeros", [1, 0, H]);
    let op = tinpail_plan::Op::Rnn(Rnn::new(Mode::Gru, H));
    let z = s.push("again", op, &[y, parameters, zeros]);
    s.net([z]).data("data", [steps, 0, H])
}

/// The final state of one layer begins another: an encoder and a decoder.
fn encoder_decoder(mode: Mode) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let (x, y) = (s.variable("data"), s.variable("target"));
        let attrs = Rnn {
            state_outputs: true,
            ..Rnn::new(mode, H)
        };
        let encoder = s.rnn("encoder", x, attrs, &[]);
        let finals = mode.gates() as u32 / 4 + 1;
        let states: Vec<Sym> = (1..=finals)
            .map(|output| Sym { output, ..encoder })
            .collect();
        let decoder = s.rnn("decoder", y, Rnn::new(mode, H), &states);
        s.net([decoder])
            .data("data", [steps, 0, 2])
            .data("target", [2, 0, 3])
    }
}

/// A layer of which only the second half of the steps is read.
fn half_read(steps: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let y = s.rnn("rnn", x, Rnn::new(Mode::Lstm, H), &[]);
    let halves = s.slice_channel("halves", y, 2, 0, false);
    s.net([halves[1]]).data("data", [steps, 0, 2])
}

/// One step only.
fn one_step(mode: Mode) -> impl Fn(usize) -> Net {
    move |_| {
        let mut s = Symbols::new();
        let (x, h) = (s.variable("data"), s.variable("h0"));
        let mut states = vec![h];
        if mode == Mode::Lstm {
            states.push(s.variable("c0"));
        }
        let y = s.rnn("rnn", x, Rnn::new(mode, H), &states);
        let z = s.rnn("from_zeros", x, Rnn::new(mode, H), &[]);
        let net = s.net([y, z]).data("data", [1, 0, 2]).data("h0", [1, 0, H]);
        match mode {
            Mode::Lstm => net.data("c0", [1, 0, H]),
            _ => net,
        }
    }
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for mode in [Mode::RnnRelu, Mode::RnnTanh, Mode::Lstm, Mode::Gru] {
        let rnn = |num_layers, state_outputs, p| Rnn {
            num_layers,
            state_outputs,
            p,
            ..Rnn::new(mode, H)
        };
        let mut push = |rnn, begin, heads| rows.push(row(Case { rnn, begin, heads }));
        for layers in [1, 2] {
            push(rnn(layers, false, 0.0), Begin::Zeros, Heads::Steps);
            push(rnn(layers, false, 0.0), Begin::Zeros, Heads::Loss);
            push(rnn(layers, false, 0.0), Begin::States, Heads::Steps);
            push(rnn(layers, true, 0.0), Begin::Zeros, Heads::All);
            push(rnn(layers, true, 0.0), Begin::Zeros, Heads::Finals);
            push(rnn(layers, true, 0.0), Begin::States, Heads::All);
            push(rnn(layers, true, 0.0), Begin::Params, Heads::All);
            push(rnn(layers, true, 0.0), Begin::Data, Heads::All);
            push(rnn(layers, true, 0.0), Begin::Data, Heads::Finals);
            push(rnn(layers, true, 0.0), Begin::Computed, Heads::Finals);
        }
        let both = |rnn: Rnn| Rnn {
            bidirectional: true,
            ..rnn
        };
        push(both(rnn(1, false, 0.0)), Begin::Zeros, Heads::Steps);
        push(both(rnn(1, false, 0.0)), Begin::Zeros, Heads::Loss);
        push(both(rnn(1, true, 0.0)), Begin::States, Heads::All);
        push(both(rnn(2, true, 0.0)), Begin::Params, Heads::All);
        push(both(rnn(2, true, 0.0)), Begin::Data, Heads::Finals);
        push(both(rnn(2, false, 0.4)), Begin::Zeros, Heads::Steps);
        push(rnn(2, false, 0.4), Begin::Zeros, Heads::Steps);
        push(rnn(3, true, 0.4), Begin::Data, Heads::All);
        rows.push(Row::new(format!("rnn {mode:?} one step"), one_step(mode)));
        rows.push(Row::new(
            format!("rnn {mode:?} encoder and decoder"),
            encoder_decoder(mode),
        ));
        let frozen = Case {
            rnn: rnn(2, false, 0.0),
            begin: Begin::Zeros,
            heads: Heads::Loss,
        };
        let mut frozen = row(frozen).fixed(&["rnn_parameters"]);
        frozen.name += ", fixed";
        rows.push(frozen);
    }
    rows.push(Row::new("rnn batch major", batch_major));
    rows.push(Row::new("rnn shared parameters", shared_parameters));
    rows.push(Row::new("rnn half read", half_read));
    rows
}
