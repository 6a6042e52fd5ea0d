//! `vesalius study`: searches, samples and judges as a study file says, whatever dies on the way.

mod estimate;
mod manage;
mod new;
mod open;
mod plan;
mod power;
mod resolver;
mod run;
mod space;
mod status;
mod trial;

use anyhow::Result;
use resolver::Resolver;
use std::path::Path;
use std::process::ExitCode;
use vesalius_study::plan::Planner;
use vesalius_study::store::Store;
use vesalius_web::watch::{Known, Watch};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A study file (docs/study.md) names packs, GANs, a search space, a budget, and what happens to the best run of each GAN on
each dataset. Its folder (out) has a folder per task; tasks are named by a digest of all that decides their outcome, so
studies with the same folder share what is finished. Whatever is killed, `study run` goes on from there.

Examples:
  vesalius study new packs/acdc --hours 8 --out acdc.toml
  vesalius study plan studies/smoke.toml
  vesalius study run studies/smoke.toml --jobs 2
  vesalius study run studies/paper.toml --on slurm
  vesalius study status studies/smoke.toml
  vesalius study report studies/smoke.toml --out report")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a study of a pack that fits so many hours.
    New(new::Args),
    /// Check a study and print its tasks before anything starts.
    Plan(plan::Args),
    /// Run what is left of a study.
    Run(run::Args),
    /// Print counts, the best runs so far, the time left and failures.
    Status(status::Args),
    /// Give failed or cancelled tasks another chance at the next run.
    Retry(manage::RetryArgs),
    /// Cancel tasks; a running one is stopped.
    Cancel(manage::CancelArgs),
    /// Make the store again from the folders of the tasks, as they are now.
    Reindex(manage::StudyArg),
    /// Write tables and figures from all runs, what judged the best, and the baselines.
    Report(manage::ReportArgs),
}

pub fn run(args: &Args) -> Result<ExitCode> {
    match &args.command {
        Command::New(args) => new::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Run(args) => run::run(args),
        Command::Status(args) => status::run(args),
        Command::Retry(args) => manage::retry(args),
        Command::Cancel(args) => manage::cancel(args),
        Command::Reindex(args) => manage::reindex(args),
        Command::Report(args) => manage::report(args),
    }
}

/// A study for pages that look at it: checked once, its store asked at every look.
///
/// # Errors
/// When the study file or a pack is wrong.
pub fn watch(path: &Path) -> Result<Watch> {
    let study = space::read(path)?;
    let packs = vesalius_study::packs::open(&study)?;
    let out = study.folder();
    let resolver = Resolver::of(&study);
    let look = move || {
        let store = Store::open_to_read(&study.folder())?;
        let progress = store.as_ref().map(Store::progress).transpose()?.unwrap_or_default();
        let mut planner = Planner::new(&study, packs.clone(), &resolver);
        let plan = planner.plan(&progress)?;
        let secs_left = status::secs_left(&plan, &progress);
        Ok(Known { study: study.name.clone(), plan, progress, secs_left })
    };
    Ok(Watch::new(out, Box::new(look)))
}
