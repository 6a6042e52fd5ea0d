//! The interactive page: one HTML file with points, pictures and script, nothing from outside.

use super::figure::COLOURS;
use super::sprite::Sprite;
use super::{Kind, Map};
use anyhow::Result;
use base64::Engine as _;
use serde_json::json;
use vesalius_data::pictures::montage::COLOURS as OUTLINES;
use vesalius_data::text::escape::html as escape;

/// Bytes of pictures at most: base64 makes a third more of them, and a page shall stay below 10 MB.
pub const PICTURE_BUDGET: usize = 6_500_000;

/// The page; `sprite` has the pictures of all points in their order, where there are pictures.
///
/// # Errors
/// When the data cannot be written as JSON.
pub fn html(map: &Map, sprite: Option<&Sprite>) -> Result<String> {
    let rounded = |value: f32| (f64::from(value) * 1000.0).round() / 1000.0;
    let points: Vec<_> = map
        .points
        .iter()
        .map(|point| {
            let panel = point.panel.map_or(-1, |panel| panel as i64);
            json!([rounded(point.x), rounded(point.y), panel, point.name])
        })
        .collect();
    let uri = |png: &[u8]| {
        (!png.is_empty()).then(|| {
            let text = base64::engine::general_purpose::STANDARD.encode(png);
            format!("data:image/png;base64,{text}")
        })
    };
    let pictures = sprite.map(|sprite| {
        json!({
            "images": uri(&sprite.images),
            "labels": uri(&sprite.labels),
            "columns": sprite.columns,
            "height": sprite.cell[0],
            "width": sprite.cell[1],
        })
    });
    let panels: Vec<String> = map.panels().map(|set| set.name.clone()).collect();
    let data = json!({
        "frame": map.frame(),
        "colours": COLOURS,
        "outlines": OUTLINES,
        "panels": panels,
        "points": points,
        "pictures": pictures,
    });
    // `<` could end the script element; JSON may write it as an escape.
    let data = serde_json::to_string(&data)?.replace('<', "\\u003c");
    let mut counts = Vec::new();
    for set in &map.sets {
        let kind = if set.kind == Kind::Real { "real" } else { "generated" };
        counts.push(format!("{}: {} of {} {kind} samples", set.name, set.shown, set.of));
    }
    let note = format!(
        "{}. UMAP of features of {} ({}). Trustworthiness (k = 15) {:.3}: 1 means that every neighbour on the map is one \
         in the features. Axes have no unit; sizes of gaps and densities of crowds mean nothing.",
        counts.join("; "),
        map.extractor,
        map.treatment,
        map.trustworthiness
    );
    let [before, between, after] = template();
    Ok([before, &escape(&note), between, &data, after].concat())
}

/// What stands before the note, between it and the data, and behind them: a name that looks like a place to be filled
/// is
/// none.
pub(super) fn template() -> [&'static str; 3] {
    let page = include_str!("page.html");
    let (before, rest) = page.split_once("{{NOTE}}").unwrap_or((page, ""));
    let (between, after) = rest.split_once("{{DATA}}").unwrap_or((rest, ""));
    [before, between, after]
}
