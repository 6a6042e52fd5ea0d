//! Where a generator that paints masks gets them, for 10,000 images from a few hundred real masks: the training
//! masks as they are, the same warped, or the masks of another pack (of a joint GAN's, say).

use crate::rng::{Purpose, keyed};
use anyhow::{Result, bail};
use rand::RngExt as _;
use rand_distr::{Distribution as _, StandardNormal};
use tch::{Device, Tensor};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Manifest, Provenance, SliceShape, Split};
use vesalius_data::pack::masks::{self, MaskSource, Painted, Style, Through};
use vesalius_data::pack::view;

/// Largest rotation, radians (15 degrees).
const MAX_ROTATION: f64 = std::f64::consts::PI / 12.0;
/// Largest change of scale, as a share.
const MAX_SCALE: f64 = 0.15;
/// Largest shift, as a share of the side.
const MAX_SHIFT: f64 = 0.05;
/// Standard deviation of the elastic displacement, as a share of the side.
const ELASTIC_STD: f64 = 0.025;
/// Control points of the elastic displacement along each axis.
const ELASTIC_POINTS: usize = 5;
/// How far the first and the last plane of a volume are shifted against each other at most, as a share of the side.
const MAX_LEAN: f64 = 0.05;

/// Masks to paint: mask i is a function of (seed, i).
#[derive(Debug)]
pub struct Masks<'a> {
    pack: &'a Pack,
    indices: Vec<usize>,
    warp: bool,
    seed: u64,
}

impl<'a> Masks<'a> {
    /// Training masks of `pack`; all of them where it is synthetic. `warp`: each moved by a small affine map and an
    /// elastic one, the nearest label kept. Of volumes the planes of one mask follow each other and are moved by one map
    /// that goes over from plane to plane.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(pack: &'a Pack, warp: bool, seed: u64) -> Result<Self> {
        let indices = pack.indices(Split::Train);
        if indices.is_empty() {
            bail!("{}: no training slice whose mask could be painted", pack.path().display());
        }
        Ok(Self { pack, indices, warp, seed })
    }

    /// Planes of each mask, which follow each other; 1: slices.
    pub fn planes(&self) -> usize {
        self.pack.slice_shape().planes
    }

    /// The pack that they are of.
    pub fn pack(&self) -> &'a Pack {
        self.pack
    }

    /// Refuses masks that a generator trained on `template` cannot paint.
    ///
    /// # Errors
    /// When the classes or the size differ.
    pub fn check(&self, template: &Manifest) -> Result<()> {
        let (found, expected) = (self.pack.manifest(), template);
        let path = self.pack.path().display();
        if found.classes != expected.classes {
            bail!(
                "{path}: masks of the classes {:?}, expected those of the training, {:?}",
                found.classes,
                expected.classes
            );
        }
        // Slices are painted of volumes, too: plane by plane.
        let planes = |shape: SliceShape| SliceShape { planes: 1, ..shape };
        let (mut found, expected) = (found.slice_shape, expected.slice_shape);
        if !expected.is_volume() {
            found = planes(found);
        }
        if found.size() != expected.size() {
            bail!(
                "{path}: masks of {} pixels, expected those of the training, {}",
                found.size(),
                expected.size()
            );
        }
        Ok(())
    }

    /// What a manifest says of images painted by these masks, and in which styles.
    /// Masks that another painter was given are still those, and came by way of its pack.
    pub fn source(&self, trained_on: &str, style: Style) -> MaskSource {
        let warps = usize::from(self.warp);
        let Provenance::Synthetic { gan, trained_on: theirs, mask_source, filtered, .. } =
            &self.pack.manifest().provenance
        else {
            let digest = self.pack.digest();
            let own = view::is_pack_or_planes(trained_on, digest);
            let pack = (!own).then(|| format!("{digest:.12}"));
            let masks = masks::Masks::Training { count: self.indices.len(), pack };
            return MaskSource::Painted(Painted { masks, warps, through: vec![], style });
        };
        let plausible_only = filtered.is_some();
        let through = Through {
            generator: gan.clone(),
            trained_on: (theirs != trained_on).then(|| format!("{theirs:.12}")),
            plausible_only,
        };
        match mask_source.clone() {
            MaskSource::Generated => {
                let masks = masks::Masks::Generated { by: gan.clone(), plausible_only };
                MaskSource::Painted(Painted { masks, warps, through: vec![], style })
            }
            // How its images were styled says nothing of its masks.
            MaskSource::Painted(mut painted) => {
                painted.warps += warps;
                painted.through.push(through);
                MaskSource::Painted(Painted { style, ..painted })
            }
            MaskSource::Other(words) => MaskSource::Other(words),
        }
    }

    /// Label maps `first..first + count`, those of volumes whole: `[count, (D,) H, W]`, i64.
    ///
    /// # Errors
    /// When a slice was damaged on the disk.
    pub fn whole(&self, first: usize, count: usize, device: Device) -> Result<Tensor> {
        let planes = self.planes();
        let labels = self.labels(first * planes, count * planes, device)?;
        if planes == 1 {
            return Ok(labels);
        }
        let [h, w] = [labels.size()[1], labels.size()[2]];
        Ok(labels.reshape([count as i64, planes as i64, h, w]))
    }

    /// Label maps `first..first + count`, of volumes planes: `[count, H, W]`, i64.
    ///
    /// # Errors
    /// When a slice was damaged on the disk.
    pub fn labels(&self, first: usize, count: usize, device: Device) -> Result<Tensor> {
        let slice_shape = self.pack.slice_shape();
        let (h, w, planes) = (slice_shape.height, slice_shape.width, slice_shape.planes);
        let mut all: Vec<i64> = Vec::with_capacity(count * h * w);
        for i in first..first + count {
            let (mask, plane) = (i / planes, i % planes);
            let mut rng = keyed(self.seed, Purpose::Mask, mask as u64);
            let chosen = self.indices[rng.random_range(0..self.indices.len())];
            let labels = &self.pack.slice(chosen)?.labels[plane * h * w..(plane + 1) * h * w];
            if self.warp {
                let mut warp = Warp::draw(&mut rng);
                if planes > 1 {
                    warp.enter_plane(plane as f64 / (planes - 1) as f64, &mut rng);
                }
                for y in 0..h {
                    for x in 0..w {
                        let (from_y, from_x) = warp.source(y, x, h, w);
                        all.push(i64::from(labels[from_y * w + from_x]));
                    }
                }
            } else {
                all.extend(labels.iter().map(|&label| i64::from(label)));
            }
        }
        Ok(Tensor::from_slice(&all).reshape([count as i64, h as i64, w as i64]).to_device(device))
    }
}

/// One affine and elastic map, in shares of the sides.
struct Warp {
    angle: f64,
    scale: f64,
    shift: [f64; 2],
    /// Displacement (down, right) at the control points, row by row.
    elastic: Vec<[f64; 2]>,
}

impl Warp {
    fn draw(rng: &mut impl rand::Rng) -> Self {
        let mut symmetric = |limit: f64| (rng.random::<f64>() * 2.0 - 1.0) * limit;
        let angle = symmetric(MAX_ROTATION);
        let scale = 1.0 + symmetric(MAX_SCALE);
        let shift = [symmetric(MAX_SHIFT), symmetric(MAX_SHIFT)];
        Self { angle, scale, shift, elastic: elastic(rng) }
    }

    /// The map of a plane, `depth` from 0 at the first to 1 at the last: planes are shifted ever farther in one direction,
    /// and the elastic displacement goes over into that of the last.
    fn enter_plane(&mut self, depth: f64, rng: &mut impl rand::Rng) {
        for shift in &mut self.shift {
            *shift += (rng.random::<f64>() * 2.0 - 1.0) * MAX_LEAN * (depth - 0.5);
        }
        for (near, far) in self.elastic.iter_mut().zip(elastic(rng)) {
            *near = [0, 1].map(|axis| near[axis] * (1.0 - depth) + far[axis] * depth);
        }
    }

    /// Pixel (row, column) that pixel (`y`, `x`) of an `h`x`w` map is taken from, held at the border.
    fn source(&self, y: usize, x: usize, h: usize, w: usize) -> (usize, usize) {
        let (v, u) = (y as f64 + 0.5 - h as f64 / 2.0, x as f64 + 0.5 - w as f64 / 2.0);
        let (sin, cos) = self.angle.sin_cos();
        let [down, right] =
            self.displacement((y as f64 + 0.5) / h as f64, (x as f64 + 0.5) / w as f64);
        let from_v = (sin * u + cos * v) * self.scale + (self.shift[0] + down) * h as f64;
        let from_u = (cos * u - sin * v) * self.scale + (self.shift[1] + right) * w as f64;
        let hold = |at: f64, side: usize| {
            ((at + side as f64 / 2.0).floor().max(0.0) as usize).min(side - 1)
        };
        (hold(from_v, h), hold(from_u, w))
    }

    /// Elastic displacement at a point in [0, 1]², smooth between the control points.
    fn displacement(&self, v: f64, u: f64) -> [f64; 2] {
        let cell = |at: f64| {
            let at = at * (ELASTIC_POINTS - 1) as f64;
            let low = (at.floor() as usize).min(ELASTIC_POINTS - 2);
            let t = at - low as f64;
            (low, t * t * (3.0 - 2.0 * t))
        };
        let ((row, fv), (column, fu)) = (cell(v), cell(u));
        [0, 1].map(|axis| {
            let at = |r: usize, c: usize| self.elastic[r * ELASTIC_POINTS + c][axis];
            let along = |r: usize| at(r, column) * (1.0 - fu) + at(r, column + 1) * fu;
            along(row) * (1.0 - fv) + along(row + 1) * fv
        })
    }
}

/// Displacements at the control points.
fn elastic(rng: &mut impl rand::Rng) -> Vec<[f64; 2]> {
    let mut normal = || -> f64 {
        let value: f64 = StandardNormal.sample(&mut *rng);
        value * ELASTIC_STD
    };
    (0..ELASTIC_POINTS * ELASTIC_POINTS).map(|_| [normal(), normal()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_data::pack::PackWriter;
    use vesalius_data::pack::manifest::{CaseRecord, PixelType, SliceRecord};

    /// What is said of images painted by the masks of a pack of one pair that `gan` made.
    fn told(gan: &str, mask_source: &str, warp: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("pack");
        let slice_shape =
            SliceShape { channels: 1, planes: 1, height: 1, width: 2, pixel_type: PixelType::U8 };
        let mut writer = PackWriter::create(&target, slice_shape).unwrap();
        writer.push(&[0; 2], &[0, 1], SliceRecord { case: 0, position: 0 }).unwrap();
        let (id, patient) = (format!("{gan}_0"), format!("{gan}_0"));
        let split = Split::Train;
        let mut provenance = Provenance::made(gan, "0123456789abcdef");
        if let Provenance::Synthetic { mask_source: of, .. } = &mut provenance {
            *of = mask_source.to_owned().into();
        }
        let classes = vec!["background".into(), "disc".into()];
        let manifest = Manifest {
            cases: vec![CaseRecord::new(id, patient, split)],
            ..Manifest::new("test", classes, slice_shape, provenance)
        };
        writer.finish(manifest).unwrap();
        let pack = Pack::open(&target).unwrap();
        Masks::new(&pack, warp, 1).unwrap().source("0123456789abcdef", Style::Fresh).to_string()
    }

    #[test]
    fn masks_keep_their_source_on_the_way_through_a_painters_pack() {
        assert_eq!(
            told("lsgan", "generated", false),
            "masks generated by lsgan; a fresh style each"
        );
        // SPADE generates no masks.
        let training = "630 training masks, warped; no style: one image per mask";
        assert_eq!(
            told("spade", training, false),
            "630 training masks, warped; of a pack of spade; a fresh style each"
        );
        let joint = "masks generated by lsgan; a fresh style each";
        let once = told("spade", joint, true);
        assert_eq!(
            once,
            "masks generated by lsgan, warped; of a pack of spade; a fresh style each"
        );
        assert_eq!(
            told("spade", &once, false),
            "masks generated by lsgan, warped; of a pack of spade; of a pack of spade; a fresh style each"
        );
    }

    #[test]
    fn a_warp_is_smooth_and_stays_inside() {
        let mut rng = keyed(3, Purpose::Mask, 0);
        for _ in 0..20 {
            let warp = Warp::draw(&mut rng);
            for y in 0..48 {
                for x in 0..63 {
                    let (row, column) = warp.source(y, x, 48, 64);
                    let (_, next) = warp.source(y, x + 1, 48, 64);
                    assert!(row < 48 && column < 64);
                    assert!(column.abs_diff(next) <= 3, "{column} {next}");
                }
            }
        }
    }

    #[test]
    fn a_neutral_warp_moves_nothing() {
        let still = Warp {
            angle: 0.0,
            scale: 1.0,
            shift: [0.0; 2],
            elastic: vec![[0.0; 2]; ELASTIC_POINTS * ELASTIC_POINTS],
        };
        for (y, x) in [(0, 0), (5, 9), (31, 63)] {
            assert_eq!(still.source(y, x, 32, 64), (y, x));
        }
    }

    /// A volume whose planes are one mask: warped, neighbours are nearly alike, and the ends are not.
    #[test]
    fn a_warp_goes_over_from_plane_to_plane() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("pack");
        let (planes, side) = (8, 48);
        let shape = SliceShape {
            channels: 1,
            planes,
            height: side,
            width: side,
            pixel_type: PixelType::U8,
        };
        let inside = |at: usize| (side / 4..3 * side / 4).contains(&at);
        let disc = (0..side * side).map(|i| u8::from(inside(i / side) && inside(i % side)));
        let labels = disc.collect::<Vec<u8>>().repeat(planes);
        let mut writer = PackWriter::create(&target, shape).unwrap();
        writer.push(&labels, &labels, SliceRecord { case: 0, position: 0 }).unwrap();
        let classes = vec!["background".into(), "disc".into()];
        let manifest = Manifest {
            cases: vec![CaseRecord::new("a", "a", Split::Train)],
            ..Manifest::new("test", classes, shape, Provenance::real("folder", "seed 1"))
        };
        writer.finish(manifest).unwrap();
        let pack = Pack::open_any(&target).unwrap();
        let masks = Masks::new(&pack, true, 1).unwrap();
        let (mut next, mut ends) = (0.0, 0.0);
        for volume in 0..10 {
            let all = masks.labels(volume * planes, planes, Device::Cpu).unwrap();
            let changed = |a: i64, b: i64| {
                let differs = all.get(a).not_equal_tensor(&all.get(b));
                differs.to_kind(tch::Kind::Double).mean(None).double_value(&[])
            };
            next +=
                (1..planes as i64).map(|i| changed(i - 1, i)).sum::<f64>() / (planes - 1) as f64;
            ends += changed(0, planes as i64 - 1);
        }
        assert!(0.0 < next && next < ends / 3.0, "neighbours {next}, ends {ends}");
    }
}
