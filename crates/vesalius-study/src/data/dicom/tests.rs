use super::*;

/// One element in explicit VR, little endian.
fn element(tag: [u16; 2], vr: &str, value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == "UI" { 0 } else { b' ' });
    }
    let mut bytes = tag.map(u16::to_le_bytes).concat();
    bytes.extend(vr.as_bytes());
    if ["OB", "OW"].contains(&vr) {
        bytes.extend([0; 2]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

/// Element of group 0020 (what orders slices): number, value representation, text.
type Placing = (u16, &'static str, &'static str);

/// A CT slice of 2 rows and 3 columns with HU = 2 x stored - 1000, written without the library that reads it.
fn slice_file(place: &[Placing], bits_stored: u16, pixels: [i16; 6]) -> Vec<u8> {
    let meta = [
        element([2, 0x0001], "OB", &[0, 1]),
        element([2, 0x0002], "UI", b"1.2.840.10008.5.1.4.1.1.2"),
        element([2, 0x0003], "UI", b"1.2.3"),
        element([2, 0x0010], "UI", b"1.2.840.10008.1.2.1"),
        element([2, 0x0012], "UI", b"1.2.3"),
    ]
    .concat();
    let mut file = [&[0_u8; 128][..], b"DICM"].concat();
    file.extend(element([2, 0x0000], "UL", &(meta.len() as u32).to_le_bytes()));
    file.extend(meta);
    for (number, vr, text) in place {
        file.extend(element([0x0020, *number], vr, text.as_bytes()));
    }
    let short = |number: u16, value: u16| element([0x0028, number], "US", &value.to_le_bytes());
    let text = |number: u16, vr: &str, text: &str| element([0x0028, number], vr, text.as_bytes());
    let image = [
        short(0x0002, 1),
        text(0x0004, "CS", "MONOCHROME2"),
        short(0x0010, 2),
        short(0x0011, 3),
        text(0x0030, "DS", "0.7\\0.5"),
        short(0x0100, 16),
        short(0x0101, bits_stored),
        short(0x0102, bits_stored.saturating_sub(1)),
        short(0x0103, 1),
        text(0x1052, "DS", "-1000"),
        text(0x1053, "DS", "2"),
    ]
    .concat();
    file.extend(image);
    file.extend(element([0x7fe0, 0x0010], "OW", &pixels.map(i16::to_le_bytes).concat()));
    file
}

fn at(position: &'static str, orientation: &'static str) -> Vec<Placing> {
    vec![(0x0013, "IS", "7"), (0x0032, "DS", position), (0x0037, "DS", orientation)]
}

/// A patient whose second file is the first slice, with a labelled pixel at one end of each mask.
fn write_patient(root: &Path, [first, second]: [&[Placing]; 2]) {
    let [series, masks] = ["CT", "Ground"].map(|folder| root.join("patient1").join(folder));
    for folder in [&series, &masks] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let a = slice_file(first, 16, [0, 1, 2, 3, 4, 5]);
    let b = slice_file(second, 16, [500, -10, 0, 0, 0, 700]);
    std::fs::write(series.join("a.dcm"), a).unwrap();
    std::fs::write(series.join("b.dcm"), b).unwrap();
    for (name, pixels) in [("1.png", vec![255, 0, 0, 0, 0, 0]), ("2.png", vec![0, 0, 0, 0, 0, 255])]
    {
        image::GrayImage::from_raw(3, 2, pixels).unwrap().save(masks.join(name)).unwrap();
    }
}

fn read_patient(root: &Path) -> Result<Case> {
    let source = Dicom::new(root, &SourceOptions::default());
    let cases = source.cases()?.cases;
    assert_eq!((cases.len(), cases[0].patient.as_str()), (1, "patient1"));
    source.load(&cases[0], &mut Reader::new(root))
}

#[test]
fn slices_are_ordered_along_their_normal_with_their_masks_and_in_hounsfield_units() {
    let axial = "1\\0\\0\\0\\1\\0";
    // Rows along y, columns along -z: the normal is -x.
    let sagittal = "0\\1\\0\\0\\0\\-1";
    for [first, second] in [
        [at("0\\0\\30", axial), at("0\\0\\-5", axial)],
        [at("10\\0\\0", sagittal), at("20\\0\\0", sagittal)],
        // Without positions their numbers decide.
        [vec![(0x0013, "IS", "2")], vec![(0x0013, "IS", "1")]],
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_patient(folder.path(), [&first, &second]);
        let case = read_patient(folder.path()).unwrap();
        let volume = &case.volume;
        assert_eq!([volume.slices, volume.channels, volume.height, volume.width], [2, 1, 2, 3]);
        assert_eq!(volume.plane(0, 0), [0.0, -1020.0, -1000.0, -1000.0, -1000.0, 400.0]);
        assert_eq!(volume.plane(1, 0), [-1000.0, -998.0, -996.0, -994.0, -992.0, -990.0]);
        assert_eq!(case.labels.plane(0), [0, 0, 0, 0, 0, 1]);
        assert_eq!(case.labels.plane(1), [1, 0, 0, 0, 0, 0]);
        assert_eq!(case.spacing_mm, Some([0.7, 0.5]));
    }
}

#[test]
fn what_is_wrong_with_a_series_is_said_with_the_name_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let place = [(0x0013, "IS", "1")];
    let refused = |part: &str, file: &str| {
        let error = format!("{:#}", read_patient(root).unwrap_err());
        assert!(error.contains(part) && error.contains(file), "{error}");
    };
    write_patient(root, [&place, &[]]);
    refused("neither ImagePositionPatient nor InstanceNumber", "b.dcm");
    // A number of bits that the reading library would panic on, and one that asks for gigabytes.
    for bits in [0, 31] {
        let file = slice_file(&place, bits, [0; 6]);
        std::fs::write(root.join("patient1/CT/b.dcm"), file).unwrap();
        refused(&format!("{bits} bits stored of 16 allocated, expected 1 to 16"), "b.dcm");
    }
    let file = slice_file(&place, 16, [0; 6]);
    std::fs::write(root.join("patient1/CT/b.dcm"), &file[..file.len() - 6]).unwrap();
    refused("DICOM", "b.dcm");
    std::fs::write(root.join("patient1/CT/b.dcm"), file).unwrap();
    let small = image::GrayImage::from_raw(1, 1, vec![0]).unwrap();
    small.save(root.join("patient1/Ground/2.png")).unwrap();
    refused("mask of 1x1 pixels, expected 2x3", "2.png");
    std::fs::remove_file(root.join("patient1/Ground/2.png")).unwrap();
    refused("2 DICOM slices and 1 masks", "patient1");
}
