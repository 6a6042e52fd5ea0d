//! Reports: a pure function of finished runs. Table 2 with the paper beside ours, sample grids, training curves, and
//! for every number the protocol, the command and the versions that made it.

pub mod curves;
pub mod html;
pub mod paper;
pub mod runs;
pub mod table;
pub mod text;

use crate::publish::StagedDir;
use anyhow::Result;
use runs::Run;
use std::path::{Path, PathBuf};
use table::Table;

/// Writes `report.html` (self-contained), `table2.md`, `table2.csv`, `table2.tex`, `curves-*.svg` and
/// `samples-*.png` into `target`, which must not exist. Gives the path of the HTML page.
///
/// # Errors
/// When no finished run lies below `folders`, one cannot be read, or `target` cannot be written.
pub fn write(folders: &[PathBuf], target: &Path) -> Result<PathBuf> {
    let runs = runs::gather(folders)?;
    let tables = table::tables(&runs);
    let staged = StagedDir::create(target)?;
    let put =
        |name: &str, content: &[u8]| crate::publish::write_file(&staged.path().join(name), content);
    put("table2.md", text::markdown(&tables, &runs).as_bytes())?;
    put("table2.csv", text::csv(&tables).as_bytes())?;
    put("table2.tex", text::latex(&tables).as_bytes())?;
    for (name, svg) in curves::all(&runs)? {
        put(&format!("curves-{name}.svg"), svg.as_bytes())?;
    }
    for run in runs.iter().filter(|run| run.samples.is_some()) {
        put(&format!("samples-{}.png", slug(run)), run.samples.as_deref().unwrap_or_default())?;
    }
    put("report.html", html::page(&tables, &runs)?.as_bytes())?;
    staged.publish()?;
    Ok(target.join("report.html"))
}

/// `acdc-wgan-gp`: dataset and GAN of a run, for file names.
pub fn slug(run: &Run) -> String {
    let subject = &run.result.subject;
    let text = format!("{}-{}", subject.dataset, subject.gan.as_deref().unwrap_or("real"));
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect()
}

/// Tables of one report.
pub type Tables = Vec<Table>;
