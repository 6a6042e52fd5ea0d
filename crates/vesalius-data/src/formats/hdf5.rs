//! HDF5: a dataset of numbers as an image or mask, read by the crate `hdf5-reader` (no C library).
//!
//! Axes and names are those of NumPy's arrays. Attributes are not read: no two projects agree where a spacing stands.

use super::arrays::{chosen, sides};
use super::contents::VolumeFile;
use super::guard::guarded;
use crate::volume::Volume;
use anyhow::{Context as _, Result, bail};
use hdf5_reader::group::Group;
use hdf5_reader::messages::datatype::Datatype;
use hdf5_reader::{Dataset, Hdf5File};
use std::collections::BTreeSet;

/// Groups within groups that are looked into.
const DEPTH: usize = 32;

/// Whether a file begins as one of HDF5 does.
pub(super) fn is_hdf5(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89HDF\r\n\x1a\n")
}

/// Reads a dataset: the only one that could be an image, or the first called as one of `names`.
///
/// # Errors
/// What is no dataset of numbers of two to four axes; filters and links into other files.
pub fn read(bytes: &[u8], names: &[&str]) -> Result<VolumeFile> {
    guarded(|| {
        let file = Hdf5File::from_bytes(bytes).context("not an HDF5 file")?;
        let mut found = vec![];
        let first = file.root_group().context("its first group")?;
        gather(&first, "", &mut BTreeSet::from([first.address()]), &mut found)?;
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        let at = chosen("datasets", &paths, names)?;
        let (path, dataset) = &found[at];
        volume(dataset, bytes.len()).with_context(|| format!("dataset {path}"))
    })
}

/// All datasets with at least two axes, with their paths: each once, whatever names it has, and links may lead in circles.
fn gather(
    group: &Group,
    before: &str,
    seen: &mut BTreeSet<u64>,
    found: &mut Vec<(String, Dataset)>,
) -> Result<()> {
    if before.matches('/').count() > DEPTH {
        bail!("groups within groups, expected at most {DEPTH}");
    }
    let (groups, datasets) =
        group.members().with_context(|| format!("group `{}`", before.trim_end_matches('/')))?;
    found.extend(
        datasets
            .into_iter()
            .filter(|dataset| dataset.shape().len() > 1 && seen.insert(dataset.address()))
            .map(|dataset| (format!("{before}{}", dataset.name()), dataset)),
    );
    for group in groups {
        if seen.insert(group.address()) {
            gather(&group, &format!("{before}{}/", group.name()), seen, found)?;
        }
    }
    Ok(())
}

/// Numbers that a byte of a file may stand for: deflate makes a thousand bytes of one. A header alone, whose chunks were
/// never written, could ask for any memory.
const MOST: usize = 2000;

fn volume(dataset: &Dataset, file_bytes: usize) -> Result<VolumeFile> {
    let shape = dataset.shape();
    let sides = sides(shape)?;
    if sides.iter().product::<usize>() > file_bytes.saturating_mul(MOST) {
        bail!(
            "shape {shape:?} in a file of {file_bytes} bytes, expected no more than those can hold"
        );
    }
    let values = numbers(dataset)?;
    // What 8 bits can hold is their range; of other numbers nothing is known.
    let full_range = matches!(dataset.dtype(), Datatype::FixedPoint { size: 1, signed: false, .. })
        .then_some([0.0, 255.0]);
    let volume = Volume { full_range, ..Volume::new(sides, values) };
    Ok(VolumeFile { volume, spacing_mm: None, geometry: None })
}

/// All numbers as f32, rows of the last axis one after the other.
fn numbers(dataset: &Dataset) -> Result<Vec<f32>> {
    macro_rules! of {
        ($kind:ty) => {
            dataset.read_array::<$kind>()?.into_iter().map(|value| value as f32).collect()
        };
    }
    let is_truth = |base: &Datatype| matches!(base, Datatype::FixedPoint { size: 1, .. });
    Ok(match dataset.dtype() {
        Datatype::FixedPoint { size, signed, .. } => match (size, signed) {
            (1, false) => of!(u8),
            (1, true) => of!(i8),
            (2, false) => of!(u16),
            (2, true) => of!(i16),
            (4, false) => of!(u32),
            (4, true) => of!(i32),
            (8, false) => of!(u64),
            (8, true) => of!(i64),
            _ => bail!("integers of {size} bytes, expected 1, 2, 4 or 8"),
        },
        Datatype::FloatingPoint { size: 4, .. } => of!(f32),
        Datatype::FloatingPoint { size: 8, .. } => of!(f64),
        // What h5py makes of true and false.
        Datatype::Enum { base, .. } if is_truth(base) => {
            dataset.read_raw_bytes()?.into_iter().map(f32::from).collect()
        }
        Datatype::FloatingPoint { size, .. } => bail!("floats of {size} bytes, expected 4 or 8"),
        _ => bail!("a dataset that holds no numbers, expected integers or floats"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::arrays::{IMAGES, MASKS};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use std::io::Read as _;

    #[derive(Deserialize)]
    struct Golden {
        cases: BTreeMap<String, Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        file: String,
        image: Option<Array>,
        mask: Option<Array>,
        error: Option<String>,
    }

    #[derive(Deserialize)]
    struct Array {
        shape: [usize; 3],
        values: Vec<f32>,
    }

    impl Case {
        fn bytes(&self) -> Vec<u8> {
            let packed = STANDARD.decode(&self.file).unwrap();
            let mut bytes = vec![];
            flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
            bytes
        }
    }

    /// What h5py wrote and reads: `golden/arrays.py`.
    fn golden() -> BTreeMap<String, Case> {
        let text = include_str!("../../../../golden/arrays.json");
        serde_json::from_str::<Golden>(text).unwrap().cases
    }

    #[test]
    fn numbers_are_those_that_h5py_reads() {
        let mut compared = 0;
        for (name, case) in golden() {
            let roles = [(&case.image, &IMAGES[..]), (&case.mask, &MASKS[..])];
            for (array, names) in roles {
                let Some(array) = array else { continue };
                let found = read(&case.bytes(), names).unwrap_or_else(|e| panic!("{name}: {e:#}"));
                let volume = found.volume;
                assert_eq!([volume.slices, volume.height, volume.width], array.shape, "{name}");
                assert_eq!((volume.channels, volume.values), (1, array.values.clone()), "{name}");
                compared += 1;
            }
        }
        assert_eq!(compared, 13);
    }

    #[test]
    fn other_files_are_refused_in_a_line() {
        let mut refused = 0;
        for (name, case) in golden() {
            let Some(part) = &case.error else { continue };
            let error = format!("{:#}", read(&case.bytes(), &IMAGES).unwrap_err());
            assert!(error.contains(part) && !error.contains('\n'), "{name}: {error}");
            refused += 1;
        }
        assert_eq!(refused, 10);
    }

    proptest! {
        #[test]
        fn a_damaged_file_ends_in_an_image_or_an_error(
            at in 0_usize..6000,
            byte in any::<u8>(),
            length in 0_usize..8000,
        ) {
            for name in ["nested", "latest"] {
                let mut bytes = golden()[name].bytes();
                let end = bytes.len();
                bytes[at % end] = byte;
                bytes.truncate(if length < end { length } else { end });
                let _ = read(&bytes, &IMAGES);
            }
        }
    }
}
