//! The whole report as Markdown, and each table by itself.

use super::Part;
use crate::document::{Art, Block, Entry, Figure, Grid};
use std::fmt::Write as _;
use vesalius_data::text::escape::{
    html, markdown as escape, markdown_code as code, markdown_link as link,
};

/// The report; figures are the files beside it.
pub fn page(parts: &[Part]) -> String {
    let mut out = String::from("# Would GAN-made images help?\n");
    for part in parts {
        for section in &part.sections {
            let of = if part.dataset.is_empty() || section.id == "summary" {
                String::new()
            } else {
                format!(" ({})", escape(&part.dataset))
            };
            let _ = writeln!(out, "\n## {}{of}\n", escape(&section.title));
            for block in &section.blocks {
                self::block(&mut out, block);
            }
        }
    }
    out
}

fn block(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Heading(text) => writeln!(out, "### {}\n", escape(text)),
        Block::Text(text) => writeln!(out, "{}\n", escape(text)),
        Block::Answers(answers) => {
            for (question, answer) in answers {
                let _ = writeln!(out, "- **{}** {}", escape(question), escape(answer));
            }
            writeln!(out)
        }
        Block::List(points) => {
            for point in points {
                let _ = writeln!(out, "- {}", escape(point));
            }
            writeln!(out)
        }
        Block::Grid(grid) | Block::Reference(grid) => writeln!(out, "{}", self::grid(grid)),
        Block::FilesOnly(_) => Ok(()),
        Block::Matrix(matrix) => {
            let caption = escape(&matrix.grid.caption);
            writeln!(out, "**{caption}**\n\n{}", self::grid(&matrix.grid))
        }
        Block::Figure(figure) => self::figure(out, figure),
        Block::Gallery(figures) => {
            for figure in figures {
                let _ = self::figure(out, figure);
            }
            Ok(())
        }
        Block::Links(links) => {
            for (text, file) in links {
                let _ = writeln!(out, "- [{}]({})", escape(text), link(file));
            }
            writeln!(out)
        }
        Block::Code(text) => writeln!(out, "{}\n", code(text)),
        Block::Folded(title, text) => {
            let title = html(title);
            writeln!(out, "<details><summary>{title}</summary>\n\n{}\n\n</details>\n", code(text))
        }
    };
}

fn figure(out: &mut String, figure: &Figure) -> std::fmt::Result {
    let kind = if matches!(figure.art, Art::Png(_)) { "png" } else { "svg" };
    writeln!(out, "![{}]({}.{kind})\n", escape(&figure.alt), link(&figure.name))?;
    let more = figure
        .link
        .as_ref()
        .map_or_else(String::new, |file| format!(" [Interactive map]({})", link(file)));
    writeln!(out, "**{}.** {}{more}\n", escape(&figure.title), escape(&figure.caption))
}

/// One table, in pieces that fit a page, with its remarks and protocols.
pub fn grid(grid: &Grid) -> String {
    let protocols = grid.protocols();
    let mut out = String::new();
    for (heading, columns) in grid.pieces() {
        if !heading.is_empty() {
            let _ = writeln!(out, "**{}**\n", escape(&heading));
        }
        let rows: Vec<&Vec<Entry>> = grid.rows_with(&columns).collect();
        let all: Vec<usize> = std::iter::once(0).chain(columns).collect();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        out += &line(all.iter().map(|&i| escape(&grid.columns[i].title)).collect());
        let rule = |&i: &usize| if grid.columns[i].text { "---" } else { "---:" }.to_owned();
        out += &line(all.iter().map(rule).collect());
        for row in rows {
            out += &line(all.iter().map(|&i| cell(&row[i], &protocols)).collect());
        }
        out.push('\n');
    }
    for remark in &grid.remarks {
        let _ = writeln!(out, "{}\n", escape(remark));
    }
    for (i, protocol) in protocols.iter().enumerate() {
        let _ = writeln!(out, "{}. {}", i + 1, escape(protocol));
    }
    out
}

fn cell(entry: &Entry, protocols: &[&str]) -> String {
    let text = escape(&entry.line());
    let Entry::Measured(measure, _) = entry else { return text };
    let note = protocols.iter().position(|other| *other == measure.protocol);
    note.map_or_else(|| text.clone(), |i| format!("{text} ({})", i + 1))
}
