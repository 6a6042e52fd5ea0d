//! A training whose networks stand: at its start, or where its newest whole checkpoint left off. They are built once,
//! before
//! anything is written, so that what cannot be trained leaves nothing behind.

use super::resume;
use crate::checkpoint::init;
use crate::checkpoint::{self, Found, State};
use crate::families::domain::Domain;
use crate::families::trainer::Trainer;
use crate::precision::resolve;
use crate::sample;
use crate::spec::TrainSpec;
use anyhow::{Context as _, Result};
use std::path::Path;
use tch::Device;
use vesalius_data::files::publish::write_file;
use vesalius_data::files::seal::sealed;
use vesalius_data::pack::Pack;

/// A training that can go on.
#[derive(Debug)]
pub struct Prepared<'a> {
    pub(super) run: &'a Path,
    pub(super) spec: &'a TrainSpec,
    pub(super) pack: &'a Pack,
    pub(super) device: Device,
    pub(super) trainer: Box<dyn Trainer>,
    pub(super) state: State,
    pub(super) found: Found,
}

impl<'a> Prepared<'a> {
    /// Builds the networks of a run, and loads its newest whole checkpoint where there is one, else the weights to
    /// start
    /// from where the spec names some. Only training slices of `pack` will be seen. Nothing is written.
    ///
    /// # Errors
    /// When the family cannot take the pack's size or classes, weights to start from do not fit, or the checkpoint is
    /// of
    /// another spec or pack, or all are damaged.
    pub fn open(
        run: &'a Path,
        spec: &'a TrainSpec,
        pack: &'a Pack,
        device: Device,
    ) -> Result<Self> {
        let found = checkpoint::newest_whole(run)?;
        if let Some((folder, _)) = &found.whole {
            resume::of_this_pack(folder, pack)?;
        }
        let arithmetic = resolve(spec.training.precision, device);
        let mut trainer = spec
            .trainer(Domain::of(pack, device, arithmetic))
            .with_context(|| format!("{}", pack.path().display()))?;
        checkpoint::check_names(trainer.as_ref())
            .with_context(|| format!("networks.family {}", spec.family.name()))?;
        let state = if let Some((folder, _)) = &found.whole {
            resume::restore(folder, trainer.as_mut(), spec, pack)?
        } else {
            if let Some(source) = &spec.init {
                init::load(trainer.as_ref(), source, spec, pack.slice_shape())?;
            }
            State::new(spec.digest()?, pack.digest().to_owned())
        };
        Ok(Self { run, spec, pack, device, trainer, state, found })
    }

    /// A line for each checkpoint newer than the one it goes on from: those are damaged.
    pub fn warnings(&self) -> Vec<String> {
        self.found.warnings()
    }
}

/// Writes what a run needs before its first step: the resolved spec and the pack's shape.
///
/// # Errors
/// When the folder cannot be written.
pub fn begin(run: &Path, spec: &TrainSpec, pack: &Pack) -> Result<()> {
    write_file(&run.join(sample::TEMPLATE), &sealed(&sample::template(pack))?)?;
    write_spec(run, spec)
}

/// Writes the resolved spec alone: of a run that goes on, its length may be another.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_spec(run: &Path, spec: &TrainSpec) -> Result<()> {
    write_file(&run.join("task.toml"), spec.to_toml()?.as_bytes())
}
