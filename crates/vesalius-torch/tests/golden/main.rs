//! Comparison with the numbers of the reference implementations; `golden/generate.py` says which and made them.

mod ada;
mod augment;
mod convert;
mod copying;
mod dice;
mod draws;
mod folders;
mod inception;
mod manifold;
mod metrics;
mod nnunet;
mod parts;
mod pseudo;
mod spade;
mod steps;
mod style;
mod stylegan;
mod umap;

use serde_json::Value;
use tch::{Kind, Tensor};

/// `golden/NAME.json`.
fn golden(name: &str) -> Value {
    let path = format!("{}/../../golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().expect("a number")],
    }
}

/// Panics unless every number is within `absolute + relative * |expected|`.
fn assert_close(what: &str, found: &[f64], expected: &[f64], absolute: f64, relative: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: count");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let limit = absolute + relative * expected.abs();
        assert!((found - expected).abs() <= limit, "{what}[{i}]: {found}, expected {expected}");
    }
}

fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).contiguous().reshape([-1])).expect("a dense tensor")
}
