//! Tables, the remarks below them, and quantities by generator.

use super::{closed, opened};
use crate::document::{Entry, Grid, Matrix};
use std::fmt::Write as _;
use vesalius_data::text::escape::html as escape;

/// Rows that a printed page holds. What is longer is folded on a screen, else one GAN's report was 17,000 pixels high; on
/// paper it is open.
pub const LONG: usize = 26;
/// Protocols that stand below a table; more are folded.
const FEW_PROTOCOLS: usize = 4;

pub fn grid(out: &mut String, grid: &Grid) {
    tables(out, grid);
    notes(out, grid);
}

pub fn reference(out: &mut String, grid: &Grid) {
    let rows = grid.rows.len();
    opened(out, rows > LONG, &format!("{} ({rows} rows)", grid.caption));
    self::grid(out, grid);
    closed(out, rows > LONG);
}

fn tables(out: &mut String, grid: &Grid) {
    let protocols = grid.protocols();
    for (heading, columns) in grid.pieces() {
        let caption = escape(if heading.is_empty() { &grid.caption } else { &heading });
        let rows: Vec<&Vec<Entry>> = grid.rows_with(&columns).collect();
        // Longer than a page is broken anywhere, shorter ones stay whole.
        let long = if rows.len() > LONG { " long" } else { "" };
        let _ = write!(
            out,
            "<div class=\"block{long}\"><p class=\"caption\">{caption}</p><div class=\"table\" tabindex=\"0\"><table \
             class=\"{}\" aria-label=\"{caption}\">\n<thead><tr>",
            grid.name
        );
        let (first, others): (Vec<usize>, Vec<usize>) =
            columns.into_iter().partition(|&i| grid.columns[i].leads);
        let all: Vec<usize> = std::iter::once(0).chain(first).chain(others).collect();
        for &i in &all {
            let column = &grid.columns[i];
            let class = if column.text { " class=\"text\"" } else { "" };
            let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", escape(&column.title));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            out.push_str("<tr>");
            for &i in &all {
                cell(out, &row[i], i == 0, grid.columns[i].text, &protocols);
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div></div>\n");
    }
}

fn notes(out: &mut String, grid: &Grid) {
    let protocols = grid.protocols();
    if !protocols.is_empty() || !grid.remarks.is_empty() {
        out.push_str("<div class=\"notes\">\n");
        for remark in &grid.remarks {
            let _ = writeln!(out, "<p>{}</p>", escape(remark));
        }
        if !protocols.is_empty() {
            let many = protocols.len() > FEW_PROTOCOLS;
            opened(out, many, &format!("How it was measured ({} protocols)", protocols.len()));
            out.push_str("<ol>\n");
            for protocol in &protocols {
                let _ = writeln!(out, "<li>{}</li>", escape(protocol));
            }
            out.push_str("</ol>\n");
            closed(out, many);
        }
        out.push_str("</div>\n");
    }
}

/// A table on a wide page; on a narrow one a list of quantities for each column.
pub fn matrix(out: &mut String, matrix: &Matrix) {
    let grid = &matrix.grid;
    let caption = escape(&grid.caption);
    if matrix.is_folded {
        let _ = writeln!(out, "<details><summary>{caption}</summary>");
    }
    out.push_str("<div class=\"broad\">\n");
    tables(out, grid);
    let _ = writeln!(out, "</div>\n<div class=\"narrow\"><p class=\"caption\">{caption}</p>");
    for (i, column) in grid.columns.iter().enumerate().skip(2) {
        let _ = writeln!(out, "<details><summary>{}</summary><dl>", escape(&column.title));
        for row in grid.rows.iter().filter(|row| row[i] != Entry::Absent) {
            let [name, says] = [&row[0], &row[1]].map(|entry| escape(&entry.line()));
            let value = escape(&row[i].line());
            let _ = writeln!(out, "<dt>{name} <b>{value}</b></dt><dd>{says}</dd>");
        }
        out.push_str("</dl></details>\n");
    }
    out.push_str("</div>\n");
    notes(out, grid);
    if matrix.is_folded {
        out.push_str("</details>\n");
    }
}

fn cell(out: &mut String, entry: &Entry, head: bool, text: bool, protocols: &[&str]) {
    let tag = if head { "th scope=\"row\"" } else { "td" };
    let class = match entry {
        Entry::Diverged => " class=\"diverged\"",
        Entry::Measured(..) => " class=\"ours\"",
        _ if text && !head => " class=\"text\"",
        _ => "",
    };
    let (first, more) = entry.lines();
    let _ = write!(out, "<{tag}{class}>{}", escape(&first));
    if let Entry::Measured(measure, _) = entry {
        let note = protocols.iter().position(|other| *other == measure.protocol);
        let _ = write!(out, "<sup>{}</sup>", note.map_or(0, |i| i + 1));
    }
    for line in more {
        let _ = write!(out, "<span class=\"range\">{}</span>", escape(&line));
    }
    let _ = write!(out, "</{}>", if head { "th" } else { "td" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Block, Column};

    /// A table of `rows` rows as a page shows it.
    fn shown(rows: usize, block: fn(Grid) -> Block) -> String {
        let columns = vec![Column::text("run", "Run"), Column::new("minutes", "Minutes")];
        let rows = (0..rows).map(|i| vec![Entry::Text(format!("run-{i}")), Entry::Number(1.0, 0)]);
        let caption = "Runs".to_owned();
        let grid = Grid { name: "runs", caption, columns, rows: rows.collect(), ..Grid::default() };
        let mut out = String::new();
        super::super::block(&mut out, &block(grid));
        out
    }

    #[test]
    fn only_long_tables_of_reference_are_folded_and_say_how_long_they_are() {
        assert!(!shown(LONG, Block::Reference).contains("<details"));
        let long = shown(LONG + 1, Block::Reference);
        assert!(long.starts_with("<details class=\"long\"><summary>Runs (27 rows)</summary>"));
        assert!(long.contains("run-26") && long.ends_with("</details>\n"));
        assert!(!shown(LONG + 1, Block::Grid).contains("<details"));
    }
}
