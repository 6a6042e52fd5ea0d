use super::super::{Exported, export, place};
use super::*;
use crate::pack::PackWriter;
use crate::pack::manifest::{CaseRecord, PixelType, Provenance, SliceRecord, SliceShape};
use serde_json::Value;
use std::path::Path;

/// A pack of 2 x 2 pixels; cases by name, side and number of slices.
fn pack(folder: &Path, classes: &[&str], cases: &[(&str, Split, usize)]) -> Pack {
    written(folder, classes, cases).unwrap();
    Pack::open(&folder.join("pack")).unwrap()
}

fn written(folder: &Path, classes: &[&str], cases: &[(&str, Split, usize)]) -> anyhow::Result<()> {
    let slice_shape =
        SliceShape { channels: 1, planes: 1, height: 2, width: 2, pixel_type: PixelType::U8 };
    let path = folder.join("pack");
    let mut writer = PackWriter::create(&path, slice_shape).unwrap();
    for (case, (_, _, slices)) in cases.iter().enumerate() {
        for position in 0..*slices {
            writer.push(&[1, 2, 3, 4], &[0; 4], SliceRecord { case, position }).unwrap();
        }
    }
    let record = |(i, (id, split, _)): (usize, &(&str, Split, usize))| {
        CaseRecord::new(*id, format!("patient {i}"), *split)
    };
    let provenance = Provenance::real("nnunet", "seed 1");
    let manifest = Manifest {
        cases: cases.iter().enumerate().map(record).collect(),
        ..Manifest::new(
            "test",
            classes.iter().map(|&name| name.into()).collect(),
            slice_shape,
            provenance,
        )
    };
    writer.finish(manifest)
}

const ORGAN: [&str; 2] = ["background", "organ"];
const KINDS: [ExportKind; 3] = [ExportKind::Png, ExportKind::Nifti, ExportKind::Nnunet];

fn exported(folder: &Path, pack: &Pack) -> (Exported, Value) {
    let out = folder.join("out");
    let exported = export(pack, ExportKind::Nnunet, &out, &|| {}).unwrap();
    let text = std::fs::read(out.join("dataset.json")).unwrap();
    (exported, serde_json::from_slice(&text).unwrap())
}

/// The error, and that nothing was written.
fn refusal(classes: &[&str], cases: &[(&str, Split, usize)], kind: ExportKind) -> String {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), classes, cases);
    let error = export(&pack, kind, &folder.path().join("out"), &|| {}).unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the pack alone");
    let error = format!("{error:#}");
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn as_many_training_cases_are_announced_as_there_are_files() {
    use Split::{Test, Train};
    for cases in [
        vec![("a", Train, 0), ("b", Test, 2), ("c", Train, 2)],
        vec![("a", Train, 1), ("b", Train, 0), ("c", Train, 0), ("d", Train, 3), ("e", Test, 0)],
        vec![("a", Train, 2), ("b", Test, 1)],
        vec![("a", Test, 2), ("b", Train, 0)],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (exported, json) = exported(folder.path(), &pack(folder.path(), &ORGAN, &cases));
        let training = folder.path().join("out/imagesTr");
        let files = std::fs::read_dir(training).map_or(0, Iterator::count);
        assert_eq!(json["numTraining"], files, "{cases:?}");
        let empty = cases.iter().filter(|case| case.2 == 0).count();
        assert_eq!(exported.cases, cases.len() - empty);
        let said = exported.notes.join(" ");
        assert_eq!(said.contains("left out"), empty > 0, "{said}");
        assert_eq!(said.contains("no training case"), files == 0, "{said}");
    }
}

#[test]
fn labels_are_consecutive_and_zero_is_the_background() {
    let cases = [("a", Split::Train, 1)];
    for (classes, said) in [
        (vec!["background", "RV", "LV"], false),
        (vec!["rest", "RV", "LV"], true),
        (vec!["Background", "RV"], true),
        (vec!["0", "1"], true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (exported, json) = exported(folder.path(), &pack(folder.path(), &classes, &cases));
        let labels = json["labels"].as_object().unwrap();
        assert_eq!(labels["background"], 0);
        let mut values: Vec<u64> = labels.values().map(|value| value.as_u64().unwrap()).collect();
        values.sort_unstable();
        assert_eq!(values, (0..classes.len() as u64).collect::<Vec<_>>());
        assert_eq!(exported.notes.iter().any(|note| note.contains("is called background")), said);
    }
}

#[test]
fn classes_that_could_not_be_told_apart_are_refused_before_anything_is_written() {
    let cases = [("a", Split::Train, 1)];
    for kind in KINDS {
        for classes in [
            vec!["background", "lesion", "lesion"],
            vec!["background", "a", "b", "a "],
            vec!["lesion", "lesion"],
        ] {
            assert!(refusal(&classes, &cases, kind).contains("are both called"));
        }
        assert!(refusal(&["a", "background"], &cases, kind).contains("label 0 only"));
    }
    let error = refusal(&["background", "a", "ignore"], &cases, ExportKind::Nnunet);
    assert!(error.contains("class 2 is called ignore"), "{error}");
}

#[test]
fn cases_that_would_take_each_others_files_are_refused() {
    use Split::{Test, Train};
    for kind in KINDS {
        let twice = refusal(&ORGAN, &[("a", Train, 1), ("b", Train, 1), ("a", Test, 1)], kind);
        assert!(twice.contains("two cases a"), "{twice}");
        let case = refusal(&ORGAN, &[("Ärm", Train, 1), ("ärm", Train, 1)], kind);
        assert!(case.contains("cases Ärm and ärm differ in capital letters only"), "{case}");
    }
    let slice = refusal(&ORGAN, &[("a", Train, 2), ("a_0001", Train, 1)], ExportKind::Png);
    assert!(slice.contains("cases a and a_0001 would both be train/images/a_0001.png"), "{slice}");
}

#[test]
fn a_case_whose_name_leads_elsewhere_is_neither_written_nor_opened_nor_exported() {
    for id in
        ["", ".", "..", "a/b", "../a", "/etc/passwd", "a\\b", "a\nb", "\u{1b}[31m", "a\u{202e}b"]
    {
        let folder = tempfile::tempdir().unwrap();
        let error = written(folder.path(), &ORGAN, &[(id, Split::Train, 1)]).unwrap_err();
        assert!(error.to_string().contains("expected a name that a file can have"), "{error}");
        written(folder.path(), &ORGAN, &[("a", Split::Train, 1)]).unwrap();
        let path = folder.path().join("pack/manifest.json");
        let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        manifest["cases"][0]["id"] = id.into();
        std::fs::write(&path, manifest.to_string()).unwrap();
        let error = Pack::open(&folder.path().join("pack")).unwrap_err().to_string();
        assert!(error.contains("expected") && !error.contains(crate::text::is_hidden), "{error:?}");
    }
}

/// The last word, whatever was checked before.
#[test]
fn an_export_writes_new_files_below_its_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("out");
    std::fs::create_dir_all(root.join("images")).unwrap();
    std::fs::write(root.join("images/there.png"), "precious").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("gone"), root.join("images/link.png")).unwrap();
    place(&root, "images/a b (ü).png").unwrap();
    let above = folder.path().join("x").display().to_string();
    for file in [above.as_str(), "../x", "images/../../x", "images/there.png", "images/link.png"] {
        if cfg!(unix) || !file.contains("link") {
            place(&root, file).unwrap_err();
        }
    }
}
