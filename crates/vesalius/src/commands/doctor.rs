//! `vesalius doctor`.

use anyhow::Result;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints what this machine has.
pub fn run(_args: &Args) -> Result<ExitCode> {
    println!("vesalius {}", env!("CARGO_PKG_VERSION"));
    Ok(ExitCode::SUCCESS)
}
