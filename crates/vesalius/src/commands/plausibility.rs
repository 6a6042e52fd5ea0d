//! `vesalius plausibility`: do synthetic masks look like anatomy, and do they belong to their images?

use crate::commands::fold::Fold;
use crate::commands::overlap::Overlap;
use crate::environment::{Compute, Stop, context, stopped};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::output;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Scores;
use vesalius_data::say;
use vesalius_data::show;
use vesalius_stages::plausibility::{self, Plausibility, Task};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Two questions are asked of every synthetic pair.

Does the mask belong to the image? A U-Net trained on the real training patients (the extractor `unet`, kept in the
cache) outlines each synthetic image; pair_dice is its Dice with the synthetic mask, per slice and pooled, with an
interval over samples. The same on the real test patients stands beside it for scale.

Is the mask anatomy? Rules are learned from the masks of the real training patients: of each class the number of
components (through corners), of holes, the area, the circularity of the largest component, the shares of its border
that touch each other class, the background and the image's edge; and which classes stand together. A mask is
implausible if it breaks any rule. Ranges are widened so that about --false-alarms of real masks would be called
implausible; how many of the real test patients' masks are stands beside the synthetic share. Rules look at one mask at a
time: they do not tell whether all masks together are as varied as real ones.

RUN holds result.json, checks.csv (every pair: its Dice and the rules it breaks) and implausible.png (the pairs that break
most rules, worst first; plain and with outlines; no file where all are plausible).

--filtered writes a pack of the plausible pairs alone. What they are worth is a U-Net's Dice before and after:

  vesalius plausibility --real packs/acdc --synthetic packs/lsgan --out runs/plausibility-lsgan \\
      --filtered packs/lsgan-plausible
  vesalius segment --train packs/lsgan --test packs/acdc --out runs/unet-lsgan
  vesalius segment --train packs/lsgan-plausible --test packs/acdc --out runs/unet-lsgan-plausible")]
pub struct Args {
    /// Real pack: its training patients teach the rules and the U-Net, its test patients say how often both are wrong.
    #[arg(long, value_name = "PACK")]
    real: PathBuf,
    /// Synthetic pack.
    #[arg(long, value_name = "PACK")]
    synthetic: PathBuf,
    /// Folder of the run; must not exist yet.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Also write the synthetic pack without its implausible pairs.
    #[arg(long, value_name = "PACK")]
    filtered: Option<PathBuf>,
    /// Share of real masks that may be called implausible, by which ranges are widened.
    #[arg(long, default_value_t = Task::default().false_alarms, value_name = "SHARE")]
    false_alarms: f64,
    #[command(flatten)]
    overlap: Overlap,
    /// Print the scores as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    fold: Fold,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let stage = Plausibility {
        real: args.fold.of(&args.real)?,
        synthetic: args.synthetic.clone(),
        out: args.out.clone(),
        filtered: args.filtered.clone(),
        settings: Task { false_alarms: args.false_alarms },
        allow_overlap: args.overlap.allow_overlap,
    };
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let Some(found) = plausibility::run(&stage, &context(device, &stop))? else {
        return Ok(stopped());
    };
    let mut scores = found.result.scores;
    if !args.json {
        // A rule that nothing breaks is in result.json.
        scores.retain(|score| score.value > 0.0 || !matches!(score.of, Some(Part::Rule(_))));
    }
    Scores { scores, missing: found.missing }.print(args.json)?;
    if !args.json {
        show!("");
        output::lines(&found.summary);
    }
    if let (Some((kept, all)), Some(target)) = (found.kept, &args.filtered) {
        say!("{}: {kept} of {all} pairs", target.display());
    }
    Ok(ExitCode::SUCCESS)
}
