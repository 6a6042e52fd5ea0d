//! `vesalius worker`: does tasks of a study, each in its folder; the first attempt to finish publishes the task's
//! result.

mod job;
mod watch;

use crate::environment::{Compute, REQUEUE, Stop};
use anyhow::{Context, Result, bail};
use job::Job;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vesalius_data::say;
use vesalius_data::text::panic::message;
use vesalius_study::exec::slurm::Submission;
use vesalius_study::room;
use vesalius_study::task::Task;
use vesalius_study::task_dir::TaskDir;
use watch::Watch;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
`vesalius study run` starts workers; start one by hand to see a failure again. A task's folder has task.toml. The worker
writes into attempts/N/ there, goes on from the newest checkpoint of earlier attempts, and publishes result.json unless
another attempt was first. SIGINT, SIGTERM and SIGUSR1 write a checkpoint; stages without checkpoints end at once.

In a job of Slurm (--submission, --element) it does the tasks of its array element, says in the log of each task what it
has to say, and notes in attempts/N/stopped.json that it was stopped.

Exit codes: 0 all done; 1 a task failed, and its attempts/N/failure.json says why; 2 usage or environment; 75 stopped,
to be started again.

Example:
  vesalius worker my-study/tasks/train-0123456789abcdef --threads 1")]
pub struct Args {
    /// Folders of tasks.
    #[arg(value_name = "TASK", required_unless_present = "submission")]
    tasks: Vec<PathBuf>,
    /// Tasks of an array job: `OUT/slurm/NAME/submission.json`.
    #[arg(long, value_name = "FILE", requires = "element", conflicts_with = "tasks")]
    submission: Option<PathBuf>,
    /// Which element of it: `$SLURM_ARRAY_TASK_ID`.
    #[arg(long, value_name = "N", requires = "submission")]
    element: Option<usize>,
    /// Stop when stdin closes: the coordinator that holds its other end is dead.
    #[arg(long)]
    watch_stdin: bool,
    #[command(flatten)]
    compute: Compute,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    args.compute.start()?;
    let stop = Stop::listen()?;
    if args.watch_stdin {
        stop.when_stdin_closes();
    }
    let queued = args.submission.is_some();
    let folders = match (&args.submission, args.element) {
        (Some(submission), Some(element)) => of_submission(submission, element)?,
        _ => args.tasks.clone(),
    };
    let watch = Watch::start(&stop, queued);
    let mut failed = false;
    for path in &folders {
        let folder =
            TaskDir::at(&path.canonicalize().with_context(|| format!("{}", path.display()))?);
        if folder.is_finished() || folder.is_cancelled() {
            continue;
        }
        if stop.asked_for_all() {
            return Ok(ExitCode::from(REQUEUE));
        }
        if queued {
            speak_into(&folder)?;
        }
        match with_room(&folder, args, &stop, &watch)? {
            Ended::Done => {}
            Ended::Failed => failed = true,
            Ended::Stopped if stop.asked_for_all() => return Ok(ExitCode::from(REQUEUE)),
            Ended::Stopped => stop.next_task(),
        }
    }
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

enum Ended {
    Done,
    Failed,
    Stopped,
}

/// Attempts at one task, as many as it takes while the disk is full: that is nobody's failure.
fn with_room(folder: &TaskDir, args: &Args, stop: &Stop, watch: &Watch) -> Result<Ended> {
    let mut patience = room::Patience::default();
    loop {
        match attempt(folder, args, stop, watch) {
            Err(error) if room::lacks(&error) => {
                say!("warning: {error:#}; waiting for room, then it goes on");
                if !patience.wait(folder.path(), &|| stop.asked()) {
                    return Ok(Ended::Stopped);
                }
            }
            other => return other,
        }
    }
}

/// One attempt at one task.
fn attempt(folder: &TaskDir, args: &Args, stop: &Stop, watch: &Watch) -> Result<Ended> {
    let task = Task::read(folder.path())?;
    let attempt = folder.begin_attempt()?;
    let job = Job { folder, task: &task, attempt, device: &args.compute.device, stop };
    watch.look_at(folder, attempt, task.stage);
    // A panic ends one task; the hook has printed where.
    let outcome = catch_unwind(AssertUnwindSafe(|| job.run()));
    watch.look_away();
    match outcome {
        Ok(Ok(())) if folder.attempt(attempt).join("result.json").exists() => {
            folder.publish(attempt)?;
            return Ok(Ended::Done);
        }
        _ if stop.asked() => {
            // Whoever started it sees how it ended; a queue does not say.
            if args.submission.is_some() {
                folder.note_stop(attempt, job.made_progress())?;
            }
            return Ok(Ended::Stopped);
        }
        Ok(Ok(())) => bail!("{}: ended without a result", folder.path().display()),
        Ok(Err(error)) if room::lacks(&error) => return Err(error),
        Ok(Err(error)) => {
            // Its log may lie on a full disk; the failure is to be noted all the same.
            say!("error: {error:#}");
            folder.note_failure(attempt, &format!("{error:#}"))?;
        }
        Err(panic) => {
            let text = message(&*panic);
            folder.note_failure(attempt, &format!("panicked: {}", text.replace('\n', " ")))?;
        }
    }
    Ok(Ended::Failed)
}

/// Folders of the tasks of an array's element.
fn of_submission(path: &Path, element: usize) -> Result<Vec<PathBuf>> {
    let submission = Submission::read(path)?;
    let entries = submission.elements.get(element).with_context(|| {
        let count = submission.elements.len();
        format!("--element {element}: {} has {count} elements", path.display())
    })?;
    let out =
        path.ancestors().nth(3).context("--submission: expected OUT/slurm/NAME/submission.json")?;
    Ok(entries.iter().map(|entry| entry.task_dir(out).path().to_owned()).collect())
}

/// From now on this process says what it says in the log of a task.
fn speak_into(folder: &TaskDir) -> Result<()> {
    let path = folder.path().join("output.log");
    let open = vesalius_data::files::read::append(&path);
    let log = open.with_context(|| format!("{}: cannot be written", path.display()))?;
    rustix::stdio::dup2_stdout(&log)
        .and_then(|()| rustix::stdio::dup2_stderr(&log))
        .with_context(|| format!("{}: cannot be written", path.display()))
}
