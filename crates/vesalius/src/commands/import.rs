//! `vesalius import`: any generator's images as a synthetic pack.

use crate::commands::fold::Fold;
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::import::{self, Job, Members};
use vesalius_data::pack::Pack;
use vesalius_data::say;
use vesalius_torch::spec::preset_names;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
DIR holds pairs: images/ and masks/ (or labels/) with equal names (PNG, TIFF, NIfTI, MetaImage), nnU-Net raw
(dataset.json, imagesTr/, labelsTr/), or is a NumPy archive (.npz) with arrays images [N, H, W], [N, C, H, W] or
[N, H, W, C] and masks [N, H, W]; like a pack of volumes with D in front of H. Masks hold the label values of the pack,
images its grey values, as `vesalius export` writes them: 8 and 16 bits as they are, other numbers by --range.

The pack is taken by everything that takes a sampled one: distance, metrics, copying, plausibility, segment, map, turing,
report; there it is one more generator, under its name.

Examples:
  vesalius import ddpm-samples --like packs/acdc --name my-ddpm --trained-on packs/acdc --out packs/my-ddpm
  vesalius import samples.npz --like packs/acdc --name my-ddpm --range -1,1 --resize --out packs/my-ddpm")]
pub struct Args {
    /// Folder of pairs, or NumPy archive.
    #[arg(value_name = "DIR|NPZ")]
    from: PathBuf,
    /// Real pack whose shape, classes and window the images have.
    #[arg(long, value_name = "PACK")]
    like: PathBuf,
    /// The generator's name, for tables.
    #[arg(long)]
    name: String,
    /// Values that are black and white [default: 0 and the most of 8 or 16 bits].
    #[arg(long, value_name = "LOW,HIGH", allow_hyphen_values = true)]
    range: Option<String>,
    /// Resample images of another size.
    #[arg(long)]
    resize: bool,
    /// Pack on whose training patients the generator was trained: who was seen is asked by segment and copying.
    #[arg(long, value_name = "PACK", conflicts_with = "patients")]
    trained_on: Option<PathBuf>,
    /// Training patients of --like on whom it was trained, separated by commas.
    #[arg(long, value_name = "PATIENT,…", value_delimiter = ',')]
    patients: Option<Vec<String>>,
    /// Folder of the pack; must not exist yet.
    #[arg(long, value_name = "PACK")]
    out: PathBuf,
    #[command(flatten)]
    fold: Fold,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if preset_names().contains(&args.name) {
        bail!("--name {}: one of our own GANs, expected another name", args.name);
    }
    let like = Pack::open_any(&args.fold.of(&args.like)?)?;
    let members = match (&args.trained_on, &args.patients) {
        (Some(path), _) => Members::Of(Box::new(Pack::open_any(path)?)),
        (None, Some(patients)) => Members::Patients(patients.clone()),
        (None, None) => Members::Unknown,
    };
    let unknown = matches!(members, Members::Unknown);
    let job = Job {
        from: &args.from,
        like: &like,
        name: &args.name,
        range: args.range.as_deref().map(range).transpose()?,
        resize: args.resize,
        members,
        command: crate::environment::command_line(),
    };
    let found = import::import(&job, &args.out, &mut |_| {})?;
    for note in &found.notes {
        say!("note: {note}");
    }
    if unknown {
        say!(
            "note: on whom it was trained is not known: what asks that refuses (--trained-on or --patients says it)"
        );
    }
    say!("{}: {} pairs", args.out.display(), found.pairs);
    Ok(ExitCode::SUCCESS)
}

fn range(text: &str) -> Result<[f32; 2]> {
    let numbers = || -> Option<[f32; 2]> {
        let (low, high) = text.split_once(',')?;
        Some([low.trim().parse().ok()?, high.trim().parse().ok()?])
    };
    let [low, high] = numbers().with_context(|| format!("--range {text}: expected LOW,HIGH"))?;
    if !(low.is_finite() && high.is_finite() && low < high) {
        bail!("--range {text}: expected LOW below HIGH");
    }
    Ok([low, high])
}
