//! Every rule broken once by hand; and real programs with wrong offsets, against a second opinion.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use tinpail::plan::{Access, Kernel, Train};

use super::{Broken, Located, Placed, same};
use crate::alias;
use crate::bucketing::Saved;
use crate::fuse::fuse;
use crate::infer::infer;
use crate::ir::{Buf, BufId, Code, Instr, Phase, Storage, View};
use crate::lower::{Role, Setting, lower};
use crate::place::{Item, place};
use crate::recompute::{recompute, saved};
use crate::symbol::{FullyConnected, Mode, Net, Op, Rnn, SoftmaxOutput, Symbols};

const P: usize = 0;
const M: usize = 1;
const X: usize = 2;
const Y: usize = 3;
const DATA: usize = 4;

fn view(buf: usize) -> View {
    View {
        buf: BufId(buf),
        offset: 0,
        len: 4,
    }
}

fn instr(kernel: Kernel, operands: &[Option<usize>], phase: Phase) -> Instr {
    Instr {
        kernel,
        operands: operands.iter().map(|buf| buf.map(view)).collect(),
        ints: Vec::new(),
        phase,
        node: String::new(),
    }
}

/// A parameter p with momentum m; x is filled, copied to y and y changed; p moves by x. y is the output.
fn program() -> Code {
    let buf = |name: &str, storage| Buf {
        name: name.into(),
        len: 4,
        storage,
    };
    Code {
        bufs: vec![
            buf("p", Storage::Param(0)),
            buf("m", Storage::OptState(0)),
            buf("x", Storage::Transient),
            buf("y", Storage::Transient),
            buf("data", Storage::Data(0)),
        ],
        instrs: vec![
            instr(Kernel::Fill, &[Some(X)], Phase::Forward),
            instr(Kernel::Copy, &[Some(X), Some(Y)], Phase::Forward),
            instr(Kernel::AddAssign, &[Some(P), Some(Y)], Phase::Forward),
            instr(Kernel::CheckFinite, &[Some(X)], Phase::Check),
            instr(Kernel::Apply, &[Some(X), Some(P), Some(M)], Phase::Update),
        ],
        outputs: vec![view(Y)],
        ..Code::default()
    }
}

/// With no more persistent memory than that of p and m.
fn validate(code: &Code, offsets: &[Option<usize>], len: usize) -> Result<(), Broken> {
    validate_beside(code, offsets, 0, len)
}

/// The rules alone, on operands where `offsets` says.
fn validate_beside(
    code: &Code,
    offsets: &[Option<usize>],
    persistent_len: usize,
    arena_len: usize,
) -> Result<(), Broken> {
    let placed = Placed {
        code,
        offsets,
        persistent_len,
        arena_len,
    };
    let located = code.instrs.iter().map(|instr| Located {
        ranges: placed.ranges(&instr.operands),
        runs: instr.kernel != Kernel::Copy,
    });
    let ends: Vec<Option<View>> = code.pinned().map(Some).collect();
    placed.replay(&located.collect::<Vec<_>>(), &placed.ranges(&ends))
}

/// p, m, x, y one after the other; data outside.
const OFFSETS: [Option<usize>; 5] = [Some(0), Some(4), Some(8), Some(12), None];
const LEN: usize = 16;

fn with(buf: usize, offset: Option<usize>) -> [Option<usize>; 5] {
    let mut offsets = OFFSETS;
    offsets[buf] = offset;
    offsets
}

#[test]
fn a_good_program_passes() {
    assert_eq!(validate(&program(), &OFFSETS, LEN), Ok(()));
}

#[test]
fn a_read_of_what_was_overwritten() {
    // y on x: the copy is one of memory onto itself, but then y changes and x is still read.
    let broken = Broken::Read {
        call: 3,
        buffer: "x".into(),
        element: 0,
        holds: "y[0]".into(),
    };
    let offsets = with(Y, OFFSETS[X]);
    assert_eq!(validate(&program(), &offsets, LEN), Err(broken));
    // Without the later readers it is right: this is how a copy is elided.
    let mut code = program();
    code.instrs.truncate(3);
    assert_eq!(validate(&code, &offsets, LEN), Ok(()));
}

#[test]
fn a_read_of_what_was_never_written() {
    let mut code = program();
    code.instrs.remove(0);
    let broken = Broken::Read {
        call: 0,
        buffer: "x".into(),
        element: 0,
        holds: "nothing".into(),
    };
    assert_eq!(validate(&code, &OFFSETS, LEN), Err(broken));
    // Also of a part: the fill leaves the last element out.
    let mut code = program();
    code.instrs[0].operands[0] = Some(View { len: 3, ..view(X) });
    let broken = Broken::Read {
        call: 1,
        buffer: "x".into(),
        element: 3,
        holds: "nothing".into(),
    };
    assert_eq!(validate(&code, &OFFSETS, LEN), Err(broken));
}

#[test]
fn calls_in_another_order() {
    let mut code = program();
    code.instrs.swap(0, 1);
    let broken = Broken::Read {
        call: 0,
        buffer: "x".into(),
        element: 0,
        holds: "nothing".into(),
    };
    assert_eq!(validate(&code, &OFFSETS, LEN), Err(broken));
    let mut code = program();
    code.instrs.swap(1, 2);
    let broken = Broken::Read {
        call: 1,
        buffer: "y".into(),
        element: 0,
        holds: "nothing".into(),
    };
    assert_eq!(validate(&code, &OFFSETS, LEN), Err(broken));
}

#[test]
fn operands_that_overlap() {
    let broken = Broken::Overlap {
        call: 1,
        left: "x".into(),
        right: "y".into(),
    };
    assert_eq!(validate(&program(), &with(Y, Some(9)), LEN), Err(broken));
    let broken = Broken::Overlap {
        call: 0,
        left: "m".into(),
        right: "p".into(),
    };
    assert_eq!(validate(&program(), &with(M, Some(3)), LEN), Err(broken));
}

#[test]
fn a_transient_on_a_parameter() {
    let broken = Broken::Read {
        call: 2,
        buffer: "p".into(),
        element: 0,
        holds: "x[0]".into(),
    };
    assert_eq!(validate(&program(), &with(X, OFFSETS[P]), LEN), Err(broken));
    // On the momentum, which only the last call reads.
    let mut code = program();
    code.instrs[4].operands[0] = None;
    let broken = Broken::Read {
        call: 4,
        buffer: "m".into(),
        element: 0,
        holds: "x[0]".into(),
    };
    assert_eq!(validate(&code, &with(X, OFFSETS[M]), LEN), Err(broken));
}

#[test]
fn something_persistent_that_is_overwritten() {
    // By what comes after its last reader: the next step would miss it.
    let mut code = program();
    code.bufs.push(Buf {
        name: "tile".into(),
        len: 2,
        storage: Storage::Transient,
    });
    let tile = View { len: 2, ..view(5) };
    code.instrs
        .push(instr(Kernel::Fill, &[None], Phase::Update));
    code.instrs[5].operands[0] = Some(tile);
    let at = |offset| -> Vec<_> { OFFSETS.into_iter().chain([Some(offset)]).collect() };
    let lost = |offset, held: &str| Broken::Lost {
        offset,
        held: held.into(),
        holds: "tile[0]".into(),
    };
    assert_eq!(validate(&code, &at(6), LEN), Err(lost(6, "m[2]")));
    assert_eq!(validate(&code, &at(8), LEN), Ok(()));
    // What lies there for another bucket, of which this program knows nothing.
    let others = Broken::Lost {
        offset: 8,
        held: "element 8 of other programs".into(),
        holds: "x[0]".into(),
    };
    assert_eq!(validate_beside(&program(), &OFFSETS, 9, LEN), Err(others));
    assert_eq!(validate_beside(&program(), &OFFSETS, 8, LEN), Ok(()));
}

#[test]
fn an_operand_beyond_the_arena() {
    let beyond = |call, name: &str, end| Broken::Bounds {
        call,
        buffer: name.into(),
        end,
    };
    let outcome = validate(&program(), &with(Y, Some(13)), LEN);
    assert_eq!(outcome, Err(beyond(1, "y", 17)));
    let outcome = validate(&program(), &with(P, Some(16)), LEN);
    assert_eq!(outcome, Err(beyond(0, "p", 20)));
    assert_eq!(
        validate(&program(), &OFFSETS, LEN - 1),
        Err(beyond(1, "y", 16))
    );
}

#[test]
fn a_weight_that_is_read_after_its_update_began() {
    let mut code = program();
    let late = instr(Kernel::AddAssign, &[Some(P), Some(Y)], Phase::Update);
    code.instrs.push(late);
    let broken = Broken::Stale {
        call: 5,
        buffer: "p".into(),
    };
    assert_eq!(validate(&code, &OFFSETS, LEN), Err(broken));
    // Of the update of the first half no reader of the second half may come later either.
    let half = |offset| {
        Some(View {
            offset,
            len: 2,
            ..view(P)
        })
    };
    let mut code = program();
    code.instrs[4].operands[1] = half(0);
    code.instrs
        .push(instr(Kernel::CheckFinite, &[None], Phase::Update));
    code.instrs[5].operands[0] = half(2);
    let broken = Broken::Stale {
        call: 5,
        buffer: "p".into(),
    };
    assert_eq!(validate(&code, &OFFSETS, LEN), Err(broken));
}

#[test]
fn an_output_that_is_gone_at_the_end() {
    let mut code = program();
    code.instrs
        .push(instr(Kernel::Fill, &[Some(X)], Phase::Update));
    assert_eq!(validate(&code, &OFFSETS, LEN), Ok(()));
    code.outputs = vec![view(X), view(Y)];
    assert_eq!(validate(&code, &OFFSETS, LEN), Ok(()));
    // Another buffer at the place of y, written when y is read no more.
    code.bufs.push(Buf {
        name: "tile".into(),
        len: 2,
        storage: Storage::Transient,
    });
    code.instrs[5].operands[0] = Some(View { len: 2, ..view(5) });
    let offsets: Vec<_> = OFFSETS.into_iter().chain([Some(14)]).collect();
    let broken = Broken::Output {
        buffer: "y".into(),
        element: 2,
        holds: "tile[0]".into(),
    };
    assert_eq!(validate(&code, &offsets, LEN), Err(broken));
    // The gradients of inputs are outputs as well.
    code.input_grads = std::mem::take(&mut code.outputs);
    let outcome = validate(&code, &offsets, LEN);
    assert!(matches!(outcome, Err(Broken::Output { .. })), "{outcome:?}");
}

#[test]
fn a_write_outside_of_the_arena() {
    let mut code = program();
    code.instrs[0].operands[0] = Some(view(DATA));
    let broken = Broken::ReadOnly {
        call: 0,
        buffer: "data".into(),
    };
    assert_eq!(validate(&code, &OFFSETS, LEN), Err(broken));
    // A parameter in flash is not updated.
    let broken = Broken::ReadOnly {
        call: 4,
        buffer: "p".into(),
    };
    assert_eq!(validate(&program(), &with(P, None), LEN), Err(broken));
}

/// What a program computes, as hashes: every value a call writes follows from the call and from all that
/// it reads. The hashes of outputs and of what persists, with each buffer at its offset.
///
/// The second opinion: it knows nothing of who owns an element, and two operands may even overlap.
fn computed(code: &Code, offsets: &[Option<usize>], len: usize) -> Vec<u64> {
    let hash = |parts: &[u64]| {
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        hasher.finish()
    };
    let mut memory = vec![0; len];
    let persistent: Vec<View> = code
        .bufs
        .iter()
        .enumerate()
        .filter(|(index, buf)| offsets[*index].is_some() && buf.storage != Storage::Transient)
        .map(|(index, buf)| View {
            buf: BufId(index),
            offset: 0,
            len: buf.len,
        })
        .collect();
    let range = |view: View| {
        let start = offsets[view.buf.0]? + view.offset;
        Some(start..start + view.len)
    };
    for view in &persistent {
        for (element, cell) in memory[range(*view).expect("a place")]
            .iter_mut()
            .enumerate()
        {
            *cell = hash(&[1, view.buf.0 as u64, element as u64]);
        }
    }
    for (at, instr) in code.instrs.iter().enumerate() {
        let operands = || instr.operands.iter().zip(instr.kernel.accesses());
        let mut read = Vec::new();
        for (view, access) in operands() {
            let Some(view) = *view else { continue };
            match range(view) {
                _ if *access == Access::Write => {}
                Some(range) => read.extend_from_slice(&memory[range]),
                None => read.extend([view.buf.0 as u64, view.offset as u64]),
            }
        }
        let all = hash(&read);
        for (position, (view, access)) in operands().enumerate() {
            let Some(range) = view.and_then(range) else {
                continue;
            };
            if *access == Access::Read {
                continue;
            }
            for (element, cell) in memory[range].iter_mut().enumerate() {
                // A copy is the value itself.
                *cell = match instr.kernel {
                    Kernel::Copy => read[element],
                    _ => hash(&[2, at as u64, position as u64, element as u64, all]),
                };
            }
        }
    }
    let kept = code.pinned().chain(persistent);
    kept.flat_map(|view| memory[range(view).expect("a place")].to_vec())
        .collect()
}

const TRAINS: [Train; 3] = [Train::Fused, Train::Held, Train::Step];

/// A recurrent classifier with a carried state, batch 2: what it is made of, forward to update.
fn lowered(train: Train) -> Code {
    let mut s = Symbols::new();
    let (x, h, label) = (s.variable("data"), s.variable("h"), s.variable("label"));
    let y = s.rnn("rnn", x, Rnn::new(Mode::Gru, 2), &[h]);
    let y = s.swap_axis("swap", y, 0, 1);
    let parts = s.slice_channel("slice", y, 2, 1, true);
    let y = s.concat("concat", &[parts[1], parts[0], parts[1]], 1);
    let y = s.fully_connected("fc", y, FullyConnected::new(3));
    let head = s.softmax_output("softmax", y, label, SoftmaxOutput::default());
    let net: Net = s.net([head]).data("data", [2, 0, 2]).label("label", [0]);
    let net = fuse(&net, 2).expect("fused");
    let shapes = infer(&net, 2).expect("shapes");
    let mut roles = HashMap::new();
    let mut param_lens = Vec::new();
    for (node, dims) in net.nodes.iter().zip(&shapes.dims) {
        if node.op != Op::Variable {
            continue;
        }
        let role = match node.name.as_str() {
            "data" => Role::Data(0),
            "label" => Role::Label(0),
            "h" => Role::State(0),
            _ => {
                param_lens.push(dims[0].iter().product());
                Role::Param(param_lens.len() - 1)
            }
        };
        roles.insert(node.name.clone(), role);
    }
    let setting = Setting {
        roles: &roles,
        trainable: &vec![true; param_lens.len()],
        auxiliary: &[],
        param_lens: &param_lens,
        state_arrays: 1,
        train,
        grad_add: &vec![false; param_lens.len()],
        compression: None,
        inputs_need_grad: true,
        clip_global_norm: None,
        saved: Saved::F32,
        keep_outputs: true,
        sums: false,
        ahead: 0,
    };
    lower(&net, &shapes, &setting, true).expect("lowered")
}

/// Offsets of every buffer, one after the other; the arena's length.
fn apart(code: &Code) -> (Vec<Option<usize>>, usize) {
    let mut end = 0;
    let offsets = code.bufs.iter().map(|buf| match buf.storage {
        Storage::Data(_) | Storage::Label(_) | Storage::HeadGrad(_) => None,
        _ => {
            end += buf.len;
            Some(end - buf.len)
        }
    });
    (offsets.collect(), end)
}

/// Offsets as the planner chooses them.
fn placed(code: &Code) -> (Vec<Option<usize>>, usize) {
    let aliases = alias::elide(code);
    let (mut offsets, _) = apart(code);
    let is_transient = |buf: usize| code.bufs[buf].storage == Storage::Transient;
    let mut base = 0;
    for (index, buf) in code.bufs.iter().enumerate() {
        if offsets[index].is_some() && !is_transient(index) {
            offsets[index] = Some(base);
            base += buf.len;
        }
    }
    let root = |buf: usize| {
        aliases.resolve(View {
            buf: BufId(buf),
            offset: 0,
            len: 0,
        })
    };
    let end = code.instrs.len() + 1;
    let mut items: Vec<Option<Item>> = vec![None; code.bufs.len()];
    let uses = code.instrs.iter().enumerate().flat_map(|(at, instr)| {
        let views = instr.operands.iter().flatten();
        views.map(move |view| (view.buf.0, at, at + 1))
    });
    let pinned = code.pinned().map(|view| (view.buf.0, end - 1, end));
    for (buf, from, to) in uses.chain(pinned).collect::<Vec<_>>() {
        if !is_transient(buf) {
            continue;
        }
        let buf = root(buf).buf.0;
        let item = items[buf].get_or_insert(Item {
            lower: from,
            upper: to,
            size: code.bufs[buf].len,
        });
        (item.lower, item.upper) = (item.lower.min(from), item.upper.max(to));
    }
    let known: Vec<usize> = (0..items.len())
        .filter(|buf| items[*buf].is_some())
        .collect();
    let wanted: Vec<Item> = items.iter().flatten().copied().collect();
    let placement = place(&wanted, 1000).expect("items that live");
    let own: HashMap<usize, usize> = known.into_iter().zip(placement.offsets).collect();
    for buf in (0..code.bufs.len()).filter(|buf| is_transient(*buf)) {
        let root = root(buf);
        offsets[buf] = own.get(&root.buf.0).map(|start| base + start + root.offset);
    }
    (offsets, base + placement.peak)
}

/// Every transient buffer at every offset: whatever the validator lets pass computes the same.
#[test]
fn what_passes_computes_the_same() {
    for train in TRAINS {
        let code = lowered(train);
        let (own, own_len) = apart(&code);
        assert_eq!(validate(&code, &own, own_len), Ok(()));
        let expected = computed(&code, &own, own_len);
        let (offsets, len) = placed(&code);
        assert!(len < own_len);
        assert_eq!(validate(&code, &offsets, len), Ok(()));
        assert_eq!(computed(&code, &offsets, len), expected);
        let (mut passed, mut refused, mut harmless) = (0, 0, 0);
        for (buf, of) in code.bufs.iter().enumerate() {
            if of.storage != Storage::Transient || offsets[buf].is_none() {
                continue;
            }
            for offset in 0..=len - of.len {
                let mut moved = offsets.clone();
                moved[buf] = Some(offset);
                let same = computed(&code, &moved, len) == expected;
                match validate(&code, &moved, len) {
                    Ok(()) => {
                        assert!(same, "{train:?}: {} at {offset}", of.name);
                        passed += 1;
                    }
                    Err(_) if same => harmless += 1,
                    Err(_) => refused += 1,
                }
            }
        }
        // Some moves are right, most are not; few are refused that would do no harm.
        assert!(passed > 20 && refused > passed, "{passed}, {refused}");
        assert!(10 * harmless < refused, "{harmless} of {refused}");
    }
}

/// Every two neighbouring calls exchanged: what passes in shared memory computes what it computes in memory of
/// its own.
#[test]
fn orders_that_pass_compute_the_same() {
    for train in TRAINS {
        let code = lowered(train);
        let (offsets, len) = placed(&code);
        let (own, own_len) = apart(&code);
        let mut refused = 0;
        for at in 0..code.instrs.len() - 1 {
            let mut swapped = code.clone();
            swapped.instrs.swap(at, at + 1);
            if validate(&swapped, &offsets, len).is_ok() {
                assert_eq!(
                    computed(&swapped, &offsets, len),
                    computed(&swapped, &own, own_len),
                    "{train:?}: calls {at} and {}",
                    at + 1
                );
            } else {
                refused += 1;
            }
        }
        assert!(refused > 5, "{refused}");
    }
}

/// Every set of what can be dropped: the program that makes it again is valid, computes the same, and is refused where a
/// call of it is missing or comes too late, unless that does no harm.
#[test]
fn what_is_made_again_is_what_was_kept() {
    for train in TRAINS {
        let code = lowered(train);
        let saved = saved(&code);
        assert!(saved.len() > 2, "{saved:?}");
        for set in 0..1u32 << saved.len() {
            let members = saved.iter().enumerate();
            let dropped = members.filter(|(at, _)| set >> at & 1 == 1);
            let dropped: BTreeSet<usize> = dropped.map(|(_, buf)| *buf).collect();
            let again = recompute(&code, &dropped).expect("no weight has moved");
            assert_eq!(same(&code, &again), Ok(()), "{train:?}, {dropped:?}");
            let (offsets, len) = placed(&again);
            assert_eq!(validate(&again, &offsets, len), Ok(()), "{train:?}");
            assert_eq!(dropped.is_empty(), again.instrs.len() == code.instrs.len());
        }
        let all: BTreeSet<usize> = saved.into_iter().collect();
        let again = recompute(&code, &all).expect("no weight has moved");
        let repeated = |instr: &Instr| {
            // A check of what was made again writes nothing: without it the values are the same.
            let operands = instr.operands.iter().zip(instr.kernel.accesses());
            let mut written = operands.filter(|(_, access)| **access != Access::Read);
            written
                .any(|(view, _)| view.is_some_and(|view| again.buf(view).name.ends_with(".again")))
        };
        let valid = |code: &Code| {
            let (offsets, len) = apart(code);
            same(&again, code).and_then(|()| validate(code, &offsets, len))
        };
        let mut refused = 0;
        for at in 0..again.instrs.len() {
            if !repeated(&again.instrs[at]) {
                continue;
            }
            let mut without = again.clone();
            without.instrs.remove(at);
            assert!(valid(&without).is_err(), "{train:?}: without call {at}");
            let mut last = again.clone();
            let late = last.instrs.remove(at);
            last.instrs.push(late);
            refused += usize::from(valid(&last).is_err());
        }
        assert!(refused > 3, "{refused}");
    }
}

/// The same calls with another integer, operand or order of operands.
#[test]
fn other_values_are_told_apart() {
    let code = lowered(Train::Step);
    assert_eq!(same(&code, &code), Ok(()));
    let mut told = 0;
    for at in 0..code.instrs.len() {
        let mut other = code.clone();
        let Some(int) = other.instrs[at].ints.first_mut() else {
            continue;
        };
        *int += 1;
        assert!(same(&code, &other).is_err(), "call {at}");
        told += 1;
    }
    assert!(told > 10, "{told}");
    let mut fewer = code.clone();
    fewer.outputs.pop();
    assert!(same(&code, &fewer).is_err());
}
