//! `vesalius study run`.

use super::space;
use super::status::duration;
use crate::environment::{self, REQUEUE, Stop};
use anyhow::{Context, Result, bail};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vesalius_data::output::Style;
use vesalius_data::say;
use vesalius_data::text::{count, escape};
use vesalius_study::coordinate::{self, Ended, Event};
use vesalius_study::exec::Executor;
use vesalius_study::exec::local::Local;
use vesalius_study::exec::slurm::Slurm;
use vesalius_study::plan::{Plan, Planned, Progress};
use vesalius_study::study::Study;
use vesalius_study::task::{Key, Stage};
use vesalius_study::task_dir::TaskDir;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Goes on from whatever is finished. SIGINT or SIGTERM tells the workers to write checkpoints and ends with exit code 75;
the same command goes on. A task that fails three times is given up and the study goes on without it, and so is one that
is stopped 20 times in a row from outside without a newer checkpoint.

With `--on slurm` tasks are elements of array jobs, which ask for what the table [slurm] of the study file says
(docs/study.md); this program, the study's folder and the packs have to lie under the same paths on all nodes. Jobs need
no coordinator: one that ends or dies leaves them in the queue, and the same command takes them up. A job that leaves the
queue without a result counts as a failure of its task.

Exit codes: 0 done; 1 done, but tasks failed (`study status` says why); 2 usage or environment, or Slurm refused; 75
stopped.

Examples:
  vesalius study run studies/smoke.toml --jobs 2
  vesalius study run studies/paper.toml --device cuda:0,cuda:1 --jobs 6
  vesalius study run studies/paper.toml --on slurm")]
pub struct Args {
    /// Study file.
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
    /// Where tasks run.
    #[arg(long, default_value = "local", value_name = "WHERE")]
    on: Where,
    /// Tasks at once on this machine [default: one per CPU, or one per GPU]. More than there are GPUs share them.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// CPU threads of each on this machine [default: all CPUs divided by the jobs].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Devices on this machine [default: cpu]: `cpu`, or GPUs as `cuda:0,cuda:1`; a task runs on the one with the
    /// fewest.
    #[arg(long, value_name = "DEVICE", value_delimiter = ',')]
    device: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Where {
    /// Child processes.
    Local,
    /// Array jobs of a cluster.
    Slurm,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let study = space::read(&args.study)?;
    super::resolver::say_what_is_missing(&study);
    let mut executor: Box<dyn Executor> = match args.on {
        Where::Local => Box::new(local(args)?),
        Where::Slurm => Box::new(slurm(args, &study)?),
    };
    let stop = Stop::listen()?;
    let mut view = View::new(&study.folder());
    let ended = coordinate::run(
        &study,
        &super::resolver::Resolver::of(&study),
        &mut *executor,
        &|| stop.asked(),
        &mut |event| {
            view.show(&event);
        },
    )?;
    view.clear();
    match ended {
        Ended::Done { failed: 0 } => {
            say!("{}: done", study.name);
            Ok(ExitCode::SUCCESS)
        }
        Ended::Done { failed } => {
            let failed = count::of(failed, "task");
            say!("{}: done, but {failed} failed: see `vesalius study status`", study.name);
            Ok(ExitCode::from(1))
        }
        Ended::Stopped => {
            say!("{}: stopped; the same command goes on", study.name);
            Ok(ExitCode::from(REQUEUE))
        }
    }
}

fn local(args: &Args) -> Result<Local> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let devices = if args.device.is_empty() { vec!["cpu".to_owned()] } else { args.device.clone() };
    // Tasks would fail one after the other without LibTorch, or on a device that is not there.
    environment::needs_libtorch()?;
    for device in &devices {
        environment::device(device)?;
    }
    let gpus = devices.iter().any(|device| device != "cpu");
    let jobs = args.jobs.unwrap_or(if gpus { devices.len() } else { cpus });
    let threads = args.threads.unwrap_or((cpus / jobs.max(1)).max(1));
    if jobs == 0 || threads == 0 {
        bail!("--jobs {jobs}, --threads {threads}: expected at least 1 each");
    }
    let threads = threads.to_string();
    let arguments = ["worker", "--watch-stdin", "--threads", &threads];
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    Ok(Local::new(program()?, arguments, jobs).on(devices))
}

fn slurm(args: &Args, study: &Study) -> Result<Slurm> {
    for (flag, given, key) in [
        ("--jobs", args.jobs.is_some(), "max_queued"),
        ("--threads", args.threads.is_some(), "cpus"),
        ("--device", !args.device.is_empty(), "gpus"),
    ] {
        if given {
            bail!(
                "{flag}: for this machine only; expected {key} in [slurm] of {}",
                args.study.display()
            );
        }
    }
    show_foreign_shell(args, study);
    Slurm::new(&study.folder(), &study.name, study.slurm(), program()?)
}

/// A study file can come from anybody, and its `setup` runs on the cluster as whoever submits it.
fn show_foreign_shell(args: &Args, study: &Study) {
    let settings = study.slurm();
    for (name, lines) in [("setup", &settings.setup), ("lines", &settings.lines)] {
        if !lines.is_empty() {
            say!("every job begins with what {} has under [slurm] {name}:", args.study.display());
            for line in lines {
                say!("    {line}");
            }
        }
    }
}

/// This program, which workers are, too.
pub fn program() -> Result<PathBuf> {
    std::env::current_exe().context("the path of this program")
}

/// On a terminal a line for each worker, one for the whole, and one for each task that ended; a line for each event
/// otherwise: a log has to say what runs.
struct View {
    out: PathBuf,
    lines: MultiProgress,
    whole: ProgressBar,
    bars: HashMap<Key, ProgressBar>,
    began: HashMap<Key, Instant>,
    plain: bool,
    refreshed: Instant,
}

/// Workers that have a line of their own; a cluster has more than a terminal.
const MOST_LINES: usize = 16;
/// Between two looks at what workers say.
const REFRESH: Duration = Duration::from_secs(1);

impl View {
    fn new(out: &Path) -> Self {
        let plain = !std::io::stderr().is_terminal() || Style::chosen() != Style::Plain;
        let lines = MultiProgress::new();
        if plain {
            lines.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} tasks, {elapsed}");
        let whole = lines.add(ProgressBar::new(0).with_style(style.expect("a constant template")));
        let (bars, began, refreshed) = (HashMap::new(), HashMap::new(), Instant::now());
        Self { out: out.to_owned(), lines, whole, bars, began, plain, refreshed }
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::Started(planned) => {
                // Settings of a training are long; `study plan --tasks` and `study status` have them.
                let what = if planned.task.stage == Stage::Train { "" } else { &planned.what };
                self.began.insert(planned.key.clone(), Instant::now());
                if self.plain {
                    say!("{}", format!("started  {} {what}", name(planned)).trim_end());
                }
                if self.bars.len() >= MOST_LINES {
                    return;
                }
                let style = ProgressStyle::with_template("{msg}").expect("a constant template");
                let bar =
                    self.lines.insert_before(&self.whole, ProgressBar::new(0).with_style(style));
                self.bars.insert(planned.key.clone(), bar);
            }
            Event::Finished(planned) => self.end(planned, "finished", ""),
            Event::Stopped(planned) => self.end(planned, "stopped ", " (goes on)"),
            Event::Note(text) => self.say(text),
            Event::Cancelled(planned) => self.end(planned, "cancelled", ""),
            Event::Failed(planned, reason, again) => {
                let again = if *again { " (will be tried again)" } else { " (given up)" };
                self.end(planned, "failed  ", &format!(": {reason}{again}"));
            }
            Event::Tick(plan, known, running) => self.tick(plan, known, running),
        }
    }

    fn end(&mut self, planned: &Planned, how: &str, more: &str) {
        if let Some(bar) = self.bars.remove(&planned.key) {
            bar.finish_and_clear();
            self.lines.remove(&bar);
        }
        let took = self.began.remove(&planned.key).map_or_else(String::new, |began| {
            format!(", {}", duration(began.elapsed().as_secs_f64()))
        });
        self.say(&format!("{how} {}{took}{more}", name(planned)));
    }

    fn tick(&mut self, plan: &Plan, known: &Progress, running: &[Arc<Planned>]) {
        if self.plain || self.refreshed.elapsed() < REFRESH {
            return;
        }
        self.refreshed = Instant::now();
        let later: usize = plan.later.values().sum();
        self.whole.set_length((plan.tasks.len() + later) as u64);
        let over = |p: &&Arc<Planned>| {
            known.finished.contains_key(&p.key) || known.given_up.contains(&p.key)
        };
        self.whole.set_position(plan.tasks.iter().filter(over).count() as u64);
        for planned in running.iter().filter(|planned| self.bars.contains_key(&planned.key)) {
            let folder = TaskDir::of(&self.out, planned.task.stage, &planned.key);
            let line = folder.last_lines(1).pop().unwrap_or_default();
            if let Some(bar) = self.bars.get(&planned.key) {
                let said = format!("{}: {line}", name(planned));
                bar.set_message(escape::terminal(&said).into_owned());
            }
        }
    }

    fn say(&self, line: &str) {
        if self.plain {
            say!("{line}");
        } else {
            let _ = self.lines.println(escape::terminal(line));
        }
    }

    fn clear(&self) {
        let _ = self.lines.clear();
    }
}

/// What every line calls a task.
fn name(planned: &Planned) -> String {
    let gan = planned.gan.as_deref().unwrap_or("-");
    let (key, stage) = (&planned.key, planned.task.stage.name());
    format!("{key} {stage} {} {gan}", planned.dataset)
}
