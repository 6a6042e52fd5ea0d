//! U-Nets of a study: what each is trained on, and which share of a batch is synthetic.

use super::planner::{Planner, pack_input, planned, seen};
use super::progress::Progress;
use super::tasks::{PackInfo, Plan};
use crate::study::Best;
use crate::task::{Key, PackInput, Stage, Task, TaskInput};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a U-Net is trained on, beside its packs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Diet {
    pub real: bool,
    pub augment: bool,
    /// Share of each batch that is synthetic.
    pub share: Option<f64>,
    /// How many of the synthetic pairs; all where it is not said.
    pub images: Option<usize>,
    /// Whether each has the mask of another.
    pub shuffled: bool,
}

impl Diet {
    /// In words.
    fn words(&self) -> String {
        let mut words = match (self.real, self.augment) {
            (true, false) => "real + synthetic",
            (true, true) => "real + synthetic, augmented",
            (false, _) => "synthetic",
        }
        .to_owned();
        if self.shuffled {
            words += ", labels shuffled";
        }
        if let Some(images) = self.images {
            let _ = write!(words, ", {images} images");
        }
        if let Some(share) = self.share {
            let _ = write!(words, ", share {share}");
        }
        words
    }
}

/// Synthetic pairs that U-Nets are trained on: whose, beside which real pack, by which tasks or packs.
pub(super) struct Pairs<'p> {
    pub pack: &'p PackInfo,
    pub gan: &'p str,
    /// The real pack, and the synthetic one where no task makes it.
    pub packs: Vec<PackInput>,
    /// The task that makes the synthetic one.
    pub inputs: Vec<TaskInput>,
    /// Whether these can be named already.
    pub named: bool,
    /// What tells these from others of the GAN: ` of 4 patients`.
    pub words: String,
}

impl Pairs<'_> {
    /// Adds a task to the plan, or one to those that come later.
    pub(super) fn add(&self, stage: Stage, spec: Value, what: String, plan: &mut Plan) -> Key {
        self.of(seen(self.pack, stage, &self.packs), stage, spec, what, plan)
    }

    /// The same of whole volumes, whatever the stage looks at otherwise.
    pub(super) fn add_whole(&self, stage: Stage, spec: Value, what: String, plan: &mut Plan) {
        self.of(self.packs.clone(), stage, spec, what, plan);
    }

    fn of(
        &self,
        packs: Vec<PackInput>,
        stage: Stage,
        spec: Value,
        what: String,
        plan: &mut Plan,
    ) -> Key {
        let task = Task::new(stage, packs, self.inputs.clone(), spec);
        let key = task.key();
        if self.named {
            let gan = self.gan.to_owned();
            plan.tasks.push(planned(task, self.pack, Some(&gan), what + &self.words));
        } else {
            *plan.later.entry(stage).or_default() += 1;
        }
        key
    }
}

impl Planner<'_> {
    /// A U-Net of each seed.
    ///
    /// # Errors
    /// Settings that the stage does not know.
    pub(super) fn unets(&self, pairs: &Pairs, diet: Diet, plan: &mut Plan) -> Result<Vec<Key>> {
        self.unets_of(pairs, diet, &self.study.unet.seeds, plan)
    }

    fn unets_of(
        &self,
        pairs: &Pairs,
        diet: Diet,
        seeds: &[u64],
        plan: &mut Plan,
    ) -> Result<Vec<Key>> {
        let one = |&seed: &u64| {
            let spec = self.stages.settings(Stage::Segment, self.unet(diet, seed)?)?;
            let what = format!("U-Net on {}, seed {seed}", diet.words());
            Ok(pairs.add(Stage::Segment, spec, what, plan))
        };
        seeds.iter().map(one).collect()
    }

    /// U-Nets on real and synthetic pairs: with several shares one of each, and the other seeds for the one whose
    /// validation patients came out best.
    ///
    /// # Errors
    /// Settings that the stage does not know.
    pub(super) fn with_real(
        &self,
        pairs: &Pairs,
        best: &Best,
        known: &Progress,
        plan: &mut Plan,
    ) -> Result<()> {
        let diet = Diet { real: true, ..Diet::default() };
        let Some(shares) = &best.shares else {
            return self.unets(pairs, diet, plan).map(|_| ());
        };
        let (first, others) = self.study.unet.seeds.split_at(1);
        let mut tried = vec![];
        for &share in shares.get_ref() {
            let diet = Diet { share: Some(share), ..diet };
            let key = self.unets_of(pairs, diet, first, plan)?.remove(0);
            let over = known.given_up.contains(&key);
            let found = known.finished.get(&key);
            tried.push((diet, found.and_then(|found| found.validation), over || found.is_some()));
        }
        let all_over = tried.iter().all(|(_, _, over)| *over);
        let scored = tried.iter().filter_map(|(diet, score, _)| Some((*diet, (*score)?)));
        match scored.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|_| all_over) {
            Some((diet, _)) => self.unets_of(pairs, diet, others, plan).map(|_| ()),
            None if all_over => Ok(()),
            None => {
                *plan.later.entry(Stage::Segment).or_default() += others.len();
                Ok(())
            }
        }
    }

    /// U-Nets on real pairs alone.
    ///
    /// # Errors
    /// Settings that the stage does not know.
    pub(super) fn baselines(&self, pack: &PackInfo, plan: &mut Plan) -> Result<()> {
        let baselines = self.study.baselines;
        let kinds =
            [(baselines.real, false, "real"), (baselines.real_augmented, true, "augmented")];
        for (_, augment, what) in kinds.into_iter().filter(|kind| kind.0) {
            self.real(pack, &pack_input(pack), augment, what, plan)?;
        }
        Ok(())
    }

    /// The same on a pack, or on a part of it.
    ///
    /// # Errors
    /// Settings that the stage does not know.
    pub(super) fn real(
        &self,
        pack: &PackInfo,
        input: &PackInput,
        augment: bool,
        what: &str,
        plan: &mut Plan,
    ) -> Result<()> {
        for &seed in &self.study.unet.seeds {
            let said = self.unet(Diet { real: true, augment, ..Diet::default() }, seed)?;
            let spec = self.stages.settings(Stage::Segment, said)?;
            let task = Task::new(Stage::Segment, vec![input.clone()], vec![], spec);
            plan.tasks.push(planned(task, pack, None, format!("U-Net on {what}, seed {seed}")));
        }
        Ok(())
    }

    /// Synthetic pairs that such a U-Net sees during its training, where its settings say.
    ///
    /// # Errors
    /// Settings that the stage does not know.
    pub(super) fn seen(&self, diet: Diet) -> Result<Option<f64>> {
        let seed = self.study.unet.seeds.first().copied().unwrap_or_default();
        let spec = self.stages.settings(Stage::Segment, self.unet(diet, seed)?)?;
        let slices = spec["steps"].as_f64().zip(spec["batch"].as_f64());
        Ok(slices.map(|(steps, batch)| steps * batch * diet.share.unwrap_or(0.5)))
    }

    /// What the study says of a U-Net; the file cannot say what the plan does.
    fn unet(&self, diet: Diet, seed: u64) -> Result<Value> {
        let mut said = serde_json::to_value(self.study.unet.settings())?;
        let Diet { real, augment, share, images, shuffled } = diet;
        let planned = [
            ("real", json!(real)),
            ("augment", json!(augment)),
            ("seed", json!(seed)),
            ("share", json!(share)),
            ("images", json!(images)),
            ("shuffled", if shuffled { json!(true) } else { Value::Null }),
        ];
        for (name, value) in planned {
            if !said[name].is_null() {
                bail!(
                    "{}: [unet]: {name} is not to be set, expected it in [best], [baselines], [controls] and [dose]",
                    self.study.at_line("[unet]")
                );
            }
            if let (Value::Object(said), false) = (&mut said, value.is_null()) {
                said.insert(name.to_owned(), value);
            }
        }
        self.say_precision(&mut said);
        Ok(said)
    }
}
