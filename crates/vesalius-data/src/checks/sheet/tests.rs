//! The page of a sheet with hostile names, and how pictures are chosen.

use super::picture::{PATIENTS, Pictures};
use super::*;
use crate::pack::manifest::PixelType;
use crate::pack::source_grid::SourceGrid;

const LAYOUT: SliceShape =
    SliceShape { channels: 1, planes: 1, height: 4, width: 8, pixel_type: PixelType::U8 };

fn facts(case: &str, patient: &str) -> CaseFacts {
    CaseFacts {
        case: case.to_owned(),
        patient: patient.to_owned(),
        side: Split::Test,
        channels: 1,
        shape: [10, 256, 216],
        kept: 9,
        spacing_mm: Some(vec![1.5, 1.5, 10.0]),
        orientation: Some("LPS".to_owned()),
        classes: vec![ClassFacts { share: 0.9, slices: 10 }, ClassFacts { share: 0.1, slices: 7 }],
        cut_off: 0.0,
        before: Intensities { least: -1.0, low: 0.0, median: 80.5, high: 900.0, greatest: 4095.0 },
        after: Windowed {
            window: [0.0, 1000.0],
            windows: vec![],
            below: 0.01,
            above: 0.005,
            levels: 256,
        },
    }
}

fn sheet(name: &str) -> Sheet {
    Sheet {
        format: 1,
        dataset: name.to_owned(),
        vesalius: "0".to_owned(),
        classes: vec!["background".to_owned(), name.to_owned()],
        slice_shape: LAYOUT,
        findings: vec![Finding::note(name, "read"), Finding::warning(name, format!("{name}: two"))],
        patients: vec![PatientFacts {
            patient: name.to_owned(),
            side: Split::Test,
            cases: 1,
            slices: 9,
            fit: Some(0.5),
        }],
        cases: vec![facts(name, name)],
        shown: vec![Shown { patient: name.to_owned(), case: name.to_owned(), position: 4 }],
    }
}

#[test]
fn hostile_names_are_text_in_every_place() {
    for name in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "a\nb<b>",
        "x' onload='y",
        "&lt;b&gt;",
    ] {
        let rows = BTreeMap::from([(name.to_owned(), vec![1, 2, 3])]);
        let page = html::page(&sheet(name), &rows);
        for tag in ["<script", "<img src=x", "<b>b", "a\nb<b>"] {
            assert!(!page.contains(tag), "{tag} in {name:?}");
        }
        // Every attribute that holds a name is in double quotes, and the name has none of its own.
        assert!(!page.contains("\"><img src"), "{name:?}");
        assert_eq!(page.matches("<img ").count(), 1);
        assert!(page.contains(&crate::text::escape::html(name)));
        assert!(!page.contains("http"), "nothing comes from elsewhere");
        assert!(page.ends_with("</body></html>\n"));
    }
}

#[test]
fn warnings_come_before_everything_else() {
    let page = html::page(&sheet("heart"), &BTreeMap::new());
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("heart: two") < at("Done while reading"));
    assert!(at("Done while reading") < at("Do the outlines"));
    assert!(at("Do the outlines") < at("1.5 x 1.5 x 10 mm</td>"));
    let mut quiet = sheet("heart");
    quiet.findings.clear();
    assert!(html::page(&quiet, &BTreeMap::new()).contains("No warnings"));
}

#[test]
fn numbers_survive_the_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read(folder.path()).unwrap().is_none());
    let sheet = sheet("heart");
    std::fs::write(folder.path().join(NUMBERS), serde_json::to_vec(&sheet).unwrap()).unwrap();
    assert_eq!(read(folder.path()).unwrap().unwrap().0, sheet);
    std::fs::write(folder.path().join(NUMBERS), b"{").unwrap();
    assert!(read(folder.path()).unwrap_err().to_string().contains("sheet.json"));
}

#[test]
fn pictures_show_at_most_sixty_patients_and_the_middle_of_each_third() {
    let names: Vec<String> = (0..150).map(|i| format!("p{i:03}")).collect();
    let mut pictures = Pictures::of(names.iter().map(String::as_str));
    let slices = |labelled: std::ops::Range<usize>| Prepared {
        slices: (0..12)
            .map(|i| (i, vec![i as u8; 32], vec![u8::from(labelled.contains(&i)); 32]))
            .collect(),
        spacing_mm: None,
        between_mm: None,
        source_grid: SourceGrid {
            shape: [1, 1, 1],
            frame: [0.0; 4],
            depth: None,
            geometry: None,
            stored: None,
        },
        padded: false,
        cut_off: 0.0,
        windows: vec![[0.0, 1.0]],
        range_used: None,
    };
    for name in &names {
        pictures.add(name, "a", &slices(3..9), LAYOUT);
        pictures.add(name, "b", &slices(0..12), LAYOUT);
    }
    let shown = pictures.shown();
    assert_eq!(shown.len(), 3 * PATIENTS);
    let first: Vec<usize> = shown[..3].iter().map(|shown| shown.position).collect();
    assert_eq!(first, [4, 6, 8]);
    assert_eq!(pictures.rows().unwrap().len(), PATIENTS);
    let png = pictures.montage().unwrap().unwrap();
    assert!(image::load_from_memory(&png).is_ok());
}

#[test]
fn large_slices_of_sixteen_bits_become_small_tiles() {
    let slice_shape =
        SliceShape { channels: 3, planes: 1, height: 500, width: 333, pixel_type: PixelType::U16 };
    let prepared = Prepared {
        slices: vec![(0, vec![9; slice_shape.pixel_bytes()], vec![1; slice_shape.label_bytes()])],
        spacing_mm: None,
        between_mm: None,
        source_grid: SourceGrid {
            shape: [1, 1, 1],
            frame: [0.0; 4],
            depth: None,
            geometry: None,
            stored: None,
        },
        padded: false,
        cut_off: 0.0,
        windows: vec![[0.0, 1.0]],
        range_used: None,
    };
    let mut pictures = Pictures::of(["p"].into_iter());
    pictures.add("p", "p", &prepared, slice_shape);
    let png = pictures.montage().unwrap().unwrap();
    let size = image::load_from_memory(&png).unwrap().to_rgb8().dimensions();
    assert!(size.0 < 700 && size.1 < 400, "{size:?}");
}
