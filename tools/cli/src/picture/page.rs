//! The page: every program of every bucket, one of them shown at a time.
//!
//! Everything is in the file: markup, style, script. Without the script all programs stand one below the other.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use tinpail_plan::PlanFile;

use super::colour::{class, style};
use super::flame;
use super::scale::{bytes, grouped, length, percentage_of};
use super::svg::{self, AXIS_WIDTH, buffer_id, kinds, lifetime, parts, program_id};
use super::view::{Buffer, Kind, Mode, Picture, Program};
use crate::profile::Profile;
use crate::text::{hex, shape_text};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Nothing may be loaded from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The page of a plan, with what was measured of its programs.
pub fn page(picture: &Picture, file: &PlanFile, network: &str, profiles: &[Profile]) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (network) ": the arena" }
                style { (PreEscaped(style())) (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (network) }
                    p {
                        "Arena of " strong { (bytes(picture.arena_bytes)) } ": "
                        (bytes(picture.persistent_bytes)) " persistent, "
                        (bytes(picture.arena_bytes - picture.persistent_bytes)) " transient, shared by all programs. Batch "
                        (file.plan.batch_size) ", train " (format!("{:?}", file.plan.train).to_lowercase())
                        ", plan " code { (hex(file.plan.fingerprint)) } "."
                    }
                }
                main {
                    (controls(picture, file))
                    @for program in &picture.programs { (section(picture, program, profiles)) }
                    (kept_table(picture))
                    (programs_table(picture))
                }
                div id="tip" role="tooltip" hidden {}
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    markup.into_string()
}

/// What the script listens to; hidden without it.
fn controls(picture: &Picture, file: &PlanFile) -> Markup {
    let keys = picture.buckets();
    let default = usize::from(file.plan.default_bucket);
    let text = |keys: &[u32]| {
        let keys: Vec<String> = keys.iter().map(u32::to_string).collect();
        keys.join(" ")
    };
    let modes = [Mode::Infer, Mode::Train];
    let has = |mode: Mode| picture.programs.iter().any(|own| own.program == mode);
    let shown = modes.into_iter().filter(|mode| has(*mode));
    let last = shown.clone().next_back();
    html! {
        form class="controls" aria-label="what is shown" {
            div {
                label for="bucket" { "Bucket" }
                input id="bucket" type="range" min="0" max=(keys.len().saturating_sub(1)) step="1" value=(default)
                    data-keys=(text(&keys)) autocomplete="off" disabled[keys.len() < 2];
                output id="bucket-key" for="bucket" { (keys.get(default).copied().unwrap_or_default()) }
            }
            fieldset {
                legend { "Program" }
                @for mode in shown {
                    label {
                        input type="radio" name="program" value=(mode.title()) checked[Some(mode) == last] autocomplete="off";
                        (mode.title())
                    }
                }
            }
            @for (id, title) in [("wider", "Wider"), ("higher", "Higher")] {
                div {
                    label for=(id) { (title) }
                    input id=(id) class="stretch" type="range" min="0" max="5" step="0.5" value="0" autocomplete="off";
                    output for=(id) { "1×" }
                }
            }
        }
    }
}

fn section(picture: &Picture, program: &Program, profiles: &[Profile]) -> Markup {
    let id = program_id(program);
    let drawn = parts(picture, program);
    let calls = program.calls.len();
    let is_own = |own: &&Profile| own.bucket == program.bucket && own.program == program.program;
    html! {
        section id=(id) class="program" data-bucket=(program.bucket) data-program=(program.program.title())
            aria-labelledby=(format!("{id}-title")) {
            h2 id=(format!("{id}-title")) { "Bucket " (program.bucket) ", " (program.program.title()) }
            p class="summary" { (svg::summary(picture, program)) }
            (legend(picture, program))
            div class="frame" {
                svg class="picture axis" aria-hidden="true" width=(length(AXIS_WIDTH)) height=(length(drawn.height)) { (drawn.axis) }
                div class="scroll" {
                    svg class="picture plot" role="group" aria-label="the arena, calls from left to right"
                        height=(length(drawn.height)) {
                        (drawn.plot)
                        rect class="moment" x="0" y="0" width="0" height="100%" {}
                    }
                }
            }
            p class="hint" {
                "Point at a buffer, or move among them with the arrow keys, to read what it is."
            }
            div class="at" {
                label for=(format!("{id}-at")) { "Call" }
                input id=(format!("{id}-at")) class="at-call" type="range" min="0" max=(calls) step="1"
                    value=(program.peak_call) data-peak=(program.peak_call) autocomplete="off";
                button type="button" class="to-peak" { "Peak" }
                output class="at-title" for=(format!("{id}-at")) { (program.moment_title(program.peak_call)) }
            }
            (buffer_table(program, &id))
            (call_table(program))
            @for profile in profiles.iter().filter(is_own) { (measured(profile)) }
        }
    }
}

fn legend(picture: &Picture, program: &Program) -> Markup {
    html! {
        ul class="legend" aria-label="colours" {
            @for kind in kinds(picture, program) {
                li { (swatch(kind)) (kind.title()) }
            }
        }
    }
}

fn swatch(kind: Kind) -> Markup {
    html! {
        svg class="picture swatch" aria-hidden="true" width="12" height="12" {
            g class=(format!("area {}", class(kind))) { rect x="0.5" y="0.5" width="11" height="11" {} }
        }
    }
}

/// The buffers of a program, the largest first; the script leaves those that live at a call.
fn buffer_table(program: &Program, id: &str) -> Markup {
    let calls = program.calls.len();
    let mut rows: Vec<(usize, &Buffer)> = program.buffers.iter().enumerate().collect();
    rows.sort_by_key(|(_, own)| (own.alias.is_some(), std::cmp::Reverse(own.bytes)));
    let share = |buffer: &Buffer| match buffer.alias {
        None => percentage(buffer.bytes, program.peak_bytes),
        Some(_) => "-".into(),
    };
    html! {
        div class="table" {
            table class="buffers" {
                caption {
                    "What takes the space: " span class="live" { (bytes(program.live_bytes(program.peak_call))) }
                    " live " span class="when" { "at the peak" }
                }
                thead {
                    tr {
                        th scope="col" { "buffer" }
                        th scope="col" { "kind" }
                        th scope="col" { "shape" }
                        th scope="col" class="number" { "bytes" }
                        th scope="col" class="number" { "of the peak" }
                        th scope="col" class="number" { "address" }
                        th scope="col" { "lives" }
                    }
                }
                tbody {
                    @for (at, buffer) in rows {
                        tr data-buffer=(buffer_id(id, at)) data-first=(buffer.first_call) data-last=(buffer.last_call)
                            data-bytes=[buffer.alias.is_none().then_some(buffer.bytes)] {
                            th scope="row" {
                                (buffer.name)
                                @if let Some(alias) = &buffer.alias { small { " in " (alias) } }
                            }
                            td { (swatch(buffer.kind)) (buffer.kind.title()) }
                            td { (buffer.dtype) " " (shape_text(&buffer.shape)) }
                            td class="number" { (grouped(buffer.bytes)) }
                            td class="number" { (share(buffer)) }
                            td class="number" { (grouped(buffer.offset)) }
                            td { (lifetime(buffer, calls)) @if buffer.lives_at(program.peak_call) { small { " (at the peak)" } } }
                        }
                    }
                }
            }
        }
        label class="all" {
            input type="checkbox" class="all-buffers" autocomplete="off";
            "all buffers, whenever they live"
        }
    }
}

fn call_table(program: &Program) -> Markup {
    html! {
        details {
            summary { "The calls" }
            div class="table" {
                table class="calls" {
                    thead {
                        tr {
                            th scope="col" class="number" { "call" }
                            th scope="col" { "phase" }
                            th scope="col" { "kernel" }
                            th scope="col" { "symbol" }
                            th scope="col" class="number" { "live bytes" }
                        }
                    }
                    tbody {
                        @for (at, call) in program.calls.iter().enumerate() {
                            tr data-title=(program.moment_title(at)) {
                                td class="number" { (at) }
                                td { (call.phase) }
                                th scope="row" { (call.kernel) }
                                td { (call.symbol_and_turn()) }
                                td class="number" { (grouped(call.live_bytes)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn percentage(part: usize, whole: usize) -> String {
    percentage_of(part as u64, whole as u64)
}

/// What a device measured of the program.
fn measured(profile: &Profile) -> Markup {
    let height = length(flame::height());
    html! {
        h3 { "Measured, in " (profile.unit) }
        p class="summary" {
            (grouped(profile.total)) " " (profile.unit) ", "
            (percentage_of(profile.dispatch, profile.total)) " of it dispatch; "
            (grouped(profile.profiler)) " of the profiler's own besides"
        }
        div class="scroll" {
            svg class="picture flame" role="group" aria-label="what phases, layers and calls take" height=(height) {
                (flame::markup(profile))
            }
        }
        (measured_table(profile))
    }
}

fn measured_table(profile: &Profile) -> Markup {
    html! {
        details {
            summary { "The calls, measured" }
            div class="table" {
                table class="measured" {
                    thead {
                        tr {
                            th scope="col" { "phase" }
                            th scope="col" { "symbol" }
                            th scope="col" { "kernel" }
                            th scope="col" class="number" { "visits" }
                            th scope="col" class="number" { (profile.unit) }
                            th scope="col" class="number" { "share" }
                            th scope="col" class="number" { "MACs" }
                        }
                    }
                    tbody {
                        @for call in &profile.calls {
                            tr {
                                td { (call.phase) }
                                td { (call.symbol) }
                                th scope="row" { (call.kernel) }
                                td class="number" { (grouped(call.visits)) }
                                td class="number" { (grouped(call.count)) }
                                td class="number" { (percentage_of(call.count, profile.total)) }
                                td class="number" { @if let Some(macs) = call.macs { (grouped(macs)) } @else { "-" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is kept, the largest first.
fn kept_table(picture: &Picture) -> Markup {
    let mut kept: Vec<_> = picture.persistent.iter().collect();
    kept.sort_by_key(|own| std::cmp::Reverse(own.bytes));
    let total = |kind: Kind| -> usize {
        let own = kept.iter().filter(|kept| kept.kind == kind);
        own.map(|kept| kept.bytes).sum()
    };
    let totals = Kind::ALL.into_iter().map(|kind| (kind, total(kind)));
    let totals: Vec<(Kind, usize)> = totals.filter(|(_, bytes)| *bytes > 0).collect();
    html! {
        section class="kept" aria-labelledby="kept-title" {
            h2 id="kept-title" { "Persistent: kept whatever runs" }
            @if kept.is_empty() {
                p { "Nothing: parameters are read where they lie in flash." }
            } @else {
                ul class="legend" aria-label="bytes of each kind" {
                    @for (kind, all) in &totals { li { (swatch(*kind)) (kind.title()) ": " (bytes(*all)) } }
                }
                div class="table" {
                    table {
                        caption { (bytes(picture.persistent_bytes)) " at the bottom of the arena, padding included" }
                        thead {
                            tr {
                                th scope="col" { "tensor" }
                                th scope="col" { "kind" }
                                th scope="col" { "shape" }
                                th scope="col" class="number" { "bytes" }
                                th scope="col" class="number" { "address" }
                            }
                        }
                        tbody {
                            @for own in kept {
                                tr {
                                    th scope="row" { (own.name) }
                                    td { (swatch(own.kind)) (own.kind.title()) }
                                    td { (own.dtype) " " (shape_text(&own.shape)) }
                                    td class="number" { (grouped(own.bytes)) }
                                    td class="number" { (grouped(own.offset)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// All programs side by side.
fn programs_table(picture: &Picture) -> Markup {
    let room = picture.arena_bytes - picture.persistent_bytes;
    html! {
        section class="programs" aria-labelledby="programs-title" {
            h2 id="programs-title" { "All programs" }
            div class="table" {
                table {
                    caption { "Transient bytes, of " (bytes(room)) " that they share" }
                    thead {
                        tr {
                            th scope="col" class="number" { "bucket" }
                            th scope="col" { "program" }
                            th scope="col" class="number" { "calls" }
                            th scope="col" class="number" { "peak" }
                            th scope="col" class="number" { "lower bound" }
                            th scope="col" { "of the room" }
                        }
                    }
                    tbody {
                        @for own in &picture.programs {
                            tr {
                                th scope="row" class="number" { (own.bucket) }
                                td { (own.program.title()) }
                                td class="number" { (grouped(own.calls.len())) }
                                td class="number" { (grouped(own.peak_bytes)) }
                                td class="number" { (grouped(own.lower_bound_bytes)) @if own.optimal { small { " optimal" } } }
                                td {
                                    meter min="0" max=(room.max(1)) value=(own.peak_bytes) {}
                                    " " (percentage(own.peak_bytes, room))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
