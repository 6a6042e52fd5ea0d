//! Sampling from a trained generator: averaged weights, no gradient, evaluation mode, latent i a function of
//! (seed, i) whatever the batch size. Every preview and every pack of synthetic pairs goes through here.

use crate::checkpoint;
use crate::families::domain::Domain;
use crate::families::generator::{Generator, Request};
use crate::pairs::batch::{self, Pair};
use crate::pairs::masks::Masks;
use crate::pairs::styles::Styles;
use crate::precision::{Precision, resolve, resolved};
use crate::rng::{Purpose, keyed};
use crate::spec::TrainSpec;
use crate::spec::changes::edited;
use anyhow::{Context, Result, bail};
use rand_distr::{Distribution as _, StandardNormal};
use std::path::Path;
use tch::{Device, Tensor};
use vesalius_data::checks::lineage;
use vesalius_data::files::digest;
use vesalius_data::pack::manifest::{
    CaseRecord, Manifest, Provenance, Seen, SliceRecord, SliceShape, Split,
};
use vesalius_data::pack::masks::{MaskSource, Style};
use vesalius_data::pack::{Pack, PackWriter};

/// Latents `first..first + count`: `[count, Z]`, N(0, 1).
pub fn latents(seed: u64, purpose: Purpose, first: u64, count: usize, z: i64) -> Tensor {
    let mut values: Vec<f32> = Vec::with_capacity(count * z as usize);
    for i in 0..count as u64 {
        let mut rng = keyed(seed, purpose, first + i);
        values.extend((0..z).map(|_| -> f32 { StandardNormal.sample(&mut rng) }));
    }
    Tensor::from_slice(&values).reshape([count as i64, z])
}

/// The pairs of a request; its latents may live on another device.
pub fn pairs(generator: &dyn Generator, request: &Request) -> Pair {
    tch::no_grad(|| {
        let latents = request.latents.to_device(generator.params().device());
        generator.pairs(&Request { latents: &latents, ..*request })
    })
}

/// A trained generator with what it was trained on.
#[derive(Debug)]
pub struct Trained {
    /// Averaged weights.
    pub generator: Box<dyn Generator>,
    /// The resolved spec.
    pub spec: TrainSpec,
    /// The real pack's manifest, without its slices.
    pub template: Manifest,
    run_sha256: String,
    checkpoint_sha256: String,
    pack_digest: String,
    images: u64,
    /// In what it computes; never [`Precision::Auto`].
    precision: Precision,
}

/// File in a run that keeps the shape, classes, patients and name of the pack it was trained on.
pub const TEMPLATE: &str = "pack.json";

/// How to sample.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// Pairs to make.
    pub count: usize,
    /// Seed of the latents.
    pub seed: u64,
    /// Pairs made at once; changes memory and speed, not the pairs.
    pub batch: usize,
    /// Truncation ψ in [0, 1]; 1 for families that do not truncate.
    pub truncation: f64,
    /// Slices, one behind the other as they are made, that are stacked to each volume; 1: none are.
    pub stack: usize,
}

impl Trained {
    /// Digest of the pack that it was trained on.
    pub fn trained_on(&self) -> &str {
        &self.pack_digest
    }

    /// Loads the generator of a run: of the best checkpoint by Fréchet distance where one was measured, else of the
    /// newest.
    ///
    /// # Errors
    /// When the run has no checkpoint, or its files do not fit each other.
    pub fn load(run: &Path, device: Device, precision: Precision) -> Result<Self> {
        let spec = read_spec(run)?;
        let path = run.join(TEMPLATE);
        let text = vesalius_data::files::read::state(&path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        let template = Manifest::parse(&text)
            .map_err(|found| anyhow::anyhow!("{}: {found}", path.display()))?;
        let folder = checkpoint::to_sample(run)?;
        let state = checkpoint::verify(&folder)?;
        if let Some(changed) = edited_since(&spec, &folder)? {
            bail!(
                "{}: {changed}; expected the settings that {} was trained with",
                run.join("task.toml").display(),
                folder.display()
            );
        }
        let precision = resolved(precision, device);
        let arithmetic = resolve(precision, device);
        let generator = spec.generator(Domain::of_manifest(&template, device, arithmetic))?;
        let file = checkpoint::AVERAGED;
        generator
            .params()
            .load(&checkpoint::read_part(&folder, &state, file)?)
            .with_context(|| format!("{}", folder.join(file).display()))?;
        generator.params().set_trainable(false);
        let checkpoint_sha256 = state.files[file].clone();
        let (pack_digest, images) = (state.pack_digest, state.images);
        let run_sha256 = run_digest(run)?;
        Ok(Self {
            generator,
            spec,
            template,
            run_sha256,
            checkpoint_sha256,
            pack_digest,
            images,
            precision,
        })
    }

    /// Writes `count` pairs as a pack; memory does not grow with `count`.
    ///
    /// # Errors
    /// When `target` exists or cannot be written, masks, styles or truncation are asked for that the preset does not have,
    /// or the generator gives NaN.
    pub fn sample_pack(
        &self,
        target: &Path,
        sampling: &Sampling,
        masks: Option<&Masks>,
        styles: Option<&Styles>,
        command: String,
        mut progress: impl FnMut(usize),
    ) -> Result<()> {
        let Sampling { seed, batch, truncation, stack, .. } = *sampling;
        let slice_shape = self.shape(stack)?;
        let count = sampling.count * stack;
        let masks = match (masks, self.spec.needs_masks()) {
            (Some(masks), true) => {
                masks.check(&self.template)?;
                Some(masks)
            }
            (None, false) => None,
            (None, true) => bail!(
                "preset {} paints masks: expected --masks to name a pack that has some",
                self.spec.preset
            ),
            (Some(_), false) => bail!(
                "--masks: preset {} makes its own masks, expected none to be given",
                self.spec.preset
            ),
        };
        if truncation != 1.0 && !self.spec.truncates() {
            bail!(
                "--truncation {truncation}: preset {} has no mean style to pull styles to, expected 1",
                self.spec.preset
            );
        }
        // A painter of slices paints a mask of a volume plane by plane, in one style.
        let whole = self.template.slice_shape.is_volume();
        let planes = masks.filter(|_| !whole).map_or(1, Masks::planes);
        if planes > 1 && planes != stack {
            bail!("--masks: volumes of {planes} planes, expected --stack {planes}");
        }
        let mut writer = PackWriter::create(target, slice_shape)?;
        let mut done = 0;
        let mut volume: (Vec<u8>, Vec<u8>) = (vec![], vec![]);
        while done < count {
            let n = batch.min(count - done);
            let (first, last) = (done / planes, (done + n - 1) / planes);
            let z = self.generator.latent();
            let z = latents(seed, Purpose::Latent, first as u64, last - first + 1, z);
            let z = match styles {
                Some(styles) => styles.latents(self.generator.as_ref(), first as u64, &z)?,
                None => z,
            };
            let of: Vec<i64> = (done..done + n).map(|i| (i / planes - first) as i64).collect();
            let z = z.index_select(0, &Tensor::from_slice(&of).to_device(z.device()));
            let device = self.generator.params().device();
            let labels = match masks {
                Some(masks) if whole => Some(masks.whole(done, n, device)?),
                Some(masks) => Some(masks.labels(done, n, device)?),
                None => None,
            };
            let request = Request { latents: &z, masks: labels.as_ref(), truncation };
            let pair = pairs(self.generator.as_ref(), &request);
            let pixels = batch::to_pixels(&pair.image, slice_shape.pixel_type)?;
            let labels = batch::to_labels(&pair.labels)?;
            for (pixels, labels) in pixels.iter().zip(&labels) {
                volume.0.extend_from_slice(pixels);
                volume.1.extend_from_slice(labels);
                done += 1;
                if done % stack == 0 {
                    let record = SliceRecord { case: done / stack - 1, position: 0 };
                    writer.push(&volume.0, &volume.1, record)?;
                    volume = (vec![], vec![]);
                }
            }
            progress(done / stack);
        }
        let mask_source = match masks {
            Some(masks) => {
                let style = match styles {
                    Some(_) => Style::OfTraining,
                    None if self.generator.latent() > 0 => Style::Fresh,
                    None => Style::None,
                };
                masks.source(&self.pack_digest, style)
            }
            None => MaskSource::Generated,
        };
        let masks_pack = masks.map(|masks| masks.pack().digest().to_owned());
        let seen = self.seen(masks.map(Masks::pack));
        let made = self.manifest(sampling, slice_shape, (mask_source, masks_pack), seen);
        writer.finish(Manifest { command, ..made })
    }

    /// Shape of what a pack is to hold: as the generator makes it, or stacks of its slices.
    fn shape(&self, stack: usize) -> Result<SliceShape> {
        let made = self.template.slice_shape;
        match stack {
            1 => Ok(made),
            0 => bail!("--stack 0: expected at least 2 slices"),
            _ if made.is_volume() => bail!(
                "--stack {stack}: this generator makes volumes ({}), expected one of slices",
                made.size()
            ),
            planes => Ok(SliceShape { planes, ..made }),
        }
    }

    /// The persons behind its images: those of its training, and of the masks that it paints. Of a run of an older
    /// version
    /// nothing is known, and nothing is said.
    fn seen(&self, masks: Option<&Pack>) -> Vec<Seen> {
        let mut persons = lineage::persons(&self.template, Split::Train);
        if persons.is_empty() {
            return vec![];
        }
        let painted = masks.and_then(|pack| lineage::behind(pack, &[])).unwrap_or_default();
        for person in painted {
            if !persons.contains(&person) {
                persons.push(person);
            }
        }
        lineage::seen(persons)
    }

    /// `masks`: where they came from, and the digest of their pack where they were painted.
    fn manifest(
        &self,
        sampling: &Sampling,
        slice_shape: SliceShape,
        (mask_source, masks_pack): (MaskSource, Option<String>),
        seen: Vec<Seen>,
    ) -> Manifest {
        let Sampling { count, seed, truncation, stack, .. } = *sampling;
        // Each pair stands for itself: a patient of its own.
        let case = |i| {
            let id = format!("{}_{i:05}", self.spec.preset);
            let case = CaseRecord::new(id.clone(), id, Split::Train);
            if !slice_shape.is_volume() {
                return case;
            }
            case.spaced(self.template.spacing_mm()) // as long as the real ones
        };
        Manifest {
            vesalius: env!("CARGO_PKG_VERSION").to_owned(),
            provenance: Provenance::Synthetic {
                gan: self.spec.preset.clone(),
                checkpoint_sha256: self.checkpoint_sha256.clone(),
                trained_on: self.pack_digest.clone(),
                kimg: self.images as f64 / 1000.0,
                seed,
                truncation,
                precision: self.precision,
                mask_source,
                masks_pack,
                run_sha256: Some(self.run_sha256.clone()),
                filtered: None,
                seen,
                elsewhere: None,
                stacked: (stack > 1).then_some(stack),
            },
            slice_shape,
            cases: (0..count).map(case).collect(),
            ..self.template.clone()
        }
    }
}

/// The manifest of a pack as a run keeps it: with its cases, so that what the generator saw is known wherever its
/// images go,
/// without slices and files.
pub fn template(pack: &Pack) -> Manifest {
    let mut manifest = pack.manifest().clone();
    manifest.slices.clear();
    if let Provenance::Real { files, .. } = &mut manifest.provenance {
        files.clear();
    }
    manifest
}

/// SHA-256 of `RUN/task.toml`, by which samples name the training that they are of.
///
/// # Errors
/// When it cannot be read.
pub fn run_digest(run: &Path) -> Result<String> {
    let path = run.join("task.toml");
    digest::of_file(&path).with_context(|| format!("{}: cannot be read", path.display()))
}

/// What was changed in `RUN/task.toml` since a checkpoint was saved; `None` where only the length was, or an old
/// checkpoint
/// does not tell.
fn edited_since(spec: &TrainSpec, checkpoint: &Path) -> Result<Option<String>> {
    let Some(then) = checkpoint::read_settings(checkpoint) else { return Ok(None) };
    // As this version writes it: a setting that came later has its default.
    let then = TrainSpec::from_toml(&then)
        .and_then(|spec| spec.to_toml())
        .with_context(|| format!("{}", checkpoint.join("task.toml").display()))?;
    Ok(edited(&spec.to_toml()?, &then))
}

/// `RUN/task.toml`.
///
/// # Errors
/// When it is missing or not a spec of this version.
pub fn read_spec(run: &Path) -> Result<TrainSpec> {
    let path = run.join("task.toml");
    let text = vesalius_data::files::read::text(&path).with_context(|| {
        format!("{}: cannot be read; expected a run written by `vesalius train`", path.display())
    })?;
    TrainSpec::from_toml(&text).with_context(|| format!("{}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latent_is_the_same_whatever_the_batch() {
        let whole = latents(5, Purpose::Latent, 0, 7, 16);
        let part = latents(5, Purpose::Latent, 3, 2, 16);
        assert_eq!(whole.narrow(0, 3, 2), part);
        let flat = latents(5, Purpose::Latent, 0, 64, 64);
        assert!(flat.mean(tch::Kind::Float).double_value(&[]).abs() < 0.05);
        assert!((flat.std(true).double_value(&[]) - 1.0).abs() < 0.05);
    }
}
