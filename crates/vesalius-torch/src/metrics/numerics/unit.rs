//! Features in a unit that f32 has room for: what maps are made of.

use crate::metrics::features::blocks;
use tch::{Kind, Tensor};

/// Spreads that stay as they are. UMAP looks for the width of a neighbourhood within 64 halvings or doublings of 1, and
/// squares
/// distances in f32; far beyond these it finds no width and says nothing.
const USUAL: [f64; 2] = [1e-6, 1e6];
/// How many times its spread a set may lie from 0: f32 then still has four digits for what differs.
const FARTHEST: f64 = 1e3;

/// `features` `[N, D]` as f32: as they are, or, where their spread is far from 1 or they lie far from 0, without their
/// mean and
/// divided by a power of two, which changes neither who is near whom nor a map's shape.
pub fn in_f32(features: &Tensor) -> Tensor {
    tch::no_grad(|| {
        let count = features.size()[0] as f64;
        // Divided first: a sum of numbers as large as f32's largest is still a number of f64.
        let mean = blocks(features)
            .map(|block| (block / count).sum_dim_intlist(&[0_i64][..], true, Kind::Double))
            .reduce(|a, b| a + b)
            .expect("at least one block");
        let largest = |x: &Tensor| x.abs().max().double_value(&[]);
        let spread = blocks(features).map(|block| largest(&(block - &mean))).fold(0.0, f64::max);
        let usual = (USUAL[0]..=USUAL[1]).contains(&spread) && largest(&mean) <= FARTHEST * spread;
        if usual || spread == 0.0 {
            return features.to_kind(Kind::Float);
        }
        let unit = spread.log2().floor().exp2();
        let parts: Vec<Tensor> =
            blocks(features).map(|block| ((block - &mean) / unit).to_kind(Kind::Float)).collect();
        Tensor::cat(&parts, 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;
    use vesalius_statistics::umap::neighbours::Candidates;
    use vesalius_statistics::umap::{Points, Settings, umap};

    #[test]
    fn usual_features_stay_as_they_are() {
        tch::manual_seed(12);
        let x = Tensor::randn([50, 3], (Kind::Float, Device::Cpu));
        for x in [&x * 1.0, &x * 1e4, &x * 1e-3, &x + 100.0] {
            assert_eq!(in_f32(&x), x);
            assert_eq!(in_f32(&x.to_kind(Kind::Double)), x);
        }
    }

    #[test]
    fn a_map_does_not_hang_on_the_unit_of_its_features() {
        tch::manual_seed(13);
        let at = Tensor::arange(60, (Kind::Int64, Device::Cpu)).remainder(3) * 4;
        let x = Tensor::randn([60, 5], (Kind::Double, Device::Cpu)) + at.unsqueeze(1);
        let map = |x: &Tensor| {
            let values = Vec::<f32>::try_from(in_f32(x).view(-1)).unwrap();
            let points = Points::new(&values, 5).unwrap();
            umap(points, &Candidates::everybody(60), Settings::default()).unwrap()
        };
        let large = 2.0_f64.powi(40);
        let expected = map(&(&x * large));
        assert!(expected.iter().flatten().all(|place| place.is_finite()));
        for scale in [2.0_f64.powi(124), 2.0_f64.powi(-60), 2.0_f64.powi(-120)] {
            assert_eq!(map(&(&x * scale)), expected, "{scale}");
        }
        // Far from 0, where f32 holds nothing of what differs.
        let far = in_f32(&(&x + 1e9));
        let distance = |x: &Tensor| (x.get(0) - x.get(1)).norm().double_value(&[]);
        let unit = distance(&x) / distance(&far);
        assert!((unit.log2() - unit.log2().round()).abs() < 1e-5, "{unit}");
    }
}
