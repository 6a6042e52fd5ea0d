//! Forms in which images and masks lie in space: DICOM with SEG or RTSTRUCT, NRRD.

use super::files::{ExportKind, Work, case_files, pictures};
use super::{channel_bytes, interleaved, labels, place, spacing};
use crate::formats::dicom::write::{
    Identity, Picture, Slices, write_images, write_segmentation, write_structures,
};
use crate::formats::nrrd;
use crate::pack::Pack;
use crate::pack::manifest::{PixelType, Provenance};
use crate::volume::geometry::Geometry;
use anyhow::{Context as _, Result};
use std::path::Path;

/// The pack's own grid: slices of one case at their positions, from the origin.
fn geometry(pack: &Pack, work: &Work) -> Geometry {
    let [between, row, column] = spacing(pack, work.case);
    let shape = pack.slice_shape();
    Geometry {
        size: [shape.width, shape.height, work.slices.len()],
        origin_mm: [0.0; 3],
        steps_mm: [[column, 0.0, 0.0], [0.0, row, 0.0], [0.0, 0.0, between]],
    }
}

/// An image of each channel and the masks, of one case.
pub(super) fn nrrd(pack: &Pack, work: &Work, root: &Path) -> Result<()> {
    let files = case_files(pack, ExportKind::Nrrd, work);
    let Some((masks, images)) = files.split_last() else { return Ok(()) };
    let (geometry, shape) = (geometry(pack, work), pack.slice_shape());
    for (channel, image) in images.iter().enumerate() {
        let voxels = channel_bytes(pack, &work.slices, channel)?;
        nrrd::write_image(&place(root, image)?, &geometry, 8 * shape.pixel_type.bytes(), &voxels)?;
    }
    let labels = labels(pack, &work.slices)?;
    nrrd::write_segmentation(&place(root, masks)?, &geometry, &pack.manifest().classes, &labels)
}

/// A series of each channel (one of colour) and the masks, of one case. A case without any label has no masks: neither
/// form can say that there are none.
pub(super) fn dicom(pack: &Pack, kind: ExportKind, work: &Work, root: &Path) -> Result<()> {
    let manifest = pack.manifest();
    let shape = pack.slice_shape();
    let synthetic = matches!(manifest.provenance, Provenance::Synthetic { .. });
    let word = if synthetic { "SYNTHETIC" } else { "prepared" };
    let identity = Identity {
        id: manifest.cases[work.case].id.clone(),
        description: format!("{word} {}", manifest.dataset),
        synthetic,
        seed: pack.digest().to_owned(),
    };
    let positions: Vec<usize> = work.slices.iter().map(|i| manifest.slices[*i].position).collect();
    let geometry = geometry(pack, work);
    let slices = Slices { identity: &identity, geometry, positions: &positions, source: None };
    let files = case_files(pack, kind, work);
    let Some((masks, folders)) = files.split_last() else { return Ok(()) };
    for (at, folder) in folders.iter().enumerate() {
        let folder = place(root, folder)?;
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{}: cannot create the folder", folder.display()))?;
        let bits = 8 * shape.pixel_type.bytes() as u16;
        let picture = |slice: usize| {
            let pixels = pack.slice(work.slices[slice])?.pixels;
            if pictures(shape.channels) == 1 && shape.channels == 3 {
                return Ok(Picture { bytes: coloured(pixels, shape.pixel_type), samples: 3, bits });
            }
            let bytes = shape.pixel_bytes() / shape.channels;
            Ok(Picture { bytes: pixels[at * bytes..(at + 1) * bytes].to_vec(), samples: 1, bits })
        };
        let channel = manifest.sequences.get(at).map_or("images", String::as_str);
        write_images(&slices, at, channel, &folder, &picture)?;
    }
    let labels = labels(pack, &work.slices)?;
    if labels.iter().all(|label| *label == 0) {
        return Ok(());
    }
    let path = place(root, masks)?;
    match kind {
        ExportKind::Rtstruct => write_structures(&slices, &labels, &manifest.classes, &path),
        _ => write_segmentation(&slices, &labels, &manifest.classes, &path),
    }
}

fn coloured(planar: &[u8], kind: PixelType) -> Vec<u8> {
    match kind {
        PixelType::U8 => interleaved(planar, 3),
        PixelType::U16 => interleaved(planar.as_chunks::<2>().0, 3).concat(),
    }
}
