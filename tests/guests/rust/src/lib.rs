//! What the guests of this crate link: the first and last instructions, standard output and a heap.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

global_asm!(
    ".section .text._start, \"ax\", @progbits",
    ".globl _start",
    "_start:",
    "call guest_main",
    "li a7, 93",
    "ecall",
);

/// Makes a function the guest's main function. Its result is the exit code.
#[macro_export]
macro_rules! main {
    ($function:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn guest_main() -> u32 {
            $function()
        }
    };
}

/// A call of the guest interface, as Linux has it.
fn call(number: usize, first: usize, second: *const u8, third: usize) -> isize {
    let answer;
    // SAFETY: the one caller passes a slice that `write` only reads.
    unsafe {
        asm!(
            "ecall",
            inlateout("a0") first => answer, in("a1") second, in("a2") third, in("a7") number,
        );
    }
    answer
}

/// Standard output.
pub struct Stdout;

impl fmt::Write for Stdout {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            // A write may take fewer bytes than asked for.
            let put = call(64, 1, rest.as_ptr(), rest.len());
            if put <= 0 {
                return Err(fmt::Error);
            }
            rest = &rest[put as usize..];
        }
        Ok(())
    }
}

/// Writes a line to standard output.
#[macro_export]
macro_rules! println {
    ($($text:tt)*) => {{
        use ::core::fmt::Write;
        writeln!($crate::Stdout, $($text)*).expect("standard output takes it");
    }};
}

const HEAP: usize = 8 << 20;

/// A heap that only grows: what is freed stays, until the guest ends.
struct Bump {
    heap: UnsafeCell<[u8; HEAP]>,
    used: AtomicUsize,
}

// SAFETY: a guest has one thread.
unsafe impl Sync for Bump {}

#[global_allocator]
static BUMP: Bump = Bump { heap: UnsafeCell::new([0; HEAP]), used: AtomicUsize::new(0) };

// SAFETY: `used` only grows, so that no two allocations overlap.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let heap = self.heap.get() as usize;
        let start = (heap + self.used.load(Ordering::Relaxed)).next_multiple_of(layout.align());
        let end = start - heap + layout.size();
        if end > HEAP {
            return core::ptr::null_mut();
        }
        self.used.store(end, Ordering::Relaxed);
        start as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    use core::fmt::Write;
    let _ = writeln!(Stdout, "{info}");
    // SAFETY: `ebreak` ends the run with a fault that names this function.
    unsafe { asm!("ebreak", options(noreturn)) }
}
