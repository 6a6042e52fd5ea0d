//! Which images a folder holds.

use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vesalius_data::checks::findings;
use vesalius_data::formats::file::{self, Format, ImageFile, KNOWN};
use vesalius_data::layouts::channels;
use vesalius_data::layouts::dicom::{Listed, all_series};
use vesalius_data::text::file_stem;
use vesalius_data::volume::Reader;

/// What nnU-Net appends to the name of an image's only channel.
const CHANNEL: &str = "_0000";

/// An image to be segmented.
pub(super) enum Image {
    /// A file, or one for each channel.
    Files(Vec<PathBuf>),
    /// Slices of DICOM.
    Series(Listed),
}

impl Image {
    pub(super) fn read(&self, reader: &mut Reader) -> Result<ImageFile> {
        match self {
            Self::Files(files) => channels(files, reader),
            Self::Series(series) => series.image(reader),
        }
    }

    /// Its first file.
    pub(super) fn first(&self) -> &Path {
        match self {
            Self::Files(files) => &files[0],
            Self::Series(series) => &series.files[0],
        }
    }
}

/// By the name of the label map.
pub(super) type Images = BTreeMap<String, Image>;

/// Images of a folder: its files, or where none of them is one, all series of DICOM below it.
///
/// # Errors
/// No image, both kinds, files whose names do not say which channel they are, two images of one name.
pub(super) fn images(
    folder: &Path,
    sequences: &[String],
    notes: &mut Vec<String>,
) -> Result<Images> {
    let files = files(folder, notes)?;
    let found = if files.is_empty() {
        series(folder, sequences, notes)?
    } else {
        let stems: Vec<String> = files
            .iter()
            .map(|path| file::stem(path).with_context(|| format!("{}: no name", path.display())))
            .collect::<Result<_>>()?;
        let named: Vec<(String, PathBuf)> = stems.into_iter().zip(files).collect();
        if sequences.is_empty() {
            single(named, notes)?
        } else {
            numbered(named, sequences, notes)?
        }
    };
    for (name, image) in &found {
        file_stem::check(name)
            .map_err(|refused| anyhow::anyhow!("{}: name {refused}", image.first().display()))?;
    }
    Ok(found)
}

/// Files that are images by their names, in order; none where there is no such file.
fn files(folder: &Path, notes: &mut Vec<String>) -> Result<Vec<PathBuf>> {
    let failure = || format!("{}: cannot be listed", folder.display());
    let (mut files, mut passed_over, mut dicom) = (Vec::new(), Vec::new(), None);
    for entry in std::fs::read_dir(folder).with_context(failure)? {
        let path = entry.with_context(failure)?.path();
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        match Format::of_name(&path) {
            _ if path.is_dir() => passed_over.push((path, "a folder")),
            Some(Format::Dicom) => dicom = Some(path),
            Some(_) => files.push(path),
            None if file::is_data_file(&path) => {}
            None => passed_over.push((path, "no image")),
        }
    }
    if let (Some(file), Some(slice)) = (files.first(), dicom) {
        bail!(
            "{} and {}: a slice of DICOM beside other images, expected one kind in a folder",
            slice.display(),
            file.display()
        );
    }
    if !files.is_empty() {
        let note =
            |(path, what): &(PathBuf, &str)| format!("{}: passed over, {what}", path.display());
        passed_over.sort();
        notes.extend(passed_over.iter().map(note));
    }
    files.sort();
    Ok(files)
}

/// Each series is an image.
fn series(folder: &Path, sequences: &[String], notes: &mut Vec<String>) -> Result<Images> {
    let (listed, findings) = all_series(folder)?;
    if listed.is_empty() {
        let aside = findings.first().map_or_else(String::new, |finding| {
            format!("; set aside: {}: {}", finding.of, finding.text)
        });
        bail!("{}: no image, expected some ({KNOWN}){aside}", folder.display());
    }
    if !sequences.is_empty() {
        bail!(
            "{}: series of DICOM, expected a file for each of {}: NAME_0000, NAME_0001, …",
            folder.display(),
            sequences.join(", ")
        );
    }
    notes.extend(findings::lines(&findings));
    let mut found = Images::new();
    for series in listed {
        let (name, first) = (series.name.clone(), series.files[0].clone());
        if let Some(other) = found.insert(name.clone(), Image::Series(series)) {
            let other = other.first().display();
            bail!("{other} and {}: both are {name}, expected one", first.display());
        }
    }
    Ok(found)
}

/// Each file is an image of one channel.
fn single(named: Vec<(String, PathBuf)>, notes: &mut Vec<String>) -> Result<Images> {
    let nnunet = named.iter().all(|(stem, _)| stem.ends_with(CHANNEL));
    if nnunet {
        notes.push(format!(
            "names end in {CHANNEL}, as nnU-Net has it: left out of the label maps'"
        ));
    }
    let mut found = Images::new();
    for (stem, path) in named {
        let name = if nnunet { stem[..stem.len() - CHANNEL.len()].to_owned() } else { stem };
        if let Some(other) = found.insert(name.clone(), Image::Files(vec![path.clone()])) {
            let other = other.first().display();
            bail!("{other} and {}: both are {name}, expected one", path.display());
        }
    }
    Ok(found)
}

/// A file for each channel: `NAME_0000`, `NAME_0001`, ….
fn numbered(
    named: Vec<(String, PathBuf)>,
    sequences: &[String],
    notes: &mut Vec<String>,
) -> Result<Images> {
    let all = sequences.join(", ");
    notes.push(format!("files of a case taken as {all}, by the numbers in their names"));
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (stem, path) in named {
        let numbered = stem.rsplit_once('_').filter(|(_, number)| number.len() == 4);
        let (id, number) = numbered
            .and_then(|(id, number)| Some((id.to_owned(), number.parse::<usize>().ok()?)))
            .with_context(|| {
                format!("{}: expected NAME_0000, NAME_0001, … for {all}", path.display())
            })?;
        let of_case = found.entry(id).or_default();
        if number != of_case.len() || number >= sequences.len() {
            bail!(
                "{}: channel {number}, expected 0 to {} ({all})",
                path.display(),
                sequences.len() - 1
            );
        }
        of_case.push(path);
    }
    if let Some((id, files)) = found.iter().find(|(_, files)| files.len() != sequences.len()) {
        bail!(
            "{}: {} channels of {id}, expected {} ({all})",
            files[0].display(),
            files.len(),
            sequences.len()
        );
    }
    Ok(found.into_iter().map(|(name, files)| (name, Image::Files(files))).collect())
}
