//! `vesalius export`: packs for other tools.

use crate::progress::Progress;
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use vesalius_data::export::{ExportKind, export};
use vesalius_data::pack::Pack;
use vesalius_data::say;
use vesalius_data::text::count;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Slice spacing is not kept in a pack; exported volumes say 1 mm. Of each synthetic pair one case is made.

Examples:
  vesalius export packs/wgan-gp --as nnunet --out nnUNet_raw/Dataset501_WganGp
  vesalius export packs/wgan-gp --as dicom --out for-the-viewer")]
pub struct Args {
    /// Pack, real or synthetic.
    #[arg(value_name = "PACK")]
    pack: PathBuf,
    /// Form.
    #[arg(long = "as", value_enum, value_name = "FORM")]
    kind: Kind,
    /// Folder to write; must not exist yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// nnU-Net raw: dataset.json, imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz, test patients in …Ts/, and
    /// splits_final.json where the pack has folds or validation patients.
    Nnunet,
    /// images/CASE.nii.gz, labels/CASE.nii.gz.
    Nifti,
    /// CASE/images/*.dcm (Secondary Capture, called synthetic) and CASE/masks.dcm (SEG).
    Dicom,
    /// The same images with CASE/masks.dcm as RTSTRUCT.
    Rtstruct,
    /// images/CASE.nrrd, labels/CASE.seg.nrrd, as 3D Slicer has them.
    Nrrd,
    /// train/ and test/ with images/ and masks/, one PNG per slice; mask pixels are label values.
    Png,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let pack = Pack::open_planes(&args.pack)?;
    let kind = match args.kind {
        Kind::Nnunet => ExportKind::Nnunet,
        Kind::Nifti => ExportKind::Nifti,
        Kind::Dicom => ExportKind::Dicom,
        Kind::Rtstruct => ExportKind::Rtstruct,
        Kind::Nrrd => ExportKind::Nrrd,
        Kind::Png => ExportKind::Png,
    };
    let cases = pack.manifest().cases.len();
    let bar = Mutex::new((Progress::new("exporting", cases as u64, "cases"), 0_u64));
    let exported = export(&pack, kind, &args.out, &|| {
        if let Ok(mut guard) = bar.lock() {
            guard.1 += 1;
            let done = guard.1;
            guard.0.set(done, "");
        }
    })?;
    for note in &exported.notes {
        say!("note: {note}");
    }
    say!("{}: {}", args.out.display(), count::of(exported.cases, "case"));
    Ok(ExitCode::SUCCESS)
}
