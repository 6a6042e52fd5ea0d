//! Phantoms: anatomically plausible examinations with exact masks, written in the datasets' own file formats, so that
//! demonstrations and tests run the loaders that a hospital's data would run.

pub mod acdc;
pub mod draw;
pub mod idrid;
pub mod sliver07;

use crate::files::publish::StagedDir;
use anyhow::{Result, bail};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::path::Path;

/// Which dataset is imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhantomKind {
    /// Cardiac cine-MRI, NIfTI.
    Acdc,
    /// Abdominal CT, MetaImage.
    Sliver07,
    /// Fundus photographs, JPEG and palette TIFF.
    Idrid,
}

/// Writes `patients` phantoms as a dataset at `target`, which must not exist. Patient i is a function of (seed, i).
///
/// # Errors
/// When nothing is asked for, or the folder cannot be written; nothing is left then.
pub fn write(kind: PhantomKind, target: &Path, patients: usize, seed: u64) -> Result<()> {
    if !(1..=999).contains(&patients) {
        bail!("--patients {patients}: expected 1 to 999");
    }
    let staged = StagedDir::create(target)?;
    (1..=patients).into_par_iter().try_for_each(|patient| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(patient as u64);
        match kind {
            PhantomKind::Acdc => acdc::write_patient(staged.path(), patient, patients, &mut rng),
            PhantomKind::Sliver07 => sliver07::write_patient(staged.path(), patient, &mut rng),
            PhantomKind::Idrid => idrid::write_patient(staged.path(), patient, &mut rng),
        }
    })?;
    staged.publish()
}
