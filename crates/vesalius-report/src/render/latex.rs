//! Tables as LaTeX for `booktabs`.

use crate::document::{Entry, Grid};
use std::fmt::Write as _;
use vesalius_data::text::escape::{latex as escape, latex_comment};

/// Tables of one name, one after the other.
pub fn tables(grids: &[&Grid]) -> String {
    let mut out = String::from(
        "% needs \\usepackage{booktabs}; protocols stand below each table as comments\n",
    );
    for grid in grids {
        let protocols = grid.protocols();
        for (heading, columns) in grid.pieces() {
            let rows: Vec<&Vec<Entry>> = grid.rows_with(&columns).collect();
            let all: Vec<usize> = std::iter::once(0).chain(columns).collect();
            let align: String =
                all.iter().map(|&i| if grid.columns[i].text { 'l' } else { 'r' }).collect();
            let of =
                if grid.dataset.is_empty() { String::new() } else { format!("{}: ", grid.dataset) };
            let heading = if heading.is_empty() { String::new() } else { format!(" ({heading})") };
            let _ = writeln!(
                out,
                "\\begin{{table}}\n\\centering\\small\n\\caption{{{}}}\n\\begin{{tabular}}{{{align}}}\n\\toprule",
                escape(&format!("{of}{}{heading}", grid.caption))
            );
            let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
            out += &line(all.iter().map(|&i| escape(&grid.columns[i].title)).collect());
            out.push_str("\\midrule\n");
            for row in rows {
                out += &line(all.iter().map(|&i| cell(&row[i], &protocols)).collect());
            }
            out.push_str("\\bottomrule\n\\end{tabular}\n\\end{table}\n");
        }
        for (i, protocol) in protocols.iter().enumerate() {
            let _ = writeln!(out, "% {}. {}", i + 1, latex_comment(protocol));
        }
    }
    out
}

fn cell(entry: &Entry, protocols: &[&str]) -> String {
    let text = escape(&entry.line());
    let Entry::Measured(measure, _) = entry else { return text };
    let note = protocols.iter().position(|other| *other == measure.protocol);
    note.map_or_else(|| text.clone(), |i| format!("{text}$^{{{}}}$", i + 1))
}
