//! Writing a pack: slice by slice into a folder that gets its name at the end.

use super::agree::check_manifest;
use super::header::Header;
use crate::files::digest;
use crate::files::publish::StagedDir;
use crate::pack::manifest::{Manifest, SliceRecord, SliceShape};
use crate::text::strings;
use anyhow::Context as _;
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Writes a pack slice by slice; it appears under its name only when [`PackWriter::finish`] succeeds.
#[derive(Debug)]
pub struct PackWriter {
    staged: StagedDir,
    data: BufWriter<File>,
    slice_shape: SliceShape,
    sums: Vec<u8>,
    slices: Vec<SliceRecord>,
}

impl PackWriter {
    /// Starts a pack that shall become `target`.
    ///
    /// # Errors
    /// When `target` exists or its folder cannot be written.
    pub fn create(target: &Path, slice_shape: SliceShape) -> anyhow::Result<Self> {
        let staged = StagedDir::create(target)?;
        let mut data =
            BufWriter::with_capacity(1 << 20, File::create(staged.path().join("slices.bin"))?);
        // The count is not known yet; `finish` writes the header again.
        data.write_all(&Header { slice_shape, count: 0 }.to_bytes())?;
        Ok(Self { staged, data, slice_shape, sums: Vec::new(), slices: Vec::new() })
    }

    /// Where files that shall appear with the pack are written before [`PackWriter::finish`].
    pub fn folder(&self) -> &Path {
        self.staged.path()
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
        assert_eq!(pixels.len(), self.slice_shape.pixel_bytes(), "pixels of one slice");
        assert_eq!(labels.len(), self.slice_shape.label_bytes(), "labels of one slice");
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
        let header = Header { slice_shape: self.slice_shape, count: self.slices.len() };
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
        // What is written has to open again.
        manifest.check_names().map_err(|found| anyhow::anyhow!("pack: {found}"))?;
        let text = crate::files::seal::sealed(&manifest)?;
        strings::from_json::<serde::de::IgnoredAny>(&text).context("pack")?;
        self.staged.write("manifest.json", &text)?;
        self.staged.publish()
    }

    fn failure(&self) -> String {
        format!("{}: cannot be written", self.staged.target().display())
    }
}
