//! Pairs brought into a pack's shape and pixel type, and what was seen of all of them together.

use super::{FoundPair, Job};
use crate::pack::manifest::SliceShape;
use crate::prepare::{Regrid, pixels};
use anyhow::{Result, bail};

/// A share of the range that rounding may lead beyond it.
const ROUNDING: f32 = 1e-3;

/// Fits pairs, one after the other.
pub(super) struct Fitted<'a> {
    job: &'a Job<'a>,
    shape: SliceShape,
    /// Least and greatest value seen.
    seen: [f32; 2],
    /// Whether the black and white of some values were guessed.
    guessed: bool,
    /// How often each class was there.
    classes: Vec<usize>,
    empty: usize,
    resized: usize,
    repeated: usize,
    pairs: usize,
}

impl<'a> Fitted<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
        Self {
            job,
            shape: job.like.slice_shape(),
            seen: [f32::INFINITY, f32::NEG_INFINITY],
            guessed: false,
            classes: vec![0; job.like.classes()],
            empty: 0,
            resized: 0,
            repeated: 0,
            pairs: 0,
        }
    }

    /// Pixels `[C, H, W]` and labels `[H, W]` as in the pack.
    pub(super) fn fit(&mut self, pair: FoundPair) -> Result<(Vec<u8>, Vec<u8>)> {
        let FoundPair { shape: [channels, height, width], values, mask_shape, labels, .. } = pair;
        if mask_shape != [height, width] {
            let [rows, columns] = mask_shape;
            bail!("mask of {rows}x{columns} pixels, expected {height}x{width} as its image");
        }
        self.count(&labels)?;
        let values = self.channels(channels, values)?;
        let mut unit = self.unit(values, pair.full_range)?;
        let mut labels = labels;
        let size = [self.shape.height, self.shape.width];
        if [height, width] != size {
            if !self.job.resize {
                bail!(
                    "{height}x{width} pixels, expected {}x{} as {} (--resize resamples)",
                    size[0],
                    size[1],
                    self.job.like.path().display()
                );
            }
            self.resized += 1;
            let mut whole = Regrid::whole([height, width], size);
            let planes = unit.chunks(height * width).map(|plane| whole.image(plane));
            unit = planes.collect::<Result<Vec<_>>>()?.concat();
            labels = whole.labels(&labels, self.classes.len())?;
        }
        Ok((pixels(&unit, self.shape.pixel_type), labels))
    }

    /// Hears of the labels of a whole pair: a slice, or all planes of a volume.
    pub(super) fn complete(&mut self, labels: &[u8]) {
        self.pairs += 1;
        self.empty += usize::from(labels.iter().all(|label| *label == 0));
    }

    fn count(&mut self, labels: &[u8]) -> Result<()> {
        let mut there = vec![false; self.classes.len()];
        for &label in labels {
            let Some(there) = there.get_mut(usize::from(label)) else {
                bail!(
                    "label {label}, expected 0 to {} ({})",
                    self.classes.len() - 1,
                    self.job.like.manifest().classes.join(", ")
                );
            };
            *there = true;
        }
        for (count, there) in self.classes.iter_mut().zip(there) {
            *count += usize::from(there);
        }
        Ok(())
    }

    /// Grey that was stored as colour loses nothing; everything else has the pack's channels.
    fn channels(&mut self, channels: usize, values: Vec<f32>) -> Result<Vec<f32>> {
        if channels == self.shape.channels {
            return Ok(values);
        }
        let plane = values.len() / channels;
        if (channels, self.shape.channels) == (3, 1)
            && values[..plane] == values[plane..2 * plane]
            && values[..plane] == values[2 * plane..]
        {
            self.repeated += 1;
            return Ok(values[..plane].to_vec());
        }
        bail!(
            "{channels} channels, expected {} as {}",
            self.shape.channels,
            self.job.like.path().display()
        )
    }

    /// Values with black at 0 and white at 1.
    fn unit(&mut self, mut values: Vec<f32>, full_range: Option<[f32; 2]>) -> Result<Vec<f32>> {
        let white = f32::from(self.shape.pixel_type.max());
        self.guessed |= self.job.range.is_none() && full_range.is_none();
        let [low, high] = self.job.range.or(full_range).unwrap_or([0.0, white]);
        for value in &mut values {
            if !value.is_finite() {
                bail!("value {value}, expected finite numbers");
            }
            self.seen = [self.seen[0].min(*value), self.seen[1].max(*value)];
            let unit = (*value - low) / (high - low);
            if !(-ROUNDING..=1.0 + ROUNDING).contains(&unit) {
                bail!(
                    "value {value}, expected {low} to {high} (--range LOW,HIGH names black and white)"
                );
            }
            *value = unit;
        }
        Ok(values)
    }

    /// Refuses values that are another range's.
    pub(super) fn check(&self) -> Result<()> {
        let white = f32::from(self.shape.pixel_type.max());
        let [least, greatest] = self.seen;
        if self.guessed && greatest <= 1.0 {
            bail!(
                "{}: values from {least} to {greatest}, nearly black in 0 to {white}; expected --range LOW,HIGH",
                self.job.from.display()
            );
        }
        if least >= greatest {
            bail!("{}: all values are {least}, expected some contrast", self.job.from.display());
        }
        Ok(())
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |count: usize, text: &str| {
            if count > 0 {
                notes.push(format!("{count} of {} pairs {text}", self.pairs));
            }
        };
        // Counted by planes, all of a volume alike.
        note(self.resized / self.shape.planes, "resampled to the pack's size");
        note(
            self.repeated / self.shape.planes,
            "grey stored as three equal channels: one was taken",
        );
        note(self.empty, "without a labelled pixel");
        let classes = &self.job.like.manifest().classes;
        for (class, count) in classes.iter().zip(&self.classes).skip(1) {
            if *count == 0 {
                notes.push(format!("`{class}` is in no mask"));
            }
        }
        if self.guessed {
            let white = self.shape.pixel_type.max();
            notes.push(format!("values taken as 0 (black) to {white} (white)"));
        }
        notes
    }
}
