//! The coordinator: plans, starts, takes up what ended, plans again; until nothing is left or somebody says stop.

use crate::exec::{Executor, How, REQUEUE, Start};
use crate::packs;
use crate::plan::{Plan, Planned, Planner, Progress, Stages};
use crate::room;
use crate::store::{GivenUp, Store};
use crate::study::Study;
use crate::task_dir::TaskDir;
use anyhow::Result;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vesalius_data::files::lock::Lock;

/// What happens, for whoever shows it.
#[derive(Debug)]
pub enum Event<'a> {
    /// A worker was started.
    Started(&'a Planned),
    /// There is a result.
    Finished(&'a Planned),
    /// An attempt failed; whether it is tried again.
    Failed(&'a Planned, &'a str, bool),
    /// An attempt was stopped from outside, or lost its job to another task; it goes on.
    Stopped(&'a Planned),
    /// It was cancelled.
    Cancelled(&'a Planned),
    /// What the executor has to say.
    Note(&'a str),
    /// Some time passed.
    Tick(&'a Plan, &'a Progress, &'a [Arc<Planned>]),
}

/// How a study ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is left to do; so many tasks were given up.
    Done {
        /// Failed too often.
        failed: usize,
    },
    /// Asked to stop; workers wrote their checkpoints, or go on without a coordinator.
    Stopped,
}

/// Between two looks at the workers.
const TICK: Duration = Duration::from_millis(50);
/// Between two looks at whether somebody cancelled a running task: a file of its folder, perhaps on a shared disk.
const CANCELLED: Duration = Duration::from_secs(1);

/// Runs a study to its end. While the disk is full it waits, and says so; its workers do the same.
///
/// # Errors
/// When somebody else coordinates in its folder, a pack or a result changed, or a worker cannot be started. Workers are
/// ended; whatever they published is taken up next time.
pub fn run(
    study: &Study,
    stages: &dyn Stages,
    executor: &mut dyn Executor,
    stop: &dyn Fn() -> bool,
    report: &mut dyn FnMut(Event),
) -> Result<Ended> {
    let mut patience = room::Patience::default();
    loop {
        match until_full(study, stages, executor, stop, report) {
            Err(error) if room::lacks(&error) => {
                // Workers that this coordinator forgot would be started twice.
                if !executor.stop_all() {
                    while executor.is_at_work() {
                        executor.ended()?;
                        std::thread::sleep(TICK);
                    }
                }
                report(Event::Note(&format!("{error:#}; waiting for room, then it goes on")));
                if !patience.wait(&study.folder(), stop) {
                    return Ok(Ended::Stopped);
                }
            }
            other => return other,
        }
    }
}

fn until_full(
    study: &Study,
    stages: &dyn Stages,
    executor: &mut dyn Executor,
    stop: &dyn Fn() -> bool,
    report: &mut dyn FnMut(Event),
) -> Result<Ended> {
    let packs = packs::open(study)?;
    let out = study.folder();
    let _lock = Lock::take(&out)?;
    let store = Store::open(&out)?;
    store.verify()?;
    packs::same(study, &packs)?;
    let known = store.progress()?;
    let mut planner = Planner::new(study, packs, stages);
    let mut work = Work { out: &out, store, executor, known, running: vec![], report };
    // Results published while nobody coordinated are taken up first, however many rounds of planning they unlock.
    let mut plan = loop {
        let plan = planner.plan(&work.known)?;
        if !work.take_up_folders(&plan)? {
            break plan;
        }
    };
    work.adopt(&plan)?;
    let mut stopping = false;
    let (mut changed, mut room) = (true, 0);
    let mut looked = Instant::now();
    let mut said_full = false;
    loop {
        if stop() && !stopping {
            stopping = true;
            let let_go = work.executor.stop_all();
            work.say();
            if let_go {
                return Ok(Ended::Stopped);
            }
        }
        // Only a result or more room lets tasks start: an idle coordinator does not go through its plan.
        let more_room = work.executor.free() > room;
        if !stopping && (std::mem::take(&mut changed) || more_room) {
            work.start(&plan)?;
            room = work.executor.free();
        }
        if work.running.is_empty() && (stopping || plan.ready(&work.known).next().is_none()) {
            break;
        }
        if looked.elapsed() >= CANCELLED {
            looked = Instant::now();
            work.stop_cancelled();
            let is_full = room::is_full(&out);
            if is_full && !said_full {
                let note =
                    format!("{}: the disk is full; tasks wait until there is room", out.display());
                (work.report)(Event::Note(&note));
            }
            said_full = is_full;
        }
        let ended = work.executor.ended()?;
        work.say();
        if ended.is_empty() {
            (work.report)(Event::Tick(&plan, &work.known, &work.running));
            std::thread::sleep(TICK);
            continue;
        }
        for (key, how) in ended {
            work.known.running.remove(&key);
            let running = work.running.iter().position(|planned| planned.key == key);
            let planned = running.map(|at| work.running.swap_remove(at));
            // Adopted ones may be of another study in this folder, or over long ago.
            let planned = planned.or_else(|| {
                let of_plan = plan.tasks.iter().find(|planned| planned.key == key).cloned();
                of_plan.filter(|planned| !work.known.finished.contains_key(&planned.key))
            });
            if let Some(planned) = planned {
                work.take_up(&planned, Some(&how))?;
            }
        }
        plan = planner.plan(&work.known)?;
        changed = true;
    }
    if stopping && plan.ready(&work.known).next().is_some() {
        return Ok(Ended::Stopped);
    }
    let failed = |planned: &&Arc<Planned>| {
        matches!(work.store.given_up(&planned.key), Ok(Some(GivenUp::Failed(_))))
    };
    Ok(Ended::Done { failed: plan.tasks.iter().filter(failed).count() })
}

/// What a coordinator holds.
struct Work<'a> {
    out: &'a Path,
    store: Store,
    executor: &'a mut dyn Executor,
    known: Progress,
    running: Vec<Arc<Planned>>,
    report: &'a mut dyn FnMut(Event),
}

impl Work<'_> {
    fn folder(&self, planned: &Planned) -> TaskDir {
        TaskDir::of(self.out, planned.task.stage, &planned.key)
    }

    fn say(&mut self) {
        for note in self.executor.notes() {
            (self.report)(Event::Note(&note));
        }
    }

    /// Tasks that went on without a coordinator.
    fn adopt(&mut self, plan: &Plan) -> Result<()> {
        self.known.running.extend(self.executor.adopt()?);
        let at_work = |planned: &&Arc<Planned>| {
            self.known.running.contains(&planned.key)
                && !self.known.finished.contains_key(&planned.key)
        };
        self.running = plan.tasks.iter().filter(at_work).cloned().collect();
        if !self.running.is_empty() {
            let note =
                format!("{} tasks of an earlier coordinator are at work", self.running.len());
            (self.report)(Event::Note(&note));
        }
        Ok(())
    }

    fn stop_cancelled(&mut self) {
        for planned in &self.running {
            if TaskDir::of(self.out, planned.task.stage, &planned.key).is_cancelled() {
                self.executor.stop(&planned.key);
            }
        }
    }

    /// Starts what can be started.
    fn start(&mut self, plan: &Plan) -> Result<()> {
        let free = self.executor.free();
        let ready: Vec<Arc<Planned>> = plan.ready(&self.known).take(free).cloned().collect();
        let mut starting = Vec::new();
        let mut starts = Vec::new();
        for planned in ready {
            let folder = self.folder(&planned);
            folder.create(&planned.task)?;
            if folder.is_cancelled() || folder.is_finished() {
                self.take_up(&planned, None)?;
                continue;
            }
            starts.push(Start { stage: planned.task.stage, key: planned.key.clone(), folder });
            starting.push(planned);
        }
        self.executor.start(starts)?;
        for planned in starting {
            self.known.running.insert(planned.key.clone());
            (self.report)(Event::Started(&planned));
            self.running.push(planned);
        }
        Ok(())
    }

    /// Takes up folders that say more than the store. Whether there were any.
    fn take_up_folders(&mut self, plan: &Plan) -> Result<bool> {
        let mut any = false;
        for planned in &plan.tasks {
            if self.known.finished.contains_key(&planned.key) {
                continue;
            }
            let given_up = self.known.given_up.contains(&planned.key);
            // A retry took a failure or a cancellation back.
            if self.folder(planned).path().exists() || given_up {
                let before = (self.known.finished.len(), given_up);
                self.take_up(planned, None)?;
                let after = self.known.given_up.contains(&planned.key);
                any |= before != (self.known.finished.len(), after);
            }
        }
        Ok(any)
    }

    /// Takes up what a folder says; `how` its worker ended, if one has just done so.
    fn take_up(&mut self, planned: &Arc<Planned>, how: Option<&How>) -> Result<()> {
        let (stage, key) = (planned.task.stage, &planned.key);
        let folder = self.folder(planned);
        let end = how.map_or(Ok(End::Known), |how| note_end(&folder, how))?;
        let given_up = self.store.take_up(stage, key)?;
        self.known.given_up.remove(key);
        if folder.is_finished() {
            let (result, _) = folder.result()?;
            self.known.finished.insert(key.clone(), crate::plan::finished(&result));
            if how.is_some() {
                (self.report)(Event::Finished(planned));
            }
            return Ok(());
        }
        if given_up.is_some() {
            self.known.given_up.insert(key.clone());
        }
        match (&given_up, end) {
            (Some(GivenUp::Cancelled), _) if how.is_some() => {
                (self.report)(Event::Cancelled(planned));
            }
            (Some(GivenUp::Failed(failure)), End::Failed | End::Stopped) => {
                (self.report)(Event::Failed(planned, &failure.reason, false));
            }
            (None, End::Failed) => {
                let failures = folder.failures()?;
                let reason = failures.last().map_or("", |failure| failure.reason.as_str());
                (self.report)(Event::Failed(planned, reason, true));
            }
            (None, End::Stopped) => (self.report)(Event::Stopped(planned)),
            _ => {}
        }
        Ok(())
    }
}

/// How an attempt ended that left no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its folder says it all.
    Known,
    Failed,
    Stopped,
}

/// Notes in a task's folder how its worker ended, unless the worker did so itself.
fn note_end(folder: &TaskDir, how: &How) -> Result<End> {
    if folder.is_finished() || folder.is_cancelled() {
        return Ok(End::Known);
    }
    let last = folder.attempts()?.last().copied();
    // A worker that notes its end does so last, and its words stay. One that died before it had an attempt of its own
    // gets one, so that it counts.
    let of_this = |its_words_count: bool| match last {
        Some(last) if its_words_count || !folder.is_noted(last) => Ok(last),
        _ => folder.begin_attempt(),
    };
    match how {
        How::Interrupted => Ok(End::Stopped),
        How::Exit(REQUEUE) => {
            folder.note_stop(of_this(false)?, false)?;
            Ok(End::Stopped)
        }
        How::Left { before, .. }
            if last.is_some_and(|last| last > *before && folder.is_noted(last)) =>
        {
            let failed =
                last.is_some_and(|last| folder.attempt(last).join("failure.json").exists());
            Ok(if failed { End::Failed } else { End::Stopped })
        }
        How::Left { before, .. } => {
            let attempt = match last.filter(|last| last > before) {
                Some(last) => last,
                None => folder.begin_attempt()?,
            };
            folder.note_failure(attempt, &how.describe())?;
            Ok(End::Failed)
        }
        how => {
            folder.note_failure(of_this(*how == How::Exit(1))?, &how.describe())?;
            Ok(End::Failed)
        }
    }
}
