//! A pack seen as a fold, as a part or with other masks: its manifest and the order of its records, while the file stays
//! as it is.

use super::manifest::{Manifest, Provenance, Split};
use super::reader::{Pack, PackError, invalid};
use super::turned::{Axis, Turned};
use super::view::{self, View};
use std::collections::BTreeSet;
use std::path::Path;

/// What a pack is a view of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenAs {
    /// The fold.
    pub fold: Option<InFold>,
    /// Some of the training patients.
    pub patients: Option<Few>,
    /// Pairs of the synthetic pack of which these are the first.
    pub first_of: Option<usize>,
    /// Whether masks are those of other images.
    pub shuffled: bool,
    /// Planes of each volume, where the planes are the slices.
    pub planes: Option<usize>,
}

/// Some of the training patients of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Few {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// Digest of the pack with all of them.
    pub whole: String,
}

/// A fold of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFold {
    /// Which, from 0.
    pub number: usize,
    /// Of how many.
    pub of: usize,
    /// Digest of the pack as a whole.
    pub whole: String,
}

impl Pack {
    /// The pack, seen so.
    pub(super) fn see(mut self, view: View, path: &Path) -> Result<Self, PackError> {
        let refused = |found: String| Err(invalid(&self.path, format!("{view}: {found}")));
        let real = matches!(self.manifest.provenance, Provenance::Real { .. });
        match view {
            View::Fold(_) | View::Patients(_) if !real => {
                return refused("made by a generator, expected a pack of real images".to_owned());
            }
            View::First(_) | View::Shuffled if real => {
                return refused("real images, expected a synthetic pack".to_owned());
            }
            View::Fold(number) => {
                let of = self.manifest.folds();
                if of == 0 {
                    let found = format!("no folds, but --fold {number}");
                    return refused(format!("{found}; expected a pack of `prepare --folds`"));
                }
                if number >= of {
                    return refused(format!("--fold {number}, expected 0 to {}", of - 1));
                }
                if self.seen_as != SeenAs::default() {
                    return refused("expected the fold first: PACK/fold-0/patients-4".to_owned());
                }
                self.manifest.enter_fold(number);
                self.seen_as.fold = Some(InFold { number, of, whole: self.digest.clone() });
            }
            View::Patients(count) => {
                let order = view::nested(&self.manifest);
                if count == 0 || count > order.len() || self.seen_as.patients.is_some() {
                    return refused(format!("expected 1 to {} training patients", order.len()));
                }
                let some: BTreeSet<String> =
                    order[..count].iter().map(|name| (*name).to_owned()).collect();
                let of = order.len();
                self.seen_as.patients = Some(Few { count, of, whole: self.digest.clone() });
                self.keep(|manifest, i| {
                    let case = manifest.case(i);
                    case.split != Split::Train || some.contains(&case.patient)
                });
            }
            View::First(count) => {
                if count == 0 || count > self.len() || self.seen_as.first_of.is_some() {
                    return refused(format!("expected 1 to {} pairs", self.len()));
                }
                self.seen_as.first_of = Some(self.len());
                self.keep(|_, i| i < count);
            }
            View::Slices { .. } if !self.slice_shape().is_volume() => {
                return refused("slices already, expected a pack of volumes".to_owned());
            }
            View::Slices { axis, every } => {
                let shape = self.slice_shape();
                let [count, ..] = axis.order([shape.planes, shape.height, shape.width]);
                if every > count {
                    let what = axis.order(["planes", "rows", "columns"])[0];
                    return refused(format!(
                        "every {every}{} of {count} {what}, expected at most {count}",
                        nth(every)
                    ));
                }
                if axis != Axis::Z {
                    // Laid out slice by slice, in the order of the volumes as they are seen.
                    self.turned = Some(Turned::of(&self, axis)?);
                    self.records = None;
                }
                let each = |[pixels, labels]: [usize; 2]| {
                    (0..count).map(move |at| [pixels * count + at, labels * count + at])
                };
                self.records = Some(self.places().into_iter().flat_map(each).collect());
                self.manifest.turn(axis);
                self.manifest.take_apart();
                // The middle one of each so many.
                self.keep(|manifest, i| manifest.slices[i].position % count % every == every / 2);
                self.seen_as.planes = Some(count);
            }
            View::Shuffled => {
                if self.len() < 2 || self.seen_as.shuffled {
                    return refused("expected several pairs, each with its mask".to_owned());
                }
                self.seen_as.shuffled = true;
                let before = self.places();
                // By the slices alone: the manifest knows on which pack a generator was trained, with its test masks.
                let from = view::derangement(self.len(), &self.manifest.data_sha256);
                let places = before.iter().zip(from).map(|(own, i)| [own[0], before[i][1]]);
                self.records = Some(places.collect());
            }
        }
        self.digest = view.digest(&self.digest);
        path.clone_into(&mut self.path);
        Ok(self)
    }

    /// Where the pixels and labels of each slice lie.
    fn places(&self) -> Vec<[usize; 2]> {
        self.records.clone().unwrap_or_else(|| (0..self.len()).map(|i| [i, i]).collect())
    }

    fn keep(&mut self, kept: impl Fn(&Manifest, usize) -> bool) {
        let slices: Vec<usize> = (0..self.len()).filter(|&i| kept(&self.manifest, i)).collect();
        let places = self.places();
        self.records = Some(slices.iter().map(|&i| places[i]).collect());
        self.manifest.keep(&slices);
    }

    /// Refuses a pack with folds that was not opened in one of them, where it is to train or judge.
    ///
    /// # Errors
    /// Names the pack and its folds.
    pub fn in_a_fold(&self) -> anyhow::Result<()> {
        match (self.manifest.folds(), &self.seen_as.fold) {
            (0, _) | (_, Some(_)) => Ok(()),
            (folds, None) => anyhow::bail!(
                "{}: {folds} folds, expected one of them: --fold 0 to {}",
                self.path.display(),
                folds - 1
            ),
        }
    }

    /// What it is a view of.
    pub fn seen_as(&self) -> &SeenAs {
        &self.seen_as
    }
}

/// Ending of an ordinal number.
fn nth(number: usize) -> &'static str {
    match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::PackWriter;
    use crate::pack::manifest::{CaseRecord, PixelType, SliceRecord, SliceShape};

    /// Three training patients with two slices each, of two groups, and one who tests; pixels and labels say the slice.
    fn write(target: &Path, provenance: Provenance) {
        let slice_shape =
            SliceShape { channels: 1, planes: 1, height: 1, width: 1, pixel_type: PixelType::U8 };
        let mut writer = PackWriter::create(target, slice_shape).unwrap();
        for i in 0..8_u8 {
            let slice = SliceRecord { case: usize::from(i / 2), position: usize::from(i % 2) };
            writer.push(&[i], &[i], slice).unwrap();
        }
        let case = |(i, name): (usize, &str)| {
            let split = if i == 3 { Split::Test } else { Split::Train };
            let group = Some(if i == 1 { "b" } else { "a" }.to_owned());
            CaseRecord { group, ..CaseRecord::new(name, name, split) }
        };
        let classes = (0..8).map(|class| format!("class {class}")).collect();
        let cases = ["p", "q", "r", "t"].into_iter().enumerate().map(case).collect();
        let manifest = Manifest::new("test", classes, slice_shape, provenance);
        writer.finish(Manifest { cases, ..manifest }).unwrap();
    }

    fn made() -> Provenance {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat/synthetic-1");
        Pack::open(Path::new(path)).unwrap().manifest().provenance.clone()
    }

    fn pairs(pack: &Pack) -> Vec<(u8, u8)> {
        let of = |i| pack.slice(i).map(|slice| (slice.pixels[0], slice.labels[0])).unwrap();
        (0..pack.len()).map(of).collect()
    }

    #[test]
    fn fewer_patients_train_and_all_others_stay_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        write(&path, Provenance::real("folder", "seed 1"));
        let open = |name: &str| Pack::open(&path.join(name));
        let mut before = BTreeSet::new();
        for count in 1..=3 {
            let few = open(&format!("patients-{count}")).unwrap();
            let train: BTreeSet<String> =
                few.manifest().patients(Split::Train).into_iter().map(str::to_owned).collect();
            assert_eq!(train.len(), count);
            assert!(train.is_superset(&before), "each number holds all smaller ones");
            assert_eq!(few.manifest().patients(Split::Test), BTreeSet::from(["t"]));
            assert_eq!(few.len(), 2 * count + 2);
            assert!(pairs(&few).iter().all(|(pixel, label)| pixel == label));
            assert_eq!(few.seen_as().patients.as_ref().unwrap().count, count);
            before = train;
        }
        let two = open("patients-2").unwrap();
        let groups: BTreeSet<_> = two.manifest().cases.iter().map(|case| &case.group).collect();
        assert_eq!(groups.len(), 2, "one of each group before a second of one");
        assert_ne!(two.digest(), open("patients-3").unwrap().digest());
        for (name, parts) in [
            ("patients-0", "expected 1 to 3 training patients"),
            ("patients-4", "expected 1 to 3 training patients"),
            ("patients-3/patients-2", "expected 1 to 3"),
            ("first-2", "real images, expected a synthetic pack"),
            ("shuffled", "real images"),
            ("fold-0", "no folds"),
        ] {
            let error = open(name).unwrap_err().to_string();
            assert!(
                error.contains(parts) && error.contains(name.rsplit('/').next().unwrap()),
                "{error}"
            );
        }
    }

    #[test]
    fn planes_of_volumes_are_slices_and_whoever_expects_slices_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let shape =
            SliceShape { channels: 2, planes: 3, height: 1, width: 2, pixel_type: PixelType::U8 };
        let mut writer = PackWriter::create(&path, shape).unwrap();
        for volume in 0..4_u8 {
            let pixels: Vec<u8> = (0..12).map(|i| 20 * volume + i).collect();
            let labels: Vec<u8> = (0..6).map(|i| (i + volume) % 2).collect();
            let record = SliceRecord { case: usize::from(volume), position: 0 };
            writer.push(&pixels, &labels, record).unwrap();
        }
        let cases = (0..4).map(|i| {
            let split = if i == 3 { Split::Test } else { Split::Train };
            CaseRecord::new(format!("c{i}"), format!("p{i}"), split)
        });
        let classes = ["background", "organ"].map(str::to_owned).to_vec();
        let manifest = Manifest::new("test", classes, shape, Provenance::real("folder", "seed 1"));
        writer.finish(Manifest { cases: cases.collect(), ..manifest }).unwrap();

        let error = Pack::open(&path).unwrap_err().to_string();
        assert!(error.contains("a pack of volumes (3x1x2), expected slices"), "{error}");
        assert!(error.contains("pack/slices are its planes"), "{error}");
        let whole = Pack::open_any(&path).unwrap();
        assert_eq!((whole.len(), whole.slice_shape()), (4, shape));
        assert_eq!(whole.slice(2).unwrap().pixels, (40..52).collect::<Vec<u8>>());
        let planes = Pack::open(&path.join("slices")).unwrap();
        assert_eq!((planes.len(), planes.slice_shape().planes, planes.stored()), (12, 1, shape));
        let last = planes.slice(7).unwrap();
        assert_eq!((last.pixels, last.labels), (&[44, 45, 46, 47][..], &[0, 1][..]));
        assert_eq!(planes.manifest().slices[7], SliceRecord { case: 2, position: 1 });
        assert_ne!(planes.digest(), whole.digest());
        let few = Pack::open(&path.join("patients-2/slices")).unwrap();
        let other_way = Pack::open(&path.join("slices/patients-2")).unwrap();
        for few in [&few, &other_way] {
            assert_eq!(few.len(), 9);
            let (a, b) = (few.slice(8).unwrap(), planes.slice(11).unwrap());
            assert_eq!((a.pixels, a.labels), (b.pixels, b.labels));
        }
        let error = Pack::open(&path.join("slices/slices")).unwrap_err().to_string();
        assert!(error.contains("slices already"), "{error}");
        // An older program has to refuse it, and a damaged number of planes is found.
        let bytes = std::fs::read(path.join("slices.bin")).unwrap();
        assert_eq!(bytes[8..12], 2_u32.to_le_bytes());
        assert_eq!(bytes[28..32], 3_u32.to_le_bytes());
    }

    #[test]
    fn pairs_of_a_synthetic_pack_are_counted_off_and_their_masks_dealt_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        write(&path, made());
        let open = |name: &str| Pack::open(&path.join(name));
        let three = open("first-3").unwrap();
        assert_eq!(pairs(&three), [(0, 0), (1, 1), (2, 2)]);
        assert_eq!((three.seen_as().first_of, three.manifest().cases.len()), (Some(8), 2));
        let shuffled = pairs(&open("shuffled").unwrap());
        assert!(shuffled.iter().all(|(pixel, label)| pixel != label));
        let labels: BTreeSet<u8> = shuffled.iter().map(|pair| pair.1).collect();
        assert_eq!(labels.len(), 8);
        let both = open("first-3/shuffled").unwrap();
        let seen: BTreeSet<u8> = pairs(&both).iter().flat_map(|pair| [pair.0, pair.1]).collect();
        assert_eq!(seen, BTreeSet::from([0, 1, 2]));
        for (name, parts) in [
            ("first-9", "expected 1 to 8 pairs"),
            ("patients-1", "made by a generator"),
            ("first-1/shuffled", "several"),
        ] {
            let error = open(name).unwrap_err().to_string();
            assert!(error.contains(parts), "{error}");
        }
        let mut bytes = std::fs::read(path.join("slices.bin")).unwrap();
        let at = 64 + 2 * 7;
        bytes[at] ^= 1;
        std::fs::write(path.join("slices.bin"), bytes).unwrap();
        assert_eq!(pairs(&open("first-7").unwrap()).len(), 7);
        assert!(open("first-8").unwrap().slice(7).is_err(), "checked by where it lies");
    }
}
