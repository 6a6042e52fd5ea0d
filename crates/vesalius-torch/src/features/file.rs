//! Feature files: a matrix `[N, D]` that Vesalius or anybody else computed, as `.npy` or `.safetensors`.

use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::io::BufReader;
use std::path::Path;
use tch::Tensor;
use vesalius_data::files::read as files;
use vesalius_data::formats::numpy::{self, Array, Floats};

/// Whether a path names a feature file rather than a pack.
pub fn is_feature_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npy" || extension == "safetensors")
}

/// Reads `[N, D]` in the file's own precision. A safetensors file holds one matrix, or one named `features`.
///
/// # Errors
/// When the file is missing, damaged, or holds anything but one matrix of floats.
pub fn read(path: &Path) -> Result<Tensor> {
    if !path.exists() {
        bail!("{}: no such file; expected a pack, .npy or .safetensors", path.display());
    }
    files::check(path).with_context(|| {
        format!("{}: cannot be read; expected a pack, .npy or .safetensors", path.display())
    })?;
    let tensor = if path.extension().is_some_and(|extension| extension == "npy") {
        read_npy(path)?
    } else {
        let mut tensors = read_safetensors(path)?;
        let at = match tensors.len() {
            1 => 0,
            count => {
                tensors.iter().position(|(name, _)| name == "features").with_context(|| {
                    format!("{}: {count} tensors, expected one named `features`", path.display())
                })?
            }
        };
        tensors.swap_remove(at).1
    };
    if tensor.dim() != 2 || !tensor.is_floating_point() {
        bail!(
            "{}: {:?} of shape {:?}, expected a matrix of floats [samples, dimensions]",
            path.display(),
            tensor.kind(),
            tensor.size()
        );
    }
    Ok(tensor)
}

/// A NumPy array of f32 or f64 in C or Fortran order, either byte order.
fn read_npy(path: &Path) -> Result<Tensor> {
    let file = files::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let bytes = file.metadata()?.len();
    let Array { shape, fortran, values } =
        numpy::npy(BufReader::new(file), bytes).with_context(|| format!("{}", path.display()))?;
    let mut shape: Vec<i64> = shape.iter().map(|&side| side as i64).collect();
    let flat = match values {
        Floats::F32(values) => Tensor::from_slice(&values),
        Floats::F64(values) => Tensor::from_slice(&values),
    };
    if !fortran {
        return Ok(flat.reshape(&shape));
    }
    shape.reverse();
    let axes: Vec<i64> = (0..shape.len() as i64).rev().collect();
    Ok(flat.reshape(&shape).permute(axes).contiguous())
}

/// All tensors of a safetensors file, its header checked first: LibTorch's bindings trust it.
fn read_safetensors(path: &Path) -> Result<Vec<(String, Tensor)>> {
    let refuse = || format!("{}: not a safetensors file", path.display());
    let bytes =
        files::bytes(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    numpy::safetensors(&bytes).with_context(refuse)?;
    drop(bytes);
    Tensor::read_safetensors(path).with_context(refuse)
}

#[derive(serde::Deserialize)]
struct Header {
    #[serde(default, rename = "__metadata__")]
    metadata: HashMap<String, String>,
}

/// The words that the writer of a safetensors file left in it: where weights came from.
///
/// # Errors
/// When the file cannot be read or is not a safetensors file.
pub fn metadata(path: &Path) -> Result<HashMap<String, String>> {
    use std::io::Read as _;
    const LONGEST: u64 = 100 << 20;
    let refuse = || format!("{}: not a safetensors file", path.display());
    let mut file =
        files::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut length = [0; 8];
    file.read_exact(&mut length).with_context(refuse)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        bail!("{}: a header of {length} bytes, expected a safetensors file", path.display());
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header)?;
    let header: Header = serde_json::from_slice(&header).with_context(refuse)?;
    Ok(header.metadata)
}

/// Writes features `[N, D]` as a safetensors file.
///
/// # Errors
/// When it cannot be written.
pub fn write(features: &Tensor, path: &Path) -> Result<()> {
    Ok(Tensor::write_safetensors(&[("features", features)], path)?)
}

/// The tensor `logits` `[N, K]` of a safetensors file, where there is one beside `features`.
///
/// # Errors
/// When the file cannot be read.
pub fn logits(path: &Path) -> Result<Option<Tensor>> {
    if path.extension().is_some_and(|extension| extension == "npy") {
        return Ok(None);
    }
    let tensors = read_safetensors(path)?;
    Ok(tensors.into_iter().find(|(name, _)| name == "logits").map(|(_, tensor)| tensor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> tempfile::TempDir {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.npy"), bytes).unwrap();
        folder
    }

    fn read_back(folder: &tempfile::TempDir) -> Result<Tensor> {
        read(&folder.path().join("x.npy"))
    }

    #[test]
    fn arrays_in_fortran_order_and_of_other_byte_order_are_the_same_matrix() {
        let rows = [[1.0_f64, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let expected = Tensor::from_slice2(&rows);
        let by_rows: Vec<u8> = rows.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
        let by_columns: Vec<u8> = (0..3)
            .flat_map(|column| rows.map(|row| (row[column] as f32).to_be_bytes()).concat())
            .collect();
        assert_eq!(read_back(&npy("<f8", "False", "(2, 3)", &by_rows)).unwrap(), expected);
        let turned = read_back(&npy(">f4", "True", "(2, 3)", &by_columns)).unwrap();
        assert_eq!(turned.to_kind(tch::Kind::Double), expected);
    }

    #[test]
    fn arrays_of_integers_and_headers_that_lie_are_refused() {
        let error = |folder| format!("{:#}", read_back(&folder).unwrap_err());
        assert!(
            error(npy("<i8", "False", "(1, 1)", &[0; 8])).contains("expected float32 or float64")
        );
        assert!(
            error(npy("<f8", "False", "(99999999999, 9)", &[0; 8]))
                .contains("expected a whole array")
        );
        assert!(error(npy("<f4", "False", "(2, 3)", &[0; 8])).contains("x.npy: 8 bytes of values"));
    }

    #[test]
    fn what_was_written_as_safetensors_is_read_back_in_its_own_precision() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let double = Tensor::from_slice2(&[[0.1_f64, -2.0, 3e300], [4.0, 1e-300, 6.0]]);
        let single = Tensor::from_slice2(&[[0.1_f32, -2.0], [3e30, 1e-30]]);
        for features in [double, single] {
            write(&features, &path).unwrap();
            let back = read(&path).unwrap();
            assert_eq!(back.kind(), features.kind());
            assert_eq!(back, features);
            assert_eq!(logits(&path).unwrap(), None);
        }
    }

    #[test]
    fn of_several_tensors_one_has_to_be_named_features() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let (few, many) =
            (Tensor::from_slice2(&[[1.0_f32, 2.0]]), Tensor::from_slice2(&[[3.0_f32, 4.0, 5.0]]));
        Tensor::write_safetensors(&[("real", &few), ("fake", &many)], &path).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("2 tensors, expected one named `features`"), "{error}");
        Tensor::write_safetensors(&[("logits", &many), ("features", &few)], &path).unwrap();
        assert_eq!(read(&path).unwrap(), few);
        assert_eq!(logits(&path).unwrap(), Some(many));
    }
}
