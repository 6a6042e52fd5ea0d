//! The loaders on real scans, where they are.

use super::Bench;
use vesalius_testing::real_data;

fn sides(bench: &Bench, pack: &str) -> Vec<(u64, u64)> {
    let text = bench.ok(&["inspect", pack, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let side = |side: &serde_json::Value| {
        (side["patients"].as_u64().unwrap(), side["slices"].as_u64().unwrap())
    };
    json["sides"].as_array().unwrap().iter().map(side).collect()
}

#[test]
fn acdc_in_the_bare_layout() {
    let Some(data) = real_data("acdc") else { return };
    let bench = Bench::new();
    let data = data.to_str().unwrap();
    bench.ok(&[
        "prepare",
        "acdc",
        data,
        "--out",
        "pack",
        "--size",
        "64x64",
        "--crop",
        "centre:128x128",
    ]);
    let sides = sides(&bench, "pack");
    assert_eq!((sides[0].0, sides[1].0), (32, 8));
    assert_eq!(sides[0].1 + sides[1].1, 784);
}

#[test]
fn idrid_with_its_palette_masks() {
    let Some(data) = real_data("idrid") else { return };
    let bench = Bench::new();
    let data = data.to_str().unwrap();
    bench.ok(&[
        "prepare",
        "idrid",
        data,
        "--out",
        "pack",
        "--size",
        "32x32",
        "--crop",
        "foreground",
    ]);
    let text = bench.ok(&["inspect", "pack", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(sides(&bench, "pack"), [(16, 16), (4, 4)]);
    // A disc covers one or two hundredths of the field.
    let share = json["sides"][0]["classes"][1]["pixel_share"].as_f64().unwrap();
    assert!((0.005..0.04).contains(&share), "{share}");
}

#[test]
fn sunnybrook_as_a_plain_folder() {
    let Some(data) = real_data("sunnybrook") else { return };
    let bench = Bench::new();
    let data = data.to_str().unwrap();
    bench.ok(&[
        "prepare",
        "folder",
        data,
        "--out",
        "pack",
        "--size",
        "32x32",
        "--channels",
        "1",
        "--patient",
        "^(.*?)-IM",
        "--split",
        "official",
    ]);
    assert_eq!(sides(&bench, "pack"), [(30, 526), (15, 279)]);
}

#[test]
fn chaos_is_one_patient() {
    let Some(data) = real_data("chaos_ct") else { return };
    let bench = Bench::new();
    let data = data.to_str().unwrap();
    bench.refused(
        &["prepare", "dicom", data, "--out", "pack", "--size", "32x32"],
        &["only one patient"],
    );
    // Two halves of it, as if they were two: slices come ordered by position, in Hounsfield units.
    for (patient, range) in [("a", 0..39), ("b", 39..78)] {
        for (from, to) in [("DICOM_anon", "series"), ("Ground", "masks")] {
            let folder = bench.path("two").join(patient).join(to);
            std::fs::create_dir_all(&folder).unwrap();
            let mut files: Vec<_> = std::fs::read_dir(std::path::Path::new(data).join(from))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            files.sort();
            for file in &files[range.clone()] {
                std::fs::copy(file, folder.join(file.file_name().unwrap())).unwrap();
            }
        }
    }
    bench.ok(&[
        "prepare",
        "dicom",
        "two",
        "--out",
        "pack",
        "--size",
        "64x64",
        "--window=-150,250",
        "--classes",
        "background,liver",
    ]);
    assert_eq!(sides(&bench, "pack"), [(1, 39), (1, 39)]);
}

#[test]
fn elastix_metaimages_with_longer_data_than_declared() {
    use vesalius_data::formats::metaimage;
    use vesalius_data::volume::Reader;
    let Some(data) = real_data("small_volumes/elastix_mhd_2d") else { return };
    let mut reader = Reader::new(&data);
    for (name, greatest) in [("fixed", 255.0), ("mask_fixed", 1.0), ("mask_moving", 1.0)] {
        let image = metaimage::read(&data.join(format!("{name}.mhd")), &mut reader).unwrap();
        assert_eq!(image.volume.shape(), [1, 1, 256, 256]);
        let most = image.volume.values.iter().copied().fold(f32::MIN, f32::max);
        assert!(most > 0.0 && most <= greatest, "{name}: {most}");
    }
}
