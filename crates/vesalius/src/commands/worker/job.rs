//! A task of each stage as one of the other commands, run in the folder of an attempt.

use crate::commands::{distance, metrics, sample, train};
use crate::environment::{Compute, Stop, context};
use crate::meter;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use vesalius_data::files::publish::write_file;
use vesalius_data::files::read;
use vesalius_data::pack::Pack;
use vesalius_data::run::{Input, Subject};
use vesalius_data::say;
use vesalius_stages::judge;
use vesalius_stages::segment::{self, Segment};
use vesalius_study::task::{Stage, Task};
use vesalius_study::task_dir::TaskDir;
use vesalius_torch::spec::TrainSpec;
use vesalius_torch::{checkpoint, train as training};

/// An attempt at a task.
pub struct Job<'a> {
    pub folder: &'a TaskDir,
    pub task: &'a Task,
    pub attempt: u32,
    pub device: &'a str,
    pub stop: &'a Stop,
}

impl Job<'_> {
    /// Does it; `result.json` of the attempt is what came of it, and missing where it was stopped.
    pub fn run(&self) -> Result<()> {
        match self.task.stage {
            Stage::Judge => self.judge(),
            Stage::Train => self.train(),
            Stage::Sample => self.sample(),
            Stage::Distance => {
                let mut arguments = self.comparison()?;
                arguments.extend(["--extractor".to_owned(), self.text("extractor")?]);
                distance::run(&self.arguments(arguments)?).map(|_| ())
            }
            Stage::Metrics => {
                let mut arguments = self.comparison()?;
                let extractor = self.text("extractor")?;
                arguments.extend(["--all", "--extractor", &extractor].map(ToOwned::to_owned));
                metrics::run(&self.arguments(arguments)?).map(|_| ())
            }
            Stage::Segment => self.segment(),
        }
    }

    /// Whether it leaves a newer checkpoint than all earlier attempts did.
    pub fn made_progress(&self) -> bool {
        let newest = |number| {
            let last = checkpoint::list(&self.folder.attempt(number)).ok()?.pop()?;
            last.file_name().map(ToOwned::to_owned)
        };
        let all = self.folder.attempts().unwrap_or_default();
        let earlier = all.into_iter().filter(|&number| number != self.attempt);
        newest(self.attempt) > earlier.filter_map(newest).max()
    }

    fn own(&self) -> PathBuf {
        self.folder.attempt(self.attempt)
    }

    /// The real pack, if it is still the one that was planned with.
    fn pack(&self) -> Result<Pack> {
        let input = self.task.pack("real")?;
        let pack = Pack::open(&input.path)?;
        if pack.digest() != input.digest {
            bail!(
                "{}: digest {:.12}, expected {:.12}: the pack changed after planning",
                input.path.display(),
                pack.digest(),
                input.digest
            );
        }
        Ok(pack)
    }

    /// What a finished task left, by its role.
    fn accepted(&self, role: &str) -> Result<PathBuf> {
        let input = self
            .task
            .input(role)
            .with_context(|| format!("task.toml: no task with role {role}"))?;
        self.folder.sibling(input.stage, &input.key).accepted()
    }

    fn field(&self, name: &str) -> Result<&serde_json::Value> {
        self.task.spec.get(name).with_context(|| format!("task.toml: spec.{name}: missing"))
    }

    fn text(&self, name: &str) -> Result<String> {
        let value = self.field(name)?;
        Ok(value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned))
    }

    /// Another command's arguments, read as its own parser reads them.
    fn arguments<A: clap::Args>(&self, mut arguments: Vec<String>) -> Result<A> {
        arguments.extend(["--device".to_owned(), self.device.to_owned()]);
        let command = A::augment_args(clap::Command::new("worker").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments)?;
        Ok(A::from_arg_matches(&matches)?)
    }

    fn judge(&self) -> Result<()> {
        let pack = self.pack()?;
        let device = self.compute().start()?;
        let result = judge::run(&pack, &context(device, &|| self.stop.asked()))?;
        result.publish(&self.own()).map(|_| ())
    }

    fn compute(&self) -> Compute {
        Compute { device: self.device.to_owned(), threads: None }
    }

    fn train(&self) -> Result<()> {
        let pack = self.pack()?;
        let spec: TrainSpec = serde_json::from_value(self.task.spec.clone())
            .with_context(|| format!("{}/task.toml: spec", self.folder.path().display()))?;
        spec.check()?;
        let own = self.own();
        training::begin(&own, &spec, &pack)?;
        if let Some(from) = self.to_go_on_from()? {
            take_over(&from, &own)?;
        }
        let real = self.task.pack("real")?.path.clone();
        let arguments = vec![path(&real)?, "--out".into(), path(&own)?, "--resume".into()];
        train::run(&self.arguments(arguments)?)?;
        // Where reports look for them.
        for name in ["samples.png", "stats.jsonl"] {
            if let Ok(bytes) = read::bytes(&own.join(name)) {
                write_file(&self.folder.path().join(name), &bytes)?;
            }
        }
        Ok(())
    }

    /// The newest attempt with a whole checkpoint, else the shorter training that this one makes longer; none where it
    /// begins anew. Those all of whose checkpoints are damaged are said; ones that cannot be looked at are an error.
    fn to_go_on_from(&self) -> Result<Option<PathBuf>> {
        let earlier = self.folder.attempts()?.into_iter().rev().filter(|&n| n != self.attempt);
        let earlier = earlier.map(|number| Ok(self.folder.attempt(number)));
        let shorter = self.task.input("continues").into_iter().map(|_| self.accepted("continues"));
        let mut damaged = vec![];
        let mut whole = None;
        for folder in earlier.chain(shorter) {
            let folder = folder?;
            match checkpoint::newest_whole(&folder) {
                Ok(found) if found.whole.is_some() => {
                    whole = Some(folder);
                    break;
                }
                Ok(_) => {}
                Err(error) if checkpoint::Damaged::is(&error) => damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        let instead = match &whole {
            Some(folder) => format!("going on from {}", folder.display()),
            None => "the training begins anew".to_owned(),
        };
        for error in damaged {
            say!("warning: {error:#}; {instead}");
        }
        Ok(whole)
    }

    fn sample(&self) -> Result<()> {
        let meter = meter::start();
        let real = self.pack()?;
        let trained = self.accepted("run")?;
        let target = self.own().join("pack");
        let mut arguments = vec![path(&trained)?, "--out".into(), path(&target)?];
        for name in ["count", "seed", "truncation"] {
            arguments.extend([format!("--{name}"), self.text(name)?]);
        }
        let mut inputs = vec![Input::pack("pack", &real)];
        let masks = self.text("masks")?;
        match masks.as_str() {
            "none" => {}
            "training" => arguments.extend(["--masks".to_owned(), path(real.path())?]),
            "warped" => {
                arguments.extend(["--masks".to_owned(), path(real.path())?, "--warp".to_owned()]);
            }
            "sampled" => {
                let pack = Pack::open(&self.accepted("masks")?.join("pack"))?;
                arguments.extend(["--masks".to_owned(), path(pack.path())?]);
                inputs.push(Input::pack("masks", &pack));
            }
            _ => {
                bail!("task.toml: spec.masks: {masks}, expected none, training, warped or sampled")
            }
        }
        sample::run(&self.arguments(arguments)?)?;
        let pack = Pack::open(&target)?;
        let subject = Subject {
            dataset: real.manifest().dataset.clone(),
            gan: pack.manifest().provenance.row(),
            trained_on: None,
        };
        let images = Some(pack.len() as u64);
        meter
            .result("sample", subject, vec![], inputs, images, self.task.spec.clone())
            .publish(&self.own())
            .map(|_| ())
    }

    fn comparison(&self) -> Result<Vec<String>> {
        let (real, synthetic) = (self.pack()?, self.accepted("synthetic")?.join("pack"));
        Ok(vec![
            "--real".to_owned(),
            path(real.path())?,
            "--synthetic".to_owned(),
            path(&synthetic)?,
            "--out".to_owned(),
            path(&self.own())?,
        ])
    }

    fn segment(&self) -> Result<()> {
        let task: segment::Task = serde_json::from_value(self.task.spec.clone())
            .with_context(|| format!("{}/task.toml: spec", self.folder.path().display()))?;
        let real = self.pack()?.path().to_owned();
        let mut train = vec![];
        if task.real {
            train.push(real.clone());
        }
        if self.task.input("synthetic").is_some() {
            train.push(self.accepted("synthetic")?.join("pack"));
        }
        let stage = Segment {
            train,
            test: real,
            out: self.own(),
            settings: task.into(),
            allow_overlap: false,
        };
        let device = self.compute().start()?;
        // Where it was stopped there is no result, and the worker says so.
        segment::run(&stage, &context(device, &|| self.stop.asked())).map(|_| ())
    }
}

/// Gives a new attempt the checkpoints (as links: they are never written again), logs and last pictures of an earlier
/// one. A
/// checkpoint that was damaged meanwhile is an error of the training that reads it.
fn take_over(from: &Path, own: &Path) -> Result<()> {
    for checkpoint in checkpoint::list(from)? {
        let name = checkpoint.file_name().context("a checkpoint has a name")?;
        let target = own.join("checkpoints").join(name);
        match take_over_one(&checkpoint, &target) {
            // Another copy of the job is still at work and removed an old one.
            Err(_) if !checkpoint.exists() => {}
            other => other?,
        }
    }
    // The pictures, too: a training that was killed between its last checkpoint and its result draws none any more.
    for name in ["stats.jsonl", "commands.log", "samples.png"] {
        if let Ok(bytes) = read::bytes(&from.join(name)) {
            write_file(&own.join(name), &bytes)?;
        }
    }
    Ok(())
}

fn take_over_one(checkpoint: &Path, target: &Path) -> Result<()> {
    let staged = vesalius_data::files::publish::StagedDir::create(target)?;
    for entry in vesalius_data::layouts::walk::entries(checkpoint)? {
        let name = entry.file_name().context("a file has a name")?;
        let copy = staged.path().join(name);
        std::fs::hard_link(&entry, &copy)
            .or_else(|_| std::fs::copy(&entry, &copy).map(|_| ()))
            .with_context(|| format!("{}: cannot be copied", entry.display()))?;
    }
    staged.publish()
}

fn path(path: &Path) -> Result<String> {
    let text = path.to_str();
    text.map(ToOwned::to_owned)
        .with_context(|| format!("{}: expected a path in UTF-8", path.display()))
}
