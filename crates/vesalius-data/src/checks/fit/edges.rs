//! Edges of one slice, borders of one mask, and how well the two lie on each other.
//!
//! Where two neighbouring pixels have different labels, the image should change too, and along one border always in one
//! direction: a cavity is brighter than its wall all around. So each such pair of pixels votes with the image's
//! difference across it, as its rank among all differences of the slice (0 to 1; intensities mean nothing then), signed
//! by which class is the brighter. The score of a slice is the part of the votes that does not cancel, between each two
//! classes by itself: near 0 where a mask lies anywhere, up to 1 where all its borders are the slice's strongest edges.

use crate::volume::Volume;

/// Longest side at which edges are looked at, pixels: larger slices are averaged down.
const SIDE: usize = 256;
/// Bins of the ranks.
const BINS: usize = 1024;
/// Rank 1 as stored.
const ONE: f32 = 32_000.0;
/// Pixels between differences that share no pixel.
const APART: usize = 6;
/// Correlation above which a slice shows something: 0 in noise, 0.2 to 0.8 in scans.
const STRUCTURE: f64 = 0.1;
/// Borders of fewer pixels are noise.
pub const LEAST_BORDER: usize = 12;

/// Rows and columns of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// H.
    pub height: usize,
    /// W.
    pub width: usize,
}

impl Grid {
    /// By how much slices `[H, W]` are averaged down, and what comes out.
    pub fn of(height: usize, width: usize) -> (usize, Self) {
        let factor = height.max(width).div_ceil(SIDE).max(1);
        (factor, Self { height: (height / factor).max(1), width: (width / factor).max(1) })
    }

    /// The longer side.
    pub fn side(self) -> usize {
        self.height.max(self.width)
    }
}

/// Which neighbour a pixel is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Towards {
    /// The one to the right.
    Right,
    /// The one below.
    Below,
}

/// Two neighbouring pixels of different labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Lower and higher label: steps are sorted by them.
    pub classes: [u8; 2],
    /// Which neighbour.
    pub towards: Towards,
    /// Row of the first pixel.
    pub y: i32,
    /// Its column.
    pub x: i32,
    /// Whether the label rises from the first to the second.
    pub rises: bool,
}

/// All steps of a mask's slice, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Border(pub Vec<Step>);

impl Border {
    /// Of labels `[H, W]` of the source, at the working size.
    pub fn of(labels: &[u8], width: usize, factor: usize, grid: Grid) -> Self {
        let at = |y: usize, x: usize| {
            labels[(y * factor + factor / 2) * width + x * factor + factor / 2]
        };
        let mut steps = Vec::new();
        for y in 0..grid.height {
            for x in 0..grid.width {
                let own = at(y, x);
                let mut meet = |other: u8, towards| {
                    if other != own {
                        steps.push(Step {
                            classes: [own.min(other), own.max(other)],
                            towards,
                            y: y as i32,
                            x: x as i32,
                            rises: other > own,
                        });
                    }
                };
                if x + 1 < grid.width {
                    meet(at(y, x + 1), Towards::Right);
                }
                if y + 1 < grid.height {
                    meet(at(y + 1, x), Towards::Below);
                }
            }
        }
        steps.sort_unstable();
        Self(steps)
    }

    /// Whether there is enough of it to tell anything.
    pub fn tells(&self) -> bool {
        self.0.len() >= LEAST_BORDER
    }

    /// Of the mask transposed (rows and columns swapped); of a square grid.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let turn = |step: &Step| Step {
            towards: match step.towards {
                Towards::Right => Towards::Below,
                Towards::Below => Towards::Right,
            },
            y: step.x,
            x: step.y,
            ..*step
        };
        Self(self.0.iter().map(turn).collect())
    }

    /// Of the mask mirrored left to right, or up and down.
    #[must_use]
    pub fn mirrored(&self, grid: Grid, towards: Towards) -> Self {
        let turn = |step: &Step| {
            let along = i32::from(step.towards == towards);
            let mut step = *step;
            match towards {
                Towards::Right => step.x = grid.width as i32 - 1 - along - step.x,
                Towards::Below => step.y = grid.height as i32 - 1 - along - step.y,
            }
            step.rises ^= along == 1;
            step
        };
        Self(self.0.iter().map(turn).collect())
    }
}

/// Signed ranks of the differences across all neighbouring pixels of one slice.
#[derive(Debug, Clone)]
pub struct Edges {
    grid: Grid,
    /// To the right, then below, `[2, H, W]`; the last column or row is 0.
    ranks: Vec<i16>,
}

impl Edges {
    /// Of one slice; `None` where it has no contrast at all.
    pub fn of(volume: &Volume, slice: usize) -> Option<Self> {
        let (factor, grid) = Grid::of(volume.height, volume.width);
        let image = shrunk(volume, slice, factor, grid);
        let Grid { height, width } = grid;
        let mut steps = vec![0.0_f32; 2 * height * width];
        // Two pixels on each side: outlines are drawn by hand, and noise has no width.
        for y in 0..height {
            let row = &image[y * width..(y + 1) * width];
            for x in 0..width.saturating_sub(1) {
                let inner = row[x] + row[x.saturating_sub(1)];
                steps[y * width + x] = row[x + 1] + row[(x + 2).min(width - 1)] - inner;
            }
        }
        for y in 0..height.saturating_sub(1) {
            let line = |at: usize| &image[at * width..(at + 1) * width];
            let (before, own) = (line(y.saturating_sub(1)), line(y));
            let (next, after) = (line(y + 1), line((y + 2).min(height - 1)));
            let out = &mut steps[(height + y) * width..(height + y + 1) * width];
            for x in 0..width {
                out[x] = next[x] + after[x] - own[x] - before[x];
            }
        }
        Some(Self { grid, ranks: ranks(&steps)? })
    }

    /// Whether strong edges lie beside strong ones, as in pictures of something and not in noise: the correlation of
    /// ranks a few pixels apart, which are different differences of the same image.
    pub fn structured(&self) -> bool {
        let Grid { height, width } = self.grid;
        let (mut n, mut sums, mut squares, mut product) = (0.0, 0.0, 0.0, 0.0);
        for row in self.ranks[..height * width].chunks_exact(width).step_by(2) {
            for (a, b) in row.iter().zip(&row[APART.min(width)..]) {
                let [a, b] = [a, b].map(|rank| f64::from(*rank).abs());
                n += 2.0;
                sums += a + b;
                squares += a * a + b * b;
                product += 2.0 * a * b;
            }
        }
        let mean = sums / n;
        let variance = squares / n - mean * mean;
        n > 0.0 && variance > 0.0 && (product / n - mean * mean) / variance > STRUCTURE
    }

    /// Sum of the votes that do not cancel, and how many steps voted, of a mask's border moved by rows and columns;
    /// `None` where less than half of it lies in the picture.
    pub fn votes(&self, border: &Border, [dy, dx]: [i32; 2]) -> Option<(f64, usize)> {
        let Grid { height, width } = self.grid;
        let plane = height * width;
        let (mut sum, mut group, mut seen) = (0_i64, 0_i64, 0);
        let mut classes = [0, 0];
        for step in &border.0 {
            if step.classes != classes {
                sum += group.abs();
                (group, classes) = (0, step.classes);
            }
            let (y, x) = ((step.y + dy) as usize, (step.x + dx) as usize);
            // Negative ones are huge as unsigned.
            if y < height && x < width {
                let skip = if step.towards == Towards::Right { 0 } else { plane };
                let rank = i64::from(self.ranks[skip + y * width + x]);
                group += if step.rises { rank } else { -rank };
                seen += 1;
            }
        }
        sum += group.abs();
        (2 * seen >= border.0.len() && seen > 0).then(|| (sum as f64 / f64::from(ONE), seen))
    }
}

/// Mean of the channels, averaged down.
fn shrunk(volume: &Volume, slice: usize, factor: usize, grid: Grid) -> Vec<f32> {
    let mut image = vec![0.0_f32; grid.height * grid.width];
    for channel in 0..volume.channels {
        let plane = volume.plane(slice, channel);
        if factor == 1 {
            image.iter_mut().zip(plane).for_each(|(sum, value)| *sum += value);
            continue;
        }
        for (row, line) in plane.chunks_exact(volume.width).take(grid.height * factor).enumerate() {
            let out = &mut image[row / factor * grid.width..][..grid.width];
            for (sum, values) in out.iter_mut().zip(line.chunks_exact(factor)) {
                *sum += values.iter().sum::<f32>();
            }
        }
    }
    image
}

/// Signed ranks of the values' sizes, from 0 to [`ONE`]; values 0 have rank 0. `None` where all are.
fn ranks(steps: &[f32]) -> Option<Vec<i16>> {
    let most = steps.iter().fold(0.0_f32, |most, step| most.max(step.abs()));
    if !(most > 0.0 && most.is_finite()) {
        return None;
    }
    // The square root gives small differences, which are many, bins of their own.
    let scale = (BINS - 1) as f32 / most.sqrt();
    let bins: Vec<u16> = steps.iter().map(|step| (step.abs().sqrt() * scale) as u16).collect();
    let mut counts = [0_usize; BINS];
    for bin in &bins {
        counts[usize::from(*bin)] += 1;
    }
    let mut below = 0;
    let rank = counts.map(|count| {
        below += count;
        ((below as f32 - count as f32 / 2.0) / steps.len() as f32 * ONE) as i16
    });
    let signed = |(step, bin): (&f32, &u16)| match step {
        step if *step > 0.0 => rank[usize::from(*bin)],
        step if *step < 0.0 => -rank[usize::from(*bin)],
        _ => 0,
    };
    Some(steps.iter().zip(&bins).map(signed).collect())
}
