//! 3D Slicer's segmentations: names, labels and layers of segments, as keys of the header.
//!
//! Voxels are stored for the part of the image that holds something. Segments that overlap lie in layers, which are the
//! file's channels; files of old versions have one layer for each segment.

use super::fields::Fields;
use crate::formats::contents::VolumeFile;
use crate::volume::segments::{Block, Extent, Segment, Segments};
use anyhow::{Result, bail};

/// A segment as the header lists it.
pub(super) struct Listed {
    name: String,
    label: f32,
    layer: usize,
}

/// The segments of a header; `None` where it is no segmentation.
///
/// # Errors
/// A label or layer that is no number.
pub(super) fn listed(fields: &Fields) -> Result<Option<Vec<Listed>>> {
    let mut found = Vec::new();
    while let Some(id) = fields.key(&format!("Segment{}_ID", found.len())) {
        let at = found.len();
        let key = |what: &str| fields.key(&format!("Segment{at}_{what}"));
        let number = |what: &str, missing: usize| match key(what) {
            None => Ok(missing),
            Some(text) => text.parse().map_err(|_| {
                anyhow::anyhow!("Segment{at}_{what}: {text}, expected a whole number")
            }),
        };
        found.push(Listed {
            name: key("Name").unwrap_or(id).to_owned(),
            label: number("LabelValue", 1)? as f32,
            layer: number("Layer", at)?,
        });
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// Segments with their voxels.
///
/// # Errors
/// A layer that is not there, values that belong to no segment.
pub(super) fn of(listed: &[Listed], file: &VolumeFile) -> Result<Segments> {
    let volume = &file.volume;
    for layer in 0..volume.channels {
        let known = |value: f32| {
            value == 0.0 || listed.iter().any(|s| s.layer == layer && s.label == value)
        };
        let values = (0..volume.slices).flat_map(|slice| volume.plane(slice, layer));
        if let Some(value) = values.copied().find(|value| !known(*value)) {
            bail!(
                "label value {value} in layer {layer}, which is no segment's; expected those that the header lists"
            );
        }
    }
    let segment = |one: &Listed| {
        if one.layer >= volume.channels {
            bail!(
                "segment `{}` in layer {}, expected one of the {} there are",
                one.name,
                one.layer,
                volume.channels
            );
        }
        let planes = (0..volume.slices).flat_map(|slice| volume.plane(slice, one.layer));
        let block = Block {
            size: [volume.width, volume.height, volume.slices],
            geometry: file.geometry,
            inside: planes.map(|value| *value == one.label).collect(),
        };
        Ok(Segment { name: one.name.clone(), extent: Extent::Blocks(vec![block]) })
    };
    Ok(Segments { all: listed.iter().map(segment).collect::<Result<_>>()?, notes: vec![] })
}
