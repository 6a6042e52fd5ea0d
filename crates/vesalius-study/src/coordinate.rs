//! The coordinator: plans, starts, takes up what ended, plans again; until nothing is left or somebody says stop.

use crate::data::pack::Pack;
use crate::exec::{How, REQUEUE, local::Local};
use crate::lock::Lock;
use crate::plan::{PackInfo, Plan, Planned, Planner, Progress, Resolve};
use crate::publish::write_file;
use crate::store::{GivenUp, Store};
use crate::study::Study;
use crate::task_dir::TaskDir;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What happens, for whoever shows it.
#[derive(Debug)]
pub enum Event<'a> {
    /// A worker was started.
    Started(&'a Planned),
    /// There is a result.
    Finished(&'a Planned),
    /// An attempt failed; whether it is tried again.
    Failed(&'a Planned, &'a str, bool),
    /// It was cancelled.
    Cancelled(&'a Planned),
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
    /// Asked to stop; workers wrote their checkpoints.
    Stopped,
}

/// Between two looks at the workers.
const TICK: Duration = Duration::from_millis(50);

/// The study's packs as they lie on the disk.
///
/// # Errors
/// When one cannot be opened: with line and column of the study file.
pub fn packs(study: &Study) -> Result<Vec<PackInfo>> {
    let open = |dataset: &crate::study::Dataset| {
        let path = study.resolve(dataset.pack.get_ref());
        let pack = Pack::open(&path).with_context(|| study.at(&dataset.pack.span()))?;
        let path = path.canonicalize().with_context(|| format!("{}", path.display()))?;
        Ok(PackInfo { name: dataset.name(), path, digest: pack.digest().to_owned() })
    };
    study.dataset.iter().map(open).collect()
}

/// Refuses packs that changed since this study began; notes them at its start.
fn same_packs(study: &Study, packs: &[PackInfo]) -> Result<()> {
    let path = study.folder().join(format!("packs-{}.json", study.name));
    let mut noted: BTreeMap<String, String> = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| format!("{}: not a list of packs", path.display()))?,
        Err(_) => BTreeMap::new(),
    };
    for pack in packs {
        let before = noted.insert(pack.name.clone(), pack.digest.clone());
        if let Some(before) = before.filter(|before| *before != pack.digest) {
            bail!(
                "{}: digest {:.12}, expected {before:.12}: the pack changed since study {} began; put the old one back, \
                 or give the study another name",
                pack.path.display(),
                pack.digest,
                study.name
            );
        }
    }
    write_file(&path, &serde_json::to_vec_pretty(&noted)?)
}

/// Runs a study to its end.
///
/// # Errors
/// When somebody else coordinates in its folder, a pack or a result changed, a worker cannot be started, or the disk is
/// full. Workers are ended; whatever they published is taken up next time.
pub fn run(
    study: &Study,
    resolve: &Resolve,
    local: &mut Local,
    stop: &dyn Fn() -> bool,
    report: &mut dyn FnMut(Event),
) -> Result<Ended> {
    let packs = packs(study)?;
    let out = study.folder();
    let _lock = Lock::take(&out)?;
    let mut store = Store::open(&out)?;
    store.verify()?;
    same_packs(study, &packs)?;
    let mut planner = Planner::new(study, packs, resolve);
    let mut known = store.progress()?;
    let mut running: Vec<Arc<Planned>> = Vec::new();
    let mut stopping = false;
    // Results published while nobody coordinated are taken up first, however many rounds of planning they unlock.
    let mut plan = loop {
        let plan = planner.plan(&known)?;
        if !take_up_folders(&out, &mut store, &plan, &mut known)? {
            break plan;
        }
    };
    loop {
        if stop() && !stopping {
            stopping = true;
            local.stop_all();
        }
        if !stopping {
            start(&out, &mut store, local, &plan, &mut known, &mut running, report)?;
        }
        if running.is_empty() && (stopping || plan.ready(&known).next().is_none()) {
            break;
        }
        for planned in &running {
            if TaskDir::of(&out, planned.task.stage, &planned.key).is_cancelled() {
                local.stop(&planned.key);
            }
        }
        let ended = local.ended()?;
        if ended.is_empty() {
            report(Event::Tick(&plan, &known, &running));
            std::thread::sleep(TICK);
            continue;
        }
        for (key, how) in ended {
            let at = running.iter().position(|planned| planned.key == key);
            let planned = running.swap_remove(at.context("a worker that nobody started")?);
            known.running.remove(&key);
            take_up(&out, &mut store, &planned, Some(&how), &mut known, report)?;
        }
        plan = planner.plan(&known)?;
    }
    if stopping && plan.ready(&known).next().is_some() {
        return Ok(Ended::Stopped);
    }
    let failed = |planned: &&Arc<Planned>| {
        matches!(store.given_up(&planned.key), Ok(Some(GivenUp::Failed(_))))
    };
    Ok(Ended::Done { failed: plan.tasks.iter().filter(failed).count() })
}

/// Starts what can be started.
fn start(
    out: &Path,
    store: &mut Store,
    local: &mut Local,
    plan: &Plan,
    known: &mut Progress,
    running: &mut Vec<Arc<Planned>>,
    report: &mut dyn FnMut(Event),
) -> Result<()> {
    let ready: Vec<Arc<Planned>> = plan.ready(known).take(local.free()).cloned().collect();
    for planned in ready {
        let folder = TaskDir::of(out, planned.task.stage, &planned.key);
        folder.create(&planned.task)?;
        if folder.is_cancelled() || folder.is_finished() {
            take_up(out, store, &planned, None, known, report)?;
            continue;
        }
        local.start(&planned.key, &folder)?;
        known.running.insert(planned.key.clone());
        report(Event::Started(&planned));
        running.push(planned);
    }
    Ok(())
}

/// Takes up folders that say more than the store. Whether there were any.
fn take_up_folders(
    out: &Path,
    store: &mut Store,
    plan: &Plan,
    known: &mut Progress,
) -> Result<bool> {
    let mut any = false;
    for planned in &plan.tasks {
        if known.finished.contains_key(&planned.key) {
            continue;
        }
        let folder = TaskDir::of(out, planned.task.stage, &planned.key);
        let given_up = known.given_up.contains(&planned.key);
        // A retry took a failure or a cancellation back.
        if folder.path().exists() || given_up {
            let before = (known.finished.len(), given_up);
            take_up(out, store, planned, None, known, &mut |_| {})?;
            any |= before != (known.finished.len(), known.given_up.contains(&planned.key));
        }
    }
    Ok(any)
}

fn take_up(
    out: &Path,
    store: &mut Store,
    planned: &Arc<Planned>,
    how: Option<&How>,
    known: &mut Progress,
    report: &mut dyn FnMut(Event),
) -> Result<()> {
    let (stage, key) = (planned.task.stage, &planned.key);
    let folder = TaskDir::of(out, stage, key);
    let failed = how.filter(|how| **how != How::Exit(REQUEUE) && !folder.is_finished());
    if let Some(how) = failed {
        // A worker that noted its failure itself (exit code 1) wrote first, and its words stay. One that died before it
        // had an attempt of its own gets one, so that it counts.
        let noted = |last: &u32| folder.attempt(*last).join("failure.json").exists();
        let last = folder.attempts().last().copied();
        let attempt = match last.filter(|last| *how == How::Exit(1) || !noted(last)) {
            Some(last) => last,
            None => folder.begin_attempt()?,
        };
        folder.note_failure(attempt, &how.describe())?;
    }
    let given_up = store.take_up(stage, key)?;
    known.given_up.remove(key);
    if folder.is_finished() {
        let (result, _) = folder.result()?;
        known.finished.insert(key.clone(), crate::task_dir::finished(&result));
        report(Event::Finished(planned));
        return Ok(());
    }
    match &given_up {
        Some(GivenUp::Cancelled) => report(Event::Cancelled(planned)),
        _ if failed.is_some() => {
            let failures = folder.failures();
            let reason = failures.last().map_or("", |failure| failure.reason.as_str());
            report(Event::Failed(planned, reason, given_up.is_none()));
        }
        _ => {}
    }
    if given_up.is_some() {
        known.given_up.insert(key.clone());
    }
    Ok(())
}
