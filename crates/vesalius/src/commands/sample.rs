//! `vesalius sample`: synthetic pairs from a trained GAN, as a pack.

use crate::commands::fold::Fold;
use crate::commands::overlap::Overlap;
use crate::environment::{Arithmetic, Compute, context_without_stop};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::say;
use vesalius_stages::sample::{self, BATCH, Sample};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The averaged generator of the run's best checkpoint by Fréchet distance is used (of its newest, where none was
measured). Image i is made from the latent of (seed, i), whatever the batch size.

SPADE paints masks, so it has to be given some. With a style (networks.generator.style above 0) one mask gives many
images; without, as many different images as masks. The pack it writes says which masks and whether they were warped.

Examples:
  vesalius sample runs/wgan-gp --count 10000 --out packs/wgan-gp
  vesalius sample runs/stylegan2 --count 10000 --out packs/stylegan2 --truncation 0.8
  vesalius sample runs/stylegan2 --count 1000 --stack 8 --out packs/stylegan2-stacks
  vesalius sample runs/spade --count 10000 --out packs/spade --masks packs/acdc
  vesalius sample runs/spade --count 10000 --out packs/spade-warped --masks packs/acdc --warp
  vesalius sample runs/spade --count 10000 --out packs/spade-guided --masks packs/acdc --styles packs/acdc
  vesalius sample runs/spade --count 10000 --out packs/spade-joint --masks packs/wgan-gp")]
pub struct Args {
    /// Run that `vesalius train` wrote.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Number of pairs.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Pack to write; must not exist yet.
    #[arg(long, value_name = "PACK")]
    out: PathBuf,
    /// Seed of the latents.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Pack whose masks are painted (presets that paint masks: spade): the training pack, of which only training
    /// patients are used, or a pack sampled from another GAN.
    #[arg(long, value_name = "PACK")]
    masks: Option<PathBuf>,
    /// Warp each mask a little, affine and elastic, before it is painted.
    #[arg(long, requires = "masks")]
    warp: bool,
    /// The pack that the run was trained on: each image in the style of one of its training images, drawn at random (SPADE
    /// with a style only), where N(0, 1) is what its encoder was pulled towards.
    #[arg(long, value_name = "PACK", requires = "masks")]
    styles: Option<PathBuf>,
    /// Truncation ψ from 0 to 1 (StyleGAN and StyleGAN2 only): below 1, styles are pulled towards their mean: more
    /// typical
    /// images, less variety.
    #[arg(long, default_value_t = 1.0)]
    truncation: f64,
    /// Volumes of D slices each, one behind the other as they are made: what a generator of slices (trained on
    /// PACK/slices) is worth among volumes; --count counts volumes. With --masks of volumes of D planes each mask is
    /// painted plane by plane, in one style, and --warp goes over from plane to plane.
    #[arg(long, value_name = "D", default_value_t = 1, hide_default_value = true)]
    stack: usize,
    /// Pairs made at once; changes memory and speed, not the images.
    #[arg(long, default_value_t = BATCH)]
    batch: usize,
    #[command(flatten)]
    arithmetic: Arithmetic,
    #[command(flatten)]
    overlap: Overlap,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    fold: Fold,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.count == 0 || args.batch == 0 {
        bail!("--count {} --batch {}: expected at least 1 each", args.count, args.batch);
    }
    let stage = Sample {
        run: args.run.clone(),
        out: args.out.clone(),
        count: args.count,
        seed: args.seed,
        masks: args.masks.as_deref().map(|path| args.fold.of(path)).transpose()?,
        warp: args.warp,
        styles: args.styles.as_deref().map(|path| args.fold.of(path)).transpose()?,
        truncation: args.truncation,
        stack: args.stack,
        batch: args.batch,
        precision: args.arithmetic.precision.unwrap_or_default(),
        allow_overlap: args.overlap.allow_overlap,
    };
    let device = args.compute.start()?;
    let sampled = sample::run(&stage, &context_without_stop(device))?;
    let what = if args.stack > 1 { "stacks" } else { "pairs" };
    say!("{}: {} {what} of {}", args.out.display(), args.count, sampled.preset);
    Ok(ExitCode::SUCCESS)
}
