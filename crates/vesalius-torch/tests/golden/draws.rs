//! Scores that hang on a draw: `golden/draws.py`.

use super::pseudo::double;
use super::{assert_close, golden, numbers};
use serde_json::Value;
use tch::{Device, Kind, Tensor};
use vesalius_torch::metrics::data_copying::c_t;
use vesalius_torch::metrics::extrapolate::fd_infinity;
use vesalius_torch::metrics::features::FeatureSet;

fn cloud(name: &str, n: i64, d: i64) -> Tensor {
    let thirds = double(&format!("draws.{name}"), &[n, 3, d]);
    thirds.sum_dim_intlist(&[1_i64][..], false, Kind::Double)
}

fn mixed(name: &str, n: i64) -> Tensor {
    let mixing = double("draws.mixing", &[20, 90]);
    cloud(name, n, 20).matmul(&mixing) + cloud(&format!("{name} rest"), n, 90) * 0.3
}

fn clusters(name: &str, n: i64) -> Tensor {
    let x = cloud(name, n, 8);
    let at = Tensor::arange(n, (Kind::Int64, Device::Cpu)).remainder(3) * 20.0;
    let _ = x.select(1, 0).g_add_(&at.to_kind(Kind::Double));
    x
}

/// Training, held-out and synthetic features under the names of the script.
fn cases() -> Vec<(&'static str, [Tensor; 3])> {
    let one_cloud =
        [cloud("train", 400, 16), cloud("test", 200, 16), cloud("fake", 300, 16) * 1.1 + 0.1];
    let three = [clusters("c train", 420), clusters("c test", 240), clusters("c fake", 330) * 0.98];
    let train = mixed("mixed train", 400);
    let copies = train.narrow(0, 0, 100) + cloud("noise", 100, 90) * 0.2;
    let fake = Tensor::cat(&[copies, mixed("mixed fake", 150)], 0);
    let wide =
        [cloud("w train", 150, 70), cloud("w test", 90, 70), cloud("w fake", 110, 70) * 0.95];
    vec![
        ("one cloud", one_cloud),
        ("three clouds", three),
        ("some copies", [train, mixed("mixed test", 200), fake]),
        ("wide, few", wide),
    ]
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, (squares / (values.len() - 1) as f64).sqrt())
}

#[test]
fn c_t_is_what_dgm_eval_gives_over_the_seeds_of_its_k_means() {
    let golden = golden("draws");
    for (name, sets) in cases() {
        let of_reference = numbers(&golden["c_t"][name]);
        let (expected, deviation) = mean_and_deviation(&of_reference);
        let sides = ["real", "held-out", "synthetic"];
        let [t, p, q] = [0, 1, 2].map(|i| FeatureSet::new(sides[i], &sets[i]).unwrap());
        for seed in [0, 1] {
            let found = c_t(&t, &p, &q, seed).unwrap();
            let (value, divisions) = (found.value(), found.values());
            // The mean of ours is the mean of theirs, to within what either varies by.
            let of_both = (1.0 / divisions.len() as f64 + 1.0 / of_reference.len() as f64).sqrt();
            let off = (value - expected).abs();
            assert!(
                off <= 3.5 * deviation * of_both + 1e-9,
                "{name}: {value}, expected {expected}"
            );
            // And single divisions vary as much.
            let ratio = found.deviation() / deviation;
            assert!(deviation < 1e-9 || (0.4..2.5).contains(&ratio), "{name}: {ratio}");
            assert_eq!(found.refused(), 0);
        }
    }
}

#[test]
fn each_draw_of_fd_infinity_is_dgm_evals_with_the_same_subsets() {
    let golden: Value = golden("draws");
    let [train, _, fake] = &cases()[0].1;
    let [real, fake] =
        [("real", train), ("synthetic", fake)].map(|(side, x)| FeatureSet::new(side, x).unwrap());
    let found = fd_infinity(&real, &fake, 20).unwrap();
    assert_close("fd_infinity", &found.draws, &numbers(&golden["fd_infinity"]), 0.0, 1e-5);
    let (mean, deviation) = mean_and_deviation(&found.draws);
    assert_close("mean", &[found.value()], &[mean], 0.0, 1e-12);
    assert_close("deviation", &[found.deviation().unwrap()], &[deviation], 0.0, 1e-12);
}
