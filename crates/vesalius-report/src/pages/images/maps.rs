//! Fig. 6: latent maps of real and generated images, the least and the most useful GAN side by side.

use crate::document::{Art, Block, Figure, Section};
use crate::evidence::Evidence;
use crate::evidence::runs::Run;
use crate::map::foreign;
use crate::names::{file_part, slug};
use crate::paper::display_name;
use anyhow::{Context as _, Result};
use vesalius_data::pack::row::RowId;

/// Features of a map: the extractor of its score, without the digest.
fn features(run: &Run) -> String {
    let kind = run.result.scores.iter().find_map(|score| score.extractor_kind());
    kind.unwrap_or_default().to_owned()
}

/// The page; nothing without maps.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let (maps, joint): (Vec<&Run>, Vec<&Run>) =
        evidence.stage("map").partition(|run| run.gan().is_some());
    if maps.is_empty() && joint.is_empty() {
        return Ok(None);
    }
    let order = evidence.by_usefulness();
    let mut kinds: Vec<String> = maps.iter().map(|run| features(run)).collect();
    kinds.sort();
    kinds.dedup();
    let mut blocks = vec![Block::Text(
        "Each point is an image; images with similar features lie close together. Where real and generated points mix, \
         the GAN covers the real images; where they part, it does not. Distances across a map mean little."
            .to_owned(),
    )];
    let mut files = vec![];
    let mut shown: Vec<&std::path::Path> = vec![];
    for kind in &kinds {
        let of_kind: Vec<&Run> =
            maps.iter().copied().filter(|run| features(run) == *kind).collect();
        let of = |gan: &RowId| of_kind.iter().copied().find(|run| run.gan() == Some(gan));
        let ranked: Vec<(&Run, f64)> =
            order.iter().filter_map(|set| Some((of(set.gan.as_ref()?)?, set.value()?))).collect();
        let mut figures = vec![];
        match ranked.as_slice() {
            [(least, low), .., (most, high)] => {
                for (rank, run, dice) in [("least", least, low), ("most", most, high)] {
                    let caption = format!(
                        "{rank} useful: Dice {dice:.3} alone. The two layouts are separate: a place on one is not the \
                         same place on the other"
                    );
                    figures.push(figure(run, &caption, &mut files)?);
                    shown.push(&run.path);
                }
            }
            _ => {
                for run in &of_kind {
                    figures.push(figure(
                        run,
                        "how useful its images are was not measured for two",
                        &mut files,
                    )?);
                    shown.push(&run.path);
                }
            }
        }
        let figures: Vec<Figure> = figures.into_iter().flatten().collect();
        if !figures.is_empty() {
            blocks.push(Block::Heading(format!(
                "Features: {}",
                if kind.is_empty() { "not stated" } else { kind }
            )));
            blocks.push(Block::Gallery(figures));
        }
    }
    // Several GANs in one layout stand side by side already.
    let mut together = vec![];
    for run in joint {
        together.extend(figure(run, "One panel for each set, on common axes", &mut files)?);
    }
    if !together.is_empty() {
        blocks.push(Block::Heading("Several GANs in one layout".to_owned()));
        blocks.push(Block::Gallery(together));
    }
    let mut others = vec![];
    for run in maps.iter().filter(|run| !shown.contains(&run.path.as_path())) {
        if let Some(name) = interactive(run, &mut files)? {
            others.push((format!("{}, {}", title(run), features(run)), name));
        }
    }
    if !others.is_empty() {
        blocks.push(Block::Heading("Interactive maps of the other GANs".to_owned()));
        blocks.push(Block::Links(others));
    }
    let left_out: Vec<String> = evidence
        .stage("map")
        .filter(|run| {
            run.text("map.html").is_ok_and(|page| page.is_some_and(|p| !foreign::is_our_page(&p)))
        })
        .map(|run| run.path.join("map.html").display().to_string())
        .collect();
    if !left_out.is_empty() {
        blocks.push(Block::Text(format!(
            "Interactive pages that are not of this version of Vesalius are left out, as a browser would run what stands in \
             them: {}. vesalius map makes them again.",
            left_out.join(", ")
        )));
    }
    Ok(Some(Section {
        id: "fig6",
        title: "Fig. 6: latent maps of real and generated images".to_owned(),
        blocks,
        files,
    }))
}

fn title(run: &Run) -> String {
    run.gan().map_or_else(|| "Several GANs".to_owned(), display_name)
}

fn stem(run: &Run) -> String {
    let kind = features(run);
    // An extractor's name is a text of the result: no part of a path as it stands.
    let kind = file_part(&kind);
    if kind.is_empty() { format!("map-{}", slug(run)) } else { format!("map-{}-{kind}", slug(run)) }
}

/// Copies the interactive page beside the report; gives its name.
fn interactive(run: &Run, files: &mut Vec<(String, Vec<u8>)>) -> Result<Option<String>> {
    let Some(page) = run.text("map.html")? else { return Ok(None) };
    // A browser would run whatever stands in it.
    if !foreign::is_our_page(&page) {
        return Ok(None);
    }
    let (stem, mut count) = (stem(run), 1);
    let mut name = format!("{stem}.html");
    while files.iter().any(|(other, _)| *other == name) {
        count += 1;
        name = format!("{stem}-{count}.html");
    }
    files.push((name.clone(), page.into_bytes()));
    Ok(Some(name))
}

fn figure(run: &Run, rank: &str, files: &mut Vec<(String, Vec<u8>)>) -> Result<Option<Figure>> {
    let Some(svg) = run.text("map.svg")? else { return Ok(None) };
    foreign::check_svg(&svg).with_context(|| run.path.join("map.svg").display().to_string())?;
    let name = title(run);
    let trust = run.score("trustworthiness", None).map_or_else(String::new, |score| {
        format!(" Trustworthiness of the map {:.3}.", score.value)
    });
    Ok(Some(Figure {
        name: stem(run),
        title: name.clone(),
        caption: format!("{rank}.{trust}"),
        alt: format!("latent map of real images and images of {name}"),
        art: Art::ForeignSvg(svg),
        link: interactive(run, files)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::evidence;
    use crate::evidence::fixture::{Fixture, result};
    use vesalius_data::run::TrainedOn;
    use vesalius_data::run::score::Score;

    /// A map with its picture and its page.
    fn map(fixture: &mut Fixture, gan: Option<&str>) {
        let trust = Score {
            extractor: Some("unet@1".into()),
            ..Score::new("trustworthiness", 0.9, "made up".into())
        };
        let folder = fixture.add(&result("map", gan, vec![trust]));
        let page = include_str!("../../map/page.html");
        let page = page.replace("{{NOTE}}", "").replace("{{DATA}}", "{}");
        for (name, content) in [("map.svg", "<svg/>"), ("map.html", page.as_str())] {
            std::fs::write(folder.join(name), content).unwrap();
        }
    }

    fn figures(section: &Section) -> Vec<&Figure> {
        let galleries = section.blocks.iter().filter_map(|block| match block {
            Block::Gallery(figures) => Some(figures),
            _ => None,
        });
        galleries.flatten().collect()
    }

    #[test]
    fn a_layout_of_several_gans_is_shown_beside_those_of_one() {
        let mut fixture = Fixture::new();
        for gan in [None, Some("lsgan")] {
            map(&mut fixture, gan);
        }
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let titles: Vec<&str> =
            figures(&section).into_iter().map(|figure| figure.title.as_str()).collect();
        assert_eq!(titles, ["LSGAN", "Several GANs"]);
        assert_eq!(section.files.len(), 2, "each with its page");
    }

    #[test]
    fn the_least_and_the_most_useful_gan_stand_side_by_side() {
        let mut fixture = Fixture::new();
        for (gan, dice) in [("lsgan", 0.5), ("wgan", 0.7), ("dcgan", 0.3)] {
            map(&mut fixture, Some(gan));
            fixture.unet(Some(gan), TrainedOn::Synthetic, 1, &[dice, dice + 0.02]);
        }
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let figures = figures(&section);
        let titles: Vec<&str> = figures.iter().map(|figure| figure.title.as_str()).collect();
        assert_eq!(titles, ["DCGAN", "WGAN"]);
        let ranks = ["least useful: Dice 0.310", "most useful: Dice 0.710"];
        for (figure, rank) in figures.iter().zip(ranks) {
            assert!(figure.caption.starts_with(rank), "{}", figure.caption);
            assert!(figure.caption.contains("layouts are separate"), "{}", figure.caption);
        }
        let links = section.blocks.iter().find_map(|block| match block {
            Block::Links(links) => Some(links),
            _ => None,
        });
        let expected = ("LSGAN, unet".to_owned(), "map-acdc-lsgan-unet.html".to_owned());
        assert_eq!(*links.unwrap(), [expected]);
        assert_eq!(section.files.len(), 3, "each with its page");
    }
}
