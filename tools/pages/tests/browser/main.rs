//! The page of `tinpail plan --html` in Chromium, held to the JSON of the same plan.

mod driver;
mod plan;
mod profile;

use fantoccini::key::Key;
use serde::Deserialize;
use serde_json::{Value, json};

use driver::{Browser, with_browser};
use plan::{Buffer, Files, Plan, Program, bytes, speaker, write_unrolled};

/// What the page shows, read off its elements.
#[derive(Deserialize)]
struct Shown {
    /// The ids of the programs that are not hidden.
    programs: Vec<String>,
    title: String,
    caption: String,
    areas: Vec<Area>,
    /// The names in the table.
    rows: Vec<String>,
    /// The rows' own words.
    cells: Vec<Vec<String>>,
    peak: Box2,
    panel: Box2,
    strips: Vec<String>,
}

#[derive(Deserialize)]
struct Area {
    id: String,
    label: String,
    fill: String,
    #[serde(flatten)]
    at: Box2,
}

/// In pixels.
#[derive(Clone, Copy, Deserialize)]
struct Box2 {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

const READ: &str = r#"
const shown = [...document.querySelectorAll("section.program")].filter(own => own.offsetParent !== null);
const own = shown[0];
const all = (selector) => [...own.querySelectorAll(selector)];
const box = (element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x, y, width, height };
};
const rows = all(".buffers tbody tr").filter(row => row.offsetParent !== null);
const plot = box(own.querySelector(".plot"));
const panel = own.querySelector(".plot .stretched");
const top = own.querySelector(".plot .peak").getBoundingClientRect().top;
return {
    programs: shown.map(program => program.id),
    title: own.querySelector("h2").textContent,
    caption: own.querySelector("caption").textContent,
    areas: all(".buffer").map(area => ({
        id: area.id,
        label: area.getAttribute("aria-label"),
        fill: getComputedStyle(area.querySelector("rect")).fill,
        ...box(area.querySelector("rect")),
    })),
    rows: rows.map(row => row.querySelector("th").firstChild.textContent),
    cells: rows.map(row => [...row.cells].map(cell => cell.textContent)),
    peak: box(own.querySelector(".plot .peak")),
    panel: { x: plot.x, width: plot.width, y: plot.y + Number(panel.getAttribute("y")), height: Number(panel.getAttribute("height")) },
    strips: all(".plot .strip").map(strip => strip.getAttribute("aria-label") ?? strip.textContent),
};
"#;

async fn read(browser: &Browser) -> Shown {
    let shown = browser.run(READ, vec![]).await;
    serde_json::from_value(shown).expect("what the script returns")
}

#[track_caller]
fn close(ours: f64, expected: f64, what: &str) {
    assert!(
        (ours - expected).abs() < 0.6,
        "{what}: {ours} px, not {expected}"
    );
}

/// That the page shows this program, as the JSON has it.
async fn check(browser: &Browser, plan: &Plan, program: &Program) {
    let shown = read(browser).await;
    assert_eq!(shown.programs, [program.id()]);
    assert_eq!(
        shown.title,
        format!("Bucket {}, {}", program.bucket, program.title())
    );
    assert_eq!(shown.areas.len(), program.buffers.len());
    for area in &shown.areas {
        let (_, index) = area.id.rsplit_once('-').expect("an id with a number");
        let buffer = &program.buffers[index.parse::<usize>().expect("a number")];
        check_area(plan, program, buffer, area, shown.panel);
    }
    check_peak(program, &shown);
    let live = bytes(program.live_bytes(program.peak_call));
    assert_eq!(
        shown.caption,
        format!("What takes the space: {live} live at the peak")
    );
    let mut rows = shown.rows.clone();
    rows.sort();
    assert_eq!(rows, program.living(program.peak_call));
    for cells in &shown.cells {
        let buffer = program.buffers.iter().find(|own| {
            cells[0].starts_with(&own.name) && cells[5] == bytes(own.offset).trim_end_matches(" B")
        });
        let buffer = buffer.unwrap_or_else(|| panic!("{cells:?}"));
        assert_eq!(format!("{} B", cells[3]), bytes(buffer.bytes));
        assert!(cells[2].starts_with(&buffer.dtype), "{cells:?}");
        assert!(cells[6].contains("(at the peak)"), "{cells:?}");
    }
}

fn check_area(plan: &Plan, program: &Program, buffer: &Buffer, area: &Area, panel: Box2) {
    let shape: Vec<String> = buffer.shape.iter().map(usize::to_string).collect();
    let shape = match shape.as_slice() {
        [one] => format!("({one},)"),
        more => format!("({})", more.join(", ")),
    };
    let place = format!(
        "{} at {}",
        bytes(buffer.bytes),
        bytes(buffer.offset).trim_end_matches(" B")
    );
    for part in [&buffer.name, &shape, &place, &buffer.dtype] {
        assert!(
            area.label.contains(part.as_str()),
            "no {part} in {}",
            area.label
        );
    }
    let first = area.label.contains(&buffer.first_call.to_string());
    assert!(
        first || buffer.first_call == program.calls.len(),
        "{}",
        area.label
    );
    let in_another = area.label.contains("in the memory of");
    assert_eq!(in_another, buffer.alias.is_some(), "{}", area.label);
    // Where it is drawn.
    let moments = program.calls.len() as f64 + 1.0;
    let x = |moment: usize| panel.x + panel.width * moment as f64 / moments;
    let top = plan.arena.persistent_bytes + program.peak_bytes;
    let y = |address: usize| {
        panel.y + panel.height * (top - address) as f64 / program.peak_bytes as f64
    };
    close(area.at.x, x(buffer.first_call), &area.label);
    close(
        area.at.x + area.at.width,
        x(buffer.last_call + 1),
        &area.label,
    );
    close(area.at.y, y(buffer.offset + buffer.bytes), &area.label);
    close(area.at.y + area.at.height, y(buffer.offset), &area.label);
}

fn check_peak(program: &Program, shown: &Shown) {
    let moments = program.calls.len() as f64 + 1.0;
    let at = shown.panel.width * program.peak_call as f64 / moments;
    close(shown.peak.x, shown.panel.x + at, "the peak");
    close(shown.peak.y, shown.panel.y, "the peak's top");
    close(shown.peak.height, shown.panel.height, "the peak's height");
}

#[test]
fn every_bucket_and_program_by_keyboard() {
    with_browser(async |browser| {
        let files = Files::new();
        let network = speaker();
        let network: Vec<&str> = network.iter().map(String::as_str).collect();
        let (page, plan) = files.page(&network);
        browser.open(&page).await;
        // The default bucket, and training, as long as nobody chose.
        let of = |bucket: u32, title: &str| {
            let mut programs = plan.arena.programs.iter();
            let found = programs.find(|own| own.bucket == bucket && own.title() == title);
            found.expect("a program of the plan")
        };
        check(browser, &plan, of(plan.default_bucket_key, "training")).await;
        // The first thing that the tab key reaches is the slider.
        browser.press(&Key::Tab.to_string()).await;
        let focused = browser
            .run("return document.activeElement.id", vec![])
            .await;
        assert_eq!(focused, "bucket");
        let key = async || {
            let key = browser.find("#bucket-key").await;
            key.text().await.expect("its text")
        };
        browser.press(&Key::Home.to_string()).await;
        for (at, bucket) in [12, 16, 20, 29].into_iter().enumerate() {
            if at > 0 {
                browser.press(&Key::Right.to_string()).await;
            }
            assert_eq!(key().await, bucket.to_string());
            check(browser, &plan, of(bucket, "training")).await;
            browser.press(&Key::Tab.to_string()).await;
            browser.press(&Key::Left.to_string()).await;
            check(browser, &plan, of(bucket, "inference")).await;
            browser.press(&Key::Right.to_string()).await;
            check(browser, &plan, of(bucket, "training")).await;
            let bucket = browser.find("#bucket").await;
            browser
                .run("arguments[0].focus()", vec![json!(bucket)])
                .await;
        }
        assert_eq!(plan.arena.programs.len(), 8);

        // What is the same for all programs.
        let head = browser
            .find("header p")
            .await
            .text()
            .await
            .expect("its text");
        assert!(head.contains(&bytes(plan.arena.arena_bytes)), "{head}");
        let kept = browser
            .find("section.kept")
            .await
            .text()
            .await
            .expect("its text");
        for own in &plan.arena.persistent {
            let size = bytes(own.bytes);
            let line = kept
                .lines()
                .find(|line| line.starts_with(&format!("{} ", own.name)));
            let line = line.unwrap_or_else(|| panic!("no {} in {kept}", own.name));
            assert!(line.contains(size.trim_end_matches(" B")), "{line}");
        }
        let all = browser
            .find("section.programs tbody")
            .await
            .text()
            .await
            .expect("its text");
        for (line, own) in all.lines().zip(&plan.arena.programs) {
            let peak = bytes(own.peak_bytes);
            let start = format!(
                "{} {} {} {}",
                own.bucket,
                own.title(),
                own.calls.len(),
                peak.trim_end_matches(" B")
            );
            assert!(line.starts_with(&start), "{line}");
        }
    });
}

/// The text beside the mouse or the focus, if it is shown.
async fn tip(browser: &Browser) -> Option<String> {
    let text =
        "const tip = document.querySelector('#tip'); return tip.hidden ? null : tip.textContent";
    browser.run(text, vec![]).await.as_str().map(String::from)
}

#[test]
fn a_buffer_under_the_mouse_and_by_the_arrow_keys() {
    with_browser(async |browser| {
        let files = Files::new();
        let network = speaker();
        let network: Vec<&str> = network.iter().map(String::as_str).collect();
        let (page, plan) = files.page(&network);
        browser.open(&page).await;
        let program = plan.arena.programs.last().expect("a program");
        let shown = read(browser).await;
        let area = |name: &str| {
            let mut areas = shown.areas.iter();
            areas
                .find(|area| area.label.starts_with(&format!("{name}\n")))
                .expect("a buffer")
        };
        assert_eq!(tip(browser).await, None);
        for name in ["gru.gates", "gru.h"] {
            let own = area(name);
            browser
                .point(
                    own.at.x + own.at.width / 2.0,
                    own.at.y + own.at.height / 2.0,
                )
                .await;
            let said = tip(browser).await.expect("a text");
            assert_eq!(said, own.label);
            let buffer = program
                .buffers
                .iter()
                .find(|own| own.name == name)
                .expect("of the plan");
            let expected = format!(
                "{name}\nsaved for backward, float32 ({}, 1, {})\n{} at {}\ncalls {} to {}",
                program.bucket,
                buffer.shape[2],
                bytes(buffer.bytes),
                bytes(buffer.offset).trim_end_matches(" B"),
                buffer.first_call,
                buffer.last_call,
            );
            assert_eq!((said, buffer.kind.as_str()), (expected, "saved"));
            // Its row is marked, and no other.
            let marked = "return [...document.querySelectorAll('tr.pointed th')].map(cell => cell.textContent)";
            assert_eq!(browser.run(marked, vec![]).await, json!([name]));
        }
        browser.point(2.0, 2.0).await;
        assert_eq!(tip(browser).await, None);

        // One tab stop for all buffers; the arrow keys go on from there.
        let first = browser.find_shown(".buffer[tabindex='0']").await;
        browser
            .run("arguments[0].focus()", vec![json!(first)])
            .await;
        browser.press(&Key::Home.to_string()).await;
        let mut by_time: Vec<&Buffer> = program.buffers.iter().collect();
        by_time.sort_by_key(|own| (own.first_call, own.offset));
        for (at, buffer) in by_time.iter().enumerate() {
            if at > 0 {
                browser.press(&Key::Right.to_string()).await;
            }
            let said = tip(browser).await.expect("a text");
            assert!(
                said.starts_with(&format!("{}\n", buffer.name)),
                "{said} at {at}"
            );
        }
        browser.press(&Key::Home.to_string()).await;
        browser.press(&Key::Up.to_string()).await;
        let said = tip(browser).await.expect("a text");
        let above = by_time
            .iter()
            .filter(|own| own.offset > by_time[0].offset && own.first_call <= by_time[0].last_call);
        let above = above.min_by_key(|own| own.offset).expect("a buffer above");
        assert!(said.starts_with(&above.name), "{said}, not {}", above.name);
        browser.press(&Key::Escape.to_string()).await;
        assert_eq!(tip(browser).await, None);
    });
}

#[test]
fn what_lives_at_a_call_by_keyboard() {
    with_browser(async |browser| {
        let files = Files::new();
        let network = speaker();
        let network: Vec<&str> = network.iter().map(String::as_str).collect();
        let (page, plan) = files.page(&network);
        browser.open(&page).await;
        let program = plan.arena.programs.last().expect("a program");
        let slider = browser.find_shown(".at-call").await;
        browser
            .run("arguments[0].focus()", vec![json!(slider)])
            .await;
        browser.press(&Key::Home.to_string()).await;
        for moment in 0..=program.calls.len() {
            if moment > 0 {
                browser.press(&Key::Right.to_string()).await;
            }
            let shown = read(browser).await;
            let live = bytes(program.live_bytes(moment));
            assert!(
                shown.caption.contains(&format!("{live} live at")),
                "{}",
                shown.caption
            );
            let mut rows = shown.rows;
            rows.sort();
            assert_eq!(rows, program.living(moment), "at {moment}");
            let title = browser.find_shown(".at-title").await;
            let title = title.text().await.expect("its text");
            match program.calls.get(moment) {
                Some(call) => {
                    let expected = format!(
                        "call {moment}, {}: {} {}",
                        call.phase, call.kernel, call.symbol
                    );
                    assert!(title.starts_with(&expected), "{title}");
                }
                None => assert_eq!(title, "after the last call"),
            }
        }
        let everything = browser.find_shown(".all-buffers").await;
        everything.click().await.expect("a click");
        assert_eq!(read(browser).await.rows.len(), program.buffers.len());
        browser
            .find_shown(".to-peak")
            .await
            .click()
            .await
            .expect("a click");
        assert!(read(browser).await.caption.ends_with("at the peak"));
    });
}

/// Labels that are shown and reach out of their areas.
const OUTSIDE: &str = r#"
const own = [...document.querySelectorAll("section.program")].find(own => own.offsetParent !== null);
const texts = [...own.querySelectorAll(".plot .area text, .plot .strip text")];
const shown = texts.filter(text => getComputedStyle(text).display !== "none");
const outside = shown.filter(text => {
    const inner = text.getBoundingClientRect();
    const outer = text.parentElement.querySelector("rect").getBoundingClientRect();
    return inner.left < outer.left - 0.5 || inner.right > outer.right + 0.5;
});
return [shown.length, outside.map(text => text.textContent)];
"#;

#[test]
fn hundreds_of_buffers_stretched_and_by_a_plan_file() {
    with_browser(async |browser| {
        let files = Files::new();
        let file = write_unrolled(&files, 48);
        let (page, plan) = files.page(&["--plan", plan::text(&file)]);
        browser.open(&page).await;
        let program = plan.arena.programs.last().expect("a program");
        assert!(program.buffers.len() > 400, "{}", program.buffers.len());
        check(browser, &plan, program).await;
        // The loops are there, each with its turns.
        let strips = read(browser).await.strips;
        assert!(!program.loops.is_empty());
        for own in &program.loops {
            let label = format!("{} turns of {}", own.turns, own.calls_per_turn);
            assert!(strips.iter().any(|strip| strip.contains(&label)), "{label}");
        }
        // Names are text, whatever they look like.
        let named = read(browser).await.areas;
        assert!(
            named.iter().any(|area| area.label.contains("in<0>")),
            "no name with brackets"
        );

        let labels = async || {
            let found = browser.run(OUTSIDE, vec![]).await;
            assert_eq!(found[1], json!([]), "labels outside of their areas");
            found[0].as_u64().expect("a number")
        };
        let few = labels().await;
        let width = read(browser).await.panel.width;
        for id in ["wider", "higher"] {
            let slider = browser.find(&format!("#{id}")).await;
            browser
                .run("arguments[0].focus()", vec![json!(slider)])
                .await;
            browser.press(&Key::End.to_string()).await;
        }
        let shown = read(browser).await;
        assert!(
            (shown.panel.width / width - 32.0).abs() < 0.5,
            "{}",
            shown.panel.width
        );
        assert!(labels().await > few);
        check(browser, &plan, program).await;
        let sideways = "return document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(
            browser.run(sideways, vec![]).await,
            Value::Bool(true),
            "the page itself must not scroll sideways"
        );
    });
}

#[test]
fn light_dark_and_without_the_script() {
    with_browser(async |browser| {
        let files = Files::new();
        let network = speaker();
        let network: Vec<&str> = network.iter().map(String::as_str).collect();
        let (page, plan) = files.page(&network);
        let mut grounds = Vec::new();
        for scheme in ["light", "dark"] {
            browser.prefer(scheme).await;
            browser.open(&page).await;
            let ground = browser
                .find("body")
                .await
                .css_value("background-color")
                .await;
            let fill = read(browser).await.areas[0].fill.clone();
            grounds.push((ground.expect("a colour"), fill));
            // For people: target/tmp/plan-light.png.
            let png = browser.client.screenshot().await.expect("a screenshot");
            assert!(png.starts_with(b"\x89PNG"));
            let name = format!("{}/plan-{scheme}.png", env!("CARGO_TARGET_TMPDIR"));
            std::fs::write(name, png).expect("a file");
        }
        assert_eq!(grounds[0].0, "rgba(255, 255, 255, 1)");
        assert_eq!(grounds[1].0, "rgba(22, 24, 29, 1)");
        assert_ne!(grounds[0].1, grounds[1].1);

        // A window as narrow as a telephone.
        browser
            .client
            .set_window_size(400, 800)
            .await
            .expect("a size");
        let sideways = "return document.documentElement.scrollWidth - innerWidth";
        let over = browser.run(sideways, vec![]).await;
        assert!(over.as_f64() <= Some(0.0), "{over} px too wide");

        browser
            .command(
                "Emulation.setScriptExecutionDisabled",
                json!({ "value": true }),
            )
            .await;
        browser.open(&page).await;
        let all = "return [...document.querySelectorAll('section.program')].filter(own => own.offsetParent !== null).length";
        assert_eq!(
            browser.run(all, vec![]).await,
            json!(plan.arena.programs.len())
        );
        let controls = "return getComputedStyle(document.querySelector('.controls')).display";
        assert_eq!(browser.run(controls, vec![]).await, "none");
    });
}
