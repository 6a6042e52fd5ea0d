use super::*;

/// Cases of a folder of empty files: their ids and the number of their images.
fn found(images: &[&str], labels: &[&str]) -> Result<Vec<(String, usize)>> {
    let folder = tempfile::tempdir().unwrap();
    for (side, names) in [("imagesTr", images), ("labelsTr", labels)] {
        std::fs::create_dir(folder.path().join(side)).unwrap();
        for name in names {
            std::fs::write(folder.path().join(side).join(name), b"").unwrap();
        }
    }
    let classes = Some(["background", "organ"].map(str::to_owned).to_vec());
    let options = SourceOptions { classes, ..SourceOptions::default() };
    let cases = Nnunet::new(folder.path(), &options)?.cases()?.cases;
    Ok(cases.into_iter().map(|case| (case.id, case.images.len())).collect())
}

#[test]
fn four_digits_are_a_channel_unless_a_mask_has_them_too() {
    let one = |id: &str, images: usize| vec![(id.to_owned(), images)];
    assert_eq!(found(&["case_0001.nii.gz"], &["case_0001.nii.gz"]).unwrap(), one("case_0001", 1));
    assert_eq!(found(&["case_0001.nii"], &["case_0001.nii.gz"]).unwrap(), one("case_0001", 1));
    let channels = ["case_0000.nii.gz", "case_0001.nii.gz"];
    assert_eq!(found(&channels, &["case.nii.gz"]).unwrap(), one("case", 2));
    let both = [one("case_0001", 1), one("case_0002", 1)].concat();
    let images = ["case_0001_0000.nii", "case_0002_0000.NII.GZ"];
    assert_eq!(found(&images, &["case_0001.nii", "case_0002.nii"]).unwrap(), both);
    let error = found(&["case_0001.nii.gz"], &["other.nii.gz"]).unwrap_err().to_string();
    assert!(error.contains("case_0001.nii.gz: no mask; expected case.nii.gz"), "{error}");
}

#[test]
fn every_case_has_each_channel_once() {
    for (images, part) in [
        (&["a_0000.nii", "b_0001.nii"][..], "no channel 0 of case b"),
        (&["a_0000.nii", "a_0001.nii", "b_0000.nii", "b_0002.nii"], "no channel 1 of case b"),
        (&["a_0000.nii", "a_0000.nii.gz", "b_0000.nii"], "one volume twice"),
        (&["a.nii", "a_0000.nii", "b.nii"], "both channel 0"),
        (&["a_0000.nii", "b_0000.nii", "b_0001.nii"], "2 channels of case b, expected 1 as case a"),
    ] {
        let error = found(images, &["a.nii", "b.nii"]).unwrap_err().to_string();
        assert!(error.contains(part), "{images:?}: {error}");
    }
}

#[test]
fn other_files_are_named() {
    let error = found(&["a_0000.txt"], &["a.txt"]).unwrap_err().to_string();
    assert!(
        error.contains("only a_0000.txt and the like, expected .nii, .nii.gz, .hdr"),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "imagesTr/a.nii",
        "imagesTr/b.NII",
        "labelsTr/a.nii",
        "labelsTr/b.nii",
        "labelsTr/c.nii",
        "imagesTr/notes.txt",
        "imagesTs/d.nii",
    ] {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    let json = br#"{"labels": {"background": 0, "organ": 1}, "numTraining": 3}"#;
    std::fs::write(folder.path().join("dataset.json"), json).unwrap();
    let source = Nnunet::new(folder.path(), &SourceOptions::default()).unwrap();
    let found = source.cases().unwrap();
    assert_eq!(found.cases.len(), 2);
    let said: Vec<String> =
        found.findings.iter().map(|finding| format!("{}: {}", finding.of, finding.text)).collect();
    for part in [
        "imagesTr/notes.txt: not .nii",
        "labelsTr/c.nii: mask without image",
        "imagesTs: images without masks",
        "numTraining is 3, but 2",
    ] {
        assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:?}");
    }
}

#[test]
fn channels_of_dicom_keep_their_padding_and_their_person() {
    use crate::formats::dicom::built::Built;
    let person = |slice: Built, id: &str| slice.text((0x10, 0x20), "LO", id);
    let padded = |slice: Built| slice.bytes((0x28, 0x120), "SS", 4_i16.to_le_bytes().to_vec());
    let other = || Built::slice(7).pixels([9, 9, 8, 4, 4, 8]);
    let nobody = Built::slice(7).without((0x10, 0x20));
    for (first, second, expected, notes) in [
        (padded(Built::slice(7)), other(), [true, false], 1),
        (Built::slice(7), padded(person(other(), "P8")), [false, true], 2),
        (nobody, padded(other()), [false, true], 1),
        (padded(Built::slice(7)), padded(other()), [true, true], 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        first.write(&at("imagesTr/a_0000.dcm"));
        second.write(&at("imagesTr/a_0001.dcm"));
        std::fs::create_dir_all(at("labelsTr")).unwrap();
        crate::formats::dicom::built::write_mask(&at("labelsTr/a.png"), 1);
        let classes = Some(["background", "organ"].map(str::to_owned).to_vec());
        let options = SourceOptions { classes, ..SourceOptions::default() };
        let source = Nnunet::new(folder.path(), &options).unwrap();
        let files = source.cases().unwrap().cases;
        let case = source.load(&files[0], &mut Reader::new(folder.path())).unwrap();
        let found = [0, 1].map(|channel| case.volume.padded(0, channel).contains(&true));
        assert_eq!(found, expected);
        assert!(case.person.is_some());
        let said = case.notes.iter().filter(|note| !note.starts_with("mask"));
        assert_eq!(said.count(), notes, "{:?}", case.notes);
    }
}
