//! What happened between two lines of `stats.jsonl`.

use crate::families::StepLosses;
use crate::stats::Stat;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Losses since the last line of the log.
pub struct Window {
    losses: Vec<StepLosses>,
    before: WindowState,
    started: Instant,
}

/// A window that a checkpoint keeps, so that the line of a training that was stopped and resumed is that of an undisturbed
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WindowState {
    /// Images seen before it began.
    images: u64,
    /// Steps since.
    steps: u64,
    /// Sums of the losses of discriminator and generator, exactly; NaN and infinity included, which JSON numbers lack.
    #[serde(with = "exact")]
    losses: [f64; 2],
    /// Seconds since.
    secs: f64,
}

impl WindowState {
    fn new(images: u64) -> Self {
        Self { images, steps: 0, losses: [0.0; 2], secs: 0.0 }
    }
}

impl Window {
    /// From now on, after `images` images.
    pub fn start(images: u64) -> Self {
        Self::resume(WindowState::new(images))
    }

    /// Goes on with what an earlier attempt kept.
    pub fn resume(before: WindowState) -> Self {
        Self { losses: Vec::new(), before, started: Instant::now() }
    }

    /// Takes a step's losses.
    pub fn add(&mut self, losses: StepLosses) {
        self.losses.push(losses);
    }

    /// What there is so far; none where nothing happened since the last line.
    pub fn state(&self) -> Option<WindowState> {
        let WindowState { images, steps, losses: [mut d, mut g], secs } = self.before;
        for step in &self.losses {
            d += step.discriminator.double_value(&[]);
            g += step.generator.double_value(&[]);
        }
        let steps = steps + self.losses.len() as u64;
        let secs = secs + self.started.elapsed().as_secs_f64();
        (steps > 0).then_some(WindowState { images, steps, losses: [d, g], secs })
    }

    /// The line for what happened since.
    pub fn finish(&self, images: u64, wall_secs: f64) -> Stat {
        let all = self.state().unwrap_or(self.before);
        let [loss_d, loss_g] = all.losses.map(|sum| sum / all.steps.max(1) as f64);
        Stat {
            kimg: images as f64 / 1000.0,
            loss_d,
            loss_g,
            images_per_sec: (images - all.images) as f64 / all.secs,
            wall_secs,
            frechet_distance: None,
            augment_p: None,
        }
    }
}

/// Numbers as texts that give the same bits again.
mod exact {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64; 2], to: S) -> Result<S::Ok, S::Error> {
        values.map(|value| format!("{value:?}")).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[f64; 2], D::Error> {
        let [d, g] = <[String; 2]>::deserialize(from)?;
        let number = |text: String| {
            text.parse().map_err(|_| D::Error::custom(format!("loss {text}, expected a number")))
        };
        Ok([number(d)?, number(g)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    fn losses(d: f64, g: f64) -> StepLosses {
        StepLosses { discriminator: Tensor::from(d as f32), generator: Tensor::from(g as f32) }
    }

    #[test]
    fn a_window_that_was_kept_gives_the_line_of_an_undisturbed_one() {
        for poison in [0.1, f64::NAN, f64::INFINITY] {
            let steps = [(0.1, 0.7), (1.0 / 3.0, poison), (1e-9, -2.5), (7.7, 0.3)];
            let mut whole = Window::start(40);
            for &(d, g) in &steps {
                whole.add(losses(d, g));
            }
            for cut in 0..=steps.len() {
                let mut first = Window::start(40);
                for &(d, g) in &steps[..cut] {
                    first.add(losses(d, g));
                }
                let mut second = match first.state() {
                    None => Window::start(40),
                    Some(state) => {
                        let text = serde_json::to_string(&state).unwrap();
                        Window::resume(serde_json::from_str(&text).unwrap())
                    }
                };
                for &(d, g) in &steps[cut..] {
                    second.add(losses(d, g));
                }
                let bits = |stat: Stat| [stat.kimg, stat.loss_d, stat.loss_g].map(f64::to_bits);
                assert_eq!(bits(second.finish(72, 1.0)), bits(whole.finish(72, 1.0)), "{cut}");
            }
        }
    }
}
