//! `vesalius distance`: how far synthetic images are from real ones.

use crate::environment::{Compute, REQUEUE, Stop, command_line, machine};
use crate::progress::Progress;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use vesalius_study::data::manifest::Split;
use vesalius_study::data::pack::Pack;
use vesalius_study::run_dir::{Input, Outcome, RESULT_FORMAT, RunResult, Subject};
use vesalius_study::score::{Score, Scores};
use vesalius_torch::features::inception::{Dialect, InceptionExtractor};
use vesalius_torch::features::script::ScriptExtractor;
use vesalius_torch::features::unet::{UnetExtractor, cache_dir, default_spec};
use vesalius_torch::features::{Extractor, file, of_slices};
use vesalius_torch::metrics::frechet::{Divisor, frechet_distance};
use vesalius_torch::{Device, Tensor};

/// File of FID's weights in the cache.
pub const INCEPTION_WEIGHTS: &str = "inception.safetensors";
/// How to get it.
pub const INCEPTION_REMEDY: &str = "for FID: download pt_inception-2015-12-05-6726825d.pth from the releases of \
    pytorch-fid, then python3 scripts/weights_to_safetensors.py IN.pth ~/.cache/vesalius/inception.safetensors";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Extractors of packs:
  unet         bottleneck of a U-Net trained on the real pack's training patients (kept in the cache); no download.
               Comparable only among packs judged by the same network: the score names its digest.
  inception    FID's own network (inception-2015-12-05) from --weights FILE.safetensors, names as in pytorch-fid; the
               score is then FID. --dialect says whose resizing and scaling.
  torchscript  any TorchScript module from --weights FILE that maps [N, 3, 299, 299] (after the dialect's input
               treatment) to [N, D].
Dialects: clean-fid (default), pytorch-fid, torch-fidelity. See docs/method.md.

Examples:
  vesalius distance --real packs/acdc --synthetic packs/wgan-gp --out runs/distance-wgan-gp
  vesalius distance --real real.npy --synthetic synthetic.safetensors --json")]
pub struct Args {
    /// Real pack, or features as .npy or .safetensors [N, D].
    #[arg(long, value_name = "F")]
    real: PathBuf,
    /// Synthetic pack, or features.
    #[arg(long, value_name = "F")]
    synthetic: PathBuf,
    /// Network whose features are compared.
    #[arg(long, value_enum, default_value = "unet")]
    extractor: Kind,
    /// Weights of the extractor.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Input treatment of inception and torchscript.
    #[arg(long, value_enum, default_value = "clean-fid")]
    dialect: DialectName,
    /// Real slices to compare with: those that trained the GAN, or held-out ones.
    #[arg(long, value_enum, default_value = "train")]
    real_split: Side,
    /// Divide covariances by N, as NVIDIA's code does, instead of N-1.
    #[arg(long)]
    biased: bool,
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
enum Kind {
    /// The real pack's own U-Net.
    Unet,
    /// FID's network.
    Inception,
    /// A module of yours.
    Torchscript,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DialectName {
    /// PIL bicubic, antialiased.
    CleanFid,
    /// Bilinear without antialiasing.
    PytorchFid,
    /// TensorFlow 1's bilinear.
    TorchFidelity,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Side {
    /// Training patients.
    Train,
    /// Test patients.
    Test,
}

/// One side of the comparison.
struct Samples {
    features: Tensor,
    input: Input,
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(out) = &args.out
        && out.join("result.json").exists()
    {
        bail!("{}: holds a finished run, expected a new folder", out.display());
    }
    let started = Instant::now();
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    let files = [&args.real, &args.synthetic].map(|path| file::is_feature_file(path));
    let outcome = match files {
        [true, true] => {
            Ok((of_file("real", &args.real)?, of_file("synthetic", &args.synthetic)?, None))
        }
        [false, false] => of_packs(args, device, &stop),
        _ => bail!("--real and --synthetic: expected two packs or two feature files"),
    };
    if stop.asked() {
        eprintln!("stopped; the same command starts again");
        return Ok(ExitCode::from(REQUEUE));
    }
    let (real, synthetic, judged) = outcome?;
    let divisor = if args.biased { Divisor::Biased } else { Divisor::Unbiased };
    let value = frechet_distance(&real.features, &synthetic.features, divisor)?;
    let covariance = if args.biased { "N" } else { "N-1" };
    let (extractor, treatment) = match &judged {
        Some(judged) => (Some(judged.extractor.clone()), judged.treatment.clone()),
        None => (Some("unknown: features from files".to_owned()), "features from files".to_owned()),
    };
    let score = Score {
        metric: "frechet_distance".to_owned(),
        value,
        interval: None,
        of: None,
        extractor,
        real_count: Some(real.features.size()[0] as usize),
        synthetic_count: Some(synthetic.features.size()[0] as usize),
        protocol: format!("{treatment}; covariance divided by {covariance}"),
    };
    if let Some(out) = &args.out {
        let judged =
            judged.context("--out: expected packs, whose manifests say what was compared")?;
        RunResult {
            format: RESULT_FORMAT,
            stage: "distance".to_owned(),
            subject: judged.subject,
            outcome: Outcome::Finished,
            scores: vec![score.clone()],
            inputs: vec![real.input, synthetic.input],
            wall_secs: started.elapsed().as_secs_f64(),
            command: command_line(),
            vesalius: env!("CARGO_PKG_VERSION").to_owned(),
            machine: machine(),
            settings: serde_json::Value::Null,
        }
        .publish(out)?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&Scores { scores: vec![score] })?);
    } else {
        println!("{value:.4}");
    }
    Ok(ExitCode::SUCCESS)
}

/// What only packs can tell.
struct Judged {
    extractor: String,
    treatment: String,
    subject: Subject,
}

fn of_file(role: &str, path: &Path) -> Result<Samples> {
    let sha256 = vesalius_study::digest::of_file(path)
        .with_context(|| format!("{}: cannot be read", path.display()))?;
    let input =
        Input { role: role.to_owned(), path: path.to_owned(), sha256, command: String::new() };
    Ok(Samples { features: file::read(path)?, input })
}

fn of_packs(
    args: &Args,
    device: Device,
    stop: &Stop,
) -> Result<(Samples, Samples, Option<Judged>)> {
    let (real, synthetic) = (Pack::open(&args.real)?, Pack::open(&args.synthetic)?);
    let (extractor, treatment) = extractor(args, &real, device, stop)?;
    let split = match args.real_split {
        Side::Train => Split::Train,
        Side::Test => Split::Test,
    };
    let indices = real.indices(split);
    let all: Vec<usize> = (0..synthetic.len()).collect();
    let total = (indices.len() + all.len()) as u64;
    let mut bar = Progress::new("features", total, "images");
    let mut features = |role: &str, pack: &Pack, indices: &[usize], before: u64| {
        let features = of_slices(extractor.as_ref(), pack, indices, &mut |done| {
            bar.set(before + done as u64, "");
        })
        .with_context(|| format!("{}", pack.path().display()))?;
        anyhow::Ok(Samples { features, input: Input::pack(role, pack) })
    };
    let real_samples = features("real", &real, &indices, 0)?;
    let synthetic_samples = features("synthetic", &synthetic, &all, indices.len() as u64)?;
    bar.finish();
    let provenance = &synthetic.manifest().provenance;
    let gan = provenance.row();
    let painted =
        provenance.painted_masks().map_or(String::new(), |masks| format!("; painted {masks}"));
    let subject = Subject { dataset: real.manifest().dataset.clone(), gan, trained_on: None };
    let side = match args.real_split {
        Side::Train => "training",
        Side::Test => "test",
    };
    let treatment = format!("{treatment}; against real {side} slices{painted}");
    let judged = Judged { extractor: extractor.name(), treatment, subject };
    Ok((real_samples, synthetic_samples, Some(judged)))
}

fn extractor(
    args: &Args,
    real: &Pack,
    device: Device,
    stop: &Stop,
) -> Result<(Box<dyn Extractor>, String)> {
    let inception = || match &args.weights {
        Some(path) => Ok(path.clone()),
        None => Some(cache_dir()?.join(INCEPTION_WEIGHTS))
            .filter(|path| path.is_file())
            .with_context(|| format!("--weights: missing. {INCEPTION_REMEDY}")),
    };
    let dialect = match args.dialect {
        DialectName::CleanFid => Dialect::CleanFid,
        DialectName::PytorchFid => Dialect::PytorchFid,
        DialectName::TorchFidelity => Dialect::TorchFidelity,
    };
    Ok(match args.extractor {
        Kind::Unet => {
            if args.weights.is_some() {
                bail!("--weights: the unet extractor trains its own, expected none");
            }
            let spec = default_spec();
            let mut bar: Option<Progress> = None;
            let extractor = UnetExtractor::of_pack(
                real,
                &spec,
                device,
                &|| stop.asked(),
                &mut |step, loss| {
                    bar.get_or_insert_with(|| {
                        Progress::new("training the judge U-Net", spec.steps, "steps")
                    })
                    .set(step, &format!("loss {loss:.3}"));
                },
            )?;
            (Box::new(extractor), "mean bottleneck features of the real pack's U-Net".to_owned())
        }
        Kind::Inception => (
            Box::new(InceptionExtractor::load(&inception()?, dialect, device)?),
            format!("{} input treatment", dialect.name()),
        ),
        Kind::Torchscript => (
            Box::new(ScriptExtractor::load(
                args.weights.as_deref().context("--weights: expected the TorchScript file")?,
                dialect,
                device,
            )?),
            format!("{} input treatment", dialect.name()),
        ),
    })
}
