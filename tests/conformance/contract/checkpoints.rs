//! save_checkpoint and load.

use serde_json::json;
use tinpail_host::checkpoint::states_path;
use tinpail_host::{Checkpoint, HostModule, InitParams, Initializer, Memory, Network};

use super::net::{Module, bind, forward, ready, step, sym_gen, values};
use super::{Absent, Differs, Recorded, Same, Table};

pub const PROBES: Table = &[
    ("save_load_checkpoint_int_key", Same(save_and_load)),
    (
        "save_checkpoint_str_key",
        Absent("a bucket key is a u32: a text does not compile"),
    ),
    (
        "save_load_checkpoint_tuple_key",
        Absent("a bucket key is a u32: a tuple does not compile"),
    ),
    (
        "module_checkpoint_writes_no_optimizer_states",
        Differs(
            "MXNet swallows the request; here the states are written and can be read",
            optimizer_states,
        ),
    ),
    (
        "auto_named_layers_save_checkpoint",
        Differs(
            "MXNet names layers anew when it saves; here a network is made once, and saved under its names",
            names,
        ),
    ),
];

fn files(dir: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("a file").file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().expect("text"))
        .collect();
    names.sort_unstable();
    names
}

/// MXNet has bound one bucket when it saves; so this network has one.
fn save_and_load(mxnet: &Recorded) {
    let result = mxnet.result();
    let dir = tempfile::tempdir().expect("a folder");
    let prefix = dir.path().join("m");
    let memory = Memory::new();
    let mut module: Module<'_> =
        HostModule::new(&memory, Network::new(sym_gen, [4], 4).expect("a network"));
    module.bind(&bind()).expect("bound");
    let one = InitParams {
        initializer: Some(&Initializer::One),
        ..InitParams::default()
    };
    module.init_params(&one).expect("parameters");
    module.save_checkpoint(&prefix, 3, false).expect("saved");
    assert_eq!(json!(files(dir.path())), result["files"]);

    let network = Network::new(sym_gen, [2, 4], 4).expect("a network");
    let mut module = Module::load(&memory, &prefix, 3, network).expect("loaded");
    module.bind(&bind()).expect("bound");
    assert_eq!(
        json!(module.params_initialized()),
        result["params_initialized"]
    );
    let first: Vec<i32> = values(&module, "fc_weight")
        .iter()
        .take(2)
        .map(|own| *own as i32)
        .collect();
    assert_eq!(json!(first), result["param_after_load"]);
    forward(&mut module, 2);
}

fn optimizer_states(mxnet: &Recorded) {
    let mxnets: Vec<String> = serde_json::from_value(mxnet.result().clone()).expect("names");
    let dir = tempfile::tempdir().expect("a folder");
    let prefix = dir.path().join("m");
    let memory = Memory::new();
    let mut module = ready(&memory);
    step(&mut module, 2);
    module.save_checkpoint(&prefix, 2, true).expect("saved");
    let mut expected = mxnets;
    expected.push("m-0002.states".into());
    expected.sort_unstable();
    assert_eq!(files(dir.path()), expected);
    let momentum = module
        .core()
        .expect("initialized")
        .optimizer_state(0)
        .expect("momentum")
        .to_vec();
    step(&mut module, 4);
    module
        .load_optimizer_states(states_path(&prefix, 2))
        .expect("loaded");
    assert_eq!(
        module.core().expect("initialized").optimizer_state(0),
        Ok(&momentum[..])
    );
}

fn names(mxnet: &Recorded) {
    assert_eq!(mxnet.result()["saved_names_match"], false);
    let dir = tempfile::tempdir().expect("a folder");
    let memory = Memory::new();
    let module = ready(&memory);
    module
        .save_checkpoint(dir.path().join("m"), 0, false)
        .expect("saved");
    let saved = Checkpoint::read(dir.path().join("m"), 0).expect("a checkpoint");
    for net in saved.nets.values() {
        for entry in &saved.params {
            assert!(
                net.nodes.iter().any(|node| node.name == entry.name),
                "{}",
                entry.name
            );
        }
    }
}
