//! NumPy's arrays as images and masks: `.npy`, and an array of `.npz`.
//!
//! Two axes are rows and columns, three are slices, rows and columns, four slices, channels, rows and columns. Nothing in
//! an array says where its voxels lie.

use super::contents::VolumeFile;
use super::guard::guarded;
use super::voxels::{Element, volume_bytes};
use crate::volume::Volume;
use anyhow::{Context as _, Result, anyhow, bail};
use npyz::npz::NpzArchive;
use npyz::{NpyFile, Order};
use std::io::{Cursor, Read};

/// Names of the array of an image or mask in an archive of several.
pub const IMAGES: [&str; 5] = ["image", "images", "img", "data", "arr_0"];
/// And of a mask.
pub const MASKS: [&str; 8] =
    ["mask", "masks", "label", "labels", "seg", "segmentation", "arr_1", "arr_0"];

/// Whether a file begins as an array or an archive of arrays does.
pub(super) fn is_array(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x93NUMPY") || bytes.starts_with(b"PK\x03\x04")
}

/// Reads an array, of an archive the only one or the first called as one of `names`.
///
/// # Errors
/// What is no array of numbers of two to four axes.
pub fn read(bytes: &[u8], names: &[&str]) -> Result<VolumeFile> {
    // The library multiplies sides before anybody can look at them.
    guarded(|| array_of(bytes, names))
}

fn array_of(bytes: &[u8], names: &[&str]) -> Result<VolumeFile> {
    if bytes.starts_with(b"\x93NUMPY") {
        return volume(NpyFile::new(Cursor::new(bytes)).context("not a NumPy array")?);
    }
    let mut archive = NpzArchive::new(Cursor::new(bytes)).context("not a NumPy archive")?;
    let all: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let borrowed: Vec<&str> = all.iter().map(String::as_str).collect();
    let name = all[chosen("arrays", &borrowed, names)?].clone();
    let found = archive.by_name(&name).with_context(|| format!("array {name}"))?;
    let array = found.with_context(|| format!("array {name}"))?;
    volume(array).with_context(|| format!("array {name}"))
}

/// Which of the arrays of a file is meant: the only one, or the first called as one of `names`, in a group or not.
pub(super) fn chosen(what: &str, all: &[&str], names: &[&str]) -> Result<usize> {
    let called = |name: &&str| {
        let last = |path: &&str| path.rsplit('/').next() == Some(*name);
        let found: Vec<usize> = (0..all.len()).filter(|&i| last(&all[i])).collect();
        match found[..] {
            [] => None,
            [one] => Some(Ok(one)),
            _ => Some(Err(anyhow!("several {what} are called {name}: {}", all.join(", ")))),
        }
    };
    match (all, names.iter().find_map(called)) {
        ([_], _) => Ok(0),
        (_, Some(at)) => at,
        ([], None) => bail!("no {what} of two axes or more"),
        _ => bail!("{what} {}, expected one, or one called {}", all.join(", "), names[0]),
    }
}

/// `[slices, channels, rows, columns]` of an array's sides, whose product fits into memory.
pub(super) fn sides(shape: &[u64]) -> Result<[usize; 4]> {
    let side = |side: &u64| usize::try_from(*side).context("sides of an array");
    let shape: Vec<usize> = shape.iter().map(side).collect::<Result<_>>()?;
    let sides = match shape[..] {
        // Few of what has to be many, and many of what has to be few: colour or sequences stand last.
        [rows, _, last] if last <= 4 && rows > 4 => bail!(
            "array of shape {shape:?}, expected slices, rows, columns: its last axis looks like channels; \
             numpy.moveaxis(array, -1, 0)[None] puts them where they are looked for"
        ),
        [h, w] => [1, 1, h, w],
        [s, h, w] => [s, 1, h, w],
        [s, c, h, w] => [s, c, h, w],
        _ => bail!(
            "array of shape {shape:?}, expected 2 axes (rows, columns) to 4 (slices, channels, rows, columns)"
        ),
    };
    volume_bytes(&shape, Element::F32)?;
    Ok(sides)
}

fn volume<R: Read>(array: NpyFile<R>) -> Result<VolumeFile> {
    let shape = array.shape();
    let sides = sides(shape)?;
    if array.order() != Order::C {
        bail!("an array in Fortran order, expected numpy.ascontiguousarray of it");
    }
    let (count, words) = (sides.iter().product::<usize>(), format!("{shape:?}"));
    let full_range = range(&array);
    let values = super::numbers::of(array)?;
    // Memory grows with what is there, not with what a header promises.
    let values: Vec<f32> =
        values.take(count).collect::<Result<_, _>>().context("values of an array")?;
    if values.len() != count {
        bail!("{} values, expected {count} for shape {words}: truncated", values.len());
    }
    let volume = Volume { full_range, ..Volume::new(sides, values) };
    Ok(VolumeFile { volume, spacing_mm: None, geometry: None })
}

/// What 8 bits can hold is their range; of other numbers nothing is known.
fn range<R: Read>(array: &NpyFile<R>) -> Option<[f32; 2]> {
    (array.dtype().descr().trim_matches('\'') == "|u1").then_some([0.0, 255.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn axes_are_rows_and_columns_last_and_slices_first() {
        for (shape, expected) in
            [("(2, 3)", [1, 1, 2, 3]), ("(1, 2, 3)", [1, 1, 2, 3]), ("(1, 2, 1, 3)", [1, 2, 1, 3])]
        {
            let found = read(&npy("|u1", shape, &[0, 1, 2, 3, 4, 255]), &IMAGES).unwrap().volume;
            assert_eq!([found.slices, found.channels, found.height, found.width], expected);
            assert_eq!(found.values, [0.0, 1.0, 2.0, 3.0, 4.0, 255.0]);
            assert_eq!(found.full_range, Some([0.0, 255.0]));
        }
    }

    #[test]
    fn other_arrays_are_refused_in_a_line() {
        for (array, part) in [
            (npy("|u1", "(6,)", &[0; 6]), "expected 2 axes"),
            (npy("|u1", "(8, 8, 3)", &[0; 192]), "looks like channels"),
            (npy("<c8", "(2, 2)", &[0; 32]), "expected integers or floats"),
            (npy("<i2", "(2, 2)", &[0; 7]), "values of an array"),
            (npy("<i2", "(99999999, 99999999, 99999999)", &[0; 8]), "overflow"),
            (b"PK\x03\x04".to_vec(), "not a NumPy archive"),
        ] {
            let error = format!("{:#}", read(&array, &IMAGES).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
