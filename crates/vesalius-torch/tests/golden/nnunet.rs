//! nnU-Net's plans, network, loss, schedule and optimiser against its own code (golden/nnunet.py).

use super::pseudo::tensor;
use super::style::assert_gradients;
use super::style::summary;
use super::{assert_close, golden, numbers, values};
use serde_json::Value;
use tch::{Device, Kind, Tensor};
use vesalius_torch::layers::params::Params;
use vesalius_torch::nets::nnunet::{FILTERS, NnUnet, Plan};
use vesalius_torch::optim::{Optimiser, OptimiserSpec};
use vesalius_torch::segment::deep;

/// As in golden/nnunet.py.
const CLIP: [f64; 3] = [12.0, 0.5, 12.0];
const EPOCHS: f64 = 5.0;

fn pairs(value: &Value) -> Vec<[i64; 2]> {
    value.as_array().unwrap().iter().map(pair).collect()
}

fn pair(value: &Value) -> [i64; 2] {
    let [a, b] = numbers(value)[..] else { panic!("{value}: two numbers") };
    [a as i64, b as i64]
}

#[test]
fn plans_are_nnunets() {
    for expected in golden("nnunet")["plans"].as_array().unwrap() {
        let size = pair(&expected["size"]);
        let plan = Plan::of(size, FILTERS);
        assert_eq!(plan.strides, pairs(&expected["strides"]), "{size:?}");
        assert_eq!(plan.divisor(), pair(&expected["divisor"]), "{size:?}");
    }
}

#[test]
fn plans_of_volumes_are_nnunets() {
    for expected in golden("nnunet-volumes")["plans"].as_array().unwrap() {
        let size = numbers(&expected["size"]);
        let spacing = numbers(&expected["spacing"]);
        let size: [i64; 3] = std::array::from_fn(|axis| size[axis] as i64);
        let plan = Plan::of_volume(size, std::array::from_fn(|axis| spacing[axis]), FILTERS);
        let lists = |name: &str| -> Vec<Vec<i64>> {
            let lists = expected[name].as_array().unwrap().iter();
            lists.map(|list| numbers(list).iter().map(|n| *n as i64).collect()).collect()
        };
        assert_eq!(plan.strides, lists("strides"), "{size:?} {spacing:?}");
        assert_eq!(plan.kernels, lists("kernels"), "{size:?} {spacing:?}");
        assert_eq!(
            plan.filters.iter().copied().max(),
            Some(FILTERS << 4.min(plan.filters.len() - 1)).map(|f| f.min(320))
        );
    }
}

#[test]
fn three_steps_on_volumes_are_nnunets() {
    let golden = golden("nnunet-volumes");
    let plan = Plan {
        filters: vec![4, 6, 8],
        strides: [[1, 1, 1], [1, 2, 2], [2, 2, 2]].map(|s| s.to_vec()).to_vec(),
        kernels: [[1, 3, 3], [3, 3, 3], [3, 3, 3]].map(|k| k.to_vec()).to_vec(),
    };
    let mut params = Params::new(Device::Cpu);
    let network = NnUnet::new(&mut params, &plan, 2, 4);
    let seeded = params.all().into_iter().map(|(name, parameter)| {
        let given = tensor(&name, &parameter.size(), 1.0);
        let value = if name.ends_with("norm.weight") {
            given * 0.2 + 1.0
        } else if name.ends_with("bias") {
            given * 0.1
        } else {
            given * 0.2
        };
        (name, value)
    });
    params.load(&seeded.collect()).unwrap();
    let image = tensor("image", &[2, 2, 4, 8, 12], 1.0);
    let features = tch::no_grad(|| network.features(&image));
    assert_close("features", &values(&features), &numbers(&golden["features"]), 1e-5, 1e-4);
    let labels = tensor("labels", &[2, 4, 8, 12], 1.0) * 2.0 + 2.0;
    let labels = labels.to_kind(Kind::Int64).clamp(0, 3);
    let spec = OptimiserSpec::Sgd { learning_rate: 1e-2, momentum: 0.99, weight_decay: 3e-5 };
    let mut optimiser = Optimiser::new(spec, params.trained());
    for step in 0..3 {
        optimiser.zero_grad();
        let scores = network.forward(&image);
        let loss = deep::loss(&scores, &labels);
        loss.backward();
        let expected = numbers(&golden["losses"])[step];
        assert_close("loss", &[loss.double_value(&[])], &[expected], 0.0, 1e-5);
        if step == 0 {
            for (level, scores) in scores.iter().enumerate() {
                let expected = numbers(&golden["scores"][level]);
                assert_close("scores", &values(scores), &expected, 1e-4, 1e-4);
            }
        }
        drop(optimiser.step_clipped(12.0));
    }
}

#[test]
fn three_steps_of_the_network_are_nnunets() {
    let golden = golden("nnunet");
    let plan = Plan {
        filters: vec![4, 6, 8, 8],
        strides: [[1, 1], [2, 2], [2, 2], [2, 1]].map(|s| s.to_vec()).to_vec(),
        kernels: vec![],
    };
    let mut params = Params::new(Device::Cpu);
    let network = NnUnet::new(&mut params, &plan, 2, 4);
    let seeded = params.all().into_iter().map(|(name, parameter)| {
        let given = tensor(&name, &parameter.size(), 1.0);
        let value = if name.ends_with("norm.weight") {
            given * 0.2 + 1.0
        } else if name.ends_with("bias") {
            given * 0.1
        } else {
            given * 0.4
        };
        (name, value)
    });
    params.load(&seeded.collect()).unwrap();
    let image = tensor("image", &[2, 2, 16, 12], 1.0);
    let labels = tensor("labels", &[2, 16, 12], 1.0) * 2.0 + 2.0;
    let labels = labels.to_kind(Kind::Int64).clamp(0, 3);
    assert_close("weights", &deep::weights(3), &numbers(&golden["weights"]), 1e-12, 0.0);

    let sgd =
        |learning_rate| OptimiserSpec::Sgd { learning_rate, momentum: 0.99, weight_decay: 3e-5 };
    let mut optimiser = Optimiser::new(sgd(1e-2), params.trained());
    for (step, clip) in CLIP.into_iter().enumerate() {
        let rate = deep::learning_rate(1e-2, step as f64 / EPOCHS);
        let at = |name: &str| numbers(&golden[name])[step];
        assert_close("rate", &[rate], &[at("rates")], 1e-12, 0.0);
        optimiser.set_spec(sgd(rate));
        optimiser.zero_grad();
        let scores = network.forward(&image);
        let loss = deep::loss(&scores, &labels);
        loss.backward();
        assert_close("loss", &[loss.double_value(&[])], &[at("losses")], 0.0, 1e-5);
        if step == 0 {
            for (level, scores) in scores.iter().enumerate() {
                let size = scores.size();
                let targets = deep::nearest(&labels, &size[2..]);
                let expected = &golden["targets"][level];
                assert_close("targets", &values(&targets), &numbers(expected), 0.0, 0.0);
                let expected = numbers(&golden["scores"][level]);
                let scale = expected.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
                assert_close("scores", &values(&scores.detach()), &expected, 1e-5 * scale, 0.0);
            }
            assert_gradients(&golden, "gradients", &params);
        }
        let norm = optimiser.step_clipped(clip).double_value(&[]);
        assert_close("norm", &[norm], &[at("norms")], 0.0, 1e-4);
    }
    for (name, parameter) in params.trained() {
        let expected = numbers(&golden["trained"][&name]);
        let found: Vec<f64> = summary(&name, &parameter.detach());
        assert_close(&name, &found, &expected, 1e-4 * expected[0], 0.0);
    }
}

/// Where no class is there the denominators are all smoothing.
#[test]
fn an_empty_mask_has_a_finite_loss() {
    let logits = Tensor::zeros([1, 3, 4, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let labels = Tensor::zeros([1, 4, 4], (Kind::Int64, Device::Cpu));
    let loss = deep::loss(&[logits.shallow_clone()], &labels);
    loss.backward();
    assert!(
        loss.double_value(&[]).is_finite() && logits.grad().isfinite().all().int64_value(&[]) == 1
    );
}
