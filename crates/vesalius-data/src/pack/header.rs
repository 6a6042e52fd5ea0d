//! The first 64 bytes of `slices.bin`.

use crate::pack::manifest::{PixelType, SliceShape};

pub(super) const MAGIC: &[u8; 8] = b"VSALPACK";
/// Version of `slices.bin` of slices.
pub const PACK_VERSION: u32 = 1;
/// Version of `slices.bin` of volumes, which older programs refuse: the word behind the width is the number of planes.
const VOLUMES_VERSION: u32 = 2;
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
        let volumes = match word(8) {
            PACK_VERSION => false,
            VOLUMES_VERSION => true,
            other => {
                return Err(format!(
                    "pack version {other}, expected {PACK_VERSION} or {VOLUMES_VERSION}"
                ));
            }
        };
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
        let planes = if volumes { word(28) as usize } else { 1 };
        if volumes && planes < 2 {
            return Err(format!("volumes of {planes} planes, expected 2 or more"));
        }
        let count =
            usize::try_from(u64::from_le_bytes(header[32..40].try_into().expect("8 bytes")))
                .map_err(|_| "slice count does not fit this machine".to_owned())?;
        Ok(Self {
            slice_shape: SliceShape { channels, planes, height, width, pixel_type: depth },
            count,
        })
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0_u8; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        let volumes = self.slice_shape.is_volume();
        let words = [
            if volumes { VOLUMES_VERSION } else { PACK_VERSION },
            self.slice_shape.pixel_type.bytes() as u32,
            self.slice_shape.channels as u32,
            self.slice_shape.height as u32,
            self.slice_shape.width as u32,
            if volumes { self.slice_shape.planes as u32 } else { 0 },
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
        let labels = (slice_shape.planes as u64)
            .checked_mul(slice_shape.height as u64)?
            .checked_mul(slice_shape.width as u64)?;
        let pixels = labels
            .checked_mul(slice_shape.channels as u64)?
            .checked_mul(slice_shape.pixel_type.bytes() as u64)?;
        let slice = pixels.checked_add(labels)?;
        (self.count as u64).checked_mul(slice.checked_add(4)?)?.checked_add(HEADER_BYTES as u64 + 4)
    }
}
