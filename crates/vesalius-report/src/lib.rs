//! Reports: a pure function of finished runs. `runs` reads them, `evidence` sorts them, `pages/` says what they mean,
//! `render/` writes it down, `draw/` makes the pictures.

pub mod catalogue;
pub(crate) mod document;
pub(crate) mod draw;
pub mod evidence;
pub(crate) mod inference;
pub use inference::primary::PrimaryQuestion;
pub mod map;
pub(crate) mod meaning;
pub(crate) mod names;
#[expect(clippy::unnecessary_wraps, reason = "all pages are called alike, and some can fail")]
pub(crate) mod pages;
pub mod paper;
pub mod plausibility;
pub mod power;
pub(crate) mod render;

use anyhow::{Context, Result};
use document::{Art, Block, Figure, Grid};
use evidence::runs::{self, Run};
use render::{Part, data, figures, grids, html, latex, markdown};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vesalius_data::files::publish::StagedDir;
use vesalius_data::text::{escape, file_stem};

/// Writes into `target`, which must not exist: `report.html` (self-contained), `report.md`, each table as Markdown,
/// CSV,
/// LaTeX and JSON, each figure as SVG and PNG, and interactive maps of the runs. Gives the path of the HTML page.
///
/// # Errors
/// When no finished run lies below `folders`, one cannot be read, is there twice or does not belong with the others, or
/// `target` cannot be written.
pub fn write(folders: &[PathBuf], target: &Path, asked: &PrimaryQuestion) -> Result<PathBuf> {
    let runs = runs::gather(folders)?;
    let parts = parts(&runs, asked)?;
    let staged = StagedDir::create(target)?;
    let put = |name: &str, content: &[u8]| {
        file_stem::check(name).with_context(|| format!("{}: a file", target.display()))?;
        staged.write(name, content)
    };
    let mut tables: BTreeMap<&str, Vec<&Grid>> = BTreeMap::new();
    for grid in grids(&parts) {
        tables.entry(grid.name).or_default().push(grid);
    }
    for (name, grids) in &tables {
        let texts: Vec<String> = grids
            .iter()
            .map(|grid| {
                let [dataset, caption] =
                    [&grid.dataset, &grid.caption].map(|t| escape::markdown(t));
                format!("## {dataset} {caption}\n\n{}", markdown::grid(grid))
            })
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
fn parts(runs: &[Run], asked: &PrimaryQuestion) -> Result<Vec<Part>> {
    let mut parts = vec![];
    for evidence in evidence::evidence(runs, asked)? {
        let mut sections = vec![pages::answers::summary::section(&evidence)];
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
                figure.name = format!("{}-{count}", figure.name);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::{Fixture, result};
    use vesalius_data::run::TrainedOn::{Real, RealAndSynthetic, Synthetic};

    fn report(fixture: &Fixture) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("report");
        write(&[fixture.path()], &target, &PrimaryQuestion::default()).unwrap();
        (folder, target)
    }

    fn refusal(fixture: &Fixture) -> String {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("report");
        let error = format!(
            "{:#}",
            write(&[fixture.path()], &target, &PrimaryQuestion::default()).unwrap_err()
        );
        assert!(!target.exists() && !error.contains('\n'), "{error}");
        error
    }

    #[test]
    fn every_table_and_figure_is_written_in_every_format() {
        let mut fixture = Fixture::new();
        fixture.unet(None, Real, 1, &[0.70, 0.72, 0.74]);
        for (i, gan) in ["lsgan", "wgan", "hinge", "dcgan"].into_iter().enumerate() {
            let dice = 0.6 - 0.1 * i as f64;
            fixture.training(gan, serde_json::json!({ "filters": i }), Some(i as f64));
            fixture.judged("metrics", gan, &[("fid", None, i as f64), ("recall", None, dice)]);
            fixture.unet(Some(gan), Synthetic, 1, &[dice, dice + 0.01, dice + 0.03]);
            fixture.unet(Some(gan), RealAndSynthetic, 1, &[0.71, 0.70, 0.74]);
        }
        let (_folder, target) = report(&fixture);
        let read = |name: &str| std::fs::read_to_string(target.join(name)).unwrap();
        for table in ["table2", "comparisons", "scores", "correlation", "cost", "runs"] {
            for kind in ["md", "csv", "tex", "json"] {
                assert!(!read(&format!("{table}.{kind}")).is_empty(), "{table}.{kind}");
            }
        }
        for figure in ["fig3-acdc", "fig4-distance-between-acdc", "correlation-acdc"] {
            assert!(read(&format!("{figure}.svg")).starts_with("<svg"), "{figure}");
            let png = std::fs::read(target.join(format!("{figure}.png"))).unwrap();
            assert!(image::load_from_memory(&png).unwrap().width() > 400, "{figure}");
        }
        let page = read("report.html");
        for part in
            ["In short: acdc", "Not known", "Fig. 3", "Spearman", "vesalius train packs/acdc"]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("<script") && !page.contains("<link"), "one file, nothing run");
        let rows: serde_json::Value = serde_json::from_str(&read("table2.json")).unwrap();
        assert_eq!(rows[0]["dice"]["runs"], 1.0);
        // The same runs give the same report.
        let (_other, again) = report(&fixture);
        assert_eq!(page, std::fs::read_to_string(again.join("report.html")).unwrap());
    }

    #[test]
    fn a_run_that_is_there_twice_is_refused() {
        let mut fixture = Fixture::new();
        fixture.unet(None, Real, 1, &[0.7, 0.8]);
        fixture.unet(None, Real, 1, &[0.7, 0.8]);
        assert!(refusal(&fixture).contains("the same segment twice"));
    }

    #[test]
    fn u_nets_judged_on_different_test_packs_are_refused() {
        let mut fixture = Fixture::new();
        fixture.unet(None, Real, 1, &[0.7, 0.8]);
        let mut other = result("segment", None, vec![]);
        other.inputs = vec![vesalius_data::run::Input {
            role: "test".into(),
            path: "packs/other".into(),
            sha256: "other".into(),
            command: String::new(),
            pack: None,
        }];
        fixture.add(&other);
        assert!(refusal(&fixture).contains("judged on different test packs"));
    }

    #[test]
    fn damaged_runs_and_no_runs_are_refused_by_name() {
        let mut fixture = Fixture::new();
        assert!(refusal(&fixture).contains("no result.json"));
        let path = fixture.add(&result("train", Some("wgan"), vec![]));
        std::fs::write(path.join("samples.png"), b"not a picture").unwrap();
        assert!(refusal(&fixture).contains("samples.png: not a PNG"));
        std::fs::remove_file(path.join("samples.png")).unwrap();
        std::fs::write(path.join("stats.jsonl"), "{\"kimg\":").unwrap();
        assert!(refusal(&fixture).contains("stats.jsonl: not a statistics line"));
        std::fs::write(path.join("result.json"), "{").unwrap();
        assert!(refusal(&fixture).contains("result.json: not a result"));
    }

    #[test]
    fn results_of_the_first_version_open() {
        let fixture = Fixture::new();
        let run = fixture.path().join("unet-real");
        std::fs::create_dir(&run).unwrap();
        let old = r#"{"format": 1, "stage": "segment", "subject": {"dataset": "acdc", "trained_on": "real"},
            "outcome": {"kind": "finished"}, "inputs": [], "wall_secs": 12.0, "command": "vesalius segment",
            "vesalius": "0.1.0", "machine": "m", "scores": [{"metric": "dice", "value": 0.797, "interval": [0.7, 0.9],
            "of": "per_volume/mean", "real_count": 16, "protocol": "U-Net, 2000 steps of 16 slices, seed 1; Dice"}]}"#;
        std::fs::write(run.join("result.json"), old).unwrap();
        let (_folder, target) = report(&fixture);
        let csv = std::fs::read_to_string(target.join("table2.csv")).unwrap();
        assert!(csv.lines().any(|l| l.starts_with("acdc,Original,,0.89,,0.797,0.7,0.9,")), "{csv}");
    }
}
