//! One self-contained HTML page: no file beside it, nothing from the network.

use super::curves;
use super::paper::display_name;
use super::runs::{Run, commands};
use super::table::{Cell, Table, protocols, show};
use crate::run_dir::Outcome;
use anyhow::Result;
use base64::Engine as _;
use std::fmt::Write as _;

const STYLE: &str = "
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .35rem .8rem; text-align: right; border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #555; }
td.ours { background: #f3f7fb; }
.range { color: #555; font-size: .85em; }
img, svg { max-width: 100%; height: auto; }
img { image-rendering: pixelated; }
pre { background: #f5f5f5; padding: .8rem; overflow-x: auto; font-size: .85rem; }
.diverged { color: #a33; }
figure { margin: 1.5rem 0; } figcaption { color: #444; }
";

/// The page.
///
/// # Errors
/// When a curve cannot be drawn.
pub fn page(tables: &[Table], runs: &[Run]) -> Result<String> {
    let notes = protocols(tables);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Vesalius report</title><style>{STYLE}</style></head><body>\n\
         <h1>Would GAN-made images help?</h1>\n"
    );
    for table in tables {
        table_html(&mut out, table, &notes);
    }
    out.push_str("<h2>Protocols</h2>\n<ol>\n");
    for protocol in &notes {
        let _ = writeln!(out, "<li>{}</li>", escape(protocol));
    }
    out.push_str(
        "</ol>\n<p>The paper's FID uses Inception features; a distance in other features is on another scale and \
         compares only within its own column. docs/method.md explains every word.</p>\n",
    );
    figures(&mut out, runs)?;
    provenance(&mut out, runs);
    out.push_str("</body></html>\n");
    Ok(out)
}

fn table_html(out: &mut String, table: &Table, notes: &[String]) {
    let _ = write!(
        out,
        "<h2>{}</h2>\n<table><thead><tr><th>Training set of the U-Net</th><th>FID (paper)</th><th>Dice (paper)</th>\
         <th>Fréchet distance</th><th>Dice</th></tr></thead><tbody>\n",
        escape(&table.dataset)
    );
    let paper = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
    for row in &table.rows {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"ours\">{}</td><td class=\"ours\">{}</td></tr>",
            escape(&row.name),
            paper(row.paper_fid),
            paper(row.paper_dice),
            cell_html(row.distance.as_ref(), 2, notes),
            cell_html(row.dice.as_ref(), 3, notes),
        );
    }
    out.push_str("</tbody></table>\n");
}

fn cell_html(cell: Option<&Cell>, digits: usize, notes: &[String]) -> String {
    match cell {
        Some(Cell::Diverged) => "<span class=\"diverged\">diverged</span>".to_owned(),
        Some(Cell::Measured { protocol, .. }) => {
            let text = escape(&show(cell, digits));
            let (value, range) = text.split_once(' ').unwrap_or((&text, ""));
            let note = notes.iter().position(|other| other == protocol).map_or(0, |i| i + 1);
            format!("{value}<sup>{note}</sup> <span class=\"range\">{range}</span>")
        }
        None => "–".to_owned(),
    }
}

fn figures(out: &mut String, runs: &[Run]) -> Result<()> {
    let trained: Vec<&Run> = runs.iter().filter(|run| run.result.stage == "train").collect();
    if trained.is_empty() {
        return Ok(());
    }
    out.push_str("<h2>Samples and training</h2>\n");
    for run in trained {
        let subject = &run.result.subject;
        let name = display_name(subject.gan.as_deref().unwrap_or("real"));
        let ended = match &run.result.outcome {
            Outcome::Finished => String::new(),
            Outcome::Diverged { reason } => format!(" Diverged: {reason}."),
        };
        let length = run.stats.last().map_or(0.0, |point| point.kimg);
        let _ = writeln!(
            out,
            "<figure><figcaption><b>{}, {}</b>: {length:.1} kimg in {:.0} minutes.{} Each sample plain and with the \
             outlines of its mask.</figcaption>",
            escape(&name),
            escape(&subject.dataset),
            run.result.wall_secs / 60.0,
            escape(&ended)
        );
        if let Some(png) = &run.samples {
            let data = base64::engine::general_purpose::STANDARD.encode(png);
            let _ = writeln!(
                out,
                "<img alt=\"samples of {}\" src=\"data:image/png;base64,{data}\">",
                escape(&name)
            );
        }
        if run.stats.len() > 1 {
            out.push_str(&curves::svg(run)?);
        }
        out.push_str("</figure>\n");
    }
    Ok(())
}

fn provenance(out: &mut String, runs: &[Run]) {
    out.push_str("<h2>How every number was made</h2>\n<pre>");
    for command in commands(runs) {
        let _ = writeln!(out, "{}", escape(command));
    }
    out.push_str("</pre>\n<table><thead><tr><th>Run</th><th>Stage</th><th>Vesalius</th><th>Minutes</th><th>Machine</th>\
                  </tr></thead><tbody>\n");
    for run in runs {
        let result = &run.result;
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.1}</td><td>{}</td></tr>",
            escape(&run.path.display().to_string()),
            escape(&result.stage),
            escape(&result.vesalius),
            result.wall_secs / 60.0,
            escape(&result.machine)
        );
    }
    out.push_str("</tbody></table>\n<details><summary>Inputs (SHA-256)</summary><pre>");
    for run in runs {
        for input in &run.result.inputs {
            let _ = writeln!(
                out,
                "{}  {}  {}  {}",
                input.sha256,
                input.role,
                escape(&input.path.display().to_string()),
                escape(&run.path.display().to_string())
            );
        }
    }
    out.push_str("</pre></details>\n");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
