//! Raw voxels of volume formats: element types, byte orders, and sizes that are never believed.

use anyhow::{Result, bail};

/// Type of one stored element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Element {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Element {
    /// Bytes of one element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Numbers of `bytes`, which hold whole elements. 64-bit values are rounded to the nearest f32.
    pub fn decode(self, bytes: &[u8], big_endian: bool) -> Vec<f32> {
        macro_rules! decode {
            ($t:ty, $n:literal) => {
                bytes
                    .chunks_exact($n)
                    .map(|chunk| {
                        let chunk: [u8; $n] = chunk.try_into().expect("exact chunks");
                        let value = if big_endian {
                            <$t>::from_be_bytes(chunk)
                        } else {
                            <$t>::from_le_bytes(chunk)
                        };
                        value as f32
                    })
                    .collect()
            };
        }
        match self {
            Self::I8 => decode!(i8, 1),
            Self::U8 => decode!(u8, 1),
            Self::I16 => decode!(i16, 2),
            Self::U16 => decode!(u16, 2),
            Self::I32 => decode!(i32, 4),
            Self::U32 => decode!(u32, 4),
            Self::I64 => decode!(i64, 8),
            Self::U64 => decode!(u64, 8),
            Self::F32 => decode!(f32, 4),
            Self::F64 => decode!(f64, 8),
        }
    }
}

/// Bytes of a volume of `shape`, if a machine could hold it at all.
///
/// # Errors
/// When an extent is 0 or the product overflows.
pub fn volume_bytes(shape: &[usize], element: Element) -> Result<usize> {
    if shape.contains(&0) {
        bail!("size {shape:?}, expected no zero");
    }
    shape
        .iter()
        .try_fold(element.bytes(), |product, &n| product.checked_mul(n))
        .filter(|&bytes| isize::try_from(bytes).is_ok())
        .ok_or_else(|| anyhow::anyhow!("size {shape:?} asks for more memory than any machine has"))
}

/// Unpacks gzip or zlib data up to `limit` bytes; memory grows with what is really there, not with what a header
/// promises.
///
/// # Errors
/// When the stream is damaged or ends early.
pub fn inflate(stream: impl std::io::Read, limit: usize) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    stream
        .take(limit as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| anyhow::anyhow!("damaged or truncated compressed data ({error})"))?;
    Ok(bytes)
}

/// Reads a compressed stream to its end, where its checksum is.
///
/// # Errors
/// When the checksum is another than that of the data, or the stream ends early.
pub fn drain(mut stream: impl std::io::Read) -> Result<()> {
    std::io::copy(&mut stream, &mut std::io::sink()).map(|_| ()).map_err(|error| {
        anyhow::anyhow!("damaged compressed data ({error}); expected what `gzip -t` accepts")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_and_signs_decode() {
        assert_eq!(Element::I16.decode(&[0xff, 0xfe, 0x00, 0x01], true), [-2.0, 1.0]);
        assert_eq!(Element::I16.decode(&[0xfe, 0xff, 0x01, 0x00], false), [-2.0, 1.0]);
        assert_eq!(Element::U16.decode(&[0xff, 0xff], false), [65535.0]);
        assert_eq!(Element::I8.decode(&[0x80], false), [-128.0]);
        assert_eq!(Element::F64.decode(&1.5_f64.to_be_bytes(), true), [1.5]);
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        assert!(volume_bytes(&[usize::MAX, 2], Element::U8).is_err());
        assert!(volume_bytes(&[1 << 40, 1 << 30], Element::F64).is_err());
        assert!(volume_bytes(&[3, 0], Element::U8).is_err());
        assert_eq!(volume_bytes(&[2, 3], Element::I16).unwrap(), 12);
    }
}
