//! Fidelity, copying and likeness: `golden/metrics.py`.

use super::pseudo::{double, tensor};
use super::{assert_close, golden, numbers, values};
use tch::{Device, Kind, Tensor};
use vesalius_torch::metrics::copying::{DataCopying, authenticity, project};
use vesalius_torch::metrics::extrapolate::fd_infinity;
use vesalius_torch::metrics::features::FeatureSet;
use vesalius_torch::metrics::inception_score::inception_score;
use vesalius_torch::metrics::kernel::{Subset, kernel_distance};
use vesalius_torch::metrics::manifold::manifold;
use vesalius_torch::metrics::similarity::{psnr, ssim};
use vesalius_torch::nets::lpips::{Backbone, Lpips};

/// Real, synthetic and held-out features.
fn clouds() -> [Tensor; 3] {
    let mixing = double("metrics.mixing", &[80, 80]) / 4.0;
    let real = double("metrics.real", &[420, 80]).matmul(&mixing);
    let fresh = double("metrics.synthetic", &[500, 80]).matmul(&mixing) * 0.9 + 0.02;
    let copies = real.narrow(0, 0, 100) + double("metrics.noise", &[100, 80]) * 0.02;
    let held_out = double("metrics.held_out", &[300, 80]).matmul(&mixing);
    [real, Tensor::cat(&[fresh, copies], 0), held_out]
}

fn sets() -> [FeatureSet; 3] {
    let [real, synthetic, held_out] = clouds();
    [("real", real), ("synthetic", synthetic), ("held-out", held_out)]
        .map(|(side, x)| FeatureSet::new(side, &x).unwrap())
}

#[test]
fn kernel_distance_and_inception_score_are_torch_fidelitys() {
    let golden = golden("metrics");
    let [real, synthetic, _] = sets();
    let found = kernel_distance(&real, &synthetic, Subset::Fixed(200)).unwrap();
    assert_close("kid", &[found.mean, found.deviation], &numbers(&golden["kid"]), 1e-12, 1e-9);
    let found = inception_score(&(double("metrics.logits", &[233, 12]) * 3.0)).unwrap();
    let expected = numbers(&golden["inception_score"]);
    assert_close("inception score", &[found.mean, found.deviation], &expected, 0.0, 1e-9);
}

#[test]
fn precision_recall_density_and_coverage_are_clovaais() {
    let golden = golden("metrics");
    let [real, synthetic, _] = sets();
    for (name, values) in manifold(&real, &synthetic, 5).unwrap().scores() {
        let found = values.mean(Kind::Double).double_value(&[]);
        assert_close(name, &[found], &numbers(&golden["prdc"][name]), 0.0, 1e-12);
    }
}

#[test]
fn fd_infinity_is_dgm_evals() {
    let [real, synthetic, _] = sets();
    let found = fd_infinity(&real, &synthetic).unwrap();
    assert_close("fd_infinity", &[found], &numbers(&golden("metrics")["fd_infinity"]), 0.0, 1e-5);
}

#[test]
fn auth_pct_and_c_t_are_dgm_evals() {
    let golden = golden("metrics");
    let [real, synthetic, held_out] = sets();
    let authentic = authenticity(&real, &synthetic).unwrap().authentic();
    let found = 100.0 * authentic.mean(Kind::Double).double_value(&[]);
    assert_close("auth_pct", &[found], &numbers(&golden["auth_pct"]), 0.0, 1e-6);
    let [t, q, p] = [&real, &synthetic, &held_out].map(FeatureSet::matrix);
    let found = DataCopying::of_cells(t, p, q, &t.narrow(0, 0, 3)).unwrap().value();
    assert_close("c_t", &[found], &numbers(&golden["c_t_cells"]), 0.0, 1e-9);
    // After principal components, as one cell.
    let [t, p, q] = project([&real, &held_out, &synthetic]);
    let norms = q.narrow(0, 0, 20).square().sum_dim_intlist(1, false, Kind::Double).sqrt();
    assert_close("norms", &values(&norms), &numbers(&golden["projected_norms"]), 0.0, 1e-6);
    let found = DataCopying::of_cells(&t, &p, &q, &t.narrow(0, 0, 1)).unwrap().value();
    assert_close("z", &[found], &numbers(&golden["z_projected"]), 0.0, 1e-9);
}

#[test]
fn ssim_and_psnr_are_scikit_images() {
    let golden = golden("metrics");
    let shape = [2, 3, 40, 48];
    let bytes = |x: &Tensor| ((x + 1.0) * 127.5).round();
    let a = bytes(&double("likeness.a", &shape));
    // Truncated to whole grey values, as NumPy's conversion does.
    let b = (&a * 0.8 + (double("likeness.b", &shape) + 1.0) * 20.0).clamp(0.0, 255.0).floor();
    let found = ssim(&a, &b, [0.0, 255.0]).unwrap();
    assert_close("ssim", &values(&found), &numbers(&golden["ssim"]), 0.0, 1e-6);
    // The same images in the range of the networks.
    let of_networks = |x: &Tensor| x / 127.5 - 1.0;
    let found = ssim(&of_networks(&a), &of_networks(&b), [-1.0, 1.0]).unwrap();
    assert_close("ssim", &values(&found), &numbers(&golden["ssim"]), 0.0, 1e-6);
    let found = psnr(&a, &b, 255.0).unwrap();
    assert_close("psnr", &values(&found), &numbers(&golden["psnr"]), 0.0, 1e-6);
}

#[test]
fn lpips_is_its_authors() {
    let golden = golden("metrics");
    for (net, backbone) in [("alex", Backbone::Alexnet), ("vgg", Backbone::Vgg16)] {
        let (network, tensors) = Lpips::zeros(backbone, Device::Cpu);
        for (name, mut target) in tensors {
            let shape = target.size();
            let key = format!("lpips.{net}.{name}");
            let value = if name.starts_with("lin") {
                tensor(&key, &shape, 1.0).abs()
            } else if name.ends_with("weight") {
                let fan_in: i64 = shape[1..].iter().product();
                tensor(&key, &shape, (6.0 / fan_in as f64).sqrt())
            } else {
                tensor(&key, &shape, 0.1)
            };
            target.copy_(&value);
        }
        let image = |name: &str| tensor(name, &[2, 3, 64, 72], 1.0);
        let found = network.distance(&image("lpips.a"), &image("lpips.b")).unwrap();
        assert_close(net, &values(&found), &numbers(&golden["lpips"][net]), 0.0, 1e-5);
    }
}
