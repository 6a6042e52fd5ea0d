//! One generator trained on one pack.

mod shown;

use crate::context::Context;
use crate::judge;
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use shown::Shown;
use std::cell::RefCell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use vesalius_data::files::publish::sweep;
use vesalius_data::files::read;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::facts::TrainingFacts;
use vesalius_data::run::meter::Meter;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Input, Outcome, RunResult, Subject};
use vesalius_data::say;
use vesalius_data::text::count;
use vesalius_torch::checkpoint::{self, State};
use vesalius_torch::features::Extractor as _;
use vesalius_torch::features::images::{PackImages, of_images};
use vesalius_torch::precision::{Precision, resolved};
use vesalius_torch::sample::{read_spec, run_digest};
use vesalius_torch::spec::TrainSpec;
pub use vesalius_torch::train::Ended;
use vesalius_torch::train::{Prepared, Probe, TrainContext, begin, write_spec};

/// The stage: what is trained on what, into which folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Pack to train on; its test patients are never seen.
    pub pack: PathBuf,
    /// Folder of the run.
    pub out: PathBuf,
    /// From where.
    pub start: Start,
}

/// From where a training goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Start {
    /// From its beginning, in a new folder.
    Anew(Box<TrainSpec>),
    /// From the folder's newest checkpoint, with the settings of its `task.toml`.
    Resume {
        /// Another length, thousands of images.
        #[serde(default)]
        kimg: Option<f64>,
    },
}

/// The command line of every attempt, one per line.
const COMMANDS: &str = "commands.log";

/// In what it trains: where `auto` may choose, not what is known to harm; where bf16 is asked for, that is said.
fn precision(spec: &TrainSpec, context: &Context) -> Precision {
    match (spec.training.precision, spec.against_bf16()) {
        (Precision::Auto, Some(_)) => Precision::F32,
        (Precision::Bf16, Some(doubt)) => {
            say!("warning: {doubt}");
            Precision::Bf16
        }
        (asked, _) => resolved(asked, context.device),
    }
}

/// Trains; publishes the run unless it was asked to stop, for which there is a checkpoint then.
///
/// # Errors
/// A folder that does not fit [`Start`], a pack that cannot be read, settings that do not fit it, damaged checkpoints,
/// files that cannot be written. What is refused leaves the run as it was, or none behind.
pub fn run(stage: &Train, context: &Context) -> Result<(Ended, Option<RunResult>)> {
    let pack = Pack::open_any(&stage.pack)?;
    pack.annotated()?;
    pack.in_a_fold()?;
    let mut spec = spec(stage)?;
    // What was chosen once holds for all attempts: it stands in task.toml from here on.
    spec.training.precision = precision(&spec, context);
    let prepared = Prepared::open(&stage.out, &spec, &pack, context.device)?;
    match stage.start {
        Start::Resume { .. } => {
            for warning in prepared.warnings() {
                say!("{warning}");
            }
            sweep_run(&stage.out);
            write_spec(&stage.out, &spec)?;
        }
        Start::Anew(_) => begin(&stage.out, &spec, &pack)?,
    }
    note_command(&stage.out, &context.command)?;
    train_and_publish(&stage.out, prepared, (&spec, &pack), context)
}

fn spec(stage: &Train) -> Result<TrainSpec> {
    let out = stage.out.display();
    match &stage.start {
        Start::Resume { kimg } => {
            if stage.out.join("result.json").exists() {
                bail!("{out}: the run is finished, expected an unfinished one to resume");
            }
            let mut spec = read_spec(&stage.out)?;
            if let Some(kimg) = kimg {
                spec.training.kimg = *kimg;
                spec.check().context("--kimg")?;
            }
            Ok(spec)
        }
        Start::Anew(spec) => {
            refuse_begun(&stage.out)?;
            Ok(TrainSpec::clone(spec))
        }
    }
}

/// Refuses a folder in which a training has begun.
///
/// # Errors
/// When there is one.
pub fn refuse_begun(out: &Path) -> Result<()> {
    if out.join("task.toml").exists() {
        bail!(
            "{}: there is a run already; expected a new folder, or --resume to go on",
            out.display()
        );
    }
    Ok(())
}

/// What an attempt that was killed was writing.
fn sweep_run(run: &Path) {
    for folder in [".", "checkpoints", "previews"] {
        sweep(&run.join(folder));
    }
}

fn note_command(run: &Path, command: &str) -> Result<()> {
    let path = run.join(COMMANDS);
    read::append(&path)
        .and_then(|mut file| {
            writeln!(file, "{command}")?;
            file.sync_all()
        })
        .with_context(|| format!("{}: cannot be written", path.display()))
}

fn train_and_publish(
    out: &Path,
    prepared: Prepared,
    (spec, pack): (&TrainSpec, &Pack),
    context: &Context,
) -> Result<(Ended, Option<RunResult>)> {
    let meter = context.meter();
    // Slices are what judges look at.
    let planes = Pack::open_planes(pack.path())?;
    let extractor = if spec.training.distance_every_kimg > 0.0 {
        match judge::unet(&planes, context) {
            // Nothing of the GAN is lost yet: the same command starts again.
            Err(_) if context.asked() => return Ok((Ended::Stopped, None)),
            other => Some(other?),
        }
    } else {
        None
    };
    let probe = match &extractor {
        Some(extractor) => {
            let images = PackImages { pack: &planes, indices: planes.indices(Split::Train) };
            let real = of_images(extractor, &images, &mut |_| {})?;
            Some(Probe { extractor, real })
        }
        None => None,
    };
    let total = (spec.training.kimg * 1000.0) as u64;
    let bar = (context.progress)(&format!("training {}", spec.preset), total, "images");
    let shown = RefCell::new(Shown::of(bar));
    let (ended, state) = prepared.train(TrainContext {
        probe,
        stop: &context.stop,
        report: &mut |stat| {
            let losses = stat.losses.iter().map(|(name, loss)| format!(" {name} {loss:.3}"));
            let mut shown = shown.borrow_mut();
            let pace = count::pace(stat.images_per_sec, "img");
            shown.remark = format!("{pace}{}", losses.collect::<String>());
            shown.set((stat.kimg * 1000.0) as u64);
            if let Some(distance) = stat.frechet_distance {
                shown.bar.say(&format!("{:.1} kimg: Fréchet distance {distance:.3}", stat.kimg));
            }
        },
        moved: &|images| shown.borrow_mut().moved(images),
    })?;
    shown.into_inner().bar.finish();
    if ended == Ended::Stopped {
        return Ok((ended, None));
    }
    let extractor = extractor.map(|extractor| extractor.name());
    let commands = read::text(&out.join(COMMANDS))?;
    let result = result((spec, pack), (&ended, &state), extractor, &meter)?;
    let training =
        TrainingFacts { run: run_digest(out)?, checkpoints: checkpoint::generators(out)? };
    let command = commands.trim_end().to_owned();
    let result = RunResult { command, training: Some(training), ..result };
    result.publish(out)?;
    Ok((ended, Some(result)))
}

fn result(
    (spec, pack): (&TrainSpec, &Pack),
    (ended, state): (&Ended, &State),
    extractor: Option<String>,
    meter: &Meter,
) -> Result<RunResult> {
    let scores = match (ended, state.best) {
        (Ended::Finished, Some((value, images))) => {
            let protocol = format!(
                "averaged generator at {:.1} kimg against the real training slices; covariance N-1",
                images as f64 / 1000.0
            );
            vec![Score {
                of: Some(Part::BestDuringTraining),
                extractor,
                real_count: Some(pack.indices(Split::Train).len()),
                synthetic_count: Some(spec.training.distance_images),
                ..Score::new("frechet_distance", value, protocol)
            }]
        }
        _ => vec![],
    };
    let subject = Subject {
        dataset: pack.manifest().dataset.clone(),
        gan: Some(RowId::of(&spec.preset)),
        trained_on: None,
    };
    let inputs = vec![Input::pack("pack", pack)];
    let settings = serde_json::to_value(spec.identity()?)?;
    Ok(RunResult {
        outcome: match ended {
            Ended::Diverged(reason) => Outcome::Diverged { reason: reason.clone() },
            _ => Outcome::Finished,
        },
        wall_secs: state.wall_secs, // of all attempts, as are the images
        ..meter.result("train", subject, scores, inputs, Some(state.images), settings)
    })
}
