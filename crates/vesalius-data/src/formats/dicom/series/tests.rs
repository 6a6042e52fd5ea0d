use super::super::built::Built;
use super::super::object;
use super::*;
use std::path::PathBuf;

fn facts(slice: &Built) -> Facts {
    Facts::of(&object::read(std::io::Cursor::new(slice.file()), true).unwrap()).unwrap()
}

fn series(slices: &[Built]) -> Result<Series> {
    let facts: Vec<Facts> = slices.iter().map(facts).collect();
    let paths: Vec<PathBuf> = (0..slices.len()).map(|i| format!("{i}.dcm").into()).collect();
    let named: Vec<Slice> = paths.iter().map(PathBuf::as_path).zip(&facts).collect();
    Series::of(&named)
}

fn slices() -> [Built; 4] {
    [0, 1, 2, 3].map(Built::slice)
}

fn at(slice: Built, position: &str) -> Built {
    slice.text((0x20, 0x32), "DS", position)
}

#[test]
fn slices_of_one_series_lie_on_one_grid_in_the_order_of_their_normal() {
    let mut all = slices();
    all.reverse();
    let found = series(&all).unwrap();
    assert_eq!((found.order.as_slice(), found.notes.len()), ([3, 2, 1, 0].as_slice(), 0));
    let grid = found.geometry.unwrap();
    assert_eq!((grid.size, grid.origin_mm), ([3, 2, 4], [0.0; 3]));
    assert_eq!(grid.steps_mm, [[0.5, 0.0, 0.0], [0.0, 0.7, 0.0], [0.0, 0.0, 3.0]]);
    // A tilted gantry shifts slices along their rows or columns.
    let tilted = [0, 1, 2].map(|k| at(Built::slice(k), &format!("0\\{}\\{}", 2 * k, 3 * k)));
    assert_eq!(series(&tilted).unwrap().geometry.unwrap().steps_mm[2], [0.0, 2.0, 3.0]);
    // Rows along y, columns along -z: the normal is -x.
    let sagittal = [0, 1].map(|k| {
        at(Built::slice(k), &format!("{}\\0\\0", 10 * k)).text(
            (0x20, 0x37),
            "DS",
            "0\\1\\0\\0\\0\\-1",
        )
    });
    let found = series(&sagittal).unwrap();
    assert_eq!(found.order, [1, 0]);
    assert_eq!(found.geometry.unwrap().orientation(), "PIR");
    let alone = series(&slices()[..1]).unwrap();
    assert_eq!(alone.geometry.unwrap().size, [3, 2, 1]);
}

#[test]
fn what_is_not_one_series_is_refused_with_two_files_and_what_differs() {
    let changed = |change: fn(Built) -> Built, part: &str| {
        let mut all = slices();
        all[2] = change(all[2].clone());
        let error = series(&all).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("2.dcm"), "{error}\n{part}");
        assert!(error.contains(".dcm and ") && !error.contains("P1"), "{error}");
    };
    changed(|s| s.text((0x20, 0x0e), "UI", "1.2.3.5"), "SeriesInstanceUID differs");
    changed(|s| s.without((0x20, 0x0e)), "SeriesInstanceUID differs");
    changed(|s| s.text((0x10, 0x20), "LO", "P2"), "PatientID differs, expected one patient");
    changed(|s| s.text((0x08, 0x60), "CS", "MR"), "Modality differs");
    changed(|s| s.text((0x20, 0x52), "UI", "1.9"), "FrameOfReferenceUID differs");
    changed(|s| s.text((0x28, 4), "CS", "MONOCHROME1"), "PhotometricInterpretation differs");
    changed(|s| s.text((0x28, 0x1054), "LO", "US"), "RescaleType differs");
    changed(|s| s.text((8, 8), "CS", "ORIGINAL\\PRIMARY\\LOCALIZER"), "LOCALIZER");
    changed(|s| s.text((0x20, 0x37), "DS", "1\\0\\0\\0\\0.999\\0.0447"), "ImageOrientation");
    changed(|s| s.text((0x28, 0x30), "DS", "0.7\\0.6"), "PixelSpacing differs");
    changed(|s| s.words((0x28, 0x10), &[3]), "2x3 and 3x3 pixels");
    changed(|s| s.text((8, 0x18), "UI", "1.2.3.4.1000"), "one SOPInstanceUID");
    changed(|s| s.without((0x20, 0x32)), "ImagePositionPatient stands in one of them");
    changed(|s| at(s, "0\\0\\3"), "two slices at one position, expected one of each place");
    changed(|s| at(s, "0\\0\\3.02"), "two slices at one position");
    // A name written in two ways is one; an empty one says nothing.
    let name = |s: &Built, name: &str| s.clone().text((0x10, 0x10), "PN", name);
    let [a, b, c, _] = slices();
    assert!(series(&[name(&a, "Roe^Jane"), name(&b, "ROE^JANE^"), c.clone()]).is_ok());
    let error = series(&[name(&a, "Roe^Jane"), name(&b, "Doe^John")]).unwrap_err().to_string();
    assert!(error.contains("PatientName differs") && !error.contains("Roe"), "{error}");
    // Nor does an empty one hide that the others differ.
    let id = |s: &Built, id: &str| s.clone().text((0x10, 0x20), "LO", id);
    assert!(series(&[id(&a, ""), b.clone(), c.clone()]).is_ok());
    let error = series(&[id(&a, ""), b.clone(), id(&c, "P2")]).unwrap_err().to_string();
    assert!(error.contains("1.dcm and 2.dcm: PatientID differs"), "{error}");
    // Rounded numbers of one direction and spacing are one.
    let rounded = c.text((0x20, 0x37), "DS", "1\\0.00001\\0\\0\\0.9999999\\0");
    assert!(series(&[a, rounded.text((0x28, 0x30), "DS", "0.70001\\0.5")]).is_ok());
}

#[test]
fn echoes_and_phases_of_one_place_are_told_by_what_differs() {
    let echo = |k: i16, time: &str, z: i16| {
        at(Built::slice(k), &format!("0\\0\\{z}")).text((0x18, 0x81), "DS", time)
    };
    let two = [echo(0, "2.3", 0), echo(1, "4.6", 0), echo(2, "2.3", 5), echo(3, "4.6", 5)];
    let error = series(&two).unwrap_err().to_string();
    assert!(
        error.contains("0.dcm and 1.dcm") && error.contains("(EchoTime 2.3 and 4.6)"),
        "{error}"
    );
    let all = [0, 1, 2].map(|k| echo(k, "1", 0));
    assert!(series(&all).unwrap_err().to_string().contains("two slices at one position"));
}

#[test]
fn what_is_odd_and_usable_is_noted() {
    let [a, b, _, d] = slices();
    let found = series(&[a.clone(), b.clone(), d]).unwrap();
    assert!(found.notes[0].contains("3.00 to 6.00 mm apart: one may be missing"));
    assert_eq!(found.geometry, None);
    let odd = [&a, &b].map(|s| s.clone().text((0x28, 0x1054), "LO", "OD"));
    assert!(series(&odd).unwrap().notes[0].contains("RescaleType OD"));
    let blind = [&b, &a].map(|s| s.clone().without((0x20, 0x32)).without((0x20, 0x37)));
    let found = series(&blind).unwrap();
    assert_eq!((found.order, found.geometry, found.along_mm), (vec![1, 0], None, None));
    assert!(found.notes[0].contains("ordered by InstanceNumber"));
    let turned = [&b, &a].map(|s| s.clone().without((0x20, 0x37)));
    let found = series(&turned).unwrap();
    assert_eq!((found.order, found.notes.len(), found.geometry), (vec![1, 0], 1, None));
}

#[test]
fn slices_that_nothing_orders_are_refused() {
    let refused = |slices: &[Built], part: &str| {
        let error = format!("{:#}", series(slices).unwrap_err());
        assert!(error.contains(part), "{error}");
    };
    let bare = |k: i16| Built::slice(k).without((0x20, 0x32)).without((0x20, 0x13));
    refused(&[bare(0), bare(1)], "neither ImagePositionPatient nor InstanceNumber");
    assert!(series(&[bare(0)]).is_ok());
    let equal = |k: i16| bare(k).text((0x20, 0x13), "IS", "7");
    refused(&[equal(0), equal(1)], "one InstanceNumber and no ImagePositionPatient");
    let flat = |k: i16| Built::slice(k).text((0x20, 0x37), "DS", "1\\0\\0\\1\\0\\0");
    refused(&[flat(0), flat(1)], "expected two unit vectors at a right angle");
}
