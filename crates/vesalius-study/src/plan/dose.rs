//! `[dose]`: GANs and U-Nets of fewer patients, U-Nets of fewer images. A GAN is trained on the patients that the U-Net
//! of its point is trained on, and never on more.

use super::planner::{Group, Planner, input, judge, learned, planned};
use super::progress::Progress;
use super::tasks::{PackInfo, PartInfo, Plan, Planned};
use super::unets::{Diet, Pairs};
use crate::study::{Dose, includes};
use crate::task::{Key, PackInput, Stage, Task};
use anyhow::Result;
use serde_json::{Value, json};
use std::sync::Arc;

/// The best run of a group, as far as it can be told.
pub(super) struct Best<'p> {
    pub winner: Option<&'p Arc<Planned>>,
    /// Its pairs, of all patients.
    pub pairs: Pairs<'p>,
    /// Settings of their sampling.
    pub sampling: &'p Value,
}

impl Planner<'_> {
    /// Judges of the parts, and U-Nets on real pairs of fewer patients.
    ///
    /// # Errors
    /// Settings that the stage does not know.
    pub(super) fn dose_without_gans(&self, pack: &PackInfo, plan: &mut Plan) -> Result<()> {
        for part in &pack.parts {
            plan.tasks.push(judge_of(pack, part));
            let what = format!("real, {} patients", part.patients);
            self.real(pack, &part_input(part), false, &what, plan)?;
        }
        Ok(())
    }

    /// What `[dose]` asks of a group.
    ///
    /// # Errors
    /// Settings that a stage does not know.
    pub(super) fn dose(
        &self,
        group: Group,
        best: &Best,
        known: &Progress,
        plan: &mut Plan,
    ) -> Result<()> {
        let Some(dose) = self.study.dose.as_ref() else { return Ok(()) };
        if !includes(dose.gans.as_ref(), group.gan) {
            return Ok(());
        }
        let count = self.study.best.as_ref().map_or(0, |best| *best.count.get_ref());
        let wants_shares = dose.shares.is_some();
        // Of all patients and all images there is the best run's own U-Net, but for shares of its own.
        self.points(dose, &best.pairs, count, |images| images < count || wants_shares, plan)?;
        for part in &group.pack.parts {
            self.part(group, part, best, dose, known, plan)?;
        }
        Ok(())
    }

    fn part(
        &self,
        group: Group,
        part: &PartInfo,
        best: &Best,
        dose: &Dose,
        known: &Progress,
        plan: &mut Plan,
    ) -> Result<()> {
        let words = format!(" of {} patients", part.patients);
        let real = part_input(part);
        let gan = &group.gan.name();
        let judge = judge_of(group.pack, part).key.clone();
        let run = if let Some(winner) = best.winner {
            let inputs = vec![input("judge", Stage::Judge, &judge)];
            let spec = winner.task.spec.clone();
            let learned = learned(group.gan, real.clone());
            let task = Task::new(Stage::Train, vec![learned], inputs, spec);
            let what = format!("{}{words}", winner.what);
            let training = planned(task, group.pack, Some(gan), what);
            let key = training.key.clone();
            plan.tasks.push(training);
            let finished = known.finished.get(&key);
            if finished.is_some_and(|finished| finished.diverged.is_some()) {
                return Ok(());
            }
            Some(key)
        } else {
            *plan.later.entry(Stage::Train).or_default() += 1;
            None
        };
        let mut sampling = best.sampling.clone();
        sampling["count"] = json!(dose.most_images());
        let nobody = || Key::try_from("0".repeat(64)).expect("64 digits");
        let named = run.is_some();
        let run = run.unwrap_or_else(nobody);
        let sample = Pairs {
            pack: group.pack,
            gan,
            packs: vec![real.clone()],
            inputs: vec![input("run", Stage::Train, &run)],
            named,
            words: words.clone(),
        };
        let what = format!("{} pairs", dose.most_images());
        let sampled = sample.add(Stage::Sample, sampling, what, plan);
        let inputs = vec![input("synthetic", Stage::Sample, &sampled)];
        let pairs = Pairs { inputs, packs: vec![real], ..sample };
        self.points(dose, &pairs, dose.most_images(), |_| true, plan)
    }

    /// U-Nets of each wanted number of images and each share; of numbers that a U-Net would not see to their end the
    /// least.
    fn points(
        &self,
        dose: &Dose,
        pairs: &Pairs,
        all: usize,
        wanted: impl Fn(usize) -> bool,
        plan: &mut Plan,
    ) -> Result<()> {
        let mut numbers = dose.images.get_ref().clone();
        numbers.sort_unstable();
        for share in dose.shares() {
            let mut enough = false;
            for &images in &numbers {
                if enough {
                    plan.needless += 1;
                    continue;
                }
                let part = (images < all).then_some(images);
                let diet = Diet { real: true, share, images: part, ..Diet::default() };
                if let Some(seen) = self.seen(diet)? {
                    enough = images as f64 >= seen;
                }
                if wanted(images) {
                    self.unets(pairs, diet, plan)?;
                }
            }
        }
        Ok(())
    }
}

pub(super) fn part_input(part: &PartInfo) -> PackInput {
    PackInput { role: "real".to_owned(), path: part.path.clone(), digest: part.digest.clone() }
}

fn judge_of(pack: &PackInfo, part: &PartInfo) -> Arc<Planned> {
    judge(pack, part_input(part), &format!(" of {} patients", part.patients))
}
