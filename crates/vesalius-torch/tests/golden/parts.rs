//! Losses, augmentation, Fréchet distance, FID's network, segmentation loss.

use super::pseudo::{double, tensor};
use super::{assert_close, golden, numbers, values};
use tch::{Device, Kind, Tensor};
use vesalius_torch::augment::diff as augment;
use vesalius_torch::features::inception::Dialect;
use vesalius_torch::layers::params::Params;
use vesalius_torch::metrics::frechet::{Divisor, frechet_distance};
use vesalius_torch::nets::frozen::inception::FidInception;
use vesalius_torch::nets::frozen::vgg::{Network, Vgg};
use vesalius_torch::objective::loss::AdversarialLoss;
use vesalius_torch::segment;

#[test]
fn adversarial_losses_and_their_gradients_are_pytorchs() {
    let golden = golden("losses");
    let cases = [
        ("non_saturating", AdversarialLoss::NonSaturating { real_target: 1.0 }),
        ("non_saturating_smooth", AdversarialLoss::NonSaturating { real_target: 0.9 }),
        ("least_squares", AdversarialLoss::LeastSquares { real_target: 1.0 }),
        ("wasserstein", AdversarialLoss::Wasserstein {}),
        ("hinge", AdversarialLoss::Hinge {}),
    ];
    for (name, loss) in cases {
        for (i, input) in ["logits.real", "logits.fake", "logits.fake"].into_iter().enumerate() {
            let x = tensor(input, &[16], 3.0).set_requires_grad(true);
            let value = match i {
                0 => loss.on_real(&x),
                1 => loss.on_fake(&x),
                _ => loss.of_generator(&x),
            };
            value.backward();
            let expected = &golden[name][i];
            let what = format!("{name} {i}");
            assert_close(&what, &values(&value.detach()), &numbers(&expected["value"]), 1e-6, 1e-6);
            assert_close(&what, &values(&x.grad()), &numbers(&expected["gradient"]), 1e-7, 1e-5);
        }
    }
}

#[test]
fn diff_augment_is_the_authors() {
    let golden = golden("diffaugment");
    let x = tensor("diffaugment.image", &[2, 3, 8, 12], 1.0);
    let draw = (tensor("diffaugment.uniform", &[2, 1, 1, 1], 1.0) + 1.0) / 2.0;
    let integers = |a: i64, b: i64| Tensor::from_slice(&[a, b]);
    let found = [
        ("rand_brightness", augment::brightness(&x, &(&draw - 0.5))),
        ("rand_saturation", augment::saturation(&x, &(&draw * 2.0))),
        ("rand_contrast", augment::contrast(&x, &(&draw + 0.5))),
        ("rand_translation", augment::translation(&x, &integers(-1, 1), &integers(2, 0))),
        ("rand_cutout", augment::cutout(&x, &integers(0, 7), &integers(5, 12), [4, 6])),
    ];
    for (name, found) in found {
        assert_close(name, &values(&found), &numbers(&golden[name]), 1e-6, 1e-6);
    }
}

#[test]
fn frechet_distance_is_pytorch_fids() {
    let golden = golden("frechet");
    let mixing = double("frechet.mixing", &[24, 24]);
    let real = double("frechet.real", &[200, 24]).matmul(&mixing);
    let fake = double("frechet.fake", &[300, 24]).matmul(&mixing) * 1.3 + 0.2;
    let few = double("frechet.few", &[9, 24]).matmul(&mixing);
    let distance = |a: &Tensor, b: &Tensor| frechet_distance(a, b, Divisor::Unbiased).unwrap();
    let full = numbers(&golden["full_rank"]);
    assert_close("full rank", &[distance(&real, &fake)], &full, 1e-9, 1e-9);
    // scipy's square root of a singular product is only good to about six digits.
    let rank = numbers(&golden["few_real"]);
    assert_close("few real", &[distance(&few, &fake)], &rank, 1e-4, 1e-5);
}

/// Weights of FID's network as `golden/generate.py` seeds them.
pub fn seeded_inception() -> FidInception {
    seeded_inception_with_names().0
}

/// The same, with its tensors by name.
fn seeded_inception_with_names() -> (FidInception, Params) {
    let mut params = Params::new(Device::Cpu);
    let network = FidInception::new(&mut params);
    let seeded = params
        .all()
        .into_iter()
        .map(|(name, parameter)| {
            let shape = parameter.size();
            let key = format!("inception.{name}");
            let value = if name.ends_with("bn.weight") || name.ends_with("running_var") {
                tensor(&key, &shape, 0.2) + 1.0
            } else if shape.len() == 4 {
                let fan_in: i64 = shape[1..].iter().product();
                tensor(&key, &shape, (6.0 / fan_in as f64).sqrt())
            } else {
                tensor(&key, &shape, 0.1)
            };
            (name, value)
        })
        .collect();
    params.load(&seeded).unwrap();
    (network, params)
}

#[test]
fn inception_and_its_three_input_dialects_are_the_packages() {
    let golden = golden("inception");
    let network = seeded_inception();
    let bytes = ((tensor("inception.image", &[2, 3, 48, 40], 1.0) + 1.0) * 127.5).round();
    let image = bytes / 127.5 - 1.0;
    for dialect in Dialect::ALL {
        let expected = &golden[dialect.name()];
        let input = dialect.input(&image).unwrap();
        let patch = input.get(1).get(2).narrow(0, 100, 3).slice(1, 50, 150, 7);
        let what = format!("{} input", dialect.name());
        assert_close(&what, &values(&patch), &numbers(&expected["input"]), 2e-5, 0.0);
        let features = tch::no_grad(|| network.forward(&input));
        let some = features.slice(1, 0, 2048, 64);
        let what = format!("{} features", dialect.name());
        assert_close(&what, &values(&some), &numbers(&expected["features"]), 1e-4, 1e-3);
        let mean = features.mean(Kind::Float);
        assert_close(&what, &values(&mean), &numbers(&expected["mean"]), 1e-5, 1e-4);
    }
}

#[test]
fn inception_from_a_file_is_the_same_and_a_file_that_lacks_a_tensor_is_refused() {
    let (network, params) = seeded_inception_with_names();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inception.safetensors");
    let mut weights = params.all();
    // Counters that files of PyTorch's may have.
    weights.push(("Conv2d_1a_3x3.bn.num_batches_tracked".to_owned(), Tensor::from_slice(&[7_i64])));
    Tensor::write_safetensors(&weights, &path).unwrap();
    let loaded = FidInception::load(&path, Device::Cpu).unwrap();
    let input = tensor("inception.input", &[1, 3, 299, 299], 1.0);
    let features = |network: &FidInception| tch::no_grad(|| network.forward(&input));
    let (found, expected) = (features(&loaded), features(&network));
    assert_close("features", &values(&found), &values(&expected), 1e-6, 1e-6);
    let logits = |network: &FidInception| values(&network.logits(&expected));
    assert_close("logits", &logits(&loaded), &logits(&network), 1e-6, 1e-6);

    let lost = "Mixed_7c.branch_pool.bn.running_var";
    let count = weights.len();
    weights.retain(|(name, _)| name != lost);
    assert_eq!(weights.len(), count - 1);
    Tensor::write_safetensors(&weights, &path).unwrap();
    let error = format!("{:#}", FidInception::load(&path, Device::Cpu).unwrap_err());
    assert!(error.contains(&format!("{lost} is missing")), "{error}");
}

#[test]
fn the_segmentation_loss_is_monais() {
    let golden = golden("segmentation");
    let logits = tensor("segment.logits", &[2, 3, 8, 8], 2.0).set_requires_grad(true);
    let labels = ((tensor("segment.labels", &[2, 8, 8], 1.0) + 1.0) * 1.5)
        .floor()
        .to_kind(Kind::Int64)
        .clamp(0, 2);
    let loss = segment::loss(&logits, &labels);
    loss.backward();
    assert_close("value", &values(&loss.detach()), &numbers(&golden["value"]), 1e-6, 1e-6);
    assert_close("gradient", &values(&logits.grad()), &numbers(&golden["gradient"]), 1e-8, 1e-4);
}

/// Tensors of torchvision's VGG up to relu5_1, as (index, inputs, outputs), in a file.
fn vgg_weights(shapes: &[(i64, i64, i64)]) -> Vec<(String, Tensor)> {
    let mut weights: Vec<(String, Tensor)> = Vec::new();
    for &(index, inputs, outputs) in shapes {
        let name = format!("features.{index}");
        let bound = (6.0 / (inputs * 9) as f64).sqrt();
        let weight = tensor(&format!("vgg.{name}.weight"), &[outputs, inputs, 3, 3], bound);
        weights.push((format!("{name}.weight"), weight));
        let bias = tensor(&format!("vgg.{name}.bias"), &[outputs], 0.06_f64.sqrt());
        weights.push((format!("{name}.bias"), bias));
    }
    weights
}

const VGG_BLOCKS_1_TO_3: [(i64, i64, i64); 7] = [
    (0, 3, 64),
    (2, 64, 64),
    (5, 64, 128),
    (7, 128, 128),
    (10, 128, 256),
    (12, 256, 256),
    (14, 256, 256),
];

#[test]
fn the_perceptual_distance_stands_on_torchvisions_vgg() {
    let vgg19 = [
        (16, 256, 256),
        (19, 256, 512),
        (21, 512, 512),
        (23, 512, 512),
        (25, 512, 512),
        (28, 512, 512),
    ];
    let vgg16 = [(17, 256, 512), (19, 512, 512), (21, 512, 512), (24, 512, 512)];
    for (network, file, rest) in
        [(Network::Vgg19, "vgg", &vgg19[..]), (Network::Vgg16, "vgg16", &vgg16[..])]
    {
        let golden = golden(file);
        let mut weights = vgg_weights(&[&VGG_BLOCKS_1_TO_3[..], rest].concat());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vgg.safetensors");
        Tensor::write_safetensors(&weights, &path).unwrap();
        let vgg = Vgg::load(network, &path, Device::Cpu).unwrap();
        let real = tensor("vgg.real", &[2, 1, 32, 32], 1.0);
        let fake = tensor("vgg.fake", &[3, 1, 32, 32], 1.0).set_requires_grad(true);
        let means: Vec<f64> =
            vgg.taps(&real).iter().map(|tap| tap.mean(Kind::Float).double_value(&[])).collect();
        assert_close("taps", &means, &numbers(&golden["means"]), 1e-5, 1e-4);
        let painted = tensor("vgg.painted", &[2, 1, 32, 32], 1.0);
        let paired = vgg.paired_distance(&real, &painted);
        assert_close("paired", &values(&paired), &numbers(&golden["paired"]), 1e-5, 1e-4);
        let distance = vgg.distance(&real, &fake);
        distance.backward();
        let found = values(&distance.detach());
        assert_close("distance", &found, &numbers(&golden["distance"]), 1e-5, 1e-4);
        let gradient = fake.grad().slice(2, 0, 32, 8).slice(3, 0, 32, 8);
        assert_close("gradient", &values(&gradient), &numbers(&golden["gradient"]), 1e-6, 1e-2);

        let (last, _) = weights.pop().unwrap();
        Tensor::write_safetensors(&weights, &path).unwrap();
        let error = format!("{:#}", Vgg::load(network, &path, Device::Cpu).unwrap_err());
        assert!(error.contains(&format!("{last} is missing")), "{error}");
    }
}
