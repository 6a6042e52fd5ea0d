//! `manifolds-peer FEATURES.npy PLANE.npy OPTIMISER SEARCH START NEIGHBOURS RATE SEED THREADS`:
//! a map by manifolds-rs.
//!
//! Prints the seconds of its neighbours and of all that follows them (graph, start, layout). OPTIMISER, SEARCH and
//! START are the crate's words: `sgd`, `adam` (both on one thread), `adam_parallel`; `exhaustive`, `nndescent`, …;
//! `spectral`, `pca` (by its randomised decomposition). NEIGHBOURS counts as the crate does, without the point itself;
//! RATE is the first step, 1 by its defaults.

use anyhow::{Context, Result, bail};
use faer::MatRef;
use manifolds_rs::prelude::run_ann_search;
use manifolds_rs::training::umap_optimisers::UmapOptimParams;
use manifolds_rs::{UmapParams, umap};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [features, plane, optimiser, search, start, neighbours, rate, seed, threads] = words[..]
    else {
        bail!(
            "expected FEATURES.npy PLANE.npy OPTIMISER SEARCH START NEIGHBOURS RATE SEED THREADS"
        );
    };
    let (values, count, width) = read(Path::new(features))?;
    let (k, seed) = (neighbours.parse()?, seed.parse()?);
    rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    let x = MatRef::from_row_major_slice(&values, count, width);
    let defaults = UmapParams::new_default_2d(Some(0.1), Some(1.0));
    let parameters = UmapParams {
        k,
        optimiser: optimiser.to_owned(),
        ann_type: search.to_owned(),
        initialisation: start.to_owned(),
        randomised: true,
        optim_params: UmapOptimParams { lr: rate.parse()?, ..defaults.optim_params },
        ..defaults
    };
    let begun = Instant::now();
    let near = run_ann_search(x, k, search.to_owned(), &parameters.nn_params, seed, 0)?;
    let neighbours = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let found = umap(x, Some(near), &parameters, seed, 0)?;
    let layout = begun.elapsed().as_secs_f64();
    write(Path::new(plane), &found)?;
    println!("{neighbours:.3} {layout:.3}");
    Ok(())
}

/// A C-ordered little-endian f32 matrix: values, rows, columns.
fn read(path: &Path) -> Result<(Vec<f32>, usize, usize)> {
    let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
    let expected = || format!("{}: expected a version 1 .npy of f32 [N, D]", path.display());
    let length = bytes.get(8..10).with_context(expected)?;
    let end = 10 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    let header = std::str::from_utf8(bytes.get(10..end).with_context(expected)?)?;
    if !header.contains("'<f4'") || !header.contains("'fortran_order': False") {
        bail!(expected());
    }
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
    let sides = shape.with_context(expected)?.0.split(',').map(str::trim);
    let sides: Vec<usize> =
        sides.filter(|side| !side.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
    let [count, width] = sides[..] else { bail!(expected()) };
    let values: Vec<f32> = bytes[end..]
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    if values.len() != count * width {
        bail!("{}: {} values, expected {count} x {width}", path.display(), values.len());
    }
    Ok((values, count, width))
}

/// The plane `[N, 2]` from its two columns.
fn write(path: &Path, columns: &[Vec<f32>]) -> Result<()> {
    let count = columns[0].len();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, 2), }}");
    header.push_str(&" ".repeat(63 - (10 + header.len()) % 64));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    for row in columns[0].iter().zip(&columns[1]) {
        bytes.extend(row.0.to_le_bytes());
        bytes.extend(row.1.to_le_bytes());
    }
    std::fs::write(path, bytes).with_context(|| format!("{}", path.display()))
}
