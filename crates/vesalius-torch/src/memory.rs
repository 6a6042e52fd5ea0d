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

/// Gives the pages of freed blocks back that [`keep_freed_memory`] keeps: after work that a step does not repeat, whose
/// blocks lie between those of the step and fit none of them.
#[expect(unsafe_code, reason = "malloc_trim is a foreign function: see below")]
pub fn give_back_holes() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes the allocator's locks, and touches only what is free.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Asks the kernel for large pages under the heap's next 896 MiB, where it leaves the choice to programs: a training
/// step goes through hundreds of megabytes of it again and again (measured in `bench/README.md`). Nothing is taken:
/// memory counts when it is written. Not done where address space is counted (`ulimit -v`, strict overcommit). To be
/// called by whoever computes, after [`keep_freed_memory`] and before tensors are made.
pub fn ask_for_large_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if large_pages::are_offered() && large_pages::address_space_is_free() {
        large_pages::ask();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod large_pages {
    #![expect(unsafe_code, reason = "functions of the C library: see below")]

    use std::fs::read_to_string;

    /// Below what [`super::keep_freed_memory`] has glibc give back.
    const SIZE: usize = 896 << 20;
    const PAGE: usize = 2 << 20;
    /// glibc's default number of mappings of their own (M_MMAP_MAX).
    const MAPPINGS: libc::c_int = 65_536;

    /// Whether the kernel gives them to those who ask.
    pub fn are_offered() -> bool {
        read_to_string("/sys/kernel/mm/transparent_hugepage/enabled")
            .is_ok_and(|modes| modes.contains("[madvise]"))
    }

    /// Whether addresses without memory cost nothing.
    pub fn address_space_is_free() -> bool {
        /// Of /proc/sys/vm/overcommit_memory: what is reserved counts as taken.
        const STRICT: &str = "2";
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: it writes to the struct that it is given.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
        known
            && limit.rlim_cur == libc::RLIM_INFINITY
            && read_to_string("/proc/sys/vm/overcommit_memory")
                .is_ok_and(|mode| mode.trim() != STRICT)
    }

    pub fn ask() {
        // SAFETY: a block of the heap's own end, of which whole large pages are named to the kernel, and which is given
        // back unwritten; madvise with MADV_HUGEPAGE changes no content. Where either fails nothing has changed.
        unsafe {
            libc::mallopt(libc::M_MMAP_MAX, 0);
            let block = libc::malloc(SIZE);
            if !block.is_null() {
                let offset = block.align_offset(PAGE);
                libc::madvise(block.byte_add(offset), SIZE - PAGE, libc::MADV_HUGEPAGE);
                libc::free(block);
            }
            libc::mallopt(libc::M_MMAP_MAX, MAPPINGS);
        }
    }
}

/// An exception of LibTorch that no binding catches (mostly `std::bad_alloc`, in a thread of its own) is said in one
/// line and
/// ends the program with exit code 2, instead of aborting it. For when LibTorch has been loaded: what sets the handler lies
/// behind the same door.
#[expect(unsafe_code, reason = "a function of ours in C++: see terminate.cpp")]
pub fn explain_exceptions() {
    unsafe extern "C" {
        fn vesalius_say_and_end_on_terminate();
    }
    // SAFETY: it sets the handler of std::terminate and does nothing else.
    unsafe { vesalius_say_and_end_on_terminate() }
}
