use super::*;
use crate::formats::dicom::built::{Built, write_mask};

/// A patient of slices `0.dcm`, `1.dcm`, … with masks of equal names: the `k`-th labels pixel `k`.
fn write_patient(root: &Path, patient: &str, slices: &[Built]) {
    for (k, slice) in slices.iter().enumerate() {
        slice.write(&root.join(patient).join(format!("CT/{k}.dcm")));
        write_mask(&root.join(patient).join(format!("Ground/{k}.png")), k);
    }
}

fn load(slices: &[Built]) -> Result<Case> {
    let folder = tempfile::tempdir().unwrap();
    write_patient(folder.path(), "patient1", slices);
    read_patient(folder.path())
}

fn read_patient(root: &Path) -> Result<Case> {
    let source = Dicom::new(root, &SourceOptions::default());
    let cases = source.cases()?.cases;
    assert_eq!((cases.len(), cases[0].patient.as_str()), (1, "patient1"));
    source.load(&cases[0], &mut Reader::new(root))
}

#[test]
fn slices_are_ordered_along_their_normal_with_their_masks_and_in_hounsfield_units() {
    let at = |k: i16, position: &str| Built::slice(k).text((0x20, 0x32), "DS", position);
    let unplaced = |k: i16| Built::slice(k).without((0x20, 0x32));
    let sagittal =
        |k: i16, position: &str| at(k, position).text((0x20, 0x37), "DS", "0\\1\\0\\0\\0\\-1");
    for [first, second] in [
        [at(0, "0\\0\\30"), at(500, "0\\0\\-5")],
        // Rows along y, columns along -z: the normal is -x.
        [sagittal(0, "10\\0\\0"), sagittal(500, "20\\0\\0")],
        // Without positions their numbers decide.
        [unplaced(0).text((0x20, 0x13), "IS", "2"), unplaced(500).text((0x20, 0x13), "IS", "1")],
    ] {
        let case = load(&[first, second]).unwrap();
        let volume = &case.volume;
        assert_eq!([volume.slices, volume.channels, volume.height, volume.width], [2, 1, 2, 3]);
        assert_eq!(volume.plane(0, 0), [0.0, -998.0, -996.0, -994.0, -992.0, -990.0]);
        assert_eq!(volume.plane(1, 0), [-1000.0, -998.0, -996.0, -994.0, -992.0, -990.0]);
        assert_eq!(case.labels.plane(0), [0, 1, 0, 0, 0, 0]);
        assert_eq!(case.labels.plane(1), [1, 0, 0, 0, 0, 0]);
        assert_eq!(case.spacing_mm, Some([0.7, 0.5]));
    }
    let case = load(&[0, 1, 2].map(Built::slice)).unwrap();
    assert_eq!(case.geometry.unwrap().spacing_mm(), [0.5, 0.7, 3.0]);
    assert_eq!((case.notes, case.person.unwrap().len()), (vec![], 64));
}

#[test]
fn people_are_told_by_patient_id_and_nobody_by_what_stands_for_all() {
    let person = |id: &str, issuer: &str| {
        let slice = Built::slice(0).text((0x10, 0x20), "LO", id);
        load(&[slice.text((0x10, 0x21), "LO", issuer)]).unwrap().person
    };
    assert_eq!(person("P7", ""), person("P7 ", ""));
    assert_ne!(person("P7", ""), person("P8", ""));
    assert_ne!(person("P7", "hospital A"), person("P7", "hospital B"));
    assert!(!person("P7", "").unwrap().contains("P7"));
    for nobody in ["", "0", "ANONYMOUS", "anon01", "Unknown"] {
        assert_eq!(person(nobody, "hospital A"), None);
    }
}

#[test]
fn padding_is_told_from_what_was_measured() {
    let padded = |k: i16, pixels: [i16; 6]| {
        Built::slice(k)
            .bytes((0x28, 0x120), "SS", (-2000_i16).to_le_bytes().to_vec())
            .pixels(pixels)
    };
    let slices = [
        padded(0, [-2000, 100, 200, 300, 400, -2000]),
        padded(1, [50, 100, 200, 300, 400, 500]),
        padded(2, [-2000; 6]),
    ];
    let case = load(&slices).unwrap();
    assert_eq!(case.volume.plane(0, 0), [-800.0, -800.0, -600.0, -400.0, -200.0, -800.0]);
    assert_eq!(case.volume.padded(0, 0), [true, false, false, false, false, true]);
    assert_eq!(case.volume.padded(1, 0), [false; 6]);
    assert_eq!(case.volume.padded(2, 0), [true; 6]);
    assert!(case.notes[0].contains("44.4 % of the pixels are padding"), "{:?}", case.notes);
    // No pixel has the value: nothing to say.
    let case = load(&[padded(0, [1, 2, 3, 4, 5, 6])]).unwrap();
    assert_eq!((case.volume.padding.len(), case.notes.len()), (0, 0));
}

#[test]
fn the_least_value_as_white_is_inverted_where_all_slices_agree_in_it() {
    let white = |k: i16| Built::slice(k).text((0x28, 4), "CS", "MONOCHROME1");
    let case = load(&[white(0), white(1)]).unwrap();
    // -1 - stored, then rescaled.
    assert_eq!(case.volume.plane(1, 0), [-1004.0, -1004.0, -1006.0, -1008.0, -1010.0, -1012.0]);
    assert!(case.notes[0].contains("MONOCHROME1: inverted"));
    for other in [
        white(1).text((0x28, 0x1053), "DS", "3").words((0x28, 0x103), &[0]),
        white(1).text((0x28, 0x1052), "DS", "-900"),
    ] {
        let error = load(&[white(0), other]).unwrap_err().to_string();
        assert!(error.contains("1.dcm: MONOCHROME1 with other bits or another rescale"), "{error}");
    }
    // Slices of other scales are fine where nothing is inverted, as in PET.
    let scaled = load(&[Built::slice(0), Built::slice(1).text((0x28, 0x1053), "DS", "3")]);
    assert_eq!(scaled.unwrap().volume.plane(1, 0)[1], -997.0);
}

#[test]
fn values_without_a_scale_are_noted_or_refused_beside_others() {
    let stored = |k: i16| Built::slice(k).without((0x28, 0x1052)).without((0x28, 0x1053));
    let case = load(&[stored(0), stored(1)]).unwrap();
    assert!(case.notes[0].contains("CT without RescaleSlope"), "{:?}", case.notes);
    let error = load(&[stored(0), Built::slice(1)]).unwrap_err().to_string();
    assert!(error.contains("a rescale in one of them"), "{error}");
}

#[test]
fn masks_that_names_do_not_assign_are_assigned_by_number_with_a_note_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("patient1");
    let series = |numbers: [i16; 3]| {
        for (k, number) in (0..).zip(numbers) {
            let name = ["1.2.7712345", "1.2.1298765", "1.2.5543210"][usize::try_from(k).unwrap()];
            let slice = Built::slice(k).text((0x20, 0x13), "IS", &number.to_string());
            slice.write(&root.join("CT").join(name));
            write_mask(&root.join(format!("GT/mask_{k:03}.png")), k as usize);
        }
    };
    series([1, 2, 3]);
    let case = read_patient(folder.path()).unwrap();
    for k in 0..3 {
        assert_eq!(case.volume.plane(k, 0)[0], 2.0 * k as f32 - 1000.0);
        assert_eq!(case.labels.plane(k)[k], 1);
    }
    assert!(case.notes[0].contains("order of InstanceNumber and position"), "{:?}", case.notes);
    series([3, 2, 1]);
    let error = read_patient(folder.path()).unwrap_err().to_string();
    assert!(error.contains("masks cannot be assigned to slices"), "{error}");
}

#[test]
fn what_is_wrong_with_a_series_is_said_with_the_name_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let refused = |part: &str, file: &str| {
        let error = format!("{:#}", read_patient(root).unwrap_err());
        assert!(error.contains(part) && error.contains(file), "{error}");
    };
    write_patient(root, "patient1", &[Built::slice(0), Built::slice(1)]);
    let second = root.join("patient1/CT/1.dcm");
    // A number of bits that the reading library would panic on, and one that asks for gigabytes.
    for bits in [0, 31] {
        Built::slice(1).words((0x28, 0x101), &[bits]).write(&second);
        refused(&format!("{bits} bits stored of 16 allocated, expected 1 to 16"), "1.dcm");
    }
    let file = Built::slice(1).file();
    std::fs::write(&second, &file[..file.len() - 6]).unwrap();
    refused("DICOM", "1.dcm");
    Built::slice(1).text((0x20, 0x0e), "UI", "1.2.3.5").write(&second);
    refused("SeriesInstanceUID differs", "1.dcm");
    std::fs::write(&second, file).unwrap();
    let small = image::GrayImage::from_raw(1, 1, vec![0]).unwrap();
    small.save(root.join("patient1/Ground/1.png")).unwrap();
    refused("mask of 1x1 pixels, expected 2x3", "1.png");
    std::fs::remove_file(root.join("patient1/Ground/1.png")).unwrap();
    refused("2 DICOM slices and 1 masks", "patient1");
}
