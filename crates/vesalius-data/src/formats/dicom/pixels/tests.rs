use super::super::built::Built;
use crate::formats::dicom::parse;
use base64::Engine as _;

#[derive(serde::Deserialize)]
struct Golden {
    files: Vec<File>,
}

#[derive(serde::Deserialize)]
struct File {
    name: String,
    #[serde(rename = "file")]
    bytes: String,
    shape: [usize; 2],
    values: Vec<f64>,
    padding: Vec<u8>,
    tolerance: f64,
}

#[test]
fn values_and_padding_are_those_of_pydicom_and_simpleitk() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../../../../golden/dicom.json")).unwrap();
    assert!(golden.files.len() > 20);
    for File { name, bytes, shape, values, padding, tolerance } in golden.files {
        let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).unwrap();
        let found = parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!([found.rows, found.columns], shape, "{name}");
        let fits = |found: &f32, right: &f64| f64::from(found - *right as f32).abs() <= tolerance;
        let all = found.values.iter().zip(&values).all(|(a, b)| fits(a, b));
        assert!(all && found.values.len() == values.len(), "{name}: {:?} {values:?}", found.values);
        let padded: Vec<u8> = found.padding.iter().map(|&padded| u8::from(padded)).collect();
        assert_eq!(padded, padding, "{name}");
    }
}

fn refused(slice: &Built, part: &str) {
    let error = format!("{:#}", parse(&slice.file()).unwrap_err());
    assert!(error.contains(part), "{error}\n{part}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_file_without_preamble_or_meta_information_is_read_alike() {
    let slice = Built::slice(4);
    let expected = parse(&slice.file()).unwrap();
    assert_eq!(expected.values, [-992.0, -998.0, -996.0, -994.0, -992.0, -990.0]);
    let bare = slice.data_set();
    let magic_first = [b"DICM".to_vec(), slice.after_magic()].concat();
    for bytes in [slice.after_magic(), magic_first, bare.clone()] {
        assert_eq!(parse(&bytes).unwrap(), expected);
    }
    assert!(parse(&bare[40..]).is_err() && parse(&[]).is_err() && parse(b"8\0rubbish").is_err());
}

#[test]
fn what_is_no_grey_image_is_refused_by_what_it_is() {
    let colour = |name: &str| Built::slice(0).text((0x28, 4), "CS", name);
    refused(&colour("PALETTE COLOR"), "PhotometricInterpretation PALETTE COLOR, expected MONO");
    refused(&colour("YBR_FULL"), "PhotometricInterpretation YBR_FULL, expected MONO");
    refused(&colour("RGB").words((0x28, 2), &[3]), "3 samples per pixel and 1 frames");
    refused(&Built::slice(0).without((0x28, 4)), "PhotometricInterpretation is missing");
    refused(&Built::slice(0).text((0x28, 8), "IS", "2"), "2 frames with 0 functional groups");
    refused(&Built::slice(0).words((0x28, 0x103), &[2]), "PixelRepresentation 2, expected 0 or 1");
    refused(&Built::slice(0).words((0x28, 0x100), &[12]), "12 bits allocated, expected 8, 16 or");
    for bits in [0, 31] {
        let part = format!("{bits} bits stored of 16 allocated, expected 1 to 16");
        refused(&Built::slice(0).words((0x28, 0x101), &[bits]), &part);
    }
    refused(&Built::slice(0).without((0x7fe0, 0x10)), "no Pixel Data");
    refused(
        &Built::slice(0).words((0x28, 0x10), &[3]),
        "12 bytes of DICOM pixel data, expected 18",
    );
}

#[test]
fn a_rescale_that_says_nothing_or_half_is_refused() {
    let slice = Built::slice(0);
    refused(&slice.clone().without((0x28, 0x1053)), "RescaleIntercept without RescaleSlope");
    refused(&slice.clone().without((0x28, 0x1052)), "RescaleSlope without RescaleIntercept");
    refused(&slice.clone().text((0x28, 0x1053), "DS", "0"), "RescaleSlope is 0");
    refused(&slice.clone().text((0x28, 0x1053), "DS", "1\\2"), "RescaleSlope has 2 numbers");
    refused(
        &slice.clone().text((0x28, 0x1053), "DS", "two"),
        "RescaleSlope is not made of numbers",
    );
    let stored = slice.without((0x28, 0x1052)).without((0x28, 0x1053));
    assert_eq!(parse(&stored.file()).unwrap().values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    // Empty elements say nothing.
    let empty = stored.text((0x28, 0x1052), "DS", "").text((0x28, 0x1053), "DS", "");
    assert_eq!(parse(&empty.file()).unwrap().values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn a_table_that_contradicts_itself_or_stands_beside_a_rescale_is_refused() {
    let item = |descriptor: [u16; 3], data: &[u16]| {
        Built::empty().words((0x28, 0x3002), &descriptor).words((0x28, 0x3006), data)
    };
    let plain = Built::slice(0).without((0x28, 0x1052)).without((0x28, 0x1053));
    let good = item([2, 1, 16], &[5, 900]);
    let found = parse(&plain.clone().sequence((0x28, 0x3000), &good).file()).unwrap();
    assert_eq!(found.values, [5.0, 5.0, 900.0, 900.0, 900.0, 900.0]);
    refused(&Built::slice(0).sequence((0x28, 0x3000), &good), "and RescaleSlope, expected one");
    let mono1 = plain.clone().text((0x28, 4), "CS", "MONOCHROME1");
    refused(&mono1.sequence((0x28, 0x3000), &good), "with MONOCHROME1");
    for (item, part) in [
        (item([3, 1, 16], &[5, 900]), "2 entries, expected 3 as LUTDescriptor says"),
        (item([2, 1, 12], &[5, 900]), "entries of 12 bits, expected 8 or 16"),
        (item([2, 1, 8], &[5, 900]), "an entry above 255"),
        (item([2, 1, 16], &[5, 900]).without((0x28, 0x3002)), "no LUTDescriptor"),
        (item([2, 1, 16], &[5, 900]).without((0x28, 0x3006)), "no LUTData"),
    ] {
        refused(&plain.clone().sequence((0x28, 0x3000), &item), part);
    }
}
