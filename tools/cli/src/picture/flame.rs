//! A profile as a picture: phases above, their layers below, their calls at the bottom; the width is the share.

use maud::{Markup, html};

use super::colour::class;
use super::scale::{grouped, length, percentage_of, share};
use super::svg::LETTER;
use super::view::Kind;
use crate::profile::Profile;

/// What a picture has of a page's width, about.
const WIDTH: f64 = 1100.0;
const ROW_HEIGHT: f64 = 22.0;
const ROW_GAP: f64 = 2.0;
const ROWS: usize = 3;

/// A rectangle of the picture.
struct Slice {
    /// 0 is on top.
    row: usize,
    /// Counts left of it.
    from: u64,
    count: u64,
    kind: Kind,
    label: String,
    /// A line for each thing that is known.
    text: String,
}

/// The colour of a phase: that of what it makes.
fn kind(phase: &str) -> Kind {
    match phase {
        "forward" => Kind::Activation,
        "backward" => Kind::Delta,
        "update" => Kind::Parameter,
        _ => Kind::Scratch,
    }
}

pub fn height() -> f64 {
    ROWS as f64 * (ROW_HEIGHT + ROW_GAP)
}

/// The picture's inside; its width is the page's to choose.
pub fn markup(profile: &Profile) -> Markup {
    html! {
        @for slice in slices(profile) {
            g class=(format!("area slice {}", class(slice.kind))) data-row=(slice.row) data-count=(slice.count) {
                title { (slice.text) }
                rect x=(share(slice.from, profile.total)) width=(share(slice.count, profile.total))
                    y=(length(top(slice.row) + 0.5)) height=(length(ROW_HEIGHT - 1.0)) {}
                text class=[is_tight(&slice, profile.total).then_some("tight")] x=(share(slice.from, profile.total)) dx="4"
                    y=(length(top(slice.row))) dy="15" { (slice.label) }
            }
        }
    }
}

fn top(row: usize) -> f64 {
    row as f64 * (ROW_HEIGHT + ROW_GAP)
}

fn is_tight(slice: &Slice, total: u64) -> bool {
    let width = WIDTH * slice.count as f64 / total.max(1) as f64;
    LETTER * slice.label.chars().count() as f64 + 8.0 > width
}

fn slices(profile: &Profile) -> Vec<Slice> {
    let mut slices = Vec::new();
    let mut from = 0u64;
    let counted = |count: u64| {
        let share = percentage_of(count, profile.total);
        format!("{} {}, {share}", grouped(count), profile.unit)
    };
    for of_phase in profile.calls.chunk_by(|a, b| a.phase == b.phase) {
        let Some(phase) = of_phase.first().map(|call| call.phase) else {
            continue;
        };
        let kind = kind(phase);
        let phase_from = from;
        // A layer's calls stand side by side, whatever runs between them.
        let mut layers: Vec<&str> = Vec::new();
        for call in of_phase {
            if !layers.contains(&call.layer.as_str()) {
                layers.push(&call.layer);
            }
        }
        for layer in layers {
            let layer_from = from;
            let own = of_phase.iter().filter(|call| call.layer == layer);
            for call in own.clone() {
                let macs = call.macs.map_or_else(String::new, |macs| {
                    let per_mac = call.count as f64 / macs as f64;
                    format!("\n{} MACs, {per_mac:.2} each", grouped(macs))
                });
                slices.push(Slice {
                    row: 2,
                    from,
                    count: call.count,
                    kind,
                    label: call.kernel.to_owned(),
                    text: format!(
                        "{}\n{}, {phase}, row {}\n{}\nvisits: {}{macs}",
                        call.kernel,
                        call.symbol,
                        call.row,
                        counted(call.count),
                        grouped(call.visits),
                    ),
                });
                from = from.saturating_add(call.count);
            }
            let calls = own.count();
            slices.push(Slice {
                row: 1,
                from: layer_from,
                count: from - layer_from,
                kind,
                label: layer.to_owned(),
                text: format!(
                    "{layer}\n{phase}: {calls} {}\n{}",
                    if calls == 1 { "call" } else { "calls" },
                    counted(from - layer_from)
                ),
            });
        }
        slices.push(Slice {
            row: 0,
            from: phase_from,
            count: from - phase_from,
            kind,
            label: phase.to_owned(),
            text: format!("{phase}: its calls\n{}", counted(from - phase_from)),
        });
    }
    slices.push(Slice {
        row: 0,
        from,
        count: profile.dispatch,
        kind: Kind::Scratch,
        label: "dispatch".into(),
        text: format!(
            "dispatch\nwhat the phases took beyond their calls\n{}",
            counted(profile.dispatch)
        ),
    });
    // Left to right, from the top down: the order in which they are read.
    slices.sort_by_key(|slice| (slice.row, slice.from));
    slices.retain(|slice| slice.count > 0);
    slices
}
