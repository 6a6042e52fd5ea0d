//! The static figure: one panel per GAN on common axes, real samples as dots, generated ones as crosses, so that it
//! also
//! reads in grey.

use super::{Kind, Map};
use std::fmt::Write as _;
use vesalius_data::text::escape::html as escape;

/// Colours of real and generated samples: blue and vermilion of Okabe and Ito's palette.
pub const COLOURS: [&str; 2] = ["#0072b2", "#d55e00"];

/// Width of the figure, and side of a panel where there are two or more in a row.
const WIDTH: f32 = 860.0;
const GAP: f32 = 20.0;
const HEAD: f32 = 62.0;
const TITLE: f32 = 26.0;
const FOOT: f32 = 48.0;

/// The figure as SVG.
pub fn svg(map: &Map) -> String {
    let count = map.panels().count().max(1);
    let columns = match count {
        1 | 2 => 2,
        _ => 3,
    };
    let side = (WIDTH - GAP * (columns as f32 + 1.0)) / columns as f32;
    // A lone panel takes the width of one and a half.
    let side = if count == 1 { side * 1.5 } else { side };
    let rows = count.div_ceil(columns);
    let height = HEAD + rows as f32 * (side + TITLE + GAP) + FOOT;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
         height=\"{height:.0}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"14\" fill=\"#1a1a1a\">\n\
         <title>Latent map: real and generated samples</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    legend(&mut out, map);
    let frame = map.frame();
    for (i, set) in map.panels().enumerate() {
        let x = if count == 1 {
            (WIDTH - side) / 2.0
        } else {
            GAP + (i % columns) as f32 * (side + GAP)
        };
        let y = HEAD + (i / columns) as f32 * (side + TITLE + GAP);
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\"><tspan font-weight=\"bold\">{}</tspan> ({} of {})</text>",
            y + 17.0,
            escape(&set.name),
            set.shown,
            set.of
        );
        let top = y + TITLE;
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" fill=\"none\" stroke=\"#999\"/>"
        );
        marks(&mut out, map, Some(i), frame, [x, top, side]);
    }
    let real = map.sets.iter().find(|set| set.kind == Kind::Real);
    let real = real.map_or(String::new(), |set| {
        format!("{}: {} of {} real training samples in every panel. ", set.name, set.shown, set.of)
    });
    let note = format!("{real}UMAP of features of {}; axes without unit.", map.extractor);
    let second = format!(
        "Trustworthiness (k = 15) {:.3}. Only who is near whom can be read, not how far or how dense.",
        map.trustworthiness
    );
    for (line, text) in [note, second].iter().enumerate() {
        let _ = writeln!(
            out,
            "<text x=\"{GAP}\" y=\"{:.1}\" font-size=\"12\" fill=\"#444\">{}</text>",
            height - FOOT + 14.0 + 18.0 * line as f32,
            escape(text)
        );
    }
    out.push_str("</svg>\n");
    out
}

fn legend(out: &mut String, map: &Map) {
    let generated = map.panels().count();
    let _ = writeln!(
        out,
        "<text x=\"{GAP}\" y=\"24\" font-size=\"17\" font-weight=\"bold\">Real and generated samples on one map</text>\n\
         <path d=\"M{:.0} 44h0\" stroke=\"{}\" stroke-width=\"7\" stroke-linecap=\"round\"/><text x=\"{:.0}\" y=\"49\">real</text>\n\
         <path d=\"M{:.0} 40l8 8m0 -8l-8 8\" stroke=\"{}\" stroke-width=\"1.8\" fill=\"none\"/><text x=\"{:.0}\" \
         y=\"49\">generated{}</text>",
        GAP + 5.0,
        COLOURS[0],
        GAP + 15.0,
        GAP + 60.0,
        COLOURS[1],
        GAP + 74.0,
        if generated > 1 { ", one GAN per panel" } else { "" }
    );
}

/// Two paths for thousands of marks: the file stays small and quick to draw.
fn marks(out: &mut String, map: &Map, panel: Option<usize>, frame: [f32; 3], at: [f32; 3]) {
    let [x0, y0, extent] = frame;
    let [left, top, side] = at;
    let place =
        |x: f32, y: f32| [left + (x - x0) / extent * side, top + side - (y - y0) / extent * side];
    let (mut real, mut generated) = (String::new(), String::new());
    for point in &map.points {
        let [x, y] = place(point.x, point.y);
        match point.kind {
            Kind::Real => {
                let _ = write!(real, "M{x:.1} {y:.1}h0");
            }
            Kind::Synthetic if point.panel == panel => {
                let _ = write!(generated, "M{:.1} {:.1}l3 3m0-3l-3 3", x - 1.5, y - 1.5);
            }
            Kind::Synthetic => {}
        }
    }
    let _ = writeln!(
        out,
        "<path d=\"{real}\" stroke=\"{}\" stroke-width=\"4\" stroke-linecap=\"round\" stroke-opacity=\".8\"/>\n\
         <path d=\"{generated}\" stroke=\"{}\" stroke-width=\"1\" stroke-opacity=\".8\" fill=\"none\"/>",
        COLOURS[0], COLOURS[1]
    );
}
