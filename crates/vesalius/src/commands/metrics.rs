//! `vesalius metrics`: fidelity, diversity and copying of synthetic images, each score with its protocol.

use crate::commands::judge::{self, EXTRACTORS, Judge, JudgeArgs, Kind, Side, Source};
use crate::commands::weights;
use crate::environment::{Compute, REQUEUE, Stop};
use crate::meter::Meter;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_study::data::manifest::Split;
use vesalius_study::run_dir::Subject;
use vesalius_study::score::{Missing, Score, Scores};
use vesalius_study::statistics::resample::interval_of_mean;
use vesalius_torch::features::file;
use vesalius_torch::features::images::ImageSet;
use vesalius_torch::features::inception::{Dialect, InceptionExtractor};
use vesalius_torch::metrics::features::FeatureSet;
use vesalius_torch::metrics::frechet::Divisor;
use vesalius_torch::metrics::pairs::{Likeness, Pairs, nearest_pairs, random_pairs};
use vesalius_torch::metrics::suite::{Comparison, Metric};
use vesalius_torch::nets::lpips::{Backbone, Lpips};
use vesalius_torch::{Device, Tensor};

/// Arguments.
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
    /// Divide covariances by N, as NVIDIA's code does, instead of N-1.
    #[arg(long)]
    biased: bool,
    /// Also give Fréchet distances an interval: a hundred bootstrap distances.
    #[arg(long)]
    intervals: bool,
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
    real: Source,
    synthetic: Source,
    held_out: Option<Source>,
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(out) = &args.out
        && out.join("result.json").exists()
    {
        bail!("{}: holds a finished run, expected a new folder", out.display());
    }
    let meter = Meter::start();
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    let held_out = args.held_out.as_deref().map(Source::open).transpose()?;
    let sides = Sides {
        real: Source::open(&args.real)?,
        synthetic: Source::open(&args.synthetic)?,
        held_out,
    };
    let outcome = measure(args, &sides, device, &stop);
    if stop.asked() {
        eprintln!("stopped; the same command starts again");
        return Ok(ExitCode::from(REQUEUE));
    }
    let (scores, missing, subject) = outcome?;
    if let Some(out) = &args.out {
        let mut inputs = vec![sides.real.input("real")?, sides.synthetic.input("synthetic")?];
        if let Some(held_out) = &sides.held_out {
            inputs.push(held_out.input("held_out")?);
        }
        let subject =
            subject.context("--out: expected packs, whose manifests say what was compared")?;
        let counted = scores.iter().find_map(|score| score.real_count.zip(score.synthetic_count));
        let images = counted.map(|(a, b)| (a + b) as u64);
        meter
            .result("metrics", subject, scores.clone(), inputs, images, serde_json::Value::Null)
            .publish(out)?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&Scores { scores, missing })?);
        return Ok(ExitCode::SUCCESS);
    }
    for score in &scores {
        let of = score.of.as_ref().map_or(String::new(), |of| format!(" ({of})"));
        let dialect = score.dialect.as_ref().map_or(String::new(), |d| format!(" [{d}]"));
        let interval =
            score.interval.map_or(String::new(), |[low, high]| format!(" [{low:.4}, {high:.4}]"));
        let error = score.standard_error.map_or(String::new(), |error| format!(" ± {error:.4}"));
        println!(
            "{:<52} {:.4}{interval}{error}",
            format!("{}{dialect}{of}", score.metric),
            score.value
        );
    }
    for missing in &missing {
        eprintln!("not measured: {}: {}", missing.metric, missing.reason);
    }
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
                if args.all {
                    take(Name::FrechetDistance, judged.other_dialects(args, sides, device))?;
                }
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

/// No network to see images with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoNetwork(String);

/// Features of both sides.
struct Judged {
    real: FeatureSet,
    synthetic: FeatureSet,
    held_out: Option<FeatureSet>,
    logits: Option<Tensor>,
    groups: Option<Vec<String>>,
    extractor: String,
    treatment: String,
    dialect: Option<&'static str>,
    is_fid: bool,
    subject: Option<Subject>,
}

impl Judged {
    fn new(args: &Args, sides: &Sides, device: Device, stop: &Stop) -> Result<Self> {
        if let (Source::Features { matrix: a, .. }, Source::Features { matrix: b, path }) =
            (&sides.real, &sides.synthetic)
        {
            let held_out = match &sides.held_out {
                Some(Source::Features { matrix, .. }) => Some(FeatureSet::new("held-out", matrix)?),
                Some(other) => {
                    bail!("--held-out {}: expected a feature file", other.path().display())
                }
                None => None,
            };
            return Ok(Self {
                real: FeatureSet::new("real", a)?,
                synthetic: FeatureSet::new("synthetic", b)?,
                held_out,
                logits: file::logits(path)?,
                groups: None,
                extractor: judge::UNKNOWN.to_owned(),
                treatment: "features from files".to_owned(),
                dialect: None,
                is_fid: false,
                subject: None,
            });
        }
        let (real, synthetic, held_out) = images(args, sides)?;
        let judge = args.judge.judge(&sides.real, device, stop).map_err(|error| {
            if stop.asked() { error } else { NoNetwork(format!("{error:#}")).into() }
        })?;
        let of = |role: &'static str, images: &dyn ImageSet, keep: bool| {
            FeatureSet::new(role, &judge::features(&judge, role, images, keep)?)
        };
        let real_features = of("real", real.as_ref(), true)?;
        let synthetic_features = of("synthetic", synthetic.as_ref(), false)?;
        let held_out = match &held_out {
            Some(images) if !images.is_empty() => Some(of("held-out", images.as_ref(), true)?),
            _ => None,
        };
        let logits = judge.extractor.logits(&synthetic_features.matrix().to_device(device));
        let (treatment, subject) =
            judge::against(&judge, [&sides.real, &sides.synthetic], Side::Train);
        Ok(Self {
            logits,
            groups: Some((0..real.len()).map(|i| real.group(i)).collect()),
            extractor: judge.extractor.name(),
            treatment,
            dialect: judge.dialect,
            is_fid: judge.extractor.is_fids(),
            subject,
            real: real_features,
            synthetic: synthetic_features,
            held_out,
        })
    }

    fn measure(&self, args: &Args, metric: Metric) -> Result<Vec<Score>> {
        Comparison {
            real: &self.real,
            synthetic: &self.synthetic,
            held_out: self.held_out.as_ref(),
            logits: self.logits.as_ref(),
            real_groups: self.groups.as_deref(),
            extractor: &self.extractor,
            dialect: self.dialect,
            treatment: &self.treatment,
            is_fid: self.is_fid,
            divisor: if args.biased { Divisor::Biased } else { Divisor::Unbiased },
            intervals: args.intervals,
        }
        .measure(metric)
    }

    /// FID's other two dialects, with the same weights.
    fn other_dialects(&self, args: &Args, sides: &Sides, device: Device) -> Result<Vec<Score>> {
        if args.judge.extractor != Kind::Inception || self.dialect.is_none() {
            return Ok(Vec::new());
        }
        let (real, synthetic, _) = images(args, sides)?;
        let path = match &args.judge.weights {
            Some(path) => path.clone(),
            None => weights::in_cache("inception")?,
        };
        let mut scores = Vec::new();
        for dialect in [Dialect::CleanFid, Dialect::PytorchFid, Dialect::TorchFidelity] {
            if self.dialect == Some(dialect.name()) {
                continue;
            }
            let judge = Judge {
                extractor: Box::new(InceptionExtractor::load(&path, dialect, device)?),
                treatment: format!("{} input treatment", dialect.name()),
                dialect: Some(dialect.name()),
            };
            let of = |role: &'static str, images: &dyn ImageSet, keep| {
                FeatureSet::new(role, &judge::features(&judge, role, images, keep)?)
            };
            let judged = Self {
                real: of("real", real.as_ref(), true)?,
                synthetic: of("synthetic", synthetic.as_ref(), false)?,
                held_out: None,
                logits: None,
                groups: self.groups.clone(),
                extractor: self.extractor.clone(),
                treatment: judge.treatment.clone(),
                dialect: judge.dialect,
                is_fid: self.is_fid,
                subject: None,
            };
            scores.extend(judged.measure(args, Metric::FrechetDistance)?);
        }
        Ok(scores)
    }
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
        (None, Source::Pack(_)) => sides.real.images(Some(Split::Test)),
        (None, _) => None,
    };
    Ok((real, synthetic, held_out))
}

/// Pairs for the diversity of a set.
const RANDOM_PAIRS: usize = 1000;

/// PSNR, SSIM or LPIPS.
fn likeness(args: &Args, sides: &Sides, name: Name, device: Device) -> Result<Vec<Score>> {
    if matches!(sides.real, Source::Features { .. }) {
        bail!("{}: compares images, expected packs or folders", name.text());
    }
    let (real, synthetic, _) = images(args, sides)?;
    let network;
    let (likeness, extractor) = match name {
        Name::Psnr => (Likeness::Psnr, None),
        Name::Ssim => (Likeness::Ssim, None),
        _ => {
            let backbone = match args.lpips {
                LpipsNetwork::Alexnet => Backbone::Alexnet,
                LpipsNetwork::Vgg16 => Backbone::Vgg16,
            };
            let path = weights::in_cache(&format!("lpips-{}", backbone.name()))?;
            network = Lpips::load(backbone, &path, device)?;
            let digest = vesalius_study::digest::of_file(&path)?;
            (
                Likeness::Lpips(&network),
                Some(format!("lpips-{}@{}", backbone.name(), &digest[..12])),
            )
        }
    };
    let paired = match (&sides.real, &sides.synthetic) {
        (Source::Folder { images: a, .. }, Source::Folder { images: b, .. }) => a.pairs_with(b),
        _ => false,
    };
    let score = |of: &str, how: &str, values: Vec<f64>| -> Result<Score> {
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        if finite.is_empty() {
            bail!("{}: all {} pairs are equal, their PSNR is infinite", name.text(), values.len());
        }
        let equal = values.len() - finite.len();
        let equal = if equal > 0 {
            format!("; {equal} pairs of equal images, whose PSNR is infinite, left out")
        } else {
            String::new()
        };
        Ok(Score {
            interval: interval_of_mean(&finite, 0),
            of: Some(of.to_owned()),
            extractor: extractor.clone(),
            real_count: Some(real.len()),
            synthetic_count: Some(synthetic.len()),
            ..Score::new(
                likeness.name(),
                finite.iter().sum::<f64>() / finite.len() as f64,
                format!("mean over {} {how}{equal}; interval: bootstrap over pairs", values.len()),
            )
        })
    };
    if paired {
        let pairs: Pairs = (0..real.len()).map(|i| (i, i)).collect();
        let values = likeness.of(synthetic.as_ref(), real.as_ref(), &pairs)?;
        return Ok(vec![score("pairs", "pairs of the same file name", values)?]);
    }
    let pairs = nearest_pairs(synthetic.as_ref(), real.as_ref())?;
    let mut scores = vec![score(
        "nearest real",
        "synthetic images with their nearest real one (Euclidean, pixels shrunk to at most 64)",
        likeness.of(synthetic.as_ref(), real.as_ref(), &pairs)?,
    )?];
    for (of, set) in [("random synthetic pairs", &synthetic), ("random real pairs", &real)] {
        if set.len() > 1 {
            let pairs = random_pairs(set.len(), RANDOM_PAIRS, 0);
            let values = likeness.of(set.as_ref(), set.as_ref(), &pairs)?;
            scores.push(score(of, "random pairs of different images", values)?);
        }
    }
    Ok(scores)
}
