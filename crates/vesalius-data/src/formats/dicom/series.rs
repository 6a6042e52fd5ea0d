//! Whether slices are one series of one person, in which order they lie, and on which grid.

use super::header::Facts;
use crate::volume::geometry::Geometry;
use anyhow::{Context as _, Result, bail};
use std::path::Path;

/// A slice's file and its header.
pub(crate) type Slice<'a> = (&'a Path, &'a Facts);

/// Slices that are one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Indices along the normal of the planes; by number where nothing says where they lie.
    pub(crate) order: Vec<usize>,
    /// Of each slice along the normal, mm; `None` where the files do not say.
    pub(crate) along_mm: Option<Vec<f64>>,
    pub(crate) geometry: Option<Geometry>,
    pub(crate) notes: Vec<String>,
}

/// How unit vectors may differ in one series.
const ANGLE: f64 = 1e-3;
/// Slices nearer than this share of their usual distance lie at one place.
const ONE_PLACE: f64 = 0.01;
/// And the least distance that is one, mm.
const LEAST_MM: f64 = 1e-4;
/// Distances that differ by more than this share of the usual one are said.
const UNEVEN: f64 = 0.05;

impl Series {
    /// Of the slices of one folder.
    ///
    /// # Errors
    /// When they are several series, persons, directions or moments: two files and what differs are named.
    pub(crate) fn of(slices: &[Slice]) -> Result<Self> {
        let Some(first) = slices.first() else { bail!("no slices, expected some") };
        for slice in slices {
            one_series(first, slice)?;
        }
        one_person(slices)?;
        once(slices)?;
        let mut notes = units(first.1);
        let along_mm = along(slices)?;
        let order = match &along_mm {
            Some(along) => sorted(slices.len(), |&a, &b| along[a].total_cmp(&along[b])),
            None => by_number(slices)?,
        };
        let mut geometry = None;
        match &along_mm {
            Some(along) => {
                let usual = distances(slices, along, &order)?;
                if let Some(note) = &usual {
                    notes.push(note.clone());
                } else {
                    geometry = grid(slices, &order)?;
                }
            }
            None if slices.len() > 1 => notes.push(
                "slices ordered by InstanceNumber: no ImagePositionPatient says where they lie"
                    .to_owned(),
            ),
            None => {}
        }
        if along_mm.is_some() && first.1.orientation.is_none() {
            notes.push(
                "no ImageOrientationPatient: slices ordered from foot to head as axial ones"
                    .to_owned(),
            );
        }
        Ok(Self { order, along_mm, geometry, notes })
    }
}

fn sorted(count: usize, compare: impl FnMut(&usize, &usize) -> std::cmp::Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(compare);
    order
}

/// Refuses a slice that belongs to something else than the first.
fn one_series((path_a, a): &Slice, (path_b, b): &Slice) -> Result<()> {
    let differ = |what: &str, expected: &str| -> Result<()> {
        bail!("{} and {}: {what}, expected {expected}", path_a.display(), path_b.display())
    };
    if a.localizer != b.localizer {
        differ("ImageType says LOCALIZER in one of them", "slices of one kind")?;
    }
    for (name, x, y) in [
        ("SeriesInstanceUID", &a.series_uid, &b.series_uid),
        ("Modality", &a.modality, &b.modality),
        ("FrameOfReferenceUID", &a.frame_of_reference, &b.frame_of_reference),
        ("PhotometricInterpretation", &a.photometric, &b.photometric),
        ("RescaleType", &a.rescale_type, &b.rescale_type),
    ] {
        if x != y {
            differ(&format!("{name} differs"), "one series in a folder")?;
        }
    }
    if a.size != b.size {
        let [x, y] = [a.size, b.size].map(|[rows, columns]| format!("{rows}x{columns}"));
        differ(&format!("{x} and {y} pixels, another size"), "one series in a folder")?;
    }
    let near = |x: &[f64], y: &[f64], share: f64| {
        x.iter().zip(y).all(|(x, y)| (x - y).abs() <= share * x.abs().max(1.0))
    };
    let same_spacing = match (&a.spacing_mm, &b.spacing_mm) {
        (Some(x), Some(y)) => x.iter().zip(y).all(|(x, y)| (x - y).abs() <= 1e-3 * x),
        (x, y) => x == y,
    };
    if !same_spacing {
        differ("PixelSpacing differs, another spacing", "one series in a folder")?;
    }
    let same_direction = match (&a.orientation, &b.orientation) {
        (Some(x), Some(y)) => near(x, y, ANGLE),
        (x, y) => x == y,
    };
    if !same_direction {
        differ("ImageOrientationPatient differs", "slices of one direction")?;
    }
    if a.position_mm.is_some() != b.position_mm.is_some() {
        differ("ImagePositionPatient stands in one of them", "it in all")?;
    }
    Ok(())
}

/// Refuses slices of two people; those that name nobody may stand among others.
fn one_person(slices: &[Slice]) -> Result<()> {
    for which in 0..2 {
        let Some((path_a, a)) = slices.iter().find(|(_, facts)| facts.person.says()[which]) else {
            continue;
        };
        for (path_b, b) in slices {
            if let Some(what) = a.person.differs(&b.person) {
                bail!(
                    "{} and {}: {what} differs, expected one patient in a folder",
                    path_a.display(),
                    path_b.display()
                );
            }
        }
    }
    Ok(())
}

/// Refuses an instance that stands twice.
fn once(slices: &[Slice]) -> Result<()> {
    let order =
        sorted(slices.len(), |&a, &b| slices[a].1.instance_uid.cmp(&slices[b].1.instance_uid));
    for pair in order.windows(2) {
        let [(path_a, a), (path_b, b)] = [slices[pair[0]], slices[pair[1]]];
        if a.instance_uid.is_some() && a.instance_uid == b.instance_uid {
            bail!(
                "{} and {}: one SOPInstanceUID, expected each slice once",
                path_a.display(),
                path_b.display()
            );
        }
    }
    Ok(())
}

/// What is worth a word about the units.
fn units(facts: &Facts) -> Vec<String> {
    let mut notes = Vec::new();
    if facts.modality.as_deref() == Some("CT")
        && let Some(units) = &facts.rescale_type
        && !units.to_uppercase().starts_with("HU")
    {
        notes.push(format!("RescaleType {units}: values are not Hounsfield units"));
    }
    if facts.localizer {
        notes.push("ImageType says LOCALIZER".to_owned());
    }
    notes
}

/// Positions along the normal, in mm.
fn along(slices: &[Slice]) -> Result<Option<Vec<f64>>> {
    let named = |path: &Path| path.display().to_string();
    let mut found = Vec::with_capacity(slices.len());
    // One normal for all: those of slightly different orientations would tear far slices apart.
    let normal = slices[0].1.normal().with_context(|| named(slices[0].0))?;
    for (path, facts) in slices {
        match facts.position_mm {
            Some(p) => {
                let normal = normal.unwrap_or([0.0, 0.0, 1.0]);
                found.push(normal.iter().zip(&p).map(|(n, p)| n * p).sum());
            }
            None if facts.instance_number.is_some() || slices.len() == 1 => return Ok(None),
            None => bail!(
                "{}: neither ImagePositionPatient nor InstanceNumber, expected one to order slices by",
                path.display()
            ),
        }
    }
    Ok(Some(found))
}

fn by_number(slices: &[Slice]) -> Result<Vec<usize>> {
    for (path, facts) in slices {
        if facts.instance_number.is_none() && slices.len() > 1 {
            bail!(
                "{}: neither ImagePositionPatient nor InstanceNumber, expected one to order slices by",
                path.display()
            );
        }
    }
    let number = |i: usize| slices[i].1.instance_number;
    let order = sorted(slices.len(), |&a, &b| number(a).cmp(&number(b)));
    if let Some(pair) = order.windows(2).find(|pair| number(pair[0]) == number(pair[1])) {
        bail!(
            "{} and {}: one InstanceNumber and no ImagePositionPatient, expected one of them to order slices by",
            slices[pair[0]].0.display(),
            slices[pair[1]].0.display()
        );
    }
    Ok(order)
}

/// Refuses two slices at one place; says where slices are not evenly spaced.
fn distances(slices: &[Slice], along: &[f64], order: &[usize]) -> Result<Option<String>> {
    let gaps: Vec<f64> = order.windows(2).map(|pair| along[pair[1]] - along[pair[0]]).collect();
    let mut real: Vec<f64> = gaps.iter().copied().filter(|gap| *gap > LEAST_MM).collect();
    real.sort_by(f64::total_cmp);
    let usual = real.get(real.len() / 2).copied().unwrap_or(0.0);
    let least = (ONE_PLACE * usual).max(LEAST_MM);
    if let Some(at) = gaps.iter().position(|gap| *gap < least) {
        let [(path_a, a), (path_b, b)] = [slices[order[at]], slices[order[at + 1]]];
        let value = |facts: &Facts, name: &str| {
            facts.moments.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone())
        };
        let differing = a.moments.iter().find_map(|(name, x)| {
            let y = value(b, name)?;
            (*x != y).then(|| format!(" ({name} {x} and {y})"))
        });
        bail!(
            "{} and {}: two slices at one position{}, expected one of each place: phases, echoes or series are mixed",
            path_a.display(),
            path_b.display(),
            differing.unwrap_or_default()
        );
    }
    let (Some(shortest), Some(longest)) = (real.first(), real.last()) else { return Ok(None) };
    let uneven = longest - shortest > UNEVEN * usual;
    Ok(uneven
        .then(|| format!("slices are {shortest:.2} to {longest:.2} mm apart: one may be missing")))
}

/// The grid of evenly spaced slices; a tilted gantry gives one whose axes are not at right angles.
fn grid(slices: &[Slice], order: &[usize]) -> Result<Option<Geometry>> {
    let facts = |i: usize| slices[order[i]].1;
    let (first, count) = (facts(0), order.len());
    let (Some(o), Some([row_mm, column_mm]), Some(origin_mm)) =
        (first.orientation, first.spacing_mm, first.position_mm)
    else {
        return Ok(None);
    };
    let slice_step = match (count, facts(count - 1).position_mm, first.normal()?) {
        (1, _, Some(normal)) => normal.map(|n| n * first.thickness_mm.unwrap_or(1.0)),
        (_, Some(last), _) => {
            std::array::from_fn(|axis| (last[axis] - origin_mm[axis]) / (count - 1) as f64)
        }
        _ => return Ok(None),
    };
    // Slices that are shifted in their planes lie on no one grid.
    let shifted = (0..count).any(|i| {
        facts(i).position_mm.is_none_or(|p| {
            (0..3).any(|axis| {
                let expected = origin_mm[axis] + i as f64 * slice_step[axis];
                (p[axis] - expected).abs() > 0.5 * row_mm.min(column_mm)
            })
        })
    });
    let grid = Geometry {
        size: [first.size[1] as usize, first.size[0] as usize, count],
        origin_mm,
        steps_mm: [
            [0, 1, 2].map(|axis| o[axis] * column_mm),
            [3, 4, 5].map(|axis| o[axis] * row_mm),
            slice_step,
        ],
    };
    Ok(if shifted { None } else { grid.checked() })
}

#[cfg(test)]
mod tests;
