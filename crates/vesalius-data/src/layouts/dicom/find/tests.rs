use super::super::Dicom;
use super::*;
use crate::formats::dicom::built::{Built, write_mask};
use crate::layouts::source::{Source as _, SourceOptions};

fn write_slices(folder: &Path) {
    for k in 0..2 {
        Built::slice(k).write(&folder.join(format!("{k}.dcm")));
    }
}

fn write_masks(folder: &Path) {
    for k in 0..2 {
        write_mask(&folder.join(format!("{k}.png")), k);
    }
}

/// Ids and patients, and findings as `of: text`.
fn found(root: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let found = Dicom::new(root, &SourceOptions::default()).cases()?;
    let cases = found.cases.iter().map(|case| format!("{} of {}", case.id, case.patient));
    let findings = found.findings.iter().map(|f| format!("{}: {}", f.of, f.text));
    Ok((cases.collect(), findings.collect()))
}

fn refused(root: &Path, parts: &[&str]) {
    let error = format!("{:#}", found(root).unwrap_err());
    assert!(parts.iter().all(|part| error.contains(part)), "{error}\n{parts:?}");
}

#[test]
fn a_patient_is_a_folder_whatever_lies_between_it_and_its_slices() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_slices(&root.join("A/CT"));
    write_masks(&root.join("A/Ground"));
    write_slices(&root.join("B/STUDY/SERIES/DICOM"));
    write_masks(&root.join("B/STUDY/GT"));
    write_slices(&root.join("C/SERIES"));
    write_masks(&root.join("C/SERIES/masks"));
    write_slices(&root.join("D"));
    write_masks(&root.join("D"));
    let (cases, findings) = found(root).unwrap();
    assert_eq!(cases, ["A of A", "B of B", "C of C", "D of D"]);
    assert_eq!(findings, [""; 0]);
    // One patient at the root.
    let (cases, _) = found(&root.join("A")).unwrap();
    assert_eq!(cases, ["A of A"]);
}

#[test]
fn several_studies_are_one_patients_where_the_files_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for study in ["one", "two"] {
        write_slices(&root.join("A").join(study).join("CT"));
        write_masks(&root.join("A").join(study).join("GT"));
    }
    let (cases, findings) = found(root).unwrap();
    assert_eq!(cases, ["A-one of A", "A-two of A"]);
    assert_eq!(findings, ["A: 2 examinations of one PatientID"]);
    for id in ["P2", "ANONYMOUS", ""] {
        for k in 0..2 {
            let slice = Built::slice(k).text((0x10, 0x20), "LO", id);
            slice.write(&root.join(format!("A/two/CT/{k}.dcm")));
        }
        refused(root, &["A: several folders of slices and masks", "one", "two", "no PatientID"]);
    }
}

#[test]
fn what_cannot_be_told_apart_is_refused_with_the_folders() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    refused(root, &["no folder of DICOM slices beside one of masks"]);
    write_slices(&root.join("A/CT"));
    refused(root, &["A/CT: DICOM slices without a folder of masks"]);
    write_masks(&root.join("A/GT"));
    write_slices(&root.join("A/MR"));
    refused(root, &["A: two folders of DICOM slices (CT and MR), expected one of each"]);
    std::fs::remove_dir_all(root.join("A/MR")).unwrap();
    write_masks(&root.join("A/GT2"));
    refused(root, &["A: two folders of mask images (GT and GT2)"]);
    std::fs::remove_dir_all(root.join("A/GT2")).unwrap();
    write_mask(&root.join("A/CT/thumbnail.png"), 0);
    refused(root, &["A: two folders of mask images (CT and GT)"]);
    std::fs::remove_file(root.join("A/CT/thumbnail.png")).unwrap();
    write_slices(&root.join("B/CT"));
    refused(root, &["B/CT: DICOM slices without a folder of masks"]);
    write_mask(&root.join("B/GT/0.png"), 0);
    refused(root, &["B: 2 DICOM slices and 1 masks, expected as many of each"]);
}

#[test]
fn what_is_not_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_slices(&root.join("A/CT"));
    write_masks(&root.join("A/GT"));
    write_masks(&root.join("B/GT"));
    let no_image =
        |modality: &str| Built::slice(0).without((0x28, 0x10)).text((8, 0x60), "CS", modality);
    no_image("RTSTRUCT").write(&root.join("A/CT/contours.dcm"));
    no_image("SR").write(&root.join("A/CT/report"));
    let class = |uid: &str| Built::slice(0).text((8, 0x16), "UI", uid);
    class("1.2.840.10008.5.1.4.1.1.66.4").write(&root.join("A/GT/seg.dcm"));
    class("1.2.840.10008.1.3.10").write(&root.join("DICOMDIR"));
    Built::slice(9).write(&root.join("loose.dcm"));
    std::fs::write(root.join("A/CT/broken.DCM"), b"no DICOM at all").unwrap();
    std::fs::write(root.join("A/GT/liver.nii.gz"), b"").unwrap();
    std::fs::write(root.join("A/.hidden"), b"").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(root, root.join("A/again")).unwrap();
    let (cases, mut findings) = found(root).unwrap();
    findings.sort();
    assert_eq!(cases, ["A of A"]);
    assert_eq!(
        findings,
        [
            "A/CT/broken.DCM: not readable as DICOM",
            "A/CT/contours.dcm: DICOM, but no image: RTSTRUCT",
            "A/CT/report: DICOM, but no image: SR",
            "A/GT/liver.nii.gz: a volume, where masks are images",
            "A/GT/seg.dcm: a segmentation or structure set, where masks are images or volumes",
            "A/again: a link to a folder above",
            "B/GT/0.png: mask image without DICOM slices",
            "B/GT/1.png: mask image without DICOM slices",
            "DICOMDIR: DICOM, but no image: DICOMDIR",
            "loose.dcm: DICOM slice outside of a patient's folder",
        ]
    );
}

#[test]
fn a_slice_cut_short_in_its_header_is_an_error_and_not_another_kind_of_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_slices(&root.join("A/CT"));
    write_masks(&root.join("A/GT"));
    let file = Built::slice(1).file();
    std::fs::write(root.join("A/CT/1.dcm"), &file[..300]).unwrap();
    refused(root, &["A/CT/1.dcm: DICOM element (0008,0018) of 12 bytes, expected at most"]);
}
