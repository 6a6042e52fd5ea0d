//! The copying audit's arithmetic: `golden/copying.py`.

use super::pseudo::double;
use super::{assert_close, golden, numbers, values};
use tch::Kind;
use vesalius_torch::metrics::audit::align::correlations;
use vesalius_torch::metrics::audit::views::gaussian;

#[test]
fn correlations_are_those_of_match_template() {
    let reference = double("copying.reference", &[30, 26]).reshape([1, 1, 30, 26]);
    let noise = double("copying.query", &[30, 26]).reshape([1, 1, 30, 26]);
    let query = &reference * 0.6 + noise * 0.4 + 0.2;
    let found = correlations(&query.to_kind(Kind::Float), &reference.to_kind(Kind::Float), 3);
    let expected = numbers(&golden("copying")["correlations"]);
    // Ours is in single precision; the largest is about 0.8.
    assert_close("correlations", &values(&found), &expected, 1e-6, 1e-5);
}

#[test]
fn gaussian_means_are_scipys() {
    let golden = golden("copying");
    let x = double("copying.reference", &[30, 26]).reshape([1, 1, 30, 26]);
    for sigma in [1.0, 4.0] {
        let expected = numbers(&golden["gaussian"][format!("{sigma:.1}")]);
        assert_close("gaussian", &values(&gaussian(&x, sigma)), &expected, 1e-12, 1e-9);
    }
}
