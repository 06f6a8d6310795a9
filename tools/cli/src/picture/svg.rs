//! One program as SVG: calls from left to right, addresses from the bottom up.
//!
//! Two panels, each with its own scale: above, what lives for some calls; below, what is kept. Above them stand strips
//! over the same calls, one for each [`Strip`]. Lengths in time and in a panel are percentages, so that a page may stretch
//! the plot without stretching its text.

use maud::{Markup, PreEscaped, html};

use super::colour::{class, style};
use super::scale::{bytes, grouped, length, percent, ticks};
use super::view::{Buffer, Kept, Kind, Picture, Program};
use crate::text::shape_text;

/// Width of a file, in pixels.
const WIDTH: f64 = 1200.0;
/// Width of the scale of addresses.
pub const AXIS_WIDTH: f64 = 86.0;
/// What a plot has of a file's width, and about as much on a screen.
const PLOT_WIDTH: f64 = WIDTH - AXIS_WIDTH - 20.0;
const STRIP_HEIGHT: f64 = 18.0;
const STRIP_GAP: f64 = 4.0;
const LINE: f64 = 16.0;
const TRANSIENT_HEIGHT: f64 = 420.0;
/// What is kept is as high as its bytes are, but within these.
const KEPT_HEIGHT: (f64, f64) = (36.0, 160.0);
/// About the width of a letter of a label.
pub const LETTER: f64 = 6.4;
/// Areas that are lower have no label.
const LABEL_HEIGHT: f64 = 13.0;

/// The classes that a page's script looks for: what it makes higher, and what stands below that.
const STRETCHED: &str = "stretched";
const BELOW: &str = "below";

/// Part of the arena.
struct Panel {
    top: f64,
    height: f64,
    /// Bytes from the start of the arena on.
    from: usize,
    bytes: usize,
}

impl Panel {
    /// How far below the panel's top an address lies.
    fn depth(&self, address: usize) -> usize {
        self.from + self.bytes - address
    }

    fn y(&self, address: usize) -> String {
        percent(self.depth(address), self.bytes)
    }

    /// At the height that a file has.
    fn pixels(&self, bytes: usize) -> f64 {
        self.height * bytes as f64 / self.bytes.max(1) as f64
    }

    /// The panel with what is in it.
    fn markup(&self, class: &str, inside: &Markup) -> Markup {
        html! {
            svg class=(class) x="0" y=(length(self.top)) width="100%" height=(length(self.height)) overflow="visible" { (inside) }
        }
    }

    fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// A row over the calls, above the panels: named areas from one call to another.
struct Strip {
    title: &'static str,
    areas: Vec<StripArea>,
}

struct StripArea {
    from: usize,
    to: usize,
    label: String,
    /// Calls that begin a turn.
    marks: Vec<usize>,
}

/// Where things are.
struct Layout {
    strips: Vec<Strip>,
    transient: Panel,
    kept: Panel,
    height: f64,
}

impl Layout {
    fn of(picture: &Picture, program: &Program) -> Self {
        let strips: Vec<Strip> = [phases(program), loops(program)]
            .into_iter()
            .filter(|strip| !strip.areas.is_empty())
            .collect();
        let top = strips.len() as f64 * (STRIP_HEIGHT + STRIP_GAP) + 2.0 * LINE;
        let transient = Panel {
            top,
            height: TRANSIENT_HEIGHT,
            from: picture.persistent_bytes,
            bytes: program.peak_bytes,
        };
        let share = picture.persistent_bytes as f64 / program.peak_bytes.max(1) as f64;
        let (least, most) = KEPT_HEIGHT;
        let kept = Panel {
            top: transient.bottom() + 1.75 * LINE,
            height: match picture.persistent_bytes {
                0 => 0.0,
                _ => (TRANSIENT_HEIGHT * share).clamp(least, most),
            },
            from: 0,
            bytes: picture.persistent_bytes,
        };
        Layout {
            height: kept.bottom() + 1.5 * LINE,
            strips,
            transient,
            kept,
        }
    }

    fn strip_top(at: usize) -> f64 {
        at as f64 * (STRIP_HEIGHT + STRIP_GAP)
    }
}

fn phases(program: &Program) -> Strip {
    let mut areas: Vec<StripArea> = Vec::new();
    for run in program.calls.chunk_by(|a, b| a.phase == b.phase) {
        let from = areas.last().map_or(0, |area| area.to);
        areas.push(StripArea {
            from,
            to: from + run.len(),
            label: run.first().map_or("", |call| call.phase).into(),
            marks: Vec::new(),
        });
    }
    Strip {
        title: "phase",
        areas,
    }
}

fn loops(program: &Program) -> Strip {
    let areas = program.loops.iter().map(|repeat| {
        let turn = |turn: usize| repeat.first_call + turn * repeat.calls_per_turn;
        StripArea {
            from: repeat.first_call,
            to: turn(repeat.turns),
            label: format!("{} turns of {}", repeat.turns, repeat.calls_per_turn),
            marks: (1..repeat.turns).map(turn).collect(),
        }
    });
    Strip {
        title: "loop",
        areas: areas.collect(),
    }
}

/// A program as a page shows it: the scale, and the plot, whose width is the page's to choose.
pub struct Parts {
    pub axis: Markup,
    pub plot: Markup,
    pub height: f64,
}

/// The id of a buffer's area; the prefix is the program's.
pub fn buffer_id(prefix: &str, index: usize) -> String {
    format!("{prefix}-{index}")
}

/// The id of a program.
pub fn program_id(program: &Program) -> String {
    format!("bucket-{}-{}", program.bucket, program.program.title())
}

pub fn parts(picture: &Picture, program: &Program) -> Parts {
    let layout = Layout::of(picture, program);
    Parts {
        axis: axis(&layout),
        plot: plot(&layout, picture, program),
        height: layout.height,
    }
}

/// A file of one program.
pub fn file(picture: &Picture, program: &Program, network: &str) -> String {
    let Parts { axis, plot, height } = parts(picture, program);
    let title = format!(
        "{network}: bucket {}, {}",
        program.bucket,
        program.program.title()
    );
    let (top, legend_top) = (48.0, 48.0 + height + 12.0);
    let (legend, legend_height) = legend(picture, program, legend_top);
    let whole = legend_top + legend_height;
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" class="picture" role="img" aria-labelledby="title desc"
            width=(length(WIDTH)) height=(length(whole)) viewBox=(format!("0 0 {} {}", length(WIDTH), length(whole))) {
            title id="title" { (title) }
            desc id="desc" { (summary(picture, program)) }
            style { (PreEscaped(style())) }
            rect class="ground" width="100%" height="100%" {}
            text class="heading" x="12" y="22" { (title) }
            text class="faint" x="12" y="40" { (summary(picture, program)) }
            svg y=(length(top)) width=(length(AXIS_WIDTH)) height=(length(height)) { (axis) }
            svg x=(length(AXIS_WIDTH)) y=(length(top)) width=(length(PLOT_WIDTH)) height=(length(height)) { (plot) }
            (legend)
        }
    };
    markup.into_string()
}

/// What a program takes, in a sentence.
pub fn summary(picture: &Picture, program: &Program) -> String {
    let proof = match program.optimal {
        true => "optimal: no placement takes less".into(),
        false => format!("at least {} is needed", bytes(program.lower_bound_bytes)),
    };
    format!(
        "{} transient ({proof}), {} persistent; {} calls, {} buffers; most bytes live at {}",
        bytes(program.peak_bytes),
        bytes(picture.persistent_bytes),
        grouped(program.calls.len()),
        grouped(program.buffers.len()),
        program.moment_title(program.peak_call),
    )
}

/// The kinds that a picture shows.
pub fn kinds(picture: &Picture, program: &Program) -> Vec<Kind> {
    let kept = picture.persistent.iter().map(|kept| kept.kind);
    let shown = program.buffers.iter().map(|buffer| buffer.kind);
    let mut kinds: Vec<Kind> = kept.chain(shown).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn legend(picture: &Picture, program: &Program, top: f64) -> (Markup, f64) {
    let mut places = Vec::new();
    let (mut x, mut y) = (12.0, top);
    for kind in kinds(picture, program) {
        let width = 30.0 + LETTER * kind.title().len() as f64;
        if x + width > WIDTH {
            (x, y) = (12.0, y + 20.0);
        }
        places.push((kind, x, y));
        x += width;
    }
    let markup = html! {
        @for (kind, x, y) in &places {
            g class=(format!("area {}", class(*kind))) {
                rect x=(length(*x)) y=(length(*y)) width="12" height="12" {}
                text x=(length(x + 17.0)) y=(length(y + 10.0)) { (kind.title()) }
            }
        }
    };
    (markup, y - top + 24.0)
}

fn axis(layout: &Layout) -> Markup {
    let x = length(AXIS_WIDTH - 8.0);
    let marks = |panel: &Panel| {
        // The ends are named; round numbers stand where they leave them room.
        let (from, to) = (panel.from, panel.from + panel.bytes);
        let most = (panel.height / 40.0) as usize;
        let near = |a: usize, b: usize| panel.pixels(a.abs_diff(b)) < 14.0;
        let round = ticks(from, to, most.max(2)).into_iter();
        let round = round.filter(|at| !near(*at, from) && !near(*at, to));
        let all: Vec<usize> = round.chain([from, to]).collect();
        html! {
            @for at in all {
                line class="tick" x1=(length(AXIS_WIDTH - 5.0)) x2=(length(AXIS_WIDTH)) y1=(panel.y(at)) y2=(panel.y(at)) {}
                text text-anchor="end" x=(x) y=(panel.y(at)) dy="4" { (grouped(at)) }
            }
        }
    };
    html! {
        @for (at, strip) in layout.strips.iter().enumerate() {
            text class="faint" text-anchor="end" x=(x) y=(length(Layout::strip_top(at) + 13.0)) { (strip.title) }
        }
        text class="faint" text-anchor="end" x=(x) y=(length(layout.transient.top - LINE - 4.0)) { "address (B)" }
        @if layout.transient.bytes > 0 { (layout.transient.markup(STRETCHED, &marks(&layout.transient))) }
        g class=(BELOW) {
            @if layout.kept.bytes > 0 { (layout.kept.markup("", &marks(&layout.kept))) }
            text class="faint" text-anchor="end" x=(x) y=(length(layout.height - 6.0)) { "call" }
        }
    }
}

fn plot(layout: &Layout, picture: &Picture, program: &Program) -> Markup {
    let moments = program.moments();
    html! {
        @for (at, strip) in layout.strips.iter().enumerate() {
            (strip_row(strip, Layout::strip_top(at), moments))
        }
        (transient(layout, program))
        g class=(BELOW) {
            (kept(&layout.kept, &picture.persistent))
            (call_numbers(layout, moments))
        }
    }
}

fn strip_row(strip: &Strip, top: f64, moments: usize) -> Markup {
    html! {
        @for area in &strip.areas {
            g class="strip" {
                title { (strip.title) " " (area.label) ": calls " (area.from) " to " (area.to - 1) }
                rect x=(percent(area.from, moments)) width=(percent(area.to - area.from, moments))
                    y=(length(top + 0.5)) height=(length(STRIP_HEIGHT - 1.0)) {}
                @for mark in &area.marks {
                    line x1=(percent(*mark, moments)) x2=(percent(*mark, moments))
                        y1=(length(top + STRIP_HEIGHT - 5.0)) y2=(length(top + STRIP_HEIGHT)) {}
                }
                (label(&area.label, (area.from, area.to), moments, STRIP_HEIGHT, &length(top)))
            }
        }
    }
}

/// Text in an area of a strip or a panel, whose top is `y`; hidden where it would not fit.
fn label(text: &str, (from, to): (usize, usize), moments: usize, height: f64, y: &str) -> Markup {
    let width = PLOT_WIDTH * (to - from) as f64 / moments as f64;
    let needed = LETTER * text.chars().count() as f64 + 8.0;
    let tight = needed > width || height < LABEL_HEIGHT;
    html! {
        text class=[tight.then_some("tight")] x=(percent(from, moments)) dx="4" y=(y) dy="11" { (text) }
    }
}

fn transient(layout: &Layout, program: &Program) -> Markup {
    let panel = &layout.transient;
    let moments = program.moments();
    let peak = program.peak_call;
    // The text stands beside the mark, on the side that has room.
    let (anchor, at) = match 2 * peak < moments {
        true => ("start", peak),
        false => ("end", peak + 1),
    };
    let prefix = program_id(program);
    let order = {
        // What lies in another's memory is drawn over it.
        let mut order: Vec<usize> = (0..program.buffers.len()).collect();
        order.sort_by_key(|at| program.buffers[*at].alias.is_some());
        order
    };
    html! {
        text x="0" y=(length(panel.top - LINE - 4.0)) { "transient" }
        text class="peak-text" text-anchor=(anchor) x=(percent(at, moments)) y=(length(panel.top - 5.0)) {
            "peak: " (bytes(program.live_bytes(peak))) " live at "
            @if peak < program.calls.len() { "call " (peak) } @else { "the end" }
        }
        (panel.markup(STRETCHED, &html! {
            g class="buffers" role="listbox" aria-label="buffers" {
                @for at in order {
                    @let buffer = &program.buffers[at];
                    (buffer_area(panel, program, buffer, &buffer_id(&prefix, at)))
                }
            }
            @if program.peak_bytes > 0 {
                rect class="peak" pointer-events="none" x=(percent(peak, moments)) width=(percent(1, moments))
                    y="0" height="100%" {}
            }
        }))
    }
}

/// What is known of a buffer, a line for each thing.
pub fn described(buffer: &Buffer, calls: usize) -> String {
    let mut text = format!(
        "{}\n{}, {} {}\n{} at {}\n{}",
        buffer.name,
        buffer.kind.title(),
        buffer.dtype,
        shape_text(&buffer.shape),
        bytes(buffer.bytes),
        grouped(buffer.offset),
        lifetime(buffer, calls),
    );
    if let Some(alias) = &buffer.alias {
        text.push_str("\nin the memory of ");
        text.push_str(alias);
    }
    text
}

/// `calls 3 to 7`.
pub fn lifetime(buffer: &Buffer, calls: usize) -> String {
    match (buffer.first_call, buffer.last_call) {
        (first, last) if first >= calls && last >= calls => "after the last call".into(),
        (first, last) if last >= calls => format!("call {first} to the end"),
        (first, last) if first == last => format!("call {first}"),
        (first, last) => format!("calls {first} to {last}"),
    }
}

/// From when on the label of a buffer can be read: those that lie in its memory are drawn over it.
fn bare_from(program: &Program, buffer: &Buffer) -> usize {
    let top = |own: &Buffer| own.offset + own.bytes;
    let over = |at: usize| {
        let mut inside = program.buffers.iter().filter(|other| {
            other.alias.as_ref() == Some(&buffer.name) && top(other) == top(buffer)
        });
        inside.find(|other| other.lives_at(at))
    };
    let mut from = buffer.first_call;
    while let Some(other) = over(from) {
        from = other.last_call + 1;
    }
    from
}

fn buffer_area(panel: &Panel, program: &Program, buffer: &Buffer, id: &str) -> Markup {
    let moments = program.moments();
    let (from, to) = (buffer.first_call, buffer.last_call + 1);
    let bare = bare_from(program, buffer).min(to);
    let top = panel.y(buffer.offset + buffer.bytes);
    let height = panel.pixels(buffer.bytes);
    let width = PLOT_WIDTH * (to - from) as f64 / moments as f64;
    html! {
        g id=(id) class=(format!("area buffer {}{}", class(buffer.kind), thin(height.min(width)))) role="option"
            tabindex="-1" data-first=(from) data-last=(buffer.last_call) data-offset=(buffer.offset) {
            title { (described(buffer, moments - 1)) }
            rect x=(percent(from, moments)) width=(percent(to - from, moments))
                y=(top) height=(percent(buffer.bytes, panel.bytes)) {}
            (label(&buffer.name, (bare, to), moments, height, &top))
        }
    }
}

/// The class of an area whose border would hide it.
fn thin(size: f64) -> &'static str {
    match size {
        ..2.0 => " thinnest",
        ..6.0 => " thin",
        _ => "",
    }
}

fn kept(panel: &Panel, all: &[Kept]) -> Markup {
    html! {
        @if panel.bytes > 0 {
            text x="0" y=(length(panel.top - 5.0)) { "persistent (a scale of its own)" }
        }
        (panel.markup("", &html! {
            @for kept in all {
                @let top = panel.y(kept.offset + kept.bytes);
                @let height = panel.pixels(kept.bytes);
                g class=(format!("area {}{}", class(kept.kind), thin(height))) {
                    title {
                        (kept.name) "\n" (kept.kind.title()) ", " (kept.dtype) " " (shape_text(&kept.shape)) "\n"
                        (bytes(kept.bytes)) " at " (grouped(kept.offset))
                    }
                    rect x="0" width="100%" y=(top) height=(percent(kept.bytes, panel.bytes)) {}
                    (label(&kept.name, (0, 1), 1, height, &top))
                }
            }
        }))
    }
}

fn call_numbers(layout: &Layout, moments: usize) -> Markup {
    let bottom = match layout.kept.bytes {
        0 => layout.transient.bottom(),
        _ => layout.kept.bottom(),
    };
    let calls = moments - 1;
    html! {
        @for at in ticks(0, calls.saturating_sub(1), 20).into_iter().filter(|at| 25 * (calls - at) > calls || calls < 25) {
            line class="tick" x1=(percent(at, moments)) x2=(percent(at, moments)) y1=(length(bottom)) y2=(length(bottom + 5.0)) {}
            text x=(percent(at, moments)) dx="3" y=(length(layout.height - 6.0)) { (grouped(at)) }
        }
        line class="tick" x1=(percent(calls, moments)) x2=(percent(calls, moments)) y1=(length(bottom)) y2=(length(bottom + 5.0)) {}
        text class="faint" text-anchor="end" x="100%" y=(length(layout.height - 6.0)) { "end" }
    }
}
