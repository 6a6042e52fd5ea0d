//! What stands beside the searches: baselines on real data, and what happens to the best run of each GAN.

use super::planner::{Group, Planner, Search, input, pack_input, planned};
use super::progress::Progress;
use super::samples::{Sampled, Samples};
use super::tasks::{BestRun, PackInfo, Plan, Planned};
use crate::study::{Extractor, Masks};
use crate::task::{Key, Stage, Task};
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
    pub(super) fn best(
        &self,
        group: Group,
        search: &Search,
        known: &Progress,
        samples: &Samples,
        plan: &mut Plan,
    ) -> Sampled {
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
        let Some(best) = &self.study.best else { return Sampled::Never };
        let winner = runs.first().filter(|_| last_word).map(|(planned, _)| *planned);
        if last_word && winner.is_none() {
            return Sampled::Never; // every training diverged or was given up
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
                    Some(Sampled::Never) | None => return Sampled::Never,
                }
                "sampled"
            }
        };
        let spec = json!({
            "count": best.count.get_ref(), "seed": best.seed, "truncation": 1.0, "masks": masks,
        });
        let pack = || vec![pack_input(group.pack)];
        let sample = Task::new(Stage::Sample, pack(), inputs, spec);
        let synthetic = sample.key();
        let mut tasks = vec![(sample, format!("{} pairs", best.count.get_ref()))];
        let from = || vec![input("synthetic", Stage::Sample, &synthetic)];
        for extractor in &best.distance {
            let spec = json!({ "extractor": extractor });
            let task = Task::new(Stage::Distance, pack(), from(), spec);
            tasks.push((task, extractor.name().to_owned()));
        }
        if let Some(extractor) = best.metrics {
            let spec = json!({ "extractor": extractor });
            let task = Task::new(Stage::Metrics, pack(), from(), spec);
            tasks.push((task, extractor.name().to_owned()));
        }
        let sides = [
            (best.unet_alone, false, "synthetic"),
            (best.unet_with_real, true, "real + synthetic"),
        ];
        for (_, real, what) in sides.into_iter().filter(|side| side.0) {
            for &seed in &self.study.unet.seeds {
                let spec = self.unet(real, false, seed);
                let task = Task::new(Stage::Segment, pack(), from(), spec);
                tasks.push((task, format!("U-Net on {what}, seed {seed}")));
            }
        }
        for (task, what) in tasks {
            if named {
                plan.tasks.push(planned(task, group.pack, Some(gan), what));
            } else {
                *plan.later.entry(task.stage).or_default() += 1;
            }
        }
        if named { Sampled::By(synthetic) } else { Sampled::Later }
    }

    pub(super) fn baselines(&self, pack: &PackInfo, plan: &mut Plan) {
        let baselines = self.study.baselines;
        let kinds =
            [(baselines.real, false, "real"), (baselines.real_augmented, true, "augmented")];
        for (_, augment, what) in kinds.into_iter().filter(|kind| kind.0) {
            for &seed in &self.study.unet.seeds {
                let spec = self.unet(true, augment, seed);
                let task = Task::new(Stage::Segment, vec![pack_input(pack)], vec![], spec);
                let what = format!("U-Net on {what}, seed {seed}");
                plan.tasks.push(planned(task, pack, None, what));
            }
        }
    }

    fn unet(&self, real: bool, augment: bool, seed: u64) -> Value {
        let unet = &self.study.unet;
        json!({
            "real": real, "augment": augment, "seed": seed, "steps": unet.steps, "batch": unet.batch,
            "learning_rate": unet.learning_rate, "filters": unet.filters, "depth": unet.depth,
        })
    }
}

impl Extractor {
    /// As commands have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unet => "unet",
            Self::Inception => "inception",
        }
    }
}
