//! Plans the network that MXNet trained, twice: all layers trainable, and the last one alone; and converts
//! its parameters.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use tinpail_plan::{Bucketing, Net, Optimizer, Train, json};

/// The buckets that MXNet trained with.
const BUCKETS: [u32; 4] = [12, 16, 20, 29];
/// What the boards' linker scripts grant, stack included, less 6 KB for it.
const RAM_LIMIT_BYTES: usize = 26 * 1024;

/// The network that MXNet wrote for a bucket.
fn sym_gen(steps: u32) -> Result<Net, tinpail_plan::Error> {
    let path = format!("model/speaker-{steps}-symbol.json");
    let text =
        fs::read_to_string(&path).map_err(|source| tinpail_plan::Error::Io { path, source })?;
    let net = json::read(&text)?;
    Ok(net
        .data("data", [0, steps as usize, 12])
        .label("softmax_label", [0]))
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=model");
    let speaker = Bucketing::new(sym_gen)
        .bucket_keys(BUCKETS)
        .default_bucket_key(29)
        .optimizer(Optimizer::Sgd { momentum: true })
        .train(Train::Fused)
        .ram_limit_bytes(RAM_LIMIT_BYTES);
    speaker.emit("all_layers")?;
    // The same by code rather than by tables: the probe looks for panics in it.
    speaker.clone().specialise(true).emit("specialised")?;
    speaker
        .clone()
        .fixed_param_names([
            "gru_i2h_weight",
            "gru_i2h_bias",
            "gru_h2h_weight",
            "gru_h2h_bias",
        ])
        .emit("last_layer")?;
    // One bucket for every length: what the other buckets save is measured against it.
    Bucketing::new(sym_gen)
        .bucket_keys([29])
        .train(Train::None)
        .emit("one_bucket")?;

    let weights = tinpail_convert::read_file(Path::new("model/speaker-0060.params"))?;
    let blob = tinpail_convert::blob(&speaker.plan()?, &weights)?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("speaker.blob"), blob)?;
    Ok(())
}
