use super::super::overlap::{made_and_both_sides, made_and_side, training_and_test};
use super::*;
use crate::pack::PackWriter;
use crate::pack::manifest::{PixelType, SliceRecord, SliceShape};
use std::path::Path;

/// Patients by name with their slices and side.
type Who<'a> = &'a [(&'a str, &'a [&'a str], Split)];

fn write(path: &Path, dataset: &str, who: Who, provenance: Provenance) -> Pack {
    let slice_shape =
        SliceShape { channels: 1, planes: 1, height: 1, width: 2, pixel_type: PixelType::U8 };
    let mut writer = PackWriter::create(path, slice_shape).unwrap();
    let mut cases = vec![];
    for (case, (patient, slices, split)) in who.iter().enumerate() {
        writer.push(&[1, 2], &[0, 1], SliceRecord { case, position: 0 }).unwrap();
        cases.push(CaseRecord {
            source_slices: slices.iter().map(|s| (*s).to_owned()).collect(),
            ..CaseRecord::new(format!("{patient}_1"), *patient, *split)
        });
    }
    let manifest = Manifest {
        cases,
        ..Manifest::new(dataset, vec!["background".into(), "disc".into()], slice_shape, provenance)
    };
    writer.finish(manifest).unwrap();
    Pack::open(path).unwrap()
}

fn real(path: &Path, dataset: &str, who: Who) -> Pack {
    let provenance = Provenance::real("folder", "seed 1");
    write(path, dataset, who, provenance)
}

/// Of a generator that was trained on `of`; of an older version if `old`.
fn made(path: &Path, of: &Pack, old: bool) -> Pack {
    let mut provenance = Provenance::made("lsgan", of.digest());
    if let Provenance::Synthetic { seen: whom, .. } = &mut provenance
        && !old
    {
        *whom = seen(persons(of.manifest(), Split::Train));
    }
    write(path, "d", &[("lsgan_0", &[], Split::Train)], provenance)
}

use Split::{Test, Train};

#[test]
fn test_patients_who_train_elsewhere_are_found_by_images_and_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let first =
        real(&at("1"), "d", &[("a", &["1"], Train), ("b", &["2"], Train), ("c", &["3"], Test)]);
    let other_split =
        real(&at("2"), "d", &[("a", &["1"], Test), ("b", &["2"], Train), ("c", &["3"], Train)]);
    let overlap = |train: &[&Pack], test: &Pack| training_and_test(train, test).overlap.join("");
    assert_eq!(overlap(&[&first], &first), "");
    let text = overlap(&[&first], &other_split);
    assert!(text.contains("1 patient of") && text.ends_with(": a"), "{text}");
    // Renamed folders: the images tell.
    let renamed = real(&at("3"), "e", &[("x", &["9", "1"], Test), ("y", &["8"], Train)]);
    let text = overlap(&[&first], &renamed);
    assert!(text.ends_with(": a (here x)"), "{text}");
    // Another preparation: the names tell, if the dataset is called the same.
    let corrected = real(&at("4"), "d", &[("a", &["7"], Test), ("y", &["6"], Train)]);
    let text = overlap(&[&first], &corrected);
    assert!(text.contains(": a (by their names"), "{text}");
    let namesake = real(&at("5"), "f", &[("a", &["5"], Test), ("y", &["4"], Train)]);
    let meeting = training_and_test(&[&first], &namesake);
    assert!(meeting.overlap.is_empty() && meeting.notes[0].starts_with("a: "), "{meeting:?}");
}

#[test]
fn a_generator_carries_the_patients_that_it_saw() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let who: Who = &[("a", &["1"], Train), ("b", &["2"], Train), ("c", &["3"], Test)];
    let first = real(&at("1"), "d", who);
    let resized = real(&at("2"), "d", who);
    let other =
        real(&at("3"), "d", &[("a", &["1"], Test), ("b", &["2"], Train), ("c", &["3"], Train)]);
    let apart = real(&at("4"), "e", &[("x", &["8"], Test), ("y", &["9"], Train)]);
    let made_of_first = made(&at("5"), &first, false);
    let old = made(&at("6"), &first, true);
    assert!(training_and_test(&[&made_of_first], &first).overlap.is_empty());
    let text = training_and_test(&[&made_of_first], &other).overlap.join("");
    assert!(text.contains("its generator was trained on them") && text.ends_with(": a"), "{text}");
    // What an older version does not say is told by the pack itself, or not at all.
    assert!(training_and_test(&[&old], &first).overlap.is_empty());
    assert!(training_and_test(&[&old, &first], &other).overlap[0].ends_with(": a"));
    assert!(training_and_test(&[&old], &other).overlap[0].contains("cannot be told"));

    for pack in [&made_of_first, &old] {
        assert_eq!(relation(&first, pack), Relation::Trained);
    }
    assert_eq!(relation(&resized, &made_of_first), Relation::Trained);
    assert_eq!(relation(&apart, &made_of_first), Relation::Apart);
    let text = made_and_both_sides(&other, &made_of_first).overlap.join("");
    for part in [
        "1 patient test here, though its generator saw them: a",
        "1 patient train here, though it did not see them: c",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(made_and_both_sides(&other, &old).overlap[0].contains("was trained on the pack"));
    assert!(
        made_and_both_sides(&apart, &made_of_first).overlap[0].contains("none of the patients")
    );
    assert!(made_and_side(&other, &made_of_first, Test).overlap[0].contains("held out there"));
    let train = made_and_side(&other, &made_of_first, Train);
    assert!(
        train.overlap.is_empty() && train.notes[0].contains("some of its patients"),
        "{train:?}"
    );
    assert!(made_and_side(&first, &apart, Train).notes[1].contains("real images"));
}
