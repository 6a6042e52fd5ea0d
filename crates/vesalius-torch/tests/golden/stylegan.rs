//! StyleGAN (2019) against the authors' code at several levels of detail (golden/stylegan.py).

use super::pseudo::tensor;
use super::style::assert_gradients;
use super::{assert_close, golden, numbers, values};
use tch::{Device, Tensor};
use vesalius_torch::layers::equalised::After;
use vesalius_torch::layers::modulated::Noise;
use vesalius_torch::layers::params::Params;
use vesalius_torch::nets::pyramid::Pyramid;
use vesalius_torch::nets::style::mapping::{Mapping, MappingSpec, mix};
use vesalius_torch::nets::style::stylegan::{Discriminator, Synthesis};
use vesalius_torch::nets::style::stylegan2::WidthSpec;
use vesalius_torch::objective::loss::AdversarialLoss;
use vesalius_torch::objective::regularise::r1_penalty;
use vesalius_torch::precision::Arithmetic;

const SIZE: i64 = 32;
const CHANNELS: i64 = 3;
const BATCH: i64 = 4;
const LATENT: i64 = 16;
const LOSS: AdversarialLoss = AdversarialLoss::NonSaturating { real_target: 1.0 };

/// Weights by name; golden/stylegan.py has the same rule.
fn seed(params: &Params, prefix: &str) {
    let seeded = params
        .all()
        .into_iter()
        .map(|(name, parameter)| {
            if name.ends_with("lod") || name.ends_with("w_avg") {
                return (name, parameter.copy());
            }
            let mut scale = 1.7;
            if name.ends_with("noise_strength") || name.ends_with("bias") {
                scale = 0.2;
            }
            if name.contains(".fc") {
                scale *= 100.0;
            }
            let value = tensor(&format!("{prefix}.{name}"), &parameter.size(), scale);
            (name, value)
        })
        .collect();
    params.load(&seeded).unwrap();
}

#[test]
fn stylegan_and_its_gradients_are_the_authors_at_every_level_of_detail() {
    let golden = golden("stylegan");
    // Their width counts one doubling ahead.
    let width = WidthSpec { channel_base: 128, channel_max: 24 };
    let pyramid = Pyramid::new(SIZE, SIZE).unwrap();
    let mut generator = Params::new(Device::Cpu);
    let synthesis = Synthesis::new(&mut generator, &width, LATENT, CHANNELS, pyramid);
    let spec = MappingSpec { latent: LATENT, style: LATENT, layers: 8 };
    let mapping = Mapping::new(&mut generator, &spec, After::HeLeakyRelu);
    let mut judge = Params::new(Device::Cpu);
    let discriminator = Discriminator::new(&mut judge, &width, CHANNELS, pyramid, 4);
    seed(&generator, "g");
    seed(&judge, "d");
    let check = |name: &str, found: &Tensor| {
        let expected = numbers(&golden[name]);
        let scale = expected.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        assert_close(name, &values(&found.detach()), &expected, 1e-4 * scale, 0.0);
    };
    let z = tensor("z", &[BATCH, LATENT], 1.7);
    let real = tensor("real", &[BATCH, CHANNELS, SIZE, SIZE], 1.0);
    check("mapping", &mapping.forward(&z));
    for lod in [0.0, 1.0, 1.25, 2.6] {
        for buffer in [synthesis.lod(), discriminator.lod()] {
            let _ = buffer.shallow_clone().fill_(lod);
        }
        for (_, mut parameter) in generator.trained().into_iter().chain(judge.trained()) {
            parameter.zero_grad();
        }
        let name = |part: &str| format!("{part}.{lod:?}");
        check(&name("logits"), &discriminator.forward(&real));
        let styles = mix(&mapping.forward(&z), None, synthesis.style_layers());
        let sample = synthesis.forward(&styles, Noise::Constant, Arithmetic::F32);
        let every = sample.slice(2, None, None, 5).slice(3, None, None, 5);
        check(&name("sample"), &every);
        LOSS.of_generator(&discriminator.forward(&sample)).backward();
        assert_gradients(&golden, &name("generator"), &generator);
        for (_, mut parameter) in judge.trained() {
            parameter.zero_grad();
        }
        r1_penalty(|x| discriminator.forward(x), &real).backward();
        assert_gradients(&golden, &name("r1"), &judge);
    }
}
