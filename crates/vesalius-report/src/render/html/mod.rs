//! One self-contained HTML page: no file beside it is needed, nothing comes from the network. It prints page by page
//! and reads on a phone, where tables and figures scroll in boxes of their own.

use super::Part;
use crate::document::{Art, Block, Entry, Figure, Grid, Matrix, Section};
use base64::Engine as _;
use std::fmt::Write as _;
use vesalius_data::text::escape::html as escape;

const STYLE: &str = include_str!("style.css");

/// The page.
pub fn page(parts: &[Part]) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>Vesalius report</title>\n<style>\n{STYLE}</style></head>\
         <body>\n<header><h1>Would GAN-made images help?</h1></header>\n<main>\n"
    );
    for part in parts {
        if let Some(section) = part.sections.iter().find(|section| section.id == "summary") {
            self::section(&mut out, part, section);
        }
    }
    contents(&mut out, parts);
    for part in parts {
        for section in part.sections.iter().filter(|section| section.id != "summary") {
            self::section(&mut out, part, section);
        }
    }
    out.push_str("</main></body></html>\n");
    out
}

fn several(parts: &[Part]) -> bool {
    parts.iter().filter(|part| !part.dataset.is_empty()).count() > 1
}

fn anchor(part: &Part, section: &Section) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("{}-{}", section.id, part.dataset.chars().map(plain).collect::<String>())
}

fn contents(out: &mut String, parts: &[Part]) {
    out.push_str("<nav aria-label=\"Contents\">");
    for part in parts {
        out.push_str("<ol>");
        if several(parts) && !part.dataset.is_empty() {
            let _ = write!(out, "<li class=\"dataset\">{}</li>", escape(&part.dataset));
        }
        for section in part.sections.iter().filter(|section| section.id != "summary") {
            let anchor = anchor(part, section);
            let _ = write!(out, "<li><a href=\"#{anchor}\">{}</a></li>", escape(&section.title));
        }
        out.push_str("</ol>");
    }
    out.push_str("</nav>\n");
}

fn section(out: &mut String, part: &Part, section: &Section) {
    let of = if part.dataset.is_empty() || section.id == "summary" {
        String::new()
    } else {
        format!(" <span class=\"of\">{}</span>", escape(&part.dataset))
    };
    let _ = writeln!(
        out,
        "<section id=\"{}\" class=\"{}\">\n<h2>{}{of}</h2>",
        anchor(part, section),
        section.id,
        escape(&section.title)
    );
    for block in &section.blocks {
        self::block(out, block);
    }
    out.push_str("</section>\n");
}

fn block(out: &mut String, block: &Block) {
    match block {
        Block::Heading(text) => {
            let _ = writeln!(out, "<h3>{}</h3>", escape(text));
        }
        Block::Text(text) => {
            let _ = writeln!(out, "<p>{}</p>", escape(text));
        }
        Block::Answers(answers) => {
            out.push_str("<dl class=\"answers\">\n");
            for (question, answer) in answers {
                let (first, rest) = lead(answer);
                let _ = writeln!(
                    out,
                    "<div><dt>{}</dt><dd><b>{}</b>{}</dd></div>",
                    escape(question),
                    escape(first),
                    escape(rest)
                );
            }
            out.push_str("</dl>\n");
        }
        Block::List(points) => {
            out.push_str("<ul>\n");
            for point in points {
                let _ = writeln!(out, "<li>{}</li>", escape(point));
            }
            out.push_str("</ul>\n");
        }
        Block::Grid(grid) => self::grid(out, grid),
        Block::FilesOnly(_) => {}
        Block::Matrix(matrix) => self::matrix(out, matrix),
        Block::Figure(figure) => self::figure(out, figure),
        Block::Gallery(figures) => {
            out.push_str("<div class=\"gallery\">\n");
            for figure in figures {
                self::figure(out, figure);
            }
            out.push_str("</div>\n");
        }
        Block::Links(links) => {
            out.push_str("<ul>\n");
            for (text, file) in links {
                let _ = writeln!(out, "<li><a href=\"{}\">{}</a></li>", escape(file), escape(text));
            }
            out.push_str("</ul>\n");
        }
        Block::Code(text) => {
            let _ = writeln!(out, "<pre tabindex=\"0\">{}</pre>", escape(text));
        }
        Block::Folded(title, text) => {
            let _ = writeln!(
                out,
                "<details><summary>{}</summary><pre tabindex=\"0\">{}</pre></details>",
                escape(title),
                escape(text)
            );
        }
    }
}

/// The first words of an answer, up to a colon or full stop: they answer.
fn lead(answer: &str) -> (&str, &str) {
    let ends = [": ", ". "].into_iter().filter_map(|stop| answer.find(stop));
    let end = ends.min().filter(|end| *end < 70);
    end.map_or(("", answer), |end| answer.split_at(end + 1))
}

/// Rows that a printed page holds.
const LONG: usize = 26;

fn grid(out: &mut String, grid: &Grid) {
    tables(out, grid);
    notes(out, grid);
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
            out.push_str("<ol>\n");
            for protocol in &protocols {
                let _ = writeln!(out, "<li>{}</li>", escape(protocol));
            }
            out.push_str("</ol>\n");
        }
        out.push_str("</div>\n");
    }
}

/// A table on a wide page; on a narrow one a list of quantities for each column.
fn matrix(out: &mut String, matrix: &Matrix) {
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

fn figure(out: &mut String, figure: &Figure) {
    let alt = escape(&figure.alt);
    let data = |kind: &str, bytes: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        format!("data:image/{kind};base64,{text}")
    };
    let (class, picture) = match &figure.art {
        Art::Svg(svg) => ("drawn", svg.clone()),
        // As an image, so that its styles and names stay its own.
        Art::ForeignSvg(svg) => {
            ("foreign", format!("<img alt=\"{alt}\" src=\"{}\">", data("svg+xml", svg.as_bytes())))
        }
        Art::Png(png) => {
            let [width, height] = png_size(png);
            // A row of many small pictures needs the page's whole width.
            let shape = if width > height * 5 / 2 { "pixels wide" } else { "pixels" };
            (
                shape,
                format!(
                    "<img alt=\"{alt}\" width=\"{width}\" height=\"{height}\" src=\"{}\">",
                    data("png", png)
                ),
            )
        }
    };
    let link = figure.link.as_ref().map_or_else(String::new, |link| {
        format!(" <a href=\"{}\">Interactive map</a>", escape(link))
    });
    let _ = writeln!(
        out,
        "<figure class=\"{class}\"><div class=\"picture\" tabindex=\"0\">{picture}</div><figcaption><b>{}.</b> {}{link}\
         </figcaption></figure>",
        escape(&figure.title),
        escape(&figure.caption)
    );
}

/// Width and height in a PNG's header; the signature was checked when it was read.
fn png_size(png: &[u8]) -> [u32; 2] {
    let at =
        |i: usize| png.get(i..i + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    [at(16), at(20)]
}
