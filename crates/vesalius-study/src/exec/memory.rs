//! Memory for one worker more: a machine that swaps or kills trains nothing.

use std::path::Path;

/// What a worker is taken to need before any has shown what it does, bytes.
const UNKNOWN: u64 = 1 << 30;
/// What is left to everything else, bytes.
const RESERVE: u64 = 512 << 20;

/// What workers were seen to take.
#[derive(Debug, Default)]
pub struct Guard {
    /// Greatest resident memory of any worker so far, bytes.
    most: u64,
}

impl Guard {
    /// How many workers more fit beside those at work; any number where the system does not say what is free. One
    /// always
    /// does where none is at work: else nothing would ever run.
    pub fn room(&mut self, pids: impl Iterator<Item = u32>) -> usize {
        let mut resident = vec![];
        for pid in pids {
            let path = format!("/proc/{pid}/status");
            self.most = self.most.max(field(&path, "VmHWM:").unwrap_or(0));
            resident.push(field(&path, "VmRSS:").unwrap_or(0));
        }
        match field("/proc/meminfo", "MemAvailable:") {
            Some(available) => room(available, self.need(), &resident),
            None => usize::MAX,
        }
    }

    /// What a worker is taken to need, bytes.
    pub fn need(&self) -> u64 {
        if self.most == 0 { UNKNOWN } else { self.most }
    }
}

/// Workers that still grow get what they will take; what is left of the rest is dealt out.
fn room(available: u64, need: u64, resident: &[u64]) -> usize {
    let promised: u64 = resident.iter().map(|has| need.saturating_sub(*has)).sum();
    let left = available.saturating_sub(promised + RESERVE);
    ((left / need) as usize).max(usize::from(resident.is_empty()))
}

/// A field of a file of `/proc` that is counted in kB, in bytes.
fn field(path: impl AsRef<Path>, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn workers_that_have_just_started_are_counted_as_what_they_will_be() {
        assert_eq!(room(8 * GIB, 2 * GIB, &[]), 3);
        assert_eq!(room(8 * GIB, 2 * GIB, &[0, 0]), 1);
        assert_eq!(room(4 * GIB, 2 * GIB, &[2 * GIB, 2 * GIB]), 1);
        assert_eq!(room(GIB, 2 * GIB, &[2 * GIB]), 0);
        assert_eq!(room(0, 2 * GIB, &[]), 1, "one at a time, whatever happens");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_takes_memory() {
        let mut guard = Guard::default();
        assert_eq!(guard.need(), UNKNOWN);
        guard.room(std::iter::once(std::process::id()));
        assert!((1 << 20..UNKNOWN).contains(&guard.need()), "{}", guard.need());
    }
}
