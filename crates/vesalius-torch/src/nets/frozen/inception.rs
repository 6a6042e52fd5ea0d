//! The network of the Fréchet Inception distance: Inception v3 (Szegedy et al. 2015, arXiv:1512.00567) as the weights
//! `inception-2015-12-05` have it. Names of weights are those of pytorch-fid and torchvision.
//!
//! What differs from torchvision's Inception v3: 1,008 classes; average pools leave the padding out of the mean; the
//! pool of `Mixed_7c` is a max-pool.

use crate::layers::conv::channels_last;
use crate::layers::params::Params;
use anyhow::{Context, Result};
use std::cell::OnceCell;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Batch normalisation of the original TensorFlow graph.
const BN_EPS: f64 = 1e-3;
/// Classes of the original graph.
const CLASSES: i64 = 1008;

/// Convolution, batch normalisation, ReLU.
#[derive(Debug)]
struct Basic {
    weight: Tensor,
    bn: [Tensor; 4],
    /// Weight and bias with the normalisation folded in, made at the first use: by then the weights are loaded.
    folded: OnceCell<[Tensor; 2]>,
    stride: i64,
    padding: [i64; 2],
}

/// Builds layers below a prefix.
struct Build<'a> {
    params: &'a mut Params,
    prefix: String,
}

impl Build<'_> {
    fn basic(
        &mut self,
        name: &str,
        channels: [i64; 2],
        kernel: [i64; 2],
        stride: i64,
        padding: [i64; 2],
    ) -> Basic {
        let options = (Kind::Float, Device::Cpu);
        let name = format!("{}{name}", self.prefix);
        let [inputs, outputs] = channels;
        let zeros = Tensor::zeros([outputs, inputs, kernel[0], kernel[1]], options);
        let weight = self.params.buffer(format!("{name}.conv.weight"), &zeros);
        let bn = ["weight", "bias", "running_mean", "running_var"].map(|part| {
            self.params.buffer(format!("{name}.bn.{part}"), &Tensor::zeros([outputs], options))
        });
        Basic { weight, bn, folded: OnceCell::new(), stride, padding }
    }

    fn one(&mut self, name: &str, channels: [i64; 2]) -> Basic {
        self.basic(name, channels, [1, 1], 1, [0, 0])
    }

    fn three(&mut self, name: &str, channels: [i64; 2]) -> Basic {
        self.basic(name, channels, [3, 3], 1, [1, 1])
    }

    fn row(&mut self, name: &str, channels: [i64; 2], length: i64) -> Basic {
        self.basic(name, channels, [1, length], 1, [0, length / 2])
    }

    fn column(&mut self, name: &str, channels: [i64; 2], length: i64) -> Basic {
        self.basic(name, channels, [length, 1], 1, [length / 2, 0])
    }

    fn halving(&mut self, name: &str, channels: [i64; 2]) -> Basic {
        self.basic(name, channels, [3, 3], 2, [0, 0])
    }
}

impl Basic {
    fn forward(&self, x: &Tensor) -> Tensor {
        let [weight, bias] = self.folded.get_or_init(|| self.fold());
        x.conv2d(weight, Some(bias), [self.stride; 2], self.padding, [1, 1], 1).relu_()
    }

    /// The normalisation is an affine map of each channel: one pass over memory less for each layer. In f64, so that
    /// the
    /// products are rounded once.
    fn fold(&self) -> [Tensor; 2] {
        let [gain, shift, mean, var] = self.bn.each_ref().map(|x| x.to_kind(Kind::Double));
        let scale = gain / (var + BN_EPS).sqrt();
        let weight = self.weight.to_kind(Kind::Double) * scale.reshape([-1, 1, 1, 1]);
        let bias = shift - mean * scale;
        let weight = weight.to_kind(Kind::Float);
        [channels_last(&weight, weight.device()), bias.to_kind(Kind::Float)]
    }
}

/// A path through a block, ending in one convolution or in two whose outputs are concatenated.
#[derive(Debug)]
struct Branch {
    pool: Pool,
    chain: Vec<Basic>,
    fork: Vec<Basic>,
}

#[derive(Debug, Clone, Copy)]
enum Pool {
    None,
    /// 3x3, stride 1, padding left out of the mean.
    Average,
    /// 3x3, stride 1.
    Max,
    /// 3x3, stride 2.
    MaxHalving,
}

impl Branch {
    fn chain(chain: Vec<Basic>) -> Self {
        Self { pool: Pool::None, chain, fork: vec![] }
    }

    fn pooled(pool: Pool, chain: Vec<Basic>) -> Self {
        Self { pool, chain, fork: vec![] }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let x = match self.pool {
            Pool::None => x.shallow_clone(),
            Pool::Average => x.avg_pool2d([3, 3], [1, 1], [1, 1], false, false, None::<i64>),
            Pool::Max => x.max_pool2d([3, 3], [1, 1], [1, 1], [1, 1], false),
            Pool::MaxHalving => max_halving(x),
        };
        let x = self.chain.iter().fold(x, |x, layer| layer.forward(&x));
        if self.fork.is_empty() {
            return x;
        }
        let ends: Vec<Tensor> = self.fork.iter().map(|layer| layer.forward(&x)).collect();
        Tensor::cat(&ends, 1)
    }
}

fn max_halving(x: &Tensor) -> Tensor {
    x.max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], false)
}

type Block = Vec<Branch>;

/// Mixed_5b…5d: 35 x 35.
fn block_a(b: &mut Build, inputs: i64, pool: i64) -> Block {
    vec![
        Branch::chain(vec![b.one("branch1x1", [inputs, 64])]),
        Branch::chain(vec![
            b.one("branch5x5_1", [inputs, 48]),
            b.basic("branch5x5_2", [48, 64], [5, 5], 1, [2, 2]),
        ]),
        Branch::chain(vec![
            b.one("branch3x3dbl_1", [inputs, 64]),
            b.three("branch3x3dbl_2", [64, 96]),
            b.three("branch3x3dbl_3", [96, 96]),
        ]),
        Branch::pooled(Pool::Average, vec![b.one("branch_pool", [inputs, pool])]),
    ]
}

/// Mixed_6a: to 17 x 17.
fn block_b(b: &mut Build, inputs: i64) -> Block {
    vec![
        Branch::chain(vec![b.halving("branch3x3", [inputs, 384])]),
        Branch::chain(vec![
            b.one("branch3x3dbl_1", [inputs, 64]),
            b.three("branch3x3dbl_2", [64, 96]),
            b.halving("branch3x3dbl_3", [96, 96]),
        ]),
        Branch::pooled(Pool::MaxHalving, vec![]),
    ]
}

/// Mixed_6b…6e, `c` channels inside.
fn block_c(b: &mut Build, c: i64) -> Block {
    vec![
        Branch::chain(vec![b.one("branch1x1", [768, 192])]),
        Branch::chain(vec![
            b.one("branch7x7_1", [768, c]),
            b.row("branch7x7_2", [c, c], 7),
            b.column("branch7x7_3", [c, 192], 7),
        ]),
        Branch::chain(vec![
            b.one("branch7x7dbl_1", [768, c]),
            b.column("branch7x7dbl_2", [c, c], 7),
            b.row("branch7x7dbl_3", [c, c], 7),
            b.column("branch7x7dbl_4", [c, c], 7),
            b.row("branch7x7dbl_5", [c, 192], 7),
        ]),
        Branch::pooled(Pool::Average, vec![b.one("branch_pool", [768, 192])]),
    ]
}

/// Mixed_7a: to 8 x 8.
fn block_d(b: &mut Build) -> Block {
    vec![
        Branch::chain(vec![b.one("branch3x3_1", [768, 192]), b.halving("branch3x3_2", [192, 320])]),
        Branch::chain(vec![
            b.one("branch7x7x3_1", [768, 192]),
            b.row("branch7x7x3_2", [192, 192], 7),
            b.column("branch7x7x3_3", [192, 192], 7),
            b.halving("branch7x7x3_4", [192, 192]),
        ]),
        Branch::pooled(Pool::MaxHalving, vec![]),
    ]
}

/// Mixed_7b and 7c.
fn block_e(b: &mut Build, inputs: i64, pool: Pool) -> Block {
    vec![
        Branch::chain(vec![b.one("branch1x1", [inputs, 320])]),
        Branch {
            pool: Pool::None,
            chain: vec![b.one("branch3x3_1", [inputs, 384])],
            fork: vec![
                b.row("branch3x3_2a", [384, 384], 3),
                b.column("branch3x3_2b", [384, 384], 3),
            ],
        },
        Branch {
            pool: Pool::None,
            chain: vec![
                b.one("branch3x3dbl_1", [inputs, 448]),
                b.three("branch3x3dbl_2", [448, 384]),
            ],
            fork: vec![
                b.row("branch3x3dbl_3a", [384, 384], 3),
                b.column("branch3x3dbl_3b", [384, 384], 3),
            ],
        },
        Branch::pooled(pool, vec![b.one("branch_pool", [inputs, 192])]),
    ]
}

/// The network.
#[derive(Debug)]
pub struct FidInception {
    stem: [Basic; 5],
    blocks: Vec<Block>,
    /// `[1008, 2048]`.
    classes: Tensor,
}

impl FidInception {
    /// Loads `weights` strictly: every tensor of pytorch-fid's network by name and shape, the unused classifier
    /// included; counters `num_batches_tracked` may be there or not.
    ///
    /// # Errors
    /// When the file is missing or not safetensors, or any tensor is missing, extra or wrongly shaped.
    pub fn load(weights: &Path, device: Device) -> Result<Self> {
        let mut params = Params::new(device);
        let network = Self::new(&mut params);
        if !weights.exists() {
            anyhow::bail!(
                "{}: no such file; expected FID's weights as safetensors",
                weights.display()
            );
        }
        vesalius_data::files::read::check(weights).with_context(|| {
            format!("{}: cannot be read; expected FID's weights as safetensors", weights.display())
        })?;
        let values = Tensor::read_safetensors(weights)
            .with_context(|| format!("{}: not a safetensors file", weights.display()))?
            .into_iter()
            .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
            .collect();
        params.load(&values).with_context(|| format!("{}", weights.display()))?;
        Ok(network)
    }

    /// The layers with zeros for weights, to be loaded.
    pub fn new(params: &mut Params) -> Self {
        let mut b = Build { params, prefix: String::new() };
        let stem = [
            b.halving("Conv2d_1a_3x3", [3, 32]),
            b.basic("Conv2d_2a_3x3", [32, 32], [3, 3], 1, [0, 0]),
            b.three("Conv2d_2b_3x3", [32, 64]),
            b.one("Conv2d_3b_1x1", [64, 80]),
            b.basic("Conv2d_4a_3x3", [80, 192], [3, 3], 1, [0, 0]),
        ];
        let mut blocks = Vec::new();
        let mut add = |name: &str, build: &dyn Fn(&mut Build) -> Block| {
            let mut inside = Build { params: b.params, prefix: format!("{name}.") };
            blocks.push(build(&mut inside));
        };
        add("Mixed_5b", &|b| block_a(b, 192, 32));
        add("Mixed_5c", &|b| block_a(b, 256, 64));
        add("Mixed_5d", &|b| block_a(b, 288, 64));
        add("Mixed_6a", &|b| block_b(b, 288));
        for (name, c) in
            [("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)]
        {
            add(name, &|b| block_c(b, c));
        }
        add("Mixed_7a", &block_d);
        add("Mixed_7b", &|b| block_e(b, 1280, Pool::Average));
        add("Mixed_7c", &|b| block_e(b, 2048, Pool::Max));
        let options = (Kind::Float, Device::Cpu);
        let classes =
            params.buffer("fc.weight".to_owned(), &Tensor::zeros([CLASSES, 2048], options));
        let _ = params.buffer("fc.bias".to_owned(), &Tensor::zeros([CLASSES], options));
        Self { stem, blocks, classes }
    }

    /// `[N, 3, 299, 299]` in [-1, 1] → `[N, 2048]`.
    pub fn forward(&self, image: &Tensor) -> Tensor {
        let [a, b, c, d, e] = &self.stem;
        let image = &channels_last(image, image.device());
        let x = max_halving(&c.forward(&b.forward(&a.forward(image)))); // [N, 64, 73, 73]
        let x = max_halving(&e.forward(&d.forward(&x))); // [N, 192, 35, 35]
        let x = self.blocks.iter().fold(x, |x, block| {
            let parts: Vec<Tensor> = block.iter().map(|branch| branch.forward(&x)).collect();
            Tensor::cat(&parts, 1)
        }); // [N, 2048, 8, 8]
        x.mean_dim(&[2_i64, 3][..], false, Kind::Float)
    }

    /// Logits without the bias, which the Inception Score leaves out: `[N, 2048]` → `[N, 1008]`.
    pub fn logits(&self, features: &Tensor) -> Tensor {
        features.matmul(&self.classes.tr())
    }
}
