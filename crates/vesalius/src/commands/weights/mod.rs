//! `vesalius weights`: published weights, fetched, verified, converted.

mod add;
mod fetch;
pub mod script;

use crate::environment::needs_libtorch;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::output;
use vesalius_data::show;
use vesalius_data::weights::{KNOWN, known};
use vesalius_stages::weights::path_of;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Files land in the cache ($VESALIUS_CACHE, else ~/.cache/vesalius) as <NAME>.safetensors. What is published as a pickle is
converted by a script on your own python3 (with PyTorch for .pth files), which executes nothing that the file asks for.

Examples:
  vesalius weights list
  vesalius weights fetch lpips-alexnet
  vesalius weights fetch inception --from https://mirror.example.org/pt_inception-2015-12-05-6726825d.pth
  vesalius weights add pt_inception-2015-12-05-6726825d.pth
  vesalius weights add my-vgg.safetensors --name vgg19")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Known weights, their licences, and which are here.
    List {
        /// Print one JSON object, `{"weights": […]}`.
        #[arg(long)]
        json: bool,
    },
    /// Download known weights, verify their SHA-256 and convert them.
    Fetch {
        /// Name from `vesalius weights list`.
        name: String,
        /// Another address of the published file, such as a mirror's; its SHA-256 has to be the same.
        #[arg(long, value_name = "URL")]
        from: Option<String>,
    },
    /// Import a file that you brought: .safetensors, or the published file itself.
    Add {
        /// The file.
        path: PathBuf,
        /// Name from `vesalius weights list` [default: what the file is recognised as, by digest or by its tensors].
        #[arg(long)]
        name: Option<String>,
    },
}

pub fn run(args: &Args) -> Result<ExitCode> {
    match &args.what {
        What::List { json } => list(*json)?,
        What::Fetch { name, from } => fetch::fetch(known(name)?, from.as_deref())?,
        What::Add { path, name } => {
            let named = name.as_deref().map(known).transpose()?;
            needs_libtorch()?;
            add::import(path, named)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(json: bool) -> Result<()> {
    if json {
        let object = BTreeMap::from([("weights", &KNOWN)]);
        output::json(&object)?;
        return Ok(());
    }
    for weights in &KNOWN {
        let path = path_of(weights.name)?;
        let here = if path.is_file() { path.display().to_string() } else { "not here".to_owned() };
        show!("{:<14} {}", weights.name, here);
        show!("{:<14}   for {}", "", weights.purpose);
        show!(
            "{:<14}   {} ({:.0} MB, SHA-256 {})",
            "",
            weights.origin,
            weights.bytes as f64 / 1e6,
            &weights.sha256[..16]
        );
        show!("{:<14}   licence: {}", "", weights.licence);
    }
    Ok(())
}
