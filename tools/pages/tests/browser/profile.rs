//! The picture of a profile, held to the counts that it was made of.

use serde::Deserialize;
use tinpail_plan::PlanFile;

use crate::driver::with_browser;
use crate::plan::{Files, speaker, text, tinpail};
use crate::{close, tip};

#[derive(Deserialize)]
struct Slice {
    label: String,
    row: String,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

const READ: &str = r#"
const pictures = [...document.querySelectorAll(".flame")].filter(own => own.getClientRects().length > 0 && own.closest("section").offsetParent !== null);
return pictures.map(own => {
    const { x, width } = own.getBoundingClientRect();
    return [x, width, [...own.querySelectorAll(".slice")].map(slice => {
        const { x, y, width, height } = slice.querySelector("rect").getBoundingClientRect();
        return { label: slice.getAttribute("aria-label"), row: slice.dataset.row, x, y, width, height };
    })];
});
"#;

/// What the phases have beyond their calls, each.
const REST: usize = 5000;

#[test]
fn a_call_is_as_wide_as_it_counts() {
    with_browser(async |browser| {
        let files = Files::new();
        let plan = files.path("speaker.plan.postcard");
        let network = speaker();
        let network: Vec<&str> = network.iter().map(String::as_str).collect();
        tinpail(&[&["plan", "-o", text(&plan)], &network[..]].concat());
        let file = PlanFile::from_bytes(&std::fs::read(&plan).expect("the plan"));
        let file = file.expect("a plan");

        // The n-th call of a training step counts n times a thousand.
        let bucket = file.plan.buckets[usize::from(file.plan.default_bucket)];
        let program = file.plan.programs[usize::from(bucket.train)];
        let phases = [
            ("forward", program.forward),
            ("backward", program.backward),
            ("check", program.check),
            ("update", program.update),
        ];
        let mut lines = vec![format!(
            "tinpail-profile 1 plan {:#018x} bucket {} unit cycles",
            file.plan.fingerprint, bucket.key
        )];
        let (mut rows, mut counts, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        for (phase, range) in phases {
            let mut sum = 0;
            for row in range.start..range.end {
                let count = 1000 * (counts.len() + 1);
                rows.push(format!("row {row} 2 {count}"));
                counts.push((file.step_names[usize::from(row)].clone(), phase, count));
                sum += count;
            }
            lines.push(format!("phase {phase} 2 {}", sum + REST));
            sums.push((phase, sum));
        }
        lines.push("own 2 0".into());
        lines.append(&mut rows);
        lines.push(format!("end {}", counts.len()));
        let profile = files.path("profile.txt");
        std::fs::write(&profile, lines.join("\n")).expect("a file");
        let page = files.path("page.html");
        let args = ["profile", text(&profile), "--plan", text(&plan), "--html"];
        tinpail(&[&args[..], &[text(&page)]].concat());

        browser.open(&page).await;
        // The page is longer than the window.
        let scroll = "document.querySelector('section:not([hidden]) .flame').scrollIntoView({ block: 'center' })";
        browser.run(scroll, vec![]).await;
        let shown: Vec<(f64, f64, Vec<Slice>)> =
            serde_json::from_value(browser.run(READ, vec![]).await).expect("slices");
        let [(left, width, slices)] = &shown[..] else {
            panic!("{} pictures", shown.len());
        };
        let total: usize = sums.iter().map(|(_, sum)| sum + REST).sum();
        let pixels = |count: usize| width * count as f64 / total as f64;
        let of_row = |row: &str| -> Vec<&Slice> {
            let own = slices.iter();
            own.filter(|slice| slice.row == row).collect()
        };

        let calls = of_row("2");
        assert_eq!(calls.len(), counts.len());
        let mut widths: Vec<f64> = calls.iter().map(|slice| slice.width).collect();
        widths.sort_by(f64::total_cmp);
        for (at, own) in widths.iter().enumerate() {
            close(*own, pixels(1000 * (at + 1)), "a call's width");
        }
        // Each layer's calls lie below it, and the layers of a phase below that.
        let mut x = *left;
        for (slice, (phase, sum)) in of_row("0").iter().zip(&sums) {
            assert!(
                slice.label.starts_with(&format!("{phase}:")),
                "{}",
                slice.label
            );
            close(slice.x, x, phase);
            close(slice.width, pixels(*sum), phase);
            x += pixels(*sum);
        }
        let last = of_row("0").pop().expect("dispatch");
        assert!(last.label.starts_with("dispatch\n"), "{}", last.label);
        close(last.width, pixels(4 * REST), "dispatch");
        let within = |inner: &Slice, outer: &Slice| {
            inner.x > outer.x - 0.6 && inner.x + inner.width < outer.x + outer.width + 0.6
        };
        for layer in of_row("1") {
            let own = calls.iter().filter(|call| within(call, layer));
            let sum: f64 = own.map(|call| call.width).sum();
            close(sum, layer.width, &layer.label);
            let phases = of_row("0");
            let phases = phases.iter().filter(|phase| within(layer, phase));
            assert_eq!(phases.count(), 1, "{}", layer.label);
            assert!(layer.y > of_row("0")[0].y && layer.y < calls[0].y);
        }

        // The mouse.
        let (layer, phase, count) = counts.last().expect("a call");
        let widest = calls.iter().max_by(|a, b| a.width.total_cmp(&b.width));
        let widest = widest.expect("a call");
        let (x, y) = (
            widest.x + widest.width / 2.0,
            widest.y + widest.height / 2.0,
        );
        browser.point(x, y).await;
        let said = tip(browser).await.expect("a text");
        assert_eq!(said, widest.label);
        let share = format!("{:.1} %", 100.0 * *count as f64 / total as f64);
        for part in [layer.as_str(), *phase, " cycles, ", &share, "visits: 2"] {
            assert!(said.contains(part), "{part} in {said}");
        }
        browser.point(2.0, 2.0).await;
        assert_eq!(tip(browser).await, None);

        // It belongs to one program.
        let infer = browser.find("input[value=inference]").await;
        browser
            .run("arguments[0].click()", vec![serde_json::json!(infer)])
            .await;
        let shown: Vec<serde_json::Value> =
            serde_json::from_value(browser.run(READ, vec![]).await).expect("slices");
        assert!(shown.is_empty());
    });
}
