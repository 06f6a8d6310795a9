//! `tinpail place`.

use serde_json::Value;

use crate::command::{Scratch, assert_says, golden, tinpail};

#[test]
fn a_problem_is_placed_written_and_checked() {
    let scratch = Scratch::new();
    let problem = golden("planner/resnet8-end-level2.csv");
    let placed = scratch.name("placed.csv");
    let said = tinpail(&["place", &problem, "-o", &placed, "--json"]).ok();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["peak"], 512_512);
    assert_eq!(said["lower_bound"], 512_512);
    assert_eq!(said["optimal"], true);
    assert!(said["nodes"].is_u64());

    let rows = std::fs::read_to_string(&placed).unwrap();
    let first = rows.lines().next();
    assert_eq!(first, Some("id,lower,upper,size,offset"));
    assert_eq!(rows.lines().count(), 36);
    let checked = tinpail(&["place", "--check", &placed]).ok();
    assert_says(&checked, &["35 buffers, peak 512512: no overlap"]);
    // The offsets of a file do not matter to a new placement.
    let again = tinpail(&["place", &placed]).ok();
    assert_says(&again, &["peak 512512, lower bound 512512: optimal"]);
}

#[test]
fn offsets_that_overlap_are_refused_with_both_ids() {
    let scratch = Scratch::new();
    let bad = scratch.write(
        "bad.csv",
        "id,lower,upper,size,offset\nx,0,4,4,0\ny,4,8,4,0\nz,3,5,4,2\n",
    );
    let error = tinpail(&["place", "--check", &bad]).failed();
    assert_says(&error, &["buffers x and z overlap at time 3, address 2"]);
    let crooked = scratch.write(
        "crooked.csv",
        "id,lower,upper,size,alignment,offset\nx,0,4,4,8,4\n",
    );
    let error = tinpail(&["place", "--check", &crooked]).failed();
    assert_says(&error, &["buffer x lies at 4", "alignment 8"]);
    let bare = scratch.write("bare.csv", "id,lower,upper,size\nx,0,4,4\n");
    let error = tinpail(&["place", "--check", &bare]).failed();
    assert_says(&error, &["has no column offset"]);
}

/// Three buffers of 4, two alive at each time.
const RING: &str = "id,lower,upper,size\nx,0,2,4\ny,1,3,4\nz,2,4,4\n";

#[test]
fn a_capacity_is_met_or_refused() {
    let scratch = Scratch::new();
    let problem = scratch.write("p.csv", RING);
    let out = scratch.name("out.csv");
    let met = tinpail(&["place", &problem, "--capacity", "8", "-o", &out]).ok();
    assert_says(&met, &["peak 8, lower bound 8: optimal", "offsets: "]);
    std::fs::remove_file(&out).unwrap();
    let error = tinpail(&["place", &problem, "--capacity", "7", "-o", &out]).failed();
    assert_says(&error, &["no placement fits into 7: it takes at least 8"]);
    assert!(!std::path::Path::new(&out).exists(), "nothing is written");
}

#[test]
fn bad_rows_are_named_by_line() {
    let scratch = Scratch::new();
    let wrong = scratch.write("wrong.csv", "id,lower,upper,size\nx,0,2,4\ny,3,3,4\n");
    let error = tinpail(&["place", &wrong]).failed();
    assert_says(&error, &["wrong.csv: line 3: ", "no time of 3..3"]);
    let error = tinpail(&["place", &scratch.name("none.csv")]).failed();
    assert_says(&error, &["cannot read ", "none.csv"]);
}
