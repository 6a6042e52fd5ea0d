//! The files of a checkpoint: one for each network, optimiser and set of controls, by their names.

use super::damaged::{damaged, unreadable};
use super::state::{CHECKPOINT_FORMAT, STATE, State, read_state};
use crate::families::trainer::{Parts, Trainer};
use crate::layers::params::load_strictly;
use crate::optim::Optimiser;
use anyhow::{Context as _, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tch::Tensor;
use vesalius_data::files::digest;
use vesalius_data::files::publish::{StagedDir, remove_folder};
use vesalius_data::files::seal;

type Named = Vec<(String, Tensor)>;

/// File of the averaged generator.
pub const AVERAGED: &str = "averaged.safetensors";

/// Files of tensors, with what they hold.
fn parts(trainer: &dyn Trainer) -> Vec<(String, Named)> {
    let Parts { networks, optimisers, averaged: (_, averaged) } = trainer.parts();
    let mut parts: Vec<(String, Named)> = networks
        .into_iter()
        .map(|(name, params)| (format!("{name}.safetensors"), params.all()))
        .collect();
    parts.push((AVERAGED.to_owned(), averaged.params().all()));
    for (name, optimiser) in optimisers {
        let state = optimiser.state().into_iter();
        let moments = state.filter(|(name, _)| name != "steps").collect();
        parts.push((format!("{name}_optimiser.safetensors"), moments));
    }
    let controls = trainer.controls();
    if !controls.is_empty() {
        parts.push(("controls.safetensors".to_owned(), controls));
    }
    parts
}

/// Refuses names that cannot be files, or of which two would be one.
///
/// # Errors
/// Names the part.
pub fn check_names(trainer: &dyn Trainer) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (file, _) in parts(trainer) {
        let stem = file.trim_end_matches(".safetensors");
        if stem.is_empty() || !stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            bail!("a part of a checkpoint called {stem:?}: expected letters, digits and _");
        }
        if !seen.insert(stem.to_owned()) {
            bail!("two parts of a checkpoint called {stem}: expected names of their own");
        }
    }
    Ok(())
}

/// The settings of a training as they were when it was saved.
const SETTINGS: &str = "task.toml";

/// Writes a checkpoint of a training with these `settings` (its `task.toml`) as `target`. A whole one of that name
/// (same
/// number of images, hence same content) stays, a damaged one is replaced.
///
/// # Errors
/// When the disk is full or not writable; nothing is left then.
pub fn save(target: &Path, trainer: &dyn Trainer, state: &State, settings: &str) -> Result<()> {
    if target.exists() {
        if verify(target).is_ok() {
            return Ok(());
        }
        remove_folder(target)?;
    }
    let staged = StagedDir::create(target)?;
    let mut state = state.clone();
    state.format = CHECKPOINT_FORMAT;
    state.files.clear();
    let steps = |(name, optimiser): (&str, &Optimiser)| (name.to_owned(), optimiser.steps());
    state.updates = trainer.parts().optimisers.into_iter().map(steps).collect();
    for (file, tensors) in parts(trainer) {
        let path = staged.path().join(&file);
        let dense: Vec<(String, Tensor)> =
            tensors.into_iter().map(|(name, t)| (name, t.detach().contiguous())).collect();
        Tensor::write_safetensors(&dense, &path)
            .with_context(|| format!("{}: cannot be written", target.join(&file).display()))?;
        state.files.insert(file, digest::of_file(&path)?);
    }
    staged.write(SETTINGS, settings.as_bytes())?;
    state.files.insert(SETTINGS.to_owned(), digest::of_bytes(settings.as_bytes()));
    staged.write(STATE, &seal::sealed(&state)?)?;
    staged.publish()
}

/// The settings a checkpoint was trained with; `None` where it does not hold them.
pub fn read_settings(folder: &Path) -> Option<String> {
    vesalius_data::files::read::text(&folder.join(SETTINGS)).ok()
}

/// Reads the counters and compares every file with its digest.
///
/// # Errors
/// [`super::damaged::Damaged`] where one differs; otherwise when a file cannot be read.
pub fn verify(folder: &Path) -> Result<State> {
    let state = read_state(folder)?;
    for file in state.files.keys() {
        check_file(folder, &state, file)?;
    }
    Ok(state)
}

fn check_file(folder: &Path, state: &State, file: &str) -> Result<()> {
    let path = folder.join(file);
    let found = match digest::of_file(&path) {
        Err(error) => return Err(unreadable(&path, error)),
        Ok(found) => found,
    };
    match state.files.get(file) {
        Some(expected) if *expected == found => Ok(()),
        Some(expected) => Err(damaged!(
            "{}: SHA-256 {found:.12}, expected {expected:.12} as in {STATE}: the file was damaged",
            path.display()
        )),
        None => Err(damaged!("{}: not in {STATE}, expected its SHA-256 there", path.display())),
    }
}

/// Named tensors of one file of a checkpoint, its digest verified.
///
/// # Errors
/// When the file is missing or was damaged.
pub fn read_part(folder: &Path, state: &State, file: &str) -> Result<BTreeMap<String, Tensor>> {
    check_file(folder, state, file)?;
    let path = folder.join(file);
    let tensors = Tensor::read_safetensors(&path)
        .with_context(|| format!("{}: not a safetensors file", path.display()))?;
    Ok(tensors.into_iter().collect())
}

/// Loads a whole checkpoint into networks, optimisers and controls.
///
/// # Errors
/// When a file is missing or damaged, or a tensor is missing, extra or wrongly shaped (another family or spec).
pub fn load(folder: &Path, trainer: &mut dyn Trainer) -> Result<State> {
    let state = read_state(folder)?;
    for (file, targets) in parts(trainer) {
        load_strictly(&targets, &read_part(folder, &state, &file)?)
            .with_context(|| format!("{}", folder.join(&file).display()))?;
    }
    for (name, optimiser) in trainer.optimisers_mut() {
        let Some(updates) = state.updates.get(name) else {
            bail!("{}: no updates of {name}, expected their number", folder.join(STATE).display());
        };
        optimiser.set_steps(*updates);
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::generator::{Generator, Request};
    use crate::families::trainer::{Losses, StepContext};
    use crate::layers::params::Params;
    use crate::optim::OptimiserSpec;
    use crate::pairs::batch::Pair;
    use tch::Device;

    /// One network and one optimiser under some names.
    #[derive(Debug)]
    struct Named {
        networks: Vec<&'static str>,
        optimiser: (&'static str, Optimiser),
        params: Params,
    }

    impl Named {
        fn new(networks: &[&'static str], optimiser: &'static str) -> Self {
            let mut params = Params::new(Device::Cpu);
            let _ = params.parameter("weight".to_owned(), &Tensor::from_slice(&[1.0_f32, 2.0]));
            let spec = OptimiserSpec::Rmsprop { learning_rate: 0.1 };
            let stepper = Optimiser::new(spec, params.trained());
            Self { networks: networks.to_vec(), optimiser: (optimiser, stepper), params }
        }
    }

    impl Generator for Named {
        fn params(&self) -> &Params {
            &self.params
        }
        fn latent(&self) -> i64 {
            1
        }
        fn pairs(&self, _request: &Request) -> Pair {
            Pair { image: Tensor::new(), labels: Tensor::new() }
        }
    }

    impl Trainer for Named {
        fn batches(&self, _step: u64) -> Vec<i64> {
            vec![1]
        }
        fn step(&mut self, _real: &[Pair], _at: StepContext) -> Losses {
            Losses(vec![])
        }
        fn parts(&self) -> Parts<'_> {
            let (name, optimiser) = &self.optimiser;
            Parts {
                networks: self.networks.iter().map(|name| (*name, &self.params)).collect(),
                optimisers: vec![(*name, optimiser)],
                averaged: (self.networks[0], self),
            }
        }
        fn optimisers_mut(&mut self) -> Vec<(&'static str, &mut Optimiser)> {
            vec![(self.optimiser.0, &mut self.optimiser.1)]
        }
    }

    #[test]
    fn parts_are_files_of_their_names_and_no_two_are_one() {
        check_names(&Named::new(&["encoder", "decoder_2"], "both")).unwrap();
        for (networks, part) in [
            (vec!["net", "net"], "two parts of a checkpoint called net:"),
            (vec!["averaged"], "two parts of a checkpoint called averaged"),
            (vec!["both_optimiser"], "two parts of a checkpoint called both_optimiser"),
            (vec!["../net"], "called \"../net\""),
            (vec![""], "called \"\""),
        ] {
            let error = check_names(&Named::new(&networks, "both")).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_checkpoint_goes_back_into_what_has_its_names_and_into_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("kimg_000001.000");
        let saved = Named::new(&["net"], "net");
        let state = State::new("spec".to_owned(), "pack".to_owned());
        save(&folder, &saved, &state, "preset = 1").unwrap();
        let loaded = load(&folder, &mut Named::new(&["net"], "net")).unwrap();
        assert_eq!(loaded.updates, [("net".to_owned(), 0)].into());
        for (networks, optimiser) in [(["other"], "net"), (["net"], "other")] {
            let error = load(&folder, &mut Named::new(&networks, optimiser)).unwrap_err();
            assert!(format!("{error:#}").contains("other"), "{error:#}");
        }
        // Only the counters lack it: a state that something else wrote.
        let mut state = read_state(&folder).unwrap();
        state.updates = [("other".to_owned(), 3)].into();
        std::fs::write(folder.join(STATE), seal::sealed(&state).unwrap()).unwrap();
        let error = load(&folder, &mut Named::new(&["net"], "net")).unwrap_err().to_string();
        assert!(error.contains("state.json: no updates of net"), "{error}");
    }
}
