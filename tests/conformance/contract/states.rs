//! Carried states.

use serde_json::json;
use tinpail_host::{Bind, InitParams, Initializer, Memory, Network, States, ValueError};
use tinpail_plan::symbol::FullyConnected;
use tinpail_plan::{Error, Net, Op, Symbols};

use super::net::{Module, bind, declared, forward, init};
use super::{Recorded, Same, Table};

pub const PROBES: Table = &[("states", Same(states))];

/// fc and a state of (2, 2), added.
fn sym_gen(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let (data, label, state) = (
        s.variable("data"),
        s.variable("softmax_label"),
        s.variable("st"),
    );
    let mean = s.mean("mean", data, &[1], false);
    let fc = s.fully_connected("fc", mean, FullyConnected::new(2));
    let sum = s.elemwise_add("sum", fc, state);
    let softmax = s.softmax_output("softmax", sum, label, Default::default());
    let mut net = s.net([softmax]);
    let state = net
        .nodes
        .iter_mut()
        .find(|node| node.op == Op::Variable && node.name == "st");
    state.expect("the variable").hints.shape = Some(vec![2, 2]);
    Ok(declared(net, steps))
}

fn state(module: &Module<'_>) -> Vec<i32> {
    let states = module.get_states().expect("states");
    assert_eq!(states[0].0, "st");
    states[0]
        .1
        .data()
        .iter()
        .map(|value| *value as i32)
        .collect()
}

/// MXNet's `set_states()` without either and with both is no call in Rust: an enum has one.
fn states(mxnet: &Recorded) {
    let result = mxnet.result();
    let memory = Memory::new();
    let network = Network::new(sym_gen, [2, 4], 4).expect("a network");
    let network = network.state_names(["st"]).expect("a state");
    let mut module: Module<'_> = tinpail_host::HostModule::new(&memory, network);
    module.bind(&bind()).expect("bound");
    init(&mut module);
    assert_eq!(json!(state(&module)), result["at_bind"]);
    module.set_states(States::Value(3.0)).expect("set");
    forward(&mut module, 2);
    assert_eq!(json!(state(&module)), result["seen_by_new_bucket"]);
    module
        .set_states(States::List(&[&[1.0, 2.0, 3.0, 4.0]]))
        .expect("set");
    module.switch_bucket(4).expect("a bucket");
    assert_eq!(json!(state(&module)), result["seen_by_default_after"]);

    assert_eq!(result["wrong_shape"], "MXNetError");
    let error = module.set_states(States::List(&[&[1.0; 6]]));
    assert!(matches!(error, Err(ValueError::Access { name, .. }) if name == "st"));
    let error = module.set_states(States::List(&[]));
    assert_eq!(
        error,
        Err(ValueError::Count {
            needed: 1,
            found: 0
        })
    );

    let one = InitParams {
        initializer: Some(&Initializer::One),
        force_init: true,
        ..InitParams::default()
    };
    module.init_params(&one).expect("parameters");
    assert_eq!(json!(state(&module)), result["after_init_params_force"]);
    module
        .bind(&Bind {
            force_rebind: true,
            ..bind()
        })
        .expect("bound");
    assert_eq!(json!(state(&module)), result["after_force_rebind"]);
}
