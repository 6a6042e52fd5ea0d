//! Reports: a pure function of finished runs. `runs` reads them, `evidence` sorts them, `pages/` says what they mean,
//! `render/` writes it down, `draw/` makes the pictures.

pub mod catalogue;
pub mod compare;
pub mod document;
pub mod draw;
pub mod evidence;
#[cfg(test)]
mod fixture;
pub mod lineage;
pub mod measure;
pub mod pages;
pub mod paper;
pub mod render;
pub mod runs;
pub mod verdict;

use crate::publish::{StagedDir, write_file};
use anyhow::{Context, Result};
use document::{Art, Block, Figure, Grid};
use render::{Part, data, figures, grids, html, latex, markdown};
use runs::Run;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Writes into `target`, which must not exist: `report.html` (self-contained), `report.md`, each table as Markdown, CSV,
/// LaTeX and JSON, each figure as SVG and PNG, and interactive maps of the runs. Gives the path of the HTML page.
///
/// # Errors
/// When no finished run lies below `folders`, one cannot be read, is there twice or does not belong with the others, or
/// `target` cannot be written.
pub fn write(folders: &[PathBuf], target: &Path) -> Result<PathBuf> {
    let runs = runs::gather(folders)?;
    let parts = parts(&runs)?;
    let staged = StagedDir::create(target)?;
    let put = |name: &str, content: &[u8]| write_file(&staged.path().join(name), content);
    let mut tables: BTreeMap<&str, Vec<&Grid>> = BTreeMap::new();
    for grid in grids(&parts) {
        tables.entry(grid.name).or_default().push(grid);
    }
    for (name, grids) in &tables {
        let texts: Vec<String> = grids
            .iter()
            .map(|grid| format!("## {} {}\n\n{}", grid.dataset, grid.caption, markdown::grid(grid)))
            .collect();
        put(&format!("{name}.md"), texts.join("\n").as_bytes())?;
        put(&format!("{name}.csv"), data::csv(grids).as_bytes())?;
        put(&format!("{name}.tex"), latex::tables(grids).as_bytes())?;
        put(&format!("{name}.json"), &serde_json::to_vec_pretty(&data::json(grids))?)?;
    }
    for figure in figures(&parts) {
        for (name, content) in files(figure)? {
            put(&name, &content)?;
        }
    }
    for (name, content) in parts.iter().flat_map(|p| &p.sections).flat_map(|s| &s.files) {
        put(name, content)?;
    }
    put("report.md", markdown::page(&parts).as_bytes())?;
    put("report.html", html::page(&parts).as_bytes())?;
    staged.publish()?;
    Ok(target.join("report.html"))
}

/// All pages.
fn parts(runs: &[Run]) -> Result<Vec<Part>> {
    let mut parts = vec![];
    for evidence in evidence::evidence(runs)? {
        let mut sections = vec![pages::summary::section(&evidence)];
        for page in pages::PAGES {
            sections.extend(page(&evidence)?);
        }
        parts.push(Part { dataset: evidence.dataset.to_owned(), sections });
    }
    let last = pages::provenance::section(runs);
    parts.push(Part { dataset: String::new(), sections: vec![last] });
    name_apart(&mut parts);
    Ok(parts)
}

/// Two runs on one GAN would write one file: the later figures get a number.
fn name_apart(parts: &mut [Part]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let sections = parts.iter_mut().flat_map(|part| &mut part.sections);
    for block in sections.flat_map(|section| &mut section.blocks) {
        let figures = match block {
            Block::Figure(figure) => std::slice::from_mut(figure),
            Block::Gallery(figures) => figures.as_mut_slice(),
            _ => &mut [],
        };
        for figure in figures {
            let count = seen.entry(figure.name.clone()).or_default();
            *count += 1;
            if *count > 1 {
                figure.name += &format!("-{count}");
            }
        }
    }
}

/// Files of a figure: a drawing as SVG and PNG, pixels as PNG.
fn files(figure: &Figure) -> Result<Vec<(String, Vec<u8>)>> {
    let name = |kind: &str| format!("{}.{kind}", figure.name);
    Ok(match &figure.art {
        Art::Png(png) => vec![(name("png"), png.clone())],
        Art::Svg(svg) | Art::ForeignSvg(svg) => {
            let png = draw::raster::png(svg).with_context(|| name("svg"))?;
            vec![(name("svg"), svg.clone().into_bytes()), (name("png"), png)]
        }
    })
}

/// `acdc-wgan-gp`: dataset and GAN of a run, for file names.
pub fn slug(run: &Run) -> String {
    let text = format!("{}-{}", run.result.subject.dataset, run.gan().unwrap_or("real"));
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect()
}
