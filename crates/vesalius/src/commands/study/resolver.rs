//! Specs of the stages from what a study says of them.

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use vesalius_data::files::digest;
use vesalius_data::say;
use vesalius_stages::judge::JudgeSpec;
use vesalius_stages::{
    coherence, copying, distance, memory, metrics, plausibility, sample, segment,
};
use vesalius_study::plan::{Ask, Resolved, Stages};
use vesalius_study::study::Study;
use vesalius_study::task::Stage;
use vesalius_torch::checkpoint::init;
use vesalius_torch::spec::{InitSource, TrainSpec};

/// The stages of this program, as planners ask them.
#[derive(Debug, Default)]
pub struct Resolver {
    /// The study file's folder, which paths in it are relative to.
    base: PathBuf,
    /// SHA-256 of files of weights.
    digests: Mutex<HashMap<PathBuf, String>>,
}

impl Stages for Resolver {
    /// Refuses also a training that measures no distance to rank by.
    fn training(&self, ask: &Ask) -> Result<Resolved> {
        let mut spec = TrainSpec::resolve_saved(ask.preset, ask.settings)?;
        spec.training.kimg = ask.kimg;
        spec.training.seed = ask.seed;
        spec.init = ask.init_from.map(|path| self.init(path)).transpose()?;
        spec.check()?;
        if spec.training.distance_every_kimg <= 0.0 {
            bail!(
                "training.distance_every_kimg = 0: a study ranks trainings by it, expected a number above 0"
            );
        }
        Ok(Resolved {
            spec: serde_json::to_value(spec.identity()?)?,
            paints_masks: spec.needs_masks(),
            truncates: spec.truncates(),
            encodes_styles: spec.encodes_styles(),
        })
    }

    fn settings(&self, stage: Stage, said: Value) -> Result<Value> {
        match stage {
            Stage::Sample => resolved(said, |task: &mut sample::Task| task.check()),
            Stage::Memory => resolved(said, |task: &mut memory::Task| task.check()),
            Stage::Distance => {
                resolved(said, |task: &mut distance::Task| self.pin(&mut task.extractor))
            }
            Stage::Metrics => resolved(said, |task: &mut metrics::Task| {
                task.wanted()?;
                self.pin(&mut task.extractor)
            }),
            Stage::Segment => resolved(said, segment::Task::settle),
            Stage::Copying => resolved(said, |task: &mut copying::Task| {
                task.check()?;
                self.pin(&mut task.extractor)
            }),
            Stage::Plausibility => resolved(said, |task: &mut plausibility::Task| task.check()),
            Stage::Coherence => resolved(said, |_: &mut coherence::Task| Ok(())),
            Stage::Judge | Stage::Train => bail!("{}: has no settings here", stage.name()),
        }
    }

    fn sees_volumes(&self, stage: Stage, settings: &Value) -> Result<bool> {
        let settings = settings.clone();
        Ok(match stage {
            Stage::Distance => {
                serde_json::from_value::<distance::Task>(settings)?.extractor.sees_volumes()
            }
            Stage::Copying => serde_json::from_value::<copying::Task>(settings)?.sees_volumes(),
            _ => false,
        })
    }
}

/// The settings of a stage with its defaults, checked.
fn resolved<T: DeserializeOwned + Serialize>(
    said: Value,
    check: impl FnOnce(&mut T) -> Result<()>,
) -> Result<Value> {
    let mut task: T = serde_json::from_value(said)?;
    check(&mut task)?;
    Ok(serde_json::to_value(task)?)
}

impl Resolver {
    /// For what a study says.
    pub fn of(study: &Study) -> Self {
        Self { base: study.resolve(Path::new("")), digests: Mutex::default() }
    }

    /// Holds fast to weights, wherever the task that needs them runs.
    fn pin(&self, judge: &mut JudgeSpec) -> Result<()> {
        judge.check()?;
        if let Some(weights) = &mut judge.weights {
            weights.path = std::path::absolute(self.base.join(&weights.path))?;
            if weights.sha256.is_none() {
                let path = weights.path.clone();
                weights.sha256 = Some(self.digest(&path, || digest_of(&path))?);
                return Ok(());
            }
        }
        judge.pin()
    }

    fn init(&self, path: &Path) -> Result<InitSource> {
        let path = std::path::absolute(path)?;
        let sha256 = self.digest(&path, || Ok(init::source(&path)?.sha256))?;
        Ok(InitSource { path, sha256 })
    }

    /// The digest of a file, computed once: plans are made again after every result.
    fn digest(&self, path: &Path, compute: impl FnOnce() -> Result<String>) -> Result<String> {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = digests.get(path) {
            return Ok(known.clone());
        }
        let found = compute()?;
        digests.insert(path.to_owned(), found.clone());
        Ok(found)
    }
}

fn digest_of(path: &Path) -> Result<String> {
    digest::of_file(path).with_context(|| format!("{}: cannot be read", path.display()))
}

/// Says which weights a study will need that are not there: its judges would fail after the whole search.
pub fn say_what_is_missing(study: &Study) {
    for error in missing_weights(study) {
        say!("note: [best] asks for a network whose weights are missing: {error:#}");
    }
}

/// What the networks that a study asks for lack.
fn missing_weights(study: &Study) -> Vec<anyhow::Error> {
    let Some(best) = &study.best else { return vec![] };
    let specs = best.judges().into_iter().filter_map(|(_, mut said, _)| {
        let said = said.remove("extractor")?;
        JudgeSpec::deserialize(said).ok()
    });
    specs.filter_map(|spec| spec.find_weights().err()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;
    use vesalius_study::task::{PackInput, Task};

    /// A study that version 0.1 began finds its finished trainings: a task's name is made of its spec.
    #[test]
    fn trainings_are_the_tasks_that_they_were() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat/specs-1.json");
        let golden: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let key = |spec: &serde_json::Value| {
            let digest = "0123456789abcdef".to_owned();
            let pack = PackInput { role: "real".to_owned(), path: "packs/real".into(), digest };
            Task::new(Stage::Train, vec![pack], vec![], spec.clone()).key().to_string()
        };
        for (name, golden) in &golden {
            let settings: Vec<String> = serde_json::from_value(golden["settings"].clone()).unwrap();
            let schedule = &golden["task"]["training"];
            let (kimg, seed) = (schedule["kimg"].as_f64(), schedule["seed"].as_u64());
            let resolved = Resolver::default()
                .training(&Ask {
                    init_from: None,
                    preset: golden["preset"].as_str().unwrap(),
                    settings: &settings,
                    kimg: kimg.unwrap(),
                    seed: seed.unwrap(),
                })
                .unwrap();
            assert_eq!(resolved.spec, golden["task"], "{name}");
            assert_eq!(key(&resolved.spec), key(&golden["task"]), "{name}");
            assert_eq!(resolved.paints_masks, name.starts_with("spade"), "{name}");
        }
    }

    /// What version 0.1 wrote into the tasks of other stages: the names of finished tasks stay.
    #[test]
    fn other_stages_are_the_tasks_that_they_were() {
        let unet = json!({
            "real": true, "augment": false, "seed": 2, "steps": 2000, "batch": 16, "learning_rate": 0.001,
            "filters": 16, "depth": 4,
        });
        let own = json!({
            "real": false, "augment": true, "seed": 1, "steps": 7, "batch": 3, "learning_rate": 1.0, "filters": 8,
            "depth": 2,
        });
        let pairs = json!({ "count": 10, "seed": 1, "truncation": 1.0, "masks": "warped" });
        for (stage, said, expected) in [
            (Stage::Segment, json!({ "real": true, "augment": false, "seed": 2 }), unet),
            (Stage::Segment, own.clone(), own),
            (Stage::Distance, json!({ "extractor": "unet" }), json!({ "extractor": "unet" })),
            (
                Stage::Metrics,
                json!({ "extractor": "inception" }),
                json!({ "extractor": "inception" }),
            ),
            (Stage::Sample, pairs.clone(), pairs),
        ] {
            assert_eq!(Resolver::default().settings(stage, said).unwrap(), expected);
        }
    }

    #[test]
    fn weights_of_a_study_are_found_from_anywhere_and_may_not_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.pt");
        std::fs::write(&path, b"one").unwrap();
        let resolver = Resolver { base: folder.path().to_owned(), ..Resolver::default() };
        let said =
            json!({ "extractor": { "network": "torchscript", "weights": { "path": "w.pt" } } });
        let resolved = resolver.settings(Stage::Distance, said).unwrap();
        let weights = &resolved["extractor"]["weights"];
        assert_eq!(weights["path"].as_str().unwrap(), path.to_str().unwrap());
        std::fs::write(&path, b"two").unwrap();
        let error = resolver.settings(Stage::Distance, resolved.clone()).unwrap_err().to_string();
        assert!(error.contains("w.pt") && error.contains("expected"), "{error}");
    }
}
