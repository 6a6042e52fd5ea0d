//! Lines, points and words on an SVG of fixed size in pixels.

use super::{Look, Marker};
use std::fmt::Write as _;

/// A picture in the making.
#[derive(Debug)]
pub struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Begins there.
    Start,
    /// Centred.
    Middle,
    /// Ends there.
    End,
}

/// Colour of frames and small text.
pub const INK: &str = "#1a1a1a";
/// Colour of grids.
pub const FAINT: &str = "#dddddd";
/// Height of small text.
pub const SMALL: f64 = 12.0;

impl Canvas {
    /// White, `width` x `height` pixels.
    pub fn new(width: f64, height: f64) -> Self {
        let mut canvas = Self { width, height, body: String::new() };
        canvas.rect([0.0, 0.0], [width, height], "#ffffff", "none");
        canvas
    }

    /// A straight line.
    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], colour: &str, width: f64) {
        let _ = writeln!(
            self.body,
            r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{colour}" stroke-width="{width}"/>"#,
            from[0], from[1], to[0], to[1]
        );
    }

    /// A line through points.
    pub fn path(&mut self, points: &[[f64; 2]], look: Look) {
        let list: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let dash = if look.dash.is_empty() {
            String::new()
        } else {
            format!(r#" stroke-dasharray="{}""#, look.dash)
        };
        let _ = writeln!(
            self.body,
            r#"<polyline points="{}" fill="none" stroke="{}" stroke-width="1.6"{dash}/>"#,
            list.join(" "),
            look.colour
        );
    }

    /// A rectangle from its upper left corner.
    pub fn rect(&mut self, at: [f64; 2], size: [f64; 2], fill: &str, stroke: &str) {
        let _ = writeln!(
            self.body,
            r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" fill="{fill}" stroke="{stroke}"/>"#,
            at[0], at[1], size[0], size[1]
        );
    }

    /// A point; hollow ones are white inside.
    pub fn marker(&mut self, at: [f64; 2], radius: f64, look: Look, hollow: bool) {
        let [x, y] = at;
        let fill = if hollow { "#ffffff" } else { look.colour };
        let style = format!(r#"fill="{fill}" stroke="{}" stroke-width="1.2""#, look.colour);
        let polygon = |corners: &[[f64; 2]]| {
            let list: Vec<String> = corners
                .iter()
                .map(|[dx, dy]| format!("{:.1},{:.1}", x + dx * radius, y + dy * radius))
                .collect();
            format!(r#"<polygon points="{}" {style}/>"#, list.join(" "))
        };
        let shape = match look.marker {
            Marker::Circle => format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" {style}/>"#),
            Marker::Square => polygon(&[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]),
            Marker::Triangle => polygon(&[[0.0, -1.2], [1.1, 0.8], [-1.1, 0.8]]),
            Marker::Diamond => polygon(&[[0.0, -1.25], [1.25, 0.0], [0.0, 1.25], [-1.25, 0.0]]),
            Marker::Down => polygon(&[[0.0, 1.2], [1.1, -0.8], [-1.1, -0.8]]),
            Marker::Plus => {
                let t = 0.4;
                let l = 1.2;
                polygon(&[
                    [-t, -l],
                    [t, -l],
                    [t, -t],
                    [l, -t],
                    [l, t],
                    [t, t],
                    [t, l],
                    [-t, l],
                    [-t, t],
                    [-l, t],
                    [-l, -t],
                    [-t, -t],
                ])
            }
        };
        let _ = writeln!(self.body, "{shape}");
    }

    /// Words; `at` is on their base line.
    pub fn text(&mut self, at: [f64; 2], size: f64, anchor: Anchor, text: &str) {
        self.words(at, size, anchor, text, "");
    }

    /// Words in bold.
    pub fn bold(&mut self, at: [f64; 2], size: f64, anchor: Anchor, text: &str) {
        self.words(at, size, anchor, text, r#" font-weight="bold""#);
    }

    /// Words read upwards, centred on `at`.
    pub fn upwards(&mut self, at: [f64; 2], size: f64, text: &str) {
        let turn = format!(r#" transform="rotate(-90 {:.1} {:.1})""#, at[0], at[1]);
        self.words(at, size, Anchor::Middle, text, &turn);
    }

    /// Words that descend to the right from `at`, for names below an axis.
    pub fn slanted(&mut self, at: [f64; 2], size: f64, text: &str) {
        let turn = format!(r#" transform="rotate(-35 {:.1} {:.1})""#, at[0], at[1]);
        self.words(at, size, Anchor::End, text, &turn);
    }

    fn words(&mut self, at: [f64; 2], size: f64, anchor: Anchor, text: &str, more: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.body,
            r#"<text x="{:.1}" y="{:.1}" font-size="{size}" text-anchor="{anchor}" fill="{INK}"{more}>{}</text>"#,
            at[0],
            at[1],
            escape(text)
        );
    }

    /// The SVG; `alt` says in words what it shows.
    pub fn finish(self, alt: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
             role=\"img\" font-family=\"Roboto, Helvetica, Arial, sans-serif\"><title>{}</title>\n{}</svg>\n",
            escape(alt),
            self.body,
            w = self.width,
            h = self.height
        )
    }
}

pub use vesalius_data::text::escape::html as escape;

/// Mean width of a letter in heights.
const LETTER: f64 = 0.54;

/// Width of a text in pixels, roughly: enough to leave room.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * LETTER
}

/// A bold text, or as much of its start as `room` pixels take, with an ellipsis.
pub fn fitting(text: &str, size: f64, room: f64) -> String {
    const BOLD: f64 = 1.1;
    cut(text, (room / (size * LETTER * BOLD)) as usize)
}

/// At most so many letters, an ellipsis for what is left out.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", start.trim_end_matches([' ', ',']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_to_their_room() {
        assert_eq!(fitting("Fréchet distance", 10.0, 100.0), "Fréchet distance");
        assert_eq!(fitting("Fréchet distance, real", 10.0, 107.0), "Fréchet distance…");
    }
}
