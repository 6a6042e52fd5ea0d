//! What a spec must not say: numbers that can only be mistakes, and terms that its family does not have.

use super::{Networks, R1Weight, TrainSpec};
use crate::loss::AdversarialLoss;
use crate::optim::OptimiserSpec;
use anyhow::{Result, bail};

impl TrainSpec {
    /// Refuses values that can only be mistakes.
    ///
    /// # Errors
    /// Names the setting, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        let t = &self.training;
        let r = &self.regularise;
        let mut counts = vec![
            ("training.batch", t.batch, 2),
            ("training.critic_steps", t.critic_steps as i64, 1),
            ("training.distance_images", t.distance_images as i64, 2),
            ("regularise.style.r1_every", r.style.r1_every as i64, 1),
            ("regularise.style.path_length_every", r.style.path_length_every as i64, 1),
        ];
        let mut numbers = vec![
            ("training.kimg", t.kimg, true),
            ("training.checkpoint_every_kimg", t.checkpoint_every_kimg, true),
            ("training.distance_every_kimg", t.distance_every_kimg, false),
            ("training.ema_half_life_kimg", t.ema_half_life_kimg, false),
            ("training.ema_ramp", t.ema_ramp, false),
            ("regularise.gradient_penalty", r.gradient_penalty, false),
            ("regularise.weight_clip", r.weight_clip, false),
            ("regularise.feature_matching", r.feature_matching, false),
            ("regularise.vgg", r.vgg, false),
            ("regularise.kl", r.kl, false),
            ("augment.mask_noise", self.augment.mask_noise, false),
            ("regularise.style.path_length", r.style.path_length, false),
            ("regularise.style.mixing", r.style.mixing, false),
        ];
        if let R1Weight::Value(value) = r.style.r1 {
            numbers.push(("regularise.style.r1", value, false));
        }
        match &self.networks {
            Networks::Dcgan { latent, generator, discriminator, init, .. } => {
                counts.extend([
                    ("networks.latent", *latent, 1),
                    ("networks.generator.filters", generator.filters, 1),
                    ("networks.discriminator.filters", discriminator.filters, 1),
                ]);
                numbers.push(("networks.init.gain", init.gain, true));
            }
            Networks::Stylegan { mapping, generator, discriminator, minibatch_group, .. }
            | Networks::Stylegan2 { mapping, generator, discriminator, minibatch_group, .. } => {
                counts.extend([
                    ("networks.mapping.latent", mapping.latent, 1),
                    ("networks.mapping.style", mapping.style, 1),
                    ("networks.mapping.layers", mapping.layers, 1),
                    ("networks.generator.channel_base", generator.channel_base, 1),
                    ("networks.generator.channel_max", generator.channel_max, 1),
                    ("networks.discriminator.channel_base", discriminator.channel_base, 1),
                    ("networks.discriminator.channel_max", discriminator.channel_max, 1),
                    ("networks.minibatch_group", *minibatch_group, 1),
                ]);
                if t.batch > *minibatch_group && t.batch % minibatch_group != 0 {
                    bail!(
                        "training.batch = {}: expected a multiple of networks.minibatch_group = {minibatch_group}",
                        t.batch
                    );
                }
            }
            Networks::Spade { generator, discriminator } => counts.extend([
                ("networks.generator.filters", generator.filters, 1),
                ("networks.generator.hidden", generator.hidden, 1),
                ("networks.generator.style", generator.style, 0),
                ("networks.discriminator.filters", discriminator.filters, 1),
                ("networks.discriminator.scales", discriminator.scales, 1),
                ("networks.discriminator.layers", discriminator.layers, 2),
            ]),
        }
        if let Networks::Stylegan { growth, .. } = &self.networks {
            if growth.start < 4 || !growth.start.cast_unsigned().is_power_of_two() {
                bail!(
                    "networks.growth.start = {}: expected a power of two from 4 on",
                    growth.start
                );
            }
            numbers.push(("networks.growth.training_kimg", growth.training_kimg, false));
            numbers.push(("networks.growth.transition_kimg", growth.transition_kimg, false));
        }
        for (name, value, minimum) in counts {
            if value < minimum {
                bail!("{name} = {value}: expected at least {minimum}");
            }
        }
        for (name, value, positive) in numbers {
            if !value.is_finite() || value < 0.0 || (positive && value == 0.0) {
                let sign = if positive { "above 0" } else { "0 or above" };
                bail!("{name} = {value}: expected a number {sign}");
            }
        }
        check_optimiser("generator", self.optimiser.generator)?;
        check_optimiser("discriminator", self.optimiser.discriminator)?;
        self.check_family()?;
        if let Some(ada) = &self.augment.ada {
            ada.check()?;
        }
        if r.vgg > 0.0 && r.vgg_weights.is_none() {
            bail!(
                "regularise.vgg = {}: expected regularise.vgg_weights to name torchvision's VGG19 as safetensors \
                 (`vesalius weights fetch vgg19` gets it and says where it lies), or regularise.vgg = 0",
                r.vgg
            );
        }
        if let AdversarialLoss::NonSaturating { real_target }
        | AdversarialLoss::LeastSquares { real_target } = self.loss
            && !(0.5..=1.0).contains(&real_target)
        {
            bail!("loss.real_target = {real_target}: expected 0.5 to 1");
        }
        Ok(())
    }

    /// A term that the family does not have is an error, never ignored.
    fn check_family(&self) -> Result<()> {
        let r = &self.regularise;
        let penalty = ("regularise.gradient_penalty", r.gradient_penalty > 0.0);
        let clip = ("regularise.weight_clip", r.weight_clip > 0.0);
        let matching = ("regularise.feature_matching", r.feature_matching > 0.0);
        let vgg = ("regularise.vgg", r.vgg > 0.0);
        let kl = ("regularise.kl", r.kl > 0.0);
        let boost = ("training.critic_boost", self.training.critic_boost);
        let style = ("regularise.style", !r.style.is_off());
        let ada = ("augment.ada", self.augment.ada.is_some());
        let foreign = match &self.networks {
            Networks::Dcgan { .. } => vec![kl, style, ada],
            Networks::Stylegan { .. } | Networks::Stylegan2 { .. } => {
                vec![penalty, clip, matching, vgg, kl, boost]
            }
            Networks::Spade { generator, .. } => {
                let no_style = ("regularise.kl", r.kl > 0.0 && generator.style == 0);
                let noise = ("augment.mask_noise", self.augment.mask_noise > 0.0);
                let critic = ("training.critic_steps", self.training.critic_steps > 1);
                vec![penalty, clip, style, ada, boost, noise, no_style, critic]
            }
        };
        if let Some((name, _)) = foreign.iter().find(|(_, set)| *set) {
            bail!("{name}: preset {} has no such term, expected it to be off", self.preset);
        }
        Ok(())
    }
}

/// Rates and decays that an optimiser can step with.
fn check_optimiser(network: &str, spec: OptimiserSpec) -> Result<()> {
    let (rate, betas) = match spec {
        OptimiserSpec::Adam { learning_rate, beta1, beta2 } => {
            (learning_rate, vec![("beta1", beta1), ("beta2", beta2)])
        }
        OptimiserSpec::Rmsprop { learning_rate } => (learning_rate, vec![]),
    };
    if !rate.is_finite() || rate <= 0.0 {
        bail!("optimiser.{network}.learning_rate = {rate}: expected a number above 0");
    }
    for (name, beta) in betas {
        if !(0.0..1.0).contains(&beta) {
            bail!("optimiser.{network}.{name} = {beta}: expected 0 or above, and below 1");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_decays_that_no_optimiser_can_step_with_are_refused() {
        let set = |preset: &str, text: &str| TrainSpec::resolve(preset, &[text.to_owned()]);
        for network in ["generator", "discriminator"] {
            for (name, value, part) in [
                ("learning_rate", "-1", "= -1: expected a number above 0"),
                ("learning_rate", "0", "= 0: expected a number above 0"),
                ("learning_rate", "nan", "= NaN: expected a number above 0"),
                ("learning_rate", "inf", "= inf: expected a number above 0"),
                ("beta1", "1", "= 1: expected 0 or above, and below 1"),
                ("beta1", "nan", "= NaN: expected 0 or above, and below 1"),
                ("beta2", "-0.5", "= -0.5: expected 0 or above, and below 1"),
            ] {
                let name = format!("optimiser.{network}.{name}");
                let error = set("dcgan", &format!("{name}={value}")).unwrap_err().to_string();
                assert!(error.contains(&format!("{name} {part}")), "{error}");
            }
            let error = set("wgan", &format!("optimiser.{network}.learning_rate=-1")).unwrap_err();
            assert!(error.to_string().contains("= -1: expected"), "{error}");
            set("dcgan", &format!("optimiser.{network}.beta1=0")).unwrap();
        }
    }
}
