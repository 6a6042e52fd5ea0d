use super::*;
use proptest::prelude::*;

const HEADER: &str = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n\
    ElementSpacing = 0.5 0.7 2\nDimSize = 2 1 2\nElementType = MET_SHORT\nElementDataFile = LOCAL\n";

#[test]
fn a_local_image_reads_in_both_byte_orders() {
    let little: Vec<u8> = [1_i16, -2, 3, 4].iter().flat_map(|v| v.to_le_bytes()).collect();
    let image = parse_local(&[HEADER.as_bytes(), &little].concat()).unwrap();
    assert_eq!(image.volume.shape(), [2, 1, 1, 2]);
    assert_eq!(image.volume.values, [1.0, -2.0, 3.0, 4.0]);
    assert_eq!(image.spacing_mm, Some([0.7, 0.5]));
    let big: Vec<u8> = [1_i16, -2, 3, 4].iter().flat_map(|v| v.to_be_bytes()).collect();
    let header = HEADER.replace("OrderMSB = False", "OrderMSB = True");
    assert_eq!(parse_local(&[header.as_bytes(), &big].concat()).unwrap(), image);
}

#[test]
fn longer_data_are_accepted_and_shorter_ones_are_not() {
    assert!(parse_local(&[HEADER.as_bytes(), &[0; 20]].concat()).is_ok());
    let error = parse_local(&[HEADER.as_bytes(), &[0; 7]].concat()).unwrap_err().to_string();
    assert!(error.contains("7 bytes of voxels, expected 8"), "{error}");
}

#[test]
fn a_header_that_asks_for_terabytes_is_refused() {
    let header = HEADER.replace("DimSize = 2 1 2", "DimSize = 4000000000 4000000000 4000000000");
    assert!(parse_local(header.as_bytes()).unwrap_err().to_string().contains("memory"));
    let header = HEADER.replace("DimSize = 2 1 2", "DimSize = 1000000 1000000 1");
    assert!(parse_local(header.as_bytes()).unwrap_err().to_string().contains("truncated"));
}

/// `a.mhd` with these lines in place of `ElementDataFile`, and its data file.
fn beside(lines: &str, name: &str, data: &[u8]) -> Result<VolumeFile> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mhd");
    let header = HEADER.replace("ElementDataFile = LOCAL\n", lines);
    std::fs::write(&path, format!("{header}ElementDataFile = {name}\n")).unwrap();
    std::fs::write(folder.path().join(name), data).unwrap();
    let mut reader = Reader::new(folder.path());
    let image = read(&path, &mut reader)?;
    let files: Vec<PathBuf> = reader.into_files().into_iter().map(|file| file.path).collect();
    assert_eq!(files, [Path::new("a.mhd"), Path::new(name)], "both go into the manifest");
    Ok(image)
}

fn shorts() -> Vec<u8> {
    [1_i16, -2, 3, 4].iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn compressed_voxels_in_a_zraw_file_are_inflated() {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&shorts()).unwrap();
    let packed = encoder.finish().unwrap();
    let image = beside("CompressedData = True\n", "a.zraw", &packed).unwrap();
    assert_eq!(
        (image.volume.shape(), image.volume.values),
        ([2, 1, 1, 2], vec![1.0, -2.0, 3.0, 4.0])
    );
    for damaged in [&packed[..packed.len() / 2], &shorts()[..]] {
        let error = beside("CompressedData = True\n", "a.zraw", damaged).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("a.zraw: ") && error.contains("truncated"), "{error}");
    }
}

#[test]
fn bytes_before_the_voxels_are_left_out() {
    let data = [&[9_u8; 5][..], &shorts()].concat();
    for size in ["5", "-1"] {
        let image = beside(&format!("HeaderSize = {size}\n"), "a.raw", &data).unwrap();
        assert_eq!(image.volume.values, [1.0, -2.0, 3.0, 4.0], "HeaderSize = {size}");
    }
    for (size, part) in
        [("6", "7 bytes of voxels, expected 8"), ("99", "0 bytes of voxels"), ("-2", "HeaderSize")]
    {
        let error = beside(&format!("HeaderSize = {size}\n"), "a.raw", &data).unwrap_err();
        assert!(format!("{error:#}").contains(part), "{error:#}");
    }
}

#[test]
fn floats_read_in_both_byte_orders_under_both_names_of_the_flag() {
    let values = [1.5_f32, -2.25, 0.0, 1e9];
    let header = HEADER.replace("MET_SHORT", "MET_FLOAT");
    let little: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let image = parse_local(&[header.as_bytes(), &little].concat()).unwrap();
    assert_eq!(image.volume.values, values);
    let big: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    let header = header.replace("BinaryDataByteOrderMSB = False", "ElementByteOrderMSB = True");
    assert_eq!(parse_local(&[header.as_bytes(), &big].concat()).unwrap(), image);
}

#[test]
fn channels_beside_each_other_become_planes_and_make_no_mask() {
    let header = HEADER
        .replace("MET_SHORT", "MET_UCHAR")
        .replace("DimSize", "ElementNumberOfChannels = 2\nDimSize");
    let image = parse_local(&[header.as_bytes(), &[1, 10, 2, 20, 3, 30, 4, 40]].concat()).unwrap();
    assert_eq!(image.volume.shape(), [2, 2, 1, 2]);
    assert_eq!(image.volume.values, [1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0]);
    let error = image.labels().unwrap_err().to_string();
    assert!(error.contains("2 channels in a mask, expected 1"), "{error}");
}

#[test]
fn fields_that_are_wrong_are_named() {
    for (from, to, parts) in [
        ("NDims = 3", "NDims = 4", "NDims = 4, expected 2 or 3"),
        ("DimSize = 2 1 2", "DimSize = 2 1", "DimSize has 2 numbers, expected 3"),
        ("DimSize = 2 1 2", "DimSize = 2 1 many", "DimSize = many, expected a whole number"),
        ("DimSize = 2 1 2", "DimSize = 2 0 2", "expected no zero"),
        ("MET_SHORT", "MET_STRING", "ElementType = MET_STRING, expected MET_SHORT"),
        ("ElementType", "Type", "no ElementType, expected one"),
        ("BinaryData = True", "BinaryData = False", "expected binary voxels"),
        ("LOCAL", "slice%03d.raw", "expected one file"),
        ("ElementDataFile = LOCAL", "", "no ElementDataFile line"),
    ] {
        let file = [HEADER.replace(from, to).as_bytes(), &shorts()].concat();
        let error = parse_local(&file).unwrap_err().to_string();
        assert!(error.contains(parts), "{to}: {error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_image_or_an_error(bytes: Vec<u8>, cut in 0..HEADER.len()) {
        let _ = parse_local(&bytes);
        let _ = parse_local(&[&HEADER.as_bytes()[..cut], &bytes].concat());
    }
}
