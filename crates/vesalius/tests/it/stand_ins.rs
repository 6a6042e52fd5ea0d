//! Stand-ins for photographs and for published weights: the right files and tensors, with values of no training.

use super::Bench;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};
use vesalius_torch::Device;
use vesalius_torch::layers::params::Params;
use vesalius_torch::nets::frozen::inception::FidInception;

/// A folder of colour pictures as BMP files; `value` is given picture, row, column and channel, and counts modulo 256.
pub fn pictures(
    bench: &Bench,
    folder: &str,
    count: usize,
    [height, width]: [usize; 2],
    value: impl Fn(usize, [usize; 3]) -> usize,
) {
    assert!(width.is_multiple_of(4), "rows without padding");
    std::fs::create_dir(bench.path(folder)).unwrap();
    for i in 0..count {
        let mut bytes = b"BM".to_vec();
        for word in [54 + 3 * height * width, 0, 54, 40, width, height] {
            bytes.extend((word as u32).to_le_bytes());
        }
        // One plane of 24 bits a pixel, not compressed.
        bytes.extend([1, 0, 24, 0]);
        bytes.extend([0; 24]);
        for y in (0..height).rev() {
            for x in 0..width {
                bytes.extend([2, 1, 0].map(|channel| value(i, [y, x, channel]) as u8));
            }
        }
        std::fs::write(bench.path(folder).join(format!("{i:03}.bmp")), bytes).unwrap();
    }
}

/// The tensors of a network, f32.
pub struct StandIn {
    shapes: Vec<(String, Vec<i64>)>,
    data: Vec<u8>,
}

impl StandIn {
    /// FID's network.
    pub fn inception() -> Self {
        let mut params = Params::new(Device::Cpu);
        let _ = FidInception::new(&mut params);
        Self::new(params.all().into_iter().map(|(name, x)| (name, x.size())).collect())
    }

    /// Kernels that keep the size of what passes through; gains and variances are 1.
    pub fn new(shapes: Vec<(String, Vec<i64>)>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut data = Vec::new();
        for (name, shape) in &shapes {
            let fan_in: i64 = shape[1..].iter().product();
            let bound = if shape.len() == 4 { (6.0 / fan_in as f32).sqrt() } else { 0.1 };
            let one = name.ends_with("bn.weight") || name.ends_with("running_var");
            for _ in 0..shape.iter().product::<i64>() {
                let value = if one { 1.0 } else { rng.random_range(-bound..bound) };
                data.extend(value.to_le_bytes());
            }
        }
        Self { shapes, data }
    }

    /// As a safetensors file; `source`: the SHA-256 of the file that it says it was made from.
    pub fn safetensors(&self, source: Option<&str>) -> Vec<u8> {
        let mut header = Map::new();
        if let Some(source) = source {
            header.insert("__metadata__".to_owned(), json!({ "source_sha256": source }));
        }
        let mut at = 0;
        for (name, shape) in &self.shapes {
            let end = at + 4 * shape.iter().product::<i64>();
            let tensor = json!({ "dtype": "F32", "shape": shape, "data_offsets": [at, end] });
            header.insert(name.clone(), tensor);
            at = end;
        }
        let header = Value::Object(header).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(&self.data);
        bytes
    }
}
