//! Maps of runs that somebody else made: what a report may show and copy of them. A browser runs what is in a page, and
//! what is in a drawing.

use super::page::template;
use anyhow::{Result, bail};
use resvg::usvg::roxmltree::Document;
use serde_json::Value;

/// Elements of [`figure`](super::figure), and those of any such drawing.
const ELEMENTS: [&str; 13] = [
    "svg", "title", "desc", "g", "rect", "circle", "ellipse", "line", "polyline", "polygon",
    "path", "text", "tspan",
];

/// Refuses a drawing that is more than shapes and words: scripts, links, other files, styles.
///
/// # Errors
/// What was found and what was expected, in one line.
pub fn check_svg(svg: &str) -> Result<()> {
    let document = match Document::parse(svg) {
        Ok(document) => document,
        Err(error) => bail!("not an SVG: {}", error.to_string().replace('\n', " ")),
    };
    for node in document.root().descendants() {
        if node.is_pi() {
            bail!("an instruction in an SVG, expected shapes and words");
        }
        if !node.is_element() {
            continue;
        }
        let name = node.tag_name().name();
        let namespace = node.tag_name().namespace();
        if !ELEMENTS.contains(&name)
            || namespace.is_some_and(|space| space != "http://www.w3.org/2000/svg")
        {
            bail!("<{name}> in an SVG, expected shapes and words: {}", ELEMENTS.join(", "));
        }
        for attribute in node.attributes() {
            let (key, value) = (attribute.name().to_lowercase(), attribute.value());
            let active =
                key.starts_with("on") || ["href", "style", "src", "class"].contains(&key.as_str());
            // Colours of other files, and words for them that are spelt otherwise.
            let elsewhere = value.to_lowercase().contains("url") || value.contains('\\');
            if active || elsewhere {
                bail!("{key} of <{name}> in an SVG, expected what draws it and nothing else");
            }
        }
    }
    Ok(())
}

/// Whether a page is [`page`](super::page)'s: our text around a note without markup and data that are nothing but data.
pub fn is_our_page(page: &str) -> bool {
    let [before, between, after] = template();
    let Some(found) = page.strip_prefix(before).and_then(|page| page.strip_suffix(after)) else {
        return false;
    };
    let Some((note, data)) = found.split_once(between) else { return false };
    if data.contains('<') {
        return false;
    }
    let Ok(data) = serde_json::from_str::<Value>(data) else { return false };
    // What the script takes for an address or a style is nobody else's.
    let begins = |value: &Value, start: &str| {
        value.is_null() || value.as_str().is_some_and(|text| text.starts_with(start))
    };
    let pictures = &data["pictures"];
    let colours = ["colours", "outlines"].map(|name| data[name].to_string());
    let plain = |c: char| c.is_ascii_alphanumeric() || "[]{}\",#-.".contains(c);
    !note.contains('<')
        && ["images", "labels"].iter().all(|name| begins(&pictures[name], "data:image/png;base64,"))
        && colours.iter().all(|colours| colours.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{Kind, Map, Point, Set, figure, page};

    fn map(name: &str) -> Map {
        let set = |kind, panel| Set {
            kind,
            name: name.to_owned(),
            panel,
            path: "p".into(),
            sha256: "0".repeat(64),
            shown: 1,
            of: 2,
        };
        let point =
            |kind, panel| Point { x: 0.5, y: 1.0, kind, panel, index: 0, name: name.into() };
        Map {
            format: 1,
            extractor: name.to_owned(),
            treatment: name.to_owned(),
            settings: serde_json::Value::Null,
            trustworthiness: 0.9,
            sets: vec![set(Kind::Real, None), set(Kind::Synthetic, Some(0))],
            points: vec![point(Kind::Real, None), point(Kind::Synthetic, Some(0))],
        }
    }

    #[test]
    fn our_own_maps_pass_whatever_their_sets_are_called() {
        for name in
            ["acdc", "</script><script>alert(1)</script>", "{{DATA}}", "a\u{1b}\nb", "\"' &"]
        {
            check_svg(&figure::svg(&map(name))).unwrap();
            let page = page::html(&map(name), None).unwrap();
            assert!(is_our_page(&page), "{name}");
            assert!(!page.contains("<script>alert"), "{name}");
        }
    }

    #[test]
    fn drawings_that_do_something_are_refused() {
        for svg in [
            "<svg xmlns='http://www.w3.org/2000/svg'><script>x</script></svg>",
            "<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>",
            "<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
            "<svg xmlns='http://www.w3.org/2000/svg'><a href='javascript:x'><text>y</text></a></svg>",
            "<svg xmlns='http://www.w3.org/2000/svg'><foreignObject/></svg>",
            "<svg xmlns='http://www.w3.org/2000/svg'><style>@import 'http://x'</style></svg>",
            "<svg xmlns='http://www.w3.org/2000/svg'><rect fill='url(http://x#y)'/></svg>",
            "<svg xmlns='http://www.w3.org/2000/svg'><set attributeName='x'/></svg>",
            "<svg xmlns:h='http://www.w3.org/1999/xhtml'><h:text/></svg>",
            "<?xml-stylesheet href='http://x'?><svg/>",
            "<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>&x;</svg>",
            "no svg",
        ] {
            let error = check_svg(svg).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn pages_that_are_not_ours_are_told() {
        let page = page::html(&map("acdc"), None).unwrap();
        for other in [
            "<html/>".to_owned(),
            page.replace("</body>", "<script>x</script></body>"),
            page.replace("<p class=\"note\">", "<p class=\"note\"><img src=x onerror=y>"),
            page.replace("id=\"data\">", "id=\"data\">{}</script><script>x</script><script>"),
            page.replace("id=\"data\">", "id=\"data\">alert(1)//"),
            page.replace("\"pictures\":null", "\"pictures\":{\"images\":\"http://x/y.png\"}"),
            page.replace("#0072b2", "url(http://x)"),
        ] {
            assert!(!is_our_page(&other));
        }
    }
}
