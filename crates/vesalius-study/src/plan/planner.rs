//! Searches into trainings: which points are tried, one training per seed, in an order that is fair to all GANs.

use super::progress::Progress;
use super::samples::Samples;
use super::tasks::{Ask, PackInfo, Plan, Planned, Stages};
use crate::search::{self, Known, Share, Trial};
use crate::study::{Gan, Study};
use crate::task::{Key, PackInput, Stage, Task, TaskInput};
use anyhow::Result;
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// Makes plans of one study; remembers what it resolved, and nothing that changes a plan.
pub struct Planner<'a> {
    pub(super) study: &'a Study,
    packs: Vec<PackInfo>,
    pub(super) stages: &'a dyn Stages,
    made: HashMap<String, Arc<Planned>>,
    painting: HashSet<Key>,
    shares: Vec<usize>,
}

impl std::fmt::Debug for Planner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planner").field("study", &self.study.name).finish_non_exhaustive()
    }
}

/// One GAN on one dataset.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) pack: &'a PackInfo,
    pub(super) gan: &'a Gan,
    runs: usize,
}

impl Group<'_> {
    fn label(&self) -> String {
        format!("{}/{}", self.pack.name, self.gan.name())
    }
}

impl<'a> Planner<'a> {
    /// `packs` in the order of the study's datasets.
    pub fn new(study: &'a Study, packs: Vec<PackInfo>, stages: &'a dyn Stages) -> Self {
        Self {
            study,
            packs,
            stages,
            made: HashMap::new(),
            painting: HashSet::new(),
            shares: study.shares(),
        }
    }

    /// The plan.
    ///
    /// # Errors
    /// When a training cannot be resolved.
    pub fn plan(&mut self, known: &Progress) -> Result<Plan> {
        let mut plan = Plan::default();
        let packs = self.packs.clone();
        let judges: Vec<Arc<Planned>> =
            packs.iter().map(|pack| judge(pack, pack_input(pack), "")).collect();
        plan.tasks.extend(judges.iter().cloned());
        for pack in &packs {
            self.baselines(pack, &mut plan)?;
            self.dose_without_gans(pack, &mut plan)?;
            self.noise(pack, known, &mut plan)?;
            self.imported(pack, known, &mut plan)?;
        }
        let mut searches = Vec::new();
        let study = self.study;
        for (index, (dataset, gan)) in study.groups().enumerate() {
            let group = Group { pack: &packs[dataset], gan, runs: self.shares[index] };
            let judge = &judges[dataset].key;
            searches.push((group, self.search(group, judge, known, &mut plan.later)?));
        }
        self.add_trainings(&mut plan, &searches, known);
        // Masks of another GAN: its pairs stand before the tasks that need them.
        let mut samples = Samples::new();
        for anothers in [false, true] {
            for (group, search) in &searches {
                if group.paints_anothers() == anothers {
                    let name = (group.pack.name.clone(), group.gan.name());
                    let sampled = self.best(*group, search, known, &samples, &mut plan)?;
                    samples.insert(name, sampled);
                }
            }
        }
        Ok(plan)
    }

    /// Trial by trial, so that no GAN waits for another's whole search; none that the hours do not pay for.
    fn add_trainings(&self, plan: &mut Plan, searches: &[(Group, Search)], known: &Progress) {
        let all = || searches.iter().flat_map(|(_, search)| &search.trainings);
        let secs_of = |key| known.finished.get(key).map_or(0.0, |finished| finished.wall_secs);
        // A training that goes on counts the seconds of the one before as its own.
        let mut counted = HashSet::new();
        let secs: f64 = all()
            .filter(|planned| counted.insert(&planned.key))
            .filter(|planned| known.finished.contains_key(&planned.key))
            .map(|planned| {
                let before = planned.task.input("continues").map_or(0.0, |i| secs_of(&i.key));
                secs_of(&planned.key) - before
            })
            .sum();
        let spent = self.study.budget.hours.is_some_and(|hours| secs >= hours * 3600.0);
        // Points that differ in what they say may be the same training: `1` and `1.0`.
        let mut named = HashSet::new();
        let longest = searches.iter().map(|(_, s)| s.trainings.len()).max().unwrap_or(0);
        for i in 0..longest {
            for planned in searches.iter().filter_map(|(_, search)| search.trainings.get(i)) {
                if !named.insert(&planned.key) {
                    continue;
                }
                let begun = known.finished.contains_key(&planned.key)
                    || known.given_up.contains(&planned.key)
                    || known.running.contains(&planned.key);
                if spent && !begun {
                    plan.withheld += 1;
                } else {
                    plan.tasks.push(Arc::clone(planned));
                }
            }
        }
        if spent {
            plan.withheld += plan.later.remove(&Stage::Train).unwrap_or(0);
        }
    }

    fn search(
        &mut self,
        group: Group,
        judge: &Key,
        known: &Progress,
        later: &mut BTreeMap<Stage, usize>,
    ) -> Result<Search> {
        let study = self.study;
        let space = study.space(group.gan);
        let seeds = &study.seeds;
        let share = Share { trials: group.runs / seeds.len(), kimg: study.kimg(group.gan) };
        let sampler = *study.search.sampler.get_ref();
        let mut failure = None;
        let label = group.label();
        let proposal = search::propose(sampler, space, share, &label, &mut |trials, i| match self
            .trainings(group, judge, trials, i)
        {
            Ok(trainings) => score(&trainings, known),
            Err(error) => {
                failure.get_or_insert(error);
                Known::Not
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        *later.entry(Stage::Train).or_default() += proposal.later * seeds.len();
        let mut search = Search { over: proposal.later == 0, ..Search::default() };
        for i in 0..proposal.trials.len() {
            let trainings = self.trainings(group, judge, &proposal.trials, i)?;
            search.paints_masks |= self.painting.contains(&trainings[0].key);
            search.trainings.extend(trainings);
        }
        Ok(search)
    }

    /// The trainings of a trial, one per seed.
    fn trainings(
        &mut self,
        group: Group,
        judge: &Key,
        trials: &[Trial],
        i: usize,
    ) -> Result<Vec<Arc<Planned>>> {
        let study = self.study;
        study.seeds.iter().map(|&seed| self.training(group, judge, trials, i, seed)).collect()
    }

    fn training(
        &mut self,
        group: Group,
        judge: &Key,
        trials: &[Trial],
        i: usize,
        seed: u64,
    ) -> Result<Arc<Planned>> {
        let trial = &trials[i];
        let chosen = self.study.space(group.gan).settings(&trial.point);
        let name = format!("{}|{:?}|{seed}|{:?}", group.label(), chosen, trial.kimg);
        if let Some(planned) = self.made.get(&name) {
            return Ok(Arc::clone(planned));
        }
        let mut settings = self.study.settings(group.gan);
        settings.extend(chosen.iter().cloned());
        let preset = group.gan.preset.get_ref();
        let init = self.study.init_of(group.gan);
        let init_from = init.as_deref();
        let ask = Ask { preset, settings: &settings, init_from, kimg: trial.kimg, seed };
        let resolved = self.stages.training(&ask)?;
        let mut inputs = vec![input("judge", Stage::Judge, judge)];
        if let Some(from) = trial.continues {
            let shorter = self.training(group, judge, trials, from, seed)?;
            inputs.push(input("continues", Stage::Train, &shorter.key));
        }
        let learned = learned(group.gan, pack_input(group.pack));
        let task = Task::new(Stage::Train, vec![learned], inputs, resolved.spec);
        let mut what = chosen.join(" ");
        if self.study.seeds.len() > 1 {
            let _ = write!(what, " seed {seed}");
        }
        let planned = planned(task, group.pack, Some(&group.gan.name()), what);
        if resolved.paints_masks {
            self.painting.insert(planned.key.clone());
        }
        self.made.insert(name, Arc::clone(&planned));
        Ok(planned)
    }
}

/// The search of one group.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) trainings: Vec<Arc<Planned>>,
    /// No trial follows.
    pub(super) over: bool,
    pub(super) paints_masks: bool,
}

/// Mean over the seeds; a seed without a number leaves the point without one.
fn score(trainings: &[Arc<Planned>], known: &Progress) -> Known {
    let mut sum = 0.0;
    let mut missing = false;
    for planned in trainings {
        match known.finished.get(&planned.key) {
            Some(finished) => match finished.distance {
                Some(distance) => sum += distance,
                None => missing = true,
            },
            None if known.given_up.contains(&planned.key) => missing = true,
            None => return Known::Not,
        }
    }
    if missing { Known::NoScore } else { Known::Score(sum / trainings.len() as f64) }
}

/// The network that measures distances on a pack or on a part of it, which `words` name: ` of 4 patients`.
pub(super) fn judge(pack: &PackInfo, input: PackInput, words: &str) -> Arc<Planned> {
    let task = Task::new(Stage::Judge, seen(pack, Stage::Judge, &[input]), vec![], json!({}));
    planned(task, pack, None, format!("U-Net that measures distances{words}"))
}

pub(super) fn planned(
    task: Task,
    pack: &PackInfo,
    gan: Option<&String>,
    what: String,
) -> Arc<Planned> {
    let key = task.key();
    Arc::new(Planned { key, task, dataset: pack.name.clone(), gan: gan.cloned(), what })
}

/// Packs as a stage sees them: planes of volumes, where it looks at slices.
pub(super) fn seen(pack: &PackInfo, stage: Stage, inputs: &[PackInput]) -> Vec<PackInput> {
    let planes = pack.planes > 1 && stage.sees_slices();
    inputs.iter().map(|input| if planes { input.planes() } else { input.clone() }).collect()
}

/// The pack that a GAN is trained on.
pub(super) fn learned(gan: &Gan, input: PackInput) -> PackInput {
    if gan.slices { input.planes() } else { input }
}

pub(super) fn pack_input(pack: &PackInfo) -> PackInput {
    PackInput { role: "real".to_owned(), path: pack.path.clone(), digest: pack.digest.clone() }
}

pub(super) fn input(role: &str, stage: Stage, key: &Key) -> TaskInput {
    TaskInput { role: role.to_owned(), stage, key: key.clone() }
}
