use super::*;
use crate::layers::init::InitKind;
use crate::pairs::joint::{MaskEncoding, Pictures};
use crate::rng::Purpose;
use crate::sample::latents;
use tch::{Device, Kind};

/// A critic of 4 channels at 64x48 with its parameters.
fn critic(activation: Activation, norm: NormKind, spectral_norm: bool) -> (Params, Discriminator) {
    tch::manual_seed(5);
    let mut params = Params::new(Device::Cpu);
    let init = InitSpec { kind: InitKind::Kaiming, gain: 1.0 };
    let spec = DiscriminatorSpec { filters: 4, activation, norm, spectral_norm };
    let joint = Joint::new(Pictures::new(1, false), 3, MaskEncoding::OneHot);
    let pyramid = Pyramid::new(64, 48).unwrap();
    let critic = Discriminator::new(&mut params, &spec, &init, joint, pyramid);
    (params, critic)
}

/// ∇D and the gradients of mean ‖∇D‖ with respect to all weights.
fn both(params: &Params, gradient: &Tensor) -> Vec<Tensor> {
    let length = gradient.square().sum_dim_intlist(&[1_i64, 2, 3][..], false, Kind::Float).sqrt();
    // Not of biases: the head's is in no gradient.
    let weights = params.trained().into_iter().filter(|(name, _)| name.ends_with("weight"));
    let weights: Vec<Tensor> = weights.map(|(_, weight)| weight).collect();
    let mut all = Tensor::run_backward(&[length.mean(Kind::Float)], &weights, false, false);
    all.push(gradient.detach());
    all
}

#[test]
fn the_way_back_through_the_critic_equals_libtorchs_gradient_in_values_and_in_its_own_gradients() {
    for (activation, norm, spectral_norm) in [
        (Activation::LeakyRelu, NormKind::Layer, false),
        (Activation::Elu, NormKind::Instance, false),
        (Activation::Selu, NormKind::Batch, false),
        (Activation::Relu, NormKind::None, false),
        (Activation::Elu, NormKind::Layer, true),
    ] {
        let (params, critic) = critic(activation, norm, spectral_norm);
        let shape = [3, 4, 64, 48];
        let sample = latents(2, Purpose::Latent, 0, 1, shape.iter().product()).reshape(shape);
        // Spectral normalisation goes one iteration on with each pass: it has to be settled.
        for _ in 0..if spectral_norm { 200 } else { 0 } {
            critic.forward(&sample);
        }
        let leaf = sample.detach().set_requires_grad(true);
        let logits = critic.forward(&leaf).logits.sum(Kind::Float);
        let [expected] =
            <[Tensor; 1]>::try_from(Tensor::run_backward(&[logits], &[&leaf], true, true)).unwrap();
        let expected = both(&params, &expected);
        let found = both(&params, &critic.input_gradient(&sample));
        for (found, expected) in found.iter().zip(&expected) {
            let scale = expected.abs().max().double_value(&[]);
            assert!(scale > 0.0, "{activation:?} {norm:?}: a gradient that is zero shows nothing");
            let error = (found - expected).abs().max().double_value(&[]) / scale;
            assert!(error < 2e-5, "{activation:?} {norm:?} {:?}: {error}", expected.size());
        }
    }
}
