//! Colours, as a style sheet that files and pages share: for a light and for a dark background.
//!
//! An area has one colour of its kind and the other one as its border: the light one inside on a light background, the
//! dark one on a dark one. So text on it and the border against the background have contrast in both.

use std::fmt::Write;

use super::view::Kind;

/// What an area's fill, border and label are; and what stands on the bare background.
struct Scheme {
    background: &'static str,
    text: &'static str,
    faint: &'static str,
    mark: &'static str,
}

const LIGHT: Scheme = Scheme {
    background: "#ffffff",
    text: "#16181d",
    faint: "#5c6370",
    mark: "#b3001b",
};

const DARK: Scheme = Scheme {
    background: "#16181d",
    text: "#f2f3f5",
    faint: "#a3abb8",
    mark: "#ff8f85",
};

/// The light and the dark colour of a kind.
fn pair(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Activation => ("#9fd0f2", "#1c5f8c"),
        Kind::Saved => ("#f6c15b", "#7a5200"),
        Kind::Delta => ("#f5a196", "#96322a"),
        Kind::Gradient => ("#dcaee6", "#71407f"),
        Kind::Scratch => ("#cfd2d8", "#50565f"),
        Kind::Output => ("#98d8a5", "#21683a"),
        Kind::InputGradient => ("#f7b9d3", "#8d3a63"),
        Kind::Parameter => ("#bab7ef", "#474391"),
        Kind::AuxiliaryState => ("#a9c3c9", "#37595f"),
        Kind::OptimizerState => ("#d9d1a4", "#5f5727"),
        Kind::Residual => ("#deb894", "#744a24"),
        Kind::State => ("#86d3ca", "#17655d"),
    }
}

/// The class of a kind's areas.
pub fn class(kind: Kind) -> String {
    format!("is-{}", kind.title().replace(' ', "-"))
}

/// The rules for everything that is drawn.
pub fn style() -> String {
    let mut css = String::from(SHAPES);
    css.push_str(&rules(&LIGHT, |(light, dark)| (light, dark)));
    let dark = rules(&DARK, |(light, dark)| (dark, light));
    // Writing to a String cannot fail.
    let _ = write!(css, "@media (prefers-color-scheme: dark) {{\n{dark}}}\n");
    css
}

const SHAPES: &str = "\
.picture text { font: 11px system-ui, sans-serif; }
.picture .tight { display: none; }
.picture .heading { font-size: 16px; font-weight: 600; }
.picture .tick { stroke-width: 1; }
.picture .strip rect, .picture .strip line { stroke-width: 1; }
.picture .area rect { stroke-width: 1; vector-effect: non-scaling-stroke; }
.picture .area.thin rect { stroke-width: 0.5; }
.picture .area.thinnest rect { stroke-width: 0; }
.picture .peak { fill: none; stroke-width: 2; stroke-dasharray: 4 3; }
";

type Pair = (&'static str, &'static str);

/// `order` gives fill and border of a pair.
fn rules(scheme: &Scheme, order: impl Fn(Pair) -> Pair) -> String {
    let Scheme {
        background,
        text,
        faint,
        mark,
    } = scheme;
    let mut css = format!(
        "\
.picture .ground {{ fill: {background}; }}
.picture text {{ fill: {text}; }}
.picture .faint {{ fill: {faint}; }}
.picture .tick {{ stroke: {faint}; }}
.picture .strip rect, .picture .strip line {{ fill: none; stroke: {faint}; }}
.picture .peak {{ stroke: {mark}; }}
.picture .peak-text {{ fill: {mark}; font-weight: 600; }}
"
    );
    for kind in Kind::ALL {
        let (fill, border) = order(pair(kind));
        let class = class(kind);
        let _ = writeln!(
            css,
            ".picture .{class} rect {{ fill: {fill}; stroke: {border}; }}"
        );
        let _ = writeln!(css, ".picture .{class}.thinnest rect {{ fill: {border}; }}");
    }
    css
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2 defines it.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let byte = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let c = f64::from(byte) / 255.0;
            match c <= 0.04045 {
                true => c / 12.92,
                false => ((c + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn contrast_as_wcag_asks() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        for scheme in [&LIGHT, &DARK] {
            for text in [scheme.text, scheme.faint, scheme.mark] {
                assert!(contrast(text, scheme.background) >= 4.5, "{text}");
            }
        }
        for kind in Kind::ALL {
            let (light, dark) = pair(kind);
            for (scheme, fill, border) in [(&LIGHT, light, dark), (&DARK, dark, light)] {
                assert!(contrast(scheme.text, fill) >= 4.5, "text on {kind:?}");
                assert!(
                    contrast(border, scheme.background) >= 3.0,
                    "{kind:?}'s border"
                );
                assert!(contrast(border, fill) >= 3.0, "{kind:?}'s border and fill");
            }
        }
    }

    #[test]
    fn each_kind_has_a_class_of_its_own() {
        let classes: std::collections::BTreeSet<String> = Kind::ALL.map(class).into();
        assert_eq!(classes.len(), Kind::ALL.len());
    }
}
