//! What stands beside the searches: baselines on real data, and what happens to the best run of each GAN.

use super::planner::{Group, Planner, Search, input, pack_input, planned};
use super::progress::Progress;
use super::samples::{Sampled, Samples};
use super::tasks::{BestRun, PackInfo, Plan, Planned};
use crate::study::{Best, Masks};
use crate::task::{Key, PackInput, Stage, Task};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::sync::Arc;

impl Group<'_> {
    /// Whether its GAN paints masks of another one, which has to be followed up first.
    pub(super) fn paints_anothers(&self) -> bool {
        matches!(self.gan.masks(), Masks::Of(_))
    }
}

impl Planner<'_> {
    /// What happens to the best run of a group, as far as it can be told; `samples` of the groups that it may need.
    ///
    /// # Errors
    /// Settings that a stage does not know.
    pub(super) fn best(
        &self,
        group: Group,
        search: &Search,
        known: &Progress,
        samples: &Samples,
        plan: &mut Plan,
    ) -> Result<Sampled> {
        let gan = group.gan.preset.get_ref();
        let mut runs: Vec<(&Arc<Planned>, f64)> = search
            .trainings
            .iter()
            .filter_map(|planned| Some((planned, known.finished.get(&planned.key)?.distance?)))
            .collect();
        runs.sort_by(|a, b| a.1.total_cmp(&b.1)); // stable: of equal ones the earlier
        let spent = plan.withheld > 0;
        let blocked = plan.blocked(known);
        let open = search.trainings.iter().any(|planned| {
            let key = &planned.key;
            let over = known.finished.contains_key(key)
                || known.given_up.contains(key)
                || blocked.contains(key);
            !over && (!spent || known.running.contains(key))
        });
        let last_word = (search.over || spent) && !open;
        if let Some(&(planned, distance)) = runs.first() {
            plan.best.push(BestRun {
                dataset: group.pack.name.clone(),
                gan: gan.clone(),
                key: planned.key.clone(),
                distance,
                last_word,
                what: planned.what.clone(),
            });
        }
        let Some(best) = &self.study.best else { return Ok(Sampled::Never) };
        let winner = runs.first().filter(|_| last_word).map(|(planned, _)| *planned);
        if last_word && winner.is_none() {
            return Ok(Sampled::Never); // every training diverged or was given up
        }
        let nobody = Key::try_from("0".repeat(64)).expect("64 digits");
        let mut inputs =
            vec![input("run", Stage::Train, winner.map_or(&nobody, |planned| &planned.key))];
        let mut named = winner.is_some();
        let masks = match search.paints_masks.then(|| group.gan.masks()) {
            None => "none",
            Some(Masks::Training) => "training",
            Some(Masks::Warped) => "warped",
            Some(Masks::Of(other)) => {
                match samples.get(&(group.pack.name.clone(), other.clone())) {
                    Some(Sampled::By(key)) => inputs.push(input("masks", Stage::Sample, key)),
                    Some(Sampled::Later) => named = false,
                    Some(Sampled::Never) | None => return Ok(Sampled::Never),
                }
                "sampled"
            }
        };
        let mut spec = json!({
            "count": best.count.get_ref(), "seed": best.seed, "truncation": group.gan.truncation(), "masks": masks,
        });
        self.say_precision(&mut spec);
        let spec = self.stages.settings(Stage::Sample, spec)?;
        let sample = Task::new(Stage::Sample, vec![pack_input(group.pack)], inputs, spec);
        let synthetic = sample.key();
        let mut tasks = vec![(sample, format!("{} pairs", best.count.get_ref()))];
        for (stage, said, what) in self.judges(best)? {
            let from = vec![input("synthetic", Stage::Sample, &synthetic)];
            let spec = self.stages.settings(stage, said)?;
            tasks.push((Task::new(stage, vec![pack_input(group.pack)], from, spec), what));
        }
        for (task, what) in tasks {
            if named {
                plan.tasks.push(planned(task, group.pack, Some(gan), what));
            } else {
                *plan.later.entry(task.stage).or_default() += 1;
            }
        }
        Ok(if named { Sampled::By(synthetic) } else { Sampled::Later })
    }

    /// What judges the pairs of a best run: stage, what the study says of it, what people call it.
    fn judges(&self, best: &Best) -> Result<Vec<(Stage, Value, String)>> {
        let mut judges = vec![];
        for (stage, said, what) in best.judges() {
            judges.push((stage, serde_json::to_value(said)?, what));
        }
        let sides = [
            (best.unet_alone, false, "synthetic"),
            (best.unet_with_real, true, "real + synthetic"),
        ];
        for (_, real, what) in sides.into_iter().filter(|side| side.0) {
            for &seed in &self.study.unet.seeds {
                let what = format!("U-Net on {what}, seed {seed}");
                judges.push((Stage::Segment, self.unet(real, false, seed)?, what));
            }
        }
        Ok(judges)
    }

    /// What judges other programs' images: all that judges the pairs of a best run.
    ///
    /// # Errors
    /// Settings that a stage does not know.
    pub(super) fn imported(&self, pack: &PackInfo, plan: &mut Plan) -> Result<()> {
        let Some(best) = &self.study.best else { return Ok(()) };
        for imported in &pack.imported {
            let made = PackInput {
                role: "synthetic".to_owned(),
                path: imported.path.clone(),
                digest: imported.digest.clone(),
            };
            for (stage, said, what) in self.judges(best)? {
                let spec = self.stages.settings(stage, said)?;
                let task = Task::new(stage, vec![pack_input(pack), made.clone()], vec![], spec);
                plan.tasks.push(planned(task, pack, Some(&imported.name), what));
            }
        }
        Ok(())
    }

    /// U-Nets on real data.
    ///
    /// # Errors
    /// Settings that the stage does not know.
    pub(super) fn baselines(&self, pack: &PackInfo, plan: &mut Plan) -> Result<()> {
        let baselines = self.study.baselines;
        let kinds =
            [(baselines.real, false, "real"), (baselines.real_augmented, true, "augmented")];
        for (_, augment, what) in kinds.into_iter().filter(|kind| kind.0) {
            for &seed in &self.study.unet.seeds {
                let said = self.unet(true, augment, seed)?;
                let spec = self.stages.settings(Stage::Segment, said)?;
                let task = Task::new(Stage::Segment, vec![pack_input(pack)], vec![], spec);
                let what = format!("U-Net on {what}, seed {seed}");
                plan.tasks.push(planned(task, pack, None, what));
            }
        }
        Ok(())
    }

    /// What the study says of a U-Net; the file cannot say what the plan does.
    fn unet(&self, real: bool, augment: bool, seed: u64) -> Result<Value> {
        let mut said = serde_json::to_value(self.study.unet.settings())?;
        for (name, value) in
            [("real", json!(real)), ("augment", json!(augment)), ("seed", json!(seed))]
        {
            if !said[name].is_null() {
                bail!(
                    "{}: [unet]: {name} is not to be set, expected it in [best] and [baselines]",
                    self.study.at_line("[unet]")
                );
            }
            said[name] = value;
        }
        self.say_precision(&mut said);
        Ok(said)
    }

    /// The study's arithmetic, where a stage is not given its own.
    fn say_precision(&self, said: &mut Value) {
        if !self.study.precision.is_default() && said["precision"].is_null() {
            said["precision"] = json!(self.study.precision);
        }
    }
}
