//! All series below a folder, whether anything was drawn on them or not: images to be segmented.

use super::find::{Folder, Slice, Tree, below};
use crate::checks::findings::Finding;
use crate::formats::dicom::series::Series;
use crate::formats::file::ImageFile;
use crate::layouts::walk::name;
use crate::text::uid;
use crate::volume::Reader;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its folder below the one that was looked into (parts joined by `-`), numbered where a folder holds several.
    pub name: String,
    /// In no order.
    pub files: Vec<PathBuf>,
}

impl Listed {
    /// Its image; slices ordered along the normal of their planes.
    ///
    /// # Errors
    /// Names the file that cannot be read.
    pub fn image(&self, reader: &mut Reader) -> Result<ImageFile> {
        super::series_image(&self.files, reader)
    }
}

/// Series by name, and what lies beside them.
///
/// # Errors
/// A folder that cannot be listed; files of one series that do not belong together (two patients, two phases).
pub fn all_series(root: &Path) -> Result<(Vec<Listed>, Vec<Finding>)> {
    let Tree { root: tree, mut findings } = Tree::of(root)?;
    let mut unused = |path: &Path, what: &str| {
        findings.push(Finding::set_aside(below(root, path), what));
    };
    let mut found: BTreeMap<(PathBuf, &str), Vec<&Slice>> = BTreeMap::new();
    for folder in tree.holding(&|_| true) {
        for path in &folder.masks {
            unused(path, "no slice of DICOM");
        }
        for drawing in &folder.drawings {
            unused(&drawing.path, "a segmentation or structure set");
        }
        for slice in &folder.slices {
            let uid = slice.1.series_uid.as_deref().unwrap_or("");
            found.entry((place(folder, uid, &found), uid)).or_default().push(slice);
        }
    }
    let mut in_folder: BTreeMap<&Path, usize> = BTreeMap::new();
    for (folder, _) in found.keys() {
        *in_folder.entry(folder).or_default() += 1;
    }
    let mut listed = Vec::new();
    let mut number = 0;
    let mut last: Option<&Path> = None;
    for ((folder, _), slices) in &found {
        let headers: Vec<_> = slices.iter().map(|(path, facts)| (path.as_path(), facts)).collect();
        Series::of(&headers)?;
        number = if last == Some(folder) { number + 1 } else { 1 };
        last = Some(folder);
        let mut called = called(root, folder);
        if in_folder[folder.as_path()] > 1 {
            called = format!("{called}-{number}");
            let of = below(root, &slices[0].0);
            findings.push(Finding::note(of, format!("its series is called {called}")));
        }
        let mut files: Vec<PathBuf> = slices.iter().map(|(path, _)| path.clone()).collect();
        // Frames of one file stand one behind the other.
        files.dedup();
        listed.push(Listed { name: called, files });
    }
    Ok((listed, findings))
}

/// The folder of a series: the first that holds some of it. Slices without a SeriesInstanceUID are their folder's.
fn place(folder: &Folder, uid: &str, found: &BTreeMap<(PathBuf, &str), Vec<&Slice>>) -> PathBuf {
    let known = found.keys().find(|(_, known)| !uid.is_empty() && *known == uid);
    known.map_or_else(|| folder.path.clone(), |(first, _)| first.clone())
}

fn called(root: &Path, folder: &Path) -> String {
    let parts: Vec<String> = folder
        .strip_prefix(root)
        .unwrap_or(folder)
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let all = if parts.is_empty() { name(root) } else { parts.join("-") };
    uid::hidden(&all)
}
