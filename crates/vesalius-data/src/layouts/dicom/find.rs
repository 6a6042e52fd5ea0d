//! Which files of a folder are slices, masks and neither, and which belong together.

use super::drawn::{self, Drawn};
use crate::checks::findings::Finding;
use crate::formats::dicom;
use crate::formats::dicom::header::Facts;
use crate::formats::dicom::object;
use crate::formats::dicom::reference::{Drawing, Reference};
use crate::formats::file::Format;
use crate::layouts::walk::{entries, name};
use crate::text::uid;
use anyhow::{Context as _, Result, bail};
use rayon::prelude::*;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

/// Folders below the dataset's that are looked into.
const DEPTH: usize = 8;

/// A slice's file and header; several of one file where that holds frames.
pub(super) type Slice = (PathBuf, Facts);

/// A folder with what lies in it.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) slices: Vec<Slice>,
    pub(super) masks: Vec<PathBuf>,
    /// Segmentations and structure sets.
    pub(super) drawings: Vec<Drawn>,
    /// Files of whole volumes: masks, where a dataset has no mask images.
    volumes: Vec<PathBuf>,
    pub(super) inner: Vec<Folder>,
}

/// Slices of one series and the masks that belong to it.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    /// Holds both.
    pub(super) folder: PathBuf,
    pub(super) slices: Vec<&'a Slice>,
    pub(super) masks: Vec<PathBuf>,
    /// Whether a mask is of the whole series: a volume, segmentations or structure sets.
    pub(super) whole: bool,
}

/// Everything below a dataset's folder.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: Folder,
    pub(super) findings: Vec<Finding>,
}

/// What a file is.
enum Kind {
    Slices(Vec<Facts>),
    Drawing(Reference),
    Mask,
    Volume,
    Other(String),
}

impl Tree {
    /// Lists folders and reads headers.
    ///
    /// # Errors
    /// A folder that cannot be listed, a DICOM file whose header cannot be read.
    pub(super) fn of(root: &Path) -> Result<Self> {
        let mut findings = Vec::new();
        let path = root;
        let mut root = Folder::of(path, path, &mut Vec::new(), &mut findings)?;
        let images = !root.mask_folders().is_empty();
        root.settle(path, images, &mut findings);
        Ok(Self { root, findings })
    }

    /// Examinations in the order of their folders, and what is not used.
    ///
    /// # Errors
    /// Slices without masks; several folders of either that cannot be told apart.
    pub(super) fn units(&self) -> Result<(Vec<Unit<'_>>, Vec<Finding>)> {
        let mut units = Vec::new();
        let mut findings = self.findings.clone();
        if !self.root.holding(&|folder| !folder.drawings.is_empty()).is_empty() {
            if self.root.mask_folders().is_empty() {
                units = drawn::units(&self.root, &mut findings)?;
                return Ok((units, findings));
            }
            let text = "a segmentation or structure set, where masks are images or volumes";
            for folder in self.root.holding(&|folder| !folder.drawings.is_empty()) {
                let of =
                    |drawn: &Drawn| Finding::set_aside(below(&self.root.path, &drawn.path), text);
                findings.extend(folder.drawings.iter().map(of));
            }
        }
        self.root.units(&self.root.path, &mut units, &mut findings)?;
        Ok((units, findings))
    }
}

/// How findings name a file.
pub(super) fn below(root: &Path, path: &Path) -> String {
    uid::hidden(&path.strip_prefix(root).unwrap_or(path).to_string_lossy())
}

impl Folder {
    fn of(
        root: &Path,
        path: &Path,
        above: &mut Vec<PathBuf>,
        findings: &mut Vec<Finding>,
    ) -> Result<Self> {
        let mut folder = Self {
            path: path.to_owned(),
            slices: vec![],
            masks: vec![],
            drawings: vec![],
            volumes: vec![],
            inner: vec![],
        };
        let real = std::fs::canonicalize(path)
            .with_context(|| format!("{}: cannot be listed", path.display()))?;
        if above.contains(&real) {
            findings.push(Finding::set_aside(below(root, path), "a link to a folder above"));
            return Ok(folder);
        }
        if above.len() > DEPTH {
            let text = format!("folder more than {DEPTH} levels down");
            findings.push(Finding::set_aside(below(root, path), text));
            return Ok(folder);
        }
        above.push(real);
        let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
            entries(path)?.into_iter().partition(|path| path.is_dir());
        for inner in folders {
            folder.inner.push(Self::of(root, &inner, above, findings)?);
        }
        above.pop();
        let kinds: Vec<Result<Kind>> = files.par_iter().map(|file| kind(file)).collect();
        for (file, kind) in files.into_iter().zip(kinds) {
            match kind? {
                Kind::Slices(frames) => {
                    folder.slices.extend(frames.into_iter().map(|facts| (file.clone(), facts)));
                }
                Kind::Drawing(reference) => folder.drawings.push(Drawn { path: file, reference }),
                Kind::Mask => folder.masks.push(file),
                Kind::Volume => folder.volumes.push(file),
                Kind::Other(what) => findings.push(Finding::set_aside(below(root, &file), what)),
            }
        }
        Ok(folder)
    }

    /// Decides what volumes are: masks, or beside mask images (`images`) nothing that is used.
    fn settle(&mut self, root: &Path, images: bool, findings: &mut Vec<Finding>) {
        if images {
            let text = "a volume, where masks are images";
            let aside = |path: &PathBuf| Finding::set_aside(below(root, path), text);
            findings.extend(self.volumes.iter().map(aside));
        } else {
            self.masks.append(&mut self.volumes);
        }
        self.inner.iter_mut().for_each(|inner| inner.settle(root, images, findings));
    }

    /// This folder and all below that hold something.
    pub(super) fn holding(&self, holds: &impl Fn(&Self) -> bool) -> Vec<&Self> {
        let own = Some(self).filter(|folder| holds(folder));
        let inner = self.inner.iter().flat_map(|inner| inner.holding(holds));
        own.into_iter().chain(inner).collect()
    }

    pub(super) fn series(&self) -> Vec<&Self> {
        self.holding(&|folder| !folder.slices.is_empty())
    }

    fn mask_folders(&self) -> Vec<&Self> {
        self.holding(&|folder| !folder.masks.is_empty())
    }

    fn units<'a>(
        &'a self,
        root: &Path,
        units: &mut Vec<Unit<'a>>,
        findings: &mut Vec<Finding>,
    ) -> Result<()> {
        let (series, masks) = (self.series(), self.mask_folders());
        let mut set_aside = |path: &Path, text: &str| {
            findings.push(Finding::set_aside(below(root, path), text));
        };
        let (Some(one_series), Some(one_masks)) = (series.first(), masks.first()) else {
            if let Some(slices) = series.first() {
                bail!("{}: DICOM slices without a folder of masks", slices.path.display());
            }
            for mask in masks.iter().flat_map(|folder| &folder.masks) {
                set_aside(mask, "mask image without DICOM slices");
            }
            return Ok(());
        };
        let whole =
            |folder: &Self| !folder.series().is_empty() && !folder.mask_folders().is_empty();
        if !self.inner.iter().any(whole) {
            for (found, what) in [(&series, "DICOM slices"), (&masks, "mask images")] {
                if let [a, b, ..] = found.as_slice() {
                    self.two_folders(a, b, what)?;
                }
            }
            let whole = |mask: &PathBuf| Format::of_name(mask).is_some_and(Format::is_volume);
            units.push(Unit {
                folder: self.path.clone(),
                slices: one_series.slices.iter().collect(),
                masks: one_masks.masks.clone(),
                whole: matches!(&one_masks.masks[..], [mask] if whole(mask)),
            });
            return Ok(());
        }
        // A picture among the slices is no mask where there is a folder of masks beside.
        let mixed = self.inner.iter().find(|f| !f.slices.is_empty() && !f.masks.is_empty());
        let beside = self.inner.iter().filter(|f| f.series().is_empty());
        if let (Some(a), Some(b)) = (mixed, beside.flat_map(Self::mask_folders).next()) {
            self.two_folders(a, b, "mask images")?;
        }
        for (slice, _) in &self.slices {
            set_aside(slice, "DICOM slice outside of a patient's folder");
        }
        for mask in &self.masks {
            set_aside(mask, "mask image outside of a patient's folder");
        }
        self.inner.iter().try_for_each(|inner| inner.units(root, units, findings))
    }

    fn two_folders(&self, a: &Self, b: &Self, what: &str) -> Result<()> {
        bail!(
            "{}: two folders of {what} ({} and {}), expected one of each for a patient",
            self.path.display(),
            name(&a.path),
            name(&b.path)
        )
    }
}

/// Sorts a file, reading its header where it is DICOM.
fn kind(path: &Path) -> Result<Kind> {
    let named = Format::of_name(path);
    match named {
        Some(Format::Dicom) | None => {}
        Some(format) if format.is_volume() => return Ok(Kind::Volume),
        Some(_) => return Ok(Kind::Mask),
    }
    let file = match crate::files::read::open(path) {
        Ok(file) => file,
        Err(error) => return Ok(Kind::Other(format!("cannot be read: {error}"))),
    };
    let mut file = std::io::BufReader::new(file);
    let mut head = Vec::with_capacity(object::HEAD);
    let read = file.by_ref().take(object::HEAD as u64).read_to_end(&mut head);
    let no_dicom = || {
        let what =
            if named.is_some() { "not readable as DICOM" } else { "neither DICOM nor a mask" };
        Ok(Kind::Other(what.to_owned()))
    };
    let (Ok(_), Some(start)) = (read, object::Start::of(&head)) else { return no_dicom() };
    let facts =
        match file.rewind().map_err(Into::into).and_then(|()| object::read(file, true)).and_then(
            |object| match Drawing::of(&object) {
                Some(drawing) => Ok(Err(Reference::of(&object, drawing))),
                None => dicom::facts(&object).map(Ok),
            },
        ) {
            Ok(Ok(facts)) => facts,
            Ok(Err(reference)) => return Ok(Kind::Drawing(reference)),
            // Other files may begin with the same few bytes.
            Err(_) if !matches!(start, object::Start::Magic(_)) => return no_dicom(),
            Err(error) => return Err(error.context(path.display().to_string())),
        };
    Ok(match facts.iter().find_map(|facts| facts.other.as_ref()) {
        Some(what) => Kind::Other(format!("DICOM, but no image: {what}")),
        None => Kind::Slices(facts),
    })
}

#[cfg(test)]
mod tests;
