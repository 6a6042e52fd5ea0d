//! A thread that looks after the task at work: it ends a stage that has no checkpoint to write, and sees that somebody
//! cancelled a task, which no signal tells a job in a queue.

use crate::environment::{REQUEUE, Stop};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vesalius_study::task::Stage;
use vesalius_study::task_dir::TaskDir;

/// Between two looks at a flag.
const EVERY: Duration = Duration::from_millis(200);
/// Looks at the flag to one at the folder, which may lie on a shared disk: two seconds.
const FOLDER_EVERY: u32 = 10;

/// The watching thread, and where it looks.
pub struct Watch(Arc<Mutex<Option<At>>>);

struct At {
    folder: TaskDir,
    attempt: u32,
    stage: Stage,
}

impl Watch {
    /// Starts it. `queued`: nobody sees how this process ends, so it says so in the task's folder.
    pub fn start(stop: &Stop, queued: bool) -> Self {
        stop.hold();
        let at: Arc<Mutex<Option<At>>> = Arc::default();
        let (theirs, stop) = (Arc::clone(&at), stop.clone());
        std::thread::spawn(move || {
            for look in 0_u32.. {
                std::thread::sleep(EVERY);
                let at = theirs.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(at) = &*at else { continue };
                if stop.asked_for_all() && ends_at_once(at.stage) {
                    if queued {
                        // Unsaid, it would count as a failure; the process ends all the same.
                        let _ = at.folder.note_stop(at.attempt, false);
                    }
                    // Other threads compute: nothing of theirs may be destroyed first. The lock is held, so nothing
                    // is being published.
                    signal_hook::low_level::exit(i32::from(REQUEUE));
                }
                if queued && look.is_multiple_of(FOLDER_EVERY) && at.folder.is_cancelled() {
                    stop.end_task();
                }
            }
        });
        Self(at)
    }

    /// An attempt begins.
    pub fn look_at(&self, folder: &TaskDir, attempt: u32, stage: Stage) {
        self.put(Some(At { folder: folder.clone(), attempt, stage }));
    }

    /// It is over, and its result, if any, is about to be published.
    pub fn look_away(&self) {
        self.put(None);
    }

    fn put(&self, at: Option<At>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

/// Stages without a checkpoint lose the same whenever they end; the others stop by themselves.
fn ends_at_once(stage: Stage) -> bool {
    !matches!(stage, Stage::Judge | Stage::Train)
}
