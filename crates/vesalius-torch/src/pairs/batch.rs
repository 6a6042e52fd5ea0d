//! The only place where pixels at rest become tensors, and back.
//!
//! Shape legend, used everywhere: N batch · C image channels · K classes · H, W pixels · Z latent ·
//! L style layers · S style width · D features, and of volumes planes: `[N, C, D, H, W]`.

use anyhow::{Result, bail};
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{PixelType, SliceShape};

/// Images with their label maps.
#[derive(Debug)]
pub struct Pair {
    /// `[N, C, (D,) H, W]`, f32 in [-1, 1].
    pub image: Tensor,
    /// `[N, (D,) H, W]`, i64 in 0…K-1.
    pub labels: Tensor,
}

impl Pair {
    /// The same pairs: their memory is shared.
    #[must_use]
    pub fn shallow(&self) -> Self {
        Self { image: self.image.shallow_clone(), labels: self.labels.shallow_clone() }
    }

    /// Planes of volumes as slices, one volume behind the other; slices as they are.
    #[must_use]
    pub fn planes(&self) -> Self {
        let [n, c, d, h, w] = self.image.size()[..] else { return self.shallow() };
        Self {
            image: self.image.permute([0, 2, 1, 3, 4]).reshape([n * d, c, h, w]),
            labels: self.labels.reshape([n * d, h, w]),
        }
    }
}

/// Pairs that are read and converted, and not yet tensors.
#[derive(Debug)]
pub struct Values {
    /// Pairs, planes of each, channels, rows, columns.
    shape: [i64; 5],
    pixels: Vec<f32>,
    labels: Vec<i64>,
}

impl Values {
    /// Pairs.
    pub fn count(&self) -> usize {
        self.shape[0] as usize
    }

    /// Values of each channel of each pair.
    pub fn channels(&self) -> impl Iterator<Item = &[f32]> {
        let [.., height, width] = self.shape;
        self.pixels.chunks_exact((height * width) as usize)
    }

    /// As tensors on a device. A GPU copies them while it computes.
    pub fn to(&self, device: Device) -> Pair {
        let [n, d, c, h, w] = self.shape;
        let place = |values: Tensor| match device {
            Device::Cuda(_) => {
                // `pin_memory` says on each call that its argument is deprecated, which `tch` always gives.
                let pinned = values.internal_pin_memory(device);
                pinned.to_device_(device, values.kind(), true, false)
            }
            _ => values.to_device(device),
        };
        let image = place(Tensor::from_slice(&self.pixels).reshape([n, d, c, h, w]));
        let labels = place(Tensor::from_slice(&self.labels).reshape([n, d, h, w]));
        if d == 1 {
            return Pair { image: image.squeeze_dim(1), labels: labels.squeeze_dim(1) };
        }
        Pair { image: image.permute([0, 2, 1, 3, 4]), labels }
    }
}

/// Slices `indices` of a pack, in that order.
///
/// # Errors
/// When a slice was damaged on the disk.
pub fn load(pack: &Pack, indices: &[usize], device: Device) -> Result<Pair> {
    Ok(read(pack, indices)?.to(device))
}

/// The same without a tensor.
///
/// # Errors
/// When a slice was damaged on the disk.
pub fn read(pack: &Pack, indices: &[usize]) -> Result<Values> {
    let SliceShape { channels, planes, height, width, pixel_type: depth } = pack.slice_shape();
    let mut pixels = Vec::with_capacity(indices.len() * planes * channels * height * width);
    let mut labels = Vec::with_capacity(indices.len() * planes * height * width);
    for &i in indices {
        let slice = pack.slice(i)?;
        match depth {
            PixelType::U8 => pixels.extend(slice.pixels.iter().map(|&p| to_unit(p.into(), depth))),
            PixelType::U16 => pixels.extend(
                slice
                    .pixels
                    .chunks_exact(2)
                    .map(|p| to_unit(u16::from_le_bytes([p[0], p[1]]), depth)),
            ),
        }
        labels.extend(slice.labels.iter().map(|&label| i64::from(label)));
    }
    let shape = [indices.len(), planes, channels, height, width].map(|n| n as i64);
    Ok(Values { shape, pixels, labels })
}

/// Label maps `[N, (D,) H, W]` as masks `[N, K, (D,) H, W]` of zeros and ones, f32.
pub fn one_hot(labels: &Tensor, classes: i64) -> Tensor {
    let last = labels.dim() as i64;
    let order: Vec<i64> = [0, last].into_iter().chain(1..last).collect();
    labels.one_hot(classes).permute(&order[..]).to_kind(Kind::Float)
}

/// 0…max to [-1, 1].
fn to_unit(pixel: u16, depth: PixelType) -> f32 {
    f32::from(pixel) * (2.0 / f32::from(depth.max())) - 1.0
}

/// An image batch `[N, C, (D,) H, W]` in [-1, 1] as pack bytes (of volumes, plane by plane), one vector per image: rounded to the nearest
/// integer, clipped at the ends of the range.
///
/// # Errors
/// When a value is NaN.
pub fn to_pixels(image: &Tensor, depth: PixelType) -> Result<Vec<Vec<u8>>> {
    let n = image.size()[0];
    // In a pack, planes are slices.
    let image =
        if image.dim() == 5 { image.permute([0, 2, 1, 3, 4]) } else { image.shallow_clone() };
    if bool::try_from(image.isnan().any())? {
        bail!("generated images hold NaN, expected values in [-1, 1]");
    }
    let scaled = ((image.to_kind(Kind::Float).to_device(Device::Cpu) + 1.0)
        * (f64::from(depth.max()) / 2.0))
        .round()
        .clamp(0.0, f64::from(depth.max()))
        .reshape([n, -1])
        .contiguous();
    match depth {
        PixelType::U8 => bytes(&scaled.to_kind(Kind::Uint8)),
        PixelType::U16 => {
            let scaled = scaled.to_kind(Kind::Int);
            let row = |i| Vec::<i32>::try_from(scaled.get(i));
            let bytes =
                |row: Vec<i32>| row.iter().flat_map(|&v| (v as u16).to_le_bytes()).collect();
            (0..n).map(|i| Ok(bytes(row(i)?))).collect()
        }
    }
}

/// Rows of a matrix of bytes.
fn bytes(rows: &Tensor) -> Result<Vec<Vec<u8>>> {
    (0..rows.size()[0]).map(|i| Ok(Vec::<u8>::try_from(rows.get(i))?)).collect()
}

/// Label maps `[N, H, W]` as pack bytes, one vector per image.
///
/// # Errors
/// When LibTorch cannot copy them.
pub fn to_labels(labels: &Tensor) -> Result<Vec<Vec<u8>>> {
    let rows = labels.to_device(Device::Cpu).to_kind(Kind::Uint8);
    bytes(&rows.reshape([labels.size()[0], -1]).contiguous())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_value_survives_the_round_trip() {
        for depth in [PixelType::U8, PixelType::U16] {
            let all: Vec<f32> = (0..=depth.max()).map(|p| to_unit(p, depth)).collect();
            assert_eq!((all[0], all[all.len() - 1]), (-1.0, 1.0));
            let bytes = to_pixels(&Tensor::from_slice(&all).reshape([1, 1, 1, -1]), depth).unwrap();
            let expected: Vec<u8> = match depth {
                PixelType::U8 => (0..=255).collect(),
                PixelType::U16 => (0..=u16::MAX).flat_map(u16::to_le_bytes).collect(),
            };
            assert_eq!(bytes[0], expected);
        }
    }

    #[test]
    fn nan_is_refused_and_overshoot_is_clipped() {
        assert!(
            to_pixels(&Tensor::from_slice(&[f32::NAN]).reshape([1, 1, 1, 1]), PixelType::U8)
                .is_err()
        );
        let over = Tensor::from_slice(&[-1.5_f32, 1.5]).reshape([1, 1, 1, 2]);
        assert_eq!(to_pixels(&over, PixelType::U8).unwrap()[0], [0, 255]);
    }
}
