//! `vesalius copying`: are synthetic images training images again, and would this audit have noticed?

use crate::commands::judge::{self, EXTRACTORS, Judge, JudgeArgs, RealSplit, Side};
use crate::commands::overlap::{Overlap, Settled, Use, compared};
use crate::environment::{Compute, Stop, command_line};
use crate::meter;
use crate::progress::Progress;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::files::publish::write_file;
use vesalius_data::output;
use vesalius_data::pack::Pack;
use vesalius_data::run::score::Scores;
use vesalius_data::run::{Subject, refuse_finished};
use vesalius_data::say;
use vesalius_data::show;
use vesalius_torch::Device;
use vesalius_torch::features::images::{ImageSet as _, PackImages};
use vesalius_torch::metrics::audit::conclude::{Concluded, Features, conclude};
use vesalius_torch::metrics::audit::memory_gan;
use vesalius_torch::metrics::audit::run::{Searched, Settings, Sides};
use vesalius_torch::metrics::audit::tables::{nearest_csv, picture};
use vesalius_torch::metrics::features::FeatureSet;

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXTRACTORS}

The real pack's training slices are what the GAN learned from, its test patients are held out. Each synthetic image is
compared with all training images, mirrored, turned, scaled and moved; its score is the distance to the nearest one over
the mean distance to the nearest images of the next patients. The alarm is set on real images: held-out ones, and training
images whose own patient is left out. Copies planted on purpose tell how many copies this audit finds on this data.

Level: none_found, suspicious or copying, by the rules in docs/method.md. RUN gets result.json, nearest.csv (every synthetic
and held-out image with its nearest training image, by pixels and by features) and closest.png (the closest pairs: synthetic,
training image as it is nearest, difference; framed if flagged).

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
    #[arg(long, default_value_t = 0.01, value_name = "RATE")]
    false_alarm_rate: f64,
    /// Planted copies of each kind, at most one of each training image.
    #[arg(long, default_value_t = 100, value_name = "N")]
    planted: usize,
    /// Pairs in closest.png.
    #[arg(long, default_value_t = 24, value_name = "N")]
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
    #[arg(long, default_value_t = 0)]
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
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(target) = &args.memory_gan {
        let real = Pack::open(&args.real)?;
        memory_gan::write(&real, target, args.count, args.seed, command_line())?;
        say!("{}: {} perturbed training images", target.display(), args.count);
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(synthetic), Some(out)) = (&args.synthetic, &args.out) else {
        bail!("--synthetic and --out: expected both");
    };
    refuse_finished(out)?;
    if !(args.false_alarm_rate > 0.0 && args.false_alarm_rate < 1.0) {
        bail!("--false-alarm-rate {}: expected more than 0 and less than 1", args.false_alarm_rate);
    }
    if args.planted == 0 || args.pairs == 0 {
        bail!("--planted and --pairs: expected at least 1");
    }
    let meter = meter::start();
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let (real, synthetic) = (Side::open(&args.real)?, Side::open(synthetic)?);
    let settled = args.overlap.settle(&compared(&real, &synthetic, Use::BothSides))?;
    let outcome = audit(args, [&real, &synthetic], &settled, device, &stop);
    if let Some(code) = stop.before_writing() {
        return Ok(code);
    }
    let Outcome { concluded, csv, png, images } = outcome?;
    let inputs = vec![real.input("real")?, synthetic.input("synthetic")?];
    let subject = Subject {
        dataset: pack(&real, "real")?.manifest().dataset.clone(),
        gan: pack(&synthetic, "synthetic")?.manifest().provenance.row(),
        trained_on: None,
    };
    write_file(&out.join("nearest.csv"), csv.as_bytes())?;
    write_file(&out.join("closest.png"), &png)?;
    let Concluded { scores, missing, settings, verdict, .. } = concluded;
    let result = meter.result("copying", subject, scores.clone(), inputs, Some(images), settings);
    settled.of(result).publish(out)?;
    Scores { scores, missing }.print(args.json)?;
    if !args.json {
        show!("");
        show!("{}: {}", verdict.level.name(), verdict.text);
        output::lines(&verdict.limits);
    }
    Ok(ExitCode::SUCCESS)
}

struct Outcome {
    concluded: Concluded,
    csv: String,
    png: Vec<u8>,
    images: u64,
}

fn audit(
    args: &Args,
    [real, synthetic]: [&Side; 2],
    settled: &Settled,
    device: Device,
    stop: &Stop,
) -> Result<Outcome> {
    let sides = Sides::new(pack(real, "real")?, pack(synthetic, "synthetic")?)?;
    let settings = Settings {
        false_alarm_rate: args.false_alarm_rate,
        planted: args.planted,
        seed: args.seed,
    };
    let mut bar: Option<Progress> = None;
    let searched = Searched::of(&sides, settings, &mut |what, done, total| {
        if stop.asked() {
            bail!("stopped");
        }
        if done == 0 {
            bar = Some(Progress::new(what, total as u64, "images"));
        } else if let Some(bar) = &mut bar {
            bar.set(done as u64, "");
        }
        Ok(())
    })?;
    if let Some(bar) = bar {
        bar.finish();
    }
    let features = if args.pixels_only {
        None
    } else {
        let judge = args.judge.judge(real, device, stop)?;
        Some(features(&judge, &sides, [real, synthetic], &settled.remark)?)
    };
    let mut concluded = conclude(&sides, &searched, features.as_ref())?;
    settled.note(&mut concluded.scores);
    let images = sides.training.len() + sides.held_out.len() + sides.synthetic.len();
    Ok(Outcome {
        csv: nearest_csv(&sides, &searched, concluded.by_features.as_ref()),
        png: picture(&sides, &searched, args.pairs)?,
        concluded,
        images: images as u64,
    })
}

fn pack<'a>(source: &'a Side, role: &str) -> Result<&'a Pack> {
    match source {
        Side::Pack(pack) => Ok(pack),
        other => bail!("--{role} {}: expected a pack", other.path().display()),
    }
}

fn features(judge: &Judge, sides: &Sides, sources: [&Side; 2], remark: &str) -> Result<Features> {
    let of = |role: &'static str, images: &PackImages, keep: bool| {
        FeatureSet::new(role, &judge::features(judge, role, images, keep)?)
    };
    let held_out = if sides.held_out.is_empty() {
        Err("no test patients in the real pack".to_owned())
    } else {
        of("held-out", &sides.held_out, true).map_err(|error| format!("{error:#}"))
    };
    let (treatment, _) = judge::against(judge, sources, RealSplit::Train, remark);
    Ok(Features {
        training: of("real", &sides.training, true)?,
        synthetic: of("synthetic", &sides.synthetic, false)?,
        held_out,
        extractor: judge.extractor.name(),
        dialect: judge.dialect.map(ToOwned::to_owned),
        treatment,
    })
}
