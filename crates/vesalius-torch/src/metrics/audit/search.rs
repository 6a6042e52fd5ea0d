//! The nearest training image of each image, and how much nearer it is than those of other patients.
//!
//! First all pairs in all views on a coarse grid, where one product of matrices compares thousands; then the candidates
//! at the
//! working size, at their best shift. The score is a ratio (after Carlini et al. 2023, arXiv:2301.13188): distance to
//! the
//! nearest training image over the mean distance to the nearest images of the next patients. A blurred or
//! average-looking image is near to many patients and has a ratio near 1; a copy is near to one.

use super::align::{align, distance};
use super::candidates::{Likeness, Pair, Patients, likest};
use super::views::{Prepared, coarse, coarse_views, reach, seen};
use crate::metrics::pairs::SPAN;
use crate::metrics::similarity::ssim;
use anyhow::{Result, bail};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tch::Tensor;

/// Other patients that a distance is compared with.
const PATIENTS: usize = 5;
/// Least number of training patients: one is left out, one is nearest, one is what it is compared with.
pub const LEAST_PATIENTS: usize = 3;
/// Queries whose likeness to all references is in memory at once.
pub const CHUNK: usize = 2048;

/// The nearest training image of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Row of the training image.
    pub row: usize,
    /// View of it, see [`super::views::View`].
    pub view: usize,
    /// Rows and columns by which it is moved, pixels of the working size.
    pub shift: [i64; 2],
    /// Distance of the band-passed images at their best shift, in [0, 2].
    pub distance: f64,
    /// That distance over the mean distance to the nearest images of the next patients; small for copies.
    pub ratio: f64,
    /// SSIM of the two at that shift, at the working size.
    pub ssim: f64,
}

/// What is searched.
#[derive(Debug)]
pub struct References {
    images: Prepared,
    /// Coarse pictures `[T, VIEWS, C, h, w]`.
    coarse: Tensor,
    patients: Patients,
}

impl References {
    /// Prepares training images, and held-out ones whose distance to the queries is asked for too. `patients`: of each
    /// image
    /// a name, `None` for held-out images.
    ///
    /// # Errors
    /// With fewer than three training patients.
    ///
    /// # Panics
    /// When there is not one entry of `patients` per image.
    pub fn new(images: Prepared, patients: &[Option<String>]) -> Result<Self> {
        assert_eq!(images.len(), patients.len(), "a patient for each image");
        let mut names: Vec<&String> = patients.iter().flatten().collect();
        names.sort();
        names.dedup();
        if names.len() < LEAST_PATIENTS {
            bail!(
                "{} training patients, expected at least {LEAST_PATIENTS}: one is left out, one is nearest, one is what \
                 it is compared with",
                names.len()
            );
        }
        let number = |name: &String| names.binary_search(&name).expect("among its own names");
        Ok(Self {
            coarse: coarse_views(&images.band),
            patients: Patients {
                of: patients.iter().map(|name| name.as_ref().map(number)).collect(),
                count: names.len(),
                others: PATIENTS.min(names.len() - 2),
            },
            images,
        })
    }

    /// Other patients whose distances make the denominator of a ratio.
    pub fn others(&self) -> usize {
        self.patients.others
    }

    /// Number of training patients.
    pub fn patients(&self) -> usize {
        self.patients.count
    }

    /// SSIM of each query with reference `rows[i]`, both as they are, at the working size.
    ///
    /// # Errors
    /// When shapes differ.
    pub fn ssim_as_it_is(&self, queries: &Prepared, rows: &[i64]) -> Result<Vec<f64>> {
        const BATCH: i64 = 128;
        let rows = Tensor::from_slice(rows);
        let mut values = Vec::with_capacity(queries.len());
        for first in (0..queries.len() as i64).step_by(BATCH as usize) {
            let count = BATCH.min(queries.len() as i64 - first);
            let some = self.images.plain.index_select(0, &rows.narrow(0, first, count));
            let found = ssim(&queries.plain.narrow(0, first, count), &some, SPAN)?;
            values.extend(Vec::<f64>::try_from(found)?);
        }
        Ok(values)
    }

    /// A match's training image in the view and at the shift where it is nearest, at the working size `[C, h, w]`.
    pub fn as_seen(&self, found: &Match) -> Tensor {
        let image = self.images.plain.narrow(0, found.row as i64, 1);
        let (_, _, h, w) = image.size4().expect("one image");
        let reach = reach(h, w);
        let wide = seen(&image, &[found.view]).replication_pad2d([reach; 4]);
        let [down, right] = found.shift;
        wide.narrow(2, reach - down, h).narrow(3, reach - right, w).squeeze_dim(0)
    }

    /// Finds the nearest training image of each query. `own`: row of each query among the references, whose patient is
    /// left
    /// out (leave one patient out). `nearest_query`: of each reference the least distance to a query so far; lowered.
    ///
    /// # Errors
    /// When shapes differ.
    pub fn search(
        &self,
        queries: &Prepared,
        own: Option<&[usize]>,
        nearest_query: Option<&mut [f64]>,
    ) -> Result<Vec<Match>> {
        let (found, expected) = (queries.plain.size(), self.images.plain.size());
        if found[1..] != expected[1..] {
            bail!(
                "images of {:?} channels, rows and columns against training images of {:?}, expected the same",
                &found[1..],
                &expected[1..]
            );
        }
        tch::no_grad(|| {
            let likeness = Likeness::of(&coarse(&queries.band), &self.coarse);
            if let Some(nearest_query) = nearest_query {
                self.nearest_queries(queries, &likeness, nearest_query);
            }
            let patients = &self.patients;
            let chosen: Vec<Vec<Pair>> = (0..queries.len())
                .into_par_iter()
                .map(|i| {
                    let without = own.and_then(|own| patients.of[own[i]]);
                    let rows = patients.candidates(likeness.row(i), without);
                    let pairs = rows.into_iter().map(|row| likeness.pair(i, row));
                    pairs.flat_map(Pair::and_upright).collect()
                })
                .collect();
            let pairs = chosen.concat();
            let placed = self.place(queries, &pairs);
            let mut found = Vec::with_capacity(queries.len());
            let mut first = 0;
            for pairs_of_query in &chosen {
                let range = first..first + pairs_of_query.len();
                found.push(self.best(&pairs[range.clone()], &placed[range.clone()]));
                first = range.end;
            }
            self.add_ssim(queries, &mut found)?;
            Ok(found)
        })
    }

    /// Distance and corner of each pair.
    fn place(&self, queries: &Prepared, pairs: &[Pair]) -> Vec<Placed> {
        const PAIRS: usize = 256;
        let (_, _, h, w) = queries.band.size4().expect("a batch of images");
        let mut placed = Vec::with_capacity(pairs.len());
        for some in pairs.chunks(PAIRS) {
            let (query, reference) = both(&queries.band, &self.images.band, some);
            let found = align(&query, &reference, reach(h, w));
            placed.extend(
                found
                    .correlation
                    .iter()
                    .zip(found.corner)
                    .map(|(&r, corner)| Placed { distance: distance(r), corner }),
            );
        }
        placed
    }

    /// The nearest of a query's candidates, compared with those of other patients.
    fn best(&self, pairs: &[Pair], placed: &[Placed]) -> Match {
        let nearest = (0..pairs.len())
            .min_by(|&a, &b| placed[a].distance.total_cmp(&placed[b].distance))
            .expect("at least two patients");
        let patient = |i: usize| self.patients.of[pairs[i].row];
        let mut others: Vec<(Option<usize>, f64)> = Vec::new();
        for i in (0..pairs.len()).filter(|&i| patient(i) != patient(nearest)) {
            match others.iter_mut().find(|(other, _)| *other == patient(i)) {
                Some((_, least)) => *least = least.min(placed[i].distance),
                None => others.push((patient(i), placed[i].distance)),
            }
        }
        let mut distances: Vec<f64> = others.into_iter().map(|(_, distance)| distance).collect();
        distances.sort_by(f64::total_cmp);
        distances.truncate(self.patients.others);
        let mean = distances.iter().sum::<f64>() / distances.len() as f64;
        let Placed { distance, corner } = placed[nearest];
        Match {
            row: pairs[nearest].row,
            view: pairs[nearest].view,
            shift: corner,
            distance,
            // Equal to an image of every patient: nothing singles one out.
            ratio: if mean > 0.0 { distance / mean } else { 1.0 },
            ssim: 0.0,
        }
    }

    /// Fills in the SSIM of each match, and turns its corner into a shift.
    fn add_ssim(&self, queries: &Prepared, found: &mut [Match]) -> Result<()> {
        const BATCH: usize = 128;
        let (_, _, h, w) = queries.plain.size4()?;
        let reach = reach(h, w);
        let (inner_h, inner_w) = (h - 2 * reach, w - 2 * reach);
        for (first, some) in (0..).step_by(BATCH).zip(found.chunks_mut(BATCH)) {
            let pairs: Vec<Pair> = (first..)
                .zip(some.iter())
                .map(|(query, found)| Pair { query, row: found.row, view: found.view })
                .collect();
            let (query, reference) = both(&queries.plain, &self.images.plain, &pairs);
            let windows: Vec<Tensor> = (0..)
                .zip(some.iter())
                .map(|(i, found)| {
                    let [y, x] = found.shift;
                    reference.get(i).narrow(1, y, inner_h).narrow(2, x, inner_w)
                })
                .collect();
            let centre = query.narrow(2, reach, inner_h).narrow(3, reach, inner_w);
            let values = ssim(&centre, &Tensor::stack(&windows, 0), SPAN)?;
            for (found, value) in some.iter_mut().zip(Vec::<f64>::try_from(values)?) {
                found.ssim = value;
                found.shift = found.shift.map(|corner| reach - corner);
            }
        }
        Ok(())
    }

    /// Lowers each reference's distance to its nearest query, by the two queries that look likest.
    fn nearest_queries(&self, queries: &Prepared, likeness: &Likeness, nearest: &mut [f64]) {
        const QUERIES: usize = 2;
        let count = queries.len();
        let pairs: Vec<Pair> = (0..self.images.len())
            .into_par_iter()
            .flat_map_iter(|row| {
                let likest = likest(0..count, QUERIES, |query| likeness.row(query)[row]);
                likest.into_iter().map(move |query| likeness.pair(query, row))
            })
            .collect();
        for (pair, placed) in pairs.iter().zip(self.place(queries, &pairs)) {
            nearest[pair.row] = nearest[pair.row].min(placed.distance);
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Placed {
    distance: f64,
    corner: [i64; 2],
}

/// Queries and references in their views, side by side.
fn both(queries: &Tensor, references: &Tensor, pairs: &[Pair]) -> (Tensor, Tensor) {
    let rows = |of: &dyn Fn(&Pair) -> usize| {
        Tensor::from_slice(&pairs.iter().map(|pair| of(pair) as i64).collect::<Vec<_>>())
    };
    let views: Vec<usize> = pairs.iter().map(|pair| pair.view).collect();
    let reference = references.index_select(0, &rows(&|pair| pair.row));
    (queries.index_select(0, &rows(&|pair| pair.query)), seen(&reference, &views))
}

#[cfg(test)]
mod tests {
    use super::super::planted::{Kind as Copy, plant};
    use super::*;
    use tch::{Device, Kind};

    /// Smooth random pictures.
    fn pictures(n: i64, seed: i64) -> Tensor {
        tch::manual_seed(seed);
        let small = Tensor::rand([n, 1, 12, 10], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
        small.upsample_bicubic2d([48, 40], false, None, None).clamp(-1.0, 1.0)
    }

    fn references(x: &Tensor) -> References {
        let patients: Vec<_> = (0..x.size()[0]).map(|i| Some(format!("p{}", i / 2))).collect();
        References::new(Prepared::of(x).unwrap(), &patients).unwrap()
    }

    #[test]
    fn copies_of_every_kind_are_traced_to_their_image_and_strangers_to_none() {
        let training = pictures(24, 1);
        let references = references(&training);
        for kind in Copy::ALL {
            let copies: Vec<Tensor> =
                (0..24).map(|i| plant(&training.narrow(0, i, 1), kind, 255, 0, i as u64)).collect();
            let queries = Prepared::of(&Tensor::cat(&copies, 0)).unwrap();
            let found = references.search(&queries, None, None).unwrap();
            let right = found.iter().enumerate().filter(|(i, found)| found.row == *i).count();
            let worst = found.iter().map(|found| found.ratio).fold(0.0, f64::max);
            let least = if kind == Copy::Warped { 18 } else { 24 };
            assert!(right >= least, "{}: {right} of 24 traced", kind.name());
            assert!(kind == Copy::Warped || worst < 0.6, "{}: {worst}", kind.name());
            if kind == Copy::Exact {
                assert!(worst < 0.01 && found.iter().all(|found| found.ssim > 0.999), "{found:?}");
                assert!(found.iter().all(|found| found.view == 0 && found.shift == [0, 0]));
            }
        }
        let strangers = Prepared::of(&pictures(24, 2)).unwrap();
        let found = references.search(&strangers, None, None).unwrap();
        let least = found.iter().map(|found| found.ratio).fold(2.0, f64::min);
        assert!(least > 0.7, "{least}");
    }

    #[test]
    fn a_patient_left_out_finds_other_patients_only() {
        let training = pictures(12, 3);
        // The second image of each patient is nearly the first, as neighbouring slices are.
        for i in (0..12).step_by(2) {
            let first = training.get(i);
            training.get(i + 1).copy_(&(&first + first.randn_like() * 0.02));
        }
        let references = references(&training);
        let queries = Prepared::of(&training).unwrap();
        let own: Vec<usize> = (0..12).collect();
        let found = references.search(&queries, Some(&own), None).unwrap();
        for (i, found) in found.iter().enumerate() {
            assert_ne!(found.row / 2, i / 2);
            assert!(found.ratio > 0.6, "{found:?}");
        }
    }

    #[test]
    fn held_out_images_are_measured_and_never_matched() {
        let all = pictures(10, 4);
        let patients: Vec<_> = (0..10).map(|i| (i < 8).then(|| format!("p{i}"))).collect();
        let references = References::new(Prepared::of(&all).unwrap(), &patients).unwrap();
        let queries = Prepared::of(&all.narrow(0, 7, 3)).unwrap();
        let mut nearest = vec![f64::INFINITY; 10];
        let found = references.search(&queries, None, Some(&mut nearest)).unwrap();
        assert!(found[0].row == 7 && found[0].ratio < 0.01);
        assert!(found[1].row < 8 && found[1].ratio > 0.7, "{:?}", found[1]);
        for (i, &distance) in nearest.iter().enumerate() {
            assert_eq!(distance < 0.01, i >= 7, "{i}: {distance}");
        }
    }

    #[test]
    fn two_patients_are_too_few_and_other_shapes_are_refused() {
        let x = pictures(4, 5);
        let error = References::new(
            Prepared::of(&x).unwrap(),
            &["a", "b", "a", "b"].map(|name| Some(name.to_owned())),
        );
        assert!(error.unwrap_err().to_string().contains("2 training patients"));
        let references = references(&pictures(6, 6));
        let other =
            Prepared::of(&Tensor::zeros([1, 3, 48, 40], (Kind::Float, Device::Cpu))).unwrap();
        let error = references.search(&other, None, None).unwrap_err().to_string();
        assert!(error.contains("[3, 48, 40]") && error.contains("[1, 48, 40]"), "{error}");
    }
}
