//! The pictures of `tinpail plan`, held to the calls that the plan makes: `--calls` reads them back from its tables.

use serde::Deserialize;
use tinpail_plan::PlanFile;

use crate::command::{Scratch, assert_says, golden, tinpail};

#[derive(Deserialize)]
struct Plan {
    report: Report,
    arena: Arena,
    calls: Vec<Line>,
}

#[derive(Deserialize)]
struct Report {
    arena_bytes: usize,
    param_bytes: usize,
    optimizer_bytes: usize,
    grad_bytes: usize,
    state_bytes: usize,
}

#[derive(Deserialize)]
struct Arena {
    arena_bytes: usize,
    persistent_bytes: usize,
    persistent: Vec<Kept>,
    programs: Vec<Program>,
}

#[derive(Deserialize)]
struct Kept {
    kind: String,
    offset: usize,
    bytes: usize,
}

#[derive(Deserialize)]
struct Program {
    bucket: u32,
    program: String,
    peak_bytes: usize,
    lower_bound_bytes: usize,
    optimal: bool,
    peak_call: usize,
    calls: Vec<Call>,
    end_bytes: usize,
    loops: Vec<Repeat>,
    buffers: Vec<Buffer>,
}

#[derive(Deserialize)]
struct Call {
    phase: String,
    kernel: String,
    turn: usize,
    live_bytes: usize,
}

#[derive(Deserialize)]
struct Repeat {
    first_call: usize,
    turns: usize,
    calls_per_turn: usize,
}

#[derive(Debug, Deserialize)]
struct Buffer {
    name: String,
    kind: String,
    shape: Vec<usize>,
    dtype: String,
    offset: usize,
    bytes: usize,
    first_call: usize,
    last_call: usize,
    alias: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    bucket: u32,
    program: String,
    phase: String,
    kernel: String,
    operands: Vec<Operand>,
}

/// Offset and length in elements.
#[derive(Deserialize)]
struct Operand {
    space: String,
    offset: usize,
    len: usize,
}

impl Buffer {
    fn end(&self) -> usize {
        self.offset + self.bytes
    }

    fn lives_at(&self, moment: usize) -> bool {
        self.first_call <= moment && moment <= self.last_call
    }

    fn holds(&self, bytes: &std::ops::Range<usize>) -> bool {
        self.offset <= bytes.start && bytes.end <= self.end()
    }
}

impl Program {
    fn owners(&self) -> impl Iterator<Item = &Buffer> {
        self.buffers.iter().filter(|buffer| buffer.alias.is_none())
    }
}

/// What each call of a program touches in the arena.
fn touched(plan: &Plan, program: &Program) -> Vec<Vec<std::ops::Range<usize>>> {
    let own = plan.calls.iter();
    let own = own.filter(|line| line.bucket == program.bucket && line.program == program.program);
    own.enumerate()
        .map(|(at, line)| {
            assert_eq!(line.phase, program.calls[at].phase);
            assert_eq!(line.kernel, program.calls[at].kernel);
            let operands = line.operands.iter();
            let arena = operands.filter(|operand| operand.space == "arena");
            arena
                .map(|own| 4 * own.offset..4 * (own.offset + own.len))
                .collect()
        })
        .collect()
}

const C: [&str; 4] = ["--data", "data=B,K,3", "--label", "softmax_label=B"];
const A: [&str; 4] = ["--data", "data=B,K", "--label", "softmax_label=B,K"];

/// The networks that are tried, with what their options ask for.
fn networks() -> Vec<(String, Vec<&'static str>)> {
    let states = [
        "--batch-size",
        "2",
        "--state",
        "state_h",
        "--state",
        "state_c",
    ];
    vec![
        (golden("c_gru_fixed"), [&C[..], &["--momentum"]].concat()),
        (
            golden("c_gru_fixed"),
            [&C[..], &["--train", "none"]].concat(),
        ),
        (
            golden("a_lstm_lm"),
            [
                &A[..],
                &["--train", "held", "--momentum", "--batch-size", "2"],
            ]
            .concat(),
        ),
        (golden("b_stateful_lstm"), [&A[..], &states[..]].concat()),
    ]
}

fn plan(symbols: &str, options: &[&str]) -> Plan {
    let args = [
        &["plan", "--json", "--calls", "--symbols", symbols],
        options,
    ]
    .concat();
    serde_json::from_str(&tinpail(&args).ok()).expect("JSON")
}

#[test]
fn buffers_are_what_the_calls_touch() {
    let mut aliases = 0;
    for (symbols, options) in networks() {
        let plan = plan(&symbols, &options);
        let persistent = plan.arena.persistent_bytes;
        let mut largest = 0;
        for program in &plan.arena.programs {
            let calls = touched(&plan, program);
            assert_eq!(calls.len(), program.calls.len());
            // Nothing is touched that is not shown as living then.
            for (at, bytes) in calls.iter().enumerate() {
                for bytes in bytes.iter().filter(|bytes| bytes.end > persistent) {
                    let mut owners = program.owners();
                    let owner = owners.find(|own| own.lives_at(at) && own.holds(bytes));
                    assert!(owner.is_some(), "call {at} of {symbols}: {bytes:?}");
                }
            }
            for own in program.owners() {
                // Its first and its last call use it.
                let uses = |at: usize| calls[at].iter().any(|bytes| own.holds(bytes));
                let to_the_end = own.last_call == calls.len();
                assert!(uses(own.first_call), "{own:?}");
                assert!(to_the_end || uses(own.last_call), "{own:?}");
                assert_eq!(to_the_end, own.kind == "output", "{own:?}");
                // No two live in the same place.
                let meets = |other: &&Buffer| {
                    let apart_in_time =
                        other.last_call < own.first_call || own.last_call < other.first_call;
                    let apart = other.end() <= own.offset || own.end() <= other.offset;
                    !std::ptr::eq(*other, own) && !apart_in_time && !apart
                };
                assert!(program.owners().find(meets).is_none(), "{own:?}");
            }
            for buffer in &program.buffers {
                let elements: usize = buffer.shape.iter().product();
                assert_eq!(
                    (4 * elements, buffer.dtype.as_str()),
                    (buffer.bytes, "float32")
                );
                let Some(alias) = &buffer.alias else { continue };
                aliases += 1;
                let inside = |own: &Buffer| {
                    let held = own.holds(&(buffer.offset..buffer.end()));
                    let while_it_lives =
                        own.lives_at(buffer.first_call) && own.lives_at(buffer.last_call);
                    own.name == *alias && held && while_it_lives
                };
                assert!(program.owners().any(inside), "{buffer:?}");
            }
            let live = |moment: usize| -> usize {
                let own = program.owners().filter(|own| own.lives_at(moment));
                own.map(|own| own.bytes).sum()
            };
            let shown = program.calls.iter().map(|call| call.live_bytes);
            let shown: Vec<usize> = shown.chain([program.end_bytes]).collect();
            let expected: Vec<usize> = (0..=calls.len()).map(live).collect();
            assert_eq!(shown, expected);
            let most = shown.iter().max().copied().unwrap();
            assert_eq!(
                shown.iter().position(|live| *live == most),
                Some(program.peak_call)
            );
            let top = program
                .owners()
                .map(Buffer::end)
                .max()
                .unwrap_or(persistent);
            assert_eq!(program.peak_bytes, top - persistent);
            assert_eq!(
                program.optimal,
                program.peak_bytes == program.lower_bound_bytes
            );
            assert!(most <= program.lower_bound_bytes);
            largest = largest.max(program.peak_bytes);
            for own in &program.loops {
                let turns = (0..own.turns).flat_map(|turn| vec![turn; own.calls_per_turn]);
                let shown = program.calls[own.first_call..].iter().map(|call| call.turn);
                assert!(turns.eq(shown.take(own.turns * own.calls_per_turn)));
            }
            let in_loops: usize = program
                .loops
                .iter()
                .map(|own| own.turns * own.calls_per_turn)
                .sum();
            let outside = program.calls.len() - in_loops;
            assert!(program.calls.iter().filter(|call| call.turn == 0).count() >= outside);
        }
        assert_eq!(plan.arena.arena_bytes, persistent + largest);
        assert_eq!(plan.report.arena_bytes, plan.arena.arena_bytes);
        let of = |kind: &str| -> usize {
            let own = plan
                .arena
                .persistent
                .iter()
                .filter(|kept| kept.kind == kind);
            own.map(|kept| kept.bytes).sum()
        };
        assert_eq!(of("parameter"), plan.report.param_bytes);
        assert_eq!(of("optimizer_state"), plan.report.optimizer_bytes);
        assert_eq!(of("gradient"), plan.report.grad_bytes);
        assert_eq!(of("state"), plan.report.state_bytes);
        let ends = plan
            .arena
            .persistent
            .iter()
            .map(|kept| kept.offset + kept.bytes);
        assert!(ends.max() <= Some(persistent));
    }
    assert!(
        aliases > 0,
        "in none of the networks a buffer lies in another"
    );
}

/// A length in percent, or in pixels.
fn length(node: roxmltree::Node<'_, '_>, name: &str) -> f64 {
    let text = node
        .attribute(name)
        .unwrap_or_else(|| panic!("no {name}: {node:?}"));
    text.trim_end_matches('%').parse().expect("a number")
}

fn has_class(node: roxmltree::Node<'_, '_>, class: &str) -> bool {
    let classes = node.attribute("class").unwrap_or_default();
    classes.split(' ').any(|own| own == class)
}

#[test]
fn an_svg_has_the_areas_of_the_plan() {
    let scratch = Scratch::new();
    let file = scratch.name("plan.svg");
    for (symbols, options) in networks() {
        let plan = plan(&symbols, &options);
        for program in &plan.arena.programs {
            let key = program.bucket.to_string();
            let args = [
                "plan",
                "--symbols",
                &symbols,
                "--svg",
                &file,
                "--bucket",
                &key,
            ];
            let args = [&args[..], &["--program", &program.program], &options].concat();
            assert_says(&tinpail(&args).ok(), &["written to"]);
            let text = std::fs::read_to_string(&file).unwrap();
            // An XML parser that is not ours.
            let svg = roxmltree::Document::parse(&text).expect("well-formed");
            assert_eq!(
                svg.root_element().tag_name().namespace(),
                Some("http://www.w3.org/2000/svg")
            );
            let areas = svg.descendants().filter(|node| has_class(*node, "buffer"));
            let areas: Vec<_> = areas.collect();
            assert_eq!(areas.len(), program.buffers.len());
            let moments = program.calls.len() as f64 + 1.0;
            for area in areas {
                let (_, index) = area.attribute("id").unwrap().rsplit_once('-').unwrap();
                let buffer = &program.buffers[index.parse::<usize>().unwrap()];
                let child = |tag: &str| {
                    area.children()
                        .find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", tag)))
                };
                let title = child("title").unwrap().text().unwrap();
                assert!(title.starts_with(&buffer.name), "{title}");
                let rect = child("rect").unwrap();
                let close =
                    |a: f64, b: f64| assert!((a - b).abs() < 0.002, "{a} for {b}: {buffer:?}");
                close(
                    length(rect, "x"),
                    100.0 * buffer.first_call as f64 / moments,
                );
                let lifetime = (buffer.last_call + 1 - buffer.first_call) as f64;
                close(length(rect, "width"), 100.0 * lifetime / moments);
                let peak = program.peak_bytes as f64;
                let top = (plan.arena.persistent_bytes + program.peak_bytes - buffer.end()) as f64;
                close(length(rect, "y"), 100.0 * top / peak);
                close(length(rect, "height"), 100.0 * buffer.bytes as f64 / peak);
            }
            let peak = svg
                .descendants()
                .find(|node| has_class(*node, "peak"))
                .unwrap();
            let at = 100.0 * program.peak_call as f64 / moments;
            assert!((length(peak, "x") - at).abs() < 0.002);
        }
    }
}

#[test]
fn a_page_stands_alone() {
    let scratch = Scratch::new();
    let symbols = golden("c_gru_fixed");
    let (page, again, file) = (
        scratch.name("c.html"),
        scratch.name("again.html"),
        scratch.name("c_gru_fixed.plan.postcard"),
    );
    let args = ["plan", "--symbols", &symbols, "--html", &page, "-o", &file];
    tinpail(&[&args[..], &C].concat()).ok();
    let text = std::fs::read_to_string(&page).unwrap();
    for other in [
        "http:", "https:", "src=", "href=", "url(", "@import", "<link",
    ] {
        assert!(!text.contains(other), "{other}");
    }
    // From the plan's file it is the same page.
    tinpail(&["plan", "--plan", &file, "--html", &again]).ok();
    assert!(std::fs::read_to_string(&again).unwrap() == text);
}

#[test]
fn what_cannot_be_drawn() {
    let scratch = Scratch::new();
    let symbols = golden("c_gru_fixed");
    let (svg, html) = (scratch.name("c.svg"), scratch.name("c.html"));
    let network = [&["plan", "--symbols", &symbols], &C[..]].concat();
    let refused = |more: &[&str], says: &str| {
        let args = [&network[..], more].concat();
        assert_says(&tinpail(&args).failed(), &[says]);
        assert!(!scratch.path("c.svg").exists());
    };
    refused(&["--svg", &svg, "--bucket", "99"], "99");
    refused(
        &["--svg", &svg, "--train", "none", "--program", "train"],
        "for inference alone",
    );
    refused(&["--bucket", "5"], "--calls and --svg");

    // The fingerprint does not cover the report: what it says is checked.
    let file = scratch.name("c.plan.postcard");
    tinpail(&[&network[..], &["-o", &file]].concat()).ok();
    let whole = PlanFile::from_bytes(&std::fs::read(&file).unwrap()).unwrap();
    type Damage = fn(&mut tinpail_plan::plan_file::ProgramReport);
    let damages: [Damage; 5] = [
        |own| own.placed[0].offset = usize::MAX,
        |own| own.placed[0].len += 1_000_000,
        |own| own.placed[0].calls = (3, 3),
        |own| own.placed[0].within = Some(1_000),
        |own| own.calls += 1,
    ];
    for damage in damages {
        let mut damaged = whole.clone();
        damage(&mut damaged.report.buckets[0].infer);
        std::fs::write(&file, damaged.to_bytes().unwrap()).unwrap();
        let said = tinpail(&["plan", "--plan", &file, "--html", &html]).failed();
        assert_says(&said, &["report of the plan"]);
        assert!(!scratch.path("c.html").exists());
    }
}
