//! Image and mask of one examination, brought onto one grid by what their headers say.

use super::geometry::{Alignment, Geometry};
use crate::volume::Labels;
use anyhow::{Result, bail};

/// How a file without position and direction is taken.
const NO_GEOMETRY: &str =
    "its header or its image's says neither position nor direction: taken voxel on voxel";

/// Labels in the order of the image's voxels, and what had to be done for it.
///
/// # Errors
/// When the two do not cover one grid: both are named.
pub fn lay_on(
    labels: Labels,
    mask: Option<Geometry>,
    image: Option<Geometry>,
) -> Result<(Labels, Option<String>)> {
    let (alignment, note) = alignment("mask", mask, image)?;
    let Some(alignment) = alignment else {
        return Ok((labels, note.map(|note| format!("mask: {note}"))));
    };
    let [width, height, slices] = image.map_or([0; 3], |image| image.size);
    let values = alignment.apply(&labels.values);
    Ok((Labels { slices, height, width, values }, note.map(|note| format!("mask: {note}"))))
}

/// How voxels of `other` (a `mask` or `channel`) are brought into the order of `image`: `None` where they are in it.
///
/// # Errors
/// When the two do not cover one grid.
pub fn alignment(
    what: &str,
    other: Option<Geometry>,
    image: Option<Geometry>,
) -> Result<(Option<Alignment>, Option<String>)> {
    let (other, image) = match (other, image) {
        (Some(other), Some(image)) => (other, image),
        (None, None) => return Ok((None, None)),
        _ => return Ok((None, Some(NO_GEOMETRY.to_owned()))),
    };
    let sorted = |mut size: [usize; 3]| {
        size.sort_unstable();
        size
    };
    // Other numbers of voxels are refused by their shape, which says it shorter.
    if sorted(other.size) != sorted(image.size) {
        return Ok((None, None));
    }
    let Some(alignment) = image.onto(&other) else {
        bail!("{what} of {other}, expected {image} as its image: the two do not cover one grid");
    };
    if alignment.is_identity() {
        return Ok((None, None));
    }
    let note = format!("brought onto its image's grid ({alignment})");
    Ok((Some(alignment), Some(note)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(x_step: f64, x_from: f64) -> Option<Geometry> {
        Geometry {
            size: [2, 1, 1],
            origin_mm: [x_from, 0.0, 0.0],
            steps_mm: [[x_step, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        }
        .checked()
    }

    fn labels() -> Labels {
        Labels { slices: 1, height: 1, width: 2, values: vec![1, 2] }
    }

    #[test]
    fn a_mask_from_right_to_left_is_turned_around_and_said() {
        let (found, note) = lay_on(labels(), grid(-1.0, 1.0), grid(1.0, 0.0)).unwrap();
        assert_eq!(found.values, [2, 1]);
        assert_eq!(note.unwrap(), "mask: brought onto its image's grid (columns reversed)");
        let (found, note) = lay_on(labels(), grid(1.0, 0.4), grid(1.0, 0.0)).unwrap();
        assert_eq!((found.values, note), (vec![1, 2], None));
        assert!(lay_on(labels(), grid(1.0, 1.0), grid(1.0, 0.0)).is_err());
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        shape: [usize; 3],
        cases: Vec<GoldenPair>,
    }

    #[derive(serde::Deserialize)]
    struct GoldenPair {
        name: String,
        image: String,
        mask: String,
        /// On the image's grid; none where SimpleITK's resampling is no reordering.
        labels: Option<Vec<u8>>,
    }

    /// Values as labels, and geometry, of a NIfTI or MetaImage file as base64.
    fn read(text: &str, shape: [usize; 3]) -> (Labels, Option<Geometry>) {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let file = if bytes.starts_with(b"NDims") {
            crate::formats::metaimage::parse_local(&bytes).unwrap()
        } else {
            crate::formats::nifti::parse(&bytes).unwrap()
        };
        let labels = file.labels().unwrap();
        assert_eq!(labels.values.len(), shape.iter().product::<usize>());
        (labels, file.geometry)
    }

    #[test]
    fn masks_lie_on_their_images_as_simpleitk_resamples_them() {
        let text = include_str!("../../../../golden/geometry.json");
        let golden: Golden = serde_json::from_str(text).unwrap();
        for GoldenPair { name, image, mask, labels } in golden.cases {
            let (_, image) = read(&image, golden.shape);
            let (stored, mask) = read(&mask, golden.shape);
            let found = lay_on(stored, mask, image);
            match labels {
                Some(expected) => {
                    let (found, _) = found.unwrap_or_else(|error| panic!("{name}: {error}"));
                    assert_eq!([found.slices, found.height, found.width], golden.shape, "{name}");
                    assert_eq!(found.values, expected, "{name}");
                }
                None => assert!(found.is_err(), "{name}: {:?}", found.unwrap().0.values),
            }
        }
    }

    #[test]
    fn a_header_that_says_nothing_is_said() {
        let (found, note) = lay_on(labels(), None, grid(1.0, 0.0)).unwrap();
        assert_eq!(found, labels());
        assert!(note.unwrap().contains("voxel on voxel"));
        assert_eq!(lay_on(labels(), None, None).unwrap().1, None);
    }
}
