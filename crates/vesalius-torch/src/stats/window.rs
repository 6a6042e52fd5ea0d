//! What happened between two lines of `stats.jsonl`.

use super::line::Stat;
use crate::families::trainer::Losses;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;

/// Losses since the last line of the log.
#[derive(Debug)]
pub struct Window {
    losses: Vec<Losses>,
    before: WindowState,
    started: Instant,
}

/// A window that a checkpoint keeps, so that the line of a training that was stopped and resumed is that of an
/// undisturbed
/// one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowState {
    /// Images seen before it began.
    images: u64,
    /// Steps since.
    steps: u64,
    /// Sums of the losses by name, exactly; NaN and infinity included, which JSON numbers lack.
    #[serde(with = "exact")]
    losses: BTreeMap<String, f64>,
    /// Seconds since.
    secs: f64,
}

impl WindowState {
    fn new(images: u64) -> Self {
        Self { images, steps: 0, losses: BTreeMap::new(), secs: 0.0 }
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
    pub fn add(&mut self, losses: Losses) {
        self.losses.push(losses);
    }

    fn so_far(&self) -> WindowState {
        let mut losses = self.before.losses.clone();
        for (name, loss) in self.losses.iter().flat_map(|step| &step.0) {
            *losses.entry((*name).to_owned()).or_insert(0.0) += loss.double_value(&[]);
        }
        WindowState {
            images: self.before.images,
            steps: self.before.steps + self.losses.len() as u64,
            losses,
            secs: self.before.secs + self.started.elapsed().as_secs_f64(),
        }
    }

    /// What there is so far; none where nothing happened since the last line.
    pub fn state(&self) -> Option<WindowState> {
        let state = self.so_far();
        (state.steps > 0).then_some(state)
    }

    /// The line for what happened since.
    pub fn finish(&self, images: u64, wall_secs: f64) -> Stat {
        let all = self.so_far();
        let mean = |(name, sum)| (name, sum / all.steps.max(1) as f64);
        Stat {
            kimg: images as f64 / 1000.0,
            losses: all.losses.into_iter().map(mean).collect(),
            images_per_sec: (images - all.images) as f64 / all.secs,
            wall_secs,
            ..Stat::default()
        }
    }
}

/// Numbers as texts that give the same bits again.
mod exact {
    use crate::named::Written;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use std::collections::BTreeMap;

    /// The order in which a GAN's stand.
    const PAIR: [&str; 2] = ["discriminator", "generator"];

    pub fn serialize<S: Serializer>(
        sums: &BTreeMap<String, f64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let texts = sums.iter().map(|(name, sum)| (name.clone(), format!("{sum:?}"))).collect();
        Written::new(PAIR, &texts).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, f64>, D::Error> {
        let number = |(name, text): (String, String)| {
            let sum = text.parse().map_err(|_| {
                D::Error::custom(format!("loss {name} = {text}, expected a number"))
            })?;
            Ok((name, sum))
        };
        Written::<String>::deserialize(from)?.named(PAIR).into_iter().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    fn losses(d: f64, g: f64) -> Losses {
        Losses::adversarial(Tensor::from(d as f32), Tensor::from(g as f32))
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
                let bits = |stat: Stat| {
                    let [d, g] = ["discriminator", "generator"].map(|name| stat.losses[name]);
                    [stat.kimg, d, g].map(f64::to_bits)
                };
                assert_eq!(bits(second.finish(72, 1.0)), bits(whole.finish(72, 1.0)), "{cut}");
            }
        }
    }

    #[test]
    fn a_gans_sums_are_a_pair_and_those_of_others_have_names() {
        let mut gan = Window::start(0);
        gan.add(losses(0.5, 2.0));
        let mut other = Window::start(0);
        other.add(Losses(vec![("denoiser", Tensor::from(0.5_f32))]));
        for (window, text) in [(gan, r#"["0.5","2.0"]"#), (other, r#"{"denoiser":"0.5"}"#)] {
            let state = window.state().unwrap();
            let value = serde_json::to_value(&state).unwrap();
            assert_eq!(value["losses"].to_string(), text);
            assert_eq!(serde_json::from_value::<WindowState>(value).unwrap(), state);
        }
        let broken = r#"{"images":0,"steps":1,"losses":["x","1"],"secs":1}"#;
        let error = serde_json::from_str::<WindowState>(broken).unwrap_err().to_string();
        assert!(error.contains("loss discriminator = x"), "{error}");
    }
}
