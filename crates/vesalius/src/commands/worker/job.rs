//! A task of each stage, done in the folder of an attempt.

use crate::environment::{Stop, context, device};
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use vesalius_data::files::publish::write_file;
use vesalius_data::files::read;
use vesalius_data::pack::Pack;
use vesalius_data::pack::view::{self, View};
use vesalius_data::run::score::Scores;
use vesalius_data::say;
use vesalius_stages::coherence::{self, Coherence};
use vesalius_stages::context::{Context as StageContext, Measured};
use vesalius_stages::copying::{self, Copying};
use vesalius_stages::distance::{self, Distance};
use vesalius_stages::judge;
use vesalius_stages::memory;
use vesalius_stages::metrics::{self, Metrics};
use vesalius_stages::plausibility::{self, Plausibility};
use vesalius_stages::sample::{self, Sample, TaskMasks};
use vesalius_stages::segment::{self, Segment};
use vesalius_stages::train::{self, Start, Train};
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
        let context = context(device(self.device)?, self.stop);
        match self.task.stage {
            Stage::Judge => judge::run(&self.pack()?, &context)?.publish(&self.own()).map(|_| ()),
            Stage::Train => self.train(&context),
            Stage::Sample => self.sample(&context),
            Stage::Memory => self.memory(&context),
            Stage::Distance => self.distance(&context),
            Stage::Metrics => self.metrics(&context),
            Stage::Segment => self.segment(&context),
            Stage::Copying => self.copying(&context),
            Stage::Plausibility => self.plausibility(&context),
            Stage::Coherence => self.coherence(&context),
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
        self.planned("real")
    }

    /// A pack, if it is still the one that was planned with.
    fn planned(&self, role: &str) -> Result<Pack> {
        let input = self.task.pack(role)?;
        let pack = Pack::open_any(&input.path)?;
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

    /// What the stage is to do.
    fn spec<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.task.spec.clone())
            .with_context(|| format!("{}/task.toml: spec", self.folder.path().display()))
    }

    fn train(&self, context: &StageContext) -> Result<()> {
        let pack = self.pack()?;
        let spec: TrainSpec = self.spec()?;
        spec.check()?;
        let own = self.own();
        training::begin(&own, &spec, &pack)?;
        if let Some(from) = self.to_go_on_from()? {
            take_over(&from, &own)?;
        }
        let start = Start::Resume { kimg: None };
        let stage = Train { pack: pack.path().to_owned(), out: own.clone(), start };
        // Where it was stopped there is no result, and the worker says so.
        train::run(&stage, context)?;
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

    fn sample(&self, context: &StageContext) -> Result<()> {
        let meter = context.meter();
        let task: sample::Task = self.spec()?;
        let real = self.pack()?;
        let sampled = match task.masks {
            TaskMasks::Sampled => Some(Pack::open_any(&self.accepted("masks")?.join("pack"))?),
            TaskMasks::None | TaskMasks::Training | TaskMasks::Warped => None,
        };
        let masks = match task.masks {
            TaskMasks::None => None,
            TaskMasks::Training | TaskMasks::Warped => Some(&real),
            TaskMasks::Sampled => sampled.as_ref(),
        };
        let stage = Sample {
            run: self.accepted("run")?,
            out: self.own().join("pack"),
            count: task.count,
            seed: task.seed,
            masks: masks.map(|pack| pack.path().to_owned()),
            warp: task.masks == TaskMasks::Warped,
            // A generator of slices was trained on the planes of volumes.
            styles: task.training_styles.then(|| match task.stack {
                1 => real.path().to_owned(),
                _ => view::name(real.path(), View::PLANES),
            }),
            truncation: task.truncation,
            stack: task.stack,
            batch: sample::BATCH,
            precision: task.precision,
            allow_overlap: false,
        };
        let made = sample::run(&stage, context)?;
        let result = made.result(&task, &real, sampled.as_ref(), &meter)?;
        result.publish(&self.own()).map(|_| ())
    }

    fn memory(&self, context: &StageContext) -> Result<()> {
        memory::run(&self.pack()?, &self.spec()?, &self.own(), context).map(|_| ())
    }

    /// The pack that the task's input `synthetic` sampled.
    fn synthetic(&self) -> Result<PathBuf> {
        if self.task.input("synthetic").is_none() {
            // Imported: nothing of the study made it.
            return Ok(self.planned("synthetic")?.path().to_owned());
        }
        let path = self.accepted("synthetic")?.join("pack");
        // As the real pack is looked at: a slice at a time where it is of slices, or of the planes of volumes.
        let real = Pack::open_any(&self.task.pack("real")?.path)?;
        let made = Pack::open_any(&path)?;
        let planes = made.slice_shape().is_volume() && !real.slice_shape().is_volume();
        Ok(if planes { view::name(&path, View::PLANES) } else { path })
    }

    fn distance(&self, context: &StageContext) -> Result<()> {
        let stage = Distance {
            real: self.pack()?.path().to_owned(),
            synthetic: self.synthetic()?,
            settings: self.spec()?,
            out: Some(self.own()),
            allow_overlap: false,
        };
        log(distance::run(&stage, context)?)
    }

    fn metrics(&self, context: &StageContext) -> Result<()> {
        let stage = Metrics {
            real: self.pack()?.path().to_owned(),
            synthetic: self.synthetic()?,
            held_out: None,
            settings: self.spec()?,
            out: Some(self.own()),
            allow_overlap: false,
        };
        log(metrics::run(&stage, context)?)
    }

    fn copying(&self, context: &StageContext) -> Result<()> {
        let stage = Copying {
            real: self.pack()?.path().to_owned(),
            synthetic: self.synthetic()?,
            out: self.own(),
            settings: self.spec()?,
            allow_overlap: false,
        };
        copying::run(&stage, context).map(|_| ())
    }

    fn plausibility(&self, context: &StageContext) -> Result<()> {
        let stage = Plausibility {
            real: self.pack()?.path().to_owned(),
            synthetic: self.synthetic()?,
            out: self.own(),
            filtered: None,
            settings: self.spec()?,
            allow_overlap: false,
        };
        plausibility::run(&stage, context).map(|_| ())
    }

    fn coherence(&self, context: &StageContext) -> Result<()> {
        let coherence::Task {} = self.spec()?;
        let stage = Coherence {
            real: self.pack()?.path().to_owned(),
            synthetic: self.synthetic()?,
            out: self.own(),
            allow_overlap: false,
        };
        coherence::run(&stage, context).map(|_| ())
    }

    fn segment(&self, context: &StageContext) -> Result<()> {
        let task: segment::Task = self.spec()?;
        let real = self.pack()?.path().to_owned();
        let mut train = vec![];
        if task.real {
            train.push(real.clone());
        }
        if self.task.input("synthetic").is_some() || self.task.pack("synthetic").is_ok() {
            let mut synthetic = self.synthetic()?;
            if let Some(images) = task.images {
                synthetic = view::name(&synthetic, View::First(images));
            }
            if task.shuffled {
                synthetic = view::name(&synthetic, View::Shuffled);
            }
            train.push(synthetic);
        }
        let stage = Segment {
            train,
            test: real,
            out: self.own(),
            settings: task.spec()?,
            auto_steps: task.auto_steps(),
            predictions: None,
            allow_overlap: false,
        };
        segment::run(&stage, context).map(|_| ())
    }
}

/// What was measured, into the task's log; nothing where it was stopped.
fn log(found: Option<Measured>) -> Result<()> {
    if let Some(Measured { scores, missing, .. }) = found {
        Scores { scores, missing }.print(false)?;
    }
    Ok(())
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
