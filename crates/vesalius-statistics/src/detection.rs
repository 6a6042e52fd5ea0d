//! How well a reader tells two kinds of images apart: from ratings, each a verdict with a confidence.

use super::normal;

/// Steps of confidence of either verdict.
pub const CONFIDENCES: usize = 5;
/// Levels of a rating: surest "noise" first, surest "signal" last.
pub const LEVELS: usize = 2 * CONFIDENCES;

/// Level of a verdict with a confidence from 1 to 5.
///
/// # Panics
/// When the confidence is another number.
pub fn level(signal: bool, confidence: u8) -> usize {
    let confidence = usize::from(confidence);
    assert!((1..=CONFIDENCES).contains(&confidence), "confidence {confidence}");
    if signal { CONFIDENCES + confidence - 1 } else { CONFIDENCES - confidence }
}

/// How many images of noise (`[0]`) and of signal (`[1]`) got each level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ratings {
    counts: [[u32; LEVELS]; 2],
}

impl Ratings {
    /// Counts a rating, `times` times.
    pub fn add(&mut self, is_signal: bool, level: usize, times: u32) {
        self.counts[usize::from(is_signal)][level] += times;
    }

    /// Images of noise and of signal.
    pub fn images(&self) -> [u32; 2] {
        self.counts.map(|levels| levels.iter().sum())
    }

    /// Images of either kind that were called signal: false alarms, hits.
    pub fn called_signal(&self) -> [u32; 2] {
        self.counts.map(|levels| levels[CONFIDENCES..].iter().sum())
    }

    /// Right verdicts.
    pub fn right(&self) -> u32 {
        let ([noise, _], [alarms, hits]) = (self.images(), self.called_signal());
        noise - alarms + hits
    }

    /// Share of right verdicts; none without images.
    pub fn accuracy(&self) -> Option<f64> {
        share(self.right(), self.images().iter().sum())
    }

    /// Share of signal that was called signal; none without signal.
    pub fn sensitivity(&self) -> Option<f64> {
        share(self.called_signal()[1], self.images()[1])
    }

    /// Share of noise that was called noise; none without noise.
    pub fn specificity(&self) -> Option<f64> {
        share(self.images()[0] - self.called_signal()[0], self.images()[0])
    }

    /// d′: z(hit rate) − z(false-alarm rate), rates as (k + 0.5)/(n + 1), so that a clean sweep has a number, too (the
    /// log-linear correction; Hautus 1995). None where a kind is missing.
    pub fn d_prime(&self) -> Option<f64> {
        let [alarm, hit] = [0, 1].map(|kind| {
            let n = self.images()[kind];
            let rate = (f64::from(self.called_signal()[kind]) + 0.5) / (f64::from(n) + 1.0);
            (n > 0).then(|| normal::quantile(rate))
        });
        Some(hit? - alarm?)
    }

    /// Area under the ROC curve of the levels: the chance that signal gets a higher one than noise, ties counting half.
    /// None where a kind is missing.
    pub fn auc(&self) -> Option<f64> {
        let [noise, signal] = self.images();
        if noise == 0 || signal == 0 {
            return None;
        }
        let (mut below, mut pairs) = (0.0, 0.0);
        for (&noise, &signal) in self.counts[0].iter().zip(&self.counts[1]) {
            pairs += f64::from(signal) * (below + f64::from(noise) / 2.0);
            below += f64::from(noise);
        }
        Some(pairs / (f64::from(noise) * f64::from(signal)))
    }
}

fn share(part: u32, of: u32) -> Option<f64> {
    (of > 0).then(|| f64::from(part) / f64::from(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rating_that_knows_and_one_that_guesses() {
        let mut knows = Ratings::default();
        let mut guesses = Ratings::default();
        for i in 0..40 {
            let signal = i % 2 == 1;
            knows.add(signal, level(signal, 5), 1);
            guesses.add(signal, level(i % 4 < 2, 1 + (i % 5) as u8), 1);
        }
        assert_eq!((knows.accuracy(), knows.auc()), (Some(1.0), Some(1.0)));
        assert!(knows.d_prime().unwrap() > 3.0);
        assert_eq!(guesses.accuracy(), Some(0.5));
        assert_eq!(guesses.d_prime(), Some(0.0));
        let mut one_kind = Ratings::default();
        one_kind.add(true, 9, 3);
        assert_eq!(
            (one_kind.d_prime(), one_kind.auc(), one_kind.specificity()),
            (None, None, None)
        );
    }

    #[test]
    fn levels_rise_from_surely_noise_to_surely_signal() {
        let all: Vec<usize> = [(false, 5), (false, 1), (true, 1), (true, 5)]
            .into_iter()
            .map(|(signal, confidence)| level(signal, confidence))
            .collect();
        assert_eq!(all, [0, 4, 5, 9]);
    }
}
