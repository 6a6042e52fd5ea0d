//! `vesalius score`: anybody's predictions against reference masks.

use crate::environment::context_without_libtorch;
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::run::TrainedOn;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Scores;
use vesalius_data::say;
use vesalius_stages::predictions::{Rules, Surface};
use vesalius_stages::score::{self, Published, ScoreFolders};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Masks are label maps (NIfTI, MetaImage or pictures) of the same names in both folders, on the same grid; other files are
passed over. Dice, 95th percentile of the Hausdorff distance, average symmetric surface distance, surface Dice, and the bias
of volumes with limits of agreement.

Examples:
  vesalius score --reference labelsTs --prediction nnUNet_results/predicted --patient '^(patient[0-9]+)'
  vesalius score --reference labelsTs --prediction monai --surface voxels --tolerance 1,3 --json
  vesalius score --reference labelsTs --prediction predicted --classes background,RV,myocardium,LV \\
    --out runs/nnunet-real --dataset acdc --trained-on real")]
pub struct Args {
    /// Folder of reference masks.
    #[arg(long, value_name = "DIR")]
    reference: PathBuf,
    /// Folder of predicted masks under the same names.
    #[arg(long, value_name = "DIR")]
    prediction: PathBuf,
    /// Names of the labels 0, 1, … [default: numbers up to the highest].
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    classes: Option<Vec<String>>,
    /// Regular expression on names whose first group is the patient [default: each volume is a patient].
    #[arg(long, value_name = "REGEX")]
    patient: Option<String>,
    /// What a surface is: surfels (by area, as surface-distance has it) or voxels (at the edge, as MONAI has it).
    #[arg(long, default_value_t)]
    surface: Surface,
    /// Distances within which surfaces count as one, mm.
    #[arg(long, allow_negative_numbers = true, value_delimiter = ',', value_name = "MM,…", default_values_t = Rules::default().tolerances_mm)]
    tolerance: Vec<f64>,
    /// What made the predictions, for protocols [default: the folder's name].
    #[arg(long)]
    name: Option<String>,
    /// Also write a run folder for `vesalius report`.
    #[arg(long, value_name = "RUN", requires = "dataset", requires = "trained_on")]
    out: Option<PathBuf>,
    /// Name of the dataset, for --out.
    #[arg(long, requires = "out")]
    dataset: Option<String>,
    /// What the network was trained on, for --out: real, real_augmented, synthetic or real_and_synthetic.
    #[arg(long, requires = "out", value_name = "SET")]
    trained_on: Option<String>,
    /// Whose synthetic images trained it, for --out.
    #[arg(long, requires = "out", value_name = "NAME")]
    generator: Option<String>,
    /// Print the scores as one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let stage = stage(args)?;
    let found = score::run(&stage, &context_without_libtorch())?;
    for note in &found.notes {
        say!("note: {note}");
    }
    let mut scores = found.scores;
    if !args.json {
        scores.retain(|score| !matches!(score.of, Some(Part::Patient(_))));
    }
    Scores { scores, missing: Vec::new() }.print(args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn stage(args: &Args) -> Result<ScoreFolders> {
    if let Some(mm) = args.tolerance.iter().find(|mm| !(mm.is_finite() && **mm >= 0.0)) {
        bail!("--tolerance {mm}: expected millimetres, 0 or more");
    }
    let name = if let Some(name) = &args.name {
        name.clone()
    } else {
        let whole = std::path::absolute(&args.prediction)?;
        let name = whole.file_name().context("--prediction: no name, expected --name")?;
        name.to_string_lossy().into_owned()
    };
    Ok(ScoreFolders {
        reference: args.reference.clone(),
        prediction: args.prediction.clone(),
        classes: args.classes.clone(),
        patient: args.patient.clone(),
        rules: Rules { surface: args.surface, tolerances_mm: args.tolerance.clone() },
        name,
        out: published(args)?,
    })
}

fn published(args: &Args) -> Result<Option<Published>> {
    let (Some(run), Some(dataset), Some(word)) = (&args.out, &args.dataset, &args.trained_on)
    else {
        return Ok(None);
    };
    let trained_on: TrainedOn = serde_json::from_value(word.as_str().into()).map_err(|_| {
        anyhow::anyhow!(
            "--trained-on {word}: expected real, real_augmented, synthetic or real_and_synthetic"
        )
    })?;
    let synthetic = matches!(trained_on, TrainedOn::Synthetic | TrainedOn::RealAndSynthetic);
    if synthetic != args.generator.is_some() {
        bail!(
            "--trained-on {word}: expected {} --generator",
            if synthetic { "a name as" } else { "no" }
        );
    }
    Ok(Some(Published {
        run: run.clone(),
        dataset: dataset.clone(),
        trained_on,
        generator: args.generator.clone(),
    }))
}
