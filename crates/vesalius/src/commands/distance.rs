//! `vesalius distance`: how far synthetic images are from real ones.

use crate::commands::judge::{self, EXTRACTORS, JudgeArgs, RealSplit, Side};
use crate::commands::metrics::of_file;
use crate::commands::overlap::{Overlap, Use, compared};
use crate::environment::{Compute, Stop};
use crate::meter;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::run::score::{Score, Scores};
use vesalius_data::run::{Subject, refuse_finished};
use vesalius_data::show;
use vesalius_torch::metrics::frechet::{self, Divisor, frechet_distance};
use vesalius_torch::{Device, Tensor};

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXTRACTORS}

Examples:
  vesalius distance --real packs/acdc --synthetic packs/wgan-gp --out runs/distance-wgan-gp
  vesalius distance --real real.npy --synthetic synthetic.safetensors --json"))]
pub struct Args {
    /// Real pack, folder of images, or features as .npy or .safetensors [N, D].
    #[arg(long, value_name = "F")]
    real: PathBuf,
    /// Synthetic pack, folder of images, or features.
    #[arg(long, value_name = "F")]
    synthetic: PathBuf,
    #[command(flatten)]
    judge: JudgeArgs,
    /// Real slices to compare with: those that trained the GAN, or held-out ones.
    #[arg(long, value_enum, default_value = "train")]
    real_split: RealSplit,
    /// Divide covariances by N, as NVIDIA's code does, instead of N-1; the distance is then never called FID.
    #[arg(long)]
    biased: bool,
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

pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(out) = &args.out {
        refuse_finished(out)?;
    }
    let meter = meter::start();
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let (real, synthetic) = (Side::open(&args.real)?, Side::open(&args.synthetic)?);
    if args.out.is_some() {
        judge::only_packs([&real, &synthetic])?;
    }
    let purpose = Use::OneSplit(args.real_split.split());
    let sizes = args.judge.check_sizes(&real, &synthetic)?;
    let settled = args.overlap.settle(&compared(&real, &synthetic, purpose))?;
    let remark = sizes + &settled.remark;
    let outcome = compare(args, [&real, &synthetic], &remark, device, &stop);
    if let Some(code) = stop.before_writing() {
        return Ok(code);
    }
    let (score, subject) = outcome?;
    if let Some(out) = &args.out {
        let subject = subject.context("--out: expected packs")?;
        let inputs = vec![real.input("real")?, synthetic.input("synthetic")?];
        let images = score.real_count.zip(score.synthetic_count).map(|(a, b)| (a + b) as u64);
        let scores = vec![score.clone()];
        let settings = serde_json::Value::Null;
        let result = meter.result("distance", subject, scores, inputs, images, settings);
        settled.of(result).publish(out)?;
    }
    if args.json {
        Scores { scores: vec![score], missing: Vec::new() }.print(true)?;
    } else {
        show!("{:.4}", score.value);
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(
    args: &Args,
    [real, synthetic]: [&Side; 2],
    remark: &str,
    device: Device,
    stop: &Stop,
) -> Result<(Score, Option<Subject>)> {
    let divisor = if args.biased { Divisor::Biased } else { Divisor::Unbiased };
    let covariance = format!("covariance divided by {}", if args.biased { "N" } else { "N-1" });
    let score = |name: &str, a: &Tensor, b: &Tensor, treatment: &str| -> Result<Score> {
        let value = frechet_distance(a, b, divisor)?;
        let score = Score {
            real_count: Some(a.size()[0] as usize),
            synthetic_count: Some(b.size()[0] as usize),
            ..Score::new(name, value, format!("{treatment}; {covariance}"))
        };
        Ok(score.finite()?)
    };
    if let (Side::Features { matrix: a, .. }, Side::Features { matrix: b, .. }) = (real, synthetic)
    {
        let mut found = score("frechet_distance", a, b, "features from files")?;
        found.extractor = Some(of_file(real)?);
        return Ok((found, None));
    }
    let (Some(real_images), Some(synthetic_images)) =
        (real.images(Some(args.real_split.split())), synthetic.images(None))
    else {
        bail!("--real and --synthetic: expected two feature files, or images on both sides");
    };
    let judge = args.judge.judge(real, device, stop)?;
    let a = judge::features(&judge, "real", real_images.as_ref(), true)?;
    let b = judge::features(&judge, "synthetic", synthetic_images.as_ref(), false)?;
    let (treatment, subject) = judge::against(&judge, [real, synthetic], args.real_split, remark);
    let name = frechet::name(judge.extractor.is_fids(), divisor);
    let mut found = score(name, &a, &b, &treatment)?;
    found.extractor = Some(judge.extractor.name());
    found.dialect = judge.dialect.map(ToOwned::to_owned);
    Ok((found, subject))
}
