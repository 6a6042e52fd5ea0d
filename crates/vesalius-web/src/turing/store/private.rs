//! A test's files are its owner's alone: they say which image is real, and hold what readers answered.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// Makes an empty file for its owner alone. What SQLite puts beside it gets the same rights.
///
/// # Errors
/// When it exists, or cannot be made.
pub fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Takes from everybody but its owner the rights to a file that an older version or a copy made; says so. Others who
/// need
/// it can be given the folder's owner's account; nobody needs it by accident.
#[cfg(unix)]
pub fn tighten(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    if mode.trailing_zeros() >= 6 {
        return None;
    }
    let own = std::fs::Permissions::from_mode(mode & 0o700);
    let shown = path.display();
    Some(match std::fs::set_permissions(path, own) {
        Ok(()) => format!("{shown}: others had rights to it ({mode:o}); now its owner alone has"),
        Err(error) => format!(
            "{shown}: others have rights to it ({mode:o}), which cannot be taken ({error}); expected 600"
        ),
    })
}

#[cfg(not(unix))]
pub fn tighten(_path: &Path) -> Option<String> {
    None
}
