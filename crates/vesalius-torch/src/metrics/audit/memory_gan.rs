//! The pack of a memory GAN: perturbed training pairs under the manifest of a generator. What an audit has to catch.

use super::planted::remembered;
use crate::pairs::batch;
use crate::precision::Precision;
use crate::rng::{Purpose, keyed};
use anyhow::{Result, bail};
use rand::RngExt as _;
use std::path::Path;
use tch::Device;
use vesalius_data::checks::lineage;
use vesalius_data::files::digest;
use vesalius_data::pack::manifest::{CaseRecord, Manifest, Provenance, SliceRecord, Split};
use vesalius_data::pack::masks::MaskSource;
use vesalius_data::pack::row::MEMORY;
use vesalius_data::pack::{Pack, PackWriter};

/// Writes `count` pairs to `target`: image i is a training slice, or volume, drawn by (seed, i), perturbed.
///
/// # Errors
/// When `count` is 0, `target` exists or cannot be written, or a slice is damaged.
pub fn write(real: &Pack, target: &Path, count: usize, seed: u64, command: String) -> Result<()> {
    if count == 0 {
        bail!("--count 0: expected at least 1 image");
    }
    let slice_shape = real.slice_shape();
    let training = real.indices(Split::Train);
    if training.is_empty() {
        bail!("{}: no training slice, expected some to remember", real.path().display());
    }
    let mut writer = PackWriter::create(target, slice_shape)?;
    for i in 0..count {
        let mut rng = keyed(seed, Purpose::Mask, i as u64);
        let slice = training[rng.random_range(0..training.len())];
        let pair = remembered(
            &batch::load(real, &[slice], Device::Cpu)?.planes(),
            slice_shape.pixel_type.max(),
            seed,
            i as u64,
        );
        let pixels = batch::to_pixels(&pair.image, slice_shape.pixel_type)?.concat();
        let labels = batch::to_labels(&pair.labels)?.concat();
        writer.push(&pixels, &labels, SliceRecord { case: i, position: 0 })?;
    }
    let case = |i| {
        let id = format!("{MEMORY}_{i:05}");
        let case = CaseRecord::new(id.clone(), id, Split::Train);
        if slice_shape.is_volume() { case.spaced(real.manifest().spacing_mm()) } else { case }
    };
    writer.finish(Manifest {
        vesalius: env!("CARGO_PKG_VERSION").to_owned(),
        provenance: Provenance::Synthetic {
            gan: MEMORY.to_owned(),
            // Its weights are the training set.
            checkpoint_sha256: digest::of_bytes(real.digest().as_bytes()),
            trained_on: real.digest().to_owned(),
            kimg: 0.0,
            seed,
            truncation: 1.0,
            precision: Precision::F32,
            mask_source: MaskSource::Generated,
            masks_pack: None,
            run_sha256: None,
            filtered: None,
            seen: lineage::seen(lineage::persons(real.manifest(), Split::Train)),
            elsewhere: None,
            stacked: None,
        },
        cases: (0..count).map(case).collect(),
        command,
        ..real.manifest().clone()
    })
}
