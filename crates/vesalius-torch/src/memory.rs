//! Memory: the C library's allocator, set up for training steps, and what is said where there is too little.

/// Keeps freed memory in the process. A training step frees hundreds of megabytes of activations and asks for them
/// again: glibc would return them to the kernel and pay a page fault for each page of the next step (measured in
/// `bench/README.md`).
#[expect(unsafe_code, reason = "mallopt is a foreign function: see below")]
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const GIB: libc::c_int = 1 << 30;
        // SAFETY: called once, first thing in main, before any other thread exists; mallopt only sets numbers.
        unsafe {
            // Mappings of their own only from 32 MiB on (the most glibc allows): SPADE's blocks of that size would
            // leave
            // holes of half a gigabyte. Give back to the kernel only what lies beyond 1 GiB, grow in pieces of 64 MiB.
            libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
            libc::mallopt(libc::M_TRIM_THRESHOLD, GIB);
            libc::mallopt(libc::M_TOP_PAD, 64 << 20);
        }
    }
}

/// An exception of LibTorch that no binding catches (mostly `std::bad_alloc`, in a thread of its own) is said in one
/// line and
/// ends the program with exit code 2, instead of aborting it.
#[expect(unsafe_code, reason = "a function of ours in C++: see terminate.cpp")]
pub fn explain_exceptions() {
    unsafe extern "C" {
        fn vesalius_say_and_end_on_terminate();
    }
    // SAFETY: it sets the handler of std::terminate and does nothing else.
    unsafe { vesalius_say_and_end_on_terminate() }
}
