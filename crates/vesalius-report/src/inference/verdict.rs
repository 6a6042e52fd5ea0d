//! Would synthetic data help here? The rule that decides what a summary may claim: never more than the paired tests
//! over
//! patients carry.

use super::compare::{Comparison, Kind, Question, ask};
use crate::evidence::{Evidence, TrainingSet};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::TrainedOn;

/// What the runs on one dataset show about adding synthetic images to real ones.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Every GAN diverged: there are no images to judge.
    Diverged(Vec<RowId>),
    /// No U-Net was trained on real data alone: nothing to compare with.
    NoBaseline,
    /// No U-Net was trained on real and synthetic data together.
    NothingAdded,
    /// The results hold no Dice per patient (or of fewer than 2 shared ones): differences cannot be tested.
    Untested,
    /// No U-Net on real data alone was trained as one on real and synthetic data was: other steps, another network.
    Unlike,
    /// At least one GAN's images raised Dice, the corrected p-value says; the one that raised it most.
    Helps(Comparison),
    /// No GAN's images raised Dice so, and at least one lowered it; the one that lowered it most.
    Hurts(Comparison),
    /// No difference was shown; the largest one.
    NotShown(Comparison),
}

/// The verdict and the question it stands on.
pub fn verdict(evidence: &Evidence) -> (Verdict, Question) {
    let question = ask(evidence, Kind::AddedToReal);
    // Other real images than the test pack's own say nothing of adding to these.
    let judged = |set: &TrainingSet, trained_on: TrainedOn| {
        set.trained_on == trained_on && set.dice.is_some() && set.is_original()
    };
    let is_baseline = |set: &TrainingSet| judged(set, TrainedOn::Real);
    let added = evidence.sets.iter().any(|set| judged(set, TrainedOn::RealAndSynthetic));
    let diverged: Vec<RowId> = evidence
        .gans()
        .into_iter()
        .filter(|gan| evidence.diverged(gan).is_some())
        .cloned()
        .collect();
    let all_diverged = !diverged.is_empty() && diverged.len() == evidence.gans().len();
    let most = |wanted: &dyn Fn(&&Comparison) -> bool, sign: f64| {
        question
            .decisive()
            .filter(wanted)
            .max_by(|a, b| (sign * a.difference).total_cmp(&(sign * b.difference)))
            .cloned()
    };
    let has_like = evidence
        .sets
        .iter()
        .filter(|set| judged(set, TrainedOn::RealAndSynthetic))
        .any(|set| evidence.reference(set, TrainedOn::Real).is_some());
    let verdict = if all_diverged && !added {
        Verdict::Diverged(diverged)
    } else if !evidence.sets.iter().any(is_baseline) {
        Verdict::NoBaseline
    } else if !added {
        Verdict::NothingAdded
    } else if let Some(best) = most(&|c| c.is_shown() && c.difference > 0.0, 1.0) {
        Verdict::Helps(best)
    } else if let Some(worst) = most(&|c| c.is_shown() && c.difference < 0.0, -1.0) {
        Verdict::Hurts(worst)
    } else if !has_like {
        Verdict::Unlike
    } else {
        most(&|_| true, 1.0).map_or(Verdict::Untested, Verdict::NotShown)
    };
    (verdict, question)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::evidence;
    use crate::evidence::fixture::Fixture;
    use vesalius_data::run::TrainedOn::{Real, RealAndSynthetic, Synthetic};

    fn of(build: impl Fn(&mut Fixture)) -> Verdict {
        let mut fixture = Fixture::new();
        build(&mut fixture);
        verdict(&evidence(&fixture.runs()).unwrap()[0]).0
    }

    const REAL: [f64; 8] = [0.70, 0.71, 0.72, 0.73, 0.74, 0.75, 0.76, 0.77];

    fn moved(by: f64) -> [f64; 8] {
        REAL.map(|dice| dice + by)
    }

    #[test]
    fn a_gain_in_every_patient_helps() {
        let found = of(|runs| {
            runs.unet(None, Real, 1, &REAL);
            runs.unet(Some("lsgan"), RealAndSynthetic, 1, &moved(0.05));
            runs.unet(Some("wgan"), RealAndSynthetic, 1, &moved(-0.05));
        });
        assert!(matches!(found, Verdict::Helps(c) if c.gan == Some(RowId::of("lsgan"))));
    }

    #[test]
    fn a_gain_in_some_patients_is_not_shown() {
        let mut mixed = moved(0.05);
        mixed[3] -= 0.2;
        let found = of(|runs| {
            runs.unet(None, Real, 1, &REAL);
            runs.unet(Some("lsgan"), RealAndSynthetic, 1, &mixed);
        });
        assert!(matches!(found, Verdict::NotShown(c) if c.difference > 0.0));
    }

    #[test]
    fn a_clean_sweep_is_not_shown_where_too_many_were_asked() {
        let found = of(|runs| {
            runs.unet(None, Real, 1, &REAL);
            for gan in ["a", "b", "c", "d", "e", "f", "g"] {
                runs.unet(Some(gan), RealAndSynthetic, 1, &moved(0.1));
            }
        });
        assert!(matches!(found, Verdict::NotShown(_)), "7 of 2/256 are 0.055");
    }

    #[test]
    fn a_loss_in_every_patient_hurts() {
        let found = of(|runs| {
            runs.unet(None, Real, 1, &REAL);
            runs.unet(Some("lsgan"), RealAndSynthetic, 1, &moved(-0.05));
        });
        assert!(matches!(found, Verdict::Hurts(c) if c.difference < 0.0));
    }

    #[test]
    fn without_a_baseline_nothing_can_be_said() {
        let found = of(|runs| runs.unet(Some("lsgan"), RealAndSynthetic, 1, &REAL));
        assert_eq!(found, Verdict::NoBaseline);
        let found = of(|runs| {
            runs.unet(None, Real, 1, &REAL);
            runs.unet(Some("lsgan"), Synthetic, 1, &REAL);
        });
        assert_eq!(found, Verdict::NothingAdded);
    }

    #[test]
    fn a_single_patient_tests_nothing() {
        let found = of(|runs| {
            runs.unet(None, Real, 1, &[0.5]);
            runs.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.9]);
        });
        assert_eq!(found, Verdict::Untested);
    }

    #[test]
    fn where_every_gan_diverged_there_is_nothing_to_judge() {
        let found = of(|runs| {
            runs.unet(None, Real, 1, &REAL);
            runs.training("wgan", serde_json::Value::Null, None);
        });
        assert_eq!(found, Verdict::Diverged(vec!["wgan".into()]));
        let found = of(|runs| {
            runs.unet(None, Real, 1, &REAL);
            runs.training("wgan", serde_json::Value::Null, None);
            runs.training("lsgan", serde_json::Value::Null, Some(1.0));
            runs.unet(Some("lsgan"), RealAndSynthetic, 1, &moved(0.05));
        });
        assert!(matches!(found, Verdict::Helps(_)));
    }
}
