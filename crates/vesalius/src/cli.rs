//! The command line: arguments, help, exit codes.

use crate::commands;
use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::process::ExitCode;
use vesalius_data::output::{self, Style};
use vesalius_data::say;
use vesalius_data::text::escape;

/// Would GAN-made images help you? Vesalius trains the GANs of the study "GANs for Medical Image Synthesis" on your
/// annotated dataset and measures what their images are worth.
#[derive(Debug, Parser)]
#[command(name = "vesalius", version, max_term_width = 110)]
struct Cli {
    /// Say errors and warnings alone.
    #[arg(long, global = true, conflicts_with = "log_json")]
    quiet: bool,
    /// Say remarks and progress as a JSON object on each line of stderr.
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Go the whole way from patients to a report in minutes.
    Demo(commands::demo::Args),
    /// Write phantom data in a dataset's own file format.
    Phantom(commands::phantom::Args),
    /// Look at a dataset and propose the commands that fit it.
    Init(commands::init::Args),
    /// Turn a dataset into a pack: resample, crop, window, split by patient.
    Prepare(commands::prepare::Args),
    /// Show what is in a pack.
    Inspect(commands::inspect::Args),
    /// Train a GAN on a pack.
    Train(commands::train::Args),
    /// Sample synthetic pairs from a trained GAN.
    Sample(commands::sample::Args),
    /// Take any generator's images: folders of pairs, nnU-Net raw, NumPy archives.
    Import(commands::import::Args),
    /// Write a pack for other tools: nnU-Net raw, NIfTI, PNG, DICOM, NRRD.
    Export(commands::export::Args),
    /// Train a U-Net and measure Dice on real test patients.
    Segment(commands::segment::Args),
    /// Segment other data with a segmenter that a run kept.
    Predict(commands::predict::Args),
    /// Measure anybody's predicted masks against reference masks.
    Score(commands::score::Args),
    /// Measure the Fréchet distance between real and synthetic images or features.
    Distance(commands::distance::Args),
    /// Measure fidelity, diversity and copying.
    Metrics(commands::metrics::Args),
    /// Audit synthetic images for copies of training images, with a verdict.
    Copying(commands::copying::Args),
    /// Check whether synthetic masks look like anatomy and belong to their images.
    Plausibility(commands::plausibility::Args),
    /// Test whether neighbouring planes of synthetic volumes fit each other.
    Coherence(commands::coherence::Args),
    /// Map real and generated samples onto a plane: figure and interactive page.
    Map(commands::map::Args),
    /// Let experts tell real images from synthetic ones: draw a visual Turing test, score it.
    Turing(commands::turing::Args),
    /// Serve a visual Turing test and the view of a study to browsers.
    Serve(commands::serve::Args),
    /// List, fetch or import published weights that judges need.
    Weights(commands::weights::Args),
    /// Search, sample and judge as a study file says.
    Study(commands::study::Args),
    /// Do tasks of a study, each in its folder.
    Worker(commands::worker::Args),
    /// Write Table 2 and the figures from finished runs.
    Report(commands::report::Args),
    /// Fetch LibTorch, where the program was installed without it.
    #[cfg(libtorch_behind_a_door)]
    Setup(commands::setup::Args),
    /// Print versions, devices, threads, memory and what is missing.
    Doctor(commands::doctor::Args),
    /// Print a completion script for a shell.
    Completions(commands::completions::Args),
    /// Write the help of every command as man pages.
    Manual(commands::manual::Args),
}

/// Parses the arguments, runs the command, prints an error once.
pub fn run() -> ExitCode {
    match Cli::try_parse() {
        // What a worker prints is a log: its results lie in its folder.
        Ok(Cli { command: Command::Worker(args), .. }) => end(commands::worker::run(&args)),
        Ok(cli) => {
            let asked = match (cli.quiet, cli.log_json) {
                (true, _) => Ok(Style::Quiet),
                (_, true) => Ok(Style::Json),
                (false, false) => Style::of_environment(),
            };
            let outcome = asked.and_then(|style| {
                style.choose();
                command(cli.command)
            });
            end(outcome.and_then(|code| output::check().map(|()| code)))
        }
        Err(words) if words.use_stderr() => {
            // It shows arguments, and arguments may be names that a shell found in a folder.
            let shown = std::env::args_os()
                .map(|argument| escape::terminal(&argument.to_string_lossy()).into_owned());
            match Cli::try_parse_from(shown) {
                Err(words) if words.use_stderr() => drop(words.print()),
                _ => say!("error: {}", words.kind()),
            }
            ExitCode::from(2)
        }
        // `--help` and `--version`: what was asked for.
        Err(words) => {
            let printed = words.print().context("stdout: cannot be written");
            end(printed.and_then(|()| output::check()).map(|()| ExitCode::SUCCESS))
        }
    }
}

fn end(outcome: Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        say!("error: {error:#}");
        ExitCode::from(2)
    })
}

fn command(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Phantom(args) => commands::phantom::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Init(args) => commands::init::run(&args),
        Command::Prepare(args) => commands::prepare::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Sample(args) => commands::sample::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Score(args) => commands::score::run(&args),
        Command::Segment(args) => commands::segment::run(&args),
        Command::Distance(args) => commands::distance::run(&args),
        Command::Metrics(args) => commands::metrics::run(&args),
        Command::Copying(args) => commands::copying::run(&args),
        Command::Plausibility(args) => commands::plausibility::run(&args),
        Command::Coherence(args) => commands::coherence::run(&args),
        Command::Map(args) => commands::map::run(&args),
        Command::Turing(args) => commands::turing::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Weights(args) => commands::weights::run(&args),
        Command::Study(args) => commands::study::run(&args),
        Command::Worker(args) => commands::worker::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Completions(args) => Ok(commands::completions::run(&args, Cli::command())),
        Command::Manual(args) => commands::manual::run(&args, Cli::command()),
        #[cfg(libtorch_behind_a_door)]
        Command::Setup(args) => commands::setup::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
    }
}
