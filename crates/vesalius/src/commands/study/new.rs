//! `vesalius study new`: a study for one's own patients that fits a night.

mod file;

use super::plan::parse_hours;
use super::status::duration;
use super::trial::SAMPLING;
use crate::environment::needs_libtorch;
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::files::publish::write_file;
use vesalius_data::pack::Pack;
use vesalius_data::say;
use vesalius_data::show;
use vesalius_stages::segment;
use vesalius_study::study::Unet;
use vesalius_torch::features::unet::default_spec;
use vesalius_torch::spec::TrainSpec;
use vesalius_torch::trial;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Times a few steps of GANs and U-Net on this machine, then writes a commented study file that takes about so many hours: a
U-Net on real images, with and without synthetic ones of each GAN, in every fold of the pack.

Example:
  vesalius study new packs/acdc --hours 8 --out acdc.toml
  vesalius study run acdc.toml")]
pub struct Args {
    /// Pack of `vesalius prepare`.
    #[arg(value_name = "PACK")]
    pack: PathBuf,
    /// Hours that it may take on this machine, one task after the other.
    #[arg(long, value_name = "H", value_parser = parse_hours)]
    hours: f64,
    /// Study file to write; must not exist yet.
    #[arg(long, value_name = "STUDY.toml", default_value = "study.toml")]
    out: PathBuf,
}

/// A GAN that trains within a night on a CPU.
struct Candidate {
    preset: &'static str,
    why: &'static str,
    set: &'static [&'static str],
}

/// In the order in which they are taken.
const CANDIDATES: [Candidate; 2] = [
    Candidate {
        preset: "lsgan",
        why: "A small LSGAN",
        set: &[
            "networks.generator.upsample=resize",
            "networks.generator.filters=32",
            "networks.discriminator.filters=32",
            "training.batch=16",
            "optimiser.generator.learning_rate=2e-4",
            "optimiser.discriminator.learning_rate=1e-4",
        ],
    },
    Candidate {
        preset: "stylegan2",
        why: "A small StyleGAN2, with differentiable augmentation for few patients",
        set: &[
            "augment.diff_augment=[\"color\",\"translation\",\"cutout\"]",
            "augment.ada.transforms=[]",
            "augment.mask_noise=0.5",
            "networks.mapping.latent=128",
            "networks.mapping.style=128",
            "networks.generator.channel_base=1024",
            "networks.discriminator.channel_base=1024",
            "optimiser.generator.learning_rate=2e-3",
            "optimiser.discriminator.learning_rate=2e-3",
            "regularise.style.r1=1",
            "regularise.style.path_length=0",
            "training.batch=16",
        ],
    },
];

/// GANs, seeds of each U-Net, steps of each: what is given up last comes first.
const CHOICES: [(usize, usize, u64); 7] =
    [(2, 3, 1500), (2, 2, 1500), (2, 2, 1000), (1, 2, 1500), (1, 2, 1000), (1, 2, 600), LAST];
const LAST: (usize, usize, u64) = (1, 2, 300);
/// Thousands of images that a GAN sees at least and at most: our choice.
const KIMG: [f64; 2] = [20.0, 300.0];
/// Pairs of each GAN.
const COUNT: usize = 10_000;
/// Of the hours, what distances, audits and reports may take.
const RESERVE: f64 = 0.1;

/// Seconds on this machine.
struct Costs {
    /// Of an image of each candidate's training.
    image: Vec<f64>,
    /// Of a step of the U-Net, and of training the judge.
    step: f64,
    judge: f64,
    folds: f64,
}

/// What fits.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Chosen {
    gans: usize,
    seeds: usize,
    steps: u64,
    kimg: f64,
    /// Seconds of trainings, samples and U-Nets.
    secs: [f64; 3],
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.out.symlink_metadata().is_ok() {
        bail!("{}: is there already, expected a new file", args.out.display());
    }
    let pack = Pack::open(&args.pack)?;
    needs_libtorch()?;
    let folds = pack.manifest().folds();
    let timed = if folds > 0 { Pack::open(&args.pack.join("fold-0"))? } else { pack };
    let costs = costs(&timed, folds)?;
    let chosen = choose(&costs, 3600.0 * args.hours).with_context(|| {
        let least = duration(least(&costs));
        format!("--hours {}: on this machine the least takes {least}", args.hours)
    })?;
    let text = file::text(args, &timed, folds, chosen)?;
    write_file(&args.out, text.as_bytes())?;
    let [trainings, samples, unets] = chosen.secs.map(duration);
    show!(
        "{}: about {}: {trainings} for the GANs, {samples} for their samples, {unets} for the U-Nets",
        args.out.display(),
        duration(chosen.secs.iter().sum())
    );
    show!(
        "vesalius study plan {}      # all tasks, and what the patients can show",
        args.out.display()
    );
    show!("vesalius study run {}       # Ctrl-C and the same command go on", args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn costs(pack: &Pack, folds: usize) -> Result<Costs> {
    let mut image = Vec::new();
    for candidate in &CANDIDATES {
        say!("timing {}", candidate.preset);
        let settings: Vec<String> = candidate.set.iter().map(|text| (*text).to_owned()).collect();
        let spec = TrainSpec::resolve(candidate.preset, &settings)?;
        image.push(trial::gan(&spec, pack)?.secs);
    }
    say!("timing the U-Net");
    let task: segment::Task =
        serde_json::from_value(serde_json::to_value(Unet::default().settings())?)?;
    let judge = default_spec();
    Ok(Costs {
        image,
        step: trial::unet(&task.spec()?, pack)?.secs,
        judge: trial::unet(&judge, pack)?.secs * judge.steps as f64,
        folds: folds.max(1) as f64,
    })
}

/// The first choice of which GANs see enough images in the time that U-Nets leave.
fn choose(costs: &Costs, secs: f64) -> Option<Chosen> {
    let wanted = secs * (1.0 - RESERVE);
    CHOICES.iter().find_map(|&(gans, seeds, steps)| {
        let per_image: f64 = costs.image[..gans].iter().sum();
        // Real, and of each GAN alone and with real.
        let unets = (1 + 2 * gans) * seeds;
        let unets = costs.folds * (unets as f64 * steps as f64 * costs.step + costs.judge);
        let samples = costs.folds * per_image * SAMPLING * COUNT as f64;
        let kimg = (wanted - unets - samples) / (costs.folds * per_image * 1000.0);
        // U-Nets that eat the trainings up judge nothing worth it.
        let enough = kimg >= KIMG[0] && (unets <= wanted / 2.0 || (gans, seeds, steps) == LAST);
        enough.then(|| {
            let kimg = kimg.min(KIMG[1]).floor();
            let trainings = costs.folds * per_image * 1000.0 * kimg;
            Chosen { gans, seeds, steps, kimg, secs: [trainings, samples, unets] }
        })
    })
}

/// Seconds of the last choice with the fewest images.
fn least(costs: &Costs) -> f64 {
    let (_, seeds, steps) = LAST;
    let unets = 3.0 * seeds as f64 * steps as f64 * costs.step + costs.judge;
    let images = KIMG[0] * 1000.0 + SAMPLING * COUNT as f64;
    costs.folds * (unets + images * costs.image[0]) / (1.0 - RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs() -> Costs {
        Costs { image: vec![0.01, 0.05], step: 0.3, judge: 60.0, folds: 1.0 }
    }

    #[test]
    fn more_hours_give_more_of_what_matters_and_too_few_are_refused() {
        let mut before = 0.0;
        for hours in [1.0, 2.0, 4.0, 8.0, 24.0] {
            let secs = 3600.0 * hours;
            let Some(found) = choose(&costs(), secs) else {
                assert!(secs < least(&costs()), "{hours} h are enough");
                continue;
            };
            let all: f64 = found.secs.iter().sum();
            assert!(
                all <= secs && (KIMG[0]..=KIMG[1]).contains(&found.kimg),
                "{hours} h: {found:?}"
            );
            let worth = found.gans as f64 * 1e6 + found.seeds as f64 * 1e5 + found.steps as f64;
            assert!(worth >= before, "{hours} h: {found:?}");
            before = worth;
        }
        assert_eq!(choose(&costs(), 3600.0 * 24.0).unwrap().gans, 2);
        assert!(choose(&costs(), 60.0).is_none());
        assert!(choose(&costs(), 1.01 * least(&costs())).is_some());
    }
}
