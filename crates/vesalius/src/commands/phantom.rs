//! `vesalius phantom`: data to try everything on.

use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::phantom::{PhantomKind, write};
use vesalius_data::say;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Phantoms are drawings, not patients: good for trying the program, useless for science.

Example:
  vesalius phantom acdc phantoms/acdc --patients 12 --seed 1
  vesalius prepare acdc phantoms/acdc --out packs/phantom --size 64x64 --crop centre:128x128")]
pub struct Args {
    /// Dataset whose files are imitated.
    #[arg(value_enum)]
    kind: Kind,
    /// Folder to write; must not exist yet.
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Number of patients, 1 to 999.
    #[arg(long, default_value_t = 12)]
    patients: usize,
    /// Seed; patient i is a function of (seed, i).
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// Cardiac MRI: training/ and testing/ with NIfTI and Info.cfg.
    Acdc,
    /// Abdominal CT: liver-orig*.mhd, liver-seg*.mhd.
    Sliver07,
    /// Fundus photographs: JPEG and palette TIFF.
    Idrid,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let kind = match args.kind {
        Kind::Acdc => PhantomKind::Acdc,
        Kind::Sliver07 => PhantomKind::Sliver07,
        Kind::Idrid => PhantomKind::Idrid,
    };
    write(kind, &args.out, args.patients, args.seed)?;
    say!("{}: {} patients", args.out.display(), args.patients);
    Ok(ExitCode::SUCCESS)
}
