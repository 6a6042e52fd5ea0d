//! Figures as SVG, drawn here so that they look alike, read well in grey print, and need no font but the bundled one.

pub mod axis;
pub mod canvas;
pub mod raster;

/// A colour, a marker and a dash pattern that tell the i-th series apart, each by itself: colour-blind readers and grey
/// prints keep the other two. Colours: Okabe and Ito (2008), the darker ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// CSS colour.
    pub colour: &'static str,
    /// Shape of points.
    pub marker: Marker,
    /// `stroke-dasharray`; empty: solid.
    pub dash: &'static str,
}

/// Shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
    /// ▼
    Down,
    /// ✚
    Plus,
}

const COLOURS: [&str; 6] = ["#000000", "#0072B2", "#D55E00", "#009E73", "#AA4499", "#7A5C00"];
const MARKERS: [Marker; 6] =
    [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Down, Marker::Plus];
const DASHES: [&str; 3] = ["", "6 3", "2 2"];

/// The look of series `i`.
pub fn look(i: usize) -> Look {
    Look {
        colour: COLOURS[i % COLOURS.len()],
        marker: MARKERS[(i + i / COLOURS.len()) % MARKERS.len()],
        dash: DASHES[i % DASHES.len()],
    }
}
