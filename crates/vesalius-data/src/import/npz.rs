//! NumPy archives: arrays `images` and `masks` of equal length, read slice by slice.

use super::FoundPair;
use crate::formats::numbers::{self, Numbers};
use anyhow::{Context as _, Result, bail};
use npyz::npz::NpzArchive;
use npyz::{NpyFile, Order};
use std::io::Read;
use std::path::Path;

/// Names of the arrays.
const IMAGES: [&str; 3] = ["images", "image", "arr_0"];
const MASKS: [&str; 4] = ["masks", "mask", "labels", "arr_1"];
/// Sides of one image at most, together.
const LARGEST: usize = 1 << 28;

/// Gives each pair of an archive.
pub(super) fn pairs(path: &Path, add: &mut dyn FnMut(FoundPair) -> Result<()>) -> Result<()> {
    let failure = || format!("{}", path.display());
    // Two readers: arrays lie one behind the other.
    let [mut first, mut second] = [open(path)?, open(path)?];
    let images = array(&mut first, &IMAGES).with_context(failure)?;
    let masks = array(&mut second, &MASKS).with_context(failure)?;
    let (count, layout) = Layout::of(images.shape(), masks.shape()).with_context(failure)?;
    let [channels, height, width] = layout.shape;
    let size = channels.checked_mul(height).and_then(|size| size.checked_mul(width));
    if size.is_none_or(|size| size > LARGEST) {
        bail!("{}: images of {height}x{width} pixels, expected smaller ones", path.display());
    }
    for (name, order) in [("images", images.order()), ("masks", masks.order())] {
        if order != Order::C {
            bail!("{}: {name} in Fortran order, expected np.ascontiguousarray", path.display());
        }
    }
    let full_range = layout_range(&images);
    let mut images = numbers::of(images).with_context(failure)?;
    let mut masks = numbers::of(masks).with_context(failure)?;
    for i in 0..count {
        let place = format!("{}, pair {i}", path.display());
        let take = |numbers: &mut Numbers, count: usize| -> Result<Vec<f32>> {
            let values: Result<Vec<f32>, _> = numbers.by_ref().take(count).collect();
            let values = values.with_context(|| place.clone())?;
            if values.len() != count {
                bail!("{place}: the array ends here, cut short");
            }
            Ok(values)
        };
        let values = layout.planes(take(&mut images, channels * height * width)?);
        let labels = take(&mut masks, height * width)?;
        let labels = labels
            .into_iter()
            .map(|value| {
                let label = value as u8;
                if f32::from(label) == value {
                    Ok(label)
                } else {
                    bail!("{place}: label value {value}, expected a whole number from 0 to 255")
                }
            })
            .collect::<Result<_>>()?;
        add(FoundPair {
            place: &place,
            shape: layout.shape,
            values,
            full_range,
            mask_shape: [height, width],
            labels,
        })?;
    }
    Ok(())
}

type Archive = NpzArchive<std::io::BufReader<std::fs::File>>;

fn open(path: &Path) -> Result<Archive> {
    crate::files::read::check(path).with_context(|| format!("{}", path.display()))?;
    NpzArchive::open(path).with_context(|| format!("{}: not a NumPy archive", path.display()))
}

fn array<'a>(archive: &'a mut Archive, names: &[&str]) -> Result<NpyFile<impl Read + 'a>> {
    let all: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let Some(name) = names.iter().find(|name| all.iter().any(|other| other == *name)) else {
        bail!("arrays {}, expected one called {}", all.join(", "), names[0]);
    };
    let found = archive.by_name(name).with_context(|| format!("array {name}"))?;
    found.with_context(|| format!("array {name}"))
}

/// How images lie.
struct Layout {
    /// Channels, rows, columns.
    shape: [usize; 3],
    last: bool,
}

impl Layout {
    /// The number of images, and how they lie: as their masks `[N, H, W]`, channels before them or after.
    fn of(images: &[u64], masks: &[u64]) -> Result<(u64, Self)> {
        let layout = |c: u64, h: u64, w: u64, last| -> Result<(u64, Self)> {
            let side = |value: u64| usize::try_from(value).context("sides of an array");
            Ok((images[0], Self { shape: [side(c)?, side(h)?, side(w)?], last }))
        };
        match (images, masks) {
            (a, b) if a == b && a.len() == 3 => layout(1, a[1], a[2], false),
            (&[n, c, h, w], &[m, y, x]) if [n, h, w] == [m, y, x] => layout(c, h, w, false),
            (&[n, h, w, c], &[m, y, x]) if [n, h, w] == [m, y, x] => layout(c, h, w, true),
            _ => bail!(
                "images of shape {images:?} and masks of shape {masks:?}, expected masks [N, H, W] and images [N, H, W], \
                 [N, C, H, W] or [N, H, W, C]"
            ),
        }
    }

    fn planes(&self, values: Vec<f32>) -> Vec<f32> {
        let channels = self.shape[0];
        if !self.last || channels == 1 {
            return values;
        }
        (0..channels)
            .flat_map(|c| values.iter().skip(c).step_by(channels).copied().collect::<Vec<_>>())
            .collect()
    }
}

/// What 8 and 16 bits can hold is their range; of other numbers nothing is known.
fn layout_range<R: Read>(images: &NpyFile<R>) -> Option<[f32; 2]> {
    match images.dtype().descr().trim_matches('\'') {
        "|u1" => Some([0.0, 255.0]),
        "<u2" | ">u2" => Some([0.0, 65535.0]),
        _ => None,
    }
}
