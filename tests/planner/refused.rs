//! What the planner refuses, and what it says.

use tinpail_plan::symbol::{
    BatchNorm, Convolution, Embedding, FullyConnected, Mode, Op, PoolType, Pooling,
    PoolingConvention, Rnn, SoftmaxOutput,
};
use tinpail_plan::{Bucketing, Error, GradReq, Net, Symbols, Train};

/// A classifier over (N, steps) numbers; its weight has the shape of the bucket unless `pooled`.
fn classifier(steps: u32, pooled: bool) -> Net {
    let mut s = Symbols::new();
    let (x, label) = (s.variable("data"), s.variable("label"));
    let x = match pooled {
        true => s.mean("mean", x, &[1], true),
        false => x,
    };
    let y = s.fully_connected("fc", x, FullyConnected::new(3));
    let head = s.softmax_output("softmax", y, label, SoftmaxOutput::default());
    s.net([head])
        .data("data", [0, steps as usize])
        .label("label", [0])
}

fn pooled(steps: u32) -> Result<Net, Error> {
    Ok(classifier(steps, true))
}

fn good() -> Bucketing<fn(u32) -> Result<Net, Error>> {
    Bucketing::new(pooled as fn(u32) -> Result<Net, Error>).bucket_keys([4, 2])
}

/// The message that the planner fails with.
#[track_caller]
fn message<F: Fn(u32) -> Result<Net, Error>>(bucketing: Bucketing<F>) -> String {
    bucketing
        .plan()
        .expect_err("it must be refused")
        .to_string()
}

#[test]
fn a_parameter_of_another_shape_than_the_default_buckets() {
    let bucketing = Bucketing::new(|steps| Ok(classifier(steps, false))).bucket_keys([2, 4]);
    assert_eq!(
        message(bucketing.clone()),
        "parameter fc_weight: (3, 2) in bucket 2, but (3, 4) in the default bucket 4"
    );
    let error = bucketing.clone().plan().expect_err("shapes differ");
    assert!(matches!(error, Error::ParameterShape { bucket: 2, .. }));
    assert_eq!(
        message(bucketing.default_bucket_key(2)),
        "parameter fc_weight: (3, 4) in bucket 4, but (3, 2) in the default bucket 2"
    );
}

/// The message for one operator over data of (1, 4, 5).
#[track_caller]
fn over_a_row(make: impl Fn(&mut Symbols, tinpail_plan::Sym) -> tinpail_plan::Sym) -> String {
    message(
        Bucketing::new(|_| {
            let mut s = Symbols::new();
            let x = s.variable("data");
            let y = make(&mut s, x);
            Ok(s.net([y]).data("data", [1, 4, 5]))
        })
        .bucket_keys([1]),
    )
}

#[test]
fn windows_that_cannot_be() {
    let conv = |attrs: Convolution| over_a_row(|s, x| s.convolution("conv", x, attrs.clone()));
    let pool = |attrs: Pooling| over_a_row(|s, x| s.pooling("pool", x, attrs.clone()));
    let too_long = "the window does not fit into the padded data: (1, 4, 5)";
    assert_eq!(conv(Convolution::new([6], 2)), format!("conv: {too_long}"));
    assert_eq!(
        conv(Convolution {
            stride: vec![0],
            ..Convolution::new([2], 2)
        }),
        format!("conv: {too_long}")
    );
    assert_eq!(
        conv(Convolution {
            num_group: 3,
            ..Convolution::new([2], 3)
        }),
        "conv: 3 filters in 3 groups cannot read: (1, 4, 5)"
    );
    assert_eq!(
        conv(Convolution::new([2, 2], 2)),
        "conv: a window of 2 axes (1 or 2 are possible) over: (1, 4, 5)"
    );
    assert_eq!(
        pool(Pooling::new(PoolType::Max, [6])),
        format!("pool: {too_long}")
    );
    assert_eq!(
        pool(Pooling {
            pad: vec![2],
            ..Pooling::new(PoolType::Max, [2])
        }),
        "pool: pad [2] is not smaller than kernel [2]"
    );
    assert_eq!(
        pool(Pooling {
            pad: vec![1],
            pooling_convention: PoolingConvention::Same,
            ..Pooling::new(PoolType::Max, [2])
        }),
        "pool: pooling_convention = same: one axis and no padding, as in MXNet"
    );
}

#[test]
fn an_auxiliary_state_that_is_also_something_else() {
    let said = over_a_row(|s, x| {
        let y = s.batch_norm("bn", x, BatchNorm::default());
        let (mean, beta) = (s.variable("bn_moving_mean"), s.variable("bn_beta"));
        let sum = s.elemwise_add("sum", mean, beta);
        let z = s.expand_dims("row", sum, 0);
        let z = s.expand_dims("column", z, -1);
        s.concat("joined", &[y, z], 2)
    });
    assert_eq!(
        said,
        "bn_moving_mean: read as an auxiliary state and as something else"
    );
}

#[test]
fn a_state_of_another_shape_than_the_default_buckets() {
    let sym_gen = |key: u32| {
        let mut s = Symbols::new();
        let (x, h) = (s.variable("data"), s.variable("h"));
        let y = s.rnn("rnn", x, Rnn::new(Mode::Gru, key as usize), &[h]);
        // The parameters differ as well, but states come first in the graph.
        Ok(s.net([y]).data("data", [key as usize, 0, 2]))
    };
    let error = message(
        Bucketing::new(sym_gen)
            .bucket_keys([2, 3])
            .state_names(["h"]),
    );
    assert!(
        error.contains("in bucket 2, but") && error.contains("in the default bucket 3"),
        "{error}"
    );
}

#[test]
fn a_parameter_that_the_default_bucket_lacks() {
    let sym_gen = |key: u32| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let name = if key == 2 { "extra" } else { "fc" };
        let y = s.fully_connected(name, x, FullyConnected::new(3));
        Ok(s.net([y]).data("data", [0, 2]))
    };
    assert_eq!(
        message(Bucketing::new(sym_gen).bucket_keys([2, 4])),
        "parameter extra_weight of bucket 2 is not in the default bucket 4"
    );
}

#[test]
fn names_that_the_network_lacks() {
    assert_eq!(
        message(good().fixed_param_names(["fc_wieght"])),
        "fixed parameter fc_wieght: no such argument; the network has data, label, fc_weight, fc_bias"
    );
    assert_eq!(
        message(good().state_names(["h0"])),
        "state h0: no such argument; the network has data, label, fc_weight, fc_bias"
    );
    let net = |name: &'static str| move |steps| Ok(classifier(steps, true).data(name, [0, 2]));
    let error = message(Bucketing::new(net("dta")).bucket_keys([2]));
    assert!(error.starts_with("data dta: no such argument"), "{error}");
    let error = message(Bucketing::new(net("data")).bucket_keys([2]));
    assert_eq!(error, "data: declared twice as data or label");
}

#[test]
fn bucket_keys_that_make_no_sense() {
    assert_eq!(message(good().bucket_keys([])), "bucket_keys is empty");
    assert_eq!(
        message(good().bucket_keys([2, 4, 2])),
        "bucket_keys has a key twice"
    );
    assert_eq!(
        message(good().default_bucket_key(3)),
        "default_bucket_key 3 is not among bucket_keys"
    );
    assert_eq!(message(good().batch_size(0)), "batch_size is 0");
}

#[test]
fn requests_that_contradict_each_other() {
    for train in [Train::Fused, Train::None] {
        assert_eq!(
            message(good().grad_req(GradReq::Add).train(train)),
            "grad_req = add needs Train::Held: a fused update keeps no gradient to add to"
        );
    }
    good()
        .grad_req(GradReq::Add)
        .train(Train::Held)
        .plan()
        .expect("held gradients can be added to");
    assert_eq!(
        message(good().inputs_need_grad(true).train(Train::None)),
        "inputs_need_grad needs a plan that trains"
    );
}

#[test]
fn a_plan_beyond_the_ram_limit_says_what_takes_the_space() {
    let needed = good().plan().expect("a plan").report.arena_bytes;
    good()
        .ram_limit_bytes(needed)
        .plan()
        .expect("the limit itself is granted");
    let limit = needed - 1;
    let error = good().ram_limit_bytes(limit).plan().expect_err("too much");
    let message = error.to_string();
    let first = format!("the plan needs {needed} B of RAM, ram_limit_bytes grants {limit}");
    assert_eq!(message.lines().next(), Some(first.as_str()));
    for part in [
        "| bucket | inference B (bound, nodes) | training B (bound, nodes) |",
        "| 2 |",
        "| 4 |",
        "parameters 24, optimizer 24",
        "| largest buffers | B | calls |",
    ] {
        assert!(message.contains(part), "{part} is not in\n{message}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_named_with_both() {
    let sym_gen = |_| {
        let mut s = Symbols::new();
        let (a, b) = (s.variable("a"), s.variable("b"));
        let y = s.elemwise_add("sum", a, b);
        Ok(s.net([y]).data("a", [0, 2]).data("b", [0, 3]))
    };
    let error = message(Bucketing::new(sym_gen).bucket_keys([1]).batch_size(2));
    assert_eq!(error, "sum: a and b differ: (2, 2) against (2, 3)");
}

#[test]
fn integers_that_are_also_read_as_numbers() {
    let sym_gen = |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let attrs = Embedding {
            input_dim: 4,
            output_dim: 2,
        };
        let y = s.embedding("embed", x, attrs);
        let z = s.fully_connected("fc", x, FullyConnected::new(2));
        Ok(s.net([y, z]).data("data", [0, 2]))
    };
    let error = message(Bucketing::new(sym_gen).bucket_keys([1]));
    assert!(error.contains("read as integers by one"), "{error}");
}

#[test]
fn one_value_as_two_inputs_of_one_layer() {
    let sym_gen = |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let attrs = FullyConnected {
            no_bias: true,
            ..FullyConnected::new(3)
        };
        let w = s.fully_connected("fc", x, FullyConnected::new(3));
        let y = s.push("square", Op::FullyConnected(attrs), &[w, w]);
        Ok(s.net([y]).data("data", [0, 3]))
    };
    let error = message(Bucketing::new(sym_gen).bucket_keys([1]).batch_size(3));
    assert_eq!(
        error,
        "square: the same values are read as two different inputs"
    );
}

#[test]
fn an_error_of_sym_gen_is_passed_on() {
    let sym_gen = |key: u32| match key {
        2 => Err(Error::Config("no network for 2".into())),
        key => pooled(key),
    };
    assert_eq!(
        message(Bucketing::new(sym_gen).bucket_keys([4, 2])),
        "no network for 2"
    );
}

#[test]
fn outputs_in_another_order_than_the_default_buckets() {
    let sym_gen = |steps: u32| {
        let mut net = classifier(steps, true);
        let extra = net.nodes[0].name.clone();
        let head = net.heads[0];
        let data = tinpail_plan::Sym {
            node: tinpail_plan::symbol::NodeId(0),
            output: 0,
        };
        net.heads = if steps == 2 {
            vec![data, head]
        } else {
            vec![head, data]
        };
        assert_eq!(extra, "data");
        Ok(net)
    };
    let bucketing = Bucketing::new(sym_gen)
        .bucket_keys([2, 4])
        .train(Train::None);
    let said = message(bucketing);
    assert!(said.starts_with("outputs of bucket 2: data, "), "{said}");
    assert!(said.contains("of the default bucket 4: "), "{said}");
}
