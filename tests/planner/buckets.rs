//! What one more bucket costs, on the demo's network.

use tinpail_plan::{Bucketing, Error, Net, PlanFile, Train, json};

/// The network that MXNet wrote for a bucket of the demo.
fn speaker(steps: u32) -> Result<Net, Error> {
    let path = format!(
        "{}/boards/speaker/model/speaker-{steps}-symbol.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Io { path, source })?;
    Ok(json::read(&text)?
        .data("data", [0, steps as usize, 12])
        .label("softmax_label", [0]))
}

fn plan(keys: &[u32], train: Train) -> PlanFile {
    let bucketing = Bucketing::new(speaker)
        .bucket_keys(keys.iter().copied())
        .default_bucket_key(29)
        .train(train);
    bucketing.plan().expect("a plan")
}

/// Smaller buckets are free in RAM, whatever their number, and take little flash.
#[test]
fn a_bucket_more_costs_its_rows_and_no_ram() {
    for train in [Train::None, Train::Fused, Train::Held] {
        let alone = plan(&[29], train);
        let mut before = alone.report.plan_bytes;
        for keys in [&[20, 29][..], &[16, 20, 29], &[12, 16, 20, 29]] {
            let file = plan(keys, train);
            assert_eq!(
                file.plan.arena_len, alone.plan.arena_len,
                "{train:?} {keys:?}"
            );
            let bytes = file.report.plan_bytes;
            println!("{train:?} {keys:?}: {bytes} B, {} more", bytes - before);
            // 852 when every bucket had its own calls.
            assert!(
                bytes - before <= 160,
                "{train:?} {keys:?}: {}",
                bytes - before
            );
            before = bytes;
        }
        // A larger one costs what it needs more.
        let smaller = plan_of_20(train);
        let transient = |file: &PlanFile| file.plan.arena_len - file.plan.persistent_len;
        assert_eq!(smaller.plan.persistent_len, alone.plan.persistent_len);
        assert!(transient(&smaller) <= transient(&alone), "{train:?}");
    }
}

fn plan_of_20(train: Train) -> PlanFile {
    let bucketing = Bucketing::new(speaker).bucket_keys([20]).train(train);
    bucketing.plan().expect("a plan")
}
