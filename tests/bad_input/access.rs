//! Reading what is not there, writing what does not fit.

use tinpail::error::AccessError;
use tinpail_plan::{PlanFile, Train};

use crate::common::run::{self, Module};
use crate::net::{self, SHORT};

#[track_caller]
fn refused(
    file: &PlanFile,
    attempt: impl Fn(&mut Module<'_>) -> Result<(), AccessError>,
    error: AccessError,
) {
    net::refused(file, net::fresh, &attempt, error);
    net::refused(file, net::trained(file), &attempt, error);
}

#[test]
fn parameters_of_another_length_or_not_finite_or_frozen() {
    let file = net::plan(Train::Fused);
    let weight = net::param(&file, "fc_weight");
    let len = file.params[weight].len();
    let frozen = net::param(&file, "frozen_bias");
    let count = file.params.len();
    for found in [0, len - 1, len + 1] {
        let values = vec![0.5; found];
        refused(
            &file,
            |module| module.set_params(weight, &values),
            AccessError::Len { needed: len, found },
        );
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![0.5; len];
        values[len - 1] = value;
        refused(
            &file,
            |module| module.set_params(weight, &values),
            AccessError::NotFinite { at: len - 1 },
        );
    }
    let values = vec![0.5; file.params[frozen].len()];
    refused(
        &file,
        |module| module.set_params(frozen, &values),
        AccessError::Frozen { index: frozen },
    );
    refused(
        &file,
        |module| module.set_params(count, &values),
        AccessError::Index {
            index: count,
            count,
        },
    );
}

#[test]
fn all_parameters_or_none() {
    let file = net::plan(Train::Fused);
    let all = |module: &Module<'_>| -> Vec<Vec<f32>> {
        let trainable = module.trainable();
        trainable
            .map(|index| vec![0.5; file.params[index].len()])
            .collect()
    };
    let set = |module: &mut Module<'_>, values: &[Vec<f32>]| {
        let values: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
        module.set_all_params(&values)
    };
    let mut count = 0;
    run::bound(&file, &net::values(&file), |module| {
        count = module.trainable().count();
        assert!(count > 2 && count < file.params.len());
    });
    let fewer = |module: &mut Module<'_>| set(module, &all(module)[1..]);
    let found = count - 1;
    let error = AccessError::Count {
        needed: count,
        found,
    };
    refused(&file, fewer, error);
    // The last one is wrong; those before it must not have been written.
    let not_finite = |module: &mut Module<'_>| {
        let mut values = all(module);
        values[count - 1][1] = f32::NAN;
        set(module, &values)
    };
    refused(&file, not_finite, AccessError::NotFinite { at: 1 });
    let len = |module: &mut Module<'_>| {
        let mut values = all(module);
        values[count - 1].pop();
        set(module, &values)
    };
    let needed = file.params.last().expect("parameters").len();
    let found = needed - 1;
    refused(&file, len, AccessError::Len { needed, found });
    run::bound(&file, &net::values(&file), |module| {
        set(module, &all(module)).expect("they fit");
        for index in module.trainable() {
            let values = module.get_params(index).expect("a parameter");
            assert!(values.iter().all(|value| *value == 0.5));
        }
    });
}

#[test]
fn states_of_another_length_or_not_finite() {
    let file = net::plan(Train::Fused);
    let needed = file.states[0].len();
    let index = |index| AccessError::Index { index, count: 1 };
    for found in [0, needed - 1, needed + 1] {
        let values = vec![0.5; found];
        refused(
            &file,
            |module| module.set_states(0, &values),
            AccessError::Len { needed, found },
        );
    }
    let mut values = vec![0.5; needed];
    refused(&file, |module| module.set_states(1, &values), index(1));
    values[2] = f32::INFINITY;
    let not_finite = AccessError::NotFinite { at: 2 };
    refused(&file, |module| module.set_states(0, &values), not_finite);
    let not_finite = AccessError::NotFinite { at: 0 };
    refused(&file, |module| module.fill_states(f32::NAN), not_finite);
    refused(&file, |module| module.get_states(1).map(|_| ()), index(1));
}

#[test]
fn states_carried_from_what_does_not_fit() {
    let file = net::plan(Train::Fused);
    let needed = file.states[0].len();
    let found = file.buckets[0].output_shapes[0].len();
    assert_ne!(needed, found);
    let sample = net::sample(&file, SHORT);
    let inferred = |module: &mut Module<'_>| {
        run::infer(&file, module, &sample);
    };
    let carry = |output, state| move |module: &mut Module<'_>| module.carry_state(output, state);
    let len = AccessError::Len { needed, found };
    net::refused(&file, inferred, carry(0, 0), len);
    let state = AccessError::Index { index: 1, count: 1 };
    net::refused(&file, inferred, carry(1, 1), state);
    let output = AccessError::Index { index: 2, count: 2 };
    net::refused(&file, inferred, carry(2, 0), output);
    net::refused(&file, net::fresh, carry(1, 0), AccessError::NotComputed);
    run::bound(&file, &net::values(&file), |module| {
        let outputs = run::infer(&file, module, &sample).outputs;
        module.carry_state(1, 0).expect("they fit");
        assert_eq!(module.get_states(0), Ok(outputs[1].as_slice()));
    });
}

#[test]
fn what_was_not_computed_or_not_planned() {
    let file = net::plan(Train::Fused);
    let count = file.params.len();
    let index = AccessError::Index {
        index: count,
        count,
    };
    let sample = net::sample(&file, SHORT);
    run::bound(&file, &net::values(&file), |module| {
        let not_computed = Err(AccessError::NotComputed);
        let not_planned = Err(AccessError::NotPlanned);
        assert_eq!(module.get_outputs(0), not_computed);
        assert_eq!(module.get_input_grads(0), not_planned);
        assert_eq!(module.get_grads(0), not_planned);
        assert_eq!(module.get_grads(count), Err(index));
        assert_eq!(module.get_params(count), Err(index));
        assert_eq!(module.optimizer_state(count), Err(index));
        let frozen = net::param(&file, "frozen_bias");
        assert_eq!(module.optimizer_state(frozen), not_planned);
        run::infer(&file, module, &sample);
        let output = AccessError::Index { index: 2, count: 2 };
        assert_eq!(module.get_outputs(2), Err(output));
        module.switch_bucket(net::LONG).expect("a bucket");
        assert_eq!(module.get_outputs(0), not_computed);
        module.switch_bucket(SHORT).expect("a bucket");
        assert!(module.get_outputs(0).is_ok(), "they are still there");
    });
    let file = net::plan(Train::Held);
    run::bound(&file, &net::values(&file), |module| {
        let frozen = net::param(&file, "frozen_bias");
        assert_eq!(module.get_grads(frozen), Err(AccessError::NotPlanned));
    });
}
