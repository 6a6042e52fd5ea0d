//! LibTorch behind a door: the program is not linked with it but loads it when a tensor is first asked for.
//!
//! `tch` speaks to LibTorch through plain C functions, which `libtch.a` implements; some more are `vesalius-torch`'s. The
//! two archives become a shared object (`libvesalius_tch.so`, which needs LibTorch, and which the program carries in itself), and the program
//! gets a jump for each of its functions (`jumps.s`): the first call finds the function, the next ones go straight
//! there. Tests link LibTorch as usual, and so does the program where this is not Linux.

use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSymbol as _, SymbolKind};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

include!("../link.rs");

fn main() {
    println!("cargo:rustc-check-cfg=cfg(libtorch_behind_a_door)");
    let Some(lib) = libtorch() else { return };
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let (Some(jump), Some(archive)) = (Jump::of_this_target(), archive(&out)) else {
        return link(&lib, "rustc-link-arg");
    };
    link(&lib, "rustc-link-arg-tests");
    let ours = PathBuf::from(std::env::var_os("DEP_VESALIUS_TORCH_ARCHIVE").expect("its build.rs"));
    let archives = [archive, ours];
    let mut functions = Functions::default();
    for archive in &archives {
        println!("cargo:rerun-if-changed={}", archive.display());
        functions.read(archive);
    }
    assert!(
        functions.offered.len() > 1000,
        "{} functions in {archives:?}",
        functions.offered.len()
    );
    let offered: Vec<String> = functions.offered.into_iter().collect();
    std::fs::write(out.join("jumps.s"), jump.text(&offered)).expect("OUT_DIR can be written");
    std::fs::write(out.join("functions.rs"), format!("&{offered:?}"))
        .expect("OUT_DIR can be written");
    let wanted: Vec<String> = functions.wanted.into_iter().collect();
    std::fs::write(out.join("back.rs"), back_rust(&wanted)).expect("OUT_DIR can be written");
    let back = out.join("back.s");
    std::fs::write(&back, jump.back(&wanted)).expect("OUT_DIR can be written");
    let door = out.join("libvesalius_tch.so");
    share(&archives, &back, Path::new(&lib), &door);
    // What goes to other machines knows no path of this one.
    println!("cargo:rerun-if-env-changed=VESALIUS_WHEEL");
    let leaves = std::env::var_os("VESALIUS_WHEEL").is_some();
    let known = |path: &str| if leaves { String::new() } else { path.to_owned() };
    println!("cargo:rustc-env=VESALIUS_DOOR={}", known(&door.display().to_string()));
    println!("cargo:rustc-env=VESALIUS_LIBTORCH={}", known(&lib));
    println!("cargo:rustc-cfg=libtorch_behind_a_door");
}

/// `libtch.a` as the build of `torch-sys` left it. Cargo names no path to it; the newest is that of the LibTorch that
/// this build is for.
fn archive(out: &Path) -> Option<PathBuf> {
    let builds = std::fs::read_dir(out.ancestors().nth(2)?).ok()?.flatten();
    let of_torch_sys =
        builds.filter(|entry| entry.file_name().to_string_lossy().starts_with("torch-sys-"));
    let archives = of_torch_sys.map(|entry| entry.path().join("out/libtch.a"));
    let age = |path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).ok();
    archives.filter(|path| path.exists()).max_by_key(age)
}

/// Functions of C, sorted; their names are as they are written.
#[derive(Default)]
struct Functions {
    /// What the archives implement.
    offered: BTreeSet<String>,
    /// What it calls back: streams of ours that it reads and writes. `torch-sys` implements them.
    wanted: BTreeSet<String>,
}

impl Functions {
    fn read(&mut self, archive: &Path) {
        let bytes = std::fs::read(archive).expect("an archive can be read");
        for member in ArchiveFile::parse(&*bytes).expect("an archive").members() {
            let data = member.and_then(|member| member.data(&*bytes)).expect("a member");
            let object = object::File::parse(data).expect("an object file");
            for symbol in object.symbols() {
                let name = symbol.name().unwrap_or_default();
                let is_c = symbol.kind() == SymbolKind::Text && !name.starts_with("_Z");
                if is_c && symbol.is_global() && symbol.is_definition() && !symbol.is_weak() {
                    self.offered.insert(name.to_owned());
                } else if symbol.is_undefined() && name.starts_with("tch_") {
                    self.wanted.insert(name.to_owned());
                }
            }
        }
    }
}

/// All of the archives as a shared object that needs LibTorch. What CUDA adds is loaded by `libtorch.rs`.
fn share(archives: &[PathBuf], back: &Path, lib: &Path, target: &Path) {
    let compiler = cc::Build::new().cpp(true).get_compiler();
    let mut command = Command::new(compiler.path());
    command.args(["-shared", "-s", "-o"]).arg(target);
    command.arg(old_libc()).arg(back);
    command.arg("-Wl,--whole-archive").args(archives).arg("-Wl,--no-whole-archive");
    command.arg(format!("-L{}", lib.display())).args(["-ltorch_cpu", "-lc10"]);
    let status = command.status().expect("the C++ compiler that torch-sys was built with");
    assert!(status.success(), "{command:?}");
}

/// A source with the one symbol of a C library younger than 2.28 that the headers of libstdc++ ask for, so that the
/// program runs where LibTorch does: whether there is one thread, which may always be denied.
fn old_libc() -> PathBuf {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let source = out.join("old_libc.cpp");
    let text =
        "extern \"C\" __attribute__((visibility(\"hidden\"))) char __libc_single_threaded = 0;\n";
    std::fs::write(&source, text).expect("OUT_DIR can be written");
    source
}

/// How a target jumps.
enum Jump {
    X86_64,
    Aarch64,
}

impl Jump {
    /// None where LibTorch is linked as usual.
    fn of_this_target() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        if variable("CARGO_CFG_TARGET_OS") != "linux" {
            return None;
        }
        match variable("CARGO_CFG_TARGET_ARCH").as_str() {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Aarch64),
            _ => None,
        }
    }

    /// The door's side of the way back: a slot for each function of the program that it calls, filled when it is loaded,
    /// and a jump through it. So the program has to export nothing, which not every linker can be told.
    fn back(&self, functions: &[String]) -> String {
        let mut text = String::from(".data\n.p2align 3\n.Lslots:\n");
        for _ in functions {
            text += ".quad 0\n";
        }
        text += ".globl vesalius_back_slots\n.set vesalius_back_slots, .Lslots\n.text\n";
        for (i, name) in functions.iter().enumerate() {
            let _ =
                writeln!(text, ".globl {name}\n.hidden {name}\n.type {name},%function\n{name}:");
            let at = 8 * i;
            let _ = match self {
                Self::X86_64 => writeln!(text, "jmp *.Lslots+{at}(%rip)"),
                Self::Aarch64 => writeln!(
                    text,
                    "adrp x16, .Lslots+{at}\nldr x16, [x16, :lo12:.Lslots+{at}]\nbr x16"
                ),
            };
        }
        text + ".section .note.GNU-stack,\"\",%progbits\n"
    }

    /// A slot per function, which first leads to `vesalius_tch_find` with the function's number, and a jump through it
    /// under the function's name.
    fn text(&self, functions: &[String]) -> String {
        let mut text =
            String::from(".data\n.p2align 3\n.globl vesalius_tch_slots\nvesalius_tch_slots:\n");
        for i in 0..functions.len() {
            let _ = writeln!(text, ".quad .Lfirst_{i}");
        }
        text += ".text\n";
        for (i, name) in functions.iter().enumerate() {
            let _ =
                writeln!(text, ".globl {name}\n.hidden {name}\n.type {name},%function\n{name}:");
            let at = 8 * i;
            let _ = match self {
                Self::X86_64 => writeln!(
                    text,
                    "jmp *vesalius_tch_slots+{at}(%rip)\n.Lfirst_{i}:\npushq ${i}\njmp .Lfind"
                ),
                Self::Aarch64 => writeln!(
                    text,
                    "adrp x16, vesalius_tch_slots+{at}\nldr x16, [x16, :lo12:vesalius_tch_slots+{at}]\nbr x16\n\
                     .Lfirst_{i}:\nmovz x17, #{i}\nb .Lfind"
                ),
            };
        }
        text += match self {
            Self::X86_64 => X86_64_FIND,
            Self::Aarch64 => AARCH64_FIND,
        };
        text
    }
}

/// The program's side of the way back: the functions that the door calls, in the order of its slots.
fn back_rust(wanted: &[String]) -> String {
    let mut text = String::from("unsafe extern \"C\" {\n");
    for name in wanted {
        let _ = writeln!(text, "    fn {name}();");
    }
    let _ = writeln!(text, "}}\npub static BACK: [unsafe extern \"C\" fn(); {}] = [", wanted.len());
    for name in wanted {
        let _ = writeln!(text, "    {name},");
    }
    text + "];\n"
}

/// Keeps every register that may hold an argument, finds the function, goes there.
const X86_64_FIND: &str = "\
.Lfind:
pushq %rax
pushq %rdi
pushq %rsi
pushq %rdx
pushq %rcx
pushq %r8
pushq %r9
subq $136, %rsp
movups %xmm0, 0(%rsp)
movups %xmm1, 16(%rsp)
movups %xmm2, 32(%rsp)
movups %xmm3, 48(%rsp)
movups %xmm4, 64(%rsp)
movups %xmm5, 80(%rsp)
movups %xmm6, 96(%rsp)
movups %xmm7, 112(%rsp)
movq 192(%rsp), %rdi
call vesalius_tch_find
movq %rax, %r11
movups 0(%rsp), %xmm0
movups 16(%rsp), %xmm1
movups 32(%rsp), %xmm2
movups 48(%rsp), %xmm3
movups 64(%rsp), %xmm4
movups 80(%rsp), %xmm5
movups 96(%rsp), %xmm6
movups 112(%rsp), %xmm7
addq $136, %rsp
popq %r9
popq %r8
popq %rcx
popq %rdx
popq %rsi
popq %rdi
popq %rax
addq $8, %rsp
jmp *%r11
";

/// The same; written by the book and assembled, but not run on such a machine.
const AARCH64_FIND: &str = "\
.Lfind:
stp x29, x30, [sp, #-16]!
mov x29, sp
stp x0, x1, [sp, #-16]!
stp x2, x3, [sp, #-16]!
stp x4, x5, [sp, #-16]!
stp x6, x7, [sp, #-16]!
str x8, [sp, #-16]!
stp q0, q1, [sp, #-32]!
stp q2, q3, [sp, #-32]!
stp q4, q5, [sp, #-32]!
stp q6, q7, [sp, #-32]!
mov x0, x17
bl vesalius_tch_find
mov x16, x0
ldp q6, q7, [sp], #32
ldp q4, q5, [sp], #32
ldp q2, q3, [sp], #32
ldp q0, q1, [sp], #32
ldr x8, [sp], #16
ldp x6, x7, [sp], #16
ldp x4, x5, [sp], #16
ldp x2, x3, [sp], #16
ldp x0, x1, [sp], #16
ldp x29, x30, [sp], #16
br x16
";
