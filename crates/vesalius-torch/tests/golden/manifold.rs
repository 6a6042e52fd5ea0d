//! Precision, recall, density and coverage where sets share samples or distances tie: `golden/manifold.py`.

use super::pseudo::double;
use super::{assert_close, golden, numbers};
use tch::{Device, Kind, Tensor};
use vesalius_torch::metrics::features::FeatureSet;
use vesalius_torch::metrics::manifold::manifold;

/// Pairs of sets under the names of the script.
fn pairs() -> Vec<(&'static str, Tensor, Tensor)> {
    let (x, y) = (double("manifold.x", &[240, 12]), double("manifold.y", &[200, 12]));
    let real = x.narrow(0, 0, 160);
    let whole = ((double("manifold.whole", &[300, 4]) + 1.0) * 2.0).floor();
    let near = &real + double("manifold.near", &[160, 12]) * 0.3;
    let cat = |parts: &[Tensor]| Tensor::cat(parts, 0);
    let rows = |x: &Tensor, from: i64, to: i64| x.narrow(0, from, to - from);
    let thousands = &real + 1000.0;
    let far = cat(&[rows(&real, 40, 120), rows(&y, 0, 60)]) + 1000.0;
    let twice = rows(&real, 0, 60);
    let large = &whole * 4096.0 + 7.0;
    let hot = |n: i64, step: i64| {
        let at = Tensor::arange(n, (Kind::Int64, Device::Cpu)) * step;
        at.remainder(8).one_hot(8).to_kind(Kind::Double)
    };
    vec![
        ("random", real.copy(), y.copy()),
        ("identical", real.copy(), real.copy()),
        ("reversed", real.copy(), real.flip([0])),
        ("half shared", real.copy(), cat(&[rows(&real, 0, 80), rows(&y, 0, 80)])),
        ("half shared, far from 0", thousands, far),
        ("few of many", real.copy(), cat(&[rows(&x, 150, 240), rows(&near, 0, 50)])),
        (
            "duplicates",
            cat(&[twice.copy(), twice.copy(), rows(&real, 0, 30)]),
            cat(&[twice, rows(&y, 0, 40), rows(&y, 0, 40)]),
        ),
        ("whole numbers", rows(&whole, 0, 170), rows(&whole, 130, 300)),
        ("whole numbers, large", rows(&large, 0, 170), rows(&large, 100, 300)),
        ("one-hot", hot(90, 1), hot(70, 3)),
    ]
}

#[test]
fn samples_on_a_ball_are_outside_of_it_as_in_clovaais_package() {
    let golden = golden("manifold");
    let pairs = pairs();
    assert_eq!(pairs.len(), golden.as_object().unwrap().len());
    for (name, real, synthetic) in pairs {
        let set = |side, x: &Tensor| FeatureSet::new(side, x).unwrap();
        let found = manifold(&set("real", &real), &set("synthetic", &synthetic), 5).unwrap();
        let means = found.scores().map(|(_, values)| values.mean(Kind::Double).double_value(&[]));
        for whose in ["exact", "package"] {
            assert_close(name, &means, &numbers(&golden[name][whose]), 0.0, 1e-12);
        }
        // Neither does it hang on how the sets are cut into blocks, nor on their unit if that is a power of two.
        let many = |x: &Tensor| (x * 0.125).repeat([8, 1]);
        let single =
            manifold(&set("real", &(real * 0.125)), &set("synthetic", &many(&synthetic)), 5);
        let densities = single.unwrap().density.reshape([8, -1]);
        assert_eq!(densities, found.density.unsqueeze(0).expand([8, -1], false), "{name}");
    }
}
