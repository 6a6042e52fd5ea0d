//! Tables as LaTeX for `booktabs`.

use crate::report::document::{Entry, Grid};
use std::fmt::Write as _;

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
            let _ = writeln!(out, "% {}. {protocol}", i + 1);
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

/// Text that LaTeX sets as it stands.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let instead = match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(c);
                continue;
            }
            '\\' => "\\textbackslash{}",
            '~' => "\\textasciitilde{}",
            '^' => "\\textasciicircum{}",
            '–' => "--",
            '−' => "$-$",
            '±' => "$\\pm$",
            '∞' => "$\\infty$",
            'ρ' => "$\\rho$",
            'τ' => "$\\tau$",
            '↓' => "$\\downarrow$",
            '↑' => "$\\uparrow$",
            '<' => "$<$",
            '>' => "$>$",
            _ => {
                out.push(c);
                continue;
            }
        };
        out.push_str(instead);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_latex_reads_otherwise_are_escaped() {
        assert_eq!(escape("a_b 95 % ρ −1"), "a\\_b 95 \\% $\\rho$ $-$1");
    }
}
