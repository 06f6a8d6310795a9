//! What a plan costs, as a table for people.

use std::fmt::Write;

use crate::bucketing::Saved;
use crate::plan_file::{NormBy, PlanFile, ProgramReport, Recomputed};

/// What the RAM limit costs one bucket.
fn recompute_line(key: u32, recomputed: Recomputed) -> String {
    let Recomputed {
        buffers,
        steps,
        macs,
        plain_macs,
    } = recomputed;
    let cut = steps.map(|steps| format!(", recurrent layers in segments of {steps} steps"));
    format!(
        "bucket {key} within the RAM limit: {buffers} buffers are made again{}; {macs} multiply-and-adds a step instead of \
         {plain_macs}",
        cut.unwrap_or_default()
    )
}

/// The plan's cost: per bucket the transient bytes, then what is kept, then what takes the space in the
/// largest program.
pub fn table(file: &PlanFile) -> String {
    let report = &file.report;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "| bucket | inference B (bound, nodes) | training B (bound, nodes) | calls | plan B |\n\
         | --- | --- | --- | --- | --- |"
    );
    for bucket in &report.buckets {
        let cell = |program: &ProgramReport| {
            let bound = match program.optimal {
                true => "optimal".into(),
                false => format!("at least {}", program.lower_bound_bytes),
            };
            format!("{} ({bound}, {})", program.peak_bytes, program.nodes)
        };
        let train = bucket.train.as_ref();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} + {} | {} |",
            bucket.key,
            cell(&bucket.infer),
            train.map_or_else(|| "-".into(), cell),
            bucket.infer.calls,
            train.map_or(0, |train| train.calls),
            bucket.plan_bytes,
        );
    }
    for bucket in &report.buckets {
        let train = bucket.train.as_ref().and_then(|train| train.recomputed);
        if let Some(recomputed) = train {
            let _ = writeln!(out, "{}", recompute_line(bucket.key, recomputed));
        }
    }
    let _ = writeln!(
        out,
        "arena {} B: parameters {}, optimizer {}, gradients {}, states {}, the rest transient; \
         flash: parameters {}, plan {}",
        report.arena_bytes,
        report.param_bytes,
        report.optimizer_bytes,
        report.grad_bytes,
        report.state_bytes,
        report.flash_param_bytes,
        report.plan_bytes,
    );
    for bucket in &report.buckets {
        for norm in bucket.train.iter().flat_map(|train| &train.norms) {
            let by = match norm.by {
                NormBy::Buffer => "of its buffer",
                NormBy::Pairs => "by pairs of rows",
                NormBy::SecondPass => "by a second pass",
            };
            let why = norm
                .multiplications
                .map_or_else(String::new, |[pairs, pass]| {
                    format!(": {pairs} multiplications by pairs, {pass} by a pass")
                });
            let (key, param) = (bucket.key, &norm.param);
            let _ = writeln!(out, "clip_global_norm, bucket {key}, {param} {by}{why}");
        }
    }
    if report.saved == Saved::F16 {
        let _ = writeln!(out, "what backward needs of forward is saved in f16");
    }
    let programs = report
        .buckets
        .iter()
        .flat_map(|bucket| bucket.train.iter().chain([&bucket.infer]));
    if let Some(largest) = programs.max_by_key(|program| program.peak_bytes) {
        let own_memory = largest
            .placed
            .iter()
            .filter(|placed| placed.within.is_none());
        let mut placed: Vec<_> = own_memory.collect();
        placed.sort_by_key(|placed| std::cmp::Reverse(placed.len));
        let _ = writeln!(out, "| largest buffers | B | calls |\n| --- | --- | --- |");
        for placed in placed.iter().take(8) {
            let (from, to) = placed.calls;
            let _ = writeln!(
                out,
                "| {} | {} | {from}..{to} |",
                placed.name,
                4 * placed.len
            );
        }
    }
    out
}
