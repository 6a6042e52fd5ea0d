//! Run folders for tests, small: made up, as no number of a test is a result.

use super::Evidence;
use super::runs::{Run, gather};
use crate::inference::primary::PrimaryQuestion;
use std::path::PathBuf;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Cost, Input, Outcome, RESULT_FORMAT, RunResult, Subject, TrainedOn};

/// Sorted runs of which nothing but the default is asked.
pub fn evidence(runs: &[Run]) -> anyhow::Result<Vec<Evidence<'_>>> {
    super::evidence(runs, &PrimaryQuestion::default())
}

/// A folder of runs.
pub struct Fixture {
    folder: tempfile::TempDir,
    count: usize,
}

impl Fixture {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), count: 0 }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub fn runs(&self) -> Vec<Run> {
        gather(&[self.path()]).unwrap()
    }

    /// Publishes a result in a new folder, which it gives.
    pub fn add(&mut self, result: &RunResult) -> PathBuf {
        self.count += 1;
        let path = self.folder.path().join(format!("{:03}-{}", self.count, result.stage));
        result.publish(&path).unwrap();
        path
    }

    /// A U-Net with the Dice of its test patients.
    pub fn unet(&mut self, gan: Option<&str>, trained_on: TrainedOn, seed: u64, dice: &[f64]) {
        let command =
            gan.map(|gan| format!("vesalius sample runs/{gan} --count 100 --out packs/{gan}"));
        let packs: Vec<(&str, &str)> = gan.zip(command.as_deref()).into_iter().collect();
        let settings = serde_json::json!({ "seed": seed });
        self.unet_on(&packs, gan, trained_on, settings, dice);
    }

    /// The same with its training packs (name and digest, command line) and settings. The test pack is `test`.
    pub fn unet_on(
        &mut self,
        packs: &[(&str, &str)],
        gan: Option<&str>,
        trained_on: TrainedOn,
        settings: serde_json::Value,
        dice: &[f64],
    ) {
        let seed = settings["seed"].clone();
        let steps = settings.get("steps").cloned().unwrap_or_else(|| 10.into());
        let protocol =
            format!("U-Net, {steps} steps, seed {seed}; Dice on {} test patients", dice.len());
        let score = |of: Part, value: f64| Score {
            of: Some(of),
            ..Score::new("dice", value, protocol.clone())
        };
        let mean = dice.iter().sum::<f64>() / dice.len() as f64;
        let mut scores = vec![score(Part::PER_VOLUME_MEAN, mean)];
        scores[0].interval = Some([mean - 0.1, mean + 0.1]);
        for (i, dice) in dice.iter().enumerate() {
            scores.push(score(Part::Patient(format!("p{i}")), *dice));
        }
        let mut result = result("segment", gan, scores);
        result.subject.trained_on = Some(trained_on);
        result.settings = settings;
        result.inputs = vec![input("test", "test", "vesalius prepare acdc acdc/ --out packs/acdc")];
        result.inputs.extend(packs.iter().map(|(name, command)| input("train", name, command)));
        self.add(&result);
    }

    /// A U-Net of one of `of` folds, whose test patients have names of their own.
    pub fn unet_in_fold(
        &mut self,
        gan: Option<&str>,
        trained_on: TrainedOn,
        seed: u64,
        [number, of]: [usize; 2],
        dice: &[f64],
    ) {
        self.unet(gan, trained_on, seed, dice);
        let fold = serde_json::json!({ "pack": "whole", "number": number, "of": of });
        self.edit(|result| {
            for input in result["inputs"].as_array_mut().unwrap() {
                if input["role"] == "test" {
                    input["sha256"] = format!("fold {number}").into();
                    input["pack"] = serde_json::json!({ "kind": "real", "dataset": "acdc", "fold": fold.clone() });
                }
            }
            for score in result["scores"].as_array_mut().unwrap() {
                if let Some(name) = score["of"].as_str().and_then(|of| of.strip_prefix("patient/")) {
                    score["of"] = format!("patient/fold {number} {name}").into();
                }
            }
        });
    }

    /// A U-Net of `patients` of `of` training patients, and of so many images of a GAN that saw the same ones.
    pub fn unet_of_part(
        &mut self,
        gan: Option<(&str, u64)>,
        [patients, of]: [usize; 2],
        seed: u64,
        dice: &[f64],
    ) {
        let trained_on = if gan.is_some() { TrainedOn::RealAndSynthetic } else { TrainedOn::Real };
        let packs = gan.map(|(gan, images)| (format!("{gan} {images} of {patients}"), images));
        let packs: Vec<(&str, &str)> = packs.iter().map(|(name, _)| (name.as_str(), "")).collect();
        let settings = serde_json::json!({ "seed": seed });
        self.unet_on(&packs, gan.map(|(gan, _)| gan), trained_on, settings, dice);
        let digest = if patients < of { format!("{patients} of test") } else { "test".to_owned() };
        let few = serde_json::json!({ "pack": "test", "count": patients, "of": of });
        let mut real = serde_json::json!({ "kind": "real", "dataset": "acdc" });
        if patients < of {
            real["patients"] = few;
        }
        self.edit(|result| {
            // A result of today states it; of older ones it is read off the protocol.
            result["settings"]["steps"] = 10.into();
            let inputs = result["inputs"].as_array_mut().unwrap();
            for input in inputs.iter_mut() {
                if input["role"] == "test" {
                    (input["sha256"], input["pack"]) = (digest.clone().into(), real.clone());
                } else if let Some((_, images)) = gan {
                    input["pack"] = serde_json::json!({
                        "kind": "synthetic", "dataset": "acdc", "count": images, "trained_on": digest, "first_of": 9999,
                    });
                }
            }
            let mut train = inputs[0].clone();
            train["role"] = "train".into();
            inputs.push(train);
        });
    }

    /// Says of the U-Net that was added last that its generator saw another pack.
    pub fn says_trained_on(&mut self, pack: &str) {
        self.edit(|result| {
            for input in result["inputs"].as_array_mut().unwrap() {
                if !input["pack"]["trained_on"].is_null() {
                    input["pack"]["trained_on"] = pack.into();
                }
            }
        });
    }

    /// Says of the U-Net that was added last that its masks were shuffled.
    pub fn shuffled(&mut self) {
        self.edit(|result| {
            result["settings"]["steps"] = 10.into();
            for input in result["inputs"].as_array_mut().unwrap() {
                if input["role"] == "train" && input["sha256"] != "test" {
                    input["sha256"] = format!("{} shuffled", input["sha256"]).into();
                    input["pack"] =
                        serde_json::json!({ "kind": "synthetic", "dataset": "acdc", "shuffled": true });
                }
            }
        });
    }

    /// Gives the U-Net that was added last a Dice on validation patients.
    pub fn validates(&mut self, dice: f64) {
        self.edit(|result| {
            let mut score = result["scores"][0].clone();
            (score["of"], score["value"]) = ("validation".into(), dice.into());
            score["interval"] = serde_json::Value::Null;
            result["scores"].as_array_mut().unwrap().push(score);
        });
    }

    /// Writes the result that was added last anew.
    fn edit(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.path().join(format!("{:03}-segment/result.json", self.count));
        let mut result = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut result);
        if let Some(fields) = result.as_object_mut() {
            fields.remove("seal");
        }
        std::fs::write(&path, serde_json::to_vec(&result).unwrap()).unwrap();
    }

    /// Gives the U-Nets of a GAN's images a Dice on validation patients.
    pub fn validated(&mut self, gan: Option<&str>, dice: f64) {
        for entry in std::fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path().join("result.json");
            let mut result: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let of = result["subject"]["gan"].as_str();
            if result["stage"] == "segment" && of == gan {
                let mut score = result["scores"][0].clone();
                (score["of"], score["value"]) = ("validation".into(), dice.into());
                score["interval"] = serde_json::Value::Null;
                result["scores"].as_array_mut().unwrap().push(score);
                std::fs::write(&path, serde_json::to_vec(&result).unwrap()).unwrap();
            }
        }
    }

    /// A finished training of a pack, into `runs/NAME`.
    pub fn trained(&mut self, gan: &str, name: &str, pack: &str, settings: serde_json::Value) {
        let mut result = result("train", Some(gan), vec![]);
        result.inputs = vec![input("pack", pack, "vesalius prepare acdc acdc/ --out packs/acdc")];
        result.settings = settings;
        result.command = format!("vesalius train packs/acdc --preset {gan} --out runs/{name}");
        self.add(&result);
    }

    /// Scores of a GAN's images.
    pub fn judged(&mut self, stage: &str, gan: &str, scores: &[(&str, Option<&str>, f64)]) {
        let scores = scores.iter().map(|(metric, of, value)| Score {
            of: of.map(Part::from),
            synthetic_count: Some(100),
            real_count: Some(50),
            ..Score::new(metric, *value, "made up".into())
        });
        let mut result = result(stage, Some(gan), scores.collect());
        result.inputs = vec![input("synthetic", gan, "")];
        self.add(&result);
    }

    /// A training that ended with a distance, or diverged.
    pub fn training(&mut self, gan: &str, settings: serde_json::Value, distance: Option<f64>) {
        let scores = distance.map(|distance| Score {
            of: Some(Part::BestDuringTraining),
            extractor: Some("unet@1".into()),
            ..Score::new("frechet_distance", distance, "made up".into())
        });
        let mut result = result("train", Some(gan), scores.into_iter().collect());
        if distance.is_none() {
            result.outcome = Outcome::Diverged { reason: "loss NaN at 3.0 kimg".into() };
        }
        result.settings = settings;
        result.command = format!("vesalius train packs/acdc --preset {gan} --out runs/{gan}");
        self.add(&result);
    }
}

/// A result of the dataset "acdc".
pub fn result(stage: &str, gan: Option<&str>, scores: Vec<Score>) -> RunResult {
    RunResult {
        format: RESULT_FORMAT,
        stage: stage.into(),
        subject: Subject { dataset: "acdc".into(), gan: gan.map(RowId::from), trained_on: None },
        outcome: Outcome::Finished,
        scores,
        inputs: vec![],
        wall_secs: 60.0,
        cost: Cost { images: Some(1000), peak_memory_bytes: Some(1 << 30), energy_joules: None },
        command: format!("vesalius {stage}"),
        vesalius: "0.1.0".into(),
        machine: "a machine".into(),
        settings: serde_json::Value::Null,
        overlap: Some(vec![]),
        training: None,
        files: std::collections::BTreeMap::new(),
    }
}

fn input(role: &str, sha256: &str, command: &str) -> Input {
    Input {
        role: role.into(),
        path: PathBuf::from(format!("packs/{sha256}")),
        sha256: sha256.into(),
        command: command.into(),
        pack: None,
    }
}
