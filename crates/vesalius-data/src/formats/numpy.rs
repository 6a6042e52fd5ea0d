//! Feature files in bytes: NumPy arrays of floats, and what the header of a safetensors file promises.
//!
//! Headers are checked against the file's length before anything is allocated or handed to LibTorch.

use anyhow::{Context, Result, bail};
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

/// A NumPy array of f32 or f64 in C or Fortran order, either byte order, of a file of `bytes`.
///
/// # Errors
/// When it is damaged, cut short, or of another type.
pub fn npy(mut file: impl Read, bytes: u64) -> Result<Array> {
    let NpyHeader { big, double, fortran, shape } = npy_header(&mut file)?;
    let each = if double { 8 } else { 4 };
    let size = shape.iter().try_fold(each, |size: u64, side| size.checked_mul(*side as u64));
    let Some(size) = size.filter(|size| *size <= bytes) else {
        bail!("shape {shape:?} in {bytes} bytes, expected a whole array");
    };
    // Bytes behind the array are nobody's.
    let mut data = Vec::with_capacity(usize::try_from(size)?);
    file.take(size).read_to_end(&mut data)?;
    if data.len() as u64 != size {
        bail!("{} bytes of values, expected {size} for shape {shape:?}", data.len());
    }
    let values = if double {
        let (values, _) = data.as_chunks::<8>();
        let number =
            |v: &[u8; 8]| if big { f64::from_be_bytes(*v) } else { f64::from_le_bytes(*v) };
        Floats::F64(values.iter().map(number).collect())
    } else {
        let (values, _) = data.as_chunks::<4>();
        let number =
            |v: &[u8; 4]| if big { f32::from_be_bytes(*v) } else { f32::from_le_bytes(*v) };
        Floats::F32(values.iter().map(number).collect())
    };
    Ok(Array { shape, fortran, values })
}

struct NpyHeader {
    big: bool,
    double: bool,
    fortran: bool,
    shape: Vec<usize>,
}

/// Magic, version, length, and a Python dictionary of the three keys that the format has.
fn npy_header(file: &mut impl Read) -> Result<NpyHeader> {
    const REFUSED: &str = "not a NumPy array";
    /// NumPy itself refuses longer ones.
    const LONGEST: u32 = 1 << 16;
    let mut start = [0; 10];
    file.read_exact(&mut start).context(REFUSED)?;
    if !start.starts_with(b"\x93NUMPY") || !(1..=3).contains(&start[6]) {
        bail!("{REFUSED}: expected the file to begin with it, in version 1 to 3");
    }
    let mut length = u32::from(u16::from_le_bytes([start[8], start[9]]));
    if start[6] > 1 {
        let mut more = [0; 2];
        file.read_exact(&mut more).context(REFUSED)?;
        length |= u32::from(u16::from_le_bytes(more)) << 16;
    }
    if length > LONGEST {
        bail!("{REFUSED}: a header of {length} bytes, expected at most {LONGEST}");
    }
    let mut header = Vec::new();
    file.by_ref().take(length.into()).read_to_end(&mut header)?;
    let header = String::from_utf8_lossy(&header);
    let value = |key: &str| {
        let at = header.find(&format!("'{key}'"))? + key.len() + 2;
        Some(header[at..].trim_start().strip_prefix(':')?.trim_start())
    };
    let missing = |key: &str| format!("{REFUSED}: no {key} in its header");
    let descr = value("descr").with_context(|| missing("descr"))?;
    let descr = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
    let Some((descr, _)) = descr else {
        bail!("array of records, expected float32 or float64");
    };
    let (big, double) = match descr {
        "<f4" | "=f4" => (false, false),
        ">f4" => (true, false),
        "<f8" | "=f8" => (false, true),
        ">f8" => (true, true),
        other => bail!("array of {other}, expected float32 or float64"),
    };
    let fortran = value("fortran_order").with_context(|| missing("fortran_order"))?;
    let shape = value("shape").and_then(|text| text.strip_prefix('(')?.split_once(')'));
    let (shape, _) = shape.with_context(|| missing("shape"))?;
    let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
    let shape = sides
        .map(|side| side.trim_end_matches('L').parse())
        .collect::<Result<_, _>>()
        .with_context(|| format!("{REFUSED}: shape ({shape})"))?;
    Ok(NpyHeader { big, double, fortran: fortran.starts_with("True"), shape })
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
            npy(bytes.as_slice(), bytes.len() as u64)
        };
        let found = array("<f4", "(2, 1)", &[0, 0, 128, 63, 0, 0, 0, 192]).unwrap();
        assert_eq!(found.shape, [2, 1]);
        assert_eq!(found.values, Floats::F32(vec![1.0, -2.0]));
        let refused = |descr, shape| format!("{:#}", array(descr, shape, &[0; 8]).unwrap_err());
        assert!(refused("<i8", "(1, 1)").contains("expected float32 or float64"));
        assert!(refused("<f8", "(99999999999, 9)").contains("expected a whole array"));
        assert!(refused("<f8", "(4294967296, 4294967296, 4)").contains("expected a whole array"));
        assert!(refused("<f4", "(2, 3)").contains("8 bytes of values, expected 24"));
        assert!(refused("<f4", "(0x2, 3)").contains("shape (0x2, 3)"));
        assert!(npy(b"\x93NUMPX\x01\x00\x00\x00".as_slice(), 10).is_err());
    }
}
