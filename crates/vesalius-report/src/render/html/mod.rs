//! One self-contained HTML page: no file beside it is needed, nothing comes from the network. It prints page by page
//! and reads on a phone, where tables and figures scroll in boxes of their own.

mod figure;
mod table;

use super::Part;
use crate::document::{Block, Section};
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
        Block::Grid(grid) => table::grid(out, grid),
        Block::Reference(grid) => table::reference(out, grid),
        Block::FilesOnly(_) => {}
        Block::Matrix(matrix) => table::matrix(out, matrix),
        Block::Figure(figure) => figure::figure(out, figure),
        Block::Gallery(figures) => {
            out.push_str("<div class=\"gallery\">\n");
            for figure in figures {
                figure::figure(out, figure);
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
            let lines = text.lines().count();
            let long = lines > table::LONG;
            opened(out, long, &format!("Commands ({lines})"));
            let _ = writeln!(out, "<pre tabindex=\"0\">{}</pre>", escape(text));
            closed(out, long);
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

/// Begins what is folded, if it is; `closed` ends it.
fn opened(out: &mut String, is_folded: bool, title: &str) {
    if is_folded {
        let _ = writeln!(out, "<details class=\"long\"><summary>{}</summary>", escape(title));
    }
}

fn closed(out: &mut String, is_folded: bool) {
    if is_folded {
        out.push_str("</details>\n");
    }
}
