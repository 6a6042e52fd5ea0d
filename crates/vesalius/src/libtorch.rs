//! LibTorch, loaded when a tensor is first asked for: commands that compute nothing start without it, and what OpenMP
//! shall do is decided before it is read. `build.rs` says how.

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
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

/// Names of the functions, by number.
const FUNCTIONS: &[&str] = include!(concat!(env!("OUT_DIR"), "/functions.rs"));

/// The shared object of `build.rs`.
const DOOR: &str = "libvesalius_tch.so";

#[expect(unsafe_code, reason = "the slots of the jumps, which are assembly")]
unsafe extern "C" {
    static vesalius_tch_slots: [AtomicPtr<c_void>; FUNCTIONS.len()];
}

/// Called by a jump whose slot is empty: finds function `number`, fills the slot, and says where to go. Where LibTorch
/// cannot be had the program ends here, in one line: whoever called has no way to go on.
#[expect(unsafe_code, reason = "called from assembly, and looks into a shared object")]
#[unsafe(no_mangle)]
extern "C" fn vesalius_tch_find(number: usize) -> *const c_void {
    static OPEN: OnceLock<Library> = OnceLock::new();
    let library = OPEN.get_or_init(|| open().unwrap_or_else(|line| end(&line)));
    let name = FUNCTIONS[number];
    let c_name = CString::new(name).unwrap_or_default();
    // SAFETY: the symbol is a function of the same name and library that the caller was compiled against; it is only
    // jumped to.
    let found = unsafe { library.get::<*const c_void>(c_name.as_bytes_with_nul()) };
    let Ok(found) = found else {
        end(&format!("{DOOR}: no {name}, expected it: of another build"))
    };
    let address: *const c_void = *found;
    // SAFETY: the static is the array in `jumps.s`, one pointer for each name.
    let slots = unsafe { &vesalius_tch_slots };
    slots[number].store(address.cast_mut(), Ordering::Release);
    address
}

/// Loads LibTorch, then the door to it.
fn open() -> Result<Library, String> {
    let folder = folder();
    // By its whole path, so that the door finds it loaded wherever it lies.
    let torch = load(&folder.join("libtorch.so"))?;
    // Whatever it registered when it was loaded stays registered.
    std::mem::forget(torch);
    let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.join(DOOR)));
    let door = beside.filter(|path| path.exists()).unwrap_or_else(|| env!("VESALIUS_TCH").into());
    load(&door)
}

/// Where LibTorch lies: `LIBTORCH`, or what this program was built with.
fn folder() -> PathBuf {
    let named = std::env::var_os("LIBTORCH").filter(|value| !value.is_empty());
    named.map_or_else(|| env!("VESALIUS_LIBTORCH").into(), |path| Path::new(&path).join("lib"))
}

#[expect(unsafe_code, reason = "loading a library runs its constructors")]
fn load(path: &Path) -> Result<Library, String> {
    // SAFETY: LibTorch and the object made of tch's own archive; their constructors ask for nothing of ours.
    let loaded = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) };
    loaded.map_err(|error| {
        format!(
            "{}: {error}; expected LibTorch {}",
            path.display(),
            vesalius_torch::LIBTORCH_VERSION
        )
    })
}

fn end(line: &str) -> ! {
    say!("error: LibTorch cannot be loaded: {line}");
    std::process::exit(2)
}
