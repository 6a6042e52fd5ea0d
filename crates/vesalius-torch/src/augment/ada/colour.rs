//! Colour transformations of ADA: one 4x4 matrix per sample over (red, green, blue, 1).

use tch::Tensor;

/// Unit vector along grey.
const LUMA: f64 = 0.577_350_269_189_625_8; // 1/√3

/// Homogeneous colour transformation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColourMatrix([[f64; 4]; 4]);

impl ColourMatrix {
    /// Nothing changes.
    pub fn identity() -> Self {
        Self::linear(|i, j| f64::from(i == j))
    }

    /// Whether nothing changes.
    pub fn is_identity(&self) -> bool {
        *self == Self::identity()
    }

    /// From the 3x3 part.
    fn linear(value: impl Fn(usize, usize) -> f64) -> Self {
        let mut matrix = [[0.0; 4]; 4];
        for (i, row) in matrix.iter_mut().enumerate() {
            for (j, entry) in row.iter_mut().enumerate() {
                *entry = match (i, j) {
                    (3, 3) => 1.0,
                    (3, _) | (_, 3) => 0.0,
                    _ => value(i, j),
                };
            }
        }
        Self(matrix)
    }

    /// Adds `shift` to every channel.
    pub fn brightness(shift: f64) -> Self {
        let mut matrix = Self::identity();
        for row in matrix.0.iter_mut().take(3) {
            row[3] = shift;
        }
        matrix
    }

    /// Scales every channel about 0, the middle of the range.
    pub fn contrast(factor: f64) -> Self {
        Self::linear(|i, j| if i == j { factor } else { 0.0 })
    }

    /// Mirrors brightness, keeps colour: a Householder reflection along grey.
    pub fn luma_flip() -> Self {
        Self::linear(|i, j| f64::from(i == j) - 2.0 * LUMA * LUMA)
    }

    /// Rotates about grey by `angle`, in radians.
    pub fn hue(angle: f64) -> Self {
        let (s, c) = angle.sin_cos();
        let along = LUMA * LUMA * (1.0 - c);
        Self::linear(|i, j| {
            along
                + match (3 + j - i) % 3 {
                    0 => c,
                    1 => -LUMA * s,
                    _ => LUMA * s,
                }
        })
    }

    /// Scales the distance from grey by `factor`.
    pub fn saturation(factor: f64) -> Self {
        let grey = LUMA * LUMA;
        Self::linear(|i, j| grey + (f64::from(i == j) - grey) * factor)
    }

    /// This one first, then `next`: `next · self`.
    #[must_use]
    pub fn after(&self, next: &Self) -> Self {
        let mut product = [[0.0; 4]; 4];
        for (row, out) in next.0.iter().zip(&mut product) {
            for (k, value) in out.iter_mut().enumerate() {
                *value = (0..4).map(|j| row[j] * self.0[j][k]).sum();
            }
        }
        Self(product)
    }
}

/// Recolours `[N, 1 or 3, H, W]`, sample i by `matrices[i]`. A grey image is a colour image with three equal channels,
/// whose mean is kept.
pub fn apply(image: &Tensor, matrices: &[ColourMatrix]) -> Tensor {
    let (n, channels, h, w) = image.size4().expect("a batch of images");
    let mut factors = Vec::new();
    let mut shifts = Vec::new();
    for ColourMatrix(m) in matrices {
        if channels == 1 {
            factors.push(
                (m[..3].iter().map(|row| row[..3].iter().sum::<f64>()).sum::<f64>() / 3.0) as f32,
            );
            shifts.push((m[..3].iter().map(|row| row[3]).sum::<f64>() / 3.0) as f32);
        } else {
            factors.extend(m[..3].iter().flat_map(|row| row[..3].iter().map(|&v| v as f32)));
            shifts.extend(m[..3].iter().map(|row| row[3] as f32));
        }
    }
    let device = image.device();
    let factors = Tensor::from_slice(&factors).reshape([n, channels, channels]).to_device(device);
    let shifts = Tensor::from_slice(&shifts).reshape([n, channels, 1]).to_device(device);
    let flat = image.reshape([n, channels, h * w]);
    (factors.matmul(&flat) + shifts).reshape([n, channels, h, w])
}
