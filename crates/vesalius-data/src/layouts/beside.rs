//! Which of several files of one name belongs to an image.

use crate::checks::findings::Finding;
use crate::layouts::walk::{below, unused};
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// An image with its mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePair {
    /// What both names share, with the folders where that stands several times; unique.
    pub id: String,
    /// The image.
    pub image: PathBuf,
    /// Its mask.
    pub mask: PathBuf,
}

/// Images with the masks of the same key (what both names share), and masks that no image has. `expected` names the
/// mask of
/// a key.
///
/// # Errors
/// When an image has no mask, or it cannot be told which.
pub fn pairs(
    root: &Path,
    images: &[(String, &PathBuf)],
    masks: &[(String, &PathBuf)],
    expected: &dyn Fn(&str) -> String,
) -> Result<(Vec<FilePair>, Vec<Finding>)> {
    let mut by_key: BTreeMap<&str, Vec<&PathBuf>> = BTreeMap::new();
    for (key, mask) in masks {
        by_key.entry(key).or_default().push(mask);
    }
    // A mask that lies in the folder of its own image is no other image's.
    let folder = |path: &Path| path.parent().map(Path::to_owned);
    let taken: BTreeSet<&PathBuf> = images
        .iter()
        .flat_map(|(key, image)| {
            let named = by_key.get(key.as_str()).into_iter().flatten().copied();
            named.filter(move |mask| folder(mask) == folder(image))
        })
        .collect();
    let mut used: BTreeMap<&PathBuf, &PathBuf> = BTreeMap::new();
    let mut found = Vec::new();
    for (key, image) in images {
        let alone = images.iter().filter(|(other, _)| other == key).count() == 1;
        let named: Vec<&PathBuf> = by_key
            .get(key.as_str())
            .into_iter()
            .flatten()
            .copied()
            .filter(|mask| !taken.contains(mask) || folder(mask) == folder(image))
            .collect();
        let Some(mask) = mask_of(image, &named, alone)? else {
            bail!(
                "{}: no mask; expected {} below {}",
                image.display(),
                expected(key),
                root.display()
            );
        };
        if let Some(other) = used.insert(mask, image) {
            bail!(
                "{}: the mask of {} and of {}, expected one of each",
                mask.display(),
                other.display(),
                image.display()
            );
        }
        let folders = below(root, image.parent().unwrap_or(root));
        let telling = folders.split('/').filter(|part| !["", "images"].contains(part));
        let folders = telling.collect::<Vec<_>>().join("_").replace(' ', "_");
        let id = if alone || folders.is_empty() { key.clone() } else { format!("{folders}_{key}") };
        found.push(FilePair { id, image: (*image).clone(), mask: mask.clone() });
    }
    let unused_masks = masks.iter().map(|(_, path)| *path).filter(|path| !used.contains_key(path));
    Ok((found, unused(root, unused_masks, "mask without image")))
}

/// The one of `named` (files of the name that the image's mask has) that belongs to `image`: in its folder, else in a
/// folder
/// beside its own, else the only one if no other image asks for that name (`alone`). `None` where there is none at all.
///
/// # Errors
/// When it cannot be told.
pub fn mask_of<'a>(
    image: &Path,
    named: &[&'a PathBuf],
    alone: bool,
) -> Result<Option<&'a PathBuf>> {
    if named.is_empty() {
        return Ok(None);
    }
    // Its own folder, then the one that holds it.
    let above = |path: &Path, levels: usize| path.ancestors().nth(levels).map(Path::to_owned);
    let near = |levels: usize| -> Vec<&'a PathBuf> {
        let here = above(image, levels);
        named.iter().copied().filter(|path| above(path, levels) == here).collect()
    };
    for level in [1, 2] {
        match near(level)[..] {
            [] => {}
            [one] => return Ok(Some(one)),
            [first, second, ..] => bail!(
                "{} and {}: two masks for {}, expected one",
                first.display(),
                second.display(),
                image.display()
            ),
        }
    }
    match named {
        [one] if alone => Ok(Some(one)),
        _ => bail!(
            "{}: {} there, in another folder, expected the mask beside the image or in a folder beside it",
            image.display(),
            match named {
                [one] => format!("{} is", one.display()),
                [one, ..] => format!("{} and {} more are", one.display(), named.len() - 1),
                [] => String::new(),
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_the_same_or_the_sibling_folder_belongs_to_an_image() {
        let paths: Vec<PathBuf> =
            ["d/A/masks/1.png", "d/B/masks/1.png", "d/C/1.png"].map(PathBuf::from).to_vec();
        let all: Vec<&PathBuf> = paths.iter().collect();
        let found = |image: &str| mask_of(Path::new(image), &all, false).unwrap().unwrap();
        assert_eq!(found("d/A/images/1.jpg"), &paths[0]);
        assert_eq!(found("d/B/images/1.jpg"), &paths[1]);
        assert_eq!(found("d/C/1.jpg"), &paths[2]);
        // D has none: the others' are not its own.
        let error = mask_of(Path::new("d/D/images/1.jpg"), &all, false).unwrap_err().to_string();
        assert!(error.contains("d/A/masks/1.png and 2 more"), "{error}");
    }

    #[test]
    fn a_mask_beside_its_own_image_or_of_two_is_nobody_elses() {
        let paths = |paths: &[&str]| -> Vec<(String, PathBuf)> {
            paths.iter().map(|path| ("1".to_owned(), PathBuf::from(path))).collect()
        };
        let found = |images: &[&str], masks: &[&str]| {
            let (images, masks) = (paths(images), paths(masks));
            let images: Vec<(String, &PathBuf)> =
                images.iter().map(|(key, path)| (key.clone(), path)).collect();
            let masks: Vec<(String, &PathBuf)> =
                masks.iter().map(|(key, path)| (key.clone(), path)).collect();
            pairs(Path::new("d"), &images, &masks, &|key| format!("{key}_mask"))
                .map(|(pairs, _)| pairs.into_iter().map(|pair| (pair.id, pair.mask)).collect())
        };
        let of = |error: Result<Vec<(String, PathBuf)>>| error.unwrap_err().to_string();
        // B lost its own.
        let text = of(found(&["d/A/o1", "d/B/o1"], &["d/A/s1"]));
        assert!(text.contains("d/B/o1: no mask; expected 1_mask"), "{text}");
        let text = of(found(&["d/A/o1", "d/B/o1"], &["d/masks/s1"]));
        assert!(text.contains("d/masks/s1: the mask of d/A/o1 and of d/B/o1"), "{text}");
        let both = found(&["d/A/o1", "d/B/o1"], &["d/A/s1", "d/B/s1"]).unwrap();
        assert_eq!(both[1], ("B_1".to_owned(), PathBuf::from("d/B/s1")));
    }

    #[test]
    fn a_mask_far_away_belongs_to_the_only_image_of_its_name() {
        let path = PathBuf::from("d/2. Groundtruths/a. Training/5. Disc/1_OD.tif");
        let image = Path::new("d/1. Images/a. Training/1.jpg");
        assert_eq!(mask_of(image, &[&path], true).unwrap(), Some(&path));
        assert!(mask_of(image, &[&path], false).is_err());
        assert_eq!(mask_of(image, &[], true).unwrap(), None);
        let two = [PathBuf::from("d/A/masks/1.png"), PathBuf::from("d/A/labels/1.png")];
        assert!(mask_of(Path::new("d/A/images/1.png"), &[&two[0], &two[1]], true).is_err());
    }
}
