//! Fidelity, copying and likeness: `golden/metrics.py`.

use super::pseudo::{double, tensor};
use super::{assert_close, golden, numbers, values};
use std::path::PathBuf;
use tch::{Device, Kind, Tensor};
use vesalius_data::files::digest;
use vesalius_torch::features::Extractor as _;
use vesalius_torch::features::lpips::LpipsExtractor;
use vesalius_torch::metrics::copying::authenticity;
use vesalius_torch::metrics::data_copying::{DataCopying, project};
use vesalius_torch::metrics::extrapolate::fd_infinity;
use vesalius_torch::metrics::features::FeatureSet;
use vesalius_torch::metrics::inception_score::inception_score;
use vesalius_torch::metrics::kernel::{Subset, kernel_distance};
use vesalius_torch::metrics::manifold::manifold;
use vesalius_torch::metrics::similarity::{psnr, ssim};
use vesalius_torch::nets::frozen::lpips::{Backbone, Lpips};

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
    let found = fd_infinity(&real, &synthetic, 1).unwrap();
    assert_close(
        "fd_infinity",
        &found.draws,
        &numbers(&golden("metrics")["fd_infinity"]),
        0.0,
        1e-5,
    );
}

#[test]
fn auth_pct_and_c_t_are_dgm_evals() {
    let golden = golden("metrics");
    let [real, synthetic, held_out] = sets();
    let authentic = authenticity(&real, &synthetic).unwrap().authentic();
    let found = 100.0 * authentic.mean(Kind::Double).double_value(&[]);
    assert_close("auth_pct", &[found], &numbers(&golden["auth_pct"]), 0.0, 1e-6);
    let [t, q, p] = [&real, &synthetic, &held_out].map(FeatureSet::matrix);
    let found = DataCopying::of_cells(&t, &p, &q, &t.narrow(0, 0, 3)).unwrap().value();
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

/// LPIPS' networks, as the package calls them.
const NETWORKS: [(&str, Backbone); 2] = [("alex", Backbone::Alexnet), ("vgg", Backbone::Vgg16)];

/// Weights of a network as `golden/lpips_features.py` seeds them, in a file.
fn seeded_lpips(net: &str, backbone: Backbone) -> (tempfile::TempDir, PathBuf) {
    let seeded = |(name, shape): (String, Vec<i64>)| {
        let key = format!("lpips.{net}.{name}");
        let value = if name.starts_with("lin") {
            tensor(&key, &shape, 1.0).abs()
        } else if name.ends_with("weight") {
            let fan_in: i64 = shape[1..].iter().product();
            tensor(&key, &shape, (6.0 / fan_in as f64).sqrt())
        } else {
            tensor(&key, &shape, 0.1)
        };
        (name, value)
    };
    let weights: Vec<(String, Tensor)> = backbone.shapes().into_iter().map(seeded).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    Tensor::write_safetensors(&weights, &path).unwrap();
    (folder, path)
}

#[test]
fn lpips_is_its_authors() {
    let golden = golden("metrics");
    for (net, backbone) in NETWORKS {
        let (_folder, path) = seeded_lpips(net, backbone);
        let network = Lpips::load(backbone, &path, Device::Cpu).unwrap();
        let image = |name: &str| tensor(name, &[2, 3, 64, 72], 1.0);
        let found = network.distance(&image("lpips.a"), &image("lpips.b")).unwrap();
        assert_close(net, &values(&found), &numbers(&golden["lpips"][net]), 0.0, 1e-5);
    }
}

#[test]
fn features_of_alexnet_and_vgg16_are_the_last_layer_of_their_lpips() {
    let golden = golden("lpips_features");
    for (net, backbone) in NETWORKS {
        let (_folder, path) = seeded_lpips(net, backbone);
        let extractor = LpipsExtractor::load(backbone, &path, Device::Cpu).unwrap();
        let digest = digest::of_file(&path).unwrap();
        assert_eq!(extractor.name(), format!("{}@{}", backbone.name(), &digest[..12]));
        let colour = tensor("lpips.a", &[2, 3, 64, 72], 1.0);
        let grey = tensor("lpips.grey", &[1, 1, 48, 40], 1.0);
        for (kind, image) in [("colour", colour), ("grey", grey)] {
            let expected = &golden["features"][backbone.name()][kind];
            let found = extractor.features(&image).unwrap();
            let some = found.slice(1, 0, None::<i64>, 32);
            assert_close(kind, &values(&some), &numbers(&expected["some"]), 2e-5, 1e-4);
            let mean = found.mean_dim(&[1_i64][..], false, Kind::Double);
            assert_close(kind, &values(&mean), &numbers(&expected["mean"]), 0.0, 1e-5);
        }
        let error = extractor.features(&tensor("lpips.small", &[1, 3, 12, 12], 1.0)).unwrap_err();
        assert!(error.to_string().contains("12x12 pixels"), "{error}");
    }
}
