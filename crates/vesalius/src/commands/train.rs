//! `vesalius train`: one GAN on one pack.

use crate::environment::{Compute, REQUEUE, Stop, command_line};
use crate::meter;
use crate::progress::Progress;
use anyhow::{Context, Result, bail};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vesalius_data::files::publish::sweep;
use vesalius_data::files::read;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::facts::TrainingFacts;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Input, Outcome, RunResult, Subject};
use vesalius_data::say;
use vesalius_torch::Device;
use vesalius_torch::checkpoint::{self, State};
use vesalius_torch::features::Extractor as _;
use vesalius_torch::features::images::{PackImages, of_images};
use vesalius_torch::sample::{read_spec, run_digest};
use vesalius_torch::spec::TrainSpec;
use vesalius_torch::train::{Ended, Prepared, Probe, TrainContext, begin, write_spec};

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
    regularise.gradient_penalty, .weight_clip, .feature_matching, .vgg, .vgg_weights=FILE.safetensors
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
    regularise.feature_matching, .vgg (0, or with .vgg_weights=FILE.safetensors), .kl
  all:
    loss.real_target (0.5 to 1: one-sided label smoothing; dcgan, lsgan, stylegan, stylegan2)
    augment.diff_augment=[\"color\",\"translation\",\"cutout\"], augment.classical=true|false
    optimiser.generator.learning_rate, .beta1, .beta2, optimiser.discriminator.…
    training.seed, .batch, .ema_half_life_kimg, .ema_ramp, .checkpoint_every_kimg,
             .distance_every_kimg (0: never), .distance_images

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
    /// GAN: dcgan, lsgan, wgan, wgan-gp, hinge, spade, stylegan or stylegan2.
    #[arg(long, required_unless_present = "resume")]
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
    #[arg(long, conflicts_with_all = ["preset", "settings"])]
    resume: bool,
    #[command(flatten)]
    compute: Compute,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let pack = Pack::open(&args.pack)?;
    let spec = spec(args)?;
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    // What is refused leaves the run as it was, or none behind.
    let prepared = Prepared::open(&args.out, &spec, &pack, device)?;
    if args.resume {
        for warning in prepared.warnings() {
            say!("{warning}");
        }
        sweep_run(&args.out);
        write_spec(&args.out, &spec)?;
    } else {
        begin(&args.out, &spec, &pack)?;
    }
    note_command(&args.out)?;
    match train_and_publish(args, prepared, &spec, &pack, device, &stop)? {
        Ended::Finished => Ok(ExitCode::SUCCESS),
        Ended::Stopped => {
            say!("stopped; `--resume` goes on");
            Ok(ExitCode::from(REQUEUE))
        }
        Ended::Diverged(reason) => {
            say!("diverged: {reason}");
            Ok(ExitCode::from(1))
        }
    }
}

/// What an attempt that was killed was writing.
fn sweep_run(run: &Path) {
    for folder in [".", "checkpoints", "previews"] {
        sweep(&run.join(folder));
    }
}

/// The command line of every attempt, one per line.
const COMMANDS: &str = "commands.log";

fn note_command(run: &Path) -> Result<()> {
    let path = run.join(COMMANDS);
    read::append(&path)
        .and_then(|mut file| {
            writeln!(file, "{}", command_line())?;
            file.sync_all()
        })
        .with_context(|| format!("{}: cannot be written", path.display()))
}

fn spec(args: &Args) -> Result<TrainSpec> {
    let started = args.out.join("task.toml").exists();
    let mut spec = if args.resume {
        if args.out.join("result.json").exists() {
            bail!(
                "{}: the run is finished, expected an unfinished one to resume",
                args.out.display()
            );
        }
        read_spec(&args.out)?
    } else {
        if started {
            bail!(
                "{}: there is a run already; expected a new folder, or --resume to go on",
                args.out.display()
            );
        }
        let preset = args.preset.as_deref().context("--preset: expected a preset")?;
        let spec = TrainSpec::resolve(preset, &args.settings)?;
        let init = args.init_from.as_deref().map(vesalius_torch::init::source).transpose()?;
        TrainSpec { init, ..spec }
    };
    if let Some(kimg) = args.kimg {
        spec.training.kimg = kimg;
        spec.check().context("--kimg")?;
    }
    Ok(spec)
}

fn train_and_publish(
    args: &Args,
    prepared: Prepared,
    spec: &TrainSpec,
    pack: &Pack,
    device: Device,
    stop: &Stop,
) -> Result<Ended> {
    let meter = meter::start();
    let asked = || stop.asked();
    let extractor = if spec.training.distance_every_kimg > 0.0 {
        match crate::commands::judge::unet(pack, device, stop) {
            // Nothing of the GAN is lost yet: the same command starts again.
            Err(_) if stop.asked() => return Ok(Ended::Stopped),
            other => Some(other?),
        }
    } else {
        None
    };
    let probe = match &extractor {
        Some(extractor) => {
            let images = PackImages { pack, indices: pack.indices(Split::Train) };
            let real = of_images(extractor, &images, &mut |_| {})?;
            Some(Probe { extractor, real })
        }
        None => None,
    };
    let total = (spec.training.kimg * 1000.0) as u64;
    let mut bar = Progress::new(&format!("training {}", spec.preset), total, "images");
    let (ended, state) = prepared.train(TrainContext {
        probe,
        stop: &asked,
        report: &mut |stat| {
            let losses = stat.losses.iter().map(|(name, loss)| format!(" {name} {loss:.3}"));
            let remark = format!("{:.0} img/s{}", stat.images_per_sec, losses.collect::<String>());
            bar.set((stat.kimg * 1000.0) as u64, &remark);
            if let Some(distance) = stat.frechet_distance {
                bar.say(&format!("{:.1} kimg: Fréchet distance {distance:.3}", stat.kimg));
            }
        },
    })?;
    bar.finish();
    if ended != Ended::Stopped {
        let extractor = extractor.map(|extractor| extractor.name());
        let commands = read::text(&args.out.join(COMMANDS))?;
        let result = result(spec, pack, (&ended, &state), extractor, &meter)?;
        let training = TrainingFacts {
            run: run_digest(&args.out)?,
            checkpoints: checkpoint::generators(&args.out)?,
        };
        RunResult { command: commands.trim_end().to_owned(), training: Some(training), ..result }
            .publish(&args.out)?;
    }
    Ok(ended)
}

fn result(
    spec: &TrainSpec,
    pack: &Pack,
    (ended, state): (&Ended, &State),
    extractor: Option<String>,
    meter: &vesalius_stages::meter::Meter,
) -> Result<RunResult> {
    let scores = match (ended, state.best) {
        (Ended::Finished, Some((value, images))) => {
            let protocol = format!(
                "averaged generator at {:.1} kimg against the real training slices; covariance N-1",
                images as f64 / 1000.0
            );
            vec![Score {
                of: Some(Part::BestDuringTraining),
                extractor,
                real_count: Some(pack.indices(Split::Train).len()),
                synthetic_count: Some(spec.training.distance_images),
                ..Score::new("frechet_distance", value, protocol)
            }]
        }
        _ => vec![],
    };
    let subject = Subject {
        dataset: pack.manifest().dataset.clone(),
        gan: Some(RowId::of(&spec.preset)),
        trained_on: None,
    };
    let inputs = vec![Input::pack("pack", pack)];
    let settings = serde_json::to_value(spec.identity()?)?;
    Ok(RunResult {
        outcome: match ended {
            Ended::Diverged(reason) => Outcome::Diverged { reason: reason.clone() },
            _ => Outcome::Finished,
        },
        wall_secs: state.wall_secs, // of all attempts, as are the images
        ..meter.result("train", subject, scores, inputs, Some(state.images), settings)
    })
}
