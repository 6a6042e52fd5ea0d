//! The lines of a table, checked one by one.

use crate::layouts::load::ClassMask;
use crate::layouts::walk::entries;
use crate::pack::manifest::Split;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Of the file, from 1.
    pub(super) line: u64,
    pub(super) patient: String,
    pub(super) case: Option<String>,
    /// One file, or the slices of a series.
    pub(super) images: Vec<PathBuf>,
    /// Files with the class that each is of; an empty name where the file says the classes.
    pub(super) masks: Vec<ClassMask>,
    pub(super) group: Option<String>,
    pub(super) side: Option<Split>,
    pub(super) fold: Option<usize>,
    pub(super) channel: Option<String>,
}

/// All lines, and classes that have columns of their own.
pub(super) struct Read {
    pub(super) rows: Vec<Row>,
    pub(super) classes: Vec<String>,
}

/// What a column is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Patient,
    Image,
    Mask(String),
    Case,
    Group,
    Split,
    Fold,
    Channel,
}

const COLUMNS: &str = "patient, image, mask or mask:CLASS, case, group, split, fold or channel";

impl Column {
    fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Some(class) = name.strip_prefix("mask:") {
            return Some(Self::Mask(class.trim().to_owned())).filter(|_| !class.trim().is_empty());
        }
        Some(match name.to_lowercase().as_str() {
            "patient" => Self::Patient,
            "image" => Self::Image,
            "mask" => Self::Mask(String::new()),
            "case" => Self::Case,
            "group" => Self::Group,
            "split" => Self::Split,
            "fold" => Self::Fold,
            "channel" => Self::Channel,
            _ => return None,
        })
    }
}

/// Reads a table.
///
/// # Errors
/// Names the line and column that is missing, unknown or empty.
pub(super) fn read(file: &Path) -> Result<Read> {
    let bytes = crate::files::read::state(file)
        .with_context(|| format!("{}: cannot be read", file.display()))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
    let count = |mark: u8| first.split(|byte| *byte == mark).count();
    // What spreadsheets write where a comma stands in numbers.
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|mark| count(*mark)).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text);
    let failure = || format!("{}", file.display());
    let header = reader.headers().with_context(failure)?.clone();
    let mut columns = Vec::new();
    for name in &header {
        let column = Column::named(name)
            .with_context(|| format!("{}: column `{name}`, expected {COLUMNS}", file.display()))?;
        if columns.contains(&column) {
            bail!("{}: column `{name}` twice, expected it once", file.display());
        }
        columns.push(column);
    }
    let masks: Vec<String> = columns
        .iter()
        .filter_map(|column| match column {
            Column::Mask(class) => Some(class.clone()),
            _ => None,
        })
        .collect();
    let missing = [(Column::Patient, "patient"), (Column::Image, "image")];
    if let Some((_, name)) = missing.iter().find(|(column, _)| !columns.contains(column)) {
        bail!("{}: no column `{name}`, expected {COLUMNS}", file.display());
    }
    let whole = masks.iter().any(String::is_empty);
    if masks.is_empty() || (whole && masks.len() > 1) {
        bail!("{}: expected one column `mask`, or columns `mask:CLASS`", file.display());
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.with_context(failure)?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = row(file, line, &columns, &record)
            .with_context(|| format!("{}, line {line}", file.display()))?;
        rows.push(row);
    }
    if rows.is_empty() {
        bail!("{}: no rows, expected one for each image", file.display());
    }
    Ok(Read { rows, classes: if whole { vec![] } else { masks } })
}

fn row(file: &Path, line: u64, columns: &[Column], record: &csv::StringRecord) -> Result<Row> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let cell = |wanted: &Column| {
        let at = columns.iter().position(|column| column == wanted)?;
        record.get(at).map(str::trim).filter(|text| !text.is_empty())
    };
    let need = |wanted: &Column, name: &str| {
        cell(wanted).with_context(|| format!("no {name}, expected one in every row"))
    };
    let mut masks = Vec::new();
    for class in columns.iter().filter_map(|column| match column {
        Column::Mask(class) => Some(class),
        _ => None,
    }) {
        match cell(&Column::Mask(class.clone())) {
            Some(text) => {
                let files = files(folder, text)?.into_iter();
                masks.extend(files.map(|path| (class.clone(), path)));
            }
            None if class.is_empty() => bail!("no mask, expected one in every row"),
            // A class that is not in this image.
            None => {}
        }
    }
    if masks.is_empty() {
        bail!("no mask of any class, expected one at least");
    }
    let side = match cell(&Column::Split).map(str::to_lowercase).as_deref() {
        None => None,
        Some("train" | "training") => Some(Split::Train),
        Some("validate" | "validation" | "val") => Some(Split::Validate),
        Some("test" | "testing") => Some(Split::Test),
        Some(other) => bail!("split `{other}`, expected train, validate or test"),
    };
    let fold = cell(&Column::Fold)
        .map(|text| text.parse().map_err(|_| anyhow::anyhow!("fold `{text}`, expected 0, 1, …")))
        .transpose()?;
    let owned = |column: &Column| cell(column).map(str::to_owned);
    Ok(Row {
        line,
        patient: need(&Column::Patient, "patient")?.to_owned(),
        case: owned(&Column::Case),
        images: files(folder, need(&Column::Image, "image")?)?,
        masks,
        group: owned(&Column::Group),
        side,
        fold,
        channel: if columns.contains(&Column::Channel) {
            Some(need(&Column::Channel, "channel")?.to_owned())
        } else {
            None
        },
    })
}

/// Files of a cell: a path, a pattern, or a folder of slices.
fn files(folder: &Path, text: &str) -> Result<Vec<PathBuf>> {
    let path = folder.join(text);
    if path.is_dir() {
        let files: Vec<PathBuf> =
            entries(&path)?.into_iter().filter(|path| path.is_file()).collect();
        if files.is_empty() {
            bail!("{text}: a folder without files, expected the slices of a series");
        }
        return Ok(files);
    }
    if path.exists() {
        return Ok(vec![path]);
    }
    if !text.contains(['*', '?', '[']) {
        bail!("{text}: no such file below {}", folder.display());
    }
    // The folder's own name may hold what a pattern means otherwise.
    let pattern = Path::new(&glob::Pattern::escape(&folder.to_string_lossy())).join(text);
    let found = glob::glob(&pattern.to_string_lossy())
        .map_err(|error| anyhow::anyhow!("{text}: no pattern of files ({error})"))?;
    let mut files = found.collect::<Result<Vec<PathBuf>, _>>().with_context(|| text.to_owned())?;
    files.retain(|path| path.is_file());
    files.sort();
    if files.is_empty() {
        bail!("{text}: no file is called so below {}", folder.display());
    }
    Ok(files)
}

impl Row {
    /// The image's name without its ending.
    pub(super) fn stem(&self) -> String {
        let path = &self.images[0];
        crate::formats::file::stem(path)
            .unwrap_or_else(|| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
    }
}
