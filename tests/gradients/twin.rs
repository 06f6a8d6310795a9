//! Forward and all gradients of every row, for one sample and for three, against the f64 interpreter.

use tinpail::plan::ParamKind;
use tinpail_plan::{ProductsKind, Train};

use crate::common::masks::masks;
use crate::common::rng::Rng;
use crate::common::values::{Persistent, Sample};
use crate::common::{run, twin};
use crate::row::{How, RECIPES, Row};
use crate::rows::{for_every_row, rows};

/// The steps of rows that have any; even, for the rows that halve them.
const KEY: u32 = 4;

fn check(row: &Row, batch_size: usize) {
    for &products in RECIPES {
        // A sample may have no gradient at all, if all its labels are ignored or all relus are off.
        let moved = (0..10).any(|seed| check_sample(row, batch_size, products, seed));
        let name = &row.name;
        assert!(moved, "{name}: no gradient is more than nothing");
    }
}

/// Whether any gradient is more than nothing.
fn check_sample(row: &Row, batch_size: usize, products: ProductsKind, seed: u64) -> bool {
    let what = format!(
        "{}, batch {batch_size}, {products:?}, seed {seed}",
        row.name
    );
    let how = How {
        batch_size,
        train: Train::Held,
        share_memory: true,
        products,
        limit: None,
    };
    let file = row.plan(&[KEY], how);
    let net = row.net(KEY);
    let mut rng = Rng::named(&row.name, 10 * batch_size as u64 + seed);
    let values = Persistent::random(&file, &mut rng);
    let sample = Sample::random(&file, 0, &mut rng);
    let args = twin::args(&file, &values, &sample);
    let masks = masks(&net, batch_size);

    let (infer, step) = run::bound(&file, &values, |module| {
        let infer = run::infer(&file, module, &sample);
        (infer, run::train(&file, module, &sample, false))
    });
    let infer_twin = twin::forward(&net, &args, None);
    let train_twin = twin::forward(&net, &args, Some(&masks));
    for (mode, ours, theirs) in [
        ("inference", &infer, &infer_twin),
        ("training", &step, &train_twin),
    ] {
        assert_eq!(ours.outputs.len(), theirs.len(), "{what}: heads");
        for (head, (ours, theirs)) in ours.outputs.iter().zip(theirs).enumerate() {
            twin::assert_close(&format!("{what}, {mode}, head {head}"), ours, theirs);
        }
    }

    let bucket = &file.buckets[0];
    let mut wanted: Vec<(&str, &[f32])> = Vec::new();
    let placed = file.params.iter().zip(&file.plan.params);
    for ((own, placed), grad) in placed.zip(&step.grads) {
        let fixed = row.fixed.contains(&own.name.as_str());
        let auxiliary = placed.kind == ParamKind::Auxiliary;
        assert_eq!(
            grad.is_none(),
            fixed || auxiliary,
            "{what}: gradient of {}",
            own.name
        );
        wanted.extend(grad.iter().map(|grad| (own.name.as_str(), grad.as_slice())));
    }
    for (own, grad) in bucket.data_shapes.iter().zip(&step.input_grads) {
        wanted.push((&own.name, grad));
    }
    let heads = twin::head_grads(&net, &train_twin, &sample, &row.fixed, &row.states);
    let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    let mode = tinpail_interp::Mode::Train { masks: &masks };
    let numeric = tinpail_interp::numeric_grads(&net, &args, &names, mode, &heads);
    let numeric = numeric.unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut moved = false;
    for (name, ours) in wanted {
        let theirs = &numeric[name];
        moved |= theirs.data.iter().any(|value| value.abs() > 1e-3);
        twin::assert_close(&format!("{what}, gradient of {name}"), ours, theirs);
    }
    moved
}

#[test]
fn every_row_has_the_gradients_of_the_interpreter() {
    let rows = rows();
    let mut names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "a name is there twice");
    for_every_row(check);
}
