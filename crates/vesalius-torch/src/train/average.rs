//! How fast the averaged generator follows the trained one: an exponential moving average whose half-life grows with
//! what was seen (NVlabs/stylegan2-ada-pytorch, `training_loop.py`, `ema_kimg` and `ema_rampup`).

/// Share of the average that stays in a step of `batch` images, `images` seen with them: ½ ^ (batch / half-life), where
/// the half-life is `half_life_kimg` thousand images but at most the share `ramp` of those seen. 0: a plain copy.
pub fn ema_decay(half_life_kimg: f64, ramp: f64, batch: u64, images: u64) -> f64 {
    let half_life = (half_life_kimg * 1000.0).min(ramp * images as f64);
    if half_life > 0.0 { 0.5_f64.powf(batch as f64 / half_life) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_half_life_grows_with_what_was_seen_up_to_its_limit() {
        let close = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
        };
        // 5 % of 640 images: one batch of 32 is a whole half-life.
        close(ema_decay(10.0, 0.05, 32, 640), 0.5);
        close(ema_decay(10.0, 0.05, 32, 1280), 0.5_f64.sqrt());
        // From 200,000 images on it stays at 10,000.
        close(ema_decay(10.0, 0.05, 32, 200_000), 0.5_f64.powf(0.0032));
        close(ema_decay(10.0, 0.05, 32, 5_000_000), 0.5_f64.powf(0.0032));
        // Many steps keep together what one long one does.
        close(ema_decay(10.0, 0.05, 8, 400_000).powi(4), ema_decay(10.0, 0.05, 32, 400_000));
    }

    #[test]
    fn without_a_half_life_the_average_is_a_copy() {
        assert_eq!(ema_decay(0.0, 0.05, 32, 640), 0.0);
        assert_eq!(ema_decay(10.0, 0.0, 32, 640), 0.0);
    }
}
