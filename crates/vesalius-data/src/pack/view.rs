//! Parts and variants of a pack by name. They are no folders: `PACK/fold-2` is the pack with those who test in fold 2 on
//! the test side, `PACK/patients-4` has 4 of its training patients, `PACK/first-300` the first 300 pairs of a synthetic
//! pack, in `PACK/shuffled` every image of one has the mask of another, `PACK/slices` are the planes of volumes, `PACK/slices-y`
//! and `PACK/slices-x` slices across their rows and columns, `PACK/slices-4` every fourth. Names follow each other:
//! `PACK/fold-0/patients-4`.

use super::manifest::{Manifest, Split};
pub use super::turned::Axis;
use crate::files::digest;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// One name below a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// `fold-N`: a fold, from 0, of a real pack.
    Fold(usize),
    /// `patients-K`: all sides of a real pack, but of the training patients only the first K of [`nested`].
    Patients(usize),
    /// `first-N`: of a synthetic pack.
    First(usize),
    /// `shuffled`: a synthetic pack whose masks were dealt out anew.
    Shuffled,
    /// `slices`, `slices-y`, `slices-x-4`: slices of a pack of volumes across an axis, every one or every so many.
    Slices {
        /// The axis.
        axis: Axis,
        /// One of so many.
        every: usize,
    },
}

/// As in paths.
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Fold(number) => write!(f, "fold-{number}"),
            Self::Patients(count) => write!(f, "patients-{count}"),
            Self::First(count) => write!(f, "first-{count}"),
            Self::Shuffled => f.write_str("shuffled"),
            Self::Slices { axis, every } => {
                f.write_str(match axis {
                    Axis::Z => "slices",
                    Axis::Y => "slices-y",
                    Axis::X => "slices-x",
                })?;
                if *every > 1 { write!(f, "-{every}") } else { Ok(()) }
            }
        }
    }
}

impl View {
    /// `slices`: the planes of a pack of volumes, each a slice.
    pub const PLANES: Self = Self::Slices { axis: Axis::Z, every: 1 };

    fn parse(name: &str) -> Option<Self> {
        match name {
            "shuffled" => return Some(Self::Shuffled),
            "slices" => return Some(Self::PLANES),
            "slices-y" => return Some(Self::Slices { axis: Axis::Y, every: 1 }),
            "slices-x" => return Some(Self::Slices { axis: Axis::X, every: 1 }),
            _ => {}
        }
        let (kind, number) = name.rsplit_once('-')?;
        let digits = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        if !digits || (number != "0" && number.starts_with('0')) {
            return None;
        }
        let number = number.parse().ok()?;
        match kind {
            "fold" => Some(Self::Fold(number)),
            "patients" => Some(Self::Patients(number)),
            "first" => Some(Self::First(number)),
            // Every one has a name of its own.
            _ if number < 2 => None,
            "slices" => Some(Self::Slices { axis: Axis::Z, every: number }),
            "slices-y" => Some(Self::Slices { axis: Axis::Y, every: number }),
            "slices-x" => Some(Self::Slices { axis: Axis::X, every: number }),
            _ => None,
        }
    }

    /// Digest of a pack with this digest, seen so: what was made of the one is not taken for the other's.
    pub fn digest(self, pack: &str) -> String {
        let text = match self {
            Self::Fold(number) => format!("{pack}/fold/{number}"),
            other => format!("{pack}/{other}"),
        };
        digest::of_bytes(text.as_bytes())
    }
}

/// What a path is a view of, and which; none where something lies there, or no pack above it.
pub fn of(path: &Path) -> Option<(&Path, View)> {
    let view = View::parse(path.file_name()?.to_str()?)?;
    let above = path.parent().filter(|_| !path.exists())?;
    (above.join("manifest.json").exists() || of(above).is_some()).then_some((above, view))
}

/// A view by name.
pub fn name(pack: &Path, view: View) -> PathBuf {
    pack.join(view.to_string())
}

/// The folder behind a path, whatever view of it the path names.
pub fn folder(path: &Path) -> &Path {
    of(path).map_or(path, |(above, _)| folder(above))
}

/// Whether a digest is that of a pack or of its planes: a generator of slices that are stacked to volumes was trained on
/// the planes of those that its images stand beside.
pub fn is_pack_or_planes(digest: &str, pack: &str) -> bool {
    digest == pack || digest == View::PLANES.digest(pack)
}

/// The fold that a path names, however it goes on.
pub fn fold(path: &Path) -> Option<usize> {
    match of(path)? {
        (_, View::Fold(number)) => Some(number),
        (above, _) => fold(above),
    }
}

/// Training patients in the order in which subsets take them, so that each holds all smaller ones: group by group in
/// turn, and within a group by the SHA-256 of the name, which tells nothing of a patient.
pub fn nested(manifest: &Manifest) -> Vec<&str> {
    let mut groups: BTreeMap<Option<&str>, BTreeSet<(String, &str)>> = BTreeMap::new();
    for i in manifest.indices(Split::Train) {
        let case = manifest.case(i);
        let drawn = digest::of_bytes(format!("patients/{}", case.patient).as_bytes());
        groups.entry(case.group.as_deref()).or_default().insert((drawn, &case.patient));
    }
    let mut groups: Vec<_> = groups.into_values().map(BTreeSet::into_iter).collect();
    let mut order = vec![];
    loop {
        let before = order.len();
        order.extend(groups.iter_mut().filter_map(|group| Some(group.next()?.1)));
        if order.len() == before {
            return order;
        }
    }
}

/// Of each of so many slices the one whose mask it gets: never its own, each once, drawn by a digest.
pub(super) fn derangement(count: usize, digest: &str) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_cached_key(|i| digest::of_bytes(format!("{digest}/{i}").as_bytes()));
    // Each hands its mask to the next in a drawn circle.
    let mut from = vec![0; count];
    for (position, &i) in order.iter().enumerate() {
        from[i] = order[(position + 1) % count];
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_a_name_below_a_pack_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let pack = folder.path().join("pack");
        std::fs::create_dir(&pack).unwrap();
        let fold = name(&pack, View::Fold(2));
        assert_eq!(of(&fold), None, "no pack");
        std::fs::write(pack.join("manifest.json"), "{}").unwrap();
        assert_eq!(of(&fold), Some((pack.as_path(), View::Fold(2))));
        let few = name(&fold, View::Patients(4));
        assert_eq!(few, pack.join("fold-2/patients-4"));
        assert_eq!(of(&few), Some((fold.as_path(), View::Patients(4))));
        assert_eq!((super::folder(&few), super::fold(&few)), (pack.as_path(), Some(2)));
        assert_eq!(of(&pack.join("shuffled")), Some((pack.as_path(), View::Shuffled)));
        for wrong in
            ["fold-", "fold-02", "fold-+2", "fold-2x", "folds-2", "first", "shuffled-1", "slices-1"]
        {
            assert_eq!(of(&pack.join(wrong)), None, "{wrong}");
        }
        std::fs::create_dir(&fold).unwrap();
        assert_eq!(of(&fold), None, "a folder of that name is that folder");
    }

    #[test]
    fn no_slice_keeps_its_mask_and_each_mask_goes_to_one() {
        for count in [2, 3, 100] {
            let from = derangement(count, &"ab".repeat(32));
            assert!(from.iter().enumerate().all(|(i, &other)| i != other));
            assert_eq!(from.iter().collect::<BTreeSet<_>>().len(), count);
        }
        assert_ne!(derangement(100, &"ab".repeat(32)), derangement(100, &"cd".repeat(32)));
    }
}
