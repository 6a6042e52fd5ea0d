//! One orientation for all patients: axes of a volume swapped and reversed, nothing interpolated.

use crate::checks::findings::Finding;
use crate::volume::geometry::Geometry;
use crate::volume::{Case, Labels};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;

/// Letters of one axis of the patient, by direction.
const AXES: [[char; 2]; 3] = [['R', 'L'], ['A', 'P'], ['I', 'S']];

/// Checks an orientation as users write it: where columns, rows and slices lead, as `LPS`.
///
/// # Errors
/// When it is not one letter of each of RL, AP and IS.
pub fn parse(text: &str) -> Result<String> {
    let upper = text.to_uppercase();
    let once = AXES.iter().all(|pair| upper.chars().filter(|c| pair.contains(c)).count() == 1);
    if upper.chars().count() != 3 || !once {
        bail!(
            "{text}: expected where columns, rows and slices lead: one letter of each of RL, AP and IS, as LPS (to the \
             patient's left, back and head) or RAS"
        );
    }
    Ok(upper)
}

/// A case whose axes lead where `wanted` says, as near as swapping and reversing can; what it was is in `stored`.
///
/// # Errors
/// When the files do not say where the voxels lie.
pub fn turned(case: Case, wanted: &str) -> Result<Case> {
    let geometry = case.geometry.context(
        "its files do not say where the voxels lie in the patient, expected it for --orientation",
    )?;
    let target = target(&geometry, wanted).context("axes that lead nowhere")?;
    let alignment = target.onto(&geometry).context("axes that lead nowhere")?;
    if alignment.is_identity() {
        return Ok(case);
    }
    let [width, height, slices] = target.size;
    let labels = Labels { slices, height, width, values: alignment.apply(&case.labels.values) };
    let [across, down, _] = target.spacing_mm();
    let note = format!("turned from {} to {wanted} ({alignment})", geometry.orientation());
    Ok(Case {
        volume: case.volume.reordered(&alignment),
        labels,
        spacing_mm: Some([down, across]),
        geometry: Some(target),
        stored: Some(geometry),
        notes: case.notes.into_iter().chain([note]).collect(),
        ..case
    })
}

/// The same voxels counted along other axes.
fn target(geometry: &Geometry, wanted: &str) -> Option<Geometry> {
    let own: Vec<char> = geometry.orientation().chars().collect();
    let mut origin = geometry.origin_mm;
    let mut size = [0; 3];
    let mut steps = [[0.0; 3]; 3];
    for (axis, letter) in wanted.chars().enumerate() {
        let pair = AXES.iter().find(|pair| pair.contains(&letter))?;
        let from = own.iter().position(|own| pair.contains(own))?;
        size[axis] = geometry.size[from];
        let step = geometry.steps_mm[from];
        if own[from] == letter {
            steps[axis] = step;
        } else {
            steps[axis] = step.map(|v| -v);
            for i in 0..3 {
                origin[i] += step[i] * (geometry.size[from] - 1) as f64;
            }
        }
    }
    Geometry { size, origin_mm: origin, steps_mm: steps }.checked()
}

/// How many cases are stored in each orientation.
pub(super) fn counted(orientations: &[(String, Option<String>)]) -> BTreeMap<String, usize> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for orientation in orientations.iter().filter_map(|(_, orientation)| orientation.clone()) {
        *count.entry(orientation).or_default() += 1;
    }
    count
}

/// The orientation of most; of equally many, the first in the alphabet.
pub fn usual(count: &BTreeMap<String, usize>) -> Option<&str> {
    count.iter().rev().max_by_key(|(_, count)| **count).map(|(name, _)| name.as_str())
}

/// Warns of volumes that are stored otherwise than most: GANs and segmenters would see them turned or mirrored.
pub(super) fn warn(orientations: &[(String, Option<String>)]) -> Vec<Finding> {
    let count = counted(orientations);
    let Some(usual) = usual(&count) else { return vec![] };
    let other = |(case, orientation): &(String, Option<String>)| {
        let orientation = orientation.as_deref().filter(|orientation| *orientation != usual)?;
        let text = format!(
            "stored as {orientation} (columns, rows and slices lead there), where most are {usual}: slices look turned or \
             mirrored beside each other; --orientation {usual} turns them"
        );
        Some(Finding::warning(case.as_str(), text))
    };
    orientations.iter().filter_map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Volume;

    fn case() -> Case {
        let volume = Volume::new([2, 1, 3, 4], (0..24).map(|v| v as f32).collect());
        let labels = Labels { slices: 2, height: 3, width: 4, values: (0..24).collect() };
        let geometry = Geometry {
            size: [4, 3, 2],
            origin_mm: [10.0, 20.0, 30.0],
            // Columns lead to the feet, rows to the left, slices to the front.
            steps_mm: [[0.0, 0.1, -2.0], [0.5, 0.0, 0.0], [0.0, -3.0, 0.0]],
        };
        let [across, down, _] = geometry.spacing_mm();
        let spacing_mm = Some([down, across]);
        Case { geometry: Some(geometry), spacing_mm, ..Case::new(volume, labels) }
    }

    #[test]
    fn every_orientation_shows_each_voxel_at_its_place() {
        let stored = case();
        let before = stored.geometry.unwrap();
        assert_eq!(before.orientation(), "ILA");
        for wanted in ["RAS", "LPS", "ILA", "SAR", "PIL"] {
            let found = turned(stored.clone(), wanted).unwrap();
            let after = found.geometry.unwrap();
            assert_eq!(after.orientation(), wanted);
            let back = after.onto(&before).unwrap();
            assert_eq!(back.apply(&stored.labels.values), found.labels.values, "{wanted}");
            let same: Vec<f32> = found.labels.values.iter().map(|v| f32::from(*v)).collect();
            assert_eq!(found.volume.values, same, "{wanted}");
            let spacing = after.spacing_mm();
            assert_eq!(found.spacing_mm, Some([spacing[1], spacing[0]]), "{wanted}");
            assert_eq!(found.stored.is_some(), wanted != "ILA");
        }
        let lps = turned(stored, "LPS").unwrap();
        assert_eq!((lps.volume.slices, lps.volume.height, lps.volume.width), (4, 2, 3));
        // The first voxel is at the right, in front, at the feet: the last column, last slice, first row as stored.
        assert_eq!(lps.volume.values[0], 15.0);
        assert!(lps.notes[0].contains("turned from ILA to LPS"), "{:?}", lps.notes);
        let nowhere = Case { geometry: None, ..case() };
        assert!(turned(nowhere, "LPS").unwrap_err().to_string().contains("for --orientation"));
    }

    #[test]
    fn names_of_orientations_have_one_letter_of_each_axis() {
        assert_eq!(parse("lps").unwrap(), "LPS");
        for wrong in ["LP", "LRS", "LPSA", "XYZ", ""] {
            assert!(parse(wrong).unwrap_err().to_string().contains("as LPS"), "{wrong}");
        }
    }

    #[test]
    fn volumes_stored_otherwise_than_most_are_named() {
        let of = |list: &[(&str, &str)]| {
            let list: Vec<(String, Option<String>)> = list
                .iter()
                .map(|(case, o)| {
                    ((*case).to_owned(), Some((*o).to_owned()).filter(|o| !o.is_empty()))
                })
                .collect();
            warn(&list)
        };
        assert!(of(&[("a", "LPS"), ("b", "LPS"), ("c", "")]).is_empty());
        let found = of(&[("a", "LPS"), ("b", "RAS"), ("c", "LPS")]);
        assert_eq!((found.len(), found[0].of.as_str()), (1, "b"));
        assert!(found[0].text.contains("--orientation LPS"), "{}", found[0].text);
        assert_eq!(of(&[("a", "RAS"), ("b", "LPS")])[0].of, "a");
    }
}
