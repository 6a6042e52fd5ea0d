//! The first, coarse step of the copy search: which training images deserve a closer look.

use super::views::{VIEWS, upright};
use tch::{Kind, Tensor};

/// Candidates whatever their patient.
const IMAGES: usize = 3;

/// A query beside a reference in one of its views.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub query: usize,
    pub row: usize,
    pub view: usize,
}

impl Pair {
    /// The pair, and beside it the reference neither turned nor scaled: the coarse grid cannot tell a small turn from a
    /// small
    /// shift, so both are looked at closely.
    pub(super) fn and_upright(self) -> impl Iterator<Item = Self> {
        let upright = Self { view: upright(self.view), ..self };
        std::iter::once(self).chain((upright.view != self.view).then_some(upright))
    }
}

/// Coarse likeness of queries (rows) to references (columns), each in its best view.
pub(super) struct Likeness {
    columns: usize,
    values: Vec<f32>,
    views: Vec<u8>,
}

impl Likeness {
    /// Correlation of the centre of each of `queries` `[N, C, h, w]` with the nine windows of each view of each of
    /// `references` `[T, VIEWS, C, h, w]`: the greatest.
    pub(super) fn of(queries: &Tensor, references: &Tensor) -> Self {
        const REFERENCES: i64 = 16;
        const QUERIES: i64 = 512;
        let (_, _, h, w) = queries.size4().expect("a batch of images");
        let (inner_h, inner_w) = (h - 2, w - 2);
        let centre = unit(&queries.narrow(2, 1, inner_h).narrow(3, 1, inner_w).flatten(1, -1));
        let (n, total) = (queries.size()[0], references.size()[0]);
        let (mut values, mut views) = (Vec::new(), Vec::new());
        for first in (0..total).step_by(REFERENCES as usize) {
            let block = references.narrow(0, first, REFERENCES.min(total - first));
            let rows = block.size()[0];
            let windows: Vec<Tensor> = (0..9)
                .map(|place| {
                    let window = block.narrow(3, place / 3, inner_h).narrow(4, place % 3, inner_w);
                    unit(&window.flatten(2, -1).flatten(0, 1))
                })
                .collect();
            let bank = Tensor::cat(&windows, 0).tr(); // [D, 9 · rows · VIEWS]
            let (mut best, mut at) = (Vec::new(), Vec::new());
            for start in (0..n).step_by(QUERIES as usize) {
                let some = centre.narrow(0, start, QUERIES.min(n - start));
                let over_places =
                    some.matmul(&bank).reshape([-1, 9, rows, VIEWS as i64]).amax([1_i64], false);
                let (value, view) = over_places.max_dim(2, false);
                best.push(value);
                at.push(view.to_kind(Kind::Uint8));
            }
            values.push(Tensor::cat(&best, 0));
            views.push(Tensor::cat(&at, 0));
        }
        let flat = |parts: &[Tensor]| Tensor::cat(parts, 1).contiguous().reshape([-1]);
        Likeness {
            columns: total as usize,
            values: Vec::try_from(flat(&values)).expect("a dense tensor"),
            views: Vec::try_from(flat(&views)).expect("a dense tensor"),
        }
    }

    /// Likeness of one query to all references.
    pub(super) fn row(&self, query: usize) -> &[f32] {
        &self.values[query * self.columns..(query + 1) * self.columns]
    }

    /// Query and reference with the reference's best view.
    pub(super) fn pair(&self, query: usize, row: usize) -> Pair {
        Pair { query, row, view: usize::from(self.views[query * self.columns + row]) }
    }
}

/// Who the references are.
#[derive(Debug)]
pub(super) struct Patients {
    /// Patient of each reference; `None`: held out, so nobody's nearest training image.
    pub of: Vec<Option<usize>>,
    /// Number of training patients.
    pub count: usize,
    /// Other patients that a distance is compared with.
    pub others: usize,
}

impl Patients {
    /// Training images worth a closer look, not of patient `without`: the likest three, and the likest image of each of
    /// the
    /// likest patients, one more than a distance is compared with.
    pub(super) fn candidates(&self, row: &[f32], without: Option<usize>) -> Vec<usize> {
        let patient = |i: usize| self.of[i].filter(|patient| Some(*patient) != without);
        let allowed = (0..row.len()).filter(|&i| patient(i).is_some());
        let mut images = likest(allowed, IMAGES, |i| row[i]);
        let mut best: Vec<Option<usize>> = vec![None; self.count];
        for i in 0..row.len() {
            let Some(patient) = patient(i) else { continue };
            if best[patient].is_none_or(|so_far| row[i] > row[so_far]) {
                best[patient] = Some(i);
            }
        }
        let of_patients = likest(best.into_iter().flatten(), self.others + 1, |i| row[i]);
        images.extend(of_patients.into_iter().filter(|i| !images.contains(i)).collect::<Vec<_>>());
        images
    }
}

/// The `count` of `items` with the greatest values, greatest first; of equal ones the first.
pub(super) fn likest(
    items: impl Iterator<Item = usize>,
    count: usize,
    value: impl Fn(usize) -> f32,
) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::with_capacity(count + 1);
    for item in items {
        let at = found.iter().position(|&other| value(item) > value(other)).unwrap_or(found.len());
        if at < count {
            found.insert(at, item);
            found.truncate(count);
        }
    }
    found
}

/// Rows less their mean, of length 1; rows that never vary become 0.
fn unit(x: &Tensor) -> Tensor {
    let x = x - x.mean_dim(&[1_i64][..], true, Kind::Float);
    let length = x.square().sum_dim_intlist(&[1_i64][..], true, Kind::Float).sqrt();
    x / length.clamp_min(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likest_images_and_one_of_each_of_the_likest_patients_are_looked_at() {
        let patients = Patients {
            of: vec![Some(0), Some(0), Some(0), Some(0), Some(1), Some(2), Some(2), Some(3), None],
            count: 4,
            others: 2,
        };
        let row = [0.9, 0.8, 0.95, 0.85, 0.5, 0.3, 0.4, 0.1, 0.99];
        assert_eq!(patients.candidates(&row, None), [2, 0, 3, 4, 6]);
        assert_eq!(patients.candidates(&row, Some(0)), [4, 6, 5, 7]);
        assert_eq!(likest([3, 1, 2].into_iter(), 2, |_| 1.0), [3, 1]);
        let views = |view| -> Vec<usize> {
            Pair { query: 0, row: 0, view }.and_upright().map(|pair| pair.view).collect()
        };
        assert_eq!((views(3), views(6)), (vec![3], vec![6, 2]));
    }
}
