//! Plans the network of the subject that `TINPAIL_COST` names, as `kind/name`; without it the base, which has
//! neither a metric nor another operator than a dense layer.

mod metric;
mod operator;
mod optimizer;
mod subject;

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use subject::Subject;
use tinpail_plan::{Bucketing, Train};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=TINPAIL_COST");
    println!("cargo::rustc-link-arg-bins=--entry=_start");
    println!("cargo::rustc-check-cfg=cfg(trains)");
    let name = env::var("TINPAIL_COST").unwrap_or_else(|_| "base/inference".into());
    let subject = Subject::of(&name).ok_or_else(|| format!("{name} is no subject"))?;
    let mut bucketing = Bucketing::new(|_| operator::net(subject.operator))
        .bucket_keys([1])
        .specialise(false)
        .train(Train::None);
    if let Some(optimizer) = subject.optimizer {
        println!("cargo::rustc-cfg=trains");
        bucketing = bucketing.train(Train::Fused).optimizer(optimizer);
    }
    bucketing.emit("network")?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("metric.rs"), metric::source(subject.metric))?;
    Ok(())
}
