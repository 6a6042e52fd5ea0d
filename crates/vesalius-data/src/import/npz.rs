//! NumPy archives: arrays `images` and `masks` of equal length, read slice by slice, or volume by volume.

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

/// Gives each pair of an archive, of `volumes` each plane.
pub(super) fn pairs(
    path: &Path,
    volumes: bool,
    add: &mut dyn FnMut(FoundPair) -> Result<()>,
) -> Result<()> {
    let failure = || format!("{}", path.display());
    // Two readers: arrays lie one behind the other.
    let [mut first, mut second] = [open(path)?, open(path)?];
    let images = array(&mut first, &IMAGES).with_context(failure)?;
    let masks = array(&mut second, &MASKS).with_context(failure)?;
    let (count, layout) =
        Layout::of(images.shape(), masks.shape(), volumes).with_context(failure)?;
    let [channels, height, width] = layout.shape;
    let sides = [channels, layout.depth, height, width];
    let size = sides.iter().try_fold(1_usize, |size, side| size.checked_mul(*side));
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
        let values = take(&mut images, sides.iter().product())?;
        let labels = take(&mut masks, layout.depth * height * width)?;
        let labels: Vec<u8> = labels
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
        for (plane, labels) in labels.chunks_exact((height * width).max(1)).enumerate() {
            add(FoundPair {
                place: &place,
                planes: layout.depth,
                shape: layout.shape,
                values: layout.plane(&values, plane),
                full_range,
                mask_shape: [height, width],
                labels: labels.to_vec(),
            })?;
        }
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
    /// Planes; 1: slices.
    depth: usize,
    last: bool,
}

impl Layout {
    /// The number of images, and how they lie: as their masks `[N, (D,) H, W]`, channels before them or after.
    fn of(images: &[u64], masks: &[u64], volumes: bool) -> Result<(u64, Self)> {
        let space = if volumes { 3 } else { 2 };
        let found = match masks {
            [n, rest @ ..] if rest.len() == space => match images {
                [m, sides @ ..] if m == n && sides == rest => Some((1, rest, false)),
                [m, c, sides @ ..] if m == n && sides == rest => Some((*c, rest, false)),
                [m, sides @ .., c] if m == n && sides == rest => Some((*c, rest, true)),
                _ => None,
            },
            _ => None,
        };
        let Some((channels, sides, last)) = found else {
            let expected = if volumes { "D, H, W" } else { "H, W" };
            bail!(
                "images of shape {images:?} and masks of shape {masks:?}, expected masks [N, {expected}] and images \
                 [N, {expected}], [N, C, {expected}] or [N, {expected}, C]"
            );
        };
        let side = |value: u64| usize::try_from(value).context("sides of an array");
        let depth = if volumes { side(sides[0])? } else { 1 };
        let [height, width] = [sides[space - 2], sides[space - 1]].map(side);
        Ok((masks[0], Self { shape: [side(channels)?, height?, width?], depth, last }))
    }

    /// Plane `plane` `[C, H, W]` of values that lie so.
    fn plane(&self, values: &[f32], plane: usize) -> Vec<f32> {
        let [channels, height, width] = self.shape;
        let size = height * width;
        if self.last {
            let own = &values[plane * size * channels..(plane + 1) * size * channels];
            return (0..channels)
                .flat_map(|c| own.iter().skip(c).step_by(channels).copied())
                .collect();
        }
        let first = |c: usize| (c * self.depth + plane) * size;
        (0..channels).flat_map(|c| values[first(c)..first(c) + size].iter().copied()).collect()
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
