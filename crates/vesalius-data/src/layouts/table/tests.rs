use super::*;
use crate::formats::dicom::built::Built;
use crate::formats::nifti::write_u8;
use crate::pack::manifest::Split;

fn write(path: &Path, voxels: [u8; 4]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_u8(path, [1, 2, 2], voxels.to_vec(), [3.0, 1.0, 1.0]).unwrap();
}

fn open(root: &Path, text: &str) -> Result<Table> {
    let file = root.join("cases.csv");
    std::fs::write(&file, text).unwrap();
    let classes = Some(["background", "organ"].map(str::to_owned).to_vec());
    Table::new(&file, &SourceOptions { classes, ..SourceOptions::default() })
}

#[test]
fn rows_are_cases_with_all_that_is_known_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["a", "b", "c"] {
        write(&root.join(format!("scans/{name}.nii")), [1, 2, 3, 4]);
        write(&root.join(format!("drawn/{name} by hand.nii")), [0, 1, 0, 1]);
    }
    // A spreadsheet's semicolons and byte order mark, and a pattern.
    let source = open(
        root,
        "\u{feff}patient;image;mask;group;split\nP1;scans/a.nii;drawn/a*.nii;sick;train\n\
         P1;scans/b.nii;drawn/b by hand.nii;sick;train\nP2;scans/c.nii;drawn/c*;;test\n",
    )
    .unwrap();
    let found = source.cases().unwrap().cases;
    let told: Vec<(&str, &str, Option<Split>)> =
        found.iter().map(|case| (case.id.as_str(), case.patient.as_str(), case.official)).collect();
    assert_eq!(
        told,
        [
            ("P1_a", "P1", Some(Split::Train)),
            ("P1_b", "P1", Some(Split::Train)),
            ("P2", "P2", Some(Split::Test))
        ]
    );
    let case = source.load(&found[0], &mut Reader::new(root)).unwrap();
    assert_eq!((case.labels.values, case.group.as_deref()), (vec![0, 1, 0, 1], Some("sick")));
}

#[test]
fn channels_are_rows_of_one_case_and_classes_have_columns() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("t1.nii"), [1, 2, 3, 4]);
    write(&root.join("t2.nii"), [5, 6, 7, 8]);
    write(&root.join("liver.nii"), [9, 9, 0, 0]);
    write(&root.join("tumour.nii"), [0, 1, 1, 0]);
    let file = root.join("cases.csv");
    let text = "patient,channel,image,mask:liver,mask:tumour,fold\n\
                A,T1,t1.nii,liver.nii,tumour.nii,2\nB,T1,t1.nii,liver.nii,,1\n\
                A,T2,t2.nii,liver.nii,tumour.nii,2\nB,T2,t2.nii,liver.nii,,1\n";
    std::fs::write(&file, text).unwrap();
    let source = Table::new(&file, &SourceOptions::default()).unwrap();
    assert_eq!(source.classes(), ["background", "liver", "tumour"]);
    assert_eq!(source.channels().unwrap(), ["T1", "T2"]);
    let found = source.cases().unwrap().cases;
    assert_eq!((found.len(), found[0].fold, found[1].fold), (2, Some(2), Some(1)));
    let a = source.load(&found[0], &mut Reader::new(root)).unwrap();
    assert_eq!(a.volume.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    assert_eq!(a.labels.values, [1, 2, 2, 0]);
    assert!(a.notes.iter().any(|note| note.contains("overlap in 1 voxels")), "{:?}", a.notes);
    assert_eq!(source.load(&found[1], &mut Reader::new(root)).unwrap().labels.values, [1, 1, 0, 0]);
}

#[test]
fn an_archive_holds_image_and_mask_and_one_array_is_not_both() {
    use npyz::WriterBuilder as _;
    use npyz::zip::write::FileOptions;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (file, names) in [("pair.npz", &["label", "image"][..]), ("one.npz", &["data"])] {
        let mut archive = npyz::npz::NpzWriter::create(root.join(file)).unwrap();
        for (at, name) in names.iter().enumerate() {
            let array = archive.array(name, FileOptions::default()).unwrap();
            let mut array = array.default_dtype().shape(&[1, 2, 2]).begin_nd().unwrap();
            array.extend([0_u8, 1, 0, 1].map(|value| value + 5 * at as u8)).unwrap();
            array.finish().unwrap();
        }
    }
    write(&root.join("scan.nii"), [0, 1, 0, 1]);
    let text = "patient,image,mask\nA,pair.npz,pair.npz\nB,one.npz,one.npz\nC,scan.nii,scan.nii\n";
    let source = open(root, text).unwrap();
    let found = source.cases().unwrap().cases;
    let load = |at: usize| source.load(&found[at], &mut Reader::new(root));
    let case = load(0).unwrap();
    assert_eq!(
        (case.volume.values, case.labels.values),
        (vec![5.0, 6.0, 5.0, 6.0], vec![0, 1, 0, 1])
    );
    for (at, what) in [(1, "one array"), (2, "one file")] {
        let error = format!("{:#}", load(at).unwrap_err());
        assert!(error.contains(what) && error.contains("expected two"), "{error}");
    }
}

#[test]
fn an_image_may_be_a_folder_of_slices() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for k in 0..2 {
        // Files in another order than the slices.
        Built::slice(k).write(&root.join(format!("ct/{}", 1 - k)));
    }
    let header = "NDims = 3\nDimSize = 3 2 2\nElementType = MET_UCHAR\nElementSpacing = 0.5 0.7 3\n\
                  Offset = 0 0 0\nElementDataFile = LOCAL\n";
    std::fs::write(
        root.join("a.mha"),
        [header.as_bytes(), &[0, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0]].concat(),
    )
    .unwrap();
    let source = open(root, "patient,image,mask\nA,ct,a.mha\n").unwrap();
    let found = source.cases().unwrap().cases;
    let case = source.load(&found[0], &mut Reader::new(root)).unwrap();
    assert_eq!(
        (case.volume.slices, case.volume.values[0], case.volume.values[6]),
        (2, -1000.0, -998.0)
    );
}

#[test]
fn lines_that_cannot_be_right_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("a.nii"), [0; 4]);
    write(&root.join("b.nii"), [0; 4]);
    for (text, part) in [
        ("patient,image\nA,a.nii\n", "expected one column `mask`"),
        ("image,mask\na.nii,a.nii\n", "no column `patient`"),
        ("patient,image,mask,age\nA,a.nii,a.nii,9\n", "column `age`, expected patient, image"),
        ("patient,image,mask,mask\nA,a.nii,a.nii,9\n", "column `mask` twice"),
        ("patient,image,mask\n", "no rows"),
        ("patient,image,mask\nA,a.nii\n", "line: 2"),
        ("patient,image,mask\nA,,a.nii\n", "line 2: no image"),
        ("patient,image,mask\nA,c.nii,a.nii\n", "line 2: c.nii: no such file"),
        ("patient,image,mask\nA,*.png,a.nii\n", "line 2: *.png: no file is called so"),
        ("patient,image,mask,split\nA,a.nii,a.nii,exam\n", "split `exam`, expected train"),
        ("patient,image,mask,fold\nA,a.nii,a.nii,one\n", "fold `one`, expected 0, 1"),
        (
            "patient,case,image,mask\nA,x,a.nii,a.nii\nB,x,b.nii,b.nii\n",
            "line 2 and line 3: both are case x",
        ),
        (
            "patient,channel,image,mask\nA,T1,a.nii,a.nii\nA,T2,b.nii,b.nii\n",
            "line 3: another mask than line 2",
        ),
        (
            "patient,channel,image,mask\nA,T1,a.nii,a.nii\nA,T2,b.nii,a.nii\nB,T1,a.nii,a.nii\n",
            "line 4: case B has the channels T1, expected T1, T2",
        ),
        ("patient,channel,image,mask\nA,,a.nii,a.nii\n", "line 2: no channel"),
        (
            "patient,image,mask:liver\nA,a.nii,a.nii\n",
            "column mask:liver, expected one of --classes",
        ),
    ] {
        let error = format!("{:#}", open(root, text).unwrap_err());
        assert!(error.contains("cases.csv") && error.contains(part), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    // Two files for one image are said when it is read.
    let source = open(root, "patient,image,mask\nA,*.nii,a.nii\n").unwrap();
    let found = source.cases().unwrap().cases;
    let error = source.load(&found[0], &mut Reader::new(root)).unwrap_err().to_string();
    assert!(error.contains("2 files for one image"), "{error}");
}
