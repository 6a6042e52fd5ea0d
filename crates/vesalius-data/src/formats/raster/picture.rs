//! A decoded file before it is an image or a mask.

use anyhow::{Result, bail};

/// What a file is decoded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What a viewer would show: palettes become colours.
    Image,
    /// The stored numbers: palette indices, samples of 1 to 4 bits as they are.
    Mask,
}

/// Samples of one page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    /// Rows and columns.
    pub size: [usize; 2],
    /// 1 or 3.
    pub channels: usize,
    /// `[C, H, W]`, without transparency.
    pub values: Vec<f32>,
    /// How many pixels are not fully opaque.
    pub see_through: usize,
    /// Channels beside colours and transparency.
    pub further: usize,
    /// Least and greatest value of the stored type; `None` for floats and for whole numbers that f32 cannot hold.
    pub full_range: Option<[f32; 2]>,
    /// White of grey samples with less than 8 bits.
    pub white: Option<f32>,
    /// EXIF's and TIFF's orientation tag, 1 where there is none.
    pub orientation: u8,
}

impl Picture {
    /// Of samples `[H, W, C]` or, where `planar`, `[C, H, W]`; the last of 2 or 4 channels is alpha, opaque at
    /// `opaque`.
    ///
    /// # Errors
    /// When there are not as many samples as the size needs, or of another number of channels.
    pub fn of_samples(
        [height, width]: [usize; 2],
        channels: usize,
        planar: bool,
        samples: Vec<f32>,
        opaque: f32,
    ) -> Result<Self> {
        let pixels = height * width;
        if !(1..=4).contains(&channels) {
            bail!("{channels} samples for each pixel, expected 1 to 4");
        }
        if samples.len() < pixels * channels {
            bail!("{} samples, expected {}", samples.len(), pixels * channels);
        }
        let colours = if channels < 3 { 1 } else { 3 };
        let see_through = if channels == colours {
            0
        } else if planar {
            let alpha = &samples[colours * pixels..(colours + 1) * pixels];
            alpha.iter().filter(|alpha| **alpha < opaque).count()
        } else {
            samples.chunks_exact(channels).filter(|pixel| pixel[colours] < opaque).count()
        };
        let values = if planar || channels == 1 {
            let mut values = samples;
            values.truncate(colours * pixels);
            values
        } else {
            let plane =
                |channel: usize| samples.iter().skip(channel).step_by(channels).take(pixels);
            (0..colours).flat_map(plane).copied().collect()
        };
        Ok(Self {
            size: [height, width],
            channels: colours,
            values,
            see_through,
            further: 0,
            full_range: None,
            white: None,
            orientation: 1,
        })
    }

    /// With the range of an unsigned type of so many bits.
    pub fn of_bits(self, bits: u32) -> Self {
        Self { full_range: Some([0.0, ((1_u64 << bits) - 1) as f32]), ..self }
    }
}

/// Samples of `bits` bits, rows padded to whole bytes.
pub(super) fn unpack(packed: &[u8], [height, width]: [usize; 2], bits: usize) -> Result<Vec<f32>> {
    let row_bytes = (width * bits).div_ceil(8);
    if packed.len() < row_bytes * height {
        bail!("{} bytes of pixels, expected {}", packed.len(), row_bytes * height);
    }
    let mask = ((1_u16 << bits) - 1) as u8;
    let sample = |row: &[u8], x: usize| {
        let bit = x * bits;
        row[bit / 8] >> (8 - bits - bit % 8) & mask
    };
    let rows = packed.chunks_exact(row_bytes).take(height);
    Ok(rows.flat_map(|row| (0..width).map(move |x| f32::from(sample(row, x)))).collect())
}

/// Refuses what would ask for more than `max_bytes` once decoded to bytes.
pub(super) fn check_size(
    [height, width]: [usize; 2],
    bytes_each: usize,
    max_bytes: usize,
) -> Result<()> {
    let bytes = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(bytes_each));
    match bytes {
        Some(0) => bail!("a picture of {height}x{width} (rows, columns), expected pixels"),
        Some(bytes) if bytes <= max_bytes => Ok(()),
        _ => bail!(
            "a picture of {height}x{width} (rows, columns), expected at most {} MiB of pixels",
            max_bytes >> 20
        ),
    }
}
