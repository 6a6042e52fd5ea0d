//! From a study and what is known so far to the tasks it needs: a function, run again after every result. Nothing else
//! remembers what comes next.

use crate::search::{self, Known, Share, Trial};
use crate::study::{Extractor, Gan, Masks, Study};
use crate::task::{Key, PackInput, Stage, Task, TaskInput};
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// A training that a study asks for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Name of the preset.
    pub preset: &'a str,
    /// `path=value`, in order.
    pub settings: &'a [String],
    /// Length, thousands of images.
    pub kimg: f64,
    /// Key of its randomness.
    pub seed: u64,
}

/// A training as its stage understands it; opaque here.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Every setting.
    pub spec: Value,
    /// Whether its GAN paints masks and has to be given some.
    pub paints_masks: bool,
}

/// Turns what a study says of a training into its spec; the crate of the GANs knows how.
pub type Resolve<'a> = dyn Fn(&Ask) -> Result<Resolved> + 'a;

/// A dataset of the study as it lies on the disk.
#[derive(Debug, Clone, PartialEq)]
pub struct PackInfo {
    /// What the study calls it.
    pub name: String,
    /// Absolute path.
    pub path: PathBuf,
    /// Of the pack.
    pub digest: String,
}

/// What is left of a result that a plan needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Finished {
    /// When and how a training broke down.
    pub diverged: Option<String>,
    /// Least Fréchet distance during a training.
    pub distance: Option<f64>,
    /// Over all attempts.
    pub wall_secs: f64,
    /// Images it worked through.
    pub images: Option<u64>,
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Results.
    pub finished: HashMap<Key, Finished>,
    /// Failed too often, or cancelled: there will be no result.
    pub given_up: HashSet<Key>,
    /// At work now.
    pub running: HashSet<Key>,
}

/// A task with what people want to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Its name.
    pub key: Key,
    /// What to do.
    pub task: Task,
    /// What the study calls the dataset.
    pub dataset: String,
    /// Name of the preset, where one is involved.
    pub gan: Option<String>,
    /// Settings that the search chose, or what a U-Net is trained on.
    pub what: String,
}

/// The best run of one GAN on one dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct BestRun {
    /// What the study calls the dataset.
    pub dataset: String,
    /// Name of the preset.
    pub gan: String,
    /// Its training.
    pub key: Key,
    /// Its distance.
    pub distance: f64,
    /// Whether the search of this group is over.
    pub last_word: bool,
    /// Settings that the search chose.
    pub what: String,
}

/// What a study needs as far as it can be told.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Tasks, finished or not, in the order in which they are best started.
    pub tasks: Vec<Arc<Planned>>,
    /// Tasks that can be named once more is known, by stage.
    pub later: BTreeMap<Stage, usize>,
    /// Trainings that the budget of hours does not pay for.
    pub withheld: usize,
    /// The best runs so far.
    pub best: Vec<BestRun>,
}

impl Plan {
    /// Tasks that could start now.
    pub fn ready<'a>(&'a self, known: &'a Progress) -> impl Iterator<Item = &'a Arc<Planned>> {
        self.tasks.iter().filter(|planned| {
            let over = |key| known.finished.contains_key(key) || known.given_up.contains(key);
            let inputs = &planned.task.inputs;
            !over(&planned.key)
                && !known.running.contains(&planned.key)
                && inputs.iter().all(|input| known.finished.contains_key(&input.key))
        })
    }

    /// Tasks that wait for one that was given up, however far back.
    pub fn blocked(&self, known: &Progress) -> HashSet<Key> {
        let mut dead = known.given_up.clone();
        let mut blocked = HashSet::new();
        for planned in &self.tasks {
            // Inputs stand before what needs them, but for interleaved halving: those are of finished trials.
            let waits = planned.task.inputs.iter().any(|input| dead.contains(&input.key));
            if waits && !known.finished.contains_key(&planned.key) {
                dead.insert(planned.key.clone());
                blocked.insert(planned.key.clone());
            }
        }
        blocked
    }
}

/// Makes plans of one study; remembers what it resolved, and nothing that changes a plan.
pub struct Planner<'a> {
    study: &'a Study,
    packs: Vec<PackInfo>,
    resolve: &'a Resolve<'a>,
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
struct Group<'a> {
    pack: &'a PackInfo,
    gan: &'a Gan,
    runs: usize,
}

impl Group<'_> {
    fn label(&self) -> String {
        format!("{}/{}", self.pack.name, self.gan.preset.get_ref())
    }
}

impl<'a> Planner<'a> {
    /// `packs` in the order of the study's datasets.
    pub fn new(study: &'a Study, packs: Vec<PackInfo>, resolve: &'a Resolve<'a>) -> Self {
        Self {
            study,
            packs,
            resolve,
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
        let judges: Vec<Arc<Planned>> = packs.iter().map(judge).collect();
        plan.tasks.extend(judges.iter().cloned());
        for pack in &packs {
            self.baselines(pack, &mut plan);
        }
        let mut searches = Vec::new();
        let study = self.study;
        for (index, (dataset, gan)) in study.groups().enumerate() {
            let group = Group { pack: &packs[dataset], gan, runs: self.shares[index] };
            let judge = &judges[dataset].key;
            searches.push((group, self.search(group, judge, known, &mut plan.later)?));
        }
        self.add_trainings(&mut plan, &searches, known);
        for (group, search) in &searches {
            self.best(*group, search, known, &mut plan);
        }
        Ok(plan)
    }

    /// Trial by trial, so that no GAN waits for another's whole search; none that the hours do not pay for.
    fn add_trainings(&self, plan: &mut Plan, searches: &[(Group, Search)], known: &Progress) {
        let all = || searches.iter().flat_map(|(_, search)| &search.trainings);
        let secs_of = |key| known.finished.get(key).map_or(0.0, |finished| finished.wall_secs);
        // A training that goes on counts the seconds of the one before as its own.
        let secs: f64 = all()
            .filter(|planned| known.finished.contains_key(&planned.key))
            .map(|planned| {
                let before = planned.task.input("continues").map_or(0.0, |i| secs_of(&i.key));
                secs_of(&planned.key) - before
            })
            .sum();
        let spent = self.study.budget.hours.is_some_and(|hours| secs >= hours * 3600.0);
        let longest = searches.iter().map(|(_, s)| s.trainings.len()).max().unwrap_or(0);
        for i in 0..longest {
            for planned in searches.iter().filter_map(|(_, search)| search.trainings.get(i)) {
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
        let share = Share { trials: group.runs / seeds.len(), kimg: *study.budget.kimg.get_ref() };
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
        let ask = Ask { preset, settings: &settings, kimg: trial.kimg, seed };
        let resolved = (self.resolve)(&ask)?;
        let mut inputs = vec![input("judge", Stage::Judge, judge)];
        if let Some(from) = trial.continues {
            let shorter = self.training(group, judge, trials, from, seed)?;
            inputs.push(input("continues", Stage::Train, &shorter.key));
        }
        let task = Task::new(Stage::Train, vec![pack_input(group.pack)], inputs, resolved.spec);
        let mut what = chosen.join(" ");
        if self.study.seeds.len() > 1 {
            let _ = write!(what, " seed {seed}");
        }
        let planned = planned(task, group.pack, Some(preset), what);
        if resolved.paints_masks {
            self.painting.insert(planned.key.clone());
        }
        self.made.insert(name, Arc::clone(&planned));
        Ok(planned)
    }

    /// What happens to the best run of a group, as far as it can be told.
    fn best(&self, group: Group, search: &Search, known: &Progress, plan: &mut Plan) {
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
        let Some(best) = &self.study.best else { return };
        let winner = runs.first().filter(|_| last_word).map(|(planned, _)| *planned);
        let dead = last_word && winner.is_none();
        let nobody;
        let train = match winner {
            Some(planned) => &planned.key,
            None if dead => return, // every training diverged or was given up
            None => {
                nobody = Key::from("0".repeat(64));
                &nobody
            }
        };
        let masks = search.paints_masks.then_some(group.gan.masks);
        let masks = match masks {
            None => "none",
            Some(Masks::Training) => "training",
            Some(Masks::Warped) => "warped",
        };
        let spec = json!({
            "count": best.count.get_ref(), "seed": best.seed, "truncation": 1.0, "masks": masks,
        });
        let pack = || vec![pack_input(group.pack)];
        let sample =
            Task::new(Stage::Sample, pack(), vec![input("run", Stage::Train, train)], spec);
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
            if winner.is_some() {
                plan.tasks.push(planned(task, group.pack, Some(gan), what));
            } else {
                *plan.later.entry(task.stage).or_default() += 1;
            }
        }
    }

    fn baselines(&self, pack: &PackInfo, plan: &mut Plan) {
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

/// The search of one group.
#[derive(Debug, Default)]
struct Search {
    trainings: Vec<Arc<Planned>>,
    /// No trial follows.
    over: bool,
    paints_masks: bool,
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

fn judge(pack: &PackInfo) -> Arc<Planned> {
    let task = Task::new(Stage::Judge, vec![pack_input(pack)], vec![], json!({}));
    planned(task, pack, None, "U-Net that measures distances".to_owned())
}

fn planned(task: Task, pack: &PackInfo, gan: Option<&String>, what: String) -> Arc<Planned> {
    let key = task.key();
    Arc::new(Planned { key, task, dataset: pack.name.clone(), gan: gan.cloned(), what })
}

fn pack_input(pack: &PackInfo) -> PackInput {
    PackInput { role: "real".to_owned(), path: pack.path.clone(), digest: pack.digest.clone() }
}

fn input(role: &str, stage: Stage, key: &Key) -> TaskInput {
    TaskInput { role: role.to_owned(), stage, key: key.clone() }
}
