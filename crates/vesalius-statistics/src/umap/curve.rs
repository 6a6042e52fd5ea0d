//! How near is near on the map: 1 / (1 + a·d^2b), with a and b fitted.

/// The curve's parameters.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Curve {
    /// Scale.
    pub a: f64,
    /// Steepness.
    pub b: f64,
}

/// Distances at which the fit looks, from 0 to three spreads (as umap-learn).
const SAMPLES: usize = 300;

impl Curve {
    /// Least squares to a plateau of 1 up to `min_dist`, then an exponential decay of length `spread` (McInnes et al.
    /// 2018, section 3.2): Levenberg's damped Gauss-Newton steps from a = b = 1, the search scipy's `curve_fit` starts.
    pub fn fit(min_dist: f64, spread: f64) -> Self {
        let at = |i: usize| 3.0 * spread * i as f64 / (SAMPLES - 1) as f64;
        let wanted = |x: f64| if x < min_dist { 1.0 } else { (-(x - min_dist) / spread).exp() };
        let error = |curve: Self| -> f64 {
            (0..SAMPLES).map(|i| (curve.at(at(i)) - wanted(at(i))).powi(2)).sum()
        };
        let mut best = Self { a: 1.0, b: 1.0 };
        let mut least = error(best);
        let mut damping = 1e-3;
        for _ in 0..200 {
            // Normal equations of the linearised curve: J'J and J'r.
            let (mut aa, mut ab, mut bb, mut ra, mut rb) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for i in 1..SAMPLES {
                let x = at(i);
                let power = x.powf(2.0 * best.b);
                let value = best.at(x);
                let da = -power * value * value;
                let db = -2.0 * best.a * power * x.ln() * value * value;
                let residual = wanted(x) - value;
                aa += da * da;
                ab += da * db;
                bb += db * db;
                ra += da * residual;
                rb += db * residual;
            }
            let (p, q) = (aa * (1.0 + damping), bb * (1.0 + damping));
            let determinant = p * q - ab * ab;
            let step = [(q * ra - ab * rb) / determinant, (p * rb - ab * ra) / determinant];
            let next = Self { a: best.a + step[0], b: best.b + step[1] };
            let found = error(next);
            if next.a > 0.0 && next.b > 0.0 && found <= least {
                let gain = least - found;
                (best, least) = (next, found);
                damping /= 10.0;
                if gain <= 1e-15 * least && step.iter().all(|s| s.abs() < 1e-10) {
                    break;
                }
            } else {
                damping *= 10.0;
                if damping > 1e12 {
                    break;
                }
            }
        }
        best
    }

    /// The curve at distance `d`.
    pub fn at(self, d: f64) -> f64 {
        1.0 / (1.0 + self.a * d.powf(2.0 * self.b))
    }
}
