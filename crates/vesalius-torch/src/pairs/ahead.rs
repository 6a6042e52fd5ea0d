//! Batches that a thread of its own reads while a step computes: where the pack lies on a slow disk, and on a GPU, which
//! would wait for every conversion.
//!
//! The thread asks nothing of LibTorch, whose operations would bring threads of their own.

use super::batch::{self, Values};
use anyhow::{Result, anyhow};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Scope, ScopedJoinHandle};
use vesalius_data::pack::Pack;

/// Slices of each of the packs, or of one pack several times: a batch each.
pub type Request = Vec<(usize, Vec<usize>)>;

/// A reader on a thread of its own.
#[derive(Debug)]
pub struct Ahead<'scope> {
    requests: Sender<Request>,
    batches: Receiver<Result<Vec<Values>>>,
    thread: Option<ScopedJoinHandle<'scope, ()>>,
    asked: usize,
}

impl<'scope> Ahead<'scope> {
    /// Begins to read `packs`, which requests name by their position. Ends with the value.
    pub fn start<'env>(scope: &'scope Scope<'scope, 'env>, packs: &'env [&'env Pack]) -> Self {
        let (requests, asked) = channel::<Request>();
        let (answers, batches) = channel();
        let thread = scope.spawn(move || {
            for request in asked {
                let read = request.iter().map(|(pack, slices)| batch::read(packs[*pack], slices));
                if answers.send(read.collect()).is_err() {
                    return;
                }
            }
        });
        Self { requests, batches, thread: Some(thread), asked: 0 }
    }

    /// Whether something was asked for that [`Ahead::next`] has not given yet.
    pub fn is_asked(&self) -> bool {
        self.asked > 0
    }

    /// Asks for batches; answers come in the order of requests.
    pub fn ask(&mut self, request: Request) {
        // A thread that is gone has panicked, which `next` says.
        let _ = self.requests.send(request);
        self.asked += 1;
    }

    /// The batches of the oldest request.
    ///
    /// # Errors
    /// When a slice was damaged on the disk.
    pub fn next(&mut self) -> Result<Vec<Values>> {
        debug_assert!(self.is_asked(), "batches that were asked for");
        self.asked = self.asked.saturating_sub(1);
        match self.batches.recv() {
            Ok(read) => read,
            Err(_) => match self.thread.take().map(ScopedJoinHandle::join) {
                Some(Err(panic)) => std::panic::resume_unwind(panic),
                _ => Err(anyhow!("the thread that reads batches is gone, expected one")),
            },
        }
    }
}
