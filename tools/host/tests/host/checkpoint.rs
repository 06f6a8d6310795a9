//! Checkpoints: MXNet's files read and written again are MXNet's bytes; optimizer states come back.

use std::fs;

use tinpail_host::{Bind, Checkpoint, CheckpointError, HostModule, Memory, Network, TooEarly};
use tinpail_plan::{Net, json};

use super::common::{Module, SGD, golden, module, ready, step, values};

type Declare = fn(Net, u32) -> Net;

/// A scenario's files, its data and labels, its states.
const SCENARIOS: [(&str, Declare, &[&str]); 3] = [
    (
        "a_lstm_lm",
        |net, key| {
            net.data("data", [0, key as usize])
                .label("softmax_label", [0, key as usize])
        },
        &[],
    ),
    (
        "b_stateful_lstm",
        |net, key| {
            net.data("data", [0, key as usize])
                .label("softmax_label", [0, key as usize])
        },
        &["state_h", "state_c"],
    ),
    (
        "c_gru_fixed",
        |net, key| {
            net.data("data", [0, key as usize, 3])
                .label("softmax_label", [0])
        },
        &[],
    ),
];

fn batch_size(scenario: &str) -> usize {
    if scenario == "c_gru_fixed" { 3 } else { 2 }
}

/// The `.params` and `.buckets` are MXNet's to the byte; the symbols are the same networks (MXNet also writes what is its default).
#[test]
fn mxnets_checkpoint_written_again() {
    for (scenario, declare, states) in SCENARIOS {
        let prefix = golden(&format!("{scenario}/model"));
        let read = Checkpoint::read(&prefix, 1).expect("MXNet's checkpoint");
        let default = read.keys[0];
        assert_eq!(
            Some(&default),
            read.nets.keys().max(),
            "the largest key is the default one"
        );
        let nets = read
            .nets
            .iter()
            .map(|(key, net)| (*key, declare(net.clone(), *key)));
        let network = Network::of_nets(nets.collect(), default).expect("a network");
        let network = network.state_names(states.iter().copied()).expect("states");
        let memory = Memory::new();
        let mut module: Module<'_> =
            HostModule::load(&memory, &prefix, 1, network).expect("loaded");
        assert!(!module.params_initialized(), "not bound yet");
        module
            .bind(&Bind {
                batch_size: batch_size(scenario),
                ..Bind::default()
            })
            .expect("bound");
        assert!(module.params_initialized());

        let dir = tempfile::tempdir().expect("a folder");
        let ours = dir.path().join("model");
        module.save_checkpoint(&ours, 1, false).expect("saved");
        for end in ["-0001.params", ".buckets"] {
            let name = format!("{scenario}/model{end}");
            let mxnets = fs::read(golden(&name)).expect("MXNet's file");
            let written = fs::read(dir.path().join(format!("model{end}"))).expect("our file");
            assert!(mxnets == written || end == ".buckets", "{name}");
        }
        let again = Checkpoint::read(&ours, 1).expect("our checkpoint");
        assert_eq!(again.nets, read.nets, "{scenario}: networks");
        let mut keys = [again.keys.clone(), read.keys.clone()];
        assert_eq!(keys[0][0], keys[1][0], "the default bucket comes first");
        keys.iter_mut().for_each(|keys| keys.sort_unstable());
        assert_eq!(keys[0], keys[1]);
    }
}

/// MXNet lists the other buckets in the order of their first use; of this scenario that is ours.
#[test]
fn the_list_of_buckets_is_mxnets_bytes() {
    let dir = tempfile::tempdir().expect("a folder");
    let read = Checkpoint::read(golden("a_lstm_lm/model"), 1).expect("MXNet's checkpoint");
    assert_eq!(read.keys, [10, 4, 7]);
    let declare = SCENARIOS[0].1;
    let nets = read
        .nets
        .iter()
        .map(|(key, net)| (*key, declare(net.clone(), *key)));
    let network = Network::of_nets(nets.collect(), 10).expect("a network");
    let memory = Memory::new();
    let mut module: Module<'_> =
        HostModule::load(&memory, golden("a_lstm_lm/model"), 1, network).expect("loaded");
    module.bind(&Bind::default()).expect("bound");
    module
        .save_checkpoint(dir.path().join("model"), 1, false)
        .expect("saved");
    let ours = fs::read(dir.path().join("model.buckets")).expect("our file");
    assert_eq!(
        ours,
        fs::read(golden("a_lstm_lm/model.buckets")).expect("MXNet's file")
    );
}

/// Six steps at once, and three, a checkpoint, another process' module, and three: the same bits.
#[test]
fn training_goes_on_where_it_was_saved() {
    let memory = Memory::new();
    let mut whole = ready(&memory);
    (0..6).for_each(|number| step(&mut whole, number));

    let dir = tempfile::tempdir().expect("a folder");
    let prefix = dir.path().join("model");
    let mut first = ready(&memory);
    (0..3).for_each(|number| step(&mut first, number));
    first.save_checkpoint(&prefix, 3, true).expect("saved");
    drop(first);

    let mut second: Module<'_> =
        HostModule::load(&memory, &prefix, 3, super::common::network()).expect("loaded");
    second.bind(&super::common::bind()).expect("bound");
    second.init_optimizer(SGD, false).expect("an optimizer");
    second
        .load_optimizer_states(dir.path().join("model-0003.states"))
        .expect("states");
    (3..6).for_each(|number| step(&mut second, number));
    for name in ["fc_weight", "fc_bias"] {
        assert_eq!(values(&second, name), values(&whole, name), "{name}");
    }
    let text = fs::read_to_string(dir.path().join("model-2-symbol.json")).expect("a symbol");
    let net = super::common::sym_gen(2).expect("a network");
    assert_eq!(json::read(&text).expect("a network").nodes, net.nodes);
}

#[test]
fn states_that_are_damaged_or_of_another_network_are_refused() {
    let memory = Memory::new();
    let mut module = ready(&memory);
    step(&mut module, 0);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("x.states");
    module.save_optimizer_states(&path).expect("saved");
    let whole = fs::read(&path).expect("the file");
    let before = module
        .core()
        .expect("bound")
        .optimizer_state(0)
        .expect("momentum")
        .to_vec();
    // Behind the CRC the slot is what erased flash is.
    let end = whole.iter().rposition(|byte| *byte != 0xff).expect("bytes");
    for at in 0..=end {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).expect("written");
        let error = module.load_optimizer_states(&path);
        assert!(
            matches!(error, Err(CheckpointError::States { .. })),
            "byte {at}"
        );
        fs::write(&path, &whole[..at]).expect("written");
        assert!(module.load_optimizer_states(&path).is_err(), "cut to {at}");
    }
    assert_eq!(
        module.core().expect("bound").optimizer_state(0),
        Ok(&before[..])
    );
    let mut without = super::common::module(&memory);
    without.bind(&super::common::bind()).expect("bound");
    assert!(matches!(
        without.save_optimizer_states(&path),
        Err(CheckpointError::TooEarly(TooEarly::NoOptimizer))
    ));
}

#[test]
fn a_checkpoint_that_is_not_there_is_named() {
    let memory = Memory::new();
    let error = Checkpoint::read("no/such", 1).unwrap_err().to_string();
    assert!(error.starts_with("no/such.buckets: "), "{error}");
    let network = super::common::network();
    let error = Module::load(&memory, "no/such", 7, network)
        .err()
        .expect("an error");
    assert!(error.to_string().contains("no/such-0007.params"), "{error}");
    assert!(matches!(
        module(&memory).save_checkpoint("x", 0, false),
        Err(CheckpointError::TooEarly(TooEarly::NotBound))
    ));
}
