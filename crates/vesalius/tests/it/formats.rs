//! Every source on phantoms in its own file format, and every export back through a loader.

use super::Bench;

fn summary(bench: &Bench, pack: &str) -> serde_json::Value {
    serde_json::from_str(&bench.ok(&["inspect", pack, "--json"])).unwrap()
}

#[test]
fn phantoms_of_all_three_datasets_are_read() {
    let bench = Bench::new();
    for (kind, channels, class) in
        [("acdc", 1, "RV cavity"), ("sliver07", 1, "liver"), ("idrid", 3, "optic disc")]
    {
        bench.ok(&["phantom", kind, kind, "--patients", "3"]);
        let pack = format!("{kind}-pack");
        bench.ok(&["prepare", kind, kind, "--out", &pack, "--size", "64x48", "--depth", "u16"]);
        let summary = summary(&bench, &pack);
        assert_eq!(summary["histograms"].as_array().unwrap().len(), channels);
        let classes = &summary["sides"][0]["classes"];
        assert_eq!(classes[1]["name"], class);
        assert!(classes[1]["pixel_share"].as_f64().unwrap() > 0.001, "{kind}: {classes}");
        let montage = format!("{kind}.png");
        bench.ok(&["inspect", &pack, "--montage", &montage]);
        assert!(std::fs::read(bench.path(&montage)).unwrap().starts_with(b"\x89PNG"));
    }
    bench.ok(&[
        "prepare", "acdc", "acdc", "--out", "official", "--size", "32x32", "--split", "official",
    ]);
    assert_eq!(summary(&bench, "official")["sides"][1]["patients"], 1);
    bench.ok(&["prepare", "acdc", "acdc", "--out", "spaced", "--size", "64x64", "--spacing", "2"]);
    let manifest = std::fs::read(bench.path("spaced/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let spacing = manifest["cases"][0]["spacing_mm"][0].as_f64().unwrap();
    assert!((spacing - 2.0).abs() < 1e-5, "{spacing}");
    bench.refused(
        &["prepare", "idrid", "idrid", "--out", "no", "--size", "32x32", "--spacing", "2"],
        &[".jpg", "no spacing"],
    );
}

#[test]
fn exports_come_back_with_the_same_pixels_and_labels() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let body = |pack: &str| {
        let bytes = std::fs::read(bench.path(pack).join("slices.bin")).unwrap();
        bytes[64..].to_vec()
    };
    bench.ok(&["export", "real", "--as", "nnunet", "--out", "raw"]);
    bench.ok(&[
        "prepare",
        "nnunet",
        "raw",
        "--out",
        "again",
        "--size",
        "32x32",
        "--window",
        "0,255",
        "--split",
        "official",
        "--patient",
        "^(patient[0-9]+)",
    ]);
    let sorted = |pack: &str| {
        let size = 2 * 32 * 32;
        let bytes = body(pack);
        let mut slices: Vec<Vec<u8>> = bytes.chunks_exact(size).map(<[u8]>::to_vec).collect();
        let count = bytes.len() / (size + 4);
        slices.truncate(count);
        slices.sort();
        slices
    };
    assert_eq!(sorted("real"), sorted("again"));
    bench.ok(&["export", "real", "--as", "png", "--out", "png"]);
    bench.ok(&[
        "prepare",
        "folder",
        "png",
        "--out",
        "pictures",
        "--size",
        "32x32",
        "--split",
        "official",
        "--patient",
        "^(patient[0-9]+)",
        "--classes",
        "background,RV cavity,LV myocardium,LV cavity",
    ]);
    assert_eq!(sorted("real"), sorted("pictures"));
    bench.ok(&["export", "real", "--as", "nifti", "--out", "nifti"]);
    assert!(bench.path("nifti/images/patient001_frame01.nii.gz").is_file());
}

#[test]
fn a_pack_is_the_same_whenever_it_is_made() {
    let bench = Bench::new();
    bench.phantom_pack("one");
    bench.phantom_pack("two");
    let bytes = |name: &str| std::fs::read(bench.path(name).join("slices.bin")).unwrap();
    assert_eq!(bytes("one"), bytes("two"));
}
