//! `vesalius study retry`, `cancel`, `reindex` and `report`.

use super::open::Open;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use vesalius_data::files::lock::Lock;
use vesalius_data::pack::row::RowId;
use vesalius_data::say;
use vesalius_data::show;
use vesalius_report::PrimaryQuestion;
use vesalius_study::plan::Planned;
use vesalius_study::store::Store;
use vesalius_study::task_dir::TaskDir;

/// Arguments of `reindex`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vesalius study reindex studies/smoke.toml")]
pub struct StudyArg {
    /// Study file.
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
}

/// Arguments of `retry`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without TASK: all that failed or were cancelled. Checkpoints of earlier attempts are kept and used.

Example:
  vesalius study retry studies/smoke.toml")]
pub struct RetryArgs {
    /// Study file.
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
    /// Keys of tasks, as `study status` prints them, or their first characters.
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
}

/// Arguments of `cancel`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A coordinator at work notices; finished tasks stay as they are. `study retry` takes a cancellation back. To stop a whole
study for now, send its `study run` a SIGINT or SIGTERM instead.

Examples:
  vesalius study cancel studies/smoke.toml 0123456789abcdef
  vesalius study cancel studies/smoke.toml --all")]
pub struct CancelArgs {
    /// Study file.
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
    /// Keys of tasks, as `study plan --tasks` prints them, or their first characters.
    #[arg(value_name = "TASK", required_unless_present = "all")]
    tasks: Vec<String>,
    /// Every task that can be named now and is not finished.
    #[arg(long, conflicts_with = "tasks")]
    all: bool,
}

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Takes all trainings so far, what judged the best of each GAN on each dataset, and the baselines. Figs 3 and 4, what the
hyperparameters explain (functional ANOVA) and how many trainings diverged are of all of them.

Example:
  vesalius study report studies/smoke.toml --out report")]
pub struct ReportArgs {
    /// Study file.
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
    /// Folder to write; must not exist yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Tasks whose keys begin so.
fn named<'a>(open: &'a Open, names: &[String]) -> Result<Vec<&'a Arc<Planned>>> {
    let mut found = Vec::new();
    for name in names {
        let mut matching =
            open.plan.tasks.iter().filter(|p| p.key.text().starts_with(name.as_str()));
        match (matching.next(), matching.next()) {
            (Some(planned), None) => found.push(planned),
            (None, _) => {
                bail!("{name}: no task of the study, expected a key of `study plan --tasks`")
            }
            _ => bail!("{name}: several tasks begin so, expected more characters"),
        }
    }
    Ok(found)
}

/// Runs `retry`.
pub fn retry(args: &RetryArgs) -> Result<ExitCode> {
    let open = Open::read(&args.study, false)?;
    let out = open.study.folder();
    let _lock = Lock::take(&out)?;
    let tasks = if args.tasks.is_empty() {
        open.plan.tasks.iter().filter(|p| open.known.given_up.contains(&p.key)).collect()
    } else {
        named(&open, &args.tasks)?
    };
    let mut store = Store::open(&out)?;
    for planned in &tasks {
        TaskDir::of(&out, planned.task.stage, &planned.key).retry()?;
        store.take_up(planned.task.stage, &planned.key)?;
    }
    say!("{} tasks will be tried again", tasks.len());
    Ok(ExitCode::SUCCESS)
}

/// Runs `cancel`.
pub fn cancel(args: &CancelArgs) -> Result<ExitCode> {
    let open = Open::read(&args.study, false)?;
    let out = open.study.folder();
    let tasks =
        if args.all { open.plan.tasks.iter().collect() } else { named(&open, &args.tasks)? };
    let mut count = 0;
    for planned in tasks.into_iter().filter(|p| !open.known.finished.contains_key(&p.key)) {
        let folder = TaskDir::of(&out, planned.task.stage, &planned.key);
        folder.create(&planned.task)?;
        folder.cancel()?;
        count += 1;
    }
    say!("{count} tasks cancelled");
    Ok(ExitCode::SUCCESS)
}

/// Runs `reindex`.
pub fn reindex(args: &StudyArg) -> Result<ExitCode> {
    let study = super::space::read(&args.study)?;
    let out = study.folder();
    let _lock = Lock::take(&out)?;
    let done = Store::reindex(&out)?;
    if let Some((path, wrong)) = &done.set_aside {
        say!("set aside as {}: {wrong}", path.display());
    }
    for line in &done.strange {
        say!("left out: {line}");
    }
    say!("{}: {} results", out.display(), done.found);
    Ok(ExitCode::SUCCESS)
}

/// Runs `report`.
pub fn report(args: &ReportArgs) -> Result<ExitCode> {
    let open = Open::read(&args.study, false)?;
    let folders = open.finished_runs();
    if folders.is_empty() {
        bail!("{}: nothing to report yet, expected finished tasks", open.study.name);
    }
    let page = vesalius_report::write(&folders, &args.out, &question(&open.study))?;
    show!("{}", page.display());
    Ok(ExitCode::SUCCESS)
}

/// What the study file asks; the report's defaults where it says nothing.
pub fn question(study: &vesalius_study::study::Study) -> PrimaryQuestion {
    let asked = &study.question;
    let default = PrimaryQuestion::default();
    PrimaryQuestion {
        gan: asked.gan.as_ref().map(|asked| {
            // An imported pack's generator is a row by its own name.
            let gan = study.gan_named(asked.get_ref());
            gan.map_or_else(|| RowId::of(asked.get_ref()), |gan| study.row_of(gan))
        }),
        margin: asked.margin.as_ref().map_or(default.margin, |margin| *margin.get_ref()),
        level: asked.level.as_ref().map_or(default.level, |level| *level.get_ref()),
    }
}
