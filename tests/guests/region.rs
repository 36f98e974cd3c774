/// Marks the beginning of a region for `retrace profile`, by a nop and an ELF note in a section that is not loaded.
macro_rules! region_begin {
    ($name:literal) => {
        region_marker!("1", $name)
    };
}

/// Marks the end of a region.
macro_rules! region_end {
    ($name:literal) => {
        region_marker!("2", $name)
    };
}

macro_rules! region_marker {
    ($type:literal, $name:literal) => {
        // SAFETY: a nop.
        unsafe {
            core::arch::asm!(
                "9471: nop",
                ".pushsection .retrace.regions, \"?\", @note",
                ".balign 4",
                concat!(".4byte 8, 9473f - 9472f, ", $type),
                ".asciz \"retrace\"",
                "9472: .4byte 9471b",
                concat!(".asciz \"", $name, "\""),
                "9473: .balign 4",
                ".popsection",
                options(nostack, preserves_flags),
            );
        }
    };
}
