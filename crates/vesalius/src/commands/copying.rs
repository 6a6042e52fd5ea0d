//! `vesalius copying`: are synthetic images training images again, and would this audit have noticed?

use crate::commands::fold::Fold;
use crate::commands::judge::{EXTRACTORS, JudgeArgs};
use crate::commands::overlap::Overlap;
use crate::environment::{Compute, Stop, command_line, context, stopped};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::output;
use vesalius_data::pack::Pack;
use vesalius_data::run::score::Scores;
use vesalius_data::say;
use vesalius_data::show;
use vesalius_stages::copying::{self, Copying, Task};
use vesalius_torch::metrics::audit::conclude::Concluded;
use vesalius_torch::metrics::audit::memory_gan;

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXTRACTORS}

The real pack's training slices are what the GAN learned from, its test patients are held out. Each synthetic image is
compared with all training images, mirrored, turned, scaled and moved; its score is the distance to the nearest one over
the mean distance to the nearest images of the next patients. The alarm is set on real images: held-out ones, and training
images whose own patient is left out. Copies planted on purpose tell how many copies this audit finds on this data.

Level: none_found, suspicious or copying, by the rules in docs/method.md. RUN gets result.json, nearest.csv (every synthetic
and held-out image with its nearest training image, by pixels and by features) and closest.png (the closest pairs: synthetic,
training image as it is nearest, difference; framed if flagged).

Packs of volumes are compared volume by volume, all planes mirrored, turned, scaled and moved alike within their planes;
PACK/slices compares planes.

--memory-gan writes the pack of a GAN that has learned nothing but its training images by heart: an audit that does not
call it copying is blind on this data.

Examples:
  vesalius copying --real packs/acdc --synthetic packs/wgan-gp --out runs/copying-wgan-gp
  vesalius copying --real packs/idrid --memory-gan packs/memory --count 200
  vesalius copying --real packs/idrid --synthetic packs/memory --out runs/copying-memory"))]
pub struct Args {
    /// Real pack that the GAN was trained on.
    #[arg(long, value_name = "PACK")]
    real: PathBuf,
    /// Synthetic pack.
    #[arg(long, value_name = "PACK", required_unless_present = "memory_gan", requires = "out")]
    synthetic: Option<PathBuf>,
    /// Run folder to write.
    #[arg(long, value_name = "RUN", required_unless_present = "memory_gan")]
    out: Option<PathBuf>,
    /// Share of innocent images that may be flagged; the finest that the real images allow where it is finer.
    #[arg(long, default_value_t = Task::default().false_alarm_rate, value_name = "RATE")]
    false_alarm_rate: f64,
    /// Planted copies of each kind, at most one of each training image.
    #[arg(long, default_value_t = Task::default().planted, value_name = "N")]
    planted: usize,
    /// Pairs in closest.png.
    #[arg(long, default_value_t = Task::default().pairs, value_name = "N")]
    pairs: usize,
    /// Leave out what needs a network's features: AuthPct, C_T, the nearest image by features.
    #[arg(long)]
    pixels_only: bool,
    /// Write the pack of a memory GAN instead.
    #[arg(long, value_name = "PACK", conflicts_with_all = ["synthetic", "out"])]
    memory_gan: Option<PathBuf>,
    /// Images of the memory GAN.
    #[arg(long, default_value_t = 200, requires = "memory_gan")]
    count: usize,
    /// Seed of planted copies and of the memory GAN.
    #[arg(long, default_value_t = Task::default().seed)]
    seed: u64,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    overlap: Overlap,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    fold: Fold,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(target) = &args.memory_gan {
        let real = Pack::open_any(&args.fold.of(&args.real)?)?;
        memory_gan::write(&real, target, args.count, args.seed, command_line())?;
        say!("{}: {} perturbed training images", target.display(), args.count);
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(synthetic), Some(out)) = (&args.synthetic, &args.out) else {
        bail!("--synthetic and --out: expected both");
    };
    let stage = Copying {
        real: args.fold.of(&args.real)?,
        synthetic: synthetic.clone(),
        out: out.clone(),
        settings: Task {
            extractor: args.judge.spec(),
            pixels_only: args.pixels_only,
            false_alarm_rate: args.false_alarm_rate,
            planted: args.planted,
            pairs: args.pairs,
            seed: args.seed,
        },
        allow_overlap: args.overlap.allow_overlap,
    };
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let Some(audit) = copying::run(&stage, &context(device, &stop))? else {
        return Ok(stopped());
    };
    let Concluded { scores, missing, verdict, .. } = audit.concluded;
    Scores { scores, missing }.print(args.json)?;
    if !args.json {
        show!("");
        show!("{}: {}", verdict.level.name(), verdict.text);
        output::lines(&verdict.limits);
    }
    Ok(ExitCode::SUCCESS)
}
