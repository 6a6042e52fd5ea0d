//! The data sheet as one page: nothing beside it is needed, nothing comes from elsewhere, it prints.

use super::contents::{PatientFacts, Sheet};
use super::facts::{CaseFacts, Windowed};
use crate::checks::findings::{Weight, lines_of};
use crate::pack::manifest::{PixelType, Split};
use crate::pictures::montage::COLOURS;
use crate::text::count;
use crate::text::escape::html as escape;
use base64::Engine as _;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const STYLE: &str = include_str!("sheet.css");
/// Rows of a table; of more the page says where they are.
const ROWS: usize = 1000;
/// Different values that the overview lists.
const VALUES: usize = 8;

/// The page; `rows` are PNGs, by patient.
pub fn page(sheet: &Sheet, rows: &BTreeMap<String, Vec<u8>>) -> String {
    let mut out = opening(&format!("Data sheet: {}", sheet.dataset));
    let _ = writeln!(out, "<header><h1>Data sheet: {}</h1>", escape(&sheet.dataset));
    lead(&mut out, sheet);
    out.push_str("</header>\n<main>\n");
    findings(&mut out, sheet);
    overview(&mut out, sheet);
    pictures(&mut out, sheet, rows);
    patients(&mut out, sheet);
    cases(&mut out, sheet);
    let _ = write!(
        out,
        "</main>\n<footer><p>Written by <code>vesalius prepare</code>, version {}. All numbers: <code>sheet.json</code> \
         beside this page.</p></footer>\n</body></html>\n",
        escape(&sheet.vesalius)
    );
    out
}

/// A page up to its header.
pub(crate) fn opening(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{}</title>\n<style>\n{STYLE}</style></head>\n<body>\n",
        escape(title)
    )
}

fn lead(out: &mut String, sheet: &Sheet) {
    let layout = sheet.slice_shape;
    let on = |side| sheet.patients.iter().filter(|patient| patient.side == side).count();
    let validate = match on(Split::Validate) {
        0 => String::new(),
        count => format!("{count} validate, "),
    };
    let slices: usize = sheet.patients.iter().map(|patient| patient.slices).sum();
    let bits = match layout.pixel_type {
        PixelType::U8 => 8,
        PixelType::U16 => 16,
    };
    let _ = writeln!(
        out,
        "<p>{} ({} train, {}{} test), {}, {slices} slices of {} x {} pixels (rows x columns), {} channel{}, {bits} bits.</p>",
        count::of(sheet.patients.len(), "patient"),
        on(Split::Train),
        validate,
        on(Split::Test),
        count::of(sheet.cases.len(), "case"),
        layout.height,
        layout.width,
        layout.channels,
        if layout.channels == 1 { "" } else { "s" },
    );
}

fn findings(out: &mut String, sheet: &Sheet) {
    const KINDS: [(Weight, &str, &str); 3] = [
        (Weight::Warning, "warning", "Warnings: look at these before anything is trained"),
        (Weight::SetAside, "aside", "Found and not used"),
        (Weight::Note, "note", "Done while reading"),
    ];
    for (weight, class, title) in KINDS {
        let told = lines_of(&sheet.findings, weight);
        if told.is_empty() {
            if weight == Weight::Warning {
                out.push_str(
                    "<section class=\"quiet\"><h2>No warnings</h2><p>Nothing that the program can check looks wrong. It cannot \
                     see everything: please look at the pictures.</p></section>\n",
                );
            }
            continue;
        }
        let _ = writeln!(out, "<section class=\"{class}\"><h2>{title}</h2>\n<ul>");
        for (text, of) in told {
            let _ =
                writeln!(out, "<li>{}<span class=\"of\">{}</span></li>", escape(text), escape(&of));
        }
        out.push_str("</ul></section>\n");
    }
}

/// What a row says of a case.
type Words<'a> = &'a dyn Fn(&CaseFacts) -> String;

/// What cases have in common, and in what they differ.
fn overview(out: &mut String, sheet: &Sheet) {
    out.push_str(
        "<section><h2>What the cases have in common</h2>\n<p>Where one row lists several values, few cases with another value \
         than the rest deserve a look.</p>\n<div class=\"table\" tabindex=\"0\"><table aria-label=\"What the cases have in common\">\
         <tbody>\n",
    );
    let unknown = || "not in the files".to_owned();
    let counted: [(&str, Words); 4] = [
        ("Rows x columns", &|case| format!("{} x {}", case.shape[1], case.shape[2])),
        ("Channels", &|case| case.channels.to_string()),
        ("Spacing", &|case| case.spacing_mm.as_deref().map_or_else(unknown, millimetres)),
        ("Orientation", &|case| case.orientation.clone().unwrap_or_else(unknown)),
    ];
    for (name, value) in counted {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        sheet.cases.iter().for_each(|case| *counts.entry(value(case)).or_default() += 1);
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let more = counts.len().saturating_sub(VALUES);
        counts.truncate(VALUES);
        let mut text =
            counts.iter().map(|(value, n)| format!("{value} ({n})")).collect::<Vec<_>>().join(", ");
        if more > 0 {
            let _ = write!(text, " and {more} more");
        }
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{name}</th><td class=\"text\">{}</td></tr>",
            escape(&text)
        );
    }
    for (class, name) in sheet.classes.iter().enumerate() {
        let of = |case: &CaseFacts| case.classes.get(class).copied();
        let mut shares: Vec<f64> =
            sheet.cases.iter().filter_map(of).map(|facts| facts.share).collect();
        shares.sort_by(f64::total_cmp);
        let slices: usize = sheet.cases.iter().filter_map(of).map(|facts| facts.slices).sum();
        let without = shares.iter().filter(|share| **share == 0.0).count();
        let missing = if without > 0 {
            format!("; not in {}", count::of(without, "case"))
        } else {
            String::new()
        };
        let middle = shares.get(shares.len() / 2).copied().unwrap_or(0.0);
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}Class {class}: {}</th><td class=\"text\">{} of the pixels in the median case ({} to {}), in \
             {slices} slices{missing}</td></tr>",
            swatch(class),
            escape(name),
            percent(middle),
            percent(shares.first().copied().unwrap_or(0.0)),
            percent(shares.last().copied().unwrap_or(0.0)),
        );
    }
    out.push_str("</tbody></table></div></section>\n");
}

/// The colour of a class in pictures; the background has none.
pub(crate) fn swatch(class: usize) -> String {
    let Some(before) = class.checked_sub(1) else { return String::new() };
    let [r, g, b] = COLOURS[before % COLOURS.len()];
    format!("<span class=\"swatch\" style=\"background:rgb({r},{g},{b})\"></span>")
}

fn pictures(out: &mut String, sheet: &Sheet, rows: &BTreeMap<String, Vec<u8>>) {
    let (shown, all) = (rows.len(), sheet.patients.len());
    let which = if shown < all {
        format!(
            "{shown} of the {all} patients, evenly chosen, are shown; numbers of all are below."
        )
    } else {
        "All patients are shown.".to_owned()
    };
    let _ = writeln!(
        out,
        "<section><h2>Do the outlines lie on the organs?</h2>\n<p>{which} Each slice stands twice, as the program sees it: plain, and \
         with the outlines of its labels.</p>\n<ul class=\"ask\"><li>Does every outline lie on its organ, in every patient?</li>\
         <li>Is anything mirrored, upside down, or from another slice? What is symmetric the program cannot tell.</li>\
         <li>Is each colour the class it should be?</li><li>Are the images neither black, white nor inverted, and is nothing cut \
         off?</li><li>Is a name, a date or another text burnt into an image?</li></ul>\n<p class=\"legend\">"
    );
    for (class, name) in sheet.classes.iter().enumerate().skip(1) {
        let _ = write!(out, "<span>{}{}</span> ", swatch(class), escape(name));
    }
    out.push_str("</p>\n<div class=\"gallery\">\n");
    for (patient, png) in rows {
        let of: Vec<String> = sheet
            .shown
            .iter()
            .filter(|shown| shown.patient == *patient)
            .map(|shown| format!("{} slice {}", shown.case, shown.position + 1))
            .collect();
        let (patient, of) = (escape(patient), escape(&of.join(", ")));
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        let _ = writeln!(
            out,
            "<figure><img alt=\"Slices of patient {patient} without and with the outlines of their labels: {of}\" \
             src=\"data:image/png;base64,{data}\"><figcaption><b>{patient}</b> {of}</figcaption></figure>"
        );
    }
    out.push_str("</div></section>\n");
}

fn patients(out: &mut String, sheet: &Sheet) {
    table(
        out,
        "Patients",
        "Fit: how well the image's edges follow the outlines, from 0 (not at all) to 1. A patient far below the others deserves a look.",
        &["Patient", "Side", "Cases", "Slices", "Fit"],
        sheet.patients.len(),
        sheet.patients.iter().map(|row: &PatientFacts| {
            vec![
                row.patient.clone(),
                row.side.word().to_owned(),
                row.cases.to_string(),
                row.slices.to_string(),
                row.fit.map_or_else(|| "no outline".to_owned(), |fit| format!("{fit:.2}")),
            ]
        }),
    );
}

fn cases(out: &mut String, sheet: &Sheet) {
    let shares: Vec<String> =
        sheet.classes.iter().skip(1).map(|name| format!("{name}, % (slices)")).collect();
    let mut heads = vec![
        "Case",
        "Patient",
        "Slices (in the pack) x rows x columns",
        "Spacing",
        "Orientation",
        "Intensities: min, 1 %, median, 99 %, max",
        "Window",
        "Clipped to black, white, %",
        "Grey levels left",
        "Cut off by the crop, %",
    ];
    heads.extend(shares.iter().map(String::as_str));
    table(
        out,
        "Cases",
        "Intensities are the files' own, before the window; what lies outside of the window is clipped. Letters of the orientation say \
         where columns, rows and slices lead: left or right, anterior or posterior, superior or inferior.",
        &heads,
        sheet.cases.len(),
        sheet.cases.iter().map(|case| {
            let [slices, height, width] = case.shape;
            let before = case.before;
            let numbers = [before.least, before.low, before.median, before.high, before.greatest];
            let mut row = vec![
                case.case.clone(),
                case.patient.clone(),
                format!("{slices} ({}) x {height} x {width}", case.kept),
                case.spacing_mm.as_deref().map_or_else(|| "unknown".to_owned(), millimetres),
                case.orientation.clone().unwrap_or_else(|| "unknown".to_owned()),
                numbers.map(number).join(", "),
                windows(&case.after),
                format!("{:.1}, {:.1}", 100.0 * case.after.below, 100.0 * case.after.above),
                case.after.levels.to_string(),
                format!("{:.1}", 100.0 * case.cut_off),
            ];
            let labelled = case.classes.iter().skip(1);
            row.extend(labelled.map(|c| format!("{:.2} ({})", 100.0 * c.share, c.slices)));
            row
        }),
    );
}

/// Black to white, of each sequence.
fn windows(after: &Windowed) -> String {
    let one = |window: &[f32; 2]| window.map(number).join(" to ");
    match after.windows.as_slice() {
        [] => one(&after.window),
        windows => windows.iter().map(one).collect::<Vec<_>>().join("; "),
    }
}

fn table(
    out: &mut String,
    title: &str,
    about: &str,
    heads: &[&str],
    all: usize,
    rows: impl Iterator<Item = Vec<String>>,
) {
    let _ = write!(
        out,
        "<section><h2>{title}</h2>\n<p>{about}</p>\n<div class=\"table\" tabindex=\"0\"><table aria-label=\"{title}\"><thead><tr>"
    );
    for head in heads {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(head));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows.take(ROWS) {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let (tag, end) = if i == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            let _ = write!(out, "<{tag}>{}</{end}>", escape(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    if all > ROWS {
        let _ =
            writeln!(out, "<p>The first {ROWS} of {all}; all are in <code>sheet.json</code>.</p>");
    }
    out.push_str("</section>\n");
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn millimetres(spacing: &[f64]) -> String {
    let all: Vec<String> = spacing.iter().map(|mm| number(*mm as f32)).collect();
    format!("{} mm", all.join(" x "))
}

/// Four digits at most, without trailing zeros.
fn number(value: f32) -> String {
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    let short =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}
