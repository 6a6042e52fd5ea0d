//! `vesalius demo`: the whole way from patients to a report, in minutes.
//!
//! Every step is a `vesalius` command of its own, printed before it runs, so that the demo doubles as a tutorial. Steps
//! that are done already are left out: an interrupted demo goes on where it stopped.

use crate::environment::{REQUEUE, Stop};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use vesalius_data::output::{self, Style};
use vesalius_data::run::{Outcome, RunResult};
use vesalius_data::say;
use vesalius_data::show;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vesalius demo
  vesalius demo --source acdc --data ACDC/ --out my-patients")]
pub struct Args {
    /// Form of your own dataset [default: a phantom in ACDC's files].
    #[arg(long, requires = "data", value_name = "SOURCE")]
    source: Option<String>,
    /// Folder of your own dataset.
    #[arg(long, requires = "source", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of all that the demo makes; an interrupted demo goes on there.
    #[arg(long, default_value = "vesalius-demo", value_name = "DIR")]
    out: PathBuf,
    /// Height x width of a slice in pixels.
    #[arg(long, default_value = "48x48", value_name = "HxW")]
    size: String,
    /// Folds: every patient tests in one of them, and everything is trained once in each.
    #[arg(long, default_value_t = 2, value_name = "N")]
    folds: usize,
    /// Length of each GAN's training in thousands of images.
    #[arg(long, default_value_t = 12.0)]
    kimg: f64,
    /// Steps of each U-Net.
    #[arg(long, default_value_t = 200)]
    steps: u64,
    /// Synthetic pairs per GAN.
    #[arg(long, default_value_t = 2000)]
    count: usize,
    /// CPU threads [default: all].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// Seeds of each U-Net: with one alone nothing is known of chance in training, and the report would not answer.
const SEEDS: &str = "1,2";

/// The GANs of the demo, with the settings that learn most in a few minutes.
const GANS: [(&str, &[&str]); 2] = [
    ("hinge", &["augment.diff_augment=[]", "optimiser.discriminator.learning_rate=1e-4"]),
    (
        "wgan",
        &[
            "training.critic_steps=3",
            "training.critic_boost=false",
            "optimiser.discriminator.learning_rate=2e-4",
        ],
    ),
];
const SMALL: [&str; 5] = [
    "networks.generator.filters=32",
    "networks.discriminator.filters=32",
    "networks.generator.upsample=resize",
    "training.batch=16",
    "training.distance_images=500",
];

pub fn run(args: &Args) -> Result<ExitCode> {
    // Ctrl-C reaches the running step too; the demo waits until that has written its checkpoint.
    let _stop = Stop::listen()?;
    let demo = Demo { args, started: Instant::now() };
    match demo.run() {
        Ok(page) => {
            show!("{}", page.display());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(_) => {
                say!("stopped; the same command goes on");
                Ok(ExitCode::from(REQUEUE))
            }
            None => Err(error),
        },
    }
}

/// A step was asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// A step: what it makes, and the command that makes it.
struct Step {
    /// There once it is done; a training that was interrupted is known by its `task.toml`.
    makes: PathBuf,
    arguments: Vec<String>,
    /// The training whose images it is about: where that diverged there are none.
    of: Option<PathBuf>,
}

struct Demo<'a> {
    args: &'a Args,
    started: Instant,
}

impl Demo<'_> {
    fn run(&self) -> Result<PathBuf> {
        let steps = self.steps()?;
        let report = self.args.out.join("report");
        if report.exists() {
            // A report is a view of the runs: it is made again.
            std::fs::remove_dir_all(&report)
                .with_context(|| format!("{}: cannot be removed", report.display()))?;
        }
        let mut broken = BTreeSet::new();
        for (i, step) in steps.iter().enumerate() {
            if step.makes.exists() {
                continue;
            }
            if let Some(run) = &step.of
                && let Outcome::Diverged { reason } = RunResult::read(run)?.outcome
            {
                if broken.insert(run) {
                    say!("{} diverged ({reason}): there is nothing to sample", run.display());
                }
                continue;
            }
            self.command(step, [i + 1, steps.len()])?;
        }
        say!("{:.1} minutes in all", self.started.elapsed().as_secs_f64() / 60.0);
        Ok(report.join("report.html"))
    }

    /// All steps, done or not, in their order.
    fn steps(&self) -> Result<Vec<Step>> {
        let out = &self.args.out;
        let (pack, runs, report) = (out.join("packs/real"), out.join("runs"), out.join("report"));
        let own = self.args.source.as_deref().zip(self.args.data.clone());
        let mut steps = vec![];
        let (source, data, more) = if let Some((source, data)) = own {
            (source, data, vec![])
        } else {
            let phantom = out.join("phantom");
            let draw = ["phantom", "acdc", text(&phantom)?, "--patients", "16"];
            steps.push(step(&phantom, &draw));
            // Phantoms are no ACDC, whose published numbers would stand beside theirs.
            ("acdc", phantom, vec!["--name", "phantom", "--crop", "centre:144x144"])
        };
        let folds = self.args.folds.to_string();
        let mut prepare = vec!["prepare", source, text(&data)?, "--out", text(&pack)?];
        prepare.extend(["--size", &self.args.size, "--folds", &folds]);
        prepare.extend(more);
        steps.push(step(&pack, &prepare));
        for fold in 0..self.args.folds {
            self.fold(fold, &pack, &runs.join(format!("fold-{fold}")), &mut steps)?;
        }
        steps.push(step(&report, &["report", text(&runs)?, "--out", text(&report)?]));
        Ok(steps)
    }

    /// What is trained and judged in one fold.
    fn fold(&self, fold: usize, pack: &Path, runs: &Path, steps: &mut Vec<Step>) -> Result<()> {
        let number = fold.to_string();
        steps.push(self.segment(&runs.join("unet-real"), &[pack], pack, &number)?);
        for (preset, settings) in GANS {
            let run = runs.join(preset);
            steps.push(self.train(preset, settings, pack, &run, &number)?);
            let made = self.args.out.join(format!("packs/fold-{fold}-{preset}"));
            let count = self.args.count.to_string();
            let sample = ["sample", text(&run)?, "--count", &count, "--out", text(&made)?];
            let mut of_images = vec![step(&made, &self.computing(&sample))];
            for stage in ["distance", "copying"] {
                let judged = runs.join(format!("{stage}-{preset}"));
                let compare = [
                    stage,
                    "--real",
                    text(pack)?,
                    "--fold",
                    &number,
                    "--synthetic",
                    text(&made)?,
                    "--out",
                    text(&judged)?,
                ];
                of_images.push(step(&judged.join("result.json"), &self.computing(&compare)));
            }
            let alone = runs.join(format!("unet-{preset}"));
            of_images.push(self.segment(&alone, &[&made], pack, &number)?);
            let both = runs.join(format!("unet-real-{preset}"));
            of_images.push(self.segment(&both, &[pack, &made], pack, &number)?);
            steps.extend(of_images.into_iter().map(|step| Step { of: Some(run.clone()), ..step }));
        }
        Ok(())
    }

    fn train(
        &self,
        preset: &str,
        settings: &[&str],
        pack: &Path,
        run: &Path,
        fold: &str,
    ) -> Result<Step> {
        let kimg = self.args.kimg.to_string();
        let mut arguments = vec!["train", text(pack)?, "--fold", fold, "--out", text(run)?];
        if run.join("task.toml").exists() {
            arguments.push("--resume");
        } else {
            arguments.extend(["--preset", preset, "--kimg", &kimg]);
            for setting in SMALL.iter().chain(settings) {
                arguments.extend(["--set", setting]);
            }
            let rates = "optimiser.generator.learning_rate=4e-4";
            arguments.extend(["--set", rates, "--set", "training.distance_every_kimg=5"]);
        }
        Ok(step(&run.join("result.json"), &self.computing(&arguments)))
    }

    fn segment(&self, run: &Path, train: &[&Path], test: &Path, fold: &str) -> Result<Step> {
        let steps = self.args.steps.to_string();
        let mut arguments = vec!["segment"];
        for pack in train {
            arguments.extend(["--train", text(pack)?]);
        }
        arguments.extend(["--test", text(test)?, "--fold", fold, "--out", text(run)?]);
        arguments.extend(["--steps", &steps, "--seeds", SEEDS]);
        // Made last, of all seeds.
        Ok(step(&run.join("ensemble/result.json"), &self.computing(&arguments)))
    }

    /// The arguments, with the number of threads.
    fn computing(&self, arguments: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        if let Some(threads) = self.args.threads {
            all.extend(["--threads".to_owned(), threads.to_string()]);
        }
        all
    }

    /// Runs a step: folders appear under their name only when they are complete.
    fn command(&self, step: &Step, [number, of]: [usize; 2]) -> Result<()> {
        let arguments = &step.arguments;
        let minutes = self.started.elapsed().as_secs_f64() / 60.0;
        say!("");
        say!("[{number} of {of}, {minutes:.1} min] vesalius {}", arguments.join(" "));
        let program = std::env::current_exe().context("the path of this program")?;
        let mut step = Command::new(program)
            .args(arguments)
            .env(output::STYLE, Style::chosen().word())
            .stdout(Stdio::piped())
            .spawn()
            .context("vesalius cannot start itself")?;
        // Results of the steps are not the demo's results: where nobody can hear them, the steps go on.
        if let Some(results) = step.stdout.take() {
            for line in BufReader::new(results).lines().map_while(Result::ok) {
                say!("{line}");
            }
        }
        match step.wait().context("a step of the demo")?.code() {
            // 1: a GAN that diverged, an outcome that the report shows.
            Some(0 | 1) => Ok(()),
            Some(code) if code == i32::from(REQUEUE) || code == 130 => Err(Interrupted.into()),
            None => Err(Interrupted.into()),
            Some(_) => bail!("the step `vesalius {}` failed, see above", arguments.join(" ")),
        }
    }
}

fn step<S: AsRef<str>>(makes: &Path, arguments: &[S]) -> Step {
    let arguments = arguments.iter().map(|argument| argument.as_ref().to_owned()).collect();
    Step { makes: makes.to_owned(), arguments, of: None }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{}: expected a path in UTF-8", path.display()))
}
