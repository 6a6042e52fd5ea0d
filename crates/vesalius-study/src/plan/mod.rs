//! From a study and what is known so far to the tasks it needs: a function, run again after every result. Nothing else
//! remembers what comes next.

mod dose;
mod follow_up;
mod planner;
mod progress;
mod samples;
mod tasks;
mod unets;

pub use planner::Planner;
pub use progress::{Finished, Progress, finished};
pub use tasks::{Ask, BestRun, ImportedInfo, PackInfo, PartInfo, Plan, Planned, Resolved, Stages};
