//! Training curves as SVG: losses and Fréchet distance against thousands of images.

use super::runs::Run;
use super::slug;
use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// Name and SVG of every training with statistics.
///
/// # Errors
/// When drawing fails.
pub fn all(runs: &[Run]) -> Result<Vec<(String, String)>> {
    runs.iter().filter(|run| run.stats.len() > 1).map(|run| Ok((slug(run), svg(run)?))).collect()
}

/// Name, colour and points of a curve.
type Line<'a> = (&'a str, RGBColor, Vec<(f64, f64)>);

const SIZE: (u32, u32) = (860, 300);

/// Both panels of one training.
///
/// # Errors
/// When drawing fails.
pub fn svg(run: &Run) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let fail = |error: &dyn std::fmt::Display| anyhow!("training curves: {error}");
        area.fill(&WHITE).map_err(|e| fail(&e))?;
        let (left, right) = area.split_horizontally(SIZE.0 / 2);
        let losses: [Line; 2] = [
            ("discriminator", BLUE, run.stats.iter().map(|p| (p.kimg, p.loss_d)).collect()),
            ("generator", RED, run.stats.iter().map(|p| (p.kimg, p.loss_g)).collect()),
        ];
        panel(&left, "loss", &losses)?;
        let distance: Vec<(f64, f64)> =
            run.stats.iter().filter_map(|p| p.frechet_distance.map(|d| (p.kimg, d))).collect();
        if !distance.is_empty() {
            panel(&right, "Fréchet distance", &[("averaged generator", BLACK, distance)])?;
        }
        area.present().map_err(|e| fail(&e))?;
    }
    Ok(text)
}

fn panel(
    area: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    what: &str,
    lines: &[Line],
) -> Result<()> {
    let fail = |error: &dyn std::fmt::Display| anyhow!("training curves: {error}");
    let points = || lines.iter().flat_map(|(_, _, points)| points).filter(|(_, y)| y.is_finite());
    let end = points().map(|(x, _)| *x).fold(0.001, f64::max);
    let low = points().map(|(_, y)| *y).fold(0.0, f64::min);
    let high = points().map(|(_, y)| *y).fold(low + 1e-6, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..end, low..low + (high - low) * 1.05)
        .map_err(|e| fail(&e))?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("thousands of images (kimg)")
        .y_desc(what)
        .x_labels(6)
        .y_labels(6)
        .draw()
        .map_err(|e| fail(&e))?;
    for (name, colour, points) in lines {
        let (colour, finite) = (*colour, points.iter().copied().filter(|(_, y)| y.is_finite()));
        chart
            .draw_series(LineSeries::new(finite, colour.stroke_width(1)))
            .map_err(|e| fail(&e))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(|e| fail(&e))?;
    Ok(())
}
