//! What stands beside the searches: what happens to the best run of each GAN, controls, other programs' images.

use super::dose;
use super::planner::{Group, Planner, Search, input, pack_input};
use super::progress::Progress;
use super::samples::{Sampled, Samples};
use super::tasks::{BestRun, PackInfo, Plan, Planned};
use super::unets::{Diet, Pairs};
use crate::study::{Best, Masks, includes};
use crate::task::{Key, PackInput, Stage};
use anyhow::Result;
use serde_json::{Value, json};
use std::sync::Arc;
use vesalius_data::pack::row::MEMORY;

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
        let gan = &group.gan.name();
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
        if group.gan.training_styles() {
            spec["training_styles"] = json!(true);
        }
        if group.gan.slices {
            spec["stack"] = json!(group.pack.planes);
        }
        self.say_precision(&mut spec);
        let spec = self.stages.settings(Stage::Sample, spec)?;
        let sampling = Pairs {
            pack: group.pack,
            gan,
            packs: vec![pack_input(group.pack)],
            inputs,
            named,
            words: String::new(),
        };
        let what = format!("{} pairs", best.count.get_ref());
        let synthetic = sampling.add(Stage::Sample, spec.clone(), what, plan);
        let inputs = vec![input("synthetic", Stage::Sample, &synthetic)];
        let pairs = Pairs { inputs, ..sampling };
        self.judged(&pairs, best, known, plan)?;
        self.controls(group, &pairs, best, plan)?;
        let found = dose::Best { winner, pairs, sampling: &spec };
        self.dose(group, &found, known, plan)?;
        Ok(if named { Sampled::By(synthetic) } else { Sampled::Later })
    }

    /// What judges synthetic pairs.
    fn judged(&self, pairs: &Pairs, best: &Best, known: &Progress, plan: &mut Plan) -> Result<()> {
        for (stage, said, what) in best.judges() {
            let spec = self.stages.settings(stage, serde_json::to_value(said)?)?;
            // Whole volumes stand beside their planes.
            if pairs.pack.planes > 1 && self.stages.sees_volumes(stage, &spec)? {
                pairs.add_whole(stage, spec.clone(), format!("{what}, whole volumes"), plan);
            }
            pairs.add(stage, spec, what, plan);
        }
        if best.unet_alone {
            self.unets(pairs, Diet::default(), plan)?;
        }
        if best.unet_with_real {
            self.with_real(pairs, best, known, plan)?;
        }
        Ok(())
    }

    /// Controls with the pairs of a GAN.
    fn controls(&self, group: Group, pairs: &Pairs, best: &Best, plan: &mut Plan) -> Result<()> {
        let controls = &self.study.controls;
        if !includes(controls.gans.as_ref(), group.gan) {
            return Ok(());
        }
        if controls.real_and_synthetic_augmented {
            self.unets(pairs, Diet { real: true, augment: true, ..Diet::default() }, plan)?;
        }
        if controls.labels_shuffled {
            let kinds = [(best.unet_alone, false), (best.unet_with_real, true)];
            for (_, real) in kinds.into_iter().filter(|kind| kind.0) {
                self.unets(pairs, Diet { real, shuffled: true, ..Diet::default() }, plan)?;
            }
        }
        Ok(())
    }

    /// The noise control: a generator that knows training pairs by heart, judged like all others.
    ///
    /// # Errors
    /// Settings that a stage does not know.
    pub(super) fn noise(&self, pack: &PackInfo, known: &Progress, plan: &mut Plan) -> Result<()> {
        let Some(best) = self.study.best.as_ref().filter(|_| self.study.controls.noise) else {
            return Ok(());
        };
        let said = json!({ "count": best.count.get_ref(), "seed": best.seed });
        let made = Pairs {
            pack,
            gan: MEMORY,
            packs: vec![pack_input(pack)],
            inputs: vec![],
            named: true,
            words: String::new(),
        };
        let spec = self.stages.settings(Stage::Memory, said)?;
        let what = format!("{} perturbed training pairs", best.count.get_ref());
        let made_by = made.add(Stage::Memory, spec, what, plan);
        let inputs = vec![input("synthetic", Stage::Memory, &made_by)];
        self.judged(&Pairs { inputs, ..made }, best, known, plan)
    }

    /// What judges other programs' images: all that judges the pairs of a best run.
    ///
    /// # Errors
    /// Settings that a stage does not know.
    pub(super) fn imported(
        &self,
        pack: &PackInfo,
        known: &Progress,
        plan: &mut Plan,
    ) -> Result<()> {
        let Some(best) = &self.study.best else { return Ok(()) };
        for imported in &pack.imported {
            let made = PackInput {
                role: "synthetic".to_owned(),
                path: imported.path.clone(),
                digest: imported.digest.clone(),
            };
            let pairs = Pairs {
                pack,
                gan: &imported.name,
                packs: vec![pack_input(pack), made],
                inputs: vec![],
                named: true,
                words: String::new(),
            };
            self.judged(&pairs, best, known, plan)?;
        }
        Ok(())
    }

    /// The study's arithmetic, where a stage is not given its own.
    pub(super) fn say_precision(&self, said: &mut Value) {
        if !self.study.precision.is_default() && said["precision"].is_null() {
            said["precision"] = json!(self.study.precision);
        }
    }
}
