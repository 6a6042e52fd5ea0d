//! Masks whose parts have names of their own (3D Slicer's segmentations, DICOM SEG and RTSTRUCT), and the labels they
//! become: by name, never by the order in which a program happened to write them.

use super::contours::{self, Contour};
use super::geometry::Geometry;
use crate::text::nearest::hint;
use crate::volume::Labels;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;

/// One named thing of an image: an organ, a tumour.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// As the file calls it.
    pub name: String,
    /// Where it is.
    pub extent: Extent,
}

/// Where a segment is.
#[derive(Debug, Clone, PartialEq)]
pub enum Extent {
    /// Voxels of grids that are parts of the image's.
    Blocks(Vec<Block>),
    /// Outlines in planes of the image.
    Contours(Vec<Contour>),
}

/// Voxels of a grid of their own; what lies outside of it belongs to no segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Columns, rows, slices.
    pub size: [usize; 3],
    /// Where they lie, where the file says.
    pub geometry: Option<Geometry>,
    /// Whether each is in the segment, `[S, H, W]`.
    pub inside: Vec<bool>,
}

/// All segments of one file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Segments {
    /// In the file's order.
    pub all: Vec<Segment>,
    /// What was guessed or left out.
    pub notes: Vec<String>,
}

/// Which class a segment's name is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    /// Names of the labels 0, 1, …; the first is the background.
    pub classes: Vec<String>,
    /// Whether the user named them: then a segment of another name is none of them.
    pub named: bool,
    /// What the user says of names: the class, or nothing for what is not wanted.
    pub renamed: BTreeMap<String, String>,
}

impl Naming {
    /// Of classes whose names nobody gave: the only segment of a file is the only class.
    pub fn of(classes: &[String]) -> Self {
        Self { classes: classes.to_vec(), named: true, renamed: BTreeMap::new() }
    }

    /// The label of a segment; `None` where it is no class.
    fn label(&self, name: &str) -> Option<u8> {
        let name = plain(self.renamed.get(name).map_or(name, String::as_str));
        let at = self.classes.iter().position(|class| plain(class) == name)?;
        u8::try_from(at).ok().filter(|label| *label > 0)
    }

    /// Whether the user said what to do with it.
    fn knows(&self, name: &str) -> bool {
        self.renamed.contains_key(name)
            || self.classes.iter().any(|class| plain(class) == plain(name))
    }
}

/// Letters and digits in lower case: `Left Kidney`, `left_kidney` and `LEFT-KIDNEY` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The image's grid: its size is known also where the file does not say where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Columns, rows, slices.
    pub size: [usize; 3],
    /// Where they lie.
    pub geometry: Option<Geometry>,
}

/// Labels of one image from the segments of one or several files, and what there is to say of them.
///
/// Where two classes overlap, the later one holds: a tumour is drawn into its organ.
///
/// # Errors
/// When a segment does not lie on the image's grid, or it cannot be told which class it is.
pub fn labels(found: Vec<Segments>, naming: &Naming, grid: &Grid) -> Result<(Labels, Vec<String>)> {
    let [width, height, slices] = grid.size;
    let mut labels = Labels { slices, height, width, values: vec![0; slices * height * width] };
    let mut notes = Vec::new();
    let mut all = Vec::new();
    let mut holder: BTreeMap<u8, usize> = BTreeMap::new();
    for (file, segments) in found.into_iter().enumerate() {
        for segment in &segments.all {
            // Two readers' masks of one organ are no one's mask; parts that the user calls one class are.
            let said = naming.renamed.contains_key(&segment.name);
            if let Some(label) = naming.label(&segment.name).filter(|_| !said)
                && *holder.entry(label).or_insert(file) != file
            {
                bail!(
                    "segment `{}` in two files, expected one of them: --segments says what several together are",
                    segment.name
                );
            }
        }
        all.extend(segments.all);
        notes.extend(segments.notes);
    }
    let mut chosen = choose(all, naming, &mut notes)?;
    chosen.sort_by_key(|(label, _)| *label);
    let mut covered: BTreeMap<[u8; 2], usize> = BTreeMap::new();
    for (label, segment) in chosen {
        let inside =
            segment.on(grid, &mut notes).with_context(|| format!("segment `{}`", segment.name))?;
        for (value, _) in labels.values.iter_mut().zip(inside).filter(|(_, inside)| *inside) {
            if *value != 0 && *value != label {
                *covered.entry([*value, label]).or_default() += 1;
            }
            *value = label;
        }
    }
    let class = |label: u8| &naming.classes[usize::from(label)];
    notes.extend(covered.into_iter().map(|([under, over], voxels)| {
        format!(
            "`{}` and `{}` overlap in {voxels} voxels: taken as `{}`, the later class",
            class(under),
            class(over),
            class(over)
        )
    }));
    Ok((labels, notes))
}

/// Segments that are classes, with their labels.
fn choose(
    all: Vec<Segment>,
    naming: &Naming,
    notes: &mut Vec<String>,
) -> Result<Vec<(u8, Segment)>> {
    if !naming.named && naming.renamed.is_empty() {
        let names: Vec<String> = all.iter().map(|segment| segment.name.clone()).collect();
        return match (<[Segment; 1]>::try_from(all), naming.classes.len()) {
            (Ok([one]), 2) => Ok(vec![(1, one)]),
            _ => bail!(
                "segments {}, and nobody says which class each is; expected --classes background,{} with those that \
                 are wanted",
                quoted(&names),
                names.iter().map(|name| name.replace(',', " ")).collect::<Vec<_>>().join(",")
            ),
        };
    }
    let classes = naming.classes.get(1..).unwrap_or(&[]);
    let meant = |name: &str| hint(name, classes.iter().map(String::as_str));
    let mut unknown = Vec::new();
    let mut chosen = Vec::new();
    for segment in all {
        // A class that is misspelt there would leave its segment out without a word.
        if let Some(class) = naming.renamed.get(&segment.name).filter(|class| !class.is_empty())
            && naming.label(&segment.name).is_none()
        {
            bail!(
                "segment `{}`: --segments calls it `{class}`, expected one of the classes {}{}",
                segment.name,
                quoted(classes),
                meant(class)
            );
        }
        match naming.label(&segment.name) {
            Some(label) => chosen.push((label, segment)),
            None if naming.knows(&segment.name) => {}
            None => unknown.push(segment.name),
        }
    }
    if !unknown.is_empty() {
        let hint = unknown.iter().map(|name| meant(name)).find(|hint| !hint.is_empty());
        let hint = hint.unwrap_or_default();
        if chosen.is_empty() {
            bail!(
                "segments {}, expected one of the classes {}; --segments says which segment is which class{hint}",
                quoted(&unknown),
                quoted(classes)
            );
        }
        notes.push(format!("segments that are no class are left out: {}{hint}", quoted(&unknown)));
    }
    Ok(chosen)
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Segment {
    /// Voxels of the image's grid that are in it, `[S, H, W]`.
    fn on(&self, grid: &Grid, notes: &mut Vec<String>) -> Result<Vec<bool>> {
        let (inside, outside, where_to) = match &self.extent {
            Extent::Blocks(blocks) => {
                let mut inside = vec![false; grid.size.iter().product()];
                let mut outside = 0;
                for block in blocks {
                    outside += block.put(grid, &mut inside)?;
                }
                (inside, outside, "voxels lie outside of the image")
            }
            Extent::Contours(all) => {
                let Some(geometry) = &grid.geometry else {
                    bail!("contours in mm, and the image does not say where its voxels lie");
                };
                let (inside, outside) = contours::fill(all, geometry)?;
                (inside, outside, "contours lie outside of the image's slices")
            }
        };
        if outside > 0 && !inside.contains(&true) {
            bail!("all of its {outside} {where_to}");
        }
        if outside > 0 {
            notes.push(format!("segment `{}`: {outside} {where_to}", self.name));
        }
        Ok(inside)
    }
}

impl Block {
    /// Marks its voxels on the image's grid; how many lie outside.
    fn put(&self, grid: &Grid, inside: &mut [bool]) -> Result<usize> {
        let [width, height, slices] = grid.size;
        let placement = match (&self.geometry, &grid.geometry) {
            (Some(own), Some(image)) => {
                let found = own.within(image);
                Some(found.with_context(|| {
                    format!("voxels of {own}, expected {image} as its image or a part of it")
                })?)
            }
            _ if self.size == grid.size => None,
            _ => bail!(
                "{:?} voxels (columns, rows, slices), expected {:?} as its image, because one of the two does not say \
                 where it lies",
                self.size,
                grid.size
            ),
        };
        let Some(placement) = placement else {
            for (target, own) in inside.iter_mut().zip(&self.inside) {
                *target |= own;
            }
            return Ok(0);
        };
        let mut outside = 0;
        let [columns, rows, _] = self.size;
        for at in (0..self.inside.len()).filter(|&at| self.inside[at]) {
            let [x, y, z] =
                placement.index([at % columns, at / columns % rows, at / columns / rows]);
            let within = |at: i64, size: usize| usize::try_from(at).ok().filter(|at| *at < size);
            match (within(x, width), within(y, height), within(z, slices)) {
                (Some(x), Some(y), Some(z)) => inside[(z * height + y) * width + x] = true,
                _ => outside += 1,
            }
        }
        Ok(outside)
    }
}

#[cfg(test)]
mod tests;
