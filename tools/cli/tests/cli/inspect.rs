//! `tinpail inspect`.

use serde_json::Value;

use crate::command::{Scratch, assert_says, golden, tinpail};

/// Scenario c's plan and blob.
fn plan_and_blob(scratch: &Scratch, train: &str) -> (String, String) {
    let (plan, blob) = (scratch.name("c.plan.postcard"), scratch.name("c.blob"));
    let (symbols, params) = (
        golden("c_gru_fixed"),
        golden("c_gru_fixed/model-0001.params"),
    );
    tinpail(&[
        "plan",
        "--symbols",
        &symbols,
        "--data",
        "data=B,K,3",
        "--label",
        "softmax_label=B",
        "--batch-size",
        "3",
        "--fixed",
        "proj_weight",
        "--fixed",
        "proj_bias",
        "--train",
        train,
        "-o",
        &plan,
    ])
    .ok();
    tinpail(&["convert", "--plan", &plan, &params, "-o", &blob]).ok();
    (plan, blob)
}

#[test]
fn a_blob_with_and_without_its_plan() {
    let scratch = Scratch::new();
    let (plan, blob) = plan_and_blob(&scratch, "fused");
    let bare = tinpail(&["inspect", &blob]).ok();
    assert_says(&bare, &["version 1", "sequence 0", ": right", "(12, 4)"]);
    assert!(!bare.contains("gru_h2h_weight"));
    let named = tinpail(&["inspect", &blob, "--plan", &plan]).ok();
    assert_says(&named, &["gru_h2h_weight", "the plan binds it"]);
    let json = tinpail(&["inspect", &blob, "--plan", &plan, "--json"]).ok();
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["version"], 1);
    assert_eq!(json["crc"]["right"], true);
    assert_eq!(json["problems"], serde_json::json!([]));
    let first = &json["tensors"][0];
    assert_eq!(first["name"], "proj_weight");
    assert_eq!(first["shape"], serde_json::json!([3, 3]));
    assert_eq!((&first["offset"], &first["bytes"]), (&0.into(), &36.into()));
    let (min, max) = (&first["stats"]["min"], &first["stats"]["max"]);
    assert!(min.as_f64() < max.as_f64());
}

#[test]
fn a_damaged_blob_says_where_and_still_shows_its_tensors() {
    let scratch = Scratch::new();
    let (plan, blob) = plan_and_blob(&scratch, "fused");
    let whole = std::fs::read(&blob).expect("the blob");
    let mut flipped = whole.clone();
    let at = whole.len() - 20;
    flipped[at] ^= 0x40;
    let flipped = scratch.write("flipped.blob", &flipped);
    let done = tinpail(&["inspect", &flipped, "--plan", &plan]);
    assert_says(
        &done.out,
        &[
            "wrong, the bytes give",
            "wrong at byte 640",
            "a byte was changed",
            "fc_bias",
            "the device refuses it",
        ],
    );
    assert_says(&done.failed(), &["flipped.blob is damaged"]);

    let cut = scratch.write("cut.blob", &whole[..whole.len() / 2]);
    let done = tinpail(&["inspect", &cut, "--json"]);
    let json: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(json["tensors"].as_array().map(Vec::len), Some(8));
    assert!(json["tensors"][0]["stats"]["mean"].is_number());
    assert!(json["tensors"][7]["stats"].is_null());
    let said = json["problems"][0]["what"].as_str().expect("text");
    assert!(said.contains("ends too early"), "{said}");
    done.failed();

    let empty = scratch.write("empty.blob", "");
    assert_says(&tinpail(&["inspect", &empty]).failed(), &["damaged"]);
}

#[test]
fn every_cut_and_many_flips_end_in_an_error() {
    let scratch = Scratch::new();
    let (_, blob) = plan_and_blob(&scratch, "none");
    let whole = std::fs::read(&blob).expect("the blob");
    for at in (0..whole.len()).step_by(13) {
        let cut = scratch.write("damaged.blob", &whole[..at]);
        tinpail(&["inspect", &cut]).failed();
        let mut flipped = whole.clone();
        flipped[at] ^= 0x80;
        let flipped = scratch.write("damaged.blob", &flipped);
        tinpail(&["inspect", &flipped]).failed();
    }
}

#[test]
fn parameter_files_and_plans() {
    let scratch = Scratch::new();
    let params = golden("c_gru_fixed/model-0001.params");
    let said = tinpail(&["inspect", &params]).ok();
    assert_says(
        &said,
        &["arg:gru_i2h_weight", "f32", "(12, 3)", "8 tensors"],
    );
    let half = tinpail(&["inspect", &golden("formats/mxnet-float16.params"), "--json"]).ok();
    assert_says(&half, &["\"f16\"", "aux:m"]);
    // What convert refuses is shown all the same.
    assert_says(
        &tinpail(&["inspect", &golden("formats/mxnet-csr.params")]).ok(),
        &["csr"],
    );
    assert_says(
        &tinpail(&["inspect", &golden("formats/int32.safetensors")]).ok(),
        &["i32"],
    );
    let (plan, _) = plan_and_blob(&scratch, "held");
    let said = tinpail(&["inspect", &plan]).ok();
    assert_says(
        &said,
        &[
            "train Held",
            "bucket 5 (default)",
            "data (3, 5, 3)",
            "softmax_output (3, 3)",
        ],
    );
    let json: Value = serde_json::from_str(&tinpail(&["inspect", &plan, "--json"]).ok()).unwrap();
    assert_eq!(json["default_bucket_key"], 5);
    let unknown = scratch.write("notes.txt", "hello");
    assert_says(&tinpail(&["inspect", &unknown]).failed(), &["hint: "]);
}
