//! `vesalius metrics`: fidelity, diversity and copying of synthetic images, each score with its protocol.

mod judged;
mod likeness;

use crate::commands::judge::{self, EXTRACTORS, JudgeArgs, Side};
use crate::commands::overlap::{Overlap, Settled, Use, compared};
use crate::environment::{Compute, Stop};
use crate::meter;
use anyhow::{Context, Result, bail};
pub use judged::of_file;
use judged::{Judged, NoNetwork};
use likeness::likeness;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::checks::overlap::held_out_and_others;
use vesalius_data::pack::manifest::Split;
use vesalius_data::run::score::{Missing, Score, Scores};
use vesalius_data::run::{Subject, refuse_finished};
use vesalius_torch::Device;
use vesalius_torch::features::images::ImageSet;
use vesalius_torch::metrics::suite::Metric;

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXTRACTORS}

Metrics: frechet_distance (fid), fd_infinity, relative_distance, kid, inception_score, precision_recall (with density and
coverage), auth_pct, c_t, psnr, ssim, lpips. With --all, what cannot be measured on this input is listed with its reason;
a metric that was asked for by name and cannot be measured is an error. With --extractor inception, --all prints the
Fréchet distance in all three dialects.

psnr, ssim and lpips: of images of the same name where both folders hold the same names; else of each synthetic image
with its nearest real one, and of random pairs within either set.

Examples:
  vesalius metrics --real packs/acdc --synthetic packs/spade --all
  vesalius metrics --real real.npy --synthetic fake.npy --held-out test.npy --all --json
  vesalius metrics --real photos/ --synthetic generated/ --metrics kid,ssim --extractor inception"))]
pub struct Args {
    /// Real pack, folder of images, or features as .npy or .safetensors [N, D].
    #[arg(long, value_name = "F")]
    real: PathBuf,
    /// Synthetic pack, folder of images, or features.
    #[arg(long, value_name = "F")]
    synthetic: PathBuf,
    /// Real samples that trained nothing, for c_t [default: the test patients of a real pack].
    #[arg(long, value_name = "F")]
    held_out: Option<PathBuf>,
    /// What to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "frechet_distance")]
    metrics: Vec<Name>,
    /// Everything that can be measured on this input.
    #[arg(long, conflicts_with = "metrics")]
    all: bool,
    #[command(flatten)]
    judge: JudgeArgs,
    /// Network of LPIPS.
    #[arg(long, value_enum, default_value = "alexnet")]
    lpips: LpipsNetwork,
    /// Samples in each subset of kid; torch-fidelity: 1000 [default: 1000, or half the smaller side if that is less].
    #[arg(long, value_name = "N")]
    kid_subset: Option<usize>,
    /// Divide covariances by N, as NVIDIA's code does, instead of N-1; the distance is then never called FID.
    #[arg(long)]
    biased: bool,
    /// Also give the Fréchet distance, fd_infinity and relative_distance an interval, from a hundred (20 for
    /// fd_infinity)
    /// bootstrap distances.
    #[arg(long)]
    intervals: bool,
    #[command(flatten)]
    overlap: Overlap,
    /// Also write a run folder for `vesalius report`.
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Name {
    FrechetDistance,
    FdInfinity,
    RelativeDistance,
    Kid,
    InceptionScore,
    PrecisionRecall,
    AuthPct,
    #[value(name = "c_t")]
    CT,
    Psnr,
    Ssim,
    Lpips,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LpipsNetwork {
    /// LPIPS' default.
    Alexnet,
    /// VGG16.
    Vgg16,
}

impl Name {
    fn text(self) -> String {
        use clap::ValueEnum as _;
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The metric, where it is one of features.
    fn of_features(self) -> Option<Metric> {
        Some(match self {
            Self::FrechetDistance => Metric::FrechetDistance,
            Self::FdInfinity => Metric::FdInfinity,
            Self::RelativeDistance => Metric::RelativeDistance,
            Self::Kid => Metric::Kid,
            Self::InceptionScore => Metric::InceptionScore,
            Self::PrecisionRecall => Metric::PrecisionRecall,
            Self::AuthPct => Metric::AuthPct,
            Self::CT => Metric::CT,
            Self::Psnr | Self::Ssim | Self::Lpips => return None,
        })
    }
}

/// Both sides, and the real samples that trained nothing.
struct Sides {
    real: Side,
    synthetic: Side,
    held_out: Option<Side>,
    /// What protocols have to say of overlaps and sizes.
    settled: Settled,
}

impl Sides {
    fn open(args: &Args) -> Result<Self> {
        let held_out = args.held_out.as_deref().map(Side::open).transpose()?;
        let (real, synthetic) = (Side::open(&args.real)?, Side::open(&args.synthetic)?);
        if args.out.is_some() {
            judge::only_packs([&real, &synthetic])?;
        }
        // These ask who was seen; the others only how near images are.
        let asks = |name| args.all || args.metrics.contains(&name);
        let meeting = match (&held_out, &real, &synthetic) {
            (Some(Side::Pack(held_out)), Side::Pack(real), Side::Pack(made)) => {
                held_out_and_others(held_out, real, made)
            }
            _ if asks(Name::AuthPct) || asks(Name::CT) => {
                compared(&real, &synthetic, Use::BothSides)
            }
            _ => compared(&real, &synthetic, Use::OneSplit(Split::Train)),
        };
        let remark = args.judge.check_sizes(&real, &synthetic)?;
        let settled = Settled { remark, overlap: vec![] }.and(args.overlap.settle(&meeting)?);
        Ok(Self { real, synthetic, held_out, settled })
    }
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(out) = &args.out {
        refuse_finished(out)?;
    }
    let meter = meter::start();
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let sides = Sides::open(args)?;
    let outcome = measure(args, &sides, device, &stop);
    if let Some(code) = stop.before_writing() {
        return Ok(code);
    }
    let (scores, missing, subject) = outcome?;
    if let Some(out) = &args.out {
        let mut inputs = vec![sides.real.input("real")?, sides.synthetic.input("synthetic")?];
        if let Some(held_out) = &sides.held_out {
            inputs.push(held_out.input("held_out")?);
        }
        let subject = subject.context("--out: expected packs")?;
        let counted = scores.iter().find_map(|score| score.real_count.zip(score.synthetic_count));
        let images = counted.map(|(a, b)| (a + b) as u64);
        let settings = serde_json::Value::Null;
        let result = meter.result("metrics", subject, scores.clone(), inputs, images, settings);
        sides.settled.of(result).publish(out)?;
    }
    Scores { scores, missing }.print(args.json)?;
    Ok(ExitCode::SUCCESS)
}

type Measured = (Vec<Score>, Vec<Missing>, Option<Subject>);

fn measure(args: &Args, sides: &Sides, device: Device, stop: &Stop) -> Result<Measured> {
    use clap::ValueEnum as _;
    let names: Vec<Name> =
        if args.all { Name::value_variants().to_vec() } else { args.metrics.clone() };
    let mut scores = Vec::new();
    let mut missing = Vec::new();
    let mut take = |name: Name, found: Result<Vec<Score>>| -> Result<()> {
        match found {
            Ok(found) => scores.extend(found),
            Err(error) if args.all && !stop.asked() => {
                missing.push(Missing { metric: name.text(), reason: format!("{error:#}") });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    };
    let mut subject = None;
    let wanted: Vec<(Name, Metric)> =
        names.iter().filter_map(|name| Some((*name, name.of_features()?))).collect();
    if !wanted.is_empty() {
        match Judged::new(args, sides, device, stop) {
            Ok(judged) => {
                subject.clone_from(&judged.subject);
                for (name, metric) in wanted {
                    take(name, judged.measure(args, metric))?;
                }
                take(Name::FrechetDistance, judged.other_dialects(args))?;
            }
            // Damaged input is an error whatever was asked for; only a network that is not there may be missing.
            Err(error) if args.all && error.is::<NoNetwork>() => {
                for (name, _) in wanted {
                    let error = anyhow::anyhow!("{error:#}");
                    take(name, Err(error))?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    for name in names {
        if name.of_features().is_none() {
            take(name, likeness(args, sides, name, device))?;
        }
    }
    if scores.is_empty() {
        let reasons: Vec<String> =
            missing.iter().map(|m| format!("{}: {}", m.metric, m.reason)).collect();
        bail!("nothing could be measured: {}", reasons.join("; "));
    }
    Ok((scores, missing, subject))
}

type Images<'a> = Box<dyn ImageSet + 'a>;

/// Images of both sides: the real training ones, all synthetic ones, the held-out ones.
fn images<'a>(
    args: &Args,
    sides: &'a Sides,
) -> Result<(Images<'a>, Images<'a>, Option<Images<'a>>)> {
    let split = if args.held_out.is_none() { Some(Split::Train) } else { None };
    let (Some(real), Some(synthetic)) = (sides.real.images(split), sides.synthetic.images(None))
    else {
        bail!("--real and --synthetic: expected two feature files, or images on both sides");
    };
    let held_out = match (&sides.held_out, &sides.real) {
        (Some(held_out), _) => Some(held_out.images(None).with_context(|| {
            format!("--held-out {}: expected images", held_out.path().display())
        })?),
        (None, Side::Pack(_)) => sides.real.images(Some(Split::Test)),
        (None, _) => None,
    };
    Ok((real, synthetic, held_out))
}
