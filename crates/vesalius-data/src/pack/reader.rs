//! Reading a pack: mapped, each slice checked when it is first read.

use super::agree::check_manifest;
use super::header::{HEADER_BYTES, Header};
use super::seen::SeenAs;
use super::turned::Turned;
use super::view::{self, View};
use crate::files::digest;
use crate::pack::manifest::{Manifest, Provenance, SliceShape, Split};
use crate::text::nearest;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file is missing or unreadable.
    #[error(
        "{path}: cannot be read ({why}); expected a pack written by `vesalius prepare` or `sample`{hint}"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why; not the error's source, which would be said a second time.
        why: std::io::Error,
        /// What may have been meant.
        hint: String,
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

/// One slice, borrowed from the map.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    /// Pixels `[C, H, W]`, of a volume `[D, C, H, W]`, little endian, of the layout's pixel type.
    pub pixels: &'a [u8],
    /// Label values `[H, W]`, of a volume `[D, H, W]`, each below K.
    pub labels: &'a [u8],
}

/// An open pack.
#[derive(Debug)]
pub struct Pack {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) digest: String,
    /// What it is a view of, where it is one.
    pub(super) seen_as: SeenAs,
    /// Of each slice where its pixels and its labels lie in the file, where that is not its own index; planes are
    /// counted, where the pack is seen as slices.
    pub(super) records: Option<Vec<[usize; 2]>>,
    /// What lies in the file, however the pack is seen.
    pub(super) stored: SliceShape,
    /// Slices across planes, where the pack is seen so.
    pub(super) turned: Option<Turned>,
    map: memmap2::Mmap,
    verified: Vec<AtomicBool>,
}

impl Pack {
    /// Opens `PACK/` of slices, or a [`view`] of it; reads the manifest and the header, not the slices.
    ///
    /// # Errors
    /// [`PackError`] names the file, what was found and what was expected; packs of volumes are refused, which whoever
    /// expects slices would misread.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        let pack = Self::open_any(path)?;
        if pack.slice_shape().is_volume() {
            let found = format!(
                "a pack of volumes ({}), expected slices; {} are its planes",
                pack.slice_shape().size(),
                view::name(path, View::PLANES).display()
            );
            return Err(invalid(path, found));
        }
        Ok(pack)
    }

    /// Opens `PACK/` of slices or of volumes, or a [`view`] of it.
    ///
    /// # Errors
    /// As [`Pack::open`].
    pub fn open_any(path: &Path) -> Result<Self, PackError> {
        match view::of(path) {
            Some((above, view)) => Self::open_any(above)?.see(view, path),
            None => Self::whole(path),
        }
    }

    /// Opens `PACK/`; of a pack of volumes, its planes.
    ///
    /// # Errors
    /// As [`Pack::open`].
    pub fn open_planes(path: &Path) -> Result<Self, PackError> {
        let pack = Self::open_any(path)?;
        if pack.slice_shape().is_volume() {
            return pack.see(View::PLANES, path);
        }
        Ok(pack)
    }

    fn whole(path: &Path) -> Result<Self, PackError> {
        let manifest_path = path.join("manifest.json");
        let text = crate::files::read::state(&manifest_path).map_err(|why| {
            let hint = if path.exists() { String::new() } else { nearest::beside(path) };
            PackError::Read { path: manifest_path.clone(), why, hint }
        })?;
        let data_path = path.join("slices.bin");
        let map = map_file(&data_path).map_err(|why| PackError::Read {
            path: data_path.clone(),
            why,
            hint: String::new(),
        })?;
        let (manifest, header) = check_bytes(&text, &map).map_err(|(file, found)| {
            let path = if file == PackFile::Manifest { &manifest_path } else { &data_path };
            invalid(path, found)
        })?;
        let verified = (0..header.count).map(|_| AtomicBool::new(false)).collect();
        let digest = digest::of_bytes(&text);
        let (path, seen_as) = (path.to_owned(), SeenAs::default());
        let stored = manifest.slice_shape;
        Ok(Self {
            path,
            manifest,
            digest,
            seen_as,
            records: None,
            stored,
            turned: None,
            map,
            verified,
        })
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
    pub fn slice_shape(&self) -> SliceShape {
        self.manifest.slice_shape
    }

    /// Shape of what lies in the file: volumes, also where their planes are the slices.
    pub fn stored(&self) -> SliceShape {
        self.stored
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

    /// SHA-256 of the manifest, which holds the SHA-256 of the slices: changes with any content; of that and the fold,
    /// where it was opened in one.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Indices of the slices on one side of the split.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        self.manifest.indices(split)
    }

    /// Refuses masks that nobody drew, where they would be taken for what is true.
    ///
    /// # Errors
    /// Names the pack and what predicted them.
    pub fn annotated(&self) -> anyhow::Result<()> {
        match &self.manifest.provenance {
            Provenance::Real { predicted: Some(masks), .. } => anyhow::bail!(
                "{}: masks predicted by {}, expected annotated ones",
                self.path.display(),
                masks.by
            ),
            _ => Ok(()),
        }
    }

    /// Slice `i`, its checksum verified once.
    ///
    /// # Errors
    /// When the bytes were damaged since they were written, or a label is not below K.
    ///
    /// # Panics
    /// When `i` is not below [`Pack::len`].
    pub fn slice(&self, i: usize) -> Result<Slice<'_>, PackError> {
        let [pixels, labels] = self.records.as_ref().map_or([i, i], |records| records[i]);
        let (pixels, mut pair) = (self.record(pixels)?, self.record(labels)?);
        pair.pixels = pixels.pixels;
        Ok(pair)
    }

    /// What lies at a place of the file: a record, or a plane of one.
    fn record(&self, i: usize) -> Result<Slice<'_>, PackError> {
        if let Some(turned) = &self.turned {
            return Ok(turned.slice(i));
        }
        let seen = self.manifest.slice_shape;
        if seen.planes == self.stored.planes {
            return self.whole_record(i);
        }
        let (volume, plane) = (i / self.stored.planes, i % self.stored.planes);
        let Slice { pixels, labels } = self.whole_record(volume)?;
        let part = |of: &'_ [u8], bytes: usize| -> std::ops::Range<usize> {
            debug_assert_eq!(of.len(), bytes * self.stored.planes);
            plane * bytes..(plane + 1) * bytes
        };
        Ok(Slice {
            pixels: &pixels[part(pixels, seen.pixel_bytes())],
            labels: &labels[part(labels, seen.label_bytes())],
        })
    }

    fn whole_record(&self, i: usize) -> Result<Slice<'_>, PackError> {
        let slice_shape = self.stored;
        let bytes = slice_shape.pixel_bytes() + slice_shape.label_bytes();
        let start = HEADER_BYTES + i * bytes;
        let record = &self.map[start..start + bytes];
        let (pixels, labels) = record.split_at(slice_shape.pixel_bytes());
        if !self.verified[i].load(Ordering::Relaxed) {
            let data_path = || view::folder(&self.path).join("slices.bin");
            let at = HEADER_BYTES + self.verified.len() * bytes + 4 * i;
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

/// The two files of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackFile {
    /// `manifest.json`.
    Manifest,
    /// `slices.bin`.
    Slices,
}

/// All that is checked of the bytes of `manifest.json` and `slices.bin` before a slice is read.
///
/// # Errors
/// The file that is wrong, what was found and what was expected.
pub fn check_bytes(
    manifest: &[u8],
    slices: &[u8],
) -> Result<(Manifest, Header), (PackFile, String)> {
    let of_manifest = |found: String| (PackFile::Manifest, found);
    let of_slices = |found: String| (PackFile::Slices, found);
    let manifest = Manifest::parse(manifest).map_err(of_manifest)?;
    let header = Header::parse(slices).map_err(of_slices)?;
    if header.file_bytes() != Some(slices.len() as u64) {
        return Err(of_slices(format!(
            "{} bytes, expected {} for {} slices: truncated or damaged",
            slices.len(),
            header.file_bytes().map_or_else(|| "more than fits".to_owned(), |n| n.to_string()),
            header.count
        )));
    }
    let table = &slices[slices.len() - 4 - 4 * header.count..];
    let (table, sum) = table.split_at(table.len() - 4);
    if crc32fast::hash(table).to_le_bytes() != sum {
        return Err(of_slices("checksum table does not match: the file was damaged".to_owned()));
    }
    check_manifest(&manifest, &header).map_err(of_manifest)?;
    Ok((manifest, header))
}

pub(super) fn invalid(path: &Path, found: impl Into<String>) -> PackError {
    PackError::Invalid { path: path.to_owned(), found: found.into() }
}

#[expect(unsafe_code, reason = "memory-mapping is unsafe by signature: see below")]
fn map_file(path: &Path) -> std::io::Result<memmap2::Mmap> {
    let file = crate::files::read::open(path)?;
    // SAFETY: packs are published whole by rename and never written again. A file truncated under us
    // by somebody else would end the process with SIGBUS: that is an aborted run, never a wrong number.
    unsafe { memmap2::Mmap::map(&file) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::header::MAGIC;
    use crate::pack::manifest::{CaseRecord, PixelType, Provenance, SliceRecord};
    use crate::pack::row::RowId;
    use crate::pack::{PACK_VERSION, PackWriter};

    fn manifest(slice_shape: SliceShape) -> Manifest {
        Manifest {
            cases: vec![CaseRecord::new("a", "a", Split::Train)],
            ..Manifest::new(
                "test",
                vec!["background".into(), "disc".into()],
                slice_shape,
                Provenance::real("folder", "seed 1"),
            )
        }
    }

    fn write(target: &Path) -> SliceShape {
        let slice_shape =
            SliceShape { channels: 1, planes: 1, height: 2, width: 4, pixel_type: PixelType::U16 };
        let mut writer = PackWriter::create(target, slice_shape).unwrap();
        for i in 0..3_u8 {
            writer
                .push(&[i; 16], &[i % 2; 8], SliceRecord { case: 0, position: usize::from(i) })
                .unwrap();
        }
        writer.finish(manifest(slice_shape)).unwrap();
        slice_shape
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
    fn a_synthetic_pack_from_before_filtering_still_opens() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat/synthetic-1");
        let pack = Pack::open(Path::new(path)).unwrap();
        assert_eq!((pack.len(), pack.classes()), (2, 4));
        let provenance = &pack.manifest().provenance;
        assert_eq!(provenance.row().unwrap(), RowId::of("lsgan"));
        assert!(matches!(provenance, Provenance::Synthetic { filtered: None, .. }));
        // What it does not say is not written either: digests of old packs stay.
        let text = std::fs::read_to_string(Path::new(path).join("manifest.json")).unwrap();
        assert_eq!(serde_json::to_string_pretty(pack.manifest()).unwrap(), text);
        assert_eq!(pack.slice(1).unwrap().labels.len(), 64 * 64);
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let slice_shape = write(&path);
        let pack = Pack::open(&path).unwrap();
        assert_eq!(pack.slice_shape(), slice_shape);
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
        assert!(error.contains("pack version 9, expected 1 or 2"), "{error}");
    }

    #[test]
    fn a_header_that_asks_for_terabytes_is_refused_without_allocating() {
        let slice_shape = SliceShape {
            channels: 3,
            planes: 1,
            height: 1 << 31,
            width: 1 << 31,
            pixel_type: PixelType::U16,
        };
        let header = Header { slice_shape, count: usize::MAX };
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
