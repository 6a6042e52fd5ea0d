//! DICOM files for tests, written without the library that reads them: explicit VR, little endian.

use std::collections::BTreeMap;
use std::path::Path;

/// A CT slice of 2 rows and 3 columns with HU = 2 x stored - 1000, and what a test changes in it.
#[derive(Clone)]
pub(crate) struct Built {
    elements: BTreeMap<(u16, u16), (&'static str, Vec<u8>)>,
}

/// One element in explicit VR, little endian.
fn element(tag: (u16, u16), vr: &str, value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == "UI" { 0 } else { b' ' });
    }
    let mut bytes = [tag.0, tag.1].map(u16::to_le_bytes).concat();
    bytes.extend(vr.as_bytes());
    if ["OB", "OW", "SQ"].contains(&vr) {
        bytes.extend([0; 2]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

impl Built {
    /// The `k`-th slice of a series: 3 mm apart, numbered from 1, its first pixel `k`.
    pub(crate) fn slice(k: i16) -> Self {
        Self { elements: BTreeMap::new() }
            .text((8, 0x16), "UI", "1.2.840.10008.5.1.4.1.1.2")
            .text((8, 0x18), "UI", &format!("1.2.3.4.{}", k + 1000))
            .text((8, 0x60), "CS", "CT")
            .text((0x10, 0x20), "LO", "P1")
            .text((0x20, 0x0e), "UI", "1.2.3.4")
            .text((0x20, 0x13), "IS", &(k + 1).to_string())
            .text((0x20, 0x32), "DS", &format!("0\\0\\{}", 3 * k))
            .text((0x20, 0x37), "DS", "1\\0\\0\\0\\1\\0")
            .words((0x28, 0x02), &[1])
            .text((0x28, 0x04), "CS", "MONOCHROME2")
            .words((0x28, 0x10), &[2])
            .words((0x28, 0x11), &[3])
            .text((0x28, 0x30), "DS", "0.7\\0.5")
            .words((0x28, 0x100), &[16])
            .words((0x28, 0x101), &[16])
            .words((0x28, 0x102), &[15])
            .words((0x28, 0x103), &[1])
            .text((0x28, 0x1052), "DS", "-1000")
            .text((0x28, 0x1053), "DS", "2")
            .pixels([k, 1, 2, 3, 4, 5])
    }

    pub(crate) fn text(self, tag: (u16, u16), vr: &'static str, text: &str) -> Self {
        self.bytes(tag, vr, text.as_bytes().to_vec())
    }

    pub(crate) fn words(self, tag: (u16, u16), words: &[u16]) -> Self {
        self.bytes(tag, "US", words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    pub(crate) fn pixels(self, pixels: [i16; 6]) -> Self {
        self.bytes((0x7fe0, 0x10), "OW", pixels.map(i16::to_le_bytes).concat())
    }

    /// A sequence of one item.
    pub(crate) fn sequence(self, tag: (u16, u16), item: &Self) -> Self {
        let item = item.data_set();
        let head = [&[0xfe, 0xff, 0x00, 0xe0][..], &(item.len() as u32).to_le_bytes()].concat();
        self.bytes(tag, "SQ", [head, item].concat())
    }

    pub(crate) fn empty() -> Self {
        Self { elements: BTreeMap::new() }
    }

    pub(crate) fn bytes(mut self, tag: (u16, u16), vr: &'static str, value: Vec<u8>) -> Self {
        self.elements.insert(tag, (vr, value));
        self
    }

    pub(crate) fn without(mut self, tag: (u16, u16)) -> Self {
        self.elements.remove(&tag);
        self
    }

    /// Without preamble and file meta information.
    pub(crate) fn data_set(&self) -> Vec<u8> {
        self.elements.iter().flat_map(|(tag, (vr, value))| element(*tag, vr, value)).collect()
    }

    /// File meta information and all that follows.
    pub(crate) fn after_magic(&self) -> Vec<u8> {
        let meta = [
            element((2, 0x0001), "OB", &[0, 1]),
            element((2, 0x0002), "UI", b"1.2.840.10008.5.1.4.1.1.2"),
            element((2, 0x0003), "UI", b"1.2.3"),
            element((2, 0x0010), "UI", b"1.2.840.10008.1.2.1"),
            element((2, 0x0012), "UI", b"1.2.3"),
        ]
        .concat();
        let length = element((2, 0x0000), "UL", &(meta.len() as u32).to_le_bytes());
        [length, meta, self.data_set()].concat()
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        [vec![0; 128], b"DICM".to_vec(), self.after_magic()].concat()
    }

    pub(crate) fn write(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.file()).unwrap();
    }
}

/// A mask of 2 x 3 pixels whose `k`-th is labelled.
pub(crate) fn write_mask(path: &Path, k: usize) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut pixels = vec![0; 6];
    pixels[k] = 255;
    image::GrayImage::from_raw(3, 2, pixels).unwrap().save(path).unwrap();
}
