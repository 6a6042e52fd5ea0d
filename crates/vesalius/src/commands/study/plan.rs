//! `vesalius study plan`.

use super::estimate::{Left, Measured};
use super::open::Open;
use super::status::{duration, secs_left};
use super::trial::Trial;
use crate::environment::needs_libtorch;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use vesalius_data::output;
use vesalius_data::pack::{Pack, view};
use vesalius_data::say;
use vesalius_data::show;
use vesalius_data::text::count;
use vesalius_study::exec::{Start, slurm};
use vesalius_study::plan::{Plan, Planned, Progress};
use vesalius_study::study::Study;
use vesalius_study::task::Stage;
use vesalius_study::task_dir::TaskDir;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every value of the search space is tried against the GAN's settings first: what is wrong is named with line and column.
Time and disk are estimated from finished tasks of the same stage and GAN. Before there are any, a few steps of each GAN
are timed on this machine's CPU, which takes seconds to minutes; --no-trial leaves that out.
Packs need not exist yet.

With --slurm also the scripts that `study run --on slurm` would submit now: one for each array job, each after a line that
says how many tasks it does.

Examples:
  vesalius study plan studies/paper.toml
  vesalius study plan studies/paper.toml --hours 12
  vesalius study plan studies/paper.toml --slurm")]
pub struct Args {
    /// Study file.
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
    /// Also say what would make it take so many hours.
    #[arg(long, value_name = "H", value_parser = parse_hours, conflicts_with = "no_trial")]
    hours: Option<f64>,
    /// Time nothing: without finished tasks the time is unknown.
    #[arg(long)]
    no_trial: bool,
    /// Also print every task: key, stage, dataset, GAN, settings.
    #[arg(long)]
    tasks: bool,
    /// Also print the scripts that would be submitted to Slurm now.
    #[arg(long)]
    slurm: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let open = Open::read(&args.study, true)?;
    let Open { study, known, plan, .. } = &open;
    let mut counts: BTreeMap<Stage, [usize; 3]> = BTreeMap::new();
    for planned in &plan.tasks {
        let count = counts.entry(planned.task.stage).or_default();
        count[usize::from(!known.finished.contains_key(&planned.key))] += 1;
    }
    for (stage, later) in &plan.later {
        counts.entry(*stage).or_default()[2] += later;
    }
    let (datasets, gans) = (study.dataset.len(), study.gan.len());
    show!(
        "{}: {} x {}, {}",
        study.name,
        count::of(datasets, "dataset"),
        count::of(gans, "GAN"),
        count::of(*study.budget.runs.get_ref(), "training")
    );
    show!("{:<12} {:>8} {:>8} {:>8} {:>8}", "stage", "in all", "finished", "to do", "later");
    for (stage, [finished, todo, later]) in &counts {
        let all = finished + todo + later;
        show!("{:<12} {all:>8} {finished:>8} {todo:>8} {later:>8}", stage.name());
    }
    if plan.withheld > 0 {
        show!("{} trainings are not paid for by the budget of hours", plan.withheld);
    }
    if plan.needless > 0 {
        show!(
            "[dose]: {} points left out: their U-Nets would see no more images than those of a smaller number",
            plan.needless
        );
    }
    print_estimate(args, study, plan, known)?;
    super::power::print(&open)?;
    super::resolver::say_what_is_missing(study);
    if args.tasks {
        for planned in &plan.tasks {
            let gan = planned.gan.as_deref().unwrap_or("-");
            let stage = planned.task.stage.name();
            show!("{} {stage} {} {gan} {}", planned.key, planned.dataset, planned.what);
        }
    }
    if args.slurm {
        print_scripts(study, plan, known)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Seconds and bytes of all that is left: from finished tasks, else from a trial; what packs take is known from the
/// start.
fn print_estimate(args: &Args, study: &Study, plan: &Plan, known: &Progress) -> Result<()> {
    let mega = |bytes: f64| format!("{:.1} MB", bytes / 1e6);
    let measured = secs_left(plan, known).zip(disk_left(&study.folder(), plan, known));
    if let Some((secs, bytes)) = measured {
        show!("time left on one job: {}", duration(secs));
        show!("disk still to be written: {} with checkpoints", mega(bytes));
    } else if args.no_trial || plan.tasks.iter().any(|p| !p.task.packs.iter().all(there)) {
        show!(
            "time left, disk for checkpoints: unknown until the packs are there and a task of each stage and GAN has finished"
        );
    } else {
        needs_libtorch()?;
        say!("timing a few steps of each GAN; --no-trial leaves it out");
        let trial = Trial::run(study, plan)?;
        if let Some((parts, bytes)) =
            trial.secs.parts(plan, known).zip(trial.bytes.left(plan, known))
        {
            let secs = parts.iter().fold(0.0, |sum, part| sum + part.all());
            show!("");
            show!("{:<12} {:<12} {:>6} {:>10} {:>10}", "stage", "GAN", "tasks", "each", "in all");
            for part in parts.iter().filter(|part| part.all() > 0.0) {
                show!(
                    "{:<12} {:<12} {:>6} {:>10} {:>10}",
                    part.stage.name(),
                    part.gan.unwrap_or("-"),
                    part.tasks,
                    duration(part.each),
                    duration(part.all())
                );
            }
            show!(
                "time on one job of this machine's CPU: about {}, distances and metrics not counted (a few steps were timed)",
                duration(secs)
            );
            show!("disk to be written: about {} with checkpoints", mega(bytes));
            if let Some(hours) = args.hours {
                fit(study, &parts, hours);
            }
        }
    }
    if let Some(hours) = study.budget.hours {
        show!("budget: no training starts after {hours} h of trainings added up");
    }
    let Some(best) = &study.best else { return Ok(()) };
    let open = |dataset: &vesalius_study::study::Dataset| {
        Pack::open(&study.resolve(dataset.pack.get_ref())).ok()
    };
    let pair =
        |pack: &Pack| (pack.slice_shape().pixel_bytes() + pack.slice_shape().label_bytes()) as u64;
    let pairs: u64 = study.dataset.iter().filter_map(open).map(|pack| pair(&pack)).sum();
    let bytes = pairs * (study.gan.len() * *best.count.get_ref()) as u64;
    show!("of the best of each GAN: {} pairs", best.count.get_ref());
    if bytes > 0 {
        show!("disk for synthetic packs: {}", mega(bytes as f64));
    }
    Ok(())
}

/// Hours as users give them.
pub fn parse_hours(text: &str) -> Result<f64> {
    let hours = text.parse().ok().filter(|hours: &f64| *hours > 0.0 && hours.is_finite());
    hours.with_context(|| format!("expected a number of hours above 0, not `{text}`"))
}

/// What to change so that the study takes so many hours: lengths of trainings, where these are what takes long.
fn fit(study: &Study, parts: &[Left], hours: f64) {
    let of = |stage: Stage| {
        parts.iter().filter(|part| part.stage == stage).fold(0.0, |sum, part| sum + part.all())
    };
    let all = parts.iter().fold(0.0, |sum, part| sum + part.all());
    let (trainings, wanted) = (of(Stage::Train), 3600.0 * hours);
    if all <= wanted {
        show!("fits {hours} h");
        return;
    }
    let others = all - trainings;
    let kimg = study.budget.kimg.get_ref();
    if others < 0.9 * wanted {
        let share = (wanted - others) / trainings;
        show!(
            "for {hours} h: [budget] kimg = {:.0} instead of {kimg}, or {:.0} % of the trainings (runs)",
            (kimg * share).floor().max(1.0),
            (100.0 * share).floor()
        );
    } else {
        show!(
            "for {hours} h: trainings aside, {} are left; fewer [unet] seeds or steps, GANs, folds or samples would take \
             less",
            duration(others)
        );
    }
}

/// Whether a pack that goes in exists.
fn there(pack: &vesalius_study::task::PackInput) -> bool {
    view::folder(&pack.path).is_dir()
}

/// Finished folders of each stage and GAN that are measured: more would tell little and take long.
const MEASURED: usize = 5;

/// Bytes of the folders of all that is left; see [`Measured::left`].
fn disk_left(out: &Path, plan: &Plan, known: &Progress) -> Option<f64> {
    let mut sizes = Measured::default();
    for planned in plan.tasks.iter().filter(|p| known.finished.contains_key(&p.key)) {
        let (stage, gan) = (planned.task.stage, planned.gan.as_deref());
        if sizes.count(stage, gan) < MEASURED {
            let bytes = size(TaskDir::of(out, stage, &planned.key).path(), &mut HashSet::new());
            sizes.add(stage, gan, bytes as f64);
        }
    }
    sizes.left(plan, known)
}

/// Bytes of the files below a folder, each once: attempts share checkpoints as hard links.
fn size(folder: &Path, seen: &mut HashSet<u64>) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut bytes = 0;
    for entry in entries {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            bytes += size(&entry.path(), seen);
        } else if seen.insert(meta.ino()) {
            bytes += meta.blocks() * 512;
        }
    }
    bytes
}

fn print_scripts(study: &Study, plan: &Plan, known: &Progress) -> Result<()> {
    // The folder need not exist yet, so it cannot be made canonical.
    let out = std::path::absolute(study.folder()).context("the study's folder")?;
    let start = |planned: &Arc<Planned>| {
        let (stage, key) = (planned.task.stage, planned.key.clone());
        Start { stage, folder: TaskDir::of(&out, stage, &key), key }
    };
    let tasks: Vec<Start> = plan.ready(known).map(start).collect();
    let most = slurm::max_array_size().unwrap_or_else(|error| {
        say!("note: {error}; arrays are shown as long as Slurm's default allows");
        slurm::USUAL_ARRAY_SIZE
    });
    let program = super::run::program()?;
    let scripts = slurm::preview(tasks, &out, &study.name, &study.slurm(), &program, most)?;
    if scripts.is_empty() {
        show!("# nothing to submit now");
    }
    for (text, tasks) in scripts {
        show!("# {tasks} tasks");
        output::lines(&text);
        show!("");
    }
    Ok(())
}
