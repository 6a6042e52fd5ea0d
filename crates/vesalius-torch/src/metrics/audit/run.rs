//! The searches of an audit: synthetic images, held-out ones, training images without their own patient, planted
//! copies.

use super::persons::Persons;
use super::planted::{Kind, plant};
use super::search::{CHUNK, LEAST_PATIENTS, Match, References};
use super::views::{Prepared, as_pictures};
use crate::features::images::{ImageSet, PackImages};
use crate::rng::{Purpose, keyed};
use anyhow::{Context, Result, bail};
use rand::seq::SliceRandom as _;
use std::collections::BTreeSet;
use tch::Tensor;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_statistics::alarm::Alarm;

/// Fewest synthetic images of which a share means anything.
const LEAST_SYNTHETIC: usize = 20;

/// Who is compared with whom.
#[derive(Debug)]
pub struct Sides<'a> {
    /// What the GAN was trained on.
    pub training: PackImages<'a>,
    /// Test patients of the same pack; may be none.
    pub held_out: PackImages<'a>,
    /// What the GAN made.
    pub synthetic: PackImages<'a>,
}

impl<'a> Sides<'a> {
    /// Training and test slices of `real`, all of `synthetic`.
    ///
    /// # Errors
    /// When the packs differ in shape, or a side has too few images or patients.
    pub fn new(real: &'a Pack, synthetic: &'a Pack) -> Result<Self> {
        synthetic.same_images(real)?;
        if synthetic.len() < LEAST_SYNTHETIC {
            bail!(
                "{}: {} images, expected at least {LEAST_SYNTHETIC}",
                synthetic.path().display(),
                synthetic.len()
            );
        }
        let of = |split| PackImages { pack: real, indices: real.indices(split) };
        let sides = Self {
            training: of(Split::Train),
            held_out: of(Split::Test),
            synthetic: PackImages { pack: synthetic, indices: (0..synthetic.len()).collect() },
        };
        let patients = patients(&sides.training);
        if patients < LEAST_PATIENTS {
            bail!(
                "{}: {patients} training patients, expected at least {LEAST_PATIENTS}: one is left out, one is nearest, one \
                 is what it is compared with",
                real.path().display()
            );
        }
        Ok(sides)
    }
}

/// Number of patients (groups) in a set.
pub(super) fn patients(set: &dyn ImageSet) -> usize {
    (0..set.len()).map(|i| set.group(i)).collect::<BTreeSet<_>>().len()
}

/// How to search.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Share of innocent images that may be flagged, in (0, 1).
    pub false_alarm_rate: f64,
    /// Planted copies of each kind, at most.
    pub planted: usize,
    /// Seed of the planted copies.
    pub seed: u64,
}

/// What the searches found.
#[derive(Debug)]
pub struct Searched {
    /// Settings as they were.
    pub settings: Settings,
    /// The training images, then the held-out ones.
    pub references: References,
    /// Of each synthetic image.
    pub synthetic: Vec<Match>,
    /// Of each held-out image.
    pub held_out: Vec<Match>,
    /// Of each training image, its own patient left out.
    pub left_out: Vec<Match>,
    /// Of the planted copies of each kind.
    pub planted: Vec<(Kind, Vec<Match>)>,
    /// Distance of each training image, then of each held-out one, to its nearest synthetic image.
    pub nearest_synthetic: Vec<f64>,
    /// Synthetic images of one grey level, which cannot be judged.
    pub constant: usize,
    /// Set on held-out and left-out images together.
    pub alarm: Alarm,
    /// Training patients who are one person.
    pub persons: Persons,
}

/// Told what is being searched, how many images are done and how many there are; an error ends the audit.
pub type Report<'a> = &'a mut dyn FnMut(&str, usize, usize) -> Result<()>;

impl Searched {
    /// Searches all sides.
    ///
    /// # Errors
    /// When images are damaged, constant or too small, or `report` says so.
    pub fn of(sides: &Sides, settings: Settings, report: Report) -> Result<Self> {
        let Sides { training, held_out, synthetic } = sides;
        let persons = Persons::of(training)?;
        let references = references(training, held_out, &persons)?;
        let own: Vec<usize> = (0..training.len()).collect();
        let left_out = all(&references, training, "training", Some(&own), report)?;
        let innocent = all(&references, held_out, "held-out", None, report)?;
        let ratios: Vec<f64> = innocent.iter().chain(&left_out).map(|found| found.ratio).collect();
        let alarm = Alarm::set(&ratios, settings.false_alarm_rate)
            .context("no real image to set the alarm on")?;
        let planted = planted(&references, training, settings, report)?;
        let mut nearest_synthetic = vec![f64::INFINITY; training.len() + held_out.len()];
        let mut found = Vec::with_capacity(synthetic.len());
        let mut constant = 0;
        let indices: Vec<usize> = (0..synthetic.len()).collect();
        report("comparing synthetic images", 0, synthetic.len())?;
        for chunk in indices.chunks(CHUNK) {
            let queries = Prepared::of_set(synthetic, chunk)
                .with_context(|| synthetic.pack.path().display().to_string())?;
            constant += queries.constant();
            found.extend(references.search(&queries, None, Some(&mut nearest_synthetic))?);
            report("comparing synthetic images", found.len(), synthetic.len())?;
        }
        if constant * 2 > synthetic.len() {
            bail!(
                "{}: {constant} of {} images are one grey level all over, expected images that differ",
                synthetic.pack.path().display(),
                synthetic.len()
            );
        }
        Ok(Self {
            settings,
            references,
            synthetic: found,
            held_out: innocent,
            left_out,
            planted,
            nearest_synthetic,
            constant,
            alarm,
            persons,
        })
    }
}

fn references(
    training: &PackImages,
    held_out: &PackImages,
    persons: &Persons,
) -> Result<References> {
    let path = || training.pack.path().display().to_string();
    let (mut plain, mut band, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (set, trained) in [(training, true), (held_out, false)] {
        let all: Vec<usize> = (0..set.len()).collect();
        if all.is_empty() {
            continue;
        }
        let prepared = Prepared::of_set(set, &all).with_context(path)?;
        let constant = prepared.constant();
        if trained && constant * 2 > all.len() {
            bail!(
                "{}: {constant} of {} training images are one grey level all over, expected images that differ",
                path(),
                all.len()
            );
        }
        plain.push(prepared.plain);
        band.push(prepared.band);
        names.extend(all.iter().map(|&i| trained.then(|| persons.name(&set.group(i)))));
    }
    let images = Prepared { plain: Tensor::cat(&plain, 0), band: Tensor::cat(&band, 0) };
    References::new(images, &names).with_context(path)
}

/// Searches a whole set of real images.
fn all(
    references: &References,
    set: &PackImages,
    what: &str,
    own: Option<&[usize]>,
    report: Report,
) -> Result<Vec<Match>> {
    let what = format!("comparing {what} images");
    let indices: Vec<usize> = (0..set.len()).collect();
    let mut found = Vec::with_capacity(set.len());
    report(&what, 0, set.len())?;
    for chunk in indices.chunks(CHUNK) {
        let queries = Prepared::of_set(set, chunk)?;
        let own = own.map(|own| &own[chunk[0]..chunk[0] + chunk.len()]);
        found.extend(references.search(&queries, own, None)?);
        report(&what, found.len(), set.len())?;
    }
    Ok(found)
}

/// Plants copies of every kind and searches for them.
fn planted(
    references: &References,
    training: &PackImages,
    settings: Settings,
    report: Report,
) -> Result<Vec<(Kind, Vec<Match>)>> {
    let max = training.pack.slice_shape().pixel_type.max();
    let mut order: Vec<usize> = (0..training.len()).collect();
    order.shuffle(&mut keyed(settings.seed, Purpose::Planted, u64::MAX));
    order.truncate(settings.planted);
    let total = order.len() * Kind::ALL.len();
    report("comparing planted copies", 0, total)?;
    let mut found = Vec::new();
    for (done, kind) in Kind::ALL.into_iter().enumerate() {
        let mut matches = Vec::with_capacity(order.len());
        for chunk in order.chunks(256) {
            let images = as_pictures(&Tensor::cat(&training.batches(chunk)?, 0));
            let copies: Vec<Tensor> = chunk
                .iter()
                .zip(images.split(1, 0))
                .map(|(&i, image)| plant(&image, kind, max, settings.seed, i as u64))
                .collect();
            matches.extend(references.search(
                &Prepared::of(&Tensor::cat(&copies, 0))?,
                None,
                None,
            )?);
        }
        found.push((kind, matches));
        report("comparing planted copies", (done + 1) * order.len(), total)?;
    }
    Ok(found)
}
