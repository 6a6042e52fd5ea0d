//! `vesalius train`: one GAN on one pack.

use crate::commands::fold::Fold;
use crate::environment::{Arithmetic, Compute, REQUEUE, Stop, context};
use anyhow::{Context as _, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::say;
use vesalius_stages::train::{self, Ended, Start, Train, refuse_begun};
use vesalius_torch::checkpoint::init;
use vesalius_torch::spec::{TrainSpec, preset_names};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A run is a folder: task.toml (every setting), stats.jsonl and a TensorBoard event file, previews/, checkpoints/
(the newest two and the best by Fréchet distance), result.json. SIGINT, SIGTERM and SIGUSR1 write a checkpoint and
end with exit code 75; --resume goes on from there, bit for bit on a CPU.

The Fréchet distance during training is measured in the features of a U-Net trained on the pack's training patients;
it is trained first, once per pack, and kept in $VESALIUS_CACHE (or ~/.cache/vesalius).

Settings (--set PATH=VALUE, as they stand in task.toml):
  dcgan, lsgan, wgan, wgan-gp, hinge:
    networks.latent, networks.mask=one_hot|scores|signed_distance|label_map
    networks.init.kind=normal|xavier_normal|xavier_uniform|kaiming, networks.init.gain
    networks.generator.filters, .activation=relu|leaky_relu|elu|selu, .norm=batch|instance|layer|none,
                       .spectral_norm=true|false, .upsample=transposed|resize
    networks.discriminator.filters, .activation, .norm, .spectral_norm
    regularise.gradient_penalty, .weight_clip, .feature_matching, .vgg, .vgg_network=vgg19|vgg16,
              .vgg_weights=FILE.safetensors
    augment.mask_noise, training.critic_steps, .critic_boost=true|false
  stylegan, stylegan2:
    networks.mask (as above), networks.mapping.latent, .style, .layers
    networks.generator.channel_base, .channel_max, networks.discriminator.…, networks.minibatch_group
    networks.growth.start, .training_kimg, .transition_kimg (stylegan)
    regularise.style.r1=NUMBER|auto, .r1_every, .path_length, .path_length_every, .mixing
    augment.ada.transforms=[…] ([]: off), .target, .kimg, .every, augment.mask_noise, training.critic_steps
  spade:
    networks.generator.filters, .hidden, .depth=normal|more|most, .style (0: no encoder, one image per mask)
    networks.discriminator.filters, .scales, .layers
    regularise.feature_matching, .vgg (0, or with .vgg_weights=FILE.safetensors; .vgg_network=vgg19|vgg16), .kl
  all:
    loss.real_target (0.5 to 1: one-sided label smoothing; dcgan, lsgan, stylegan, stylegan2)
    augment.diff_augment=[\"color\",\"translation\",\"cutout\"], augment.classical=true|false
    optimiser.generator.learning_rate, .beta1, .beta2, optimiser.discriminator.…
    training.seed, .batch, .ema_half_life_kimg, .ema_ramp, .checkpoint_every_kimg,
             .distance_every_kimg (0: never), .distance_images, .precision=f32|bf16|auto (as --precision)

Examples:
  vesalius train packs/acdc --preset wgan-gp --kimg 200 --out runs/wgan-gp
  vesalius train packs/acdc --preset hinge --kimg 200 --out runs/hinge --set networks.generator.upsample=resize
  vesalius train packs/acdc --preset spade --kimg 100 --out runs/spade --set regularise.vgg=0
  vesalius train packs/acdc --preset stylegan2 --kimg 500 --out runs/stylegan2 --init-from ffhq.safetensors
  vesalius train packs/acdc --out runs/hinge --resume")]
pub struct Args {
    /// Pack to train on; its test patients are never seen.
    #[arg(value_name = "PACK")]
    pack: PathBuf,
    #[arg(long, required_unless_present = "resume", help = format!("GAN: {}", preset_names().join(", ")))]
    preset: Option<String>,
    /// Length in thousands of real images shown to the discriminator [default: the preset's].
    #[arg(long)]
    kimg: Option<f64>,
    /// Folder of the run.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// A setting, PATH=VALUE; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// Weights to start from instead of random ones: a StyleGAN2-ADA or SPADE checkpoint that
    /// scripts/convert_reference.py turned into safetensors.
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    init_from: Option<PathBuf>,
    /// Go on from the run's newest checkpoint, with the settings of its task.toml; --kimg may lengthen it.
    #[arg(long, conflicts_with_all = ["preset", "settings", "precision"])]
    resume: bool,
    #[command(flatten)]
    arithmetic: Arithmetic,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    fold: Fold,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let start = if args.resume { Start::Resume { kimg: args.kimg } } else { anew(args)? };
    let stage = Train { pack: args.fold.of(&args.pack)?, out: args.out.clone(), start };
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    let (ended, _) = train::run(&stage, &context(device, &stop))?;
    Ok(match ended {
        Ended::Finished => ExitCode::SUCCESS,
        Ended::Stopped => {
            say!("stopped; `--resume` goes on");
            ExitCode::from(REQUEUE)
        }
        Ended::Diverged(reason) => {
            say!("diverged: {reason}");
            ExitCode::from(1)
        }
    })
}

fn anew(args: &Args) -> Result<Start> {
    refuse_begun(&args.out)?;
    let preset = args.preset.as_deref().context("--preset: expected a preset")?;
    let mut spec = TrainSpec::resolve(preset, &args.settings)?;
    spec.init = args.init_from.as_deref().map(init::source).transpose()?;
    if let Some(precision) = args.arithmetic.precision {
        spec.training.precision = precision;
    }
    if let Some(kimg) = args.kimg {
        spec.training.kimg = kimg;
        spec.check().context("--kimg")?;
    }
    Ok(Start::Anew(Box::new(spec)))
}
