//! LibTorch, loaded when a tensor is first asked for: commands that compute nothing start without it, and what OpenMP
//! shall do (`openmp.rs`) is decided before it is read. `build.rs` says how.

pub mod search;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY, RTLD_NOW};
use std::ffi::{c_int, c_void};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};
use vesalius_data::say;

mod jumps {
    #![expect(
        unsafe_code,
        reason = "assembly of build.rs: a jump for each function, and nothing else"
    )]

    #[cfg(target_arch = "x86_64")]
    std::arch::global_asm!(include_str!(concat!(env!("OUT_DIR"), "/jumps.s")), options(att_syntax));
    #[cfg(target_arch = "aarch64")]
    std::arch::global_asm!(include_str!(concat!(env!("OUT_DIR"), "/jumps.s")));
}

mod back {
    #![expect(
        unsafe_code,
        reason = "functions of torch-sys that the door calls, by their names alone"
    )]

    include!(concat!(env!("OUT_DIR"), "/back.rs"));
}

/// Names of the functions, by number.
const FUNCTIONS: &[&str] = include!(concat!(env!("OUT_DIR"), "/functions.rs"));

/// The shared object of `build.rs` that implements them.
const DOOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libvesalius_tch.so"));

/// Its name, for lists of what a process has loaded.
const DOOR_NAME: &str = "libvesalius_tch.so";

/// Registers its kernels when it is loaded; a LibTorch without CUDA lacks it.
const CUDA: &str = "libtorch_cuda.so";

#[expect(unsafe_code, reason = "the slots of the jumps, which are assembly")]
unsafe extern "C" {
    static vesalius_tch_slots: [AtomicPtr<c_void>; FUNCTIONS.len()];
}

/// Loads LibTorch, if it is not loaded yet.
///
/// # Errors
/// In one line: where it was looked for, what was found there and what was expected.
pub fn available() -> Result<(), String> {
    library().map(|_| ())
}

/// Which one is taken, for people.
pub fn place() -> Option<String> {
    let found = search::search().ok()?;
    Some(format!("{}, {}", found.source, found.lib.display()))
}

fn library() -> Result<&'static Library, String> {
    static OPEN: OnceLock<Result<Library, String>> = OnceLock::new();
    OPEN.get_or_init(open).as_ref().map_err(Clone::clone)
}

/// Called by a jump whose slot is empty: finds function `number`, fills the slot, and says where to go. Where LibTorch
/// cannot be had the program ends here, in one line: whoever called has no way to go on.
#[expect(unsafe_code, reason = "called from assembly, and looks into a shared object")]
#[unsafe(no_mangle)]
extern "C" fn vesalius_tch_find(number: usize) -> *const c_void {
    let library = library().unwrap_or_else(|line| end(&line));
    let name = FUNCTIONS[number];
    // SAFETY: the symbol is a function of the same name and library that the caller was compiled against; it is only
    // jumped to.
    let found = unsafe { library.get::<*const c_void>(name) };
    let address: *const c_void = match found {
        Ok(found) => *found,
        Err(error) => end(&format!("{DOOR_NAME}: {error}; expected {name}")),
    };
    // SAFETY: the static is the array in `jumps.s`, one pointer for each name.
    let slots = unsafe { &vesalius_tch_slots };
    slots[number].store(address.cast_mut(), Ordering::Release);
    address
}

fn end(line: &str) -> ! {
    say!("error: {line}");
    std::process::exit(2)
}

/// Loads LibTorch, then the door to it.
fn open() -> Result<Library, String> {
    let found = search::search()?;
    // What the user did not name is said.
    if matches!(found.source, search::Source::Environment | search::Source::Setup) {
        say!("LibTorch: {}, {}", found.source, found.lib.display());
    }
    let folder = found.lib;
    let expected = format!("expected LibTorch {}", vesalius_torch::LIBTORCH_VERSION);
    let cuda = Some(folder.join(CUDA)).filter(|path| path.exists());
    // By their whole paths, so that the door finds them loaded wherever they lie.
    for path in [Some(folder.join(search::CPU)), cuda].into_iter().flatten() {
        // Lazily, as a linked program has it: a tenth of the time would go into names that nobody calls.
        let loaded = load(&path, RTLD_LAZY).map_err(|error| format!("{error}; {expected}"))?;
        // Whatever it registered when it was loaded stays registered.
        std::mem::forget(loaded);
    }
    let door = door().map_err(|error| {
        // What it misses is a function of another version's.
        format!("{}: LibTorch cannot be used: {error}; {expected}", folder.display())
    })?;
    show_the_way_back(&door)?;
    Ok(door)
}

/// Tells the door where the functions of this program are that it calls.
#[expect(unsafe_code, reason = "fills slots of a shared object of ours")]
fn show_the_way_back(door: &Library) -> Result<(), String> {
    // SAFETY: only the symbol's address is taken.
    let slots = unsafe { door.get::<*mut c_void>(b"vesalius_back_slots") };
    let slots = slots.map_err(|error| format!("{DOOR_NAME}: {error}; expected its slots"))?;
    // SAFETY: it is the array of `Jump::back` in build.rs, one pointer for each function of `back::BACK`, and stays loaded.
    let slots = unsafe { &*slots.into_raw().cast::<[AtomicPtr<c_void>; back::BACK.len()]>() };
    for (slot, function) in slots.iter().zip(back::BACK) {
        slot.store(function as *mut c_void, Ordering::Release);
    }
    Ok(())
}

/// The door has no file of its own that could be lost or be of another build: it goes from this program's bytes into
/// memory. Where that is not allowed (no file may run from there, or none may be so long: `ulimit -f` counts these too)
/// the build's own file is used, if it is still there and the same, or a temporary one. All of its names are looked up
/// at once: a LibTorch of another version lacks some.
fn door() -> Result<Library, String> {
    let in_memory = rustix::fs::memfd_create(DOOR_NAME, rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(|error| error.to_string())
        .and_then(|file| {
            let mut file = std::fs::File::from(file);
            file.write_all(DOOR).map_err(|error| error.to_string())?;
            load(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())), RTLD_NOW)
        });
    let built = Path::new(env!("VESALIUS_DOOR"));
    in_memory.or_else(|why| {
        if std::fs::read(built).is_ok_and(|bytes| bytes == DOOR) {
            return load(built, RTLD_NOW);
        }
        let mut file = tempfile::Builder::new()
            .suffix(DOOR_NAME)
            .tempfile()
            .map_err(|error| format!("{why}; {}: {error}", std::env::temp_dir().display()))?;
        file.write_all(DOOR).map_err(|error| format!("{}: {error}", file.path().display()))?;
        load(file.path(), RTLD_NOW)
    })
}

#[expect(unsafe_code, reason = "loading a library runs its constructors")]
fn load(path: &Path, names: c_int) -> Result<Library, String> {
    // SAFETY: LibTorch and the object made of tch's own archive; their constructors ask for nothing of ours.
    let loaded = unsafe { Library::open(Some(path), names | RTLD_GLOBAL) };
    loaded.map_err(|error| {
        // The linker's own words, which name the file that it could not use: it need not be the one asked for.
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(cause) = innermost.source() {
            innermost = cause;
        }
        innermost.to_string().replace('\n', " ")
    })
}
