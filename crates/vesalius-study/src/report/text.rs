//! Table 2 as Markdown, CSV and LaTeX.

use super::runs::{Run, commands};
use super::table::{Cell, Table, protocols, show};
use std::fmt::Write as _;

/// Markdown, with protocols as numbered notes and the commands.
pub fn markdown(tables: &[Table], runs: &[Run]) -> String {
    let notes = protocols(tables);
    let mut out = String::new();
    for table in tables {
        let _ = writeln!(out, "## {}\n", table.dataset);
        out.push_str("| training set | FID (paper) | Dice (paper) | Fréchet distance | Dice |\n");
        out.push_str("|---|---:|---:|---:|---:|\n");
        for row in &table.rows {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {}{} | {}{} |",
                row.name,
                number(row.paper_fid),
                number(row.paper_dice),
                show(row.distance.as_ref(), 2),
                note(row.distance.as_ref(), &notes),
                show(row.dice.as_ref(), 3),
                note(row.dice.as_ref(), &notes),
            );
        }
        out.push('\n');
    }
    for (i, protocol) in notes.iter().enumerate() {
        let _ = writeln!(out, "{}. {protocol}", i + 1);
    }
    out.push_str(
        "\nThe paper's FID uses Inception features; a distance in other features is on another scale and compares only \
         with its own column.\n\n## Commands\n\n```\n",
    );
    for command in commands(runs) {
        let _ = writeln!(out, "{command}");
    }
    out.push_str("```\n");
    out
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}

fn note(cell: Option<&Cell>, notes: &[String]) -> String {
    match cell {
        Some(Cell::Measured { protocol, .. }) => notes
            .iter()
            .position(|other| other == protocol)
            .map_or_else(String::new, |i| format!(" ({})", i + 1)),
        _ => String::new(),
    }
}

/// CSV, one line per row, empty where there is no number.
pub fn csv(tables: &[Table]) -> String {
    let mut out = String::from(
        "dataset,training_set,paper_fid,paper_dice,frechet_distance,dice,dice_low,dice_high,runs,distance_protocol,dice_protocol\n",
    );
    let optional = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
    for table in tables {
        for row in &table.rows {
            let (distance, _, _, distance_protocol) = parts(row.distance.as_ref());
            let (dice, range, runs, dice_protocol) = parts(row.dice.as_ref());
            let fields = [
                quote(&table.dataset),
                quote(&row.name),
                optional(row.paper_fid),
                optional(row.paper_dice),
                distance,
                dice,
                optional(range.map(|r| r[0])),
                optional(range.map(|r| r[1])),
                runs,
                quote(&distance_protocol),
                quote(&dice_protocol),
            ];
            out.push_str(&fields.join(","));
            out.push('\n');
        }
    }
    out
}

fn parts(cell: Option<&Cell>) -> (String, Option<[f64; 2]>, String, String) {
    match cell {
        None => Default::default(),
        Some(Cell::Diverged) => ("diverged".to_owned(), None, String::new(), String::new()),
        Some(Cell::Measured { value, range, runs, protocol }) => {
            (value.to_string(), *range, runs.to_string(), protocol.clone())
        }
    }
}

/// RFC 4180.
fn quote(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// LaTeX for `booktabs`.
pub fn latex(tables: &[Table]) -> String {
    let mut out = String::from("% needs \\usepackage{booktabs}\n");
    for table in tables {
        let _ = writeln!(
            out,
            "\\begin{{table}}\n\\centering\n\\caption{{{}: Fr\\'echet distance and Dice by training set.}}\n\
             \\begin{{tabular}}{{lrrrr}}\n\\toprule\n\
             Training set & FID (paper) & Dice (paper) & Fr\\'echet distance & Dice \\\\\n\\midrule",
            escape(&table.dataset)
        );
        for row in &table.rows {
            let _ = writeln!(
                out,
                "{} & {} & {} & {} & {} \\\\",
                escape(&row.name),
                escape(&number(row.paper_fid)),
                escape(&number(row.paper_dice)),
                escape(&show(row.distance.as_ref(), 2)),
                escape(&show(row.dice.as_ref(), 3)),
            );
        }
        out.push_str("\\bottomrule\n\\end{tabular}\n");
        for (i, protocol) in protocols(std::slice::from_ref(table)).iter().enumerate() {
            let _ = writeln!(out, "% {}. {protocol}", i + 1);
        }
        out.push_str("\\end{table}\n");
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            '–' => out.push_str("--"),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            _ => out.push(c),
        }
    }
    out
}
