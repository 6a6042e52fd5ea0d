//! Maps: `golden/umap.py`.

use super::pseudo::double;
use super::{assert_close, golden, numbers};
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use vesalius_statistics::umap::curve::Curve;
use vesalius_statistics::umap::neighbours::{Candidates, Neighbours};
use vesalius_statistics::umap::{Points, Settings, epochs, fuzzy, layout, start, umap};
use vesalius_torch::metrics::numerics::bounds::candidates;
use vesalius_torch::metrics::numerics::neighbours::{Between, nearest};
use vesalius_torch::metrics::trustworthiness::trustworthiness;

const K: usize = 15;

/// Six crowds of 50 points on curved sheets in 40 dimensions.
fn crowds() -> Tensor {
    let sheets: Vec<Tensor> = (0..6)
        .map(|i| {
            let hidden = double(&format!("umap.latent.{i}"), &[50, 3])
                .matmul(&double(&format!("umap.first.{i}"), &[3, 24]))
                .clamp_min(0.0);
            hidden.matmul(&double(&format!("umap.second.{i}"), &[24, 40]))
                + double(&format!("umap.centre.{i}"), &[1, 40]) * 1.5
        })
        .collect();
    Tensor::cat(&sheets, 0).to_kind(Kind::Float)
}

fn plain(x: &Tensor) -> Vec<f32> {
    Vec::try_from(x.contiguous().view(-1)).unwrap()
}

fn map(values: &[f32], seed: u64) -> Vec<[f32; 2]> {
    let points = Points::new(values, 40).unwrap();
    let settings = Settings { seed, ..Settings::default() };
    umap(points, &Candidates::everybody(points.len()), settings).unwrap()
}

#[test]
fn scales_and_memberships_are_umap_learns() {
    let golden = golden("umap");
    let values = plain(&crowds());
    let points = Points::new(&values, 40).unwrap();
    let found = Neighbours::among(points, &Candidates::everybody(300), K).unwrap();
    let indices: Vec<f64> = found.indices[..20 * K].iter().copied().map(f64::from).collect();
    assert_eq!(indices, numbers(&golden["indices"]));
    let scales = fuzzy::scales(&found);
    let of = |f: fn(&fuzzy::Scale) -> f32| -> Vec<f64> {
        scales.iter().map(|scale| f64::from(f(scale))).collect()
    };
    assert_close("rho", &of(|s| s.rho), &numbers(&golden["rhos"]), 0.0, 1e-6);
    // Both searches stop once memberships sum to log₂ k within 1e-5.
    assert_close("sigma", &of(|s| s.sigma), &numbers(&golden["sigmas"]), 0.0, 1e-4);
    let graph = fuzzy::graph(&found);
    let starts: Vec<f64> = graph.starts.iter().map(|&start| start as f64).collect();
    assert_eq!(starts, numbers(&golden["starts"]));
    let ends: Vec<f64> = graph.ends.iter().copied().map(f64::from).collect();
    assert_eq!(ends, numbers(&golden["ends"]));
    let weights: Vec<f64> = graph.weights.iter().copied().map(f64::from).collect();
    assert_close("weights", &weights, &numbers(&golden["weights"]), 2e-5, 0.0);
}

#[test]
fn the_curve_is_scipys_fit() {
    for case in golden("umap")["curves"].as_array().unwrap() {
        let min_dist = case["min_dist"].as_f64().unwrap();
        let found = Curve::fit(min_dist, 1.0);
        let expected = numbers(&case["ab"]);
        assert_close(&format!("a, b of {min_dist}"), &[found.a, found.b], &expected, 0.0, 1e-5);
    }
}

#[test]
fn trustworthiness_is_scikit_learns() {
    let golden = golden("umap");
    let x = crowds();
    let found = trustworthiness(&x, &x.narrow(1, 0, 2).contiguous(), K, 1).unwrap();
    let expected = numbers(&golden["trustworthiness_of_two_columns"]);
    assert_close("trustworthiness", &[found.value], &expected, 0.0, 1e-9);
}

#[test]
fn maps_are_as_trustworthy_as_umap_learns() {
    let golden = numbers(&golden("umap")["trustworthiness"]);
    let recorded = golden.iter().sum::<f64>() / golden.len() as f64;
    let x = crowds();
    for seed in 1..=3 {
        let flat: Vec<f32> = map(&plain(&x), seed).into_iter().flatten().collect();
        let plane = Tensor::from_slice(&flat).view([-1, 2]);
        let found = trustworthiness(&x, &plane, K, 1).unwrap().value;
        assert!(found > recorded - 0.01, "seed {seed}: {found}, umap-learn has {recorded}");
    }
}

#[test]
fn a_map_is_the_same_whatever_the_number_of_threads_and_another_with_another_seed() {
    let values = plain(&crowds());
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| map(&values, 1))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(5));
    assert_ne!(one, map(&values, 2));
}

/// Eight crowds of 1,250 points on curved sheets in 2,048 dimensions, shuffled: those of `bench/umap_rounds.py`.
fn large_crowds() -> Tensor {
    tch::manual_seed(0);
    let normal = |shape: [i64; 2]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
    let crowds: Vec<Tensor> = (0..8)
        .map(|_| {
            let hidden = (normal([1250, 6]) * 0.7).matmul(&normal([6, 256]));
            let hidden = (hidden + normal([1, 256]) * 0.5).clamp_min(0.0);
            let sheet = hidden.matmul(&normal([256, 2048])) / 16.0 + normal([1, 2048]) * 0.2;
            sheet.clamp_min(0.0) + normal([1250, 2048]) * 0.05
        })
        .collect();
    let order = Tensor::randperm(10_000, (Kind::Int64, Device::Cpu));
    Tensor::cat(&crowds, 0).index_select(0, &order)
}

fn timed<T>(phase: &str, run: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = run();
    println!("{phase}: {:.2} s", begun.elapsed().as_secs_f64());
    result
}

/// Where the time goes:
/// `cargo test --release -p vesalius-torch --test golden phases_of_a_map -- --ignored --nocapture`.
#[test]
#[ignore = "timing, see bench/README.md"]
fn phases_of_a_map_of_10000() {
    const COUNT: usize = K - 1 + 16;
    let x = large_crowds();
    let values = plain(&x);
    let points = Points::new(&values, 2048).unwrap();
    let of = |indices: Tensor| {
        let indices: Vec<i64> = Vec::try_from(indices.reshape(-1)).unwrap();
        Candidates::new(indices.into_iter().map(|i| i as u32).collect(), COUNT).unwrap()
    };
    let found = timed("candidates", || candidates(&x, K as i64 - 1, COUNT as i64));
    println!("  {} of {} points by f64 products", found.again, points.len());
    let near = of(found.indices);
    let neighbours = timed("exact distances", || Neighbours::among(points, &near, K)).unwrap();
    let graph = timed("graph", || fuzzy::graph(&neighbours));
    let start = timed("start", || start::principal_components(points, 1)).unwrap();
    let curve = timed("curve", || Curve::fit(0.1, 1.0));
    let rounds = epochs(points.len());
    let map = timed("layout", || layout::optimise(&graph, start, curve, rounds, 1));
    let flat: Vec<f32> = map.into_iter().flatten().collect();
    let plane = Tensor::from_slice(&flat).view([-1, 2]);
    let trust = timed("trustworthiness", || trustworthiness(&x, &plane, K, 1)).unwrap();
    println!("  {:.4} of {} points", trust.value, trust.asked);
    let in_f64 = timed("not part of a map: candidates by f64 products", || {
        of(nearest(&x, &x, COUNT as i64, Between::OneSet).indices)
    });
    let again = Neighbours::among(points, &in_f64, K).unwrap();
    assert!(neighbours.indices == again.indices, "f32 products lost neighbours");
}
