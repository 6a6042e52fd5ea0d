//! Feature files in bytes: NumPy arrays of floats, and what the header of a safetensors file promises.
//!
//! Headers are checked against the file's length before anything is allocated or handed to LibTorch.

use anyhow::{Context, Result, bail};
use npyz::{NpyFile, Order};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;

/// Numbers in the file's own precision.
#[derive(Debug, Clone, PartialEq)]
pub enum Floats {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

impl Floats {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A NumPy array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its sides, as many values as their product.
    pub shape: Vec<usize>,
    /// Whether the first index runs fastest.
    pub fortran: bool,
    /// Values in the file's order.
    pub values: Floats,
}

/// A NumPy array of f32 or f64 in C or Fortran order, either byte order; `open` begins the file of `bytes` anew.
///
/// # Errors
/// When it is damaged, cut short, or of another type.
pub fn npy<R: Read>(open: impl Fn() -> Result<R>, bytes: u64) -> Result<Array> {
    const REFUSED: &str = "not a NumPy array";
    check_shape(open()?, bytes).context(REFUSED)?;
    let file = NpyFile::new(open()?).context(REFUSED)?;
    let sides = file.shape().to_vec();
    let fortran = file.order() == Order::Fortran;
    // Each value takes at least one byte.
    let count = sides.iter().try_fold(1_u64, |all, side| all.checked_mul(*side));
    if count.is_none_or(|count| count > bytes) {
        bail!("shape {sides:?} in {bytes} bytes, expected a whole array");
    }
    let shape = sides.iter().map(|&side| usize::try_from(side)).collect::<Result<_, _>>()?;
    let values = match file.try_data::<f32>() {
        Ok(values) => Floats::F32(values.collect::<Result<_, _>>().context(REFUSED)?),
        Err(file) => match file.try_data::<f64>() {
            Ok(values) => Floats::F64(values.collect::<Result<_, _>>().context(REFUSED)?),
            Err(file) => {
                bail!("array of {}, expected float32 or float64", file.dtype().descr())
            }
        },
    };
    Ok(Array { shape, fortran, values })
}

/// The crate multiplies the sides as it reads the header, and panics where that overflows: they are looked at before.
fn check_shape(mut file: impl Read, bytes: u64) -> Result<()> {
    let mut start = [0_u8; 8];
    file.read_exact(&mut start)?;
    let length = if start[6] == 1 {
        let mut length = [0; 2];
        file.read_exact(&mut length)?;
        u64::from(u16::from_le_bytes(length))
    } else {
        let mut length = [0; 4];
        file.read_exact(&mut length)?;
        u64::from(u32::from_le_bytes(length))
    };
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header)?;
    let header = String::from_utf8_lossy(&header);
    // Any number of the header: one that is too large is a side, or nonsense.
    let mut numbers = header.split(|c: char| !c.is_ascii_digit()).filter(|text| !text.is_empty());
    // A 0 may come after an overflow.
    let product =
        numbers.try_fold(1_u128, |all, text| all.checked_mul(text.parse::<u128>().ok()?.max(1)));
    if product.is_none_or(|product| product > u128::from(u64::MAX) / 16) {
        bail!("a shape in {bytes} bytes that no file holds, expected a whole array");
    }
    Ok(())
}

/// One tensor of a safetensors file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TensorEntry {
    /// `F32`, `I64`, …
    pub dtype: String,
    /// Its sides.
    pub shape: Vec<u64>,
    /// First byte and the one after the last, counted from the end of the header.
    pub data_offsets: [u64; 2],
}

/// Longest header that the format allows.
const LONGEST_HEADER: u64 = 100 << 20;

/// The tensors that a safetensors file holds, by name.
///
/// # Errors
/// When the header is no such header, or promises other bytes than the file has.
pub fn safetensors(bytes: &[u8]) -> Result<BTreeMap<String, TensorEntry>> {
    let length = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    let length = length.with_context(|| format!("{} bytes, expected a header", bytes.len()))?;
    let rest = &bytes[8..];
    if length > LONGEST_HEADER || length > rest.len() as u64 {
        bail!("a header of {length} bytes in {}, expected a safetensors file", bytes.len());
    }
    let (header, data) = rest.split_at(length as usize);
    let all: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).context("the header is not JSON")?;
    let mut entries = BTreeMap::new();
    for (name, value) in all.into_iter().filter(|(name, _)| name != "__metadata__") {
        let entry: TensorEntry =
            serde_json::from_value(value).with_context(|| format!("tensor {name}"))?;
        let [start, end] = entry.data_offsets;
        let size = entry
            .shape
            .iter()
            .try_fold(bytes_of(&entry.dtype)?, |size, side| size.checked_mul(*side));
        if start > end || end > data.len() as u64 || size != Some(end - start) {
            bail!(
                "tensor {name} of {} {:?} at bytes {start} to {end} of {}, expected its size within the file",
                entry.dtype,
                entry.shape,
                data.len()
            );
        }
        entries.insert(name, entry);
    }
    Ok(entries)
}

fn bytes_of(dtype: &str) -> Result<u64> {
    Ok(match dtype {
        "BOOL" | "U8" | "I8" => 1,
        "U16" | "I16" | "F16" | "BF16" => 2,
        "U32" | "I32" | "F32" => 4,
        "U64" | "I64" | "F64" => 8,
        other => bail!("tensors of {other}, expected floats or whole numbers of 8 to 64 bits"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; data]);
        bytes
    }

    #[test]
    fn a_header_that_promises_what_the_file_has_is_listed() {
        let header = r#"{"__metadata__":{"a":"b"},"features":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#;
        let entries = safetensors(&file(header, 24)).unwrap();
        assert_eq!(entries["features"].shape, [2, 3]);
        assert_eq!(entries.len(), 1);
        assert!(safetensors(&file("{}", 0)).unwrap().is_empty());
    }

    #[test]
    fn headers_that_lie_about_size_type_or_place_are_refused() {
        let refused = |header: &str, data| {
            let error = safetensors(&file(header, data)).unwrap_err();
            format!("{error:#}")
        };
        let entry = |shape: &str, offsets: &str| {
            format!(r#"{{"x":{{"dtype":"F64","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        for (shape, offsets) in [
            ("[2]", "[0,24]"),
            ("[3]", "[8,32]"),
            ("[3]", "[24,0]"),
            ("[4294967296,4294967296,2]", "[0,0]"),
            ("[18446744073709551615,2]", "[0,16]"),
        ] {
            let error = refused(&entry(shape, offsets), 24);
            assert!(error.contains("expected its size within the file"), "{shape}: {error}");
        }
        let other = entry("[3]", "[0,24]").replace("F64", "F63");
        assert!(refused(&other, 24).contains("tensors of F63"));
        assert!(refused("[]", 0).contains("not JSON"));
        let mut long = file("{}", 0);
        long[7] = 0xFF;
        assert!(safetensors(&long).unwrap_err().to_string().contains("a header of"));
        assert!(safetensors(b"1234567").unwrap_err().to_string().contains("7 bytes"));
    }

    #[test]
    fn arrays_are_read_in_their_own_precision_and_lies_are_refused() {
        let array = |descr: &str, shape: &str, data: &[u8]| {
            let header =
                format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            bytes.extend(data);
            npy(|| Ok(bytes.as_slice()), bytes.len() as u64)
        };
        let found = array("<f4", "(2, 1)", &[0, 0, 128, 63, 0, 0, 0, 192]).unwrap();
        assert_eq!(found.shape, [2, 1]);
        assert_eq!(found.values, Floats::F32(vec![1.0, -2.0]));
        let refused = |descr, shape| format!("{:#}", array(descr, shape, &[0; 8]).unwrap_err());
        assert!(refused("<i8", "(1, 1)").contains("expected float32 or float64"));
        assert!(refused("<f8", "(99999999999, 9)").contains("expected a whole array"));
        assert!(refused("<f8", "(4294967296, 4294967296, 4)").contains("expected a whole array"));
        assert!(refused("<f8", "(4294967296, 4294967296, 0)").contains("expected a whole array"));
        assert!(refused("<f4", "(2, 3)").contains("not a NumPy array"));
    }
}
