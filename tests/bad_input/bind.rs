//! `bind` refuses, and the arena it was given is what it was.

use tinpail::blob::BlobError;
use tinpail::error::BindError;
use tinpail::plan::Home;
use tinpail_plan::Train;
use tinpail_plan::plan_file::PlanBuf;

use crate::common::run::{Module, bits};
use crate::net;

#[track_caller]
fn refused(plan: &PlanBuf, arena_len: usize, bytes: &[u8], error: BindError) {
    let pattern: Vec<f32> = (0..arena_len).map(|at| at as f32 - 7.5).collect();
    let mut arena = pattern.clone();
    let model = tinpail::Registry::new(plan.plan());
    let bound = Module::bind_words(model, &mut arena, bytes).map(|_| ());
    assert_eq!(bound, Err(error));
    assert_eq!(bits(&arena), bits(&pattern), "the arena was changed");
}

#[test]
fn a_small_arena_is_refused() {
    let file = net::plan(Train::Held);
    let blob = net::values(&file).blob(&file);
    let needed = file.plan.arena_len as usize;
    for found in [0, 1, needed - 1] {
        let error = BindError::Arena { needed, found };
        refused(&file.plan, found, blob.bytes(), error);
    }
}

#[test]
fn a_bad_blob_is_refused() {
    let file = net::plan(Train::Held);
    let blob = net::values(&file).blob(&file);
    let len = file.plan.arena_len as usize;
    let bytes = &blob.bytes()[..blob.bytes().len() - 1];
    let error = BlobError::Truncated {
        needed: blob.bytes().len(),
    };
    refused(&file.plan, len, bytes, BindError::Blob(error));
    refused(
        &file.plan,
        len,
        &[],
        BindError::Blob(BlobError::Truncated { needed: 1 }),
    );
}

#[test]
fn a_plan_that_contradicts_itself_is_refused() {
    let file = net::plan(Train::Held);
    let blob = net::values(&file).blob(&file);
    let len = file.plan.arena_len as usize;
    let broken = |change: &dyn Fn(&mut PlanBuf)| {
        let mut plan = file.plan.clone();
        change(&mut plan);
        plan
    };
    let plans = [
        broken(&|plan| plan.default_bucket = 2),
        broken(&|plan| plan.persistent_len = plan.arena_len + 1),
        broken(&|plan| plan.params[0].home = Home::Arena(plan.persistent_len)),
        broken(&|plan| plan.persistent_len = 4),
    ];
    for plan in &plans {
        refused(plan, len, blob.bytes(), BindError::Plan);
    }
    for version in [1, tinpail::recipe::VERSION + 1] {
        let other_recipe = broken(&|plan| plan.recipe.version = version);
        refused(&other_recipe, len, blob.bytes(), BindError::Recipe);
    }
    #[cfg(not(feature = "micromath"))]
    {
        let plan = broken(&|plan| plan.recipe.math = tinpail::recipe::MathKind::Micromath);
        refused(&plan, len, blob.bytes(), BindError::Recipe);
    }
    #[cfg(not(feature = "fma"))]
    {
        let plan = broken(&|plan| plan.recipe.products = tinpail::recipe::ProductsKind::Fused);
        refused(&plan, len, blob.bytes(), BindError::Recipe);
    }
    #[cfg(not(feature = "ftz"))]
    {
        let plan = broken(&|plan| plan.recipe.products = tinpail::recipe::ProductsKind::Flushed);
        refused(&plan, len, blob.bytes(), BindError::Recipe);
    }
}
