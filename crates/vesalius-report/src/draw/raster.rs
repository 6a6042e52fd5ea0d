//! SVG to PNG on a machine without fonts: a subset of Roboto is bundled (Apache-2.0, `assets/README.md`).

use anyhow::{Context, Result, anyhow};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, fontdb};
use std::sync::{Arc, LazyLock};

const FONTS: [&[u8]; 2] = [
    include_bytes!("../../assets/Roboto-Regular-subset.ttf"),
    include_bytes!("../../assets/Roboto-Bold-subset.ttf"),
];

static FONT_BOOK: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut book = fontdb::Database::new();
    for font in FONTS {
        book.load_font_data(font.to_vec());
    }
    book.set_serif_family("Roboto");
    book.set_sans_serif_family("Roboto");
    book.set_monospace_family("Roboto");
    Arc::new(book)
});

/// Pixels of the PNG per pixel of the SVG.
const ZOOM: f32 = 2.0;
/// Most pixels of a side of the PNG.
const MOST: f32 = 8192.0;

/// The picture as PNG, twice the SVG's size.
///
/// # Errors
/// When it is no SVG, or has no size.
pub fn png(svg: &str) -> Result<Vec<u8>> {
    let options = Options {
        fontdb: FONT_BOOK.clone(),
        font_family: "Roboto".to_owned(),
        // No drawing brings other files in: their names would be read from this disk.
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| anyhow!("not an SVG: {error}"))?;
    let size = tree.size();
    let zoom = ZOOM.min(MOST / size.width().max(size.height()));
    let side = |length: f32| ((length * zoom).ceil() as u32).max(1);
    let mut pixels = Pixmap::new(side(size.width()), side(size.height()))
        .context("an SVG of a size that has no pixels")?;
    pixels.fill(resvg::tiny_skia::Color::WHITE);
    resvg::render(&tree, Transform::from_scale(zoom, zoom), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| anyhow!("PNG: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{Anchor, Canvas};
    use super::*;

    #[test]
    fn words_are_drawn_without_any_font_of_the_machine() {
        let dark = |text: &str| {
            let mut canvas = Canvas::new(120.0, 40.0);
            canvas.text([60.0, 25.0], 16.0, Anchor::Middle, text);
            let png = png(&canvas.finish("a test")).unwrap();
            let picture = image::load_from_memory(&png).unwrap().to_luma8();
            assert_eq!(picture.dimensions(), (240, 80));
            picture.pixels().filter(|pixel| pixel.0[0] < 128).count()
        };
        assert_eq!(dark(""), 0);
        // Latin, Greek and signs that figures use.
        for text in ["Dice", "ρτ", "∞", "±−"] {
            assert!(dark(text) > 20, "{text}");
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(png("<svg").is_err());
    }
}
