//! `vesalius predict`: label maps of other data, by a segmenter that a run kept.

use crate::environment::{Compute, Stop, context, stopped};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::pack::manifest::Split;
use vesalius_data::say;
use vesalius_stages::predict::{self, Form, Predict};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Side {
    All,
    Train,
    Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum As {
    /// NIfTI on the grid of the image; of a picture, PNG.
    Volume,
    /// DICOM segmentations (SEG).
    Dicom,
    /// DICOM structure sets.
    Rtstruct,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
RUN is what `vesalius segment` wrote: it keeps weights and preparation. Images of a folder (NIfTI, MetaImage, NRRD,
pictures, or series of DICOM in any folders below) are prepared as its pack was: window, spacing, crop, size. Label maps
lie on the grid of their image (origin, spacing, size); what the crop left out is background. Of a pack there is a pack
of the predictions as well, which trains nothing. With --as dicom or rtstruct, masks belong to the patient and study of
their series, so that viewers show both together: such files bear the patient's name, as the series does.

Examples:
  vesalius predict runs/unet-real --data hospital-b/images --out predicted
  vesalius predict runs/unet-real --data pacs/patient-7 --as dicom --out predicted
  vesalius predict runs/unet-seeds/ensemble --data packs/other --split test --out predicted")]
pub struct Args {
    /// Run of `vesalius segment`.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Pack of real images, or folder of images.
    #[arg(long, value_name = "PACK|DIR")]
    data: PathBuf,
    /// Patients of a pack [default: all].
    #[arg(long, value_enum)]
    split: Option<Side>,
    /// How label maps are written.
    #[arg(long = "as", value_enum, value_name = "FORM", default_value = "volume")]
    form: As,
    /// Folder of the label maps; must not exist yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    compute: Compute,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    let stage = Predict {
        run: args.run.clone(),
        data: args.data.clone(),
        split: args.split.and_then(|side| match side {
            Side::All => None,
            Side::Train => Some(Split::Train),
            Side::Test => Some(Split::Test),
        }),
        form: match args.form {
            As::Volume => Form::Volume,
            As::Dicom => Form::Dicom,
            As::Rtstruct => Form::Rtstruct,
        },
        out: args.out.clone(),
    };
    let Some(found) = predict::run(&stage, &context(device, &stop))? else {
        return Ok(stopped());
    };
    for note in &found.notes {
        say!("note: {note}");
    }
    say!("{}: {} label maps", args.out.display(), found.maps);
    Ok(ExitCode::SUCCESS)
}
