use super::*;
use crate::formats::nifti::write_u8;

fn write(path: &Path, voxels: [u8; 4]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_u8(path, [1, 2, 2], voxels.to_vec(), [3.0, 1.0, 1.0]).unwrap();
}

fn open(root: &Path, classes: Option<&str>) -> Result<Bids> {
    let classes = classes.map(|list| list.split(',').map(str::to_owned).collect());
    Bids::new(root, &SourceOptions { classes, ..SourceOptions::default() })
}

#[test]
fn sessions_are_cases_suffixes_channels_and_tables_name_classes_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for sub in ["01", "02"] {
        write(&root.join(format!("sub-{sub}/anat/sub-{sub}_T1w.nii.gz")), [1, 2, 3, 4]);
        write(&root.join(format!("sub-{sub}/anat/sub-{sub}_FLAIR.nii.gz")), [5, 6, 7, 8]);
        let mask = format!("derivatives/hand/sub-{sub}/anat/sub-{sub}_desc-expert_dseg.nii.gz");
        write(&root.join(mask), [0, 1, 2, 0]);
    }
    write(&root.join("sub-01/anat/sub-01_T2w.nii.gz"), [0; 4]);
    write(&root.join("sub-03/anat/sub-03_T1w.nii.gz"), [0; 4]);
    write(&root.join("sub-01/func/sub-01_task-rest_bold.nii.gz"), [0; 4]);
    std::fs::write(
        root.join("derivatives/hand/dseg.tsv"),
        "index\tname\n1\tventricle\n2\tlesion\n",
    )
    .unwrap();
    std::fs::write(
        root.join("participants.tsv"),
        "participant_id\tgroup\nsub-01\tMS\nsub-02\tn/a\n",
    )
    .unwrap();
    let source = open(root, None).unwrap();
    assert_eq!(source.classes(), ["background", "ventricle", "lesion"]);
    assert_eq!(source.channels().unwrap(), ["FLAIR", "T1w"]);
    let found = source.cases().unwrap();
    let ids: Vec<(&str, &str)> =
        found.cases.iter().map(|c| (c.id.as_str(), c.patient.as_str())).collect();
    assert_eq!(ids, [("sub-01", "01"), ("sub-02", "02")]);
    let mut said: Vec<String> =
        found.findings.iter().map(|f| format!("{}: {}", f.of, f.text)).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "sub-01/anat/sub-01_T2w.nii.gz: an image of a kind that other cases lack",
            "sub-01/func/sub-01_task-rest_bold.nii.gz: neither an anatomical image nor a mask of one",
            "sub-03/anat/sub-03_T1w.nii.gz: image without mask",
        ]
    );
    let case = source.load(&found.cases[0], &mut Reader::new(root)).unwrap();
    assert_eq!(case.volume.values, [5.0, 6.0, 7.0, 8.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!((case.labels.values, case.group.as_deref()), (vec![0, 1, 2, 0], Some("MS")));
    assert_eq!(case.sequences, ["FLAIR", "T1w"]);
}

#[test]
fn a_mask_of_each_class_is_drawn_in_the_order_of_their_names_or_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("sub-1/ses-a/anat/sub-1_ses-a_run-2_T1w.nii"), [1, 2, 3, 4]);
    for (label, voxels) in [("tumour", [0, 1, 0, 0]), ("brain", [1, 1, 1, 0])] {
        let name = format!("sub-1_ses-a_run-2_space-orig_label-{label}_mask.nii");
        write(&root.join("derivatives/x/sub-1/ses-a/anat").join(name), voxels);
    }
    let labels = |classes: Option<&str>| {
        let source = open(root, classes).unwrap();
        let found = source.cases().unwrap();
        assert_eq!(found.cases[0].id, "sub-1_ses-a_run-2");
        source.load(&found.cases[0], &mut Reader::new(root)).unwrap().labels.values
    };
    assert_eq!(labels(None), [1, 2, 1, 0]);
    assert_eq!(labels(Some("background,tumour,brain")), [2, 2, 2, 0]);
}

#[test]
fn what_cannot_be_told_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let refused = |part: &str| {
        let error = format!("{:#}", open(root, None).unwrap_err());
        assert!(error.contains(part), "{error}");
    };
    refused("no image in sub-*/anat/");
    write(&root.join("sub-1/anat/sub-1_acq-a_T1w.nii"), [0; 4]);
    refused("no *_dseg or *_mask below derivatives/");
    write(&root.join("derivatives/x/sub-1/anat/sub-1_dseg.nii"), [0, 1, 0, 0]);
    refused("no dseg.tsv names the labels");
    std::fs::write(root.join("dseg.tsv"), "index\tname\n2\tlesion\n").unwrap();
    refused("2 labels up to 2, expected 0, 1, … without gaps");
    std::fs::write(root.join("dseg.tsv"), "number\tname\n2\tlesion\n").unwrap();
    refused("no column index");
    std::fs::write(root.join("dseg.tsv"), "index\tname\n1\tlesion\n").unwrap();
    open(root, None).unwrap();
    write(&root.join("sub-1/anat/sub-1_acq-b_T1w.nii"), [0; 4]);
    refused("expected entities (run, acq) that say of which");
    std::fs::remove_file(root.join("sub-1/anat/sub-1_acq-b_T1w.nii")).unwrap();
    write(&root.join("derivatives/y/sub-1/anat/sub-1_dseg.nii"), [0, 1, 0, 0]);
    refused("two masks of sub-1");
}
