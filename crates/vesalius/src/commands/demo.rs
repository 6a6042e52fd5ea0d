//! `vesalius demo`: the whole way from patients to a report, in minutes.
//!
//! Every step is a `vesalius` command of its own, printed before it runs, so that the demo doubles as a tutorial. Steps
//! that are done already are left out: an interrupted demo goes on where it stopped.

use crate::environment::{REQUEUE, Stop};
use anyhow::{Context, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
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
    /// Length of each GAN's training in thousands of images.
    #[arg(long, default_value_t = 25.0)]
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

struct Demo<'a> {
    args: &'a Args,
    started: Instant,
}

impl Demo<'_> {
    fn run(&self) -> Result<PathBuf> {
        let out = &self.args.out;
        let (packs, runs) = (out.join("packs"), out.join("runs"));
        let pack = packs.join("real");
        let own = self.args.source.as_deref().zip(self.args.data.clone());
        let (source, data, crop) = if let Some((source, data)) = own {
            (source, data, "none")
        } else {
            let phantom = out.join("phantom");
            self.step(&phantom, &["phantom", "acdc", text(&phantom)?, "--patients", "16"])?;
            ("acdc", phantom, "centre:144x144")
        };
        self.step(
            &pack,
            &[
                "prepare",
                source,
                text(&data)?,
                "--out",
                text(&pack)?,
                "--size",
                &self.args.size,
                "--crop",
                crop,
            ],
        )?;
        self.segment(&runs.join("unet-real"), &[&pack], &pack, false)?;
        self.segment(&runs.join("unet-augmented"), &[&pack], &pack, true)?;
        for (preset, settings) in GANS {
            let trained = runs.join(preset);
            self.train(preset, settings, &pack, &trained)?;
            if let Outcome::Diverged { reason } = RunResult::read(&trained)?.outcome {
                say!("{preset} diverged ({reason}): there is nothing to sample");
                continue;
            }
            let synthetic = packs.join(preset);
            let count = self.args.count.to_string();
            self.step(
                &synthetic,
                &self.computing(&[
                    "sample",
                    text(&trained)?,
                    "--count",
                    &count,
                    "--out",
                    text(&synthetic)?,
                ]),
            )?;
            let distance = runs.join(format!("distance-{preset}"));
            self.step(
                &distance.join("result.json"),
                &self.computing(&[
                    "distance",
                    "--real",
                    text(&pack)?,
                    "--synthetic",
                    text(&synthetic)?,
                    "--out",
                    text(&distance)?,
                ]),
            )?;
            self.segment(&runs.join(format!("unet-{preset}")), &[&synthetic], &pack, false)?;
            let both = runs.join(format!("unet-real-{preset}"));
            self.segment(&both, &[&pack, &synthetic], &pack, false)?;
        }
        let report = out.join("report");
        if report.exists() {
            // A report is a view of the runs: it is made again.
            std::fs::remove_dir_all(&report)
                .with_context(|| format!("{}: cannot be removed", report.display()))?;
        }
        self.step(&report, &["report", text(&runs)?, "--out", text(&report)?])?;
        let page = report.join("report.html");
        say!("{:.1} minutes in all", self.started.elapsed().as_secs_f64() / 60.0);
        Ok(page)
    }

    fn train(&self, preset: &str, settings: &[&str], pack: &Path, run: &Path) -> Result<()> {
        if run.join("result.json").exists() {
            return Ok(());
        }
        if run.join("task.toml").exists() {
            return self.command(&self.computing(&[
                "train",
                text(pack)?,
                "--out",
                text(run)?,
                "--resume",
            ]));
        }
        let kimg = self.args.kimg.to_string();
        let mut arguments =
            vec!["train", text(pack)?, "--preset", preset, "--kimg", &kimg, "--out", text(run)?];
        for setting in SMALL.iter().chain(settings) {
            arguments.extend(["--set", setting]);
        }
        let rates = "optimiser.generator.learning_rate=4e-4";
        arguments.extend(["--set", rates, "--set", "training.distance_every_kimg=5"]);
        self.command(&self.computing(&arguments))
    }

    fn segment(&self, run: &Path, train: &[&Path], test: &Path, augment: bool) -> Result<()> {
        let steps = self.args.steps.to_string();
        let mut arguments = vec!["segment"];
        for pack in train {
            arguments.extend(["--train", text(pack)?]);
        }
        if augment {
            arguments.push("--augment");
        }
        arguments.extend(["--test", text(test)?, "--out", text(run)?, "--steps", &steps]);
        self.step(&run.join("result.json"), &self.computing(&arguments))
    }

    /// The arguments, with the number of threads.
    fn computing<'a>(&self, arguments: &[&'a str]) -> Vec<String>
    where
        Self: 'a,
    {
        let mut all: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        if let Some(threads) = self.args.threads {
            all.extend(["--threads".to_owned(), threads.to_string()]);
        }
        all
    }

    /// Runs a command unless what it makes is there: folders appear under their name only when they are complete.
    fn step<S: AsRef<str>>(&self, makes: &Path, arguments: &[S]) -> Result<()> {
        if makes.exists() { Ok(()) } else { self.command(arguments) }
    }

    fn command<S: AsRef<str>>(&self, arguments: &[S]) -> Result<()> {
        let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        let minutes = self.started.elapsed().as_secs_f64() / 60.0;
        say!("");
        say!("[{minutes:.1} min] vesalius {}", arguments.join(" "));
        let program = std::env::current_exe().context("the path of this program")?;
        let mut step = Command::new(program)
            .args(&arguments)
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

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{}: expected a path in UTF-8", path.display()))
}
