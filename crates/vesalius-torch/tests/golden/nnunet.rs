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
fn three_steps_of_the_network_are_nnunets() {
    let golden = golden("nnunet");
    let plan = Plan { filters: vec![4, 6, 8, 8], strides: vec![[1, 1], [2, 2], [2, 2], [2, 1]] };
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
                let targets = deep::nearest(&labels, [size[2], size[3]]);
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
