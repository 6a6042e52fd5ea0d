//! What all phantoms are drawn with: soft-edged ellipses, smooth texture, bias fields, noise.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

/// An ellipse in pixels, rotated by `angle` radians, whose radius wobbles by `wobble` of itself over three lobes.
#[derive(Debug, Clone, Copy)]
pub struct Ellipse {
    /// Centre (x, y).
    pub centre: [f64; 2],
    /// Radii.
    pub radii: [f64; 2],
    /// Rotation.
    pub angle: f64,
    /// Relative amplitude of the lobes.
    pub wobble: f64,
}

impl Ellipse {
    /// A circle.
    pub fn circle(centre: [f64; 2], radius: f64) -> Self {
        Self { centre, radii: [radius; 2], angle: 0.0, wobble: 0.0 }
    }

    /// The same, larger by `pixels` all around.
    #[must_use]
    pub fn grown(self, pixels: f64) -> Self {
        Self { radii: self.radii.map(|r| (r + pixels).max(0.1)), ..self }
    }

    /// About the distance from (x, y) to the edge in pixels, positive inside.
    pub fn depth(&self, x: f64, y: f64) -> f64 {
        let [dx, dy] = [x - self.centre[0], y - self.centre[1]];
        let (sin, cos) = self.angle.sin_cos();
        let [u, v] = [(dx * cos + dy * sin) / self.radii[0], (dy * cos - dx * sin) / self.radii[1]];
        let radius = u.hypot(v);
        let edge = 1.0 + self.wobble * (3.0 * v.atan2(u)).sin();
        (edge - radius) * self.radii[0].min(self.radii[1])
    }

    /// Whether the pixel centre lies inside.
    pub fn holds(&self, x: f64, y: f64) -> bool {
        self.plainly(x, y, 0.0).unwrap_or_else(|| self.depth(x, y) > 0.0)
    }

    /// Share of a pixel that lies inside, softened over one pixel.
    pub fn cover(&self, x: f64, y: f64) -> f64 {
        self.softened(x, y, 0.5)
    }

    /// The same, softened over `reach` pixels to both sides of the edge.
    pub fn softened(&self, x: f64, y: f64, reach: f64) -> f64 {
        match self.plainly(x, y, reach) {
            Some(inside) => f64::from(u8::from(inside)),
            None => ((self.depth(x, y) + reach) / (2.0 * reach)).clamp(0.0, 1.0),
        }
    }

    /// Whether (x, y) lies inside, where it is farther than `reach` from the edge whatever direction and lobes are: most
    /// pixels, without their angles, which took most of the drawing.
    fn plainly(&self, x: f64, y: f64, reach: f64) -> Option<bool> {
        // More than rounding can move the edge, and less than can be seen.
        const MARGIN: f64 = 1e-6;
        let [dx, dy] = [x - self.centre[0], y - self.centre[1]];
        let squared = dx * dx + dy * dy;
        let [least, most] = [f64::min, f64::max].map(|of| of(self.radii[0], self.radii[1]));
        let outside = most * (1.0 + self.wobble.abs() + reach / least) + MARGIN;
        if squared > outside * outside {
            return Some(false);
        }
        let inside = least * (1.0 - self.wobble.abs()) - reach - MARGIN;
        (inside > 0.0 && squared < inside * inside).then_some(true)
    }
}

/// `below` where `cover` is 0, `above` where it is 1.
pub fn mix(below: f64, above: f64, cover: f64) -> f64 {
    below + (above - below) * cover
}

/// A number from `low` to `high`.
pub fn between(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    rng.random_range(low..high)
}

/// A normal number.
pub fn normal(rng: &mut ChaCha8Rng, sigma: f64) -> f64 {
    let draw: f64 = StandardNormal.sample(rng);
    sigma * draw
}

/// Smooth texture: random values on a lattice, interpolated.
#[derive(Debug)]
pub struct Texture {
    side: usize,
    cell: f64,
    values: Vec<f64>,
}

impl Texture {
    /// For pictures up to `extent` pixels, with blobs of about `cell` pixels.
    pub fn new(rng: &mut ChaCha8Rng, extent: usize, cell: f64) -> Self {
        let side = (extent as f64 / cell).ceil() as usize + 2;
        Self { side, cell, values: (0..side * side).map(|_| between(rng, -1.0, 1.0)).collect() }
    }

    /// Value in [-1, 1].
    pub fn at(&self, x: f64, y: f64) -> f64 {
        let [u, v] = [x / self.cell, y / self.cell].map(|c| c.clamp(0.0, (self.side - 2) as f64));
        let [i, j] = [u as usize, v as usize];
        let smooth = |t: f64| t * t * (3.0 - 2.0 * t);
        let [s, t] = [smooth(u.fract()), smooth(v.fract())];
        let value = |i: usize, j: usize| self.values[j * self.side + i];
        mix(mix(value(i, j), value(i + 1, j), s), mix(value(i, j + 1), value(i + 1, j + 1), s), t)
    }
}

/// Slow brightness change of a coil: a factor around 1.
#[derive(Debug, Clone, Copy)]
pub struct BiasField {
    slope: [f64; 3],
}

impl BiasField {
    /// A random one.
    pub fn new(rng: &mut ChaCha8Rng) -> Self {
        Self { slope: [0; 3].map(|_| between(rng, -0.3, 0.3)) }
    }

    /// Factor at (x, y) relative to the picture, each in [-1, 1].
    pub fn at(&self, x: f64, y: f64) -> f64 {
        1.0 + self.slope[0] * x + self.slope[1] * y + self.slope[2] * (x * x + y * y - 0.7)
    }
}

/// Magnitude of a signal with complex Gaussian noise: Rician, as in magnitude MRI.
pub fn rician(rng: &mut ChaCha8Rng, signal: f64, sigma: f64) -> f64 {
    (signal + normal(rng, sigma)).hypot(normal(rng, sigma))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far from the edge nothing is computed: the pictures are those of computing it everywhere.
    #[test]
    fn what_is_plainly_inside_or_outside_is_what_the_depth_says() {
        let shapes = [
            ([5.0, 5.0], 0.0),
            ([9.0, 4.0], 0.05),
            ([0.3, 2.0], 0.05),
            ([0.1, 0.1], 0.02),
            ([6.0, 3.0], 0.4),
        ];
        let mut plain = 0;
        for (radii, wobble) in shapes {
            let shape = Ellipse { centre: [10.3, 9.8], radii, angle: 0.7, wobble };
            for at in 0..160 * 160 {
                let [x, y] = [f64::from(at % 160) / 8.0, f64::from(at / 160) / 8.0];
                let depth = shape.depth(x, y);
                for reach in [0.5, 3.0] {
                    let share = ((depth + reach) / (2.0 * reach)).clamp(0.0, 1.0);
                    assert_eq!(shape.softened(x, y, reach), share, "{shape:?} {x} {y} {reach}");
                }
                assert_eq!(shape.holds(x, y), depth > 0.0, "{shape:?} {x} {y}");
                plain += u32::from(shape.plainly(x, y, 0.5).is_some());
            }
        }
        assert!(plain > 60_000, "{plain} of 128,000");
    }
}
