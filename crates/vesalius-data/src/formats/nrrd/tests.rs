use super::*;
use proptest::prelude::*;

const HEADER: &str = "NRRD0004\n# a comment\ntype: short\ndimension: 3\nsizes: 2 1 2\nendian: little\nencoding: raw\n";

fn read_all(header: &str, data: &[u8]) -> Result<VolumeFile> {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(folder.path());
    image(&folder.path().join("a.nrrd"), &[header.as_bytes(), b"\n", data].concat(), &mut reader)
}

fn shorts() -> Vec<u8> {
    [1_i16, -2, 3, 4].iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn channels_may_stand_first_or_last() {
    let of = |sizes: &str, kinds: &str| {
        let header = HEADER
            .replace("2 1 2", sizes)
            .replace("dimension: 3", &format!("dimension: 4\nkinds: {kinds}"));
        read_all(&header, &shorts()).unwrap().volume
    };
    let first = of("2 2 1 1", "list domain domain domain");
    assert_eq!((first.channels, first.values), (2, vec![1.0, 3.0, -2.0, 4.0]));
    let last = of("2 1 1 2", "domain domain domain vector");
    assert_eq!((last.channels, last.values), (2, vec![1.0, -2.0, 3.0, 4.0]));
    // Two axes of space are one slice.
    let flat = HEADER.replace("dimension: 3", "dimension: 2").replace("2 1 2", "2 2");
    assert_eq!(read_all(&flat, &shorts()).unwrap().volume.slices, 1);
}

#[test]
fn skipped_bytes_and_lines_are_skipped() {
    for (line, before) in
        [("byte skip: 3", &b"abc"[..]), ("byte skip: -1", b"abcdef"), ("line skip: 2", b"a\nbc\n")]
    {
        let header = format!("{HEADER}{line}\n");
        let found = read_all(&header, &[before, &shorts()].concat()).unwrap();
        assert_eq!(found.volume.values, [1.0, -2.0, 3.0, 4.0], "{line}");
    }
}

#[test]
fn what_is_wrong_is_named_with_what_was_expected() {
    for (from, to, part) in [
        ("type: short", "type: block", "type block, expected short"),
        ("encoding: raw", "encoding: bzip2", "encoding bzip2, expected raw, gzip or ascii"),
        ("endian: little\n", "", "endian is missing, expected little or big"),
        ("sizes: 2 1 2", "sizes: 2 1", "expected 3 values, one for each axis"),
        ("sizes: 2 1 2", "sizes: 2 1 x", "sizes: `x`, expected a whole number"),
        ("sizes: 2 1 2", "sizes: 2 1 3", "8 bytes of voxels, expected 12"),
        ("sizes: 2 1 2", "sizes: 99999999 99999999 99999999", "more memory"),
        ("dimension: 3", "dimension: 5", "dimension: 5, expected 2 to 4"),
        (
            "dimension: 3\nsizes: 2 1 2",
            "dimension: 4\nsizes: 2 1 2 1",
            "without `kinds` or `space directions`",
        ),
        (
            "endian: little",
            "endian: little\nspace: up\nspace directions: (1,0,0) (0,1,0) (0,0,1)",
            "space: up, expected",
        ),
        (
            "endian: little",
            "endian: little\nspace directions: (1,0,0) (0,1,0)",
            "expected 3 of them",
        ),
        ("endian: little", "endian: little\nspace directions: 1 2 3", "expected vectors (x,y,z)"),
        ("endian: little", "endian: little\ndata file: LIST", "data file: LIST, expected one file"),
        ("endian: little", "endian: little\ndata file: gone.raw", "gone.raw: cannot be read"),
        ("endian: little", "endian little", "expected `field: value`"),
    ] {
        assert!(HEADER.contains(from), "{from}");
        let error = format!("{:#}", read_all(&HEADER.replace(from, to), &shorts()).unwrap_err());
        assert!(error.contains("a.nrrd") && error.contains(part), "{to}: {error}");
    }
    let error =
        image(Path::new("a.nrrd"), b"NRRD0004\ntype: short", &mut Reader::new(Path::new("")));
    assert!(format!("{:#}", error.unwrap_err()).contains("no empty line after the header"));
}

#[test]
fn segmentations_that_contradict_themselves_are_refused() {
    let header = HEADER.replace("type: short", "type: uchar").replace("endian: little\n", "");
    let of = |keys: &str, data: &[u8]| {
        let bytes = [header.as_bytes(), keys.as_bytes(), b"\n", data].concat();
        mask(Path::new("a.seg.nrrd"), &bytes, &mut Reader::new(Path::new("")))
    };
    let one = "Segment0_ID:=s\nSegment0_Name:=liver\nSegment0_LabelValue:=2\nSegment0_Layer:=0\n";
    assert!(matches!(of(one, &[0, 2, 2, 0]), Ok(Mask::Segments(_))));
    assert!(matches!(of("", &[0, 2, 2, 0]), Ok(Mask::Labels(_))));
    for (keys, data, part) in [
        (one.to_owned(), [0, 2, 1, 0], "label value 1 in layer 0, which is no segment's"),
        (one.replace("Layer:=0", "Layer:=1"), [0; 4], "segment `liver` in layer 1"),
        (one.replace(":=2", ":=two"), [0; 4], "Segment0_LabelValue: two, expected a whole number"),
    ] {
        let error = format!("{:#}", of(&keys, &data).unwrap_err());
        assert!(error.contains(part), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_image_or_an_error(bytes: Vec<u8>, cut in 0..HEADER.len()) {
        let mut reader = Reader::new(Path::new(""));
        let _ = image(Path::new("a.nrrd"), &bytes, &mut reader);
        let _ = image(Path::new("a.nrrd"), &[&HEADER.as_bytes()[..cut], b"\n\n", &bytes].concat(), &mut reader);
    }
}
