//! What is in a pack as one page, whoever made it: `inspect --html`. Nothing beside it is needed.

use super::findings::{Finding, lines};
use super::sheet::html::{opening, percent, swatch};
use crate::pack::inspect::{Side, Summary};
use crate::pack::{Pack, PackError};
use crate::pictures::montage::{Tile, montage};
use crate::pictures::surface::surfaces;
use crate::pictures::volume::Volume;
use crate::text::count;
use crate::text::escape::html as escape;
use anyhow::{Context as _, Result};
use base64::Engine as _;
use std::fmt::Write as _;

/// Columns of a montage and most slices in it.
pub const COLUMNS: usize = 6;
/// Most slices in a montage.
pub const TILES: usize = 36;
/// Most volumes of a side that are shown.
const VOLUMES: usize = 6;
/// Rows of the table of cases; of more the page says so.
const ROWS: usize = 500;
/// Height of a histogram, in its own units.
const HEIGHT: u64 = 60;

/// A picture of some of these slices that hold a label (of all where none does), evenly chosen: PNG, and how many.
///
/// # Errors
/// When a slice was damaged, or the channel is not there.
pub fn picture(pack: &Pack, indices: &[usize], channel: Option<usize>) -> Result<(Vec<u8>, usize)> {
    let mut labelled = Vec::new();
    for &i in indices {
        if pack.slice(i)?.labels.iter().any(|&label| label != 0) {
            labelled.push(i);
        }
    }
    let of = if labelled.is_empty() { indices } else { &labelled };
    let shown = TILES.min(of.len());
    let tile = |i: usize| -> Result<Tile<'_>, PackError> {
        let slice = pack.slice(of[i * of.len() / shown])?;
        Ok(Tile { pixels: slice.pixels, labels: slice.labels })
    };
    let tiles: Vec<Tile> = (0..shown).map(tile).collect::<Result<_, _>>()?;
    let png = montage(&tiles, pack.slice_shape(), COLUMNS, channel)
        .with_context(|| format!("{}", pack.path().display()))?;
    Ok((png, shown))
}

/// The page of a pack of slices, or of the planes of `volumes`.
///
/// # Errors
/// When a slice was damaged.
pub fn page(
    (pack, volumes): (&Pack, Option<&Pack>),
    summary: &Summary,
    findings: &[Finding],
    digest: &str,
) -> Result<String> {
    let manifest = pack.manifest();
    let shape = pack.stored();
    let name = pack.path().file_name().unwrap_or(pack.path().as_os_str()).to_string_lossy();
    let mut out = opening(&format!("Pack: {name}"));
    let _ = writeln!(
        out,
        "<header><h1>Pack: {}</h1>\n<p>{}</p>\n<p>{} of {} pixels, {}, {} bits. Digest <code>{}</code>.</p></header>\n\
         <main>",
        escape(&name),
        escape(&summary.provenance),
        count::of(pack.len() / shape.planes, shape.what()),
        shape.size(),
        count::of(shape.channels, "channel"),
        8 * shape.pixel_type.bytes(),
        &digest[..16],
    );
    if !findings.is_empty() {
        out.push_str("<section class=\"note\"><h2>What to know</h2><ul>\n");
        for line in lines(findings) {
            let _ = writeln!(out, "<li>{}</li>", escape(&line));
        }
        out.push_str("</ul></section>\n");
    }
    classes(&mut out, summary);
    histograms(&mut out, summary, &manifest.sequences);
    for side in &summary.sides {
        pictured(&mut out, pack, side)?;
        if let Some(volumes) = volumes {
            stacked(&mut out, volumes, side)?;
        }
    }
    cases(&mut out, pack);
    let _ = write!(
        out,
        "</main>\n<footer><p>Written by <code>vesalius inspect</code>, version {}.</p></footer>\n</body></html>\n",
        env!("CARGO_PKG_VERSION")
    );
    Ok(out)
}

fn classes(out: &mut String, summary: &Summary) {
    out.push_str(
        "<section><h2>Classes</h2>\n<div class=\"table\" tabindex=\"0\"><table aria-label=\"Classes\"><thead><tr><th>Class</th>",
    );
    for side in &summary.sides {
        let _ = write!(
            out,
            "<th>{}: {}, {}</th><th>of the pixels</th>",
            side.split.word(),
            count::of(side.patients, "patient"),
            count::of(side.slices, "slice")
        );
    }
    out.push_str("</tr></thead><tbody>\n");
    let classes = summary.sides.first().map_or(&[][..], |side| &side.classes);
    for (class, of) in classes.iter().enumerate() {
        let _ = write!(out, "<tr><th scope=\"row\">{}{}</th>", swatch(class), escape(&of.name));
        for side in &summary.sides {
            let of = &side.classes[class];
            let _ = write!(
                out,
                "<td>in {}</td><td>{}</td>",
                count::of(of.slices, "slice"),
                percent(of.pixel_share)
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></section>\n");
}

fn histograms(out: &mut String, summary: &Summary, sequences: &[String]) {
    out.push_str(
        "<section><h2>Intensities</h2>\n<p>Pixels from black to white, in 64 equal bins.</p>\n",
    );
    for (channel, counts) in summary.histograms.iter().enumerate() {
        let name = sequences.get(channel).cloned().unwrap_or_else(|| format!("channel {channel}"));
        let most = counts.iter().copied().max().unwrap_or(1).max(1);
        let width = 4 * counts.len();
        let _ = write!(
            out,
            "<figure><svg viewBox=\"0 0 {width} {HEIGHT}\" width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"histogram of {}\">",
            2 * width,
            2 * HEIGHT,
            escape(&name)
        );
        for (bin, &number) in counts.iter().enumerate() {
            let height = (number * HEIGHT).div_ceil(most);
            let _ = write!(
                out,
                "<rect x=\"{}\" y=\"{}\" width=\"3\" height=\"{height}\" fill=\"#00518a\"/>",
                4 * bin,
                HEIGHT - height
            );
        }
        let _ = writeln!(out, "</svg><figcaption>{}</figcaption></figure>", escape(&name));
    }
    out.push_str("</section>\n");
}

fn pictured(out: &mut String, pack: &Pack, side: &Side) -> Result<()> {
    let (png, shown) = picture(pack, &pack.indices(side.split), None)?;
    let word = side.split.word();
    let _ = writeln!(
        out,
        "<section><h2>Slices of {word}</h2>\n<figure><img alt=\"{shown} slices with the outlines of their labels\" \
         src=\"data:image/png;base64,{}\"><figcaption>{shown} of {} slices, evenly chosen, with the outlines of their \
         labels.</figcaption></figure></section>",
        base64::engine::general_purpose::STANDARD.encode(png),
        side.slices
    );
    Ok(())
}

/// Volumes of a side: planes to scroll through, three planes through the middle, surfaces.
fn stacked(out: &mut String, pack: &Pack, side: &Side) -> Result<()> {
    let indices = pack.indices(side.split);
    let shown = VOLUMES.min(indices.len());
    let _ = writeln!(
        out,
        "<section><h2>Volumes of {}</h2>\n<p>{shown} of {}, evenly chosen. Scroll within a picture to go through its planes; \
         beside it three planes through the middle of the labels, and their surfaces (smoothed within planes), the first \
         plane on top.</p>",
        side.split.word(),
        count::of(indices.len(), "volume")
    );
    for at in 0..shown {
        let i = indices[at * indices.len() / shown];
        let slice = pack.slice(i)?;
        let volume = Volume {
            pixels: slice.pixels,
            labels: slice.labels,
            shape: pack.slice_shape(),
            spacing_mm: pack.manifest().spacing_mm(),
        };
        let name = escape(&pack.manifest().case(i).id);
        let image = |png: Vec<u8>, alt: &str| {
            let data = base64::engine::general_purpose::STANDARD.encode(png);
            format!("<img alt=\"{alt}\" src=\"data:image/png;base64,{data}\">")
        };
        let _ = write!(
            out,
            "<figure class=\"volume\"><div class=\"planes\" tabindex=\"0\" role=\"group\" aria-label=\"planes of {name}\">"
        );
        for (plane, png) in volume.planes()?.into_iter().enumerate() {
            out.push_str(&image(png, &format!("plane {} of {name}", plane + 1)));
        }
        let _ = writeln!(
            out,
            "</div>{}{}<figcaption>{name}</figcaption></figure>",
            image(volume.triptych()?, &format!("three planes through the middle of {name}")),
            image(surfaces(&volume, pack.classes())?, &format!("surfaces of {name}")),
        );
    }
    out.push_str("</section>\n");
    Ok(())
}

fn cases(out: &mut String, pack: &Pack) {
    let manifest = pack.manifest();
    let mut slices = vec![0_usize; manifest.cases.len()];
    manifest.slices.iter().for_each(|slice| slices[slice.case] += 1);
    out.push_str(
        "<section><h2>Cases</h2>\n<div class=\"table\" tabindex=\"0\"><table aria-label=\"Cases\"><thead><tr><th>Case</th>\
         <th class=\"text\">Patient</th><th class=\"text\">Side</th><th>Slices</th></tr></thead><tbody>\n",
    );
    for (case, slices) in manifest.cases.iter().zip(&slices).take(ROWS) {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{slices}</td></tr>",
            escape(&case.id),
            escape(&case.patient),
            case.split.word()
        );
    }
    out.push_str("</tbody></table></div>\n");
    if manifest.cases.len() > ROWS {
        let _ = writeln!(
            out,
            "<p>{} more cases stand in <code>manifest.json</code>.</p>",
            manifest.cases.len() - ROWS
        );
    }
    out.push_str("</section>\n");
}
