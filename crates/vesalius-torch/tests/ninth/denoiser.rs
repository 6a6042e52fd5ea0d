//! A ninth family, which is no GAN and not of the crate: one U-Net that takes noise out of pairs, one optimiser, one
//! loss.
//! A pair is made from the latent of (seed, i) by a fixed number of steps.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};
use vesalius_torch::families::{Domain, Generator, Losses, Parts, Request, StepContext, Trainer};
use vesalius_torch::layers::params::Params;
use vesalius_torch::nets::unet::{Unet, UnetSpec};
use vesalius_torch::optim::{Optimiser, OptimiserSpec};
use vesalius_torch::pairs::batch::Pair;
use vesalius_torch::pairs::joint::{Joint, MaskEncoding};
use vesalius_torch::rng::{Purpose, reseed_torch};
use vesalius_torch::spec::family::Family;
use vesalius_torch::spec::{Schedule, check};

/// Every setting.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenoiserSpec {
    pub networks: Networks,
    pub optimiser: Optimisers,
    pub training: Noises,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tag {
    Denoiser,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Networks {
    pub family: Tag,
    /// Steps from noise to a pair.
    pub steps: i64,
    pub unet: UnetSpec,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimisers {
    pub denoiser: OptimiserSpec,
}

/// A field of its own in the table that all families share.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noises {
    /// Real batches per step.
    pub batches: usize,
}

impl Family for DenoiserSpec {
    const NAME: &'static str = "denoiser";
    const SCHEDULE: &'static [&'static str] = &["batches"];

    fn check(&self, _schedule: &Schedule) -> Result<()> {
        check::count("networks.steps", self.networks.steps, 1)?;
        check::count("training.batches", self.training.batches as i64, 1)?;
        check::optimiser("optimiser.denoiser", self.optimiser.denoiser)
    }

    fn generator(&self, domain: Domain) -> Result<Box<dyn Generator>> {
        Ok(Box::new(Denoiser::new(&self.networks, domain)?))
    }

    fn trainer(&self, schedule: &Schedule, domain: Domain) -> Result<Box<dyn Trainer>> {
        let network = || Denoiser::new(&self.networks, domain);
        reseed_torch(schedule.seed, Purpose::Weights, 0);
        let (denoiser, averaged) = (network()?, network()?);
        averaged.params.copy_from(&denoiser.params);
        averaged.params.set_trainable(false);
        let optimiser = Optimiser::new(self.optimiser.denoiser, denoiser.params.trained());
        let sizes = vec![schedule.batch; self.training.batches];
        Ok(Box::new(DenoiserTrainer { denoiser, averaged, optimiser, sizes }))
    }
}

/// Noise `[N, C+M, H, W]` → pairs.
#[derive(Debug)]
struct Denoiser {
    params: Params,
    network: Unet,
    joint: Joint,
    shape: [i64; 3],
    steps: i64,
}

impl Denoiser {
    fn new(spec: &Networks, domain: Domain) -> Result<Self> {
        let joint = domain.joint(MaskEncoding::OneHot);
        let [height, width] = [domain.shape.height, domain.shape.width].map(|n| n as i64);
        let shape = [joint.total(), height, width];
        let mut params = domain.params();
        // One channel more tells how noisy the sample is.
        let network = Unet::new(&mut params, &spec.unet, shape[0] + 1, shape[0], [height, width])?;
        Ok(Self { params, network, joint, shape, steps: spec.steps })
    }

    /// What `noisy` was before a share `t` `[N, 1, 1, 1]` of it became noise.
    fn clean(&self, noisy: &Tensor, t: &Tensor, train: bool) -> Tensor {
        let [n, _, h, w] = <[i64; 4]>::try_from(noisy.size()).expect("a batch of samples");
        self.network.forward(&Tensor::cat(&[noisy, &t.expand([n, 1, h, w], false)], 1), train)
    }
}

impl Generator for Denoiser {
    fn params(&self) -> &Params {
        &self.params
    }

    fn latent(&self) -> i64 {
        self.shape.iter().product()
    }

    fn pairs(&self, request: &Request) -> Pair {
        // One at a time: sums of another batch size may round otherwise.
        let pairs = request.latents.split(1, 0).into_iter().map(|z| {
            let [c, h, w] = self.shape;
            let mut sample = z.reshape([1, c, h, w]);
            for step in (1..=self.steps).rev() {
                let [t, next] = [step, step - 1].map(|at| at as f64 / self.steps as f64);
                let share = Tensor::full([1, 1, 1, 1], t, (Kind::Float, sample.device()));
                let clean = self.clean(&sample, &share, false);
                sample = &clean + (sample - &clean) * (next / t);
            }
            self.joint.decode(&sample)
        });
        let (images, labels): (Vec<Tensor>, Vec<Tensor>) =
            pairs.map(|pair| (pair.image.clamp(-1.0, 1.0), pair.labels)).unzip();
        Pair { image: Tensor::cat(&images, 0), labels: Tensor::cat(&labels, 0) }
    }
}

#[derive(Debug)]
struct DenoiserTrainer {
    denoiser: Denoiser,
    averaged: Denoiser,
    optimiser: Optimiser,
    sizes: Vec<i64>,
}

impl Trainer for DenoiserTrainer {
    fn batches(&self, _step: u64) -> Vec<i64> {
        self.sizes.clone()
    }

    fn step(&mut self, real: &[Pair], at: StepContext) -> Losses {
        let mut last = Tensor::new();
        for pair in real {
            let clean = self.denoiser.joint.encode(pair);
            let t = Tensor::rand([clean.size()[0], 1, 1, 1], (Kind::Float, clean.device()));
            let noisy = clean.lerp_tensor(&clean.randn_like(), &t);
            let loss = (self.denoiser.clean(&noisy, &t, true) - clean).square().mean(Kind::Float);
            self.optimiser.minimise(&loss);
            last = loss.detach();
        }
        self.averaged.params.follow(&self.denoiser.params, at.ema_decay);
        Losses(vec![("denoiser", last)])
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            networks: vec![("denoiser", &self.denoiser.params)],
            optimisers: vec![("denoiser", &self.optimiser)],
            averaged: ("denoiser", &self.averaged),
        }
    }

    fn optimisers_mut(&mut self) -> Vec<(&'static str, &mut Optimiser)> {
        vec![("denoiser", &mut self.optimiser)]
    }

    fn gauges(&self) -> Vec<(&'static str, f64)> {
        vec![("updates", self.optimiser.steps() as f64)]
    }
}
