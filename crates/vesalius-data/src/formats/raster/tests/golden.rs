//! Orientation and truncation against PIL: `golden/orientation.py`.

use super::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    turned: Vec<Turned>,
    cut: Vec<Cut>,
}

#[derive(Deserialize)]
struct Turned {
    kind: String,
    tag: u8,
    file: String,
    pixels: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Cut {
    kind: String,
    file: String,
    read_from: usize,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../../../golden/orientation.json")).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn all_eight_orientations_of_every_format_are_shown_as_pil_shows_them() {
    let turned = golden().turned;
    assert_eq!(turned.len(), 8 * 9);
    for Turned { kind, tag, file, pixels } in turned {
        let read = image_noted(&bytes(&file)).unwrap();
        let [height, width] = [pixels.len(), pixels[0].len()];
        assert_eq!([read.value.height, read.value.width], [height, width], "{kind} {tag}");
        assert_eq!(read.orientation, tag, "{kind}");
        let tolerance = if kind.starts_with("jpeg") { 1.0 } else { 0.0 };
        for (found, expected) in read.value.values.iter().zip(pixels.concat()) {
            assert!((found - expected).abs() <= tolerance, "{kind} {tag}: {found}, {expected}");
        }
        let note = format!("stored turned, orientation tag {tag} applied");
        assert_eq!(read.notes, if tag == 1 { vec![] } else { vec![note] }, "{kind}");
        // A mask's own tag is applied to the mask.
        if !kind.starts_with("jpeg") {
            let labels = mask_noted(&bytes(&file), 256).unwrap();
            let values: Vec<f32> = labels.value.values.iter().map(|v| f32::from(*v)).collect();
            assert_eq!((labels.orientation, values), (tag, pixels.concat()), "{kind} {tag}");
        }
    }
}

#[test]
fn a_jpeg_is_refused_wherever_it_is_cut_and_what_follows_its_end_is_ignored() {
    for Cut { kind, file, read_from } in golden().cut {
        let whole = bytes(&file);
        let pixels = image(&whole).unwrap();
        for length in 2..read_from {
            let error = image(&whole[..length]).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains("truncated JPEG"), "{kind}, {length} bytes: {error}");
            // The rest of a download that was never written.
            let mut zeros = whole[..length].to_vec();
            zeros.resize(whole.len() + 100, 0);
            assert!(image(&zeros).is_err(), "{kind}, zeros from {length}");
        }
        let followed = [whole.as_slice(), b"\xFF\xD8 more, and \xFF\xD9"].concat();
        assert_eq!(image(&followed).unwrap(), pixels, "{kind}");
    }
}
