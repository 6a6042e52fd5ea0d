//! Quantiles of the standard normal distribution.

/// The value that a standard normal variable stays below with probability `p` (Wichura 1988, algorithm AS 241, PPND16:
/// about 16 digits).
///
/// # Panics
/// When `p` is not in [1e-10, 1 - 1e-10]: no share of countable cases lies outside.
pub fn quantile(p: f64) -> f64 {
    assert!((1e-10..=1.0 - 1e-10).contains(&p), "probability {p}");
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(&A, r) / polynomial(&B, r);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt() - 1.6;
    let value = polynomial(&C, r) / polynomial(&D, r);
    if q < 0.0 { -value } else { value }
}

/// Coefficients ascending.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

// As printed in the paper: the centre, then the tails.
#[expect(clippy::excessive_precision, reason = "the paper's digits")]
const A: [f64; 8] = [
    3.3871328727963666080,
    1.3314166789178437745e2,
    1.9715909503065514427e3,
    1.3731693765509461125e4,
    4.5921953931549871457e4,
    6.7265770927008700853e4,
    3.3430575583588128105e4,
    2.5090809287301226727e3,
];
#[expect(clippy::excessive_precision, reason = "the paper's digits")]
const B: [f64; 8] = [
    1.0,
    4.2313330701600911252e1,
    6.8718700749205790830e2,
    5.3941960214247511077e3,
    2.1213794301586595867e4,
    3.9307895800092710610e4,
    2.8729085735721942674e4,
    5.2264952788528545610e3,
];
#[expect(clippy::excessive_precision, reason = "the paper's digits")]
const C: [f64; 8] = [
    1.42343711074968357734,
    4.63033784615654529590,
    5.76949722146069140550,
    3.64784832476320460504,
    1.27045825245236838258,
    2.41780725177450611770e-1,
    2.27238449892691845833e-2,
    7.74545014278341407640e-4,
];
#[expect(clippy::excessive_precision, reason = "the paper's digits")]
const D: [f64; 8] = [
    1.0,
    2.05319162663775882187,
    1.67638483018380384940,
    6.89767334985100004550e-1,
    1.48103976427480074590e-1,
    1.51986665636164571966e-2,
    5.47593808499534494600e-4,
    1.05075007164441684324e-9,
];
