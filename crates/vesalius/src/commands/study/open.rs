//! A study as it stands, for commands that look at it.

use super::resolver::Resolver;
use super::space;
use anyhow::Result;
use std::path::{Path, PathBuf};
use vesalius_data::pack::PackError;
use vesalius_data::say;
use vesalius_study::packs;
use vesalius_study::plan::{PackInfo, Plan, Planner, Progress};
use vesalius_study::store::Store;
use vesalius_study::study::{Dataset, Study};
use vesalius_study::task::Stage;
use vesalius_study::task_dir::TaskDir;

/// The study and what is known of it, without writing anything.
pub struct Open {
    /// The file.
    pub study: Study,
    /// What is known, where anything is.
    pub store: Option<Store>,
    /// The same, as plans need it.
    pub known: Progress,
    /// What it needs.
    pub plan: Plan,
}

impl Open {
    /// `packs_may_be_missing`: counts need none.
    ///
    /// # Errors
    /// When the study file, a pack or the store is wrong.
    pub fn read(path: &Path, packs_may_be_missing: bool) -> Result<Self> {
        let study = space::read(path)?;
        let packs = match packs::open(&study) {
            Ok(packs) => packs,
            Err(error) if packs_may_be_missing && is_missing(&error) => {
                say!("note: {error:#}; counts need no pack, a run does");
                without_packs(&study)
            }
            Err(error) => return Err(error),
        };
        let store = Store::open_to_read(&study.folder())?;
        let known = store.as_ref().map(Store::progress).transpose()?.unwrap_or_default();
        let plan = Planner::new(&study, packs, &Resolver::of(&study)).plan(&known)?;
        Ok(Self { study, store, known, plan })
    }
}

impl Open {
    /// Folders of finished tasks that a report reads.
    pub fn finished_runs(&self) -> Vec<PathBuf> {
        let out = self.study.folder();
        self.plan
            .tasks
            .iter()
            .filter(|planned| self.known.finished.contains_key(&planned.key))
            .filter(|planned| {
                !matches!(planned.task.stage, Stage::Judge | Stage::Sample | Stage::Memory)
            })
            .map(|planned| TaskDir::of(&out, planned.task.stage, &planned.key).path().to_owned())
            .collect()
    }
}

/// Whether a pack is not there, rather than wrong.
fn is_missing(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref::<PackError>() {
        Some(PackError::Read { why, .. }) => why.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    })
}

/// Stands for packs that do not exist yet.
fn without_packs(study: &Study) -> Vec<PackInfo> {
    let info = |dataset: &Dataset| PackInfo {
        name: dataset.name(),
        path: study.resolve(dataset.pack.get_ref()),
        digest: format!("missing/{}", dataset.name()),
        planes: 1,
        imported: vec![],
        parts: vec![],
    };
    study.dataset.iter().map(info).collect()
}
