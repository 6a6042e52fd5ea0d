//! Archives and folders of pairs: what is taken, and what is refused with what was found and expected.

use super::*;
use crate::pack::manifest::{PixelType, SliceShape};
use std::io::Write as _;
use std::path::PathBuf;

/// A real pack of 8x6 slices with two classes beside the background.
fn like(folder: &Path) -> Pack {
    let slice_shape =
        SliceShape { channels: 1, planes: 1, height: 8, width: 6, pixel_type: PixelType::U8 };
    let path = folder.join("like");
    let mut writer = PackWriter::create(&path, slice_shape).unwrap();
    for case in 0..3 {
        let labels: Vec<u8> = (0..48).map(|i| (i % 3) as u8).collect();
        writer.push(&[9; 48], &labels, SliceRecord { case, position: 0 }).unwrap();
    }
    let case = |i: usize| {
        let split = if i == 2 { Split::Test } else { Split::Train };
        CaseRecord::new(format!("c{i}"), format!("p{i}"), split)
    };
    let manifest = Manifest {
        cases: (0..3).map(case).collect(),
        ..Manifest::new(
            "real",
            ["background", "a", "b"].map(str::to_owned).to_vec(),
            slice_shape,
            Provenance::real("folder", "seed 1"),
        )
    };
    writer.finish(manifest).unwrap();
    Pack::open(&path).unwrap()
}

/// `.npy` of little-endian values.
fn npy(descr: &str, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(|side| format!("{side},")).collect();
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", sides.join(" "));
    header.push_str(&" ".repeat(117 - header.len()));
    header.push('\n');
    let mut all = b"\x93NUMPY\x01\x00".to_vec();
    all.extend((header.len() as u16).to_le_bytes());
    all.extend(header.as_bytes());
    all.extend(bytes);
    all
}

/// A zip archive whose files are stored as they are, as `np.savez` writes it.
fn npz(path: &Path, arrays: &[(&str, Vec<u8>)]) {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in arrays {
        let name = format!("{name}.npy");
        let crc = crc32fast::hash(bytes).to_le_bytes();
        let size = (bytes.len() as u32).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        let offset = (file.len() as u32).to_le_bytes();
        let common =
            [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &crc, &size, &size, &length, &[0; 2]];
        file.extend(b"PK\x03\x04");
        file.extend(common.concat());
        file.extend(name.as_bytes());
        file.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(common.concat());
        directory.extend([0; 10]);
        directory.extend(offset);
        directory.extend(name.as_bytes());
    }
    let (at, size) = (file.len() as u32, directory.len() as u32);
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    let count = (arrays.len() as u16).to_le_bytes();
    file.extend([count, count].concat());
    file.extend(size.to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0; 2]);
    std::fs::File::create(path).unwrap().write_all(&file).unwrap();
}

struct Bench {
    folder: tempfile::TempDir,
    like: Pack,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let like = like(folder.path());
        Self { folder, like }
    }

    fn job<'a>(&'a self, from: &'a Path) -> Job<'a> {
        Job {
            from,
            like: &self.like,
            name: "ddpm",
            range: None,
            resize: false,
            members: Members::Unknown,
            command: String::new(),
        }
    }

    fn import(&self, job: &Job) -> Result<(Pack, Vec<String>)> {
        let target = self.folder.path().join("made");
        let _ = std::fs::remove_dir_all(&target);
        let found = import(job, &target, &mut |_| {});
        assert_eq!(found.is_ok(), target.exists(), "all or nothing");
        let found = found?;
        let pack = Pack::open(&target).unwrap();
        assert_eq!(pack.len(), found.pairs);
        Ok((pack, found.notes))
    }

    fn refused(&self, job: &Job, parts: &[&str]) {
        let error = format!("{:#}", self.import(job).unwrap_err());
        assert!(!error.contains('\n'));
        for part in parts {
            assert!(error.contains(part), "`{error}` lacks `{part}`");
        }
    }

    /// Two pairs of `images` and masks; every mask has all classes.
    fn archive(&self, images: Vec<u8>) -> PathBuf {
        let path = self.folder.path().join("a.npz");
        let masks: Vec<u8> = (0..96).map(|i| (i % 3) as u8).collect();
        npz(&path, &[("images", images), ("masks", npy("|u1", &[2, 8, 6], &masks))]);
        path
    }
}

fn floats(count: usize, value: impl Fn(usize) -> f32) -> Vec<u8> {
    (0..count).flat_map(|i| value(i).to_le_bytes()).collect()
}

#[test]
fn arrays_of_every_layout_and_type_become_a_synthetic_pack() {
    let bench = Bench::new();
    let bytes: Vec<u8> = (0..96).map(|i| i * 2).collect();
    let path = bench.archive(npy("|u1", &[2, 8, 6], &bytes));
    let (pack, notes) = bench.import(&bench.job(&path)).unwrap();
    assert_eq!(pack.slice(1).unwrap().pixels, &bytes[48..]);
    assert_eq!(pack.slice(1).unwrap().labels[..4], [0, 1, 2, 0]);
    assert!(notes.is_empty(), "{notes:?}");
    let provenance = &pack.manifest().provenance;
    assert!(provenance.describe().contains("ddpm, made elsewhere"), "{}", provenance.describe());
    assert_eq!(provenance.row().unwrap().to_string(), "ddpm");
    // Floats of -1 to 1, channels last.
    let path = bench.archive(npy("<f4", &[2, 8, 6, 1], &floats(96, |i| i as f32 / 47.5 - 1.0)));
    let job = Job { range: Some([-1.0, 1.0]), ..bench.job(&path) };
    let (pack, _) = bench.import(&job).unwrap();
    assert_eq!((pack.slice(0).unwrap().pixels[0], pack.slice(1).unwrap().pixels[47]), (0, 255));
    // 16 bits are brought to the pack's 8.
    let wide: Vec<u8> = (0..96_u16).flat_map(|i| (i * 257).to_le_bytes()).collect();
    let path = bench.archive(npy("<u2", &[2, 1, 8, 6], &wide).clone());
    let path = if bench.import(&bench.job(&path)).is_ok() { path } else { panic!() };
    let (pack, _) = bench.import(&bench.job(&path)).unwrap();
    assert_eq!(pack.slice(0).unwrap().pixels[5], 5);
}

#[test]
fn what_is_not_like_the_pack_is_refused() {
    let bench = Bench::new();
    let grey = |shape: &[usize]| npy("|u1", shape, &vec![7; shape.iter().product()]);
    let path = bench.archive(grey(&[2, 4, 3]));
    bench.refused(&bench.job(&path), &["images of shape [2, 4, 3]", "masks of shape [2, 8, 6]"]);
    let path = bench.archive(grey(&[3, 8, 6]));
    bench.refused(&bench.job(&path), &["images of shape [3, 8, 6]", "masks of shape [2, 8, 6]"]);
    let path = bench.archive(npy("<f4", &[2, 8, 6], &floats(96, |i| i as f32 / 96.0)));
    bench.refused(&bench.job(&path), &["nearly black", "--range"]);
    let path = bench.archive(npy("<f4", &[2, 8, 6], &floats(96, |i| i as f32 * 3.0)));
    bench.refused(&bench.job(&path), &["pair 1", "expected 0 to 255"]);
    let path = bench.archive(npy("<f4", &[2, 8, 6], &floats(96, |_| f32::NAN)));
    bench.refused(&bench.job(&path), &["NaN", "finite"]);
    let path = bench.archive(grey(&[2, 8, 6]));
    bench.refused(&bench.job(&path), &["all values are 7", "contrast"]);
    let path = bench.archive(npy("<f4", &[2, 3, 8, 6], &floats(288, |i| i as f32)));
    bench.refused(&bench.job(&path), &["3 channels", "expected 1"]);
    let path = bench.archive(npy("<c8", &[2, 8, 6], &[0; 768]));
    bench.refused(&bench.job(&path), &["<c8", "integers or floats"]);
    let path = bench.archive(npy("|u1", &[2, 8, 6], &[7; 90]));
    bench.refused(&bench.job(&path), &["pair 1"]);
    // Labels that the pack does not have.
    let path = bench.folder.path().join("b.npz");
    let bytes: Vec<u8> = (0..96).collect();
    let of = |masks: Vec<u8>| {
        npz(&path, &[("images", npy("|u1", &[2, 8, 6], &bytes)), ("masks", masks)]);
    };
    of(npy("|u1", &[2, 8, 6], &[3; 96]));
    bench.refused(&bench.job(&path), &["pair 0", "label 3", "background, a, b"]);
    of(npy("<f4", &[2, 8, 6], &floats(96, |_| 0.5)));
    bench.refused(&bench.job(&path), &["label value 0.5", "whole number"]);
    npz(&path, &[("pictures", npy("|u1", &[2, 8, 6], &bytes))]);
    bench.refused(&bench.job(&path), &["arrays pictures", "images"]);
    std::fs::write(&path, "no archive").unwrap();
    bench.refused(&bench.job(&path), &["b.npz", "not a NumPy archive"]);
    let nobody = Members::Patients(vec!["p2".into()]);
    let job = Job { members: nobody, ..bench.job(&path) };
    bench.refused(&job, &["--patients", "p2", "no training patient"]);
}

#[test]
fn folders_are_taken_in_other_sizes_when_asked_and_their_classes_compared() {
    let bench = Bench::new();
    let folder = bench.folder.path().join("folder");
    for role in ["images", "masks"] {
        std::fs::create_dir_all(folder.join(role)).unwrap();
    }
    for i in 0..2_u8 {
        let grey = image::GrayImage::from_fn(12, 16, |x, y| image::Luma([(x * y) as u8 + i]));
        let mask = image::GrayImage::from_fn(12, 16, |x, _| image::Luma([(x / 4) as u8]));
        grey.save(folder.join(format!("images/s{i}.png"))).unwrap();
        mask.save(folder.join(format!("masks/s{i}.png"))).unwrap();
    }
    bench.refused(&bench.job(&folder), &["s0.png", "16x12", "8x6", "--resize"]);
    let job = Job { resize: true, ..bench.job(&folder) };
    let (pack, notes) = bench.import(&job).unwrap();
    assert_eq!(pack.slice(0).unwrap().labels[..6], [0, 0, 1, 1, 2, 2]);
    assert!(notes.iter().any(|note| note.contains("2 of 2 pairs resampled")), "{notes:?}");
    std::fs::write(folder.join("classes.json"), r#"["background", "b", "a"]"#).unwrap();
    bench.refused(&job, &["classes background, b, a", "background, a, b"]);
    std::fs::remove_file(folder.join("classes.json")).unwrap();
    std::fs::remove_file(folder.join("masks/s1.png")).unwrap();
    assert!(bench.import(&job).is_err() || !notes.is_empty());
}

#[test]
fn who_was_seen_is_known_where_it_is_said() {
    let bench = Bench::new();
    let bytes: Vec<u8> = (0..96).collect();
    let path = bench.archive(npy("|u1", &[2, 8, 6], &bytes));
    let seen = |members: Members| {
        let (pack, _) = bench.import(&Job { members, ..bench.job(&path) }).unwrap();
        let behind = lineage::behind(&pack, &[&bench.like]);
        behind.map(|persons| persons.into_iter().map(|p| p.patient).collect::<Vec<_>>())
    };
    assert_eq!(seen(Members::Unknown), None);
    assert_eq!(seen(Members::Patients(vec!["p1".into()])).unwrap(), ["p1"]);
    let like = Pack::open(bench.like.path()).unwrap();
    assert_eq!(seen(Members::Of(Box::new(like))).unwrap(), ["p0", "p1"]);
}

#[test]
fn volumes_are_taken_where_the_pack_has_as_many_planes() {
    let bench = Bench::new();
    let path = bench.folder.path().join("hearts");
    let slice_shape =
        SliceShape { channels: 1, planes: 2, height: 4, width: 6, pixel_type: PixelType::U8 };
    let mut writer = PackWriter::create(&path, slice_shape).unwrap();
    writer.push(&[9; 48], &[0; 48], SliceRecord { case: 0, position: 0 }).unwrap();
    let classes = ["background", "a", "b"].map(str::to_owned).to_vec();
    let cases = vec![CaseRecord::new("c0", "p0", Split::Train).spaced([10.0, 2.0, 2.0])];
    let real = Provenance::real("folder", "seed 1");
    let manifest = Manifest { cases, ..Manifest::new("real", classes, slice_shape, real) };
    writer.finish(manifest).unwrap();
    let like = Pack::open_any(&path).unwrap();

    let bytes: Vec<u8> = (0..96).collect();
    let masks: Vec<u8> = (0..96).map(|i| if i < 48 { i % 3 } else { 0 }).collect();
    let file = bench.folder.path().join("volumes.npz");
    let of = |images: &[usize], shape: &[usize]| {
        let [images, masks] = [npy("|u1", images, &bytes), npy("|u1", shape, &masks)];
        npz(&file, &[("images", images), ("masks", masks)]);
        Job { like: &like, ..bench.job(&file) }
    };
    for images in [&[2, 2, 4, 6][..], &[2, 1, 2, 4, 6], &[2, 2, 4, 6, 1]] {
        let target = bench.folder.path().join("made");
        let found = import(&of(images, &[2, 2, 4, 6]), &target, &mut |_| {}).unwrap();
        assert_eq!(found.pairs, 2);
        assert!(found.notes.contains(&"1 of 2 pairs without a labelled pixel".to_owned()));
        let pack = Pack::open_any(&target).unwrap();
        assert_eq!(pack.slice(1).unwrap().pixels, &bytes[48..]);
        assert_eq!(pack.slice(0).unwrap().labels, &masks[..48]);
        assert_eq!(pack.manifest().spacing_mm(), [10.0, 2.0, 2.0]);
        std::fs::remove_dir_all(target).unwrap();
    }
    bench.refused(&of(&[1, 4, 4, 6], &[1, 4, 4, 6]), &["pair 0", "of 4 planes", "volumes of 2"]);
    bench.refused(&of(&[4, 4, 6], &[4, 4, 6]), &["masks of shape [4, 4, 6]", "masks [N, D, H, W]"]);
}
