//! Figures: drawn ones as SVG, photographs as data.

use crate::document::{Art, Figure};
use base64::Engine as _;
use std::fmt::Write as _;
use vesalius_data::text::escape::html as escape;

/// A figure with its caption, its picture in the page.
pub fn figure(out: &mut String, figure: &Figure) {
    let alt = escape(&figure.alt);
    let data = |kind: &str, bytes: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        format!("data:image/{kind};base64,{text}")
    };
    let (class, picture) = match &figure.art {
        Art::Svg(svg) => ("drawn", svg.clone()),
        // As an image, so that its styles and names stay its own.
        Art::ForeignSvg(svg) => {
            ("foreign", format!("<img alt=\"{alt}\" src=\"{}\">", data("svg+xml", svg.as_bytes())))
        }
        Art::Png(png) => {
            let [width, height] = png_size(png);
            // A row of many small pictures needs the page's whole width.
            let shape = if width > height * 5 / 2 { "pixels wide" } else { "pixels" };
            (
                shape,
                format!(
                    "<img alt=\"{alt}\" width=\"{width}\" height=\"{height}\" src=\"{}\">",
                    data("png", png)
                ),
            )
        }
    };
    let link = figure.link.as_ref().map_or_else(String::new, |link| {
        format!(" <a href=\"{}\">Interactive map</a>", escape(link))
    });
    let _ = writeln!(
        out,
        "<figure class=\"{class}\"><div class=\"picture\" tabindex=\"0\">{picture}</div><figcaption><b>{}.</b> {}{link}\
         </figcaption></figure>",
        escape(&figure.title),
        escape(&figure.caption)
    );
}

/// Width and height in a PNG's header; the signature was checked when it was read.
fn png_size(png: &[u8]) -> [u32; 2] {
    let at =
        |i: usize| png.get(i..i + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    [at(16), at(20)]
}
