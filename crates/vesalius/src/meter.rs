//! What a command costs, and the `result.json` that says so.

use crate::environment::{command_line, machine};
use vesalius_stages::meter::Meter;

/// Starts counting for this process's command.
pub fn start() -> Meter {
    Meter::start(command_line(), machine())
}
