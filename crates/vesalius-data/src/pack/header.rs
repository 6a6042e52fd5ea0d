//! The first 64 bytes of `slices.bin`.

use crate::pack::manifest::{PixelType, SliceShape};

pub(super) const MAGIC: &[u8; 8] = b"VSALPACK";
/// Version of `slices.bin`.
pub const PACK_VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 64;

/// Header of `slices.bin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Shape of every slice.
    pub slice_shape: SliceShape,
    /// Number of slices.
    pub count: usize,
}

impl Header {
    /// Reads the first 64 bytes; never allocates from what they say.
    ///
    /// # Errors
    /// What was found and what was expected, as text.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let Some(header) = bytes.get(..HEADER_BYTES) else {
            return Err(format!("{} bytes, expected a {HEADER_BYTES}-byte header", bytes.len()));
        };
        if &header[..8] != MAGIC {
            return Err("does not start with VSALPACK: not a pack".to_owned());
        }
        let word = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if word(8) != PACK_VERSION {
            return Err(format!("pack version {}, expected {PACK_VERSION}", word(8)));
        }
        if word(60) != crc32fast::hash(&header[..60]) {
            return Err("header checksum does not match: the file was damaged".to_owned());
        }
        let depth = match word(12) {
            1 => PixelType::U8,
            2 => PixelType::U16,
            other => return Err(format!("{other} bytes per pixel, expected 1 or 2")),
        };
        let [channels, height, width] = [word(16), word(20), word(24)].map(|n| n as usize);
        if channels == 0 || height == 0 || width == 0 {
            return Err(format!("slices of {channels}x{height}x{width}, expected no zero"));
        }
        let count =
            usize::try_from(u64::from_le_bytes(header[32..40].try_into().expect("8 bytes")))
                .map_err(|_| "slice count does not fit this machine".to_owned())?;
        Ok(Self { slice_shape: SliceShape { channels, height, width, pixel_type: depth }, count })
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0_u8; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        let words = [
            PACK_VERSION,
            self.slice_shape.pixel_type.bytes() as u32,
            self.slice_shape.channels as u32,
            self.slice_shape.height as u32,
            self.slice_shape.width as u32,
        ];
        for (i, word) in words.iter().enumerate() {
            bytes[8 + 4 * i..12 + 4 * i].copy_from_slice(&word.to_le_bytes());
        }
        bytes[32..40].copy_from_slice(&(self.count as u64).to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Length of a whole file with this header; `None` where it would overflow.
    pub fn file_bytes(&self) -> Option<u64> {
        let slice_shape = self.slice_shape;
        let pixels = (slice_shape.channels as u64)
            .checked_mul(slice_shape.height as u64)?
            .checked_mul(slice_shape.width as u64)?
            .checked_mul(slice_shape.pixel_type.bytes() as u64)?;
        let slice = pixels
            .checked_add((slice_shape.height as u64).checked_mul(slice_shape.width as u64)?)?;
        (self.count as u64).checked_mul(slice.checked_add(4)?)?.checked_add(HEADER_BYTES as u64 + 4)
    }
}
