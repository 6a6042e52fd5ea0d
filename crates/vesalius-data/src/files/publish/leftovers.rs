//! Temporary names, and what killed processes left under them.
//!
//! `.tmp-NAME@HOST-PID-RANDOM`: what shall become `NAME`, and who writes it. It is removed only where its process is
//! known
//! to be gone: of this machine, not alive, and not holding the lock that writers take (process numbers are told apart
//! by
//! containers, locks are not).

use std::fs::File;
use std::path::Path;

/// How temporary names begin.
const MARK: &str = ".tmp-";
/// Bytes of a name that a temporary one repeats: names have 255 at most.
const NAME: usize = 100;

/// The beginning of a temporary name for what shall become `path`.
pub fn prefix(path: &Path) -> String {
    format!("{}{}-{}-", of(path), host(), std::process::id())
}

/// Whatever is written for `path` begins so.
fn of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{MARK}{}@", &name[..end])
}

fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    name.chars().take(64).map(plain).collect()
}

/// Marks a temporary file or folder as being written, until this process closes it or dies.
pub fn hold(file: &File) {
    // Some network file systems have no locks: the process number has to do.
    let _ = file.try_lock();
}

/// Removes what dead processes left in a folder; what cannot be removed stays.
pub fn sweep(folder: &Path) {
    remove(folder, MARK);
}

/// The same of what should have become `path`.
pub fn sweep_of(path: &Path) {
    remove(&super::place::parent(path), &of(path));
}

fn remove(folder: &Path, beginning: &str) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if name.starts_with(beginning) && is_dead(&name, &path) {
            let _ = if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
        }
    }
}

/// Whether nobody writes it any more.
fn is_dead(name: &str, path: &Path) -> bool {
    let Some((_, writer)) = name.rsplit_once('@') else { return false };
    let Some((host_name, process)) = writer.split_once('-') else { return false };
    let Some(pid) = process.split('-').next().and_then(|pid| pid.parse().ok()) else {
        return false;
    };
    host_name == host()
        && pid != std::process::id()
        && !crate::files::process::is_alive(pid)
        && path.symlink_metadata().is_ok_and(|data| data.is_file() || data.is_dir())
        && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}
