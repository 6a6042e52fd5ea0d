//! A pack: an immutable folder of equally shaped slices with label maps, real or synthetic.
//!
//! ```text
//! PACK/manifest.json   what, whence, who (see `manifest`)
//! PACK/slices.bin      header, 64 bytes, little endian:
//!                        "VSALPACK" · version u32 · bytes per pixel u32 · C u32 · H u32 · W u32 · 0 u32
//!                        · slices u64 · 0 (20 bytes) · CRC-32 of the 60 bytes before
//!                      slices:  pixels [C, H, W] then labels [H, W] (u8), one after the other
//!                      CRC-32 of each slice (u32 each), CRC-32 of that table
//! ```
//! The file is memory-mapped; each slice's checksum is verified the first time it is read.

use super::manifest::{Layout, Manifest, PixelDepth, SliceRecord, Split};
use crate::digest;
use crate::publish::StagedDir;
use anyhow::Context as _;
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const MAGIC: &[u8; 8] = b"VSALPACK";
/// Version of `slices.bin`.
pub const PACK_VERSION: u32 = 1;
const HEADER_BYTES: usize = 64;

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file is missing or unreadable.
    #[error(
        "{path}: cannot be read ({source}); expected a pack written by `vesalius prepare` or `sample`"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The bytes are not what the header or manifest promises.
    #[error("{path}: {found}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What was found, and what was expected.
        found: String,
    },
}

/// Header of `slices.bin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Shape of every slice.
    pub layout: Layout,
    /// Number of slices.
    pub count: usize,
}

impl Header {
    /// Reads the first 64 bytes; never allocates from what they say.
    ///
    /// # Errors
    /// What was found and what was expected, as text.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let Some(header) = bytes.get(..HEADER_BYTES) else {
            return Err(format!("{} bytes, expected a {HEADER_BYTES}-byte header", bytes.len()));
        };
        if &header[..8] != MAGIC {
            return Err("does not start with VSALPACK: not a pack".to_owned());
        }
        let word = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if word(8) != PACK_VERSION {
            return Err(format!("pack version {}, expected {PACK_VERSION}", word(8)));
        }
        if word(60) != crc32fast::hash(&header[..60]) {
            return Err("header checksum does not match: the file was damaged".to_owned());
        }
        let depth = match word(12) {
            1 => PixelDepth::U8,
            2 => PixelDepth::U16,
            other => return Err(format!("{other} bytes per pixel, expected 1 or 2")),
        };
        let [channels, height, width] = [word(16), word(20), word(24)].map(|n| n as usize);
        if channels == 0 || height == 0 || width == 0 {
            return Err(format!("slices of {channels}x{height}x{width}, expected no zero"));
        }
        let count =
            usize::try_from(u64::from_le_bytes(header[32..40].try_into().expect("8 bytes")))
                .map_err(|_| "slice count does not fit this machine".to_owned())?;
        Ok(Self { layout: Layout { channels, height, width, depth }, count })
    }

    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0_u8; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        let words = [
            PACK_VERSION,
            self.layout.depth.bytes() as u32,
            self.layout.channels as u32,
            self.layout.height as u32,
            self.layout.width as u32,
        ];
        for (i, word) in words.iter().enumerate() {
            bytes[8 + 4 * i..12 + 4 * i].copy_from_slice(&word.to_le_bytes());
        }
        bytes[32..40].copy_from_slice(&(self.count as u64).to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Length of a whole file with this header; `None` where it would overflow.
    pub fn file_bytes(&self) -> Option<u64> {
        let layout = self.layout;
        let pixels = (layout.channels as u64)
            .checked_mul(layout.height as u64)?
            .checked_mul(layout.width as u64)?
            .checked_mul(layout.depth.bytes() as u64)?;
        let slice = pixels.checked_add((layout.height as u64).checked_mul(layout.width as u64)?)?;
        (self.count as u64).checked_mul(slice.checked_add(4)?)?.checked_add(HEADER_BYTES as u64 + 4)
    }
}

/// One slice, borrowed from the map.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    /// Pixels `[C, H, W]`, little endian, of the layout's depth.
    pub pixels: &'a [u8],
    /// Label values `[H, W]`, each below K.
    pub labels: &'a [u8],
}

/// An open pack.
#[derive(Debug)]
pub struct Pack {
    path: PathBuf,
    manifest: Manifest,
    digest: String,
    map: memmap2::Mmap,
    verified: Vec<AtomicBool>,
}

impl Pack {
    /// Opens `PACK/`; reads the manifest and the header, not the slices.
    ///
    /// # Errors
    /// [`PackError`] names the file, what was found and what was expected.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        let manifest_path = path.join("manifest.json");
        let text = std::fs::read(&manifest_path)
            .map_err(|source| PackError::Read { path: manifest_path.clone(), source })?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| {
            invalid(&manifest_path, format!("not a manifest of this version ({error})"))
        })?;
        let data_path = path.join("slices.bin");
        let map = map_file(&data_path)
            .map_err(|source| PackError::Read { path: data_path.clone(), source })?;
        let header = Header::parse(&map).map_err(|found| invalid(&data_path, found))?;
        if header.file_bytes() != Some(map.len() as u64) {
            return Err(invalid(
                &data_path,
                format!(
                    "{} bytes, expected {} for {} slices: truncated or damaged",
                    map.len(),
                    header
                        .file_bytes()
                        .map_or_else(|| "more than fits".to_owned(), |n| n.to_string()),
                    header.count
                ),
            ));
        }
        let table = &map[map.len() - 4 - 4 * header.count..];
        let (table, sum) = table.split_at(table.len() - 4);
        if crc32fast::hash(table).to_le_bytes() != sum {
            return Err(invalid(&data_path, "checksum table does not match: the file was damaged"));
        }
        check_manifest(&manifest, &header).map_err(|found| invalid(&manifest_path, found))?;
        let verified = (0..header.count).map(|_| AtomicBool::new(false)).collect();
        Ok(Self { path: path.to_owned(), manifest, digest: digest::of_bytes(&text), map, verified })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Shape of every slice.
    pub fn layout(&self) -> Layout {
        self.manifest.layout
    }

    /// Number of classes K, background included.
    pub fn classes(&self) -> usize {
        self.manifest.classes.len()
    }

    /// Number of slices.
    pub fn len(&self) -> usize {
        self.manifest.slices.len()
    }

    /// Whether there is no slice; `open` refuses such packs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 of the manifest, which holds the SHA-256 of the slices: changes with any content.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Indices of the slices on one side of the split.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        self.manifest.indices(split)
    }

    /// Slice `i`, its checksum verified once.
    ///
    /// # Errors
    /// When the bytes were damaged since they were written, or a label is not below K.
    ///
    /// # Panics
    /// When `i` is not below [`Pack::len`].
    pub fn slice(&self, i: usize) -> Result<Slice<'_>, PackError> {
        let layout = self.manifest.layout;
        let bytes = layout.pixel_bytes() + layout.label_bytes();
        let start = HEADER_BYTES + i * bytes;
        let record = &self.map[start..start + bytes];
        let (pixels, labels) = record.split_at(layout.pixel_bytes());
        if !self.verified[i].load(Ordering::Relaxed) {
            let data_path = || self.path.join("slices.bin");
            let at = HEADER_BYTES + self.len() * bytes + 4 * i;
            if crc32fast::hash(record).to_le_bytes() != self.map[at..at + 4] {
                return Err(invalid(
                    &data_path(),
                    format!("slice {i}: checksum does not match: the file was damaged"),
                ));
            }
            if let Some(&label) = labels.iter().find(|&&label| usize::from(label) >= self.classes())
            {
                return Err(invalid(
                    &data_path(),
                    format!("slice {i}: label {label}, expected one of {} classes", self.classes()),
                ));
            }
            self.verified[i].store(true, Ordering::Relaxed);
        }
        Ok(Slice { pixels, labels })
    }
}

fn invalid(path: &Path, found: impl Into<String>) -> PackError {
    PackError::Invalid { path: path.to_owned(), found: found.into() }
}

fn check_manifest(manifest: &Manifest, header: &Header) -> Result<(), String> {
    if manifest.layout != header.layout {
        return Err(format!(
            "layout {:?}, but slices.bin has {:?}; expected the same",
            manifest.layout, header.layout
        ));
    }
    if manifest.slices.len() != header.count {
        return Err(format!(
            "{} slices, but slices.bin has {}; expected the same",
            manifest.slices.len(),
            header.count
        ));
    }
    if header.count == 0 {
        return Err("no slice at all".to_owned());
    }
    if !(1..=256).contains(&manifest.classes.len()) {
        return Err(format!("{} classes, expected 1 to 256", manifest.classes.len()));
    }
    if let Some(slice) = manifest.slices.iter().find(|slice| slice.case >= manifest.cases.len()) {
        return Err(format!(
            "slice of case {}, but there are {}",
            slice.case,
            manifest.cases.len()
        ));
    }
    let mut sides = std::collections::HashMap::new();
    for case in &manifest.cases {
        if *sides.entry(&case.patient).or_insert(case.split) != case.split {
            return Err(format!("patient {} is on both sides of the split", case.patient));
        }
    }
    Ok(())
}

#[expect(unsafe_code, reason = "memory-mapping is unsafe by signature: see below")]
fn map_file(path: &Path) -> std::io::Result<memmap2::Mmap> {
    let file = File::open(path)?;
    // SAFETY: packs are published whole by rename and never written again. A file truncated under us
    // by somebody else would end the process with SIGBUS: that is an aborted run, never a wrong number.
    unsafe { memmap2::Mmap::map(&file) }
}

/// Writes a pack slice by slice; it appears under its name only when [`PackWriter::finish`] succeeds.
#[derive(Debug)]
pub struct PackWriter {
    staged: StagedDir,
    data: BufWriter<File>,
    layout: Layout,
    sums: Vec<u8>,
    slices: Vec<SliceRecord>,
}

impl PackWriter {
    /// Starts a pack that shall become `target`.
    ///
    /// # Errors
    /// When `target` exists or its folder cannot be written.
    pub fn create(target: &Path, layout: Layout) -> anyhow::Result<Self> {
        let staged = StagedDir::create(target)?;
        let mut data =
            BufWriter::with_capacity(1 << 20, File::create(staged.path().join("slices.bin"))?);
        // The count is not known yet; `finish` writes the header again.
        data.write_all(&Header { layout, count: 0 }.to_bytes())?;
        Ok(Self { staged, data, layout, sums: Vec::new(), slices: Vec::new() })
    }

    /// Appends one slice: pixels `[C, H, W]` little endian, labels `[H, W]`.
    ///
    /// # Errors
    /// When the disk is full.
    ///
    /// # Panics
    /// When a length does not match the layout.
    pub fn push(
        &mut self,
        pixels: &[u8],
        labels: &[u8],
        record: SliceRecord,
    ) -> anyhow::Result<()> {
        assert_eq!(pixels.len(), self.layout.pixel_bytes(), "pixels of one slice");
        assert_eq!(labels.len(), self.layout.label_bytes(), "labels of one slice");
        let mut crc = crc32fast::Hasher::new();
        for part in [pixels, labels] {
            self.data.write_all(part).with_context(|| self.failure())?;
            crc.update(part);
        }
        self.sums.extend(crc.finalize().to_le_bytes());
        self.slices.push(record);
        Ok(())
    }

    /// Completes the files, fills the manifest's `slices` and `data_sha256`, and publishes the folder.
    ///
    /// # Errors
    /// When the disk is full, or slices and manifest do not fit each other.
    pub fn finish(mut self, mut manifest: Manifest) -> anyhow::Result<()> {
        let failure = self.failure();
        let trailer_sum = crc32fast::hash(&self.sums).to_le_bytes();
        let header = Header { layout: self.layout, count: self.slices.len() };
        let mut complete = || -> std::io::Result<()> {
            self.data.write_all(&self.sums)?;
            self.data.write_all(&trailer_sum)?;
            self.data.seek(SeekFrom::Start(0))?;
            self.data.write_all(&header.to_bytes())?;
            self.data.flush()?;
            self.data.get_ref().sync_all()
        };
        complete().with_context(|| failure)?;
        manifest.slices = self.slices;
        manifest.data_sha256 = digest::of_file(&self.staged.path().join("slices.bin"))?;
        check_manifest(&manifest, &header).map_err(|found| anyhow::anyhow!("pack: {found}"))?;
        let text = serde_json::to_vec_pretty(&manifest)?;
        crate::publish::write_file(&self.staged.path().join("manifest.json"), &text)?;
        self.staged.publish()
    }

    fn failure(&self) -> String {
        format!("{}: cannot be written", self.staged.target().display())
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{CaseRecord, Provenance};
    use super::*;

    fn manifest(layout: Layout) -> Manifest {
        Manifest {
            dataset: "test".into(),
            vesalius: "0".into(),
            classes: vec!["background".into(), "disc".into()],
            layout,
            provenance: Provenance::Real {
                source: "folder".into(),
                preprocess: serde_json::Value::Null,
                split: "seed 1".into(),
                files: vec![],
            },
            cases: vec![CaseRecord {
                id: "a".into(),
                patient: "a".into(),
                group: None,
                split: Split::Train,
                spacing_mm: None,
            }],
            slices: vec![],
            command: String::new(),
            data_sha256: String::new(),
        }
    }

    fn write(target: &Path) -> Layout {
        let layout = Layout { channels: 1, height: 2, width: 4, depth: PixelDepth::U16 };
        let mut writer = PackWriter::create(target, layout).unwrap();
        for i in 0..3_u8 {
            writer
                .push(&[i; 16], &[i % 2; 8], SliceRecord { case: 0, position: usize::from(i) })
                .unwrap();
        }
        writer.finish(manifest(layout)).unwrap();
        layout
    }

    #[test]
    fn a_pack_of_format_1_still_opens() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat/pack-1");
        let pack = Pack::open(Path::new(path)).unwrap();
        assert_eq!((pack.len(), pack.classes()), (50, 4));
        assert_eq!(
            pack.digest(),
            "003be728eba3886c5c69157bba0916876554f19768eef76ed41e3d6ecdb9959d"
        );
        for i in 0..pack.len() {
            assert_eq!(pack.slice(i).unwrap().labels.len(), 32 * 32);
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let layout = write(&path);
        let pack = Pack::open(&path).unwrap();
        assert_eq!(pack.layout(), layout);
        assert_eq!(pack.len(), 3);
        assert_eq!(pack.slice(2).unwrap().pixels, [2; 16]);
        assert_eq!(pack.slice(1).unwrap().labels, [1; 8]);
        assert_eq!(digest::of_file(&path.join("slices.bin")).unwrap(), pack.manifest().data_sha256);
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        write(&path);
        let good = std::fs::read(path.join("slices.bin")).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(path.join("slices.bin"), bad).unwrap();
            let found = Pack::open(&path)
                .and_then(|pack| (0..pack.len()).try_for_each(|i| pack.slice(i).map(|_| ())));
            let error = found.expect_err(&format!("byte {at}"));
            assert!(
                error.to_string().contains("slices.bin") || error.to_string().contains("manifest")
            );
        }
    }

    #[test]
    fn another_version_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        write(&path);
        let mut bytes = std::fs::read(path.join("slices.bin")).unwrap();
        bytes[8] = 9;
        std::fs::write(path.join("slices.bin"), bytes).unwrap();
        let error = Pack::open(&path).unwrap_err().to_string();
        assert!(error.contains("pack version 9, expected 1"), "{error}");
    }

    #[test]
    fn a_header_that_asks_for_terabytes_is_refused_without_allocating() {
        let layout =
            Layout { channels: 3, height: 1 << 31, width: 1 << 31, depth: PixelDepth::U16 };
        let header = Header { layout, count: usize::MAX };
        assert_eq!(Header::parse(&header.to_bytes()).unwrap().file_bytes(), None);
    }

    proptest::proptest! {
        #[test]
        fn any_header_ends_in_a_size_or_an_error(mut bytes in proptest::collection::vec(0_u8.., 64..80), magic: bool) {
            if magic {
                bytes[..8].copy_from_slice(MAGIC);
                bytes[8..12].copy_from_slice(&PACK_VERSION.to_le_bytes());
                let sum = crc32fast::hash(&bytes[..60]).to_le_bytes();
                bytes[60..64].copy_from_slice(&sum);
            }
            if let Ok(header) = Header::parse(&bytes) {
                let _ = header.file_bytes();
            }
        }
    }
}
