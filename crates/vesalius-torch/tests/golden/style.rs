//! StyleGAN2 against the authors' code: networks, and the gradients of the four training phases (golden/stylegan2.py); of
//! volumes against the same written out for any number of axes (golden/stylegan2_volumes.py).

use super::pseudo::tensor;
use super::{assert_close, golden, numbers, values};
use serde_json::Value;
use tch::{Device, Kind, Tensor};
use vesalius_torch::layers::equalised::After;
use vesalius_torch::layers::modulated::Noise;
use vesalius_torch::layers::params::Params;
use vesalius_torch::nets::pyramid::Pyramid;
use vesalius_torch::nets::style::mapping::{Mapping, MappingSpec, mix};
use vesalius_torch::nets::style::stylegan2::{Discriminator, Synthesis, WidthSpec};
use vesalius_torch::objective::loss::AdversarialLoss;
use vesalius_torch::objective::regularise::{PathLength, r1_penalty};
use vesalius_torch::precision::Arithmetic;

const SIZE: i64 = 32;
const CHANNELS: i64 = 3;
const BATCH: i64 = 4;
const LATENT: i64 = 16;
/// What the phases' losses are multiplied with (`gain` there).
const GAIN: f64 = 3.0;
const LOSS: AdversarialLoss = AdversarialLoss::NonSaturating { real_target: 1.0 };

struct Networks {
    generator_params: Params,
    mapping: Mapping,
    synthesis: Synthesis,
    discriminator_params: Params,
    discriminator: Discriminator,
}

fn networks(pyramid: &Pyramid) -> Networks {
    let width = WidthSpec { channel_base: 256, channel_max: 24 };
    let mapping = MappingSpec { latent: LATENT, style: 16, layers: 8 };
    let mut generator_params = Params::new(Device::Cpu);
    let synthesis =
        Synthesis::new(&mut generator_params, &width, mapping.style, CHANNELS, *pyramid);
    let mapping = Mapping::new(&mut generator_params, &mapping, After::LeakyRelu);
    let mut discriminator_params = Params::new(Device::Cpu);
    let discriminator =
        Discriminator::new(&mut discriminator_params, &width, CHANNELS, *pyramid, 4);
    seed(&generator_params, "g");
    seed(&discriminator_params, "d");
    Networks { generator_params, mapping, synthesis, discriminator_params, discriminator }
}

/// Weights by name; golden/stylegan2.py has the same rule.
pub fn seed(params: &Params, prefix: &str) {
    let seeded = params
        .all()
        .into_iter()
        .map(|(name, parameter)| {
            if name.ends_with("resample_filter") {
                return (name, parameter.copy());
            }
            let (mut scale, mut offset) = (1.7, 0.0);
            if name.ends_with("noise_strength") {
                scale = 0.3;
            } else if name.ends_with("bias") {
                scale = 0.1;
                offset = if name.ends_with("affine.bias") { 1.0 } else { 0.0 };
            } else if name.ends_with("w_avg") {
                scale = 0.1;
            }
            if name.starts_with("mapping.fc") {
                scale *= 100.0;
            }
            let shape = parameter.size();
            let value = tensor(&format!("{prefix}.{name}"), &shape, scale) + offset;
            (name, value)
        })
        .collect();
    params.load(&seeded).unwrap();
}

pub fn summary(name: &str, value: &Tensor) -> Vec<f64> {
    let value = value.detach().to_kind(Kind::Double);
    let key = tensor(&format!("probe.{name}"), &value.size(), 1.0).to_kind(Kind::Double);
    vec![value.norm().double_value(&[]), (value * key).sum(Kind::Double).double_value(&[])]
}

fn assert_summary(golden: &Value, name: &str, value: &Tensor) {
    let expected = numbers(&golden[name]);
    let norm = expected[0];
    assert_close(name, &summary(name, value), &expected, 1e-4 * norm, 0.0);
}

/// Every gradient of the reference, and no other.
pub fn assert_gradients(golden: &Value, phase: &str, params: &Params) {
    assert_gradients_within(golden, phase, params, 1e-4);
}

/// The same, each within a share of its norm.
pub fn assert_gradients_within(golden: &Value, phase: &str, params: &Params, share: f64) {
    let expected = golden[phase].as_object().unwrap();
    let largest = expected.values().map(|g| numbers(g)[0]).fold(0.0, f64::max);
    let mut compared = 0;
    for (name, parameter) in params.trained() {
        let gradient = parameter.grad();
        let Some(expected) = expected.get(&name) else {
            let nothing = !gradient.defined() || gradient.norm().double_value(&[]) == 0.0;
            assert!(nothing, "{phase} {name}: a gradient that the reference has not");
            continue;
        };
        let expected = numbers(expected);
        assert!(gradient.defined() || expected[0] == 0.0, "{phase} {name}: no gradient");
        if gradient.defined() {
            // What cancels exactly (a bias in front of a normalisation) is rounding in both.
            let cancels = expected[0] < 1e-5 * largest;
            let limit = if cancels { 1e-6 * largest } else { share * expected[0] };
            let what = format!("{phase} {name}");
            assert_close(&what, &summary(&name, &gradient), &expected, limit, 0.0);
        }
        compared += 1;
    }
    assert!(compared > 0 && compared == expected.len(), "{phase}: {compared} compared");
}

#[test]
fn stylegan2s_networks_are_the_authors() {
    let golden = golden("stylegan2");
    let pyramid = Pyramid::new(SIZE, SIZE).unwrap();
    let Networks { mapping, synthesis, discriminator, .. } = networks(&pyramid);
    let z = tensor("z", &[BATCH, LATENT], 1.7);
    let check = |name: &str, found: &Tensor| {
        let expected = numbers(&golden[name]);
        let scale = expected.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        assert_close(name, &values(found), &expected, 1e-4 * scale, 0.0);
    };
    let styles = mapping.forward(&z);
    check("mapping", &styles);
    check("truncated", &mapping.truncate(&styles, 0.7));
    let ws = mix(&styles, None, synthesis.style_layers());
    let (x, image) = synthesis.blocks[2].forward(
        &tensor("block.x", &[BATCH, 24, 8, 8], 1.0),
        Some(&tensor("block.image", &[BATCH, CHANNELS, 8, 8], 1.0)),
        &ws.narrow(1, 3, 3),
        Noise::Constant,
        0,
    );
    assert_summary(&golden, "block", &x);
    assert_summary(&golden, "block.image", &image);
    let x = tensor("torgb.x", &[BATCH, 24, 4, 4], 1.0);
    check("to_sample", &synthesis.blocks[0].to_sample.forward(&x, &styles));
    let sample = synthesis.forward(&ws, Noise::Constant, Arithmetic::F32);
    let every = |t: &Tensor| t.slice(2, None, None, 5).slice(3, None, None, 5);
    check("sample", &every(&sample));
    let expected = numbers(&golden["sample.summary"]);
    assert_close("sample", &summary("sample", &sample), &expected, 1e-4 * expected[0], 0.0);
    let x = tensor("down.x", &[BATCH, 16, 16, 16], 1.0);
    assert_summary(&golden, "down_block", &discriminator.blocks[1].forward(&x));
    let x = tensor("epilogue.x", &[BATCH, 24, 4, 4], 1.0);
    check("epilogue", &discriminator.epilogue.forward(&x));
    let real = tensor("real", &[BATCH, CHANNELS, SIZE, SIZE], 1.0);
    check("logits", &discriminator.forward(&real));
}

/// Gradients of the four phases.
fn assert_phases(golden: &Value, networks: &Networks, real: &Tensor) {
    let Networks { generator_params, mapping, synthesis, discriminator_params, discriminator } =
        networks;
    let z = tensor("z", &[BATCH, LATENT], 1.7);
    let run = |z: &Tensor| {
        let styles = mapping.forward(z);
        let ws = mix(&styles, None, synthesis.style_layers());
        (synthesis.forward(&ws, Noise::Constant, Arithmetic::F32), ws)
    };
    let forget = |params: &Params| {
        for (_, mut parameter) in params.trained() {
            parameter.zero_grad();
        }
    };

    (LOSS.of_generator(&discriminator.forward(&run(&z).0)) * GAIN).backward();
    assert_gradients(golden, "Gmain", generator_params);

    forget(generator_params);
    forget(discriminator_params);
    let (sample, ws) = run(&z.narrow(0, 0, BATCH / 2));
    let mut path_length = PathLength::new(Device::Cpu);
    let noise = tensor("path.noise", &sample.size(), 1.7);
    (path_length.penalty(&sample, &ws, &noise) * (2.0 * GAIN)).backward();
    assert_gradients(golden, "Greg", generator_params);
    let mean = numbers(&golden["path_length.mean"]);
    assert_close("path length", &values(&path_length.mean()), &mean, 0.0, 1e-5);

    let fake = run(&z).0.detach();
    let loss =
        LOSS.on_fake(&discriminator.forward(&fake)) + LOSS.on_real(&discriminator.forward(real));
    (loss * GAIN).backward();
    assert_gradients(golden, "Dmain", discriminator_params);

    forget(discriminator_params);
    (r1_penalty(|x| discriminator.forward(x), real) * (0.7 / 2.0 * GAIN)).backward();
    assert_gradients(golden, "Dreg", discriminator_params);
}

#[test]
fn gradients_of_stylegan2s_four_phases_are_the_authors() {
    let networks = networks(&Pyramid::new(SIZE, SIZE).unwrap());
    let real = tensor("real", &[BATCH, CHANNELS, SIZE, SIZE], 1.0);
    assert_phases(&golden("stylegan2"), &networks, &real);
}

#[test]
fn volumes_have_the_networks_and_gradients_of_the_same_with_a_third_axis() {
    let golden = golden("stylegan2-volumes");
    let size = [8, SIZE, SIZE];
    let networks = networks(&Pyramid::of_volume(size, [10.0, 2.0, 2.0]).unwrap());
    let real = tensor("real", &[&[BATCH, CHANNELS], &size[..]].concat(), 1.0);
    let styles = networks.mapping.forward(&tensor("z", &[BATCH, LATENT], 1.7));
    let ws = mix(&styles, None, networks.synthesis.style_layers());
    let sample = networks.synthesis.forward(&ws, Noise::Constant, Arithmetic::F32);
    assert_eq!(sample.size(), real.size());
    let expected = numbers(&golden["sample.summary"]);
    assert_close("sample", &summary("sample", &sample), &expected, 1e-4 * expected[0], 0.0);
    let logits = numbers(&golden["logits"]);
    let scale = logits.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    let found = values(&networks.discriminator.forward(&real));
    assert_close("logits", &found, &logits, 1e-4 * scale, 0.0);
    assert_phases(&golden, &networks, &real);
}

#[test]
fn a_mapping_follows_the_mean_of_its_styles() {
    let mut params = Params::new(Device::Cpu);
    let spec = MappingSpec { latent: LATENT, style: 8, layers: 2 };
    let mapping = Mapping::new(&mut params, &spec, After::LeakyRelu);
    let styles = tensor("styles", &[BATCH, 8], 1.0);
    mapping.follow(&styles);
    let expected = styles.mean_dim(&[0_i64][..], true, Kind::Float) * 0.005;
    let found = mapping.truncate(&styles, 0.0);
    assert!((found - expected).abs().max().double_value(&[]) < 1e-7);
}
