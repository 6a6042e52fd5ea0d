//! All thumbnails of a page in two pictures: the images, and their labels, from which the page draws outlines.

use anyhow::{Result, bail};
use image::imageops::{FilterType, resize};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use vesalius_data::pack::manifest::{PixelType, SliceShape};

/// One sample's picture.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// Its image, grey or RGB.
    pub image: DynamicImage,
    /// Its label values, where it has a mask.
    pub labels: Option<GrayImage>,
}

impl Thumbnail {
    /// Of a pack's slice.
    ///
    /// # Errors
    /// When the bytes are not those of the layout.
    pub fn of_slice(pixels: &[u8], labels: &[u8], slice_shape: SliceShape) -> Result<Self> {
        let (h, w) = (slice_shape.height, slice_shape.width);
        if pixels.len() != slice_shape.pixel_bytes() || labels.len() != slice_shape.label_bytes() {
            bail!("{} bytes, expected a slice of {:?}", pixels.len(), slice_shape);
        }
        let byte = |channel: usize, at: usize| match slice_shape.pixel_type {
            PixelType::U8 => pixels[channel * h * w + at],
            PixelType::U16 => pixels[2 * (channel * h * w + at) + 1],
        };
        let (width, height) = (w as u32, h as u32);
        let at = |x: u32, y: u32| y as usize * w + x as usize;
        let image = if slice_shape.channels == 3 {
            DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
                image::Rgb([0, 1, 2].map(|channel| byte(channel, at(x, y))))
            }))
        } else {
            DynamicImage::ImageLuma8(GrayImage::from_fn(width, height, |x, y| {
                image::Luma([byte(0, at(x, y))])
            }))
        };
        let labels = GrayImage::from_fn(width, height, |x, y| image::Luma([labels[at(x, y)]]));
        Ok(Self { image, labels: Some(labels) })
    }
}

/// The two pictures, as PNG files.
#[derive(Debug)]
pub struct Sprite {
    /// Images, row after row.
    pub images: Vec<u8>,
    /// Label values in the same places; empty where no sample has a mask.
    pub labels: Vec<u8>,
    /// Thumbnails in a row.
    pub columns: u32,
    /// Height and width of a thumbnail, pixels.
    pub cell: [u32; 2],
}

/// Longest side of a thumbnail at most, pixels.
const LONGEST: u32 = 96;

/// Packs thumbnails into less than `budget` bytes: they get smaller until they fit.
///
/// # Errors
/// When there is none, or they cannot be made small enough.
pub fn pack(thumbnails: &[Thumbnail], budget: usize) -> Result<Sprite> {
    let Some(first) = thumbnails.first() else { bail!("no picture at all, expected one") };
    let own = first.image.height().max(first.image.width());
    let mut side = own.min(LONGEST);
    while side >= 8 {
        let sprite = of_side(thumbnails, side)?;
        let bytes = sprite.images.len() + sprite.labels.len();
        if bytes <= budget {
            return Ok(sprite);
        }
        // Bytes follow the area; a little less, so that the next try fits.
        let shrink = (budget as f64 / bytes as f64).sqrt() * 0.97;
        side = ((f64::from(side) * shrink) as u32).min(side - 1);
    }
    bail!("{} pictures do not fit into {budget} bytes, expected fewer samples", thumbnails.len())
}

fn of_side(thumbnails: &[Thumbnail], side: u32) -> Result<Sprite> {
    let first = &thumbnails[0].image;
    let longest = first.height().max(first.width()).max(1);
    let cell = [first.height(), first.width()].map(|s| (s * side / longest).max(1));
    let [h, w] = cell;
    let columns = (thumbnails.len() as f64).sqrt().ceil() as u32;
    let rows = (thumbnails.len() as u32).div_ceil(columns);
    let masks = thumbnails.iter().any(|thumbnail| thumbnail.labels.is_some());
    let corner = |i: usize| (i64::from(i as u32 % columns * w), i64::from(i as u32 / columns * h));
    let mut labels = GrayImage::new(columns * w, rows * h);
    let images = if thumbnails.iter().all(|thumbnail| !thumbnail.image.color().has_color()) {
        let mut sheet = GrayImage::new(columns * w, rows * h);
        for (i, thumbnail) in thumbnails.iter().enumerate() {
            let small = resize(&thumbnail.image.to_luma8(), w, h, FilterType::Triangle);
            image::imageops::replace(&mut sheet, &small, corner(i).0, corner(i).1);
        }
        png(&DynamicImage::ImageLuma8(sheet))?
    } else {
        let mut sheet = RgbImage::new(columns * w, rows * h);
        for (i, thumbnail) in thumbnails.iter().enumerate() {
            let small = resize(&thumbnail.image.to_rgb8(), w, h, FilterType::Triangle);
            image::imageops::replace(&mut sheet, &small, corner(i).0, corner(i).1);
        }
        png(&DynamicImage::ImageRgb8(sheet))?
    };
    for (i, thumbnail) in thumbnails.iter().enumerate() {
        if let Some(mask) = &thumbnail.labels {
            let small = resize(mask, w, h, FilterType::Nearest);
            image::imageops::replace(&mut labels, &small, corner(i).0, corner(i).1);
        }
    }
    let labels = if masks { png(&DynamicImage::ImageLuma8(labels))? } else { Vec::new() };
    Ok(Sprite { images, labels, columns, cell })
}

fn png(picture: &DynamicImage) -> Result<Vec<u8>> {
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32) -> Thumbnail {
        let pixel = |x: u32, y: u32| (x * 7919 + y * 104_729 + seed).wrapping_mul(2_654_435_761);
        let image = GrayImage::from_fn(32, 32, |x, y| image::Luma([(pixel(x, y) >> 24) as u8]));
        let labels = GrayImage::from_fn(32, 32, |x, _| image::Luma([u8::from(x > 15)]));
        Thumbnail { image: DynamicImage::ImageLuma8(image), labels: Some(labels) }
    }

    #[test]
    fn every_thumbnail_lies_in_its_cell_with_its_labels() {
        let thumbnails: Vec<Thumbnail> = (0..5).map(|i| noise(i * 1000)).collect();
        let sprite = pack(&thumbnails, 1 << 20).unwrap();
        assert_eq!((sprite.columns, sprite.cell), (3, [32, 32]));
        let images = image::load_from_memory(&sprite.images).unwrap().to_luma8();
        let labels = image::load_from_memory(&sprite.labels).unwrap().to_luma8();
        let own = thumbnails[4].image.to_luma8();
        assert_eq!(images.get_pixel(32 + 3, 32 + 5), own.get_pixel(3, 5));
        assert_eq!(labels.get_pixel(32 + 20, 32 + 5).0, [1]);
        assert_eq!(labels.get_pixel(32 + 3, 32 + 5).0, [0]);
    }

    #[test]
    fn thumbnails_shrink_until_they_fit() {
        let thumbnails: Vec<Thumbnail> = (0..40).map(noise).collect();
        let sprite = pack(&thumbnails, 12_000).unwrap();
        assert!(sprite.images.len() + sprite.labels.len() <= 12_000);
        assert!(sprite.cell[0] < 32);
        assert!(pack(&thumbnails, 100).unwrap_err().to_string().contains("fewer samples"));
    }
}
